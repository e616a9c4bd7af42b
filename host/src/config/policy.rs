//! `[policy]`: who may do what.

use std::path::PathBuf;

use serde::Deserialize;

/// The table `[policy]`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Policy {
    /// The file of Cedar policies, relative to this file; taken in anew when it changes. If not set, a caller
    /// may call the read-only tools of plugins that are for one of its groups.
    pub file: Option<PathBuf>,
}
