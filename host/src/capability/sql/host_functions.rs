//! The host functions of `wit/deps/sql.wit`: each begins with `permit`.

use futures_util::future::join_all;
use tokio::time::Instant;
use wasmtime::component::Resource;

use super::backend::Transaction;
use super::rows::{Limits, RowStream};
use super::{CallState, Checked, Sql, definer, reads_by_query, writes_by_execute};
use crate::call::{Caller, Facts};
use crate::capability::Permit;
use crate::wit::rows::{Column, Row, Rows};
use crate::wit::sql::{
    Cursor as WitCursor, Effect, Host, HostCursor, HostTransaction, Parameter, Request, Source, Table,
    TableDescription, Transaction as WitTransaction,
};
use crate::wit::{Error, ErrorKind, Failure};
use std::sync::Arc;

/// How many queries `query-many` takes.
const MANY_MAX: usize = 16;

/// How many sets of parameters `execute-batch` takes.
const BATCH_MAX: usize = 1_000;

/// How many cursors and transactions one call may hold at a time.
const OPEN_MAX: usize = 16;

/// What a cursor in a guest's hand stands for.
struct OpenCursor {
    stream: RowStream,
    limits: Limits,
    deadline: Instant,
    rows_left: usize,
}

/// What a transaction in a guest's hand stands for.
struct OpenTransaction {
    source: String,
    grant: Permit<Sql>,
    transaction: Transaction,
}

impl Host for CallState {
    async fn list(&mut self) -> wasmtime::Result<Vec<Source>> {
        let granted = self.granted::<Sql>()?.into_iter();
        let source = |(name, grant): (String, Arc<Sql>)| Source {
            name,
            dialect: grant.backend.dialect().to_string(),
            access: grant.access,
            notes: grant.notes.clone(),
        };
        Ok(granted.map(source).collect())
    }

    async fn query(
        &mut self,
        source: String,
        statement: String,
        parameters: Vec<Parameter>,
        rows_max: Option<u32>,
    ) -> Result<Rows, Failure> {
        let grant = self.permit::<Sql>(&source, "query", |grant| grant.facts(&statement))?;
        let rows = grant.query(&self.caller, &statement, &parameters, rows_max).await?;
        self.uses.note_rows(rows.rows.len());
        Ok(rows)
    }

    async fn query_many(&mut self, requests: Vec<Request>) -> wasmtime::Result<Vec<Result<Rows, Error>>> {
        let too_many = requests.len() > MANY_MAX;
        let mut permitted = Vec::with_capacity(requests.len());
        for request in requests {
            let grant = match self.permit::<Sql>(&request.source, "query", |grant| grant.facts(&request.statement)) {
                Ok(_) if too_many => {
                    Err(Error::new(ErrorKind::Limited, format!("`query-many` takes at most {MANY_MAX} queries")))
                }
                Ok(grant) => Ok(grant),
                Err(failure) => Err(failure.into_answer()?),
            };
            permitted.push((grant, request));
        }
        let caller = &self.caller;
        let queries = permitted.into_iter().map(async |(grant, request)| {
            grant?.query(caller, &request.statement, &request.parameters, request.rows_max).await
        });
        let answers = join_all(queries).await;
        self.uses.note_rows(answers.iter().flatten().map(|rows| rows.rows.len()).sum());
        Ok(answers)
    }

    async fn open(
        &mut self,
        source: String,
        statement: String,
        parameters: Vec<Parameter>,
    ) -> Result<Resource<WitCursor>, Failure> {
        let grant = self.permit::<Sql>(&source, "query", |grant| grant.facts(&statement))?;
        self.room_for_one_more()?;
        let (stream, deadline) = grant.read(&self.caller, &statement, &parameters).await?;
        let limits = grant.limits;
        let cursor = self.table.push(OpenCursor { stream, limits, deadline, rows_left: limits.rows_max });
        Ok(Resource::new_own(cursor.map_err(wasmtime::Error::from)?.rep()))
    }

    async fn execute(
        &mut self,
        source: String,
        statement: String,
        parameters: Vec<Parameter>,
    ) -> Result<Effect, Failure> {
        let grant = self.permit::<Sql>(&source, "execute", |grant| grant.facts(&statement))?;
        self.wrote();
        self.waits_for_nothing_of_its_own(&grant)?;
        Ok(grant.write(&self.caller, &statement, &[parameters]).await?)
    }

    async fn execute_batch(
        &mut self,
        source: String,
        statement: String,
        parameter_sets: Vec<Vec<Parameter>>,
    ) -> Result<Effect, Failure> {
        let grant = self.permit::<Sql>(&source, "execute", |grant| grant.facts(&statement))?;
        self.wrote();
        if parameter_sets.len() > BATCH_MAX {
            let message = format!("`execute-batch` takes at most {BATCH_MAX} sets of parameters");
            return Err(Error::new(ErrorKind::Limited, message).into());
        }
        self.waits_for_nothing_of_its_own(&grant)?;
        Ok(grant.write(&self.caller, &statement, &parameter_sets).await?)
    }

    async fn begin(&mut self, source: String) -> Result<Resource<WitTransaction>, Failure> {
        let grant = self.permit::<Sql>(&source, "execute", |_| Facts::of_class("write"))?;
        self.wrote();
        self.room_for_one_more()?;
        self.waits_for_nothing_of_its_own(&grant)?;
        let transaction = grant.begin().await?;
        let open = self.table.push(OpenTransaction { source, grant, transaction });
        Ok(Resource::new_own(open.map_err(wasmtime::Error::from)?.rep()))
    }

    async fn tables(&mut self, source: String) -> Result<Vec<Table>, Failure> {
        let grant = self.permit::<Sql>(&source, "query", |_| Facts::of_class("read"))?;
        Ok(grant.tables().await?)
    }

    async fn describe(&mut self, source: String, table: String) -> Result<TableDescription, Failure> {
        let grant = self.permit::<Sql>(&source, "query", |_| {
            let tables = vec![table.to_lowercase()];
            Facts { tables, ..Facts::of_class("read") }
        })?;
        Ok(grant.describe(&table).await?)
    }
}

impl HostCursor for CallState {
    async fn columns(&mut self, cursor: Resource<WitCursor>) -> wasmtime::Result<Vec<Column>> {
        self.count_host_call()?;
        let cursor = self.table.get(&Resource::<OpenCursor>::new_borrow(cursor.rep()))?;
        Ok(cursor.stream.columns.clone())
    }

    async fn next(&mut self, cursor: Resource<WitCursor>, rows_max: u32) -> Result<Vec<Row>, Failure> {
        self.count_host_call()?;
        let cursor = Resource::<OpenCursor>::new_borrow(cursor.rep());
        let cursor = self.table.get_mut(&cursor).map_err(wasmtime::Error::from)?;
        let rows = cursor.next(rows_max).await?;
        self.uses.note_rows(rows.len());
        Ok(rows)
    }

    async fn drop(&mut self, cursor: Resource<WitCursor>) -> wasmtime::Result<()> {
        self.table.delete(Resource::<OpenCursor>::new_own(cursor.rep()))?;
        Ok(())
    }
}

impl HostTransaction for CallState {
    async fn query(
        &mut self,
        transaction: Resource<WitTransaction>,
        statement: String,
        parameters: Vec<Parameter>,
        rows_max: Option<u32>,
    ) -> Result<Rows, Failure> {
        self.permit_within(&transaction, "query", &statement)?;
        let caller = Arc::clone(&self.caller);
        let OpenTransaction { grant, transaction, .. } = self.transaction(&transaction)?;
        let Checked::Read(checked) = grant.check(&caller, &statement, &parameters)? else {
            return Err(writes_by_execute().into());
        };
        let (rows, deadline) = grant.in_time(|| transaction.read(checked)).await?;
        let rows = definer::hide(&statement, rows);
        let rows = rows.collect(grant.rows_at_most(rows_max), &grant.limits, deadline).await?;
        self.uses.note_rows(rows.rows.len());
        Ok(rows)
    }

    async fn execute(
        &mut self,
        transaction: Resource<WitTransaction>,
        statement: String,
        parameters: Vec<Parameter>,
    ) -> Result<Effect, Failure> {
        self.permit_within(&transaction, "execute", &statement)?;
        let caller = Arc::clone(&self.caller);
        let OpenTransaction { grant, transaction, .. } = self.transaction(&transaction)?;
        let Checked::Write(statement) = grant.check(&caller, &statement, &parameters)? else {
            return Err(reads_by_query().into());
        };
        let (effect, _) = grant.in_time(|| transaction.write(statement)).await?;
        Ok(effect)
    }

    async fn commit(&mut self, transaction: Resource<WitTransaction>) -> Result<(), Failure> {
        self.count_host_call()?;
        let OpenTransaction { grant, transaction, .. } = self.take_transaction(transaction)?;
        Ok(grant.commit(transaction).await?)
    }

    async fn rollback(&mut self, transaction: Resource<WitTransaction>) -> Result<(), Failure> {
        self.count_host_call()?;
        let OpenTransaction { grant, transaction, .. } = self.take_transaction(transaction)?;
        grant.in_time(|| transaction.rollback()).await?;
        Ok(())
    }

    async fn drop(&mut self, transaction: Resource<WitTransaction>) -> wasmtime::Result<()> {
        self.take_transaction(transaction)?;
        Ok(())
    }
}

impl OpenCursor {
    async fn next(&mut self, rows_max: u32) -> Result<Vec<Row>, Error> {
        if rows_max == 0 {
            let message = "a page of 0 rows would look like the end: ask for 1 at least";
            return Err(Error::new(ErrorKind::Invalid, message));
        }
        let rows_max = usize::try_from(rows_max).unwrap_or(usize::MAX).min(self.rows_left);
        let chunk = self.stream.next(rows_max, &self.limits, self.deadline).await?;
        if self.rows_left == 0 && chunk.more {
            let message = format!("the cursor has handed out all {} rows that the grant allows", self.limits.rows_max);
            return Err(Error::new(ErrorKind::Limited, message));
        }
        self.rows_left = self.rows_left.saturating_sub(chunk.rows.len());
        Ok(chunk.rows)
    }
}

impl Sql {
    async fn query(
        &self,
        caller: &Caller,
        statement: &str,
        parameters: &[Parameter],
        rows_max: Option<u32>,
    ) -> Result<Rows, Error> {
        let (stream, deadline) = self.read(caller, statement, parameters).await?;
        stream.collect(self.rows_at_most(rows_max), &self.limits, deadline).await
    }

    fn rows_at_most(&self, asked: Option<u32>) -> usize {
        let asked = asked.and_then(|rows| usize::try_from(rows).ok());
        asked.map_or(self.limits.rows_max, |rows| rows.min(self.limits.rows_max))
    }
}

impl CallState {
    /// Whether the guest may hold one more cursor or transaction.
    fn room_for_one_more(&mut self) -> Result<(), Error> {
        let held = self.table.iter_mut().filter(|entry| entry.is::<OpenCursor>() || entry.is::<OpenTransaction>());
        if held.count() < OPEN_MAX {
            return Ok(());
        }
        let message = format!("a call may hold {OPEN_MAX} cursors and transactions at a time; drop one first");
        Err(Error::new(ErrorKind::Limited, message))
    }

    /// Whether nothing that the call itself holds keeps it from writing to this source: else
    /// it would wait for itself.
    fn waits_for_nothing_of_its_own(&mut self, grant: &Permit<Sql>) -> Result<(), Error> {
        let mut held = self.table.iter_mut().filter_map(|entry| entry.downcast_ref::<OpenTransaction>());
        if held.any(|open| open.grant.has_grant_of(grant) && open.transaction.keeps_others_from_writing()) {
            let message = "this source has one writer at a time, and the call holds a transaction there already: \
                           write in that one, or end it first";
            return Err(Error::new(ErrorKind::Limited, message));
        }
        Ok(())
    }

    /// Whether a statement may run in a transaction: what it touches was not known when that began.
    fn permit_within(
        &mut self,
        transaction: &Resource<WitTransaction>,
        action: &'static str,
        statement: &str,
    ) -> Result<(), Failure> {
        let source = self.transaction(transaction)?.source.clone();
        // The transaction holds the grant already.
        self.permit::<Sql>(&source, action, |grant| grant.facts(statement)).map(drop)
    }

    fn transaction(&mut self, transaction: &Resource<WitTransaction>) -> wasmtime::Result<&mut OpenTransaction> {
        Ok(self.table.get_mut(&Resource::new_borrow(transaction.rep()))?)
    }

    fn take_transaction(&mut self, transaction: Resource<WitTransaction>) -> wasmtime::Result<OpenTransaction> {
        Ok(self.table.delete(Resource::new_own(transaction.rep()))?)
    }
}
