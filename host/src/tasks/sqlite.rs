//! Where tasks are kept: SQLite, in a file or in memory, so that both keep the same promises.
//!
//! One connection, used by one at a time, and the only one: a second host on the same file
//! would take the first one's tasks for those of a host that is gone.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior, params};
use tokio::sync::Mutex;
use tokio::task::spawn_blocking;

use super::{End, RESTARTED, UNKEPT, UnderWay, now_ms};
use crate::call::{Caller, JsonObject};
use crate::wire::sqlite::{OpenError, Own};

/// How long another host that has the same file may take to end.
const BUSY_TIME: Duration = Duration::from_secs(1);

/// `task`: tells a file of tasks from any other SQLite file.
const APPLICATION_ID: i32 = 0x7461_736b;

/// Grows when a newer host could not use the file of an older one.
const SCHEMA_VERSION: i32 = 1;

/// `run` is the host's process that a call runs in, `ending` a word, `said` what goes with it.
const SCHEMA: &str = "
CREATE TABLE task (
  id TEXT PRIMARY KEY,
  owner TEXT NOT NULL,
  run TEXT NOT NULL,
  created_ms INTEGER NOT NULL,
  updated_ms INTEGER NOT NULL,
  expires_ms INTEGER NOT NULL,
  ending TEXT,
  said BLOB
);
CREATE INDEX task_by_owner ON task (owner);
CREATE INDEX task_by_expiry ON task (expires_ms);";

/// The tasks of a host, and of those that were there before it.
pub(super) struct Sqlite {
    /// None if it is in memory.
    path: Option<PathBuf>,
    /// This process, among those that have used the file.
    run: String,
    /// None until the first use, and after an error that may be one of the file.
    connection: Arc<Mutex<Option<Connection>>>,
}

/// What is kept of a task.
pub(super) struct Kept {
    pub(super) created_ms: i64,
    pub(super) updated_ms: i64,
    pub(super) keep_ms: u64,
    /// None if its end was never kept.
    pub(super) end: Option<End>,
}

/// How much is kept before there is no room for one more.
#[derive(Clone, Copy)]
pub(super) struct Most {
    pub(super) of_one_owner: u64,
    pub(super) bytes: u64,
}

/// Why something could not be done. It is for the operator's log.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    #[error("SQLite: {0}")]
    Sqlite(#[from] rusqlite::Error),
    #[error(transparent)]
    Unopened(#[from] OpenError),
    #[error("the host is stopping")]
    Stopping,
}

impl Sqlite {
    /// In this file, or in memory.
    pub(super) fn new(path: Option<PathBuf>) -> Self {
        Self { path, run: uuid::Uuid::now_v7().to_string(), connection: Arc::default() }
    }

    /// Keeps a task that begins; false if there is no room.
    pub(super) async fn insert(&self, task: &UnderWay, most: Most) -> Result<bool, Trouble> {
        let UnderWay { id, owner, created_ms, keep_ms, .. } = task;
        let (id, owner, created, run) = (id.clone(), owner.clone(), *created_ms, self.run.clone());
        let expires = created.saturating_add(signed(*keep_ms));
        self.run(move |connection| {
            let change = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            change.execute("DELETE FROM task WHERE expires_ms <= ?1", [created])?;
            let sums = "SELECT count(*) FILTER (WHERE owner = ?1), coalesce(sum(length(said)), 0) FROM task";
            let (count, bytes) = change.query_row(sums, [&owner], |row| Ok((row.get(0)?, row.get(1)?)))?;
            let has_room = unsigned(count) < most.of_one_owner && unsigned(bytes) < most.bytes;
            if has_room {
                let insert = "INSERT INTO task (id, owner, run, created_ms, updated_ms, expires_ms) \
                              VALUES (?1, ?2, ?3, ?4, ?4, ?5)";
                change.execute(insert, params![id, owner, run, created, expires])?;
            }
            change.commit()?;
            Ok(has_room)
        })
        .await
    }

    /// Keeps how a task ended.
    pub(super) async fn end(&self, id: &str, end: End, now: i64) -> Result<(), Trouble> {
        let id = id.to_owned();
        self.run(move |connection| {
            let (word, said) = written(end);
            let update = "UPDATE task SET ending = ?2, said = ?3, updated_ms = ?4 WHERE id = ?1 AND ending IS NULL";
            connection.execute(update, params![id, word, said, now])?;
            Ok(())
        })
        .await
    }

    /// A task of this owner that is not too old.
    pub(super) async fn find(&self, owner: &Caller, id: &str, now: i64) -> Result<Option<Kept>, Trouble> {
        let (id, owner) = (id.to_owned(), owner.name.clone());
        self.run(move |connection| {
            let select = "SELECT created_ms, updated_ms, expires_ms, ending, said FROM task \
                          WHERE id = ?1 AND owner = ?2 AND expires_ms > ?3";
            let found = connection.query_row(select, params![id, owner, now], |row| {
                let (created_ms, expires_ms): (i64, i64) = (row.get(0)?, row.get(2)?);
                let (word, said): (Option<String>, Option<Vec<u8>>) = (row.get(3)?, row.get(4)?);
                Ok(Kept {
                    created_ms,
                    updated_ms: row.get(1)?,
                    keep_ms: unsigned(expires_ms - created_ms),
                    end: word.map(|word| read(&word, &said.unwrap_or_default())),
                })
            });
            Ok(found.optional()?)
        })
        .await
    }

    /// Throws a task away.
    pub(super) async fn forget(&self, id: &str) -> Result<(), Trouble> {
        let id = id.to_owned();
        self.run(move |connection| Ok(connection.execute("DELETE FROM task WHERE id = ?1", [id]).map(drop)?)).await
    }

    /// Throws away what is too old.
    pub(super) async fn sweep(&self, now: i64) -> Result<(), Trouble> {
        let delete = "DELETE FROM task WHERE expires_ms <= ?1";
        self.run(move |connection| Ok(connection.execute(delete, [now]).map(drop)?)).await
    }

    /// Does something on a thread that may wait, when everybody who asked before is done.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T, Trouble> + Send + 'static,
    ) -> Result<T, Trouble> {
        let (path, run) = (self.path.clone(), self.run.clone());
        let mut kept = Arc::clone(&self.connection).lock_owned().await;
        let done = spawn_blocking(move || {
            let mut connection = match kept.take() {
                Some(connection) => connection,
                None => open(path.as_deref(), &run)?,
            };
            let done = work(&mut connection);
            // A file that failed is opened anew the next time: it may have been mended.
            if path.is_none() || done.is_ok() {
                *kept = Some(connection);
            }
            done
        });
        done.await.unwrap_or(Err(Trouble::Stopping))
    }
}

const TASKS: Own = Own {
    application_id: APPLICATION_ID,
    schema_version: SCHEMA_VERSION,
    schema: SCHEMA,
    busy_time: BUSY_TIME,
    // The file stays this connection's own for as long as that is open; and a client that was told of
    // a task finds it, also after a power failure.
    keeping: "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;",
};

/// Opens the file, makes it what it should be, and ends what ran in another process.
fn open(path: Option<&Path>, run: &str) -> Result<Connection, OpenError> {
    TASKS.open(path, |change, _| {
        let (word, said) = written(End::Lost(RESTARTED.to_owned()));
        let update = "UPDATE task SET ending = ?1, said = ?2, updated_ms = ?3 WHERE ending IS NULL AND run <> ?4";
        change.execute(update, params![word, said, now_ms(), run]).map(drop)
    })
}

/// An end as it is kept.
fn written(end: End) -> (&'static str, Option<Vec<u8>>) {
    let json = |object: JsonObject| Some(serde_json::Value::Object(object).to_string().into_bytes());
    match end {
        End::Completed(result) => ("completed", json(result)),
        End::Failed(error) => ("failed", json(error)),
        End::Cancelled => ("cancelled", None),
        End::Lost(why) => ("lost", Some(why.into_bytes())),
    }
}

/// The same, read again.
fn read(word: &str, said: &[u8]) -> End {
    let object = || serde_json::from_slice(said).ok();
    let end = match word {
        "completed" => object().map(End::Completed),
        "failed" => object().map(End::Failed),
        "cancelled" => Some(End::Cancelled),
        "lost" => Some(End::Lost(String::from_utf8_lossy(said).into_owned())),
        _ => None,
    };
    end.unwrap_or_else(|| End::Lost(UNKEPT.to_owned()))
}

/// SQLite's numbers have a sign, and none here is below zero.
fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
