//! What every SQL backend can do, and the closed set of them.

use super::mysql::{self, Mysql};
use super::rds_data::{self, RdsData};
use super::rows::RowStream;
use super::script::{self, Script};
use super::sqlite::{self, Sqlite};
use super::statement::{Statement, Style};
use crate::capability::{Probe, Statement as IamStatement};
use crate::guard::Dialect;
use crate::wit::rows::Value;
use crate::wit::sql::Effect;
use crate::wit::{Error, ErrorKind};

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

    /// Runs a statement that writes once for each set of values, inside the transaction.
    pub(super) async fn write_all(&mut self, text: String, sets: Vec<Vec<Value>>) -> Result<Effect, Error> {
        if let Self::RdsData(transaction) = self {
            return transaction.write_all(&text, sets).await;
        }
        let mut total = Effect { rows_affected: 0, inserted_id: None };
        for values in sets {
            let one = self.write(Statement { text: text.clone(), values }).await?;
            total = Effect { rows_affected: total.rows_affected + one.rows_affected, inserted_id: one.inserted_id };
        }
        Ok(total)
    }

    /// Whether nobody else can write to the source before it has ended.
    pub(super) fn keeps_others_from_writing(&self) -> bool {
        match self {
            Self::Sqlite(transaction) => transaction.is_open(),
            Self::Mysql(_) | Self::RdsData(_) | Self::Script(_) => false,
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

    /// Undoes it; well and good if it is undone already.
    pub(super) async fn rollback(self) -> Result<(), Error> {
        match self {
            Self::Sqlite(transaction) => transaction.rollback().await,
            Self::Mysql(transaction) => transaction.rollback().await,
            Self::RdsData(transaction) => transaction.rollback().await,
            Self::Script(_) => Ok(()),
        }
    }
}

/// Whether a transaction can go on after this error of one of its statements: only if the
/// statement was refused. After a deadlock, a timeout or a lost connection, part of what
/// came before may be undone already, and what follows would stand alone.
pub(super) fn spares_transaction(error: &Error) -> bool {
    matches!(error.kind, ErrorKind::Invalid | ErrorKind::Denied)
}

/// The error of a transaction that such a statement has ended.
pub(super) fn is_over() -> Error {
    let message = "the transaction was rolled back when one of its statements was cut off or failed";
    Error::new(ErrorKind::Failed, message)
}

/// The error of a commit that was sent and not answered.
pub(super) fn unknown_commit() -> Error {
    let message = "the database gave no answer while the changes were made permanent: look whether they were";
    Error::new(ErrorKind::Unavailable, message)
}

/// The error for whoever waits for a connection in vain.
pub(super) fn no_connection_left() -> Error {
    let message = "every connection to this source is in use; try again, or ask the operator for more `connections`";
    Error { retry_after_ms: Some(1_000), ..Error::new(ErrorKind::Limited, message) }
}
