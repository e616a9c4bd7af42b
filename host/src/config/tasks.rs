//! `[serve.tasks]`: calls that go on after their request, while the client polls for them.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use super::Bounded;

/// `[serve.tasks]`: calls that go on after their request, for clients that poll for such tasks.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Tasks {
    /// The file that tasks are kept in, relative to this file: what has ended by then is there
    /// after a restart. It is made if it is not there, for the host's user alone; its folder
    /// must exist, and one host uses it at a time. In memory if not set.
    pub store: Option<PathBuf>,
    /// How long a call may take before it becomes a task, in milliseconds.
    pub after_ms: Bounded<10, 600_000, 2_000>,
    /// How many tasks run at once. Each of them is one of `[serve] calls`, too.
    pub running_max: Bounded<1, 2_000, 64>,
    /// How many tasks of one caller are kept, those that run among them.
    pub kept_max: Bounded<1, 100_000, 1_000>,
    /// What the results of all tasks may hold together before no new task is begun, in MiB.
    pub kept_mib: Bounded<1, 65_536, 256>,
    /// How long a task is kept, from its beginning, in milliseconds. A call that still runs then
    /// is stopped.
    pub keep_ms: Bounded<1_000, 604_800_000, 3_600_000>,
    /// How often clients are told to ask how a task is, in milliseconds.
    pub poll_ms: Bounded<100, 60_000, 1_000>,
}

impl Tasks {
    /// How long a call may take before it becomes a task.
    pub fn after(&self) -> Duration {
        Duration::from_millis(self.after_ms.get())
    }

    /// What the results of all tasks may hold together, in bytes.
    pub fn kept_bytes(&self) -> u64 {
        self.kept_mib.get() << 20
    }
}
