//! Where statements run: connections to the database, transactions that outlive a call,
//! and the two clocks that end them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Opts, OptsBuilder, Params, Value};
use serde_json::{Value as Json, json};

use super::rows::{Records, metadata};
use super::statement::Statement;
use super::wire::{Input, no_transaction};
use crate::aws::{Refusal, held};
use crate::mariadb;

/// The clocks, which a test may turn forward.
#[derive(Clone, Copy)]
pub(super) struct Clocks {
    /// How long one call may take.
    pub(super) call_max: Duration,
    /// How long a transaction may wait for its next call.
    pub(super) idle_max: Duration,
}

/// A transaction: under a call, or waiting for one since when.
enum Transaction {
    Busy,
    Idle(Conn, Instant),
}

/// How an emulator reaches its database, and the transactions open there.
pub(super) struct Sessions {
    options: Opts,
    pub(super) clocks: Mutex<Clocks>,
    transactions: Mutex<HashMap<String, Transaction>>,
}

impl Sessions {
    /// `options` say where the database is, and as whom to connect.
    pub(super) fn new(options: Opts, clocks: Clocks) -> Arc<Self> {
        let (clocks, transactions) = (Mutex::new(clocks), Mutex::default());
        Arc::new(Self { options, clocks, transactions })
    }

    /// Begins a transaction and answers with its id.
    pub(super) async fn begin(self: &Arc<Self>, input: &Input) -> Result<Json, Refusal> {
        let mut connection = self.connect(input).await?;
        // Not START TRANSACTION: after a statement that commits by itself, such as DDL,
        // the next one is to begin a transaction again.
        connection.query_drop("SET autocommit = 0").await?;
        let id = mariadb::random().map_err(|error| failed(&error))?;
        held(&self.transactions).insert(id.clone(), Transaction::Busy);
        self.put_back(&id, connection);
        Ok(json!({ "transactionId": id }))
    }

    /// Ends a transaction with `COMMIT` or `ROLLBACK`.
    pub(super) async fn end(&self, input: &Input, statement: &str) -> Result<(), Refusal> {
        let id = input.transaction_id.as_deref().unwrap_or_default();
        let mut connection = self.take(id)?;
        held(&self.transactions).remove(id);
        Ok(connection.query_drop(statement).await?)
    }

    /// Runs the statement once for each set of parameters, and answers for each.
    ///
    /// A call that takes too long is broken off, and the transaction that it was part of
    /// with it, unless it asked to continue.
    pub(super) async fn run(
        self: &Arc<Self>,
        input: Input,
        sets: Vec<Vec<Value>>,
        statement: Statement,
    ) -> Result<Vec<Json>, Refusal> {
        let transaction = input.transaction_id.clone();
        let mut connection = match &transaction {
            Some(id) => self.take(id)?,
            None => self.connect(&input).await?,
        };
        let (number, lasting) = (connection.id(), input.continue_after_timeout);
        let sessions = Arc::clone(self);
        let work = tokio::spawn({
            let transaction = transaction.clone();
            async move {
                let answers = execute_all(&mut connection, &statement, sets, &input).await;
                if let Some(id) = &transaction {
                    sessions.put_back(id, connection);
                }
                answers
            }
        });
        let call_max = held(&self.clocks).call_max;
        let sessions = Arc::clone(self);
        let watch = async move {
            if let Ok(done) = tokio::time::timeout(call_max, work).await {
                return done.unwrap_or_else(|error| Err(failed(&error)));
            }
            if !lasting {
                if let Some(id) = &transaction {
                    held(&sessions.transactions).remove(id);
                }
                // One may always kill one's own connections. If it has just ended, so much the better.
                if let Ok(mut killer) = Conn::new(sessions.options.clone()).await {
                    let _ = killer.query_drop(format!("KILL {number}")).await;
                }
            }
            Err(Refusal::new(400, "StatementTimeoutException", "Request timed out"))
        };
        // A caller who hangs up ends nothing: the statement goes on until it is done or too late.
        tokio::spawn(watch).await.unwrap_or_else(|error| Err(failed(&error)))
    }

    async fn connect(&self, input: &Input) -> Result<Conn, Refusal> {
        let options = OptsBuilder::from_opts(self.options.clone())
            .db_name(input.database.clone())
            // As the service does: an UPDATE counts the rows that it found.
            .client_found_rows(true);
        Ok(Conn::new(options).await?)
    }

    /// Takes the connection of a transaction for one call.
    fn take(&self, id: &str) -> Result<Conn, Refusal> {
        let mut transactions = held(&self.transactions);
        let transaction = transactions.get_mut(id).ok_or_else(|| no_transaction(id))?;
        match std::mem::replace(transaction, Transaction::Busy) {
            Transaction::Idle(connection, _) => Ok(connection),
            Transaction::Busy => {
                Err(Refusal::new(400, "DatabaseErrorException", "Transaction is still running a query"))
            }
        }
    }

    /// Lets a transaction wait for its next call; if none comes in time, it is over. One
    /// that was ended meanwhile stays so.
    fn put_back(self: &Arc<Self>, id: &str, connection: Conn) {
        let now = Instant::now();
        match held(&self.transactions).get_mut(id) {
            Some(transaction) => *transaction = Transaction::Idle(connection, now),
            None => return,
        }
        let idle_max = held(&self.clocks).idle_max;
        let (sessions, id) = (Arc::downgrade(self), id.to_owned());
        tokio::spawn(async move {
            tokio::time::sleep(idle_max).await;
            let Some(sessions) = sessions.upgrade() else { return };
            let mut transactions = held(&sessions.transactions);
            if matches!(transactions.get(&id), Some(Transaction::Idle(_, since)) if *since == now) {
                transactions.remove(&id);
            }
        });
    }
}

fn failed(error: &impl std::fmt::Display) -> Refusal {
    Refusal::new(500, "InternalServerErrorException", error.to_string())
}

/// Runs the statement with each set of values, up to the first that fails.
async fn execute_all(
    connection: &mut Conn,
    statement: &Statement,
    sets: Vec<Vec<Value>>,
    input: &Input,
) -> Result<Vec<Json>, Refusal> {
    let mut answers = Vec::with_capacity(sets.len());
    for set in sets {
        answers.push(execute(connection, &statement.text, set, input).await?);
    }
    Ok(answers)
}

/// Runs one statement and answers as `ExecuteStatement` does.
async fn execute(connection: &mut Conn, statement: &str, values: Vec<Value>, input: &Input) -> Result<Json, Refusal> {
    let mut result = connection.exec_iter(statement, Params::Positional(values)).await?;
    let columns = result.columns().unwrap_or_default();
    if columns.is_empty() {
        let updated = result.affected_rows();
        let generated = result.last_insert_id().map(|id| json!({ "longValue": id }));
        result.drop_result().await?;
        return Ok(json!({
            "generatedFields": generated.into_iter().collect::<Vec<_>>(),
            "numberOfRecordsUpdated": updated,
        }));
    }
    let mut records = Records::new(&columns, &input.result_set_options);
    while let Some(row) = result.next().await? {
        records.push(row)?;
    }
    result.drop_result().await?;
    let mut answer = json!({ "numberOfRecordsUpdated": 0 });
    if input.format_records_as.as_deref() == Some("JSON") {
        answer["formattedRecords"] = json!(records.formatted());
        return Ok(answer);
    }
    answer["records"] = records.records();
    if input.include_result_metadata {
        answer["columnMetadata"] = metadata(&columns);
    }
    Ok(answer)
}
