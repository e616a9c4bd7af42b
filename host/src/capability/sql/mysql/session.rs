//! Connections to a MySQL server: each begins clean and read-only, goes back clean, and takes
//! what it runs down with it when it is given up.

use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use mysql_async::prelude::Queryable;
use mysql_async::{BinaryProtocol, Conn, DriverError, IoError, Opts, OptsBuilder, Params, Pool, QueryResult};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::super::backend::{no_connection_left, spares_transaction};
use super::super::mysql_errors;
use super::super::rows::{Limits, RowStream};
use super::super::statement::Statement;
use super::values;
use crate::wit::rows::{Column, Row};
use crate::wit::sql::Effect;
use crate::wit::{Error, ErrorKind, row_bytes};

/// How the server of a grant is reached, and the connections that are open to it.
pub(super) struct Source {
    /// The name of the grant.
    name: String,
    pub(super) limits: Limits,
    options: Opts,
    pool: Pool,
    /// One for each connection that may be in use.
    places: Arc<Semaphore>,
    connect_max: Duration,
}

/// A connection in use. Dropping it while a statement runs stops that statement on the
/// server; dropping it otherwise hands it back to the pool, which resets it: an open
/// transaction is rolled back, and every variable is set anew.
pub(super) struct Session {
    source: Arc<Source>,
    /// None only once dropped.
    connection: Option<Conn>,
    place: Option<OwnedSemaphorePermit>,
    /// Whether the server has been asked something and has not answered to the end.
    running: bool,
    /// Whether a transaction must not go on, since part of it may be undone.
    over: bool,
}

impl Source {
    /// Contacts nothing yet.
    pub(super) fn new(
        name: &str,
        options: OptsBuilder,
        connections: usize,
        connect_max: Duration,
        limits: Limits,
    ) -> Arc<Self> {
        let options = Opts::from(options.setup(setup(&limits)));
        let pool = Pool::new(options.clone());
        let (name, places) = (name.to_owned(), Arc::new(Semaphore::new(connections)));
        Arc::new(Self { name, limits, options, pool, places, connect_max })
    }

    /// A connection: read-only until a transaction says otherwise.
    pub(super) async fn session(self: &Arc<Self>) -> Result<Session, Error> {
        let place = match timeout(self.connect_max, Arc::clone(&self.places).acquire_owned()).await {
            Ok(Ok(place)) => place,
            _ => return Err(no_connection_left()),
        };
        let connection = match timeout(self.connect_max, self.pool.get_conn()).await {
            Ok(Ok(connection)) => connection,
            Ok(Err(error)) => {
                match &error {
                    // What TLS says may name the host, and whoever calls is told what it comes to.
                    mysql_async::Error::Io(IoError::Io(cause)) if cause.kind() != std::io::ErrorKind::InvalidData => {
                        self.note(cause);
                    }
                    mysql_async::Error::Driver(DriverError::ConnectionClosed) => self.note(&error),
                    _ => {}
                }
                return Err(self.explain(&error));
            }
            Err(_) => {
                self.note(&format_args!("no answer within {} ms", self.connect_max.as_millis()));
                return Err(unreachable());
            }
        };
        let (source, place) = (Arc::clone(self), Some(place));
        Ok(Session { source, connection: Some(connection), place, running: false, over: false })
    }

    /// Tells the operator why there is no connection: whoever calls hears one sentence for every cause. The host's name
    /// stays in the config.
    fn note(&self, error: &dyn Display) {
        tracing::warn!(
            grant.name = format_args!("sql.{}", self.name),
            server.port = self.options.tcp_port(),
            %error,
            "a database cannot be reached",
        );
    }

    /// What a plugin is told of an error.
    fn explain(&self, error: &mysql_async::Error) -> Error {
        let unavailable = |message: &str| Error::new(ErrorKind::Unavailable, message);
        match error {
            mysql_async::Error::Server(error) => {
                mysql_errors::explain(error.code, &error.state, &error.message, &self.limits)
            }
            mysql_async::Error::Driver(DriverError::StmtParamsMismatch { required, supplied }) => {
                let message = format!("the statement has {required} placeholders and {supplied} values were given");
                Error::new(ErrorKind::Invalid, message)
            }
            mysql_async::Error::Driver(DriverError::MixedParams | DriverError::Params(_)) => Error::new(
                ErrorKind::Invalid,
                "a colon before a word in this statement looks like a placeholder; pass the text it is in as a value",
            ),
            mysql_async::Error::Driver(DriverError::NoClientSslFlagFromServer) => unavailable(
                "the server offers no encrypted connections; the operator must turn them on there, or write `tls = \"off\"` \
                 for this source",
            ),
            mysql_async::Error::Io(IoError::Tls(_)) => untrusted(),
            mysql_async::Error::Io(IoError::Io(error)) if error.kind() == std::io::ErrorKind::InvalidData => {
                untrusted()
            }
            mysql_async::Error::Io(IoError::Io(error)) if error.to_string().contains("max_allowed_packet") => {
                Error::new(
                    ErrorKind::Limited,
                    format!(
                        "one row or value is larger than the {} MiB that this source lets through",
                        PACKET_MAX >> 20
                    ),
                )
            }
            mysql_async::Error::Io(_) | mysql_async::Error::Driver(DriverError::ConnectionClosed) => unreachable(),
            mysql_async::Error::Driver(
                DriverError::UnknownAuthPlugin { .. }
                | DriverError::MysqlOldPasswordDisabled
                | DriverError::CleartextPluginDisabled,
            ) => unavailable(
                "the server wants a way to log in that the host does not offer; the operator must change the user's",
            ),
            _ => Error::new(ErrorKind::Failed, "the conversation with the database went wrong"),
        }
    }

    /// Ends a connection and what it runs: the server would go on with a statement whose
    /// client is gone until it has rows to send.
    async fn kill(self: Arc<Self>, connection: Conn, place: Option<OwnedSemaphorePermit>) {
        let id = connection.id();
        let kill = async {
            let options = OptsBuilder::from_opts(self.options.clone()).setup(Vec::<String>::new());
            let mut killer = Conn::new(options).await?;
            killer.query_drop(format!("KILL {id}")).await?;
            killer.disconnect().await
        };
        // A server that cannot be told has most likely lost the connection itself.
        let _ = timeout(self.connect_max, kill).await;
        // The first step of a disconnect is all it takes for the pool to let go of the
        // connection; the whole would first read what is left of the rows.
        let _ = connection.disconnect().now_or_never();
        drop(place);
    }
}

/// The largest row or value on the wire, in bytes.
pub(super) const PACKET_MAX: usize = 16 << 20;

/// What makes a connection ours, at its begin and after each reset.
///
/// The guard reads statements by the rules of this `sql_mode`. Each flavour of server knows
/// one of the two variables of time, and the comments show it that one alone.
fn setup(limits: &Limits) -> Vec<String> {
    let seconds = limits.time_max.as_secs_f64();
    let milliseconds = limits.time_max.as_millis();
    let rows = limits.rows_max.saturating_add(1);
    vec![
        format!(
            "SET NAMES utf8mb4, autocommit = 0, time_zone = '+00:00', sql_select_limit = {rows}, \
             /*M!100101 max_statement_time = {seconds:.3}, */ /*!50708 max_execution_time = {milliseconds}, */ \
             sql_mode = 'STRICT_TRANS_TABLES,NO_ZERO_IN_DATE,NO_ZERO_DATE,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION'"
        ),
        "SET SESSION TRANSACTION READ ONLY".to_owned(),
    ]
}

fn unreachable() -> Error {
    let message =
        "the database cannot be reached; if that lasts, the operator must check the `host` and `port` of this source";
    Error::new(ErrorKind::Unavailable, message)
}

fn untrusted() -> Error {
    let message = "no encrypted connection to the database: its certificate is not trusted or not for this `host`; the \
                   operator must name the authority that signed it in `tls_ca`";
    Error::new(ErrorKind::Unavailable, message)
}

impl Session {
    /// Whether a transaction on this connection may go on.
    pub(super) fn is_sound(&self) -> bool {
        !self.running && !self.over
    }

    /// Whether the last error was that of the connection, and not an answer of the server.
    pub(super) fn is_lost(&self) -> bool {
        self.running
    }

    /// Runs one of the few statements that are the host's own.
    pub(super) async fn command(&mut self, statement: &'static str) -> Result<(), Error> {
        let connection = self.ask()?;
        let done = connection.query_drop(statement).await;
        self.running = false;
        done.map_err(|error| self.blame(&error))
    }

    /// The first column of the answer to one of the host's own statements, as text.
    pub(super) async fn lines(&mut self, statement: &'static str) -> Result<Vec<String>, Error> {
        let connection = self.ask()?;
        let rows: Result<Vec<mysql_async::Row>, _> = connection.query(statement).await;
        self.running = false;
        let rows = rows.map_err(|error| self.blame(&error))?;
        Ok(rows.iter().filter_map(|row| row.get_opt(0)?.ok()).collect())
    }

    /// Sends a statement, prepared, so that the server takes no second one along with it.
    /// Answers with its columns; [`Session::next`] has its rows.
    pub(super) async fn start(&mut self, statement: Statement) -> Result<Vec<Column>, Error> {
        // Nothing is left for the driver to rewrite when values have no names: it refuses
        // a statement in which it sees a name.
        let values = statement.values.into_iter().map(values::to_wire).collect::<Result<_, _>>()?;
        let text = unambiguous(statement.text);
        let connection = self.ask()?;
        let columns = match connection.exec_iter(text, Params::Positional(values)).await {
            Ok(result) => Ok(result.columns_ref().iter().map(values::column).collect()),
            Err(error) => Err(error),
        };
        columns.map_err(|error| self.blame(&error))
    }

    /// The next row of the statement; none if there are no more.
    pub(super) async fn next(&mut self) -> Result<Option<Row>, Error> {
        let connection = self.ask()?;
        let row = QueryResult::<'_, '_, BinaryProtocol>::new(connection).next().await;
        match row {
            Ok(Some(row)) => {
                let columns = row.columns();
                let values = columns.iter().zip(row.unwrap_raw());
                let value = |(column, value): (_, Option<_>)| {
                    values::from_wire(column, value.unwrap_or(mysql_async::Value::NULL))
                };
                Ok(Some(values.map(value).collect()))
            }
            Ok(None) => {
                self.running = false;
                Ok(None)
            }
            Err(error) => Err(self.blame(&error)),
        }
    }

    /// Runs a statement and takes as many of its rows as the limits let through. The others
    /// are read past, so that the next statement can follow.
    pub(super) async fn collect(&mut self, statement: Statement) -> Result<RowStream, Error> {
        let Limits { rows_max, bytes_max, .. } = self.source.limits;
        let columns = self.start(statement).await?;
        let (mut rows, mut bytes) = (Vec::new(), 0);
        while let Some(row) = self.next().await? {
            // One row more than fits tells whoever counts that some were left out.
            if rows.len() <= rows_max && bytes <= bytes_max {
                bytes += row_bytes(&row);
                rows.push(row);
            }
        }
        Ok(RowStream::ready(columns, rows))
    }

    /// Runs a statement that changes rows.
    pub(super) async fn change(&mut self, statement: Statement) -> Result<Effect, Error> {
        self.start(statement).await?;
        while self.next().await?.is_some() {}
        let connection = self.connection.as_ref();
        let inserted = connection.and_then(Conn::last_insert_id).filter(|id| *id != 0);
        Ok(Effect {
            rows_affected: connection.map_or(0, Conn::affected_rows),
            inserted_id: inserted.and_then(|id| i64::try_from(id).ok()),
        })
    }

    /// The connection, from now on with something under way.
    fn ask(&mut self) -> Result<&mut Conn, Error> {
        self.running = true;
        self.connection.as_mut().ok_or_else(unreachable)
    }

    fn blame(&mut self, error: &mysql_async::Error) -> Error {
        // After any error but the server's own, the connection is of no use any more, and
        // the server may not know it yet.
        self.running = !matches!(error, mysql_async::Error::Server(_));
        let told = self.source.explain(error);
        self.over |= !spares_transaction(&told);
        told
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let Some(connection) = self.connection.take() else { return };
        // Without a runtime the process is about to end, and its connections with it.
        if let (true, Ok(runtime)) = (self.running, tokio::runtime::Handle::try_current()) {
            runtime.spawn(Arc::clone(&self.source).kill(connection, self.place.take()));
        }
    }
}

/// The statement as the driver leaves it alone. The driver looks for placeholders such as
/// `:name` itself and takes some strings for code (`1-':a'`), but nothing that follows `/**/`:
/// it overlooks that this comment has ended.
fn unambiguous(text: String) -> String {
    if text.contains(':') && !text.contains("*/") { format!("/**/{text}") } else { text }
}
