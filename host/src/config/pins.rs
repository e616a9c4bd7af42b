//! `[pins]`: which plugin files may be loaded, and who signed them.

use serde::Deserialize;

/// The table `[pins]`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Pins {}
