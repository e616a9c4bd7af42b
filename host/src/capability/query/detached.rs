//! The statements that go on after their call, until somebody asks for them: by the engine's id,
//! which reaches agents under seal alone. They are forgotten when the host ends, and not stopped:
//! what an agent sent on its way is its own, and the engine has limits too.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use tokio_util::sync::CancellationToken;

use super::execution::{Execution, Run};
use crate::wit::{Error, ErrorKind};

/// How many statements that have ended are kept, and how many bytes of their answers.
const KEPT_MAX: usize = 1_000;
const KEPT_BYTES_MAX: usize = 64 << 20;

/// The detached statements of one grant, oldest first.
#[derive(Default)]
pub(super) struct Detached(Mutex<VecDeque<(Run, CancellationToken)>>);

impl Detached {
    /// Keeps a statement; as many as must go for it go, oldest first and only what has ended.
    pub(super) fn keep(&self, execution: Execution) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.push_back(execution.detach());
        let bytes = kept.iter().map(|(run, _)| run.bytes_held()).sum::<usize>();
        let mut over = (kept.len().saturating_sub(KEPT_MAX), bytes.saturating_sub(KEPT_BYTES_MAX));
        kept.retain(|(run, _)| {
            if over == (0, 0) || !run.has_ended() {
                return true;
            }
            over = (over.0.saturating_sub(1), over.1.saturating_sub(run.bytes_held()));
            false
        });
    }

    /// The statement of that id, and what stops it.
    pub(super) fn get(&self, id: &str) -> Result<(Run, CancellationToken), Error> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter().rfind(|(run, _)| run.id() == id).cloned().ok_or_else(|| {
            Error::new(ErrorKind::NotFound, "the statement of this id is no longer kept: submit it again")
        })
    }
}
