//! What every engine can do, and the closed set of them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use super::athena::{self, Athena};
#[cfg(feature = "embedded")]
use super::embedded::Embedded;
use super::page::{Page, Size};
use super::script::Script;
use super::statement::Statement;
use super::{Limits, OpenError, local};
use crate::capability::Statement as IamStatement;
use crate::config::Bounded;
use crate::wit::query::Status;
use crate::wit::{Error, ErrorKind};

/// `[query.<grant>.embedded]`: a folder of CSV, JSON lines and Parquet files, a table each.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[cfg_attr(not(feature = "embedded"), expect(dead_code, reason = "a build without the engine refuses the table"))]
pub(super) struct EmbeddedConfig {
    /// The folder, relative to this file.
    pub(super) dir: PathBuf,
    /// The name of the database that its tables are in.
    pub(super) database: String,
    /// The memory of one statement, in bytes. What its functions build is bounded apart: 16 MiB a
    /// value, 256 MiB for the rows that are computed together.
    #[serde(default)]
    pub(super) memory_bytes_max: Bounded<16_777_216, 68_719_476_736, 268_435_456>,
}

/// Opens the engine inside the host.
#[cfg(feature = "embedded")]
pub(super) fn open_embedded(config: EmbeddedConfig, dir: &Path, limits: Limits) -> Result<Backend, OpenError> {
    Embedded::open(config, dir, limits).map(Backend::Embedded)
}

/// Says that there is no engine inside this host.
#[cfg(not(feature = "embedded"))]
pub(super) fn open_embedded(_: EmbeddedConfig, _: &Path, _: Limits) -> Result<Backend, OpenError> {
    let message = "this build has no engine of its own: `embedded` needs a toolhost that was built with the cargo \
                   feature `embedded`";
    Err(OpenError::Invalid(message.to_owned()))
}

/// Where statements run.
pub(super) enum Backend {
    Athena(Box<Athena>),
    #[cfg(feature = "embedded")]
    Embedded(Embedded),
    Script(Script),
}

/// A statement that its engine has taken.
pub(super) enum Job {
    Athena(athena::Job),
    Local(local::Job),
}

impl Job {
    /// The engine's own id of it.
    pub(super) fn id(&self) -> String {
        match self {
            Self::Athena(job) => job.id.clone(),
            Self::Local(job) => job.id(),
        }
    }

    /// The memory that its answer holds, in bytes.
    pub(super) fn bytes_held(&self) -> usize {
        match self {
            Self::Athena(_) => 0,
            Self::Local(job) => job.bytes_held(),
        }
    }
}

impl Backend {
    /// The database that statements start from.
    pub(super) fn database(&self) -> &str {
        match self {
            Self::Athena(backend) => backend.database(),
            #[cfg(feature = "embedded")]
            Self::Embedded(backend) => backend.database(),
            Self::Script(backend) => backend.database(),
        }
    }

    /// Submits a statement.
    pub(super) async fn start(&self, statement: Statement) -> Result<Job, Error> {
        match self {
            Self::Athena(backend) => backend.start(statement).await.map(Job::Athena),
            #[cfg(feature = "embedded")]
            Self::Embedded(backend) => Ok(Job::Local(backend.start(statement))),
            Self::Script(backend) => backend.start(&statement).map(Job::Local),
        }
    }

    /// How far a statement has come: after this pause, or sooner if the engine says so.
    pub(super) async fn look(&self, job: &Job, pause: Duration) -> Result<Status, Error> {
        match (self, job) {
            (Self::Athena(backend), Job::Athena(job)) => backend.look(job, pause).await,
            (_, Job::Local(job)) => Ok(job.look(pause).await),
            (_, Job::Athena(_)) => Err(mismatch()),
        }
    }

    /// One page of the rows of a statement that has succeeded; none if it has no page there.
    pub(super) async fn page(&self, job: &Job, from: Option<&str>, size: Size) -> Result<Option<Page>, Error> {
        match (self, job) {
            (Self::Athena(backend), Job::Athena(job)) => backend.page(job, from, size).await,
            (_, Job::Local(job)) => job.page(from, size),
            (_, Job::Athena(_)) => Err(mismatch()),
        }
    }

    /// Stops a statement. One that has ended stays as it is.
    pub(super) async fn stop(&self, job: &Job) -> Result<(), Error> {
        match (self, job) {
            (Self::Athena(backend), Job::Athena(job)) => backend.stop(job).await,
            (_, Job::Local(job)) => {
                job.stop();
                Ok(())
            }
            (_, Job::Athena(_)) => Err(mismatch()),
        }
    }

    /// The error for a statement that has read more than the grant allows.
    pub(super) fn over_budget(&self, bytes_scanned: Option<u64>) -> Option<Error> {
        match self {
            Self::Athena(backend) => backend.over_budget(bytes_scanned?),
            #[cfg(feature = "embedded")]
            Self::Embedded(_) => None,
            Self::Script(_) => None,
        }
    }

    /// Whether it is the engine inside the host, which costs nothing to ask.
    pub(super) fn is_inside(&self) -> bool {
        match self {
            #[cfg(feature = "embedded")]
            Self::Embedded(_) => true,
            Self::Athena(_) | Self::Script(_) => false,
        }
    }

    /// The tables of the database, each as a line for agents: its name and its columns.
    pub(super) async fn tables(&self) -> Result<Vec<String>, Error> {
        match self {
            Self::Athena(backend) => backend.tables().await,
            #[cfg(feature = "embedded")]
            Self::Embedded(backend) => backend.tables().await,
            Self::Script(_) => Ok(Vec::new()),
        }
    }

    /// What it is, in a few words for the operator: never a secret.
    pub(super) fn summary(&self) -> String {
        match self {
            Self::Athena(backend) => backend.summary(),
            #[cfg(feature = "embedded")]
            Self::Embedded(backend) => backend.summary(),
            Self::Script(_) => "scripted answers".to_owned(),
        }
    }

    /// What the host's AWS role must be allowed.
    pub(super) fn iam(&self) -> Vec<IamStatement> {
        match self {
            Self::Athena(backend) => backend.iam(),
            #[cfg(feature = "embedded")]
            Self::Embedded(_) => Vec::new(),
            Self::Script(_) => Vec::new(),
        }
    }
}

/// No statement of one engine ever comes to another.
fn mismatch() -> Error {
    Error::new(ErrorKind::Failed, "the statement is not one of this engine")
}
