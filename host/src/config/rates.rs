//! `[rates]`: how often and how many at once.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;

use super::Bounded;

/// The table `[rates]`: how often calls may be made, and how many may run at once. How many run
/// at once in all is `[serve] calls`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Rates {
    /// How many calls a second each caller may make.
    pub caller_per_s: Bounded<1, 1_000_000, 200>,
    /// How many calls each caller may make at once, after a pause.
    pub caller_burst: Bounded<1, 1_000_000, 400>,
    /// How many calls a second each caller may make of one tool; of those that `tools` does not name.
    pub tool_per_s: Bounded<1, 1_000_000, 100>,
    /// How many calls each caller may make of one tool at once, after a pause.
    pub tool_burst: Bounded<1, 1_000_000, 200>,
    /// How many calls of each caller run at once.
    pub caller_calls: Bounded<1, 2_000, 64>,
    /// How many calls of each plugin run at once, whoever calls.
    pub plugin_calls: Bounded<1, 2_000, 224>,
    /// How long a call waits for a place among those that run at once, in milliseconds.
    pub place_wait_ms: Bounded<1, 10_000, 1_000>,
    /// Whether the caller `local` is held to this, too: whoever started the host, and whoever reaches it
    /// where callers are not identified. If not, such calls share `[serve] calls` and `plugin_calls` alone.
    pub local: bool,
    /// Tools by full name, with rates of their own.
    pub tools: BTreeMap<String, ToolRate>,
}

/// `[rates.tools.<full name>]`: how often each caller may call one tool.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ToolRate {
    /// How many calls a minute.
    pub per_min: Bounded<1, 60_000_000, 6_000>,
    /// How many at once, after a pause.
    pub burst: Bounded<1, 1_000_000, 200>,
}

impl Rates {
    /// How long a call waits for a place.
    pub fn place_wait(&self) -> Duration {
        Duration::from_millis(self.place_wait_ms.get())
    }
}
