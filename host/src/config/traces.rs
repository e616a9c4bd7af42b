//! `[traces]`: where spans of calls are sent.

use serde::Deserialize;

/// The table `[traces]`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Traces {}
