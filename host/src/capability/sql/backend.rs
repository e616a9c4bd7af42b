//! What every SQL backend can do, and the closed set of them.

use super::mysql::{self, Mysql};
use super::rds_data::{self, RdsData};
use super::rows::RowStream;
use super::script::{self, Script};
use super::sqlite::{self, Sqlite};
use super::statement::{Statement, Style};
use crate::capability::{Probe, Statement as IamStatement};
use crate::guard::Dialect;
use crate::wit::Error;
use crate::wit::rows::Value;
use crate::wit::sql::Effect;

/// Where the rows are.
pub(super) enum Backend {
    Sqlite(Sqlite),
    Mysql(Mysql),
    RdsData(RdsData),
    Script(Script),
}

/// Several statements that happen together or not at all. Dropping one rolls it back.
pub(super) enum Transaction {
    Sqlite(sqlite::Transaction),
    Mysql(mysql::Transaction),
    RdsData(rds_data::Transaction),
    Script(script::Transaction),
}

impl Backend {
    /// The SQL that it speaks.
    pub(super) fn dialect(&self) -> Dialect {
        match self {
            Self::Sqlite(_) => Dialect::Sqlite,
            Self::Mysql(_) | Self::RdsData(_) => Dialect::Mysql,
            Self::Script(script) => script.dialect(),
        }
    }

    /// How it writes placeholders.
    pub(super) fn style(&self) -> Style {
        match self {
            Self::Sqlite(_) | Self::Mysql(_) | Self::Script(_) => Style::Positional,
            Self::RdsData(_) => Style::Named,
        }
    }

    /// Runs a statement that reads. Dropping the stream cancels what is left of it.
    pub(super) async fn read(&self, statement: Statement) -> Result<RowStream, Error> {
        match self {
            Self::Sqlite(backend) => backend.read(statement).await,
            Self::Mysql(backend) => backend.read(statement).await,
            Self::RdsData(backend) => backend.read(statement).await,
            Self::Script(backend) => backend.read(&statement),
        }
    }

    /// Runs a statement once for each set of values, in one transaction.
    pub(super) async fn write(&self, text: String, sets: Vec<Vec<Value>>) -> Result<Effect, Error> {
        match self {
            Self::Sqlite(backend) => backend.write(text, sets).await,
            Self::Mysql(backend) => backend.write(text, sets).await,
            Self::RdsData(backend) => backend.write(text, sets).await,
            Self::Script(backend) => backend.write(&text, &sets),
        }
    }

    /// Begins a transaction.
    pub(super) async fn begin(&self) -> Result<Transaction, Error> {
        match self {
            Self::Sqlite(backend) => backend.begin().await.map(Transaction::Sqlite),
            Self::Mysql(backend) => backend.begin().await.map(Transaction::Mysql),
            Self::RdsData(backend) => backend.begin().await.map(Transaction::RdsData),
            Self::Script(backend) => Ok(Transaction::Script(backend.begin())),
        }
    }

    /// Looks whether it answers, and at what an operator should mend.
    pub(super) async fn probe(&self) -> Result<Probe, String> {
        match self {
            Self::Sqlite(backend) => backend.probe().await,
            Self::Mysql(backend) => backend.probe().await,
            Self::RdsData(backend) => backend.probe().await,
            Self::Script(_) => Ok(Probe::default()),
        }
    }

    /// What it is, in a few words for the operator: never a secret.
    pub(super) fn summary(&self) -> String {
        match self {
            Self::Sqlite(backend) => backend.summary(),
            Self::Mysql(backend) => backend.summary(),
            Self::RdsData(backend) => backend.summary(),
            Self::Script(_) => "scripted answers".to_owned(),
        }
    }

    /// What the host's AWS role must be allowed.
    pub(super) fn iam(&self) -> Vec<IamStatement> {
        match self {
            Self::RdsData(backend) => backend.iam(),
            Self::Sqlite(_) | Self::Mysql(_) | Self::Script(_) => Vec::new(),
        }
    }
}

impl Transaction {
    /// As [`Backend::read`], inside the transaction.
    pub(super) async fn read(&mut self, statement: Statement) -> Result<RowStream, Error> {
        match self {
            Self::Sqlite(transaction) => transaction.read(statement).await,
            Self::Mysql(transaction) => transaction.read(statement).await,
            Self::RdsData(transaction) => transaction.read(statement).await,
            Self::Script(transaction) => transaction.read(&statement),
        }
    }

    /// Runs a statement that writes, inside the transaction.
    pub(super) async fn write(&mut self, statement: Statement) -> Result<Effect, Error> {
        match self {
            Self::Sqlite(transaction) => transaction.write(statement).await,
            Self::Mysql(transaction) => transaction.write(statement).await,
            Self::RdsData(transaction) => transaction.write(statement).await,
            Self::Script(transaction) => transaction.write(&statement),
        }
    }

    /// Makes it permanent.
    pub(super) async fn commit(self) -> Result<(), Error> {
        match self {
            Self::Sqlite(transaction) => transaction.commit().await,
            Self::Mysql(transaction) => transaction.commit().await,
            Self::RdsData(transaction) => transaction.commit().await,
            Self::Script(_) => Ok(()),
        }
    }

    /// Undoes it.
    pub(super) async fn rollback(self) -> Result<(), Error> {
        match self {
            Self::Sqlite(transaction) => transaction.rollback().await,
            Self::Mysql(transaction) => transaction.rollback().await,
            Self::RdsData(transaction) => transaction.rollback().await,
            Self::Script(_) => Ok(()),
        }
    }
}
