//! Relational databases: rows by statements that a guard has read first.
//!
//! It grants one database under one name, to read or to write. It never lets a grant
//! that reads write, lock, wait, read files or learn who the host is logged in as; and
//! it never lets a statement through that it does not understand. Of the tables under `rows` each caller
//! reads the rows of its role, and no others (`row_filter.rs`).
//!
//! ```toml
//! [sql.crm]
//! access = "read"
//! notes = "Support tickets of the video service. Customers are CUST_000001 and so on."
//!
//! [sql.crm.mysql]
//! host = "db.internal"
//! user = "reader"
//! password = "env:CRM_PASSWORD"
//! database = "acme_crm"
//! ```

mod backend;
mod catalogue;
mod definer;
mod host_functions;
mod mysql;
mod mysql_errors;
mod mysql_rights;
mod placeholder;
mod rds_data;
mod rows;
mod script;
mod sqlite;
mod statement;

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, timeout, timeout_at};
use wasmtime::component::{HasSelf, Linker};

use self::backend::{Backend, Transaction, unknown_commit};
use self::rows::{Limits, RowStream};
use self::statement::{Statement, Template};
use super::row_filter::{self, RowFilters, Unfit};
use super::statement_guard::StatementGuard;
use super::{CallState, Capability, Deed, OpenError, Place, Probe};
use crate::call::{Caller, Facts};
use crate::config::Bounded;
use crate::guard::Class;
use crate::wit::sql::{self, Access, Effect, Parameter};
use crate::wit::{Error, ErrorKind};

/// `[sql.<grant>]`: one database, by exactly one of `sqlite`, `mysql`, `rds-data`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// What plugins may do: `read`, or `write` for inserting, updating and deleting rows too.
    #[serde(default)]
    access: GrantAccess,
    /// What agents should know about it: what it holds, which keys join it to other sources.
    notes: Option<String>,
    /// Most rows that one statement may return.
    #[serde(default)]
    rows_max: Bounded<1, 1_000_000, 10_000>,
    /// Most bytes that one answer may hold.
    #[serde(default)]
    bytes_max: Bounded<1_024, 6_291_456, 1_048_576>,
    /// How long one statement may run, in milliseconds.
    #[serde(default)]
    time_max_ms: Bounded<10, 600_000, 30_000>,
    /// Functions of the database's own that statements may call, beside the built-in ones
    /// that only compute. Whoever adds one vouches that it only reads.
    #[serde(default)]
    functions: BTreeSet<String>,
    /// Tables of which a caller sees only some rows, by name.
    #[serde(default)]
    rows: row_filter::Config,
    /// A SQLite file.
    sqlite: Option<sqlite::Config>,
    /// A MySQL or MariaDB server.
    mysql: Option<mysql::Config>,
    /// Aurora MySQL through the RDS Data API.
    #[serde(rename = "rds-data")]
    rds_data: Option<rds_data::Config>,
    /// Answers written down in the config itself, for the tests of plugins.
    script: Option<script::Config>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum GrantAccess {
    #[default]
    Read,
    Write,
}

/// One granted database.
pub struct Sql {
    access: Access,
    notes: Option<String>,
    limits: Limits,
    guard: StatementGuard,
    backend: Backend,
}

impl Capability for Sql {
    const NAME: &'static str = "sql";
    const DEEDS: &'static [Deed] =
        &[Deed { action: "query", classes: &["read"] }, Deed { action: "execute", classes: &["write", "delete"] }];
    type Config = Config;

    fn open(config: Config, place: Place<'_>) -> Result<Self, OpenError> {
        let access = match config.access {
            GrantAccess::Read => Access::Read,
            GrantAccess::Write => Access::Write,
        };
        let limits = Limits {
            rows_max: config.rows_max.get_usize(),
            bytes_max: config.bytes_max.get_usize(),
            time_max: Duration::from_millis(config.time_max_ms.get()),
        };
        let backend = match (config.sqlite, config.mysql, config.rds_data, config.script) {
            (Some(config), None, None, None) => {
                Backend::Sqlite(sqlite::Sqlite::open(config, place.dir, access, limits)?)
            }
            (None, Some(config), None, None) => Backend::Mysql(mysql::Mysql::open(config, place.name, limits, access)?),
            (None, None, Some(config), None) => Backend::RdsData(rds_data::RdsData::open(config, limits, access)?),
            (None, None, None, Some(config)) => Backend::Script(script::Script::open(config)?),
            _ => {
                let table = format!("[sql.{}]", place.name);
                return Err(OpenError::Invalid(format!("{table} needs exactly one of `sqlite`, `mysql`, `rds-data`")));
            }
        };
        let functions = config.functions.iter().map(|name| name.to_lowercase()).collect();
        let path = format!("{}.{}", Self::NAME, place.name);
        let filters = RowFilters::open(config.rows, &path, backend.dialect(), &functions)?;
        let guard = StatementGuard::new(backend.dialect(), functions, filters);
        Ok(Self { access, notes: config.notes, limits, guard, backend })
    }

    fn link(linker: &mut Linker<CallState>) -> wasmtime::Result<()> {
        sql::add_to_linker::<_, HasSelf<_>>(linker, |state| state)
    }

    async fn introduce(&self, name: &str) -> Result<Option<String>, String> {
        let rule = match self.access {
            Access::Read => "read-only: statements that change anything are refused",
            Access::Write => "rows may be inserted, updated and deleted; tables may not be changed",
        };
        let dialect = self.backend.dialect();
        let mut text = format!("Source `{name}`: SQL in the {dialect} dialect, {rule}. One statement a call.");
        if let Some(notes) = &self.notes {
            let _ = write!(text, " {notes}");
        }
        if let Some(filtered) = self.guard.filters.introduce() {
            let _ = write!(text, " {filtered}");
        }
        match self.keys().await {
            Ok(tables) => {
                text.push_str(" Tables:");
                for table in &tables {
                    let _ = write!(text, "\n- {table}");
                }
                Ok(Some(text))
            }
            Err(_) => Err(format!("{text} Its tables cannot be listed just now.")),
        }
    }

    async fn probe(&self) -> Result<Probe, String> {
        let probe = self.backend.probe().await?;
        self.prove_filters().await.map_err(|unfit| unfit.reason)?;
        Ok(probe)
    }

    fn summary(&self) -> String {
        let access = match self.access {
            Access::Read => "read-only",
            Access::Write => "read and write",
        };
        format!("{}, {access}{}", self.backend.summary(), self.guard.filters.summary())
    }

    fn iam(&self) -> Vec<super::Statement> {
        self.backend.iam()
    }

    fn tells_callers_apart(&self) -> bool {
        !self.guard.filters.is_empty()
    }
}

/// A statement that may be run, and its kind.
enum Checked {
    Read(Statement),
    Write(Statement),
}

impl Sql {
    /// Proves that the filters of rows fit; no statement of a plugin is run before.
    async fn prove_filters(&self) -> Result<(), Unfit> {
        match self.backend {
            // It has answers, and no tables.
            Backend::Script(_) => Ok(()),
            _ => self.guard.filters.prove(|statement| self.try_out(statement)).await,
        }
    }

    /// Runs a statement of the host's own that reads, to its end.
    async fn try_out(&self, text: String) -> Result<(), Error> {
        let statement = self.template(&text)?.bind(&[]).map_err(invalid)?;
        let (rows, deadline) = self.in_time(|| self.backend.read(statement)).await?;
        rows.collect(self.limits.rows_max, &self.limits, deadline).await.map(drop)
    }

    /// Begins a statement that reads.
    async fn read(&self, caller: &Caller, text: &str, parameters: &[Parameter]) -> Result<(RowStream, Instant), Error> {
        match self.check(caller, text, parameters)? {
            Checked::Read(statement) => {
                self.prove_filters().await?;
                let (rows, deadline) = self.in_time(|| self.backend.read(statement)).await?;
                Ok((definer::hide(text, rows), deadline))
            }
            Checked::Write(_) => Err(writes_by_execute()),
        }
    }

    /// Runs a statement that writes once for each set of parameters, in one transaction.
    async fn write(&self, caller: &Caller, statement: &str, sets: &[Vec<Parameter>]) -> Result<Effect, Error> {
        self.writable()?;
        // The guard reads it once, however many sets there are.
        let (class, statement) = self.class(caller, statement)?;
        if class == Class::Read {
            return Err(reads_by_query());
        }
        let template = self.template(&statement)?;
        let (mut text, mut values) = (String::new(), Vec::with_capacity(sets.len()));
        for set in sets {
            let bound = template.bind(set).map_err(invalid)?;
            text = bound.text;
            values.push(bound.values);
        }
        if values.is_empty() {
            return Err(Error::new(ErrorKind::Invalid, "there is no set of parameters to run the statement with"));
        }
        self.prove_filters().await?;
        let work = self.in_time(async || {
            let mut transaction = self.backend.begin().await?;
            let effect = transaction.write_all(text, values).await?;
            Ok((transaction, effect))
        });
        let ((transaction, effect), _) = work.await?;
        self.commit(transaction).await?;
        Ok(effect)
    }

    /// Begins a transaction.
    async fn begin(&self) -> Result<Transaction, Error> {
        self.writable()?;
        self.prove_filters().await?;
        self.in_time(|| self.backend.begin()).await.map(|(transaction, _)| transaction)
    }

    /// Makes what a transaction did permanent.
    async fn commit(&self, transaction: Transaction) -> Result<(), Error> {
        // It may have happened though it took too long: nobody must take it for undone.
        timeout(self.limits.time_max, transaction.commit()).await.unwrap_or_else(|_| Err(unknown_commit()))
    }

    /// Does something within the time of one statement; answers with its deadline too.
    async fn in_time<T>(&self, work: impl AsyncFnOnce() -> Result<T, Error>) -> Result<(T, Instant), Error> {
        let deadline = Instant::now() + self.limits.time_max;
        match timeout_at(deadline, work()).await {
            Ok(done) => done.map(|done| (done, deadline)),
            Err(_) => Err(self.limits.too_slow()),
        }
    }

    fn writable(&self) -> Result<(), Error> {
        match self.access {
            Access::Write => Ok(()),
            Access::Read => Err(Error::new(ErrorKind::Denied, "this source was granted for reading only")),
        }
    }

    /// Lets a statement through if this grant runs statements of its class, with its
    /// placeholders in the style of the backend.
    fn check(&self, caller: &Caller, statement: &str, parameters: &[Parameter]) -> Result<Checked, Error> {
        let (class, statement) = self.class(caller, statement)?;
        let bound = self.template(&statement)?.bind(parameters).map_err(invalid)?;
        Ok(if class == Class::Read { Checked::Read(bound) } else { Checked::Write(bound) })
    }

    /// What a policy is told of a statement, before the guard lets it through or not.
    fn facts(&self, statement: &str) -> Facts {
        self.guard.facts(statement)
    }

    /// The class of a statement, if this grant runs statements of it, and the statement as it is for
    /// this caller.
    fn class<'s>(&self, caller: &Caller, statement: &'s str) -> Result<(Class, Cow<'s, str>), Error> {
        let judged = self.guard.judge(statement);
        let (verdict, sightings) = judged.verdict().map_err(invalid)?;
        let grants = match (verdict.class, self.access) {
            (class @ Class::Read, _) | (class @ Class::Write, Access::Write) => {
                let statement = self.guard.narrow(statement, class, sightings, caller)?;
                return Ok((class, statement));
            }
            (_, Access::Read) => "reads only",
            (_, Access::Write) => "reads and changes rows only",
        };
        let message = format!("{} (class {}); this source {grants}", verdict.reason, verdict.class);
        Err(Error::new(ErrorKind::Denied, message))
    }

    fn template<'a>(&self, statement: &'a str) -> Result<Template<'a>, Error> {
        Template::read(statement, self.backend.dialect(), self.backend.style()).map_err(invalid)
    }
}

fn invalid(error: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::Invalid, error.to_string())
}

/// Makes a SQLite file what these statements say, in one transaction. For a demo's data;
/// no plugin comes here.
pub fn fill_sqlite_file(path: &Path, statements: &[String]) -> Result<(), String> {
    sqlite::fill(path, statements)
}

fn writes_by_execute() -> Error {
    Error::new(ErrorKind::Invalid, "the statement changes rows: the plugin must use `execute` for it, not `query`")
}

fn reads_by_query() -> Error {
    Error::new(ErrorKind::Invalid, "the statement only reads: the plugin must use `query` for it, not `execute`")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;

    fn open(text: &str) -> Result<Sql, String> {
        let config =
            config::Config::parse(text, Path::new("toolhost.toml"), &["sql"]).map_err(|error| error.to_string())?;
        let grant =
            config.grants::<Config>("sql").remove("crm").ok_or("no grant")?.map_err(|error| error.to_string())?;
        Sql::open(grant, Place { name: "crm", dir: Path::new("") }).map_err(|error| error.to_string())
    }

    /// The config example at the top of this file.
    fn example() -> String {
        let lines = include_str!("mod.rs").lines().skip_while(|line| *line != "//! ```toml").skip(1);
        lines
            .take_while(|line| *line != "//! ```")
            .map(|line| line.trim_start_matches("//!").trim_start().to_owned() + "\n")
            .collect()
    }

    #[test]
    fn the_example_parses_and_misses_only_its_secret() {
        let error = open(&example()).err().expect("the secret is not set");
        assert!(error.contains("env:CRM_PASSWORD"), "{error}");
    }

    #[test]
    fn a_grant_without_a_backend_or_with_two_is_refused() {
        let error = open("[sql.crm]\naccess = \"read\"\n").err().expect("is refused");
        assert!(error.contains("[sql.crm] needs exactly one of"), "{error}");
        let two = "[sql.crm]\nsqlite = { path = \"a.db\" }\nscript = { dialect = \"sqlite\" }\n";
        assert!(open(two).is_err());
    }

    #[test]
    fn zero_and_absurd_limits_are_refused_where_they_stand() {
        let error = open("[sql.crm]\nrows_max = 0\nsqlite = { path = \"a.db\" }\n").err().expect("is refused");
        assert!(error.starts_with("toolhost.toml:2:12: 0 is out of range"), "{error}");
        assert!(open("[sql.crm]\nbytes_max = 99999999999\nsqlite = { path = \"a.db\" }\n").is_err());
        assert!(open("[sql.crm]\ntime_max_ms = 1\nsqlite = { path = \"a.db\" }\n").is_err());
    }

    #[test]
    fn a_grant_that_reads_refuses_the_rest_with_class_and_reason() {
        let sql = open("[sql.crm]\nscript = { dialect = \"mysql\" }\n").expect("opens");
        let refused = sql.check(&Caller::local(), "DELETE FROM tickets", &[]).err().expect("is refused");
        assert_eq!(refused.kind, ErrorKind::Denied);
        assert!(refused.message.contains("class write"), "{}", refused.message);
        let refused = sql.check(&Caller::local(), "SELECT SLEEP(10)", &[]).err().expect("is refused");
        assert!(refused.message.to_lowercase().contains("sleep"), "{}", refused.message);
        let refused = sql.check(&Caller::local(), "SELECT 1; SELECT 2", &[]).err().expect("is refused");
        assert_eq!(refused.kind, ErrorKind::Invalid);
    }
}
