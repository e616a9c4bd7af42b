//! Tasks: calls that go on after the request that began them. Their caller asks by their id
//! how they are, replies to what they ask, and may take them back.
//!
//! What must outlast the host is kept by `sqlite.rs`: whose a task is, and how it ended. What
//! a call tells and asks while it runs is `under_way.rs`, in memory: it ends with the host.
//! Nothing here knows what a result looks like; the door that began the task does.

mod sqlite;
mod under_way;

use std::collections::HashMap;
use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::FutureExt as _;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use self::under_way::UnderWay;

use self::sqlite::{Kept, Sqlite, Trouble};
use crate::call::{Caller, JsonObject, Question, Reply};
use crate::config;
use crate::fault::{Error, Kind};

/// How often what is too old is thrown away, whether anybody asks or not.
const SWEEP_INTERVAL: Duration = Duration::from_secs(60);

/// What became of calls that the host did not see through.
const RESTARTED: &str = "The host was restarted while the call ran.";
const STOPPED: &str = "The host was stopped while the call ran.";
const BROKEN: &str = "The host failed while the call ran; its log says why.";
const UNKEPT: &str = "The host could not keep how the call ended; its log says why.";

/// Every task of a host.
pub struct Tasks(Arc<Room>);

struct Room {
    limits: config::Tasks,
    kept: Sqlite,
    /// Those that run, by id.
    running: Mutex<HashMap<String, Arc<UnderWay>>>,
    runners: TaskTracker,
    cut_off: CancellationToken,
}

/// A task, as its owner sees it.
#[derive(Debug, Clone)]
pub struct Task {
    /// What it is called. Nobody can guess it.
    pub id: String,
    /// When it began, in milliseconds since 1970.
    pub created_ms: i64,
    /// When it last changed, likewise.
    pub updated_ms: i64,
    /// How long it is kept, from its beginning.
    pub keep_ms: u64,
    /// How often to ask how it is.
    pub poll_ms: u64,
    /// What is being done, for people to read.
    pub message: Option<String>,
    /// How it is.
    pub status: Status,
}

/// How a task is.
#[derive(Debug, Clone, PartialEq)]
pub enum Status {
    /// It runs.
    Working,
    /// It waits for replies to these questions, by key.
    Asking(Vec<(String, Question)>),
    /// It is over.
    Ended(End),
}

/// How a task ended.
#[derive(Debug, Clone, PartialEq)]
pub enum End {
    /// The call was answered: its result, in the words of the door that it came by.
    Completed(JsonObject),
    /// The call could not be answered: the error, in the words of that door.
    Failed(JsonObject),
    /// Its caller took it back.
    Cancelled,
    /// The host did not see it through. Why, in a sentence.
    Lost(String),
}

/// A task that is kept, and whose call has yet to be handed over: see [`Begun::run`].
#[must_use = "a task that nothing runs is lost"]
pub struct Begun {
    room: Arc<Room>,
    under_way: Arc<UnderWay>,
}

impl Tasks {
    /// The tasks in this file, or in memory. Nothing is opened before it is needed: commands
    /// beside the host that serves would else find its tasks running, and end them.
    pub(crate) fn new(limits: config::Tasks, path: Option<PathBuf>) -> Self {
        Self(Arc::new(Room {
            limits,
            kept: Sqlite::new(path),
            running: Mutex::default(),
            runners: TaskTracker::new(),
            cut_off: CancellationToken::new(),
        }))
    }

    /// How long a call may take before it becomes a task.
    pub fn after(&self) -> Duration {
        self.0.limits.after()
    }

    /// How many run now.
    pub fn running_count(&self) -> usize {
        self.0.running().len()
    }

    /// Keeps a new task, durably, if there is room for one more.
    pub async fn begin(&self, owner: &Caller) -> Result<Begun, Error> {
        let room = Arc::clone(&self.0);
        let under_way = room.reserve(owner)?;
        // From here on, whatever happens, its place is given back.
        let begun = Begun { room, under_way };
        let Begun { room, under_way } = &begun;
        let most = sqlite::Most { of_one_owner: room.limits.kept_max.get(), bytes: room.limits.kept_bytes() };
        match room.kept.insert(under_way, most).await {
            Ok(true) => Ok(begun),
            Ok(false) => Err(Error::new(Kind::Limited, "The host keeps as many tasks as it may.")
                .next("Wait until it has forgotten some: each is kept for a time that `ttlMs` tells.")),
            Err(trouble) => Err(unusable(&trouble)),
        }
    }

    /// A task of this owner. One of somebody else is as unknown as one that never was.
    pub async fn find(&self, owner: &Caller, id: &str) -> Result<Task, Error> {
        let poll_ms = self.0.limits.poll_ms.get();
        if let Some(under_way) = self.0.under_way(owner, id) {
            return Ok(under_way.task(poll_ms));
        }
        let found = self.0.kept.find(owner, id, now_ms()).await.map_err(|trouble| unusable(&trouble))?;
        let Kept { created_ms, updated_ms, keep_ms, end } = found.ok_or_else(unknown)?;
        let status = Status::Ended(end.unwrap_or_else(|| End::Lost(UNKEPT.to_owned())));
        Ok(Task { id: id.to_owned(), created_ms, updated_ms, keep_ms, poll_ms, message: None, status })
    }

    /// Replies to what a task asks: `read` tells the reply to a question, if there is one that
    /// fits. One that has ended asks nothing, and hears nothing.
    pub async fn reply(
        &self,
        owner: &Caller,
        id: &str,
        read: impl Fn(&str, &Question) -> Option<Reply> + Send,
    ) -> Result<(), Error> {
        if let Some(under_way) = self.0.under_way(owner, id) {
            under_way.reply(read);
            return Ok(());
        }
        self.find(owner, id).await.map(drop)
    }

    /// Stops a task, and returns when it has stopped. One that has ended stays as it is.
    pub async fn cancel(&self, owner: &Caller, id: &str) -> Result<(), Error> {
        if let Some(under_way) = self.0.under_way(owner, id) {
            under_way.cancelled.cancel();
            under_way.ended.cancelled().await;
            return Ok(());
        }
        self.find(owner, id).await.map(drop)
    }

    /// Throws away what is too old, again and again, for as long as it is awaited.
    pub async fn sweep(&self) -> Infallible {
        loop {
            if let Err(trouble) = self.0.kept.sweep(now_ms()).await {
                log(&trouble);
            }
            tokio::time::sleep(SWEEP_INTERVAL).await;
        }
    }

    /// Returns when no task runs any more. It is for the end of the host.
    pub async fn ended(&self) {
        self.0.runners.close();
        self.0.runners.wait().await;
    }

    /// Stops every task that still runs, and keeps that it was stopped.
    pub async fn cut_off(&self) {
        self.0.cut_off.cancel();
        self.ended().await;
    }
}

impl Room {
    fn running(&self) -> MutexGuard<'_, HashMap<String, Arc<UnderWay>>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn under_way(&self, owner: &Caller, id: &str) -> Option<Arc<UnderWay>> {
        self.running().get(id).filter(|under_way| under_way.owner == owner.name).cloned()
    }

    /// A place among those that run.
    fn reserve(&self, owner: &Caller) -> Result<Arc<UnderWay>, Error> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).map_err(|_| Error::new(Kind::Internal, "The system gives no random numbers."))?;
        let id = uuid::Builder::from_random_bytes(bytes).into_uuid().to_string();
        let under_way = Arc::new(UnderWay::new(id, owner.name.clone(), now_ms(), self.limits.keep_ms.get()));
        let mut running = self.running();
        if running.len() >= self.limits.running_max.get_usize() {
            let most = self.limits.running_max.get();
            return Err(Error::new(Kind::Limited, format!("As many tasks run as may: {most}."))
                .next("Wait until one has ended, or cancel one."));
        }
        running.insert(under_way.id.clone(), Arc::clone(&under_way));
        Ok(under_way)
    }
}

impl Begun {
    /// Hands the call over: what comes of `work`, whatever becomes of whoever began it. The
    /// work is dropped when the task is cancelled, too old, or cut off.
    pub fn run<F>(self, work: impl FnOnce(Arc<UnderWay>) -> F) -> Task
    where
        F: Future<Output = End> + Send + 'static,
    {
        let task = self.under_way.task(self.room.limits.poll_ms.get());
        let work = work(Arc::clone(&self.under_way));
        let runners = self.room.runners.clone();
        runners.spawn(self.see_through(work));
        task
    }

    async fn see_through(self, work: impl Future<Output = End> + Send + 'static) {
        let Self { room, under_way } = &self;
        let end = tokio::select! {
            // What was cancelled is so, even if it has ended by now.
            biased;
            () = under_way.cancelled.cancelled() => Some(End::Cancelled),
            () = room.cut_off.cancelled() => Some(End::Lost(STOPPED.to_owned())),
            () = tokio::time::sleep(Duration::from_millis(under_way.keep_ms)) => None,
            // A panic of ours must be an end too: the client would ask for ever.
            end = AssertUnwindSafe(work).catch_unwind() => {
                Some(end.unwrap_or_else(|_| End::Lost(BROKEN.to_owned())))
            }
        };
        let kept = match end {
            Some(end) => room.kept.end(&under_way.id, end, now_ms()).await,
            None => room.kept.forget(&under_way.id).await,
        };
        if let Err(trouble) = kept {
            log(&trouble);
        }
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        self.room.running().remove(&self.under_way.id);
        self.under_way.ended.cancel();
    }
}

fn unknown() -> Error {
    Error::new(Kind::NotFound, "There is no such task.").next("Call the tool again: tasks are kept for a limited time.")
}

/// What the caller is told when the store cannot be used; the log is told why.
fn unusable(trouble: &Trouble) -> Error {
    log(trouble);
    Error::new(Kind::Internal, "The host's store of tasks cannot be used; its log says why.")
}

fn log(trouble: &Trouble) {
    tracing::warn!(error = %trouble, "the store of tasks, [serve.tasks] store, cannot be used");
}

/// Milliseconds since 1970: tasks grow old while the host is not running, too.
fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
