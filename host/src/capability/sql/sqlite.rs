//! SQLite: the embedded default. The guard is backed by the library itself: a file opened
//! for reading, an authorizer that knows every action, and a handler that stops what is
//! cancelled or late.

mod transaction;
mod values;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::hooks::{Action, AuthAction, AuthContext, Authorization};
use rusqlite::limits::Limit;
use rusqlite::{Connection, ErrorCode, OpenFlags, ffi};
use schemars::JsonSchema;
use serde::Deserialize;
use tokio::runtime::Handle;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::task::spawn_blocking;
use tokio::time::{timeout, timeout_at};

pub(super) use self::transaction::Transaction;
use super::backend::no_connection_left;
use super::rows::{Limits, RowStream};
use super::statement::Statement;
use super::{OpenError, Probe};
use crate::config::Bounded;
use crate::wit::rows::{Column, Row};
use crate::wit::sql::{Access, Effect};
use crate::wit::{Error, ErrorKind, row_bytes};

/// Rows on their way from the database thread.
const ROWS_AHEAD: usize = 64;

/// Between two tries for a lock that others hold.
const LOCK_PAUSE: Duration = Duration::from_millis(5);

/// Virtual-machine steps between two looks at whether to stop: well under a millisecond.
const STEPS_BETWEEN_LOOKS: i32 = 10_000;

/// The largest text, blob or row that SQLite itself may build, in bytes.
const VALUE_BYTES_MAX: i32 = 16 << 20;

/// `[sql.<grant>.sqlite]`: a SQLite file.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Config {
    /// The file, relative to the config file. It must exist.
    path: PathBuf,
    /// Most connections that are open at once: each runs one statement, on a thread of its own.
    #[serde(default)]
    connections: Bounded<1, 256, 8>,
}

/// One SQLite file.
pub(super) struct Sqlite {
    pool: Arc<Pool>,
}

/// Connections to the file, made when needed.
struct Pool {
    path: PathBuf,
    access: Access,
    limits: Limits,
    idle: Mutex<Vec<Connection>>,
    /// One for each connection that may be in use: each takes a thread while it works.
    places: Arc<Semaphore>,
}

impl Sqlite {
    pub(super) fn open(config: Config, dir: &Path, access: Access, limits: Limits) -> Result<Self, OpenError> {
        let (path, places) = (dir.join(config.path), Arc::new(Semaphore::new(config.connections.get_usize())));
        Ok(Self { pool: Arc::new(Pool { path, access, limits, idle: Mutex::default(), places }) })
    }

    pub(super) async fn read(&self, statement: Statement) -> Result<RowStream, Error> {
        let place = self.pool.place().await?;
        let pool = Arc::clone(&self.pool);
        let runtime = Handle::current();
        let (head, columns) = oneshot::channel();
        let (sender, rows) = mpsc::channel(ROWS_AHEAD);
        spawn_blocking(move || {
            let read = pool.take().and_then(|mut connection| {
                let deadline = stop_when(&mut connection, &pool.limits, sender.clone())?;
                let send = |row| send(&runtime, &sender, row, deadline);
                let read = stream(&mut connection, &statement, head, send);
                pool.give(connection);
                read
            });
            drop(place);
            if let Err(error) = read {
                let error = pool.explain(error);
                // Nobody listens any more if the reader went away; and no thread waits for one who does.
                runtime.spawn(async move { sender.send(Err(error)).await });
            }
        });
        match columns.await {
            Ok(columns) => Ok(RowStream::new(columns, rows)),
            // It failed before it had columns; the error came the other way.
            Err(_) => RowStream::new(Vec::new(), rows).first_error().await,
        }
    }

    pub(super) async fn begin(&self) -> Result<Transaction, Error> {
        Transaction::begin(Arc::clone(&self.pool)).await
    }

    pub(super) async fn probe(&self) -> Result<Probe, String> {
        let pool = Arc::clone(&self.pool);
        let look = blocking(move || {
            let look = pool.take().and_then(|connection| {
                connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
                pool.give(connection);
                Ok(())
            });
            look.map_err(|error| pool.explain(error))
        });
        look.await.map(|()| Probe::default()).map_err(|error| error.message)
    }

    pub(super) fn summary(&self) -> String {
        format!("SQLite file {}", self.pool.path.display())
    }
}

/// Runs statements on a file in one transaction, and makes the file if it is not there.
pub(super) fn fill(path: &Path, statements: &[String]) -> Result<(), String> {
    let filled = Connection::open(path).and_then(|connection| {
        connection.execute_batch("BEGIN IMMEDIATE")?;
        statements.iter().try_for_each(|statement| connection.execute_batch(statement))?;
        connection.execute_batch("COMMIT")
    });
    filled.map_err(|error| error.to_string())
}

impl Pool {
    /// Leave to use a connection.
    async fn place(&self) -> Result<OwnedSemaphorePermit, Error> {
        match timeout(lock_max(&self.limits), Arc::clone(&self.places).acquire_owned()).await {
            Ok(Ok(place)) => Ok(place),
            _ => Err(no_connection_left()),
        }
    }

    fn take(&self) -> rusqlite::Result<Connection> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        idle.map_or_else(|| self.connect(), Ok)
    }

    fn give(&self, mut connection: Connection) {
        // The handlers hold the other end of the last reader's stream open.
        let cleared = connection
            .progress_handler(0, None::<fn() -> bool>)
            .and_then(|()| connection.busy_timeout(lock_max(&self.limits)));
        // A connection with a transaction open is closed instead, which rolls it back.
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if cleared.is_ok() && connection.is_autocommit() {
            idle.push(connection);
        }
    }

    fn connect(&self) -> rusqlite::Result<Connection> {
        let mode = match self.access {
            Access::Read => OpenFlags::SQLITE_OPEN_READ_ONLY,
            Access::Write => OpenFlags::SQLITE_OPEN_READ_WRITE,
        };
        let connection = Connection::open_with_flags(&self.path, mode | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
        connection.busy_timeout(lock_max(&self.limits))?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
        connection.set_limit(Limit::SQLITE_LIMIT_LENGTH, VALUE_BYTES_MAX)?;
        connection.set_limit(Limit::SQLITE_LIMIT_ATTACHED, 0)?;
        connection.execute_batch("PRAGMA foreign_keys = ON")?;
        if self.access == Access::Read {
            connection.execute_batch("PRAGMA query_only = ON")?;
        }
        Ok(connection)
    }

    /// What a plugin is told of an error: no path, and no value of a row.
    fn explain(&self, error: rusqlite::Error) -> Error {
        let (code, message) = match &error {
            rusqlite::Error::SqliteFailure(code, message) => (code.code, message.clone().unwrap_or_default()),
            rusqlite::Error::SqlInputError { error, msg, .. } => (error.code, msg.clone()),
            _ => return Error::new(ErrorKind::Failed, "SQLite could not run the statement"),
        };
        let (kind, text) = match code {
            ErrorCode::OperationInterrupted => return self.limits.too_slow(),
            ErrorCode::AuthorizationForStatementDenied | ErrorCode::ReadOnly => {
                (ErrorKind::Denied, "SQLite refused the statement: this source does not allow what it does".to_owned())
            }
            ErrorCode::CannotOpen
            | ErrorCode::NotADatabase
            | ErrorCode::DatabaseCorrupt
            | ErrorCode::PermissionDenied
            | ErrorCode::SystemIoFailure => (
                ErrorKind::Unavailable,
                "the file of this source cannot be opened as a database; the operator must check its `path`".to_owned(),
            ),
            ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => (
                ErrorKind::Unavailable,
                "the database is busy: somebody else reads or writes it for long; try again".to_owned(),
            ),
            ErrorCode::TooBig | ErrorCode::OutOfMemory => {
                (ErrorKind::Limited, "the statement builds a value that is too large".to_owned())
            }
            ErrorCode::ConstraintViolation | ErrorCode::Unknown | ErrorCode::TypeMismatch => {
                (ErrorKind::Invalid, message)
            }
            _ => (ErrorKind::Failed, "SQLite could not run the statement".to_owned()),
        };
        Error::new(kind, text)
    }
}

/// Runs something on a thread that may wait.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, Error> + Send + 'static) -> Result<T, Error> {
    let stopped = |_| Error::new(ErrorKind::Failed, "the host is stopping");
    spawn_blocking(work).await.map_err(stopped)?
}

/// Makes whatever runs next on this connection stop at the deadline, or when nobody waits
/// for it any more; and stop waiting for a lock of others some time before. Answers with
/// the deadline.
fn stop_when<T: Send + 'static>(
    connection: &mut Connection,
    limits: &Limits,
    caller: mpsc::Sender<T>,
) -> rusqlite::Result<Instant> {
    let now = Instant::now();
    let (lock_deadline, deadline) = (now + lock_max(limits), now + limits.time_max);
    let waiting = caller.clone();
    connection.busy_handler(Some(move |_| {
        std::thread::sleep(LOCK_PAUSE);
        !waiting.is_closed() && Instant::now() < lock_deadline
    }))?;
    let stop = move || caller.is_closed() || Instant::now() >= deadline;
    connection.progress_handler(STEPS_BETWEEN_LOOKS, Some(stop))?;
    Ok(deadline)
}

/// How long a lock of others is waited for: whoever does so in vain is to be told so, not
/// that a statement was slow.
fn lock_max(limits: &Limits) -> Duration {
    limits.time_max / 3
}

/// Hands out the rows of a statement as they come, until nobody takes them.
fn stream(
    connection: &mut Connection,
    statement: &Statement,
    head: oneshot::Sender<Vec<Column>>,
    send: impl Fn(Row) -> rusqlite::Result<bool>,
) -> rusqlite::Result<()> {
    let mut prepared = prepare(connection, statement)?;
    let columns = values::columns(&prepared);
    let kinds: Vec<_> = columns.iter().map(values::Reading::of).collect();
    let mut rows = prepared.raw_query();
    // The first step tells whether the statement runs at all.
    let mut next = rows.next()?.map(|row| values::row(row, &kinds)).transpose()?;
    if head.send(columns).is_err() {
        return Ok(());
    }
    while let Some(row) = next {
        if !send(row)? {
            return Ok(());
        }
        next = rows.next()?.map(|row| values::row(row, &kinds)).transpose()?;
    }
    Ok(())
}

/// Sends one row; whether anybody takes it. Whoever does not by the deadline is late: a
/// statement that waits for him keeps others from writing.
fn send(
    runtime: &Handle,
    sender: &mpsc::Sender<Result<Row, Error>>,
    row: Row,
    deadline: Instant,
) -> rusqlite::Result<bool> {
    match sender.try_send(Ok(row)) {
        Ok(()) => Ok(true),
        Err(TrySendError::Closed(_)) => Ok(false),
        Err(TrySendError::Full(row)) => match runtime.block_on(timeout_at(deadline.into(), sender.send(row))) {
            Ok(sent) => Ok(sent.is_ok()),
            Err(_) => Err(rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_INTERRUPT), None)),
        },
    }
}

/// The rows of a statement, and one more than `rows_max` or `bytes_max` let through.
fn rows_of(
    connection: &mut Connection,
    statement: &Statement,
    rows_max: usize,
    bytes_max: usize,
) -> rusqlite::Result<(Vec<Column>, Vec<Row>)> {
    let mut prepared = prepare(connection, statement)?;
    let columns = values::columns(&prepared);
    let kinds: Vec<_> = columns.iter().map(values::Reading::of).collect();
    let mut found = prepared.raw_query();
    let (mut rows, mut bytes) = (Vec::new(), 0);
    while let Some(row) = found.next()? {
        let row = values::row(row, &kinds)?;
        bytes += row_bytes(&row);
        rows.push(row);
        if rows.len() > rows_max || bytes > bytes_max {
            break;
        }
    }
    Ok((columns, rows))
}

fn change(connection: &mut Connection, statement: &Statement) -> rusqlite::Result<Effect> {
    // The library remembers the last key of the connection, whoever made it. The key is this
    // statement's if it is that of a row which the statement inserted.
    let inserted = Arc::new(Mutex::new(None));
    let seen = Arc::clone(&inserted);
    connection.update_hook(Some(move |action, _: &str, _: &str, key| {
        if action == Action::SQLITE_INSERT {
            *seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(key);
        }
    }))?;
    let rows = prepare(connection, statement)?.raw_execute()?;
    let inserted = *inserted.lock().unwrap_or_else(PoisonError::into_inner);
    let inserted_id = inserted.filter(|key| *key == connection.last_insert_rowid());
    Ok(Effect { rows_affected: u64::try_from(rows).unwrap_or(0), inserted_id })
}

/// Runs a statement of the host's own, which the authorizer would not let pass.
fn command(connection: &mut Connection, statement: &str) -> rusqlite::Result<()> {
    connection.authorizer(None::<fn(AuthContext<'_>) -> Authorization>)?;
    connection.execute_batch(statement)
}

/// Compiles a statement under the eyes of the authorizer, and binds its values.
fn prepare<'a>(connection: &'a mut Connection, statement: &Statement) -> rusqlite::Result<rusqlite::Statement<'a>> {
    connection.authorizer(Some(authorize))?;
    let connection: &'a Connection = connection;
    let mut prepared = connection.prepare(&statement.text)?;
    for (place, value) in (1..).zip(&statement.values) {
        prepared.raw_bind_parameter(place, values::Bound(value))?;
    }
    Ok(prepared)
}

/// What a statement may do, whatever the guard said: read, and change rows of the
/// operator's tables. A file that was opened for reading refuses the latter by itself.
fn authorize(context: AuthContext<'_>) -> Authorization {
    match context.action {
        AuthAction::Select | AuthAction::Read { .. } | AuthAction::Recursive => Authorization::Allow,
        AuthAction::Function { function_name } => {
            allow(!["load_extension", "readfile", "writefile", "edit", "fts3_tokenizer"].contains(&function_name))
        }
        AuthAction::Insert { table_name }
        | AuthAction::Update { table_name, .. }
        | AuthAction::Delete { table_name } => allow(!table_name.starts_with("sqlite_")),
        AuthAction::Pragma { pragma_name, .. } => {
            let reads = ["table_list", "table_xinfo", "table_info", "index_list", "index_info", "foreign_key_list"];
            allow(reads.contains(&pragma_name))
        }
        _ => Authorization::Deny,
    }
}

fn allow(allowed: bool) -> Authorization {
    if allowed { Authorization::Allow } else { Authorization::Deny }
}
