//! Writes the lines of calls, and has them forced to the disk by a thread of its own: no call
//! waits for the disk but where the operator wants it to, and no thread that serves calls does.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::watch;

use super::chain::Chain;
use crate::config::{self, OnFull, Sync};

/// How soon the disk is tried again when it failed.
const RETRY_TIME: Duration = Duration::from_millis(200);

/// What is added to a line whose call was made, and not answered.
const WITHHELD: &[u8] = b",\"withheld\":true";

/// Lines cannot be written: why is in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unwritten;

/// The writer of one chain.
pub(super) struct Writer {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

struct Shared {
    state: Mutex<State>,
    /// There is something to do for the thread.
    wake: Condvar,
    synced: watch::Sender<Synced>,
    /// The last line could not be written.
    is_full: AtomicBool,
    /// What was written could not be forced to the disk.
    is_failing: AtomicBool,
    sync: Sync,
    sync_time: Duration,
    on_full: OnFull,
}

struct State {
    chain: Chain,
    /// Lines to be written, oldest first. None is left but where writing failed.
    lines: Vec<Vec<u8>>,
    refused: u64,
    lost: u64,
    /// Something was written since the thread looked.
    is_dirty: bool,
    has_ended: bool,
}

/// Up to which line the chain is on the disk, and up to which it should have been.
#[derive(Debug, Clone, Copy, Default)]
struct Synced {
    done: u64,
    failed: u64,
}

impl Writer {
    /// Goes on with a chain, and says so in its first line.
    pub(super) fn start(chain: Chain, config: &config::Audit) -> io::Result<Self> {
        let state = State { chain, lines: Vec::new(), refused: 0, lost: 0, is_dirty: false, has_ended: false };
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            wake: Condvar::new(),
            synced: watch::Sender::default(),
            is_full: AtomicBool::new(false),
            is_failing: AtomicBool::new(false),
            sync: config.sync,
            sync_time: config.sync_time(),
            on_full: config.on_full,
        });
        // A full disk is told to whoever calls; there is none yet.
        let _ = shared.write(&mut shared.state());
        let syncing = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name("audit".to_owned()).spawn(move || syncing.sync())?;
        Ok(Self { shared, thread: Mutex::new(Some(thread)) })
    }

    /// Whether a call may be made. Where lines could not be written, it tries again first.
    pub(super) fn ready(&self) -> Result<(), Unwritten> {
        let shared = &self.shared;
        if shared.on_full == OnFull::GoOn {
            return Ok(());
        }
        if shared.is_failing.load(Ordering::Relaxed) {
            return Err(Unwritten);
        }
        if !shared.is_full.load(Ordering::Relaxed) {
            return Ok(());
        }
        shared.write(&mut shared.state())
    }

    /// Counts a call that was not made.
    pub(super) fn count_refused(&self) {
        self.shared.state().refused += 1;
    }

    /// Writes a line. When it returns, the line is with the operating system.
    pub(super) fn write(&self, line: Vec<u8>) -> Result<Written, Unwritten> {
        let mut state = self.shared.state();
        state.lines.push(line);
        self.shared.write(&mut state)?;
        Ok(Written(state.chain.seq()))
    }

    /// Waits until a line is on the disk, if that was asked for.
    pub(super) async fn synced(&self, Written(seq): Written) -> Result<(), Unwritten> {
        if self.shared.sync != Sync::Always {
            return Ok(());
        }
        let mut synced = self.shared.synced.subscribe();
        let reached = synced.wait_for(|synced| synced.done.max(synced.failed) >= seq).await;
        let is_there = reached.is_ok_and(|synced| synced.done >= seq);
        if is_there || self.shared.on_full == OnFull::GoOn { Ok(()) } else { Err(Unwritten) }
    }

    /// Forces what was written to the disk, and waits for it. What is written later is left to the system.
    pub(super) fn end(&self) {
        self.shared.state().has_ended = true;
        self.shared.wake.notify_one();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        // One that panicked has nothing more to say.
        let _ = thread.map(JoinHandle::join);
    }
}

/// A line that was written, by its number.
#[derive(Debug, Clone, Copy)]
pub(super) struct Written(u64);

impl Drop for Writer {
    fn drop(&mut self) {
        self.end();
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes the lines that wait, and says so when that fails, or works again.
    fn write(&self, state: &mut State) -> Result<(), Unwritten> {
        let was_full = self.is_full.load(Ordering::Relaxed);
        if was_full {
            state.chain.mark_trouble(state.refused, state.lost);
        }
        match state.chain.write(&state.lines) {
            Ok(()) => {
                state.lines.clear();
                if !std::mem::replace(&mut state.is_dirty, true) {
                    self.wake.notify_one();
                }
                if was_full {
                    self.is_full.store(false, Ordering::Relaxed);
                    let (refused, lost) = (std::mem::take(&mut state.refused), std::mem::take(&mut state.lost));
                    tracing::info!(audit.refused = refused, audit.lost = lost, "the audit trail is written again");
                }
                Ok(())
            }
            Err(error) => {
                self.is_full.store(true, Ordering::Relaxed);
                let goes_on = self.on_full == OnFull::GoOn;
                if !was_full {
                    let then = if goes_on { "calls go on, and their lines are lost" } else { "no call is made" };
                    tracing::error!(%error, "the audit trail cannot be written: {then} until it can; make room in [audit] dir");
                }
                if goes_on {
                    state.lost += u64::try_from(state.lines.len()).unwrap_or_default();
                    state.lines.clear();
                    return Ok(());
                }
                // No line is lost: they are written when there is room, and say what became of their answers.
                if let Some(line) = state.lines.last_mut().filter(|line| !line.ends_with(WITHHELD)) {
                    line.extend_from_slice(WITHHELD);
                }
                Err(Unwritten)
            }
        }
    }

    /// The thread: forces to the disk what was written, until the writer is dropped.
    fn sync(&self) {
        let mut state = self.state();
        loop {
            let idle = |state: &mut State| !state.is_dirty && !state.has_ended;
            state = self.wake.wait_while(state, idle).unwrap_or_else(PoisonError::into_inner);
            if self.sync != Sync::Always {
                // Others will come until then.
                state = self.pause(state, self.sync_time);
            }
            let has_ended = state.has_ended;
            if std::mem::take(&mut state.is_dirty) {
                if !state.chain.is_in_place() {
                    tracing::error!(
                        "the audit trail's last lines were taken away with their file; the next begins another, \
                         and `toolhost audit verify` says what is missing"
                    );
                }
                let (files, link) = state.chain.take_unsynced();
                drop(state);
                let synced = match self.sync {
                    Sync::Never => Ok(()),
                    Sync::Interval | Sync::Always => files.iter().try_for_each(|file| file.sync_data()),
                };
                let was_failing = self.is_failing.swap(synced.is_err(), Ordering::Relaxed);
                state = self.state();
                match synced {
                    Ok(()) => {
                        state.chain.note(&link);
                        self.synced.send_modify(|synced| synced.done = link.seq);
                        if was_failing {
                            tracing::info!("the audit trail is on the disk again");
                        }
                    }
                    Err(error) => {
                        if !was_failing {
                            tracing::error!(%error, "the audit trail cannot be forced to the disk of [audit] dir");
                        }
                        self.synced.send_modify(|synced| synced.failed = link.seq);
                        state.chain.put_back(files);
                        state.is_dirty = true;
                        if !has_ended {
                            state = self.pause(state, RETRY_TIME);
                        }
                    }
                }
            }
            if has_ended {
                // Whoever would wait from now on waits for nobody.
                self.synced.send_modify(|synced| synced.failed = u64::MAX);
                return;
            }
        }
    }

    /// Waits, but not for longer than the writer lives.
    fn pause<'a>(&self, state: MutexGuard<'a, State>, time: Duration) -> MutexGuard<'a, State> {
        let waited = self.wake.wait_timeout_while(state, time, |state| !state.has_ended);
        waited.unwrap_or_else(PoisonError::into_inner).0
    }
}
