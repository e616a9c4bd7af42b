//! `[policy]`: who may do what.

use serde::Deserialize;

/// The table `[policy]`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Policy {}
