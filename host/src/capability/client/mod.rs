//! The client that made the call: today, how far the call has come. Every plugin has it.

use std::time::{Duration, Instant};

use wasmtime::component::{HasSelf, Linker};

use super::CallState;
use crate::call::Progress;
use crate::wit::client;

/// Reports that come sooner than this after the one before are dropped.
const INTERVAL: Duration = Duration::from_millis(10);

/// What a plugin may say about its progress, in bytes.
const MESSAGE_BYTES_MAX: usize = 1 << 10;

/// The last report that went out.
#[derive(Default)]
pub(super) struct Reported {
    last: Option<(f64, Instant)>,
}

/// Hands the interface to a linker.
pub(super) fn link(linker: &mut Linker<CallState>) -> wasmtime::Result<()> {
    client::add_to_linker::<_, HasSelf<_>>(linker, |state| state)
}

impl client::Host for CallState {
    async fn progress(&mut self, done: f64, total: Option<f64>, message: Option<String>) -> wasmtime::Result<()> {
        self.count_host_call()?;
        let Some(client) = &self.client.progress else { return Ok(()) };
        let now = Instant::now();
        let due = |(before, at): (f64, Instant)| done > before && now.duration_since(at) >= INTERVAL;
        if done.is_finite() && self.progress.last.is_none_or(due) {
            let total = total.filter(|total| total.is_finite());
            let message = message.filter(|message| message.len() <= MESSAGE_BYTES_MAX);
            // A client that reads too slowly misses reports; the call does not wait for it.
            if client.try_send(Progress { done, total, message }).is_ok() {
                self.progress.last = Some((done, now));
            }
        }
        Ok(())
    }
}
