//! `[audit]`: where the record of all calls is kept.

use serde::Deserialize;

/// The table `[audit]`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Audit {}
