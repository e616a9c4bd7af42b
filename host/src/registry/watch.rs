//! Looks once a second at what plugins are loaded from, and reloads when it has changed and
//! holds still.
//!
//! It asks for sizes and times instead of having the system tell it of changes: that works the
//! same on network file systems, in containers whose files are links that are turned round, and
//! with editors that write another file and rename it; and whether a file is still being written
//! has to be found out by looking twice anyway.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::fs::Metadata;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::Notify;
use tokio::time::sleep;

use super::Registry;
use super::load::files;
use crate::config::Config;

/// How long from one look to the next.
const LOOK: Duration = Duration::from_secs(1);

/// How long a file must be left alone before it is taken.
const STILL: Duration = Duration::from_millis(300);

/// When a load that failed for want of a place is tried again.
const AGAIN: Duration = Duration::from_secs(5);

/// By what a file is seen to have changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stamp {
    bytes: u64,
    modified: Option<SystemTime>,
    /// Which file it is, and when anything about it changed: two files may be of one size and time.
    #[cfg(unix)]
    identity: (u64, u64, i64, i64),
}

impl From<&Metadata> for Stamp {
    fn from(found: &Metadata) -> Self {
        #[cfg(unix)]
        use std::os::unix::fs::MetadataExt as _;
        Self {
            bytes: found.len(),
            modified: found.modified().ok(),
            #[cfg(unix)]
            identity: (found.dev(), found.ino(), found.ctime(), found.ctime_nsec()),
        }
    }
}

/// The files that are there.
pub(super) type Files = BTreeMap<PathBuf, Stamp>;

/// What is there of the config's files and the plugins' files.
pub(super) fn look(config: &Config) -> Files {
    let files = files(config).into_iter().chain(config.files().map(PathBuf::from));
    files.filter_map(|file| std::fs::metadata(&file).ok().map(|found| (file, Stamp::from(&found)))).collect()
}

/// What was seen of the files so far.
struct Watched {
    /// As they were when they were last taken.
    taken: Files,
    /// As they were at the last look.
    seen: Files,
}

/// What a look found.
#[derive(Debug, Default, PartialEq, Eq)]
struct Look {
    /// Files that are not as they were at the look before.
    moving: BTreeSet<PathBuf>,
    /// Whether one that holds still is not as it was taken.
    changed: bool,
}

impl Watched {
    fn new(taken: Files) -> Self {
        Self { seen: taken.clone(), taken }
    }

    fn look(&mut self, now: Files) -> Look {
        let mut look = Look::default();
        let all: BTreeSet<&PathBuf> = now.keys().chain(self.seen.keys()).chain(self.taken.keys()).collect();
        for file in all {
            if now.get(file) != self.seen.get(file) {
                look.moving.insert(file.clone());
            } else if now.get(file) != self.taken.get(file) {
                look.changed = true;
            }
        }
        self.seen = now;
        look
    }

    /// All but the moving ones were taken as they were seen.
    fn take(&mut self, moving: &BTreeSet<PathBuf>) {
        let before = std::mem::replace(&mut self.taken, self.seen.clone());
        for file in moving {
            match before.get(file) {
                Some(stamp) => self.taken.insert(file.clone(), stamp.clone()),
                None => self.taken.remove(file),
            };
        }
    }
}

impl Registry {
    /// Reloads when files have changed, if `[serve] reload` says so, and whenever it is asked to.
    pub async fn watch(&self, asked: &Notify) -> Infallible {
        let follows = self.loading.lock().await.started.reload;
        let mut watched = Watched::new(self.files_at_start.clone());
        let mut pause = LOOK;
        let mut again: Option<Instant> = None;
        loop {
            let is_asked = tokio::select! {
                () = sleep(pause), if follows || again.is_some() => false,
                () = asked.notified() => true,
            };
            if is_asked {
                watched.look(self.look().await);
                sleep(STILL).await;
            }
            let look = watched.look(self.look().await);
            pause = if look.moving.is_empty() { LOOK } else { STILL };
            let is_due = again.is_some_and(|at| Instant::now() >= at);
            if is_asked || is_due || (follows && look.changed) {
                watched.take(&look.moving);
                // Nobody looks for those by themselves if files are not followed.
                let left_out = !follows && !look.moving.is_empty();
                let again_soon = self.reload(look.moving).await || left_out;
                again = again_soon.then(|| Instant::now() + AGAIN);
            }
        }
    }

    async fn look(&self) -> Files {
        let config = Arc::clone(&self.loading.lock().await.config);
        // The files may be far away.
        tokio::task::spawn_blocking(move || look(&config)).await.unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(files: &[(&str, u64)]) -> Files {
        files
            .iter()
            .map(|(name, bytes)| {
                let identity = (0, 0, 0, 0);
                (
                    PathBuf::from(name),
                    Stamp {
                        bytes: *bytes,
                        modified: None,
                        #[cfg(unix)]
                        identity,
                    },
                )
            })
            .collect()
    }

    fn moving(names: &[&str]) -> BTreeSet<PathBuf> {
        names.iter().map(PathBuf::from).collect()
    }

    #[test]
    fn a_file_is_taken_once_it_holds_still_and_only_once() {
        let mut watched = Watched::new(files(&[("a", 1)]));
        assert_eq!(watched.look(files(&[("a", 1)])), Look::default());
        for bytes in [2, 3] {
            assert_eq!(watched.look(files(&[("a", bytes)])), Look { moving: moving(&["a"]), changed: false });
        }
        let look = watched.look(files(&[("a", 3)]));
        assert_eq!(look, Look { moving: moving(&[]), changed: true });
        watched.take(&look.moving);
        assert_eq!(watched.look(files(&[("a", 3)])), Look::default());
    }

    #[test]
    fn a_file_that_is_gone_for_a_moment_was_never_gone() {
        let mut watched = Watched::new(files(&[("a", 1)]));
        assert_eq!(watched.look(files(&[])), Look { moving: moving(&["a"]), changed: false });
        assert_eq!(watched.look(files(&[("a", 1)])), Look { moving: moving(&["a"]), changed: false });
        assert_eq!(watched.look(files(&[("a", 1)])), Look::default());
        watched.look(files(&[]));
        assert!(watched.look(files(&[])).changed, "and this time it is");
    }

    #[test]
    fn one_that_is_still_being_written_holds_up_no_other_and_is_taken_later() {
        let mut watched = Watched::new(files(&[("a", 1), ("b", 1)]));
        watched.look(files(&[("a", 2), ("b", 2), ("c", 2)]));
        let look = watched.look(files(&[("a", 2), ("b", 3), ("c", 3)]));
        assert_eq!(look, Look { moving: moving(&["b", "c"]), changed: true });
        watched.take(&look.moving);
        let look = watched.look(files(&[("a", 2), ("b", 3), ("c", 3)]));
        assert_eq!(look, Look { moving: moving(&[]), changed: true });
        watched.take(&look.moving);
        assert_eq!(watched.taken, watched.seen);
    }
}
