//! MySQL and MariaDB by their own protocol. The guard is backed by the session: it is
//! read-only unless a transaction writes, limited in time and rows by the server itself, and
//! reset after each use.

mod session;
mod values;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use mysql_async::{OptsBuilder, PoolConstraints, PoolOpts, SslOpts};
use schemars::JsonSchema;
use serde::Deserialize;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use self::session::{PACKET_MAX, Session, Source};
use super::backend::{is_over, unknown_commit};
use super::rows::{Limits, RowStream};
use super::statement::Statement;
use super::{OpenError, Probe, mysql_rights};
use crate::config::{Bounded, SecretRef};
use crate::wit::rows::{Column, Row};
use crate::wit::sql::{Access, Effect};
use crate::wit::{Error, ErrorKind};

/// Rows on their way from the server.
const ROWS_AHEAD: usize = 64;

/// How long an idle connection is kept.
const IDLE_MAX: Duration = Duration::from_secs(60);

/// How long nothing may be heard of a server before the network is asked whether it is there.
const KEEPALIVE: Duration = Duration::from_secs(15);

/// `[sql.<grant>.mysql]`: a MySQL or MariaDB server.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Config {
    /// Its name or address in the network.
    host: String,
    /// Its port.
    #[serde(default)]
    port: Bounded<1, 65_535, 3_306>,
    /// The user to log in as: one with no rights but those that the grant needs.
    user: String,
    /// Where the user's password is: `env:NAME` or `file:PATH`.
    password: SecretRef,
    /// The database that statements start from.
    database: String,
    /// `required`: encrypted, and the server's certificate is checked. `off`: neither. If not
    /// set, `required`, except for a host on this machine (`localhost`, `127.0.0.1`, `::1`).
    tls: Option<Tls>,
    /// A PEM file with the authority that must have signed the server's certificate, by its
    /// full path; if not set, the authorities that browsers trust. Amazon RDS has its own.
    tls_ca: Option<PathBuf>,
    /// Most connections that are open at once.
    #[serde(default)]
    connections: Bounded<1, 256, 8>,
    /// How long a new connection may take, or the wait for one in use, in milliseconds.
    #[serde(default)]
    connect_ms: Bounded<10, 60_000, 5_000>,
}

/// Whether connections are encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Tls {
    Required,
    Off,
}

/// One database of one server.
pub(super) struct Mysql {
    source: Arc<Source>,
    access: Access,
    database: String,
}

/// A transaction and the connection that it has for itself.
pub(super) struct Transaction {
    source: Arc<Source>,
    /// None only while a statement runs, and after one was cut off.
    session: Option<Session>,
}

impl Mysql {
    /// Fetches the password; contacts nothing. The log knows it by the `name` of its grant.
    pub(super) fn open(config: Config, name: &str, limits: Limits, access: Access) -> Result<Self, OpenError> {
        let connections = config.connections.get_usize();
        let constraints = PoolConstraints::new(0, connections)
            .ok_or_else(|| OpenError::Invalid("`connections` must be at least 1".to_owned()))?;
        let pool = PoolOpts::default().with_constraints(constraints).with_inactive_connection_ttl(IDLE_MAX);
        let options = OptsBuilder::default()
            .ip_or_hostname(config.host.as_str())
            .tcp_port(u16::try_from(config.port.get()).unwrap_or(3_306))
            .user(Some(config.user.as_str()))
            .pass(Some(config.password.resolve()?.expose()))
            .db_name(Some(config.database.as_str()))
            .ssl_opts(config.encryption()?)
            // The driver would ask the server where its socket is, and move there.
            .prefer_socket(false)
            .tcp_keepalive(Some(KEEPALIVE))
            .max_allowed_packet(Some(PACKET_MAX))
            // An update counts the rows that it found, as with the other backends.
            .client_found_rows(true)
            .pool_opts(pool);
        // Whoever waits for a connection in vain is to be told so, not that a statement was slow.
        let connect_max = Duration::from_millis(config.connect_ms.get()).min(limits.time_max / 3);
        let source = Source::new(name, options, connections, connect_max, limits);
        Ok(Self { source, access, database: config.database })
    }

    /// Runs a statement that reads. Dropping the stream stops it on the server.
    pub(super) async fn read(&self, statement: Statement) -> Result<RowStream, Error> {
        let source = Arc::clone(&self.source);
        let (head, columns) = oneshot::channel();
        let (sender, rows) = mpsc::channel(ROWS_AHEAD);
        tokio::spawn(async move {
            let limits = source.limits;
            let read = tokio::select! {
                read = timeout(limits.time_max, stream(&source, statement, head, &sender)) => read,
                // Nobody listens any more: the session is dropped, and its statement with it.
                () = sender.closed() => return,
            };
            if let Err(error) = read.unwrap_or_else(|_| Err(limits.too_slow())) {
                let _ = sender.send(Err(error)).await;
            }
        });
        match columns.await {
            Ok(columns) => Ok(RowStream::new(columns, rows)),
            // It failed before it had columns; the error came the other way.
            Err(_) => RowStream::new(Vec::new(), rows).first_error().await,
        }
    }

    /// Begins a transaction that may write.
    pub(super) async fn begin(&self) -> Result<Transaction, Error> {
        let mut session = self.source.session().await?;
        session.command("START TRANSACTION READ WRITE").await?;
        Ok(Transaction { source: Arc::clone(&self.source), session: Some(session) })
    }

    /// Connects, and looks whether the user may do more than the grant needs.
    pub(super) async fn probe(&self) -> Result<Probe, String> {
        let look = async {
            let mut session = self.source.session().await?;
            session.lines(mysql_rights::QUESTION).await
        };
        let limits = self.source.limits;
        let lines = timeout(limits.time_max, look).await.unwrap_or_else(|_| Err(limits.too_slow()));
        let lines = lines.map_err(|error| error.message)?;
        Ok(Probe { warnings: mysql_rights::warning(&lines, self.access).into_iter().collect() })
    }

    /// What it is, without the host or the user.
    pub(super) fn summary(&self) -> String {
        format!("MySQL database {}", self.database)
    }
}

impl Config {
    fn encryption(&self) -> Result<Option<SslOpts>, OpenError> {
        let local = ["localhost", "127.0.0.1", "::1"].contains(&self.host.as_str());
        let tls = self.tls.unwrap_or(if local && self.tls_ca.is_none() { Tls::Off } else { Tls::Required });
        match (tls, &self.tls_ca) {
            (Tls::Off, None) => Ok(None),
            (Tls::Off, Some(_)) => Err(OpenError::Invalid("`tls_ca` has no use with `tls = \"off\"`".to_owned())),
            (Tls::Required, None) => Ok(Some(SslOpts::default())),
            (Tls::Required, Some(path)) => {
                let pem = std::fs::read(path)
                    .map_err(|error| OpenError::Invalid(format!("cannot read `tls_ca` {}: {error}", path.display())))?;
                Ok(Some(SslOpts::default().with_disable_built_in_roots(true).with_root_certs(vec![pem.into()])))
            }
        }
    }
}

/// Sends the columns of a statement and then its rows, as fast as they are taken.
async fn stream(
    source: &Arc<Source>,
    statement: Statement,
    head: oneshot::Sender<Vec<Column>>,
    rows: &mpsc::Sender<Result<Row, Error>>,
) -> Result<(), Error> {
    let mut session = source.session().await?;
    let columns = match session.start(statement.clone()).await {
        // The connection had died in the pool. A read can be sent again.
        Err(error) if error.kind == ErrorKind::Unavailable && session.is_lost() => {
            session = source.session().await?;
            session.start(statement).await?
        }
        columns => columns?,
    };
    let _ = head.send(columns);
    while let Some(row) = session.next().await? {
        if rows.send(Ok(row)).await.is_err() {
            break;
        }
    }
    Ok(())
}

impl Transaction {
    /// As [`Mysql::read`], inside the transaction.
    pub(super) async fn read(&mut self, statement: Statement) -> Result<RowStream, Error> {
        let mut session = self.take()?;
        let limits = self.source.limits;
        let read = timeout(limits.time_max, session.collect(statement)).await;
        self.keep(session);
        read.unwrap_or_else(|_| Err(limits.too_slow()))
    }

    /// Runs a statement that writes.
    pub(super) async fn write(&mut self, statement: Statement) -> Result<Effect, Error> {
        let mut session = self.take()?;
        let limits = self.source.limits;
        let written = timeout(limits.time_max, session.change(statement)).await;
        self.keep(session);
        written.unwrap_or_else(|_| Err(limits.too_slow()))
    }

    /// Makes it permanent.
    pub(super) async fn commit(mut self) -> Result<(), Error> {
        let mut session = self.take()?;
        let committed = session.command("COMMIT").await;
        if session.is_lost() { Err(unknown_commit()) } else { committed }
    }

    /// Undoes it.
    pub(super) async fn rollback(mut self) -> Result<(), Error> {
        match self.session.take() {
            Some(mut session) => session.command("ROLLBACK").await,
            None => Ok(()),
        }
    }

    /// The session, out of the transaction: whoever goes away while it has the session drops
    /// it, and so ends the statement and the transaction.
    fn take(&mut self) -> Result<Session, Error> {
        self.session.take().ok_or_else(is_over)
    }

    fn keep(&mut self, session: Session) {
        self.session = session.is_sound().then_some(session);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> Config {
        let rest = "user = \"u\"\npassword = \"file:/proc/version\"\ndatabase = \"crm\"\n";
        toml::from_str(&format!("{text}\n{rest}")).expect("parses")
    }

    #[test]
    fn connections_are_encrypted_unless_they_stay_on_this_machine() {
        let encrypted =
            |text: &str| config(text).encryption().map(|tls| tls.is_some()).map_err(|error| error.to_string());
        assert_eq!(encrypted("host = \"db.internal\""), Ok(true));
        assert_eq!(encrypted("host = \"127.0.0.1\""), Ok(false));
        assert_eq!(encrypted("host = \"127.0.0.1\"\ntls = \"required\""), Ok(true));
        assert_eq!(encrypted("host = \"db.internal\"\ntls = \"off\""), Ok(false));
        assert!(
            encrypted("host = \"db.internal\"\ntls_ca = \"/no/such/file\"")
                .is_err_and(|error| error.contains("tls_ca"))
        );
    }

    #[test]
    fn the_summary_tells_neither_host_nor_user() {
        let limits = Limits { rows_max: 1, bytes_max: 1, time_max: Duration::from_secs(1) };
        let mysql = Mysql::open(config("host = \"db.internal\""), "crm", limits, Access::Read);
        let Ok(mysql) = mysql else { panic!("opens") };
        assert_eq!(mysql.summary(), "MySQL database crm");
    }
}
