//! One statement from its submission to its end, and who watches it meanwhile.
//!
//! Each statement has a task of its own, which submits it, looks how far it has come, and stops
//! it when its time or its bytes are used up, or when nobody holds it any more. So a statement
//! is stopped whatever becomes of the call: an answer, an error, a deadline, a caller who went
//! away, also in the middle of the submission.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, oneshot, watch};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::Limits;
use super::backend::{Backend, Job};
use super::page::{Page, Size, no_such_page};
use super::statement::Statement;
use crate::wit::query::{State, Statistics, Status};
use crate::wit::{Error, ErrorKind};

/// The shortest and the longest pause between two looks.
const PAUSE_MIN: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// How many looks in a row may fail before a statement is given up.
const FAILURES_MAX: u32 = 5;

/// When an engine that did not take a stop is told again, in seconds from the try before.
const STOP_WAITS: [u64; 4] = [1, 4, 15, 30];

/// How long whoever asks for a stop waits for it.
const STOP_TIME: Duration = Duration::from_secs(10);

/// A statement that was submitted. Dropping it stops the statement.
pub(super) struct Execution {
    run: Run,
    stop: DropGuard,
}

/// What there is to know of a statement. Dropping it stops nothing.
#[derive(Clone)]
pub(super) struct Run {
    backend: Arc<Backend>,
    limits: Limits,
    job: Arc<Job>,
    status: watch::Receiver<Status>,
}

impl Execution {
    /// Submits a statement and answers when the engine has taken it. `place` is free again when it has ended.
    pub(super) async fn begin(
        backend: Arc<Backend>,
        limits: Limits,
        place: OwnedSemaphorePermit,
        statement: Statement,
    ) -> Result<Self, Error> {
        let stop = CancellationToken::new();
        let guard = stop.clone().drop_guard();
        let (taken, job) = oneshot::channel();
        let begun = Instant::now();
        let (sender, status) = watch::channel(waiting());
        let watch = Watch { backend: Arc::clone(&backend), limits, begun, stop, status: sender };
        tokio::spawn(async move {
            watch.run(statement, taken).await;
            drop(place);
        });
        // The task sends before it ends, unless the host itself is about to end.
        let job = job.await.unwrap_or_else(|_| Err(Error::new(ErrorKind::Failed, "the host is stopping")))?;
        Ok(Self { run: Run { backend, limits, job, status }, stop: guard })
    }

    /// Waits until it has ended, but no longer than this.
    pub(super) async fn wait(&self, time_max: Duration) -> Status {
        let mut status = self.run.status.clone();
        // What the task said last stands, whether it was in time or not.
        let _ = timeout(time_max, status.wait_for(|status| is_final(status.state))).await;
        self.run.status()
    }

    /// Lets it go on when nobody holds it. What comes back stops it all the same.
    pub(super) fn detach(self) -> (Run, CancellationToken) {
        (self.run, self.stop.disarm())
    }

    pub(super) fn run(&self) -> &Run {
        &self.run
    }
}

impl Run {
    /// The engine's own id of it.
    pub(super) fn id(&self) -> String {
        self.job.id()
    }

    /// How far it has come.
    pub(super) fn status(&self) -> Status {
        Status { engine_id: self.job.id(), ..self.status.borrow().clone() }
    }

    pub(super) fn has_ended(&self) -> bool {
        is_final(self.status.borrow().state)
    }

    /// The memory that its answer holds, in bytes.
    pub(super) fn bytes_held(&self) -> usize {
        self.job.bytes_held()
    }

    /// One page of its rows, if it has succeeded.
    pub(super) async fn page(&self, from: Option<&str>, rows_max: u32) -> Result<Page, Error> {
        let status = self.status();
        let invalid = |message: &str| Err(Error::new(ErrorKind::Invalid, message));
        match (status.state, status.error) {
            (State::Succeeded, _) => {}
            (State::Queued | State::Running, _) => {
                return invalid("the statement has no rows yet: it runs; wait until it has succeeded");
            }
            (_, Some(error)) => return Err(error),
            (_, None) => return invalid("the statement has no rows: it did not succeed"),
        }
        let size = Size::asked(rows_max, &self.limits);
        self.backend.page(&self.job, from, size).await?.ok_or_else(no_such_page)
    }

    /// Waits until it has been stopped, once somebody asked for it.
    pub(super) async fn stopped(&self) -> Result<(), Error> {
        let mut status = self.status.clone();
        match timeout(STOP_TIME, status.wait_for(|status| is_final(status.state))).await {
            Ok(_) => Ok(()),
            Err(_) => {
                Err(Error::new(ErrorKind::Unavailable, "the engine has not taken the stop yet; it is told again"))
            }
        }
    }
}

/// Whether nothing more comes after this.
fn is_final(state: State) -> bool {
    matches!(state, State::Succeeded | State::Failed | State::Cancelled)
}

/// What is known of a statement that was just submitted.
fn waiting() -> Status {
    let statistics = Statistics { bytes_scanned: None, queued_ms: None, running_ms: None };
    Status { engine_id: String::new(), state: State::Queued, error: None, statistics }
}

/// The task of one statement.
struct Watch {
    backend: Arc<Backend>,
    limits: Limits,
    begun: Instant,
    stop: CancellationToken,
    status: watch::Sender<Status>,
}

impl Watch {
    async fn run(self, statement: Statement, taken: oneshot::Sender<Result<Arc<Job>, Error>>) {
        // To its end, whoever waits for it: only what has an id can be stopped.
        let job = match self.backend.start(statement).await {
            Ok(job) => Arc::new(job),
            Err(error) => {
                let _ = taken.send(Err(error));
                return;
            }
        };
        let _ = taken.send(Ok(Arc::clone(&job)));
        tracing::debug!(query.engine_id = job.id(), "a statement was submitted");
        if let Some(why) = self.follow(&job).await {
            self.end(&job, why).await;
        }
    }

    /// Looks how far the statement has come, until it ends by itself; or answers why it must end.
    async fn follow(&self, job: &Job) -> Option<Error> {
        let deadline = self.begun + self.limits.time_max;
        let mut failures = 0;
        loop {
            // What has run for long is looked at less often; and what cannot be looked at, too.
            let pause = (self.begun.elapsed() / 2).clamp(PAUSE_MIN, PAUSE_MAX) * (failures + 1);
            let look = tokio::select! {
                biased;
                () = self.stop.cancelled() => {
                    return Some(Error::new(ErrorKind::Failed, "the statement was stopped on request"));
                }
                () = sleep_until(deadline) => return Some(self.limits.too_slow()),
                look = self.backend.look(job, pause) => look,
            };
            match look {
                Ok(status) => {
                    failures = 0;
                    let (ended, scanned) = (is_final(status.state), status.statistics.bytes_scanned);
                    self.status.send_replace(status);
                    if ended {
                        return None;
                    }
                    if let Some(error) = self.backend.over_budget(scanned) {
                        return Some(error);
                    }
                }
                Err(error) if failures < FAILURES_MAX && may_pass(&error) => failures += 1,
                Err(error) => return Some(error),
            }
        }
    }

    /// Stops the statement at the engine, which is told again if it does not take it.
    async fn end(&self, job: &Job, why: Error) {
        let mut stopped = self.backend.stop(job).await;
        self.status.send_modify(|status| {
            status.state = State::Cancelled;
            status.error = Some(why);
        });
        for wait in STOP_WAITS {
            if stopped.is_ok() {
                return;
            }
            sleep(Duration::from_secs(wait)).await;
            stopped = self.backend.stop(job).await;
        }
        if let Err(error) = stopped {
            tracing::warn!(query.engine_id = job.id(), error = error.message, "a statement could not be stopped");
        }
    }
}

/// Whether the next look may succeed where this one failed.
fn may_pass(error: &Error) -> bool {
    matches!(error.kind, ErrorKind::Limited | ErrorKind::Unavailable)
}
