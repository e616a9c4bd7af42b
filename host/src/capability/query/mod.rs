//! Engines that take their time: a statement is submitted, runs by itself, and its rows are
//! fetched page by page.
//!
//! It grants one database of one engine under one name, to read. It never lets a statement
//! through that does more than read, and never one that it does not understand; and none runs
//! on when nobody waits for it any more, unless its call detached it: then it ends by
//! `time_max_ms`, and its id opens to the same caller, plugin and grant alone.
//!
//! A detached statement was asked to outlive its call, and the end of the host does not stop it
//! at Athena. But it is the host that keeps `time_max_ms` and `bytes_scanned_max`, and that sealed
//! the id: what goes on then ends by the limits of the workgroup alone, and no id leads to it.
//!
//! Of the tables under `rows` each caller reads the rows of its role, and no others (`row_filter.rs`).
//!
//! ```toml
//! [query.cases]
//! notes = "Support cases. Customers are CUST_000001 and so on."
//!
//! [query.cases.athena]
//! database = "support"
//! workgroup = "agents"
//! region = "eu-central-1"
//! account = "123456789012"
//! output_location = "s3://acme-athena-results/agents/"
//! bytes_scanned_max = 10_000_000_000
//! ```

mod athena;
mod backend;
mod detached;
#[cfg(feature = "embedded")]
mod embedded;
mod execution;
mod host_functions;
mod literal;
mod local;
mod page;
mod script;
mod statement;
#[cfg(test)]
mod tests;
mod values;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;
use tokio::sync::Semaphore;
use wasmtime::component::{HasSelf, Linker};

use self::backend::Backend;
use self::detached::Detached;
use self::execution::Execution;
use self::statement::Statement;
use super::row_filter::{self, RowFilters, Unfit};
use super::statement_guard::StatementGuard;
use super::{CallState, Capability, Deed, OpenError, Place, Probe};
use crate::call::{Caller, Facts};
use crate::config::Bounded;
use crate::guard::{Class, Dialect};
use crate::wit::query;
use crate::wit::rows::Value;
use crate::wit::{Error, ErrorKind};

/// `[query.<grant>]`: one database of one engine, by exactly one of `athena`, `embedded`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// What agents should know about it: what it holds, which keys join it to other sources.
    notes: Option<String>,
    /// Most rows on one page.
    #[serde(default)]
    rows_max: Bounded<1, 1_000, 1_000>,
    /// Most bytes on one page.
    #[serde(default)]
    bytes_max: Bounded<1_024, 6_291_456, 1_048_576>,
    /// How long one statement may run, its wait for a turn included, in milliseconds; then it
    /// is stopped. A call ends by its own deadline, and stops its statements with it, but the
    /// detached ones. The end of the host stops no detached statement of Athena.
    #[serde(default)]
    time_max_ms: Bounded<10, 86_400_000, 300_000>,
    /// How many statements may run at once.
    #[serde(default)]
    queries_max: Bounded<1, 1_000, 20>,
    /// Functions that statements may call, beside the built-in ones that only compute; and, as
    /// `lambda:NAME`, Lambda functions that they may run. Whoever adds one vouches that it only reads.
    #[serde(default)]
    functions: BTreeSet<String>,
    /// Tables of which a caller sees only some rows, by name.
    #[serde(default)]
    rows: row_filter::Config,
    /// A database in Amazon Athena.
    athena: Option<athena::Config>,
    /// A folder of files, read by an engine inside the host.
    embedded: Option<backend::EmbeddedConfig>,
    /// Answers written down in the config itself, for the tests of plugins.
    script: Option<script::Config>,
}

/// What one grant lets through.
#[derive(Debug, Clone, Copy)]
struct Limits {
    rows_max: usize,
    bytes_max: usize,
    time_max: Duration,
}

impl Limits {
    /// The error for a statement that ran too long.
    fn too_slow(&self) -> Error {
        let message = format!(
            "the statement was stopped after {} ms, the grant's `time_max_ms`; narrow it down",
            self.time_max.as_millis()
        );
        Error::new(ErrorKind::Limited, message)
    }
}

/// One granted database.
pub struct Query {
    notes: Option<String>,
    limits: Limits,
    guard: StatementGuard,
    backend: Arc<Backend>,
    /// A place for each statement that may run.
    places: Arc<Semaphore>,
    queries_max: usize,
    detached: Detached,
}

impl Capability for Query {
    const NAME: &'static str = "query";
    const DEEDS: &'static [Deed] = &[
        Deed { action: "submit", classes: &["read"] },
        Deed { action: "inspect", classes: &["read"] },
        Deed { action: "fetch", classes: &["read"] },
        Deed { action: "stop", classes: &["read"] },
    ];
    type Config = Config;

    fn open(config: Config, place: Place<'_>) -> Result<Self, OpenError> {
        let limits = Limits {
            rows_max: config.rows_max.get_usize(),
            bytes_max: config.bytes_max.get_usize(),
            time_max: Duration::from_millis(config.time_max_ms.get()),
        };
        let backend = match (config.athena, config.embedded, config.script) {
            (Some(config), None, None) => Backend::Athena(Box::new(athena::Athena::open(config)?)),
            (None, Some(config), None) => backend::open_embedded(config, place.dir, limits)?,
            (None, None, Some(config)) => Backend::Script(script::Script::open(config)?),
            _ => {
                let table = format!("[query.{}]", place.name);
                return Err(OpenError::Invalid(format!("{table} needs exactly one of `athena`, `embedded`")));
            }
        };
        let queries_max = config.queries_max.get_usize();
        let path = format!("{}.{}", Self::NAME, place.name);
        let filters = RowFilters::open(config.rows, &path, Dialect::Athena, &config.functions)?;
        Ok(Self {
            notes: config.notes,
            limits,
            guard: StatementGuard::new(Dialect::Athena, config.functions, filters),
            backend: Arc::new(backend),
            places: Arc::new(Semaphore::new(queries_max)),
            queries_max,
            detached: Detached::default(),
        })
    }

    fn link(linker: &mut Linker<CallState>) -> wasmtime::Result<()> {
        query::add_to_linker::<_, HasSelf<_>>(linker, |state| state)
    }

    async fn introduce(&self, name: &str) -> Result<Option<String>, String> {
        let mut text = format!(
            "Source `{name}`: SQL in the {} dialect (Trino's functions, SHOW and DESCRIBE), read-only: statements that \
             change anything are refused. One statement a call. Database: {}.",
            Dialect::Athena,
            self.backend.database()
        );
        if let Some(notes) = &self.notes {
            let _ = write!(text, " {notes}");
        }
        if let Some(filtered) = self.guard.filters.introduce() {
            let _ = write!(text, " {filtered}");
        }
        match self.backend.tables().await {
            Ok(tables) if tables.is_empty() => Ok(Some(text)),
            Ok(tables) => {
                let _ = write!(text, " Tables:\n- {}", tables.join("\n- "));
                Ok(Some(text))
            }
            Err(_) => Err(format!("{text} Its tables cannot be listed just now.")),
        }
    }

    async fn probe(&self) -> Result<Probe, String> {
        self.try_out("SELECT 1".to_owned()).await.map_err(|error| error.message)?;
        self.prove_filters().await.map_err(|unfit| unfit.reason)?;
        Ok(Probe::default())
    }

    fn summary(&self) -> String {
        format!("{}, read-only{}", self.backend.summary(), self.guard.filters.summary())
    }

    fn iam(&self) -> Vec<super::Statement> {
        self.backend.iam()
    }

    fn tells_callers_apart(&self) -> bool {
        !self.guard.filters.is_empty()
    }
}

impl Query {
    /// Proves that the filters of rows fit, where that costs nothing; no statement of a plugin is run before.
    async fn prove_filters(&self) -> Result<(), Unfit> {
        if self.backend.is_inside() {
            self.guard.filters.prove(|statement| self.try_out(statement)).await?;
        }
        Ok(())
    }

    /// Runs a statement of the host's own that reads, to its end.
    async fn try_out(&self, text: String) -> Result<(), Error> {
        let execution = self.run(Statement::new(&text, Vec::new())?).await?;
        let status = execution.wait(self.limits.time_max).await;
        match (status.state, status.error) {
            (query::State::Succeeded, _) => Ok(()),
            (_, Some(error)) => Err(error),
            (_, None) => Err(self.limits.too_slow()),
        }
    }

    /// Submits a statement, if it only reads. Dropping what comes back stops it.
    async fn submit(&self, caller: &Caller, statement: &str, parameters: Vec<Value>) -> Result<Execution, Error> {
        let statement = self.check(caller, statement, parameters)?;
        self.prove_filters().await?;
        self.run(statement).await
    }

    async fn run(&self, statement: Statement) -> Result<Execution, Error> {
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            let message = format!(
                "{} statements run on this source already, which is its `queries_max`; try again when one has ended",
                self.queries_max
            );
            return Err(Error { retry_after_ms: Some(1_000), ..Error::new(ErrorKind::Limited, message) });
        };
        Execution::begin(Arc::clone(&self.backend), self.limits, place, statement).await
    }

    /// What a policy is told of a statement, before the guard lets it through or not.
    fn facts(&self, statement: &str) -> Facts {
        self.guard.facts(statement)
    }

    /// Lets a statement through that does no more than read.
    fn check(&self, caller: &Caller, statement: &str, parameters: Vec<Value>) -> Result<Statement, Error> {
        let judged = self.guard.judge(statement);
        let (verdict, sightings) =
            judged.verdict().map_err(|refusal| Error::new(ErrorKind::Invalid, refusal.to_string()))?;
        match verdict.class {
            class @ Class::Read => {
                let statement = self.guard.narrow(statement, class, sightings, caller)?;
                Statement::new(&statement, parameters)
            }
            class => {
                let message = format!("{} (class {class}); this source grants reads only", verdict.reason);
                Err(Error::new(ErrorKind::Denied, message))
            }
        }
    }
}
