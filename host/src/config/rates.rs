//! `[rates]`: how often and how many at once.

use serde::Deserialize;

/// The table `[rates]`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Rates {}
