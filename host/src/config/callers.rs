//! `[callers]`: how callers prove who they are.

use std::path::PathBuf;

use serde::Deserialize;

/// The table `[callers]`. With nothing in it callers are not identified.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Callers {
    /// The file of API keys, relative to this one; `toolhost key` writes it.
    pub keys: Option<PathBuf>,
}
