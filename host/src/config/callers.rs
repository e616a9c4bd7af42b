//! `[callers]`: how callers prove who they are.

use serde::Deserialize;

/// The table `[callers]`. With nothing in it callers are not identified.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Callers {}
