//! What one call may use.

use std::time::Duration;

use serde::Deserialize;

use super::Bounded;

/// `[limits]`, and `[plugins.<name>.limits]` for one plugin: what a call may use.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Wall-clock time of a call, waiting for sources included, in milliseconds. It stands still while
    /// the client, or its user, is asked something.
    pub deadline_ms: Bounded<10, 3_600_000, 30_000>,
    /// How long the client, or its user, may take to reply, in milliseconds.
    pub reply_ms: Bounded<10, 86_400_000, 600_000>,
    /// Memory of a call, in MiB.
    pub memory_mib: Bounded<1, 256, 64>,
    /// What a call may answer: text, bytes and JSON together, in KiB.
    pub output_kib: Bounded<1, 6_144, 4_096>,
    /// How often a call may ask the host for something.
    pub host_calls: Bounded<1, 10_000_000, 100_000>,
}

impl Limits {
    /// Wall-clock time of a call.
    pub fn deadline(&self) -> Duration {
        Duration::from_millis(self.deadline_ms.get())
    }

    /// How long a client may take to reply.
    pub fn reply_time(&self) -> Duration {
        Duration::from_millis(self.reply_ms.get())
    }

    /// Memory of a call, in bytes.
    pub fn memory_bytes(&self) -> usize {
        self.memory_mib.get_usize().saturating_mul(1 << 20)
    }

    /// What a call may answer, in bytes.
    pub fn output_bytes(&self) -> usize {
        self.output_kib.get_usize().saturating_mul(1 << 10)
    }
}
