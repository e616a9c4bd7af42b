//! `[audit]`: where the record of all calls is kept.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use super::Bounded;

/// The table `[audit]`. There is no key to switch it off.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Audit {
    /// The directory of the trail, relative to this file. It is made if it is not there, for the host's user alone.
    /// Several hosts may use it at a time: each writes a chain of its own.
    pub dir: PathBuf,
    /// When a segment of the trail is this large, in MiB, the next one begins.
    pub rotate_mib: Bounded<1, 4_096, 64>,
    /// How many segments of a chain are kept, the one that is written included; 0 keeps all.
    pub keep_segments: Bounded<0, 1_000_000, 0>,
    /// When lines are forced to the disk. Whatever is written here, a line is with the operating system before its
    /// call is answered, so that it outlives the host's process.
    pub sync: Sync,
    /// How long after a line is written it is forced to the disk where `sync = "interval"`, in milliseconds.
    pub sync_ms: Bounded<10, 60_000, 1_000>,
    /// What happens when lines cannot be written.
    pub on_full: OnFull,
}

/// When lines are forced to the disk.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sync {
    /// When the operating system does it: a power failure may cost the lines of half a minute.
    Never,
    /// Every `sync_ms`: a power failure may cost that much.
    #[default]
    Interval,
    /// Before the call is answered: calls that end together wait together.
    Always,
}

/// What happens when lines cannot be written, such as on a full disk.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnFull {
    /// No call is made or answered until lines can be written again. None is lost.
    #[default]
    Stop,
    /// Calls go on, and their lines are lost: the log and the next line say how many.
    GoOn,
}

impl Audit {
    /// When the next segment begins, in bytes.
    pub fn rotate_bytes(&self) -> u64 {
        self.rotate_mib.get() << 20
    }

    /// How long after a line is written it is forced to the disk.
    pub fn sync_time(&self) -> Duration {
        Duration::from_millis(self.sync_ms.get())
    }
}

impl Default for Audit {
    fn default() -> Self {
        Self {
            dir: PathBuf::from("audit"),
            rotate_mib: Bounded::default(),
            keep_segments: Bounded::default(),
            sync: Sync::default(),
            sync_ms: Bounded::default(),
            on_full: OnFull::default(),
        }
    }
}
