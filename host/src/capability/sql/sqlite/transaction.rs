//! A transaction on a SQLite file, and the connection that it has for itself.

use std::sync::Arc;

use rusqlite::Connection;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, mpsc};

use super::super::backend::{is_over, spares_transaction};
use super::super::rows::{Limits, RowStream};
use super::super::statement::Statement;
use super::{Pool, blocking, change, command, rows_of, stop_when};
use crate::wit::Error;
use crate::wit::sql::Effect;

/// A transaction that may write: nobody else does meanwhile.
pub(in super::super) struct Transaction {
    pool: Arc<Pool>,
    /// None only while a statement runs, and once the transaction has ended.
    connection: Option<Connection>,
    _place: OwnedSemaphorePermit,
}

impl Transaction {
    pub(super) async fn begin(pool: Arc<Pool>) -> Result<Self, Error> {
        let place = pool.place().await?;
        let mut transaction = Self { pool, connection: None, _place: place };
        // The lock for writing at once: whoever reads first may find that it is to be had no more.
        transaction.run_on(Pool::take, |connection| command(connection, "BEGIN IMMEDIATE")).await?;
        Ok(transaction)
    }

    /// Whether it has not ended yet.
    pub(in super::super) fn is_open(&self) -> bool {
        self.connection.is_some()
    }

    pub(in super::super) async fn read(&mut self, statement: Statement) -> Result<RowStream, Error> {
        let Limits { rows_max, bytes_max, .. } = self.pool.limits;
        let (columns, rows) = self.run(move |connection| rows_of(connection, &statement, rows_max, bytes_max)).await?;
        Ok(RowStream::ready(columns, rows))
    }

    pub(in super::super) async fn write(&mut self, statement: Statement) -> Result<Effect, Error> {
        self.run(move |connection| change(connection, &statement)).await
    }

    pub(in super::super) async fn commit(mut self) -> Result<(), Error> {
        self.run(|connection| command(connection, "COMMIT")).await
    }

    pub(in super::super) async fn rollback(mut self) -> Result<(), Error> {
        match self.connection {
            Some(_) => self.run(|connection| command(connection, "ROLLBACK")).await,
            None => Ok(()),
        }
    }

    async fn run<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Error> {
        let connection = self.connection.take().ok_or_else(is_over)?;
        self.run_on(move |_| Ok(connection), work).await
    }

    /// Does something on a connection. If the caller goes away meanwhile, the connection is
    /// closed, and with it the transaction rolled back.
    async fn run_on<T: Send + 'static>(
        &mut self,
        connection: impl FnOnce(&Pool) -> rusqlite::Result<Connection> + Send + 'static,
        work: impl FnOnce(&mut Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Error> {
        let pool = Arc::clone(&self.pool);
        let (alive, caller) = mpsc::channel::<()>(1);
        let (done, connection) = blocking(move || {
            let mut connection = connection(&pool).map_err(|error| pool.explain(error))?;
            let done = stop_when(&mut connection, &pool.limits, alive).and_then(|_| work(&mut connection));
            Ok((done.map_err(|error| pool.explain(error)), connection))
        })
        .await?;
        drop(caller);
        if connection.is_autocommit() {
            // It has ended: by our word, or because SQLite rolled it back by itself, as it does
            // when a change is cut off or a table says `ON CONFLICT ROLLBACK`. A statement
            // that came now would stand alone.
            self.pool.give(connection);
        } else if done.as_ref().err().is_none_or(spares_transaction) {
            self.connection = Some(connection);
        } else {
            roll_back(connection);
        }
        done
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            roll_back(connection);
        }
    }
}

/// Closes a connection, and so undoes its transaction: on a thread that may wait, since the
/// file's old pages are read and written back.
fn roll_back(connection: Connection) {
    match Handle::try_current() {
        Ok(runtime) => drop(runtime.spawn_blocking(move || drop(connection))),
        Err(_) => drop(connection),
    }
}
