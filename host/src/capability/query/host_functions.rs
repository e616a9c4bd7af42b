//! The host functions of `wit/deps/query.wit`: each begins with `permit`, or with what one that
//! began so has handed out.
//!
//! What an agent takes away to bring back later, ids and cursors, goes out under seal: it opens
//! to the same caller, plugin and grant, and a cursor with its own statement alone. And it opens only
//! as long as the caller sees the same rows: not to one that has lost a role meanwhile.

use std::sync::Arc;
use std::time::Duration;

use wasmtime::component::Resource;

use super::execution::{Execution, Run};
use super::page::{Page, no_such_page};
use super::{CallState, Query};
use crate::call::Facts;
use crate::capability::{Capability, Permit};
use crate::guard::Dialect;
use crate::wit::query::{Execution as WitExecution, Host, HostExecution, Page as WitPage, Source, Status};
use crate::wit::rows::Value;
use crate::wit::{Error, ErrorKind, Failure};

/// How many statements one call may hold at a time.
const OPEN_MAX: usize = 16;

/// What an execution in a guest's hand stands for.
struct Open {
    source: String,
    grant: Permit<Query>,
    execution: Execution,
}

/// What of an answer is sealed.
#[derive(Clone, Copy)]
enum Sealed<'a> {
    /// The id of a statement.
    Statement,
    /// The place of a page in the answer to this statement.
    Page(&'a str),
}

impl Host for CallState {
    async fn list(&mut self) -> wasmtime::Result<Vec<Source>> {
        let granted = self.granted::<Query>()?.into_iter();
        let source = |(name, grant): (String, Arc<Query>)| Source {
            name,
            dialect: Dialect::Athena.to_string(),
            database: grant.backend.database().to_owned(),
            notes: grant.notes.clone(),
        };
        Ok(granted.map(source).collect())
    }

    async fn submit(
        &mut self,
        source: String,
        statement: String,
        parameters: Vec<Value>,
    ) -> Result<Resource<WitExecution>, Failure> {
        let grant = self.permit::<Query>(&source, "submit", |grant| grant.facts(&statement))?;
        if self.table.iter_mut().filter(|entry| entry.is::<Open>()).count() >= OPEN_MAX {
            let message = format!("a call may hold {OPEN_MAX} statements at a time; drop one first");
            return Err(Error::new(ErrorKind::Limited, message).into());
        }
        let execution = grant.submit(&self.caller, &statement, parameters).await?;
        let open = self.table.push(Open { source, grant, execution });
        Ok(Resource::new_own(open.map_err(wasmtime::Error::from)?.rep()))
    }

    async fn inspect(&mut self, source: String, id: String) -> Result<Status, Failure> {
        let grant = self.permit::<Query>(&source, "inspect", |_| Facts::of_class("read"))?;
        let id = self.unseal_id(&grant, &source, &id)?;
        Ok(grant.detached.get(&id)?.0.status())
    }

    async fn fetch(
        &mut self,
        source: String,
        id: String,
        cursor: Option<String>,
        rows_max: u32,
    ) -> Result<WitPage, Failure> {
        let grant = self.permit::<Query>(&source, "fetch", |_| Facts::of_class("read"))?;
        let id = self.unseal_id(&grant, &source, &id)?;
        let (run, _) = grant.detached.get(&id)?;
        let from = self.unseal_cursor(&grant, &source, &run, cursor)?;
        let page = run.page(from.as_deref(), rows_max).await?;
        Ok(self.seal_page(&grant, &source, &run, page))
    }

    async fn stop(&mut self, source: String, id: String) -> Result<(), Failure> {
        let grant = self.permit::<Query>(&source, "stop", |_| Facts::of_class("read"))?;
        let id = self.unseal_id(&grant, &source, &id)?;
        let (run, stop) = grant.detached.get(&id)?;
        stop.cancel();
        Ok(run.stopped().await?)
    }
}

impl HostExecution for CallState {
    async fn wait(&mut self, execution: Resource<WitExecution>, time_max_ms: u32) -> Result<Status, Failure> {
        self.count_host_call()?;
        let open = self.execution(&execution)?;
        Ok(open.execution.wait(Duration::from_millis(time_max_ms.into())).await)
    }

    async fn fetch(
        &mut self,
        execution: Resource<WitExecution>,
        cursor: Option<String>,
        rows_max: u32,
    ) -> Result<WitPage, Failure> {
        self.count_host_call()?;
        let open = self.execution(&execution)?;
        let (grant, source) = (open.grant.grant(), open.source.clone());
        let run = open.execution.run().clone();
        let from = self.unseal_cursor(&grant, &source, &run, cursor)?;
        let page = run.page(from.as_deref(), rows_max).await?;
        Ok(self.seal_page(&grant, &source, &run, page))
    }

    async fn detach(&mut self, execution: Resource<WitExecution>) -> wasmtime::Result<String> {
        self.count_host_call()?;
        let Open { source, grant, execution } = self.take_execution(execution)?;
        let id = self.seal(&grant, &source, Sealed::Statement, &execution.run().id());
        grant.detached.keep(execution);
        Ok(id)
    }

    async fn drop(&mut self, execution: Resource<WitExecution>) -> wasmtime::Result<()> {
        self.take_execution(execution)?;
        Ok(())
    }
}

impl CallState {
    fn execution(&mut self, execution: &Resource<WitExecution>) -> wasmtime::Result<&mut Open> {
        Ok(self.table.get_mut(&Resource::new_borrow(execution.rep()))?)
    }

    fn take_execution(&mut self, execution: Resource<WitExecution>) -> wasmtime::Result<Open> {
        Ok(self.table.delete(Resource::new_own(execution.rep()))?)
    }

    /// Does something with what a seal of this call is good for: its caller and the rows that it sees, its
    /// plugin, one grant.
    fn in_context<T>(&self, grant: &Query, source: &str, what: Sealed<'_>, seal: impl FnOnce(&[&str]) -> T) -> T {
        let (what, statement) = match what {
            Sealed::Statement => ("statement", ""),
            Sealed::Page(statement) => ("page", statement),
        };
        let sight = grant.guard.filters.sight(&self.caller);
        seal(&[Query::NAME, what, &self.caller.name, &sight, &self.scope.plugin, source, statement])
    }

    fn seal(&self, grant: &Query, source: &str, what: Sealed<'_>, text: &str) -> String {
        self.in_context(grant, source, what, |context| self.scope.seal.close(context, text))
    }

    fn unseal(&self, grant: &Query, source: &str, what: Sealed<'_>, sealed: &str) -> Option<String> {
        self.in_context(grant, source, what, |context| self.scope.seal.open(context, sealed).map(str::to_owned))
    }

    fn unseal_id(&self, grant: &Query, source: &str, sealed: &str) -> Result<String, Error> {
        self.unseal(grant, source, Sealed::Statement, sealed).ok_or_else(|| {
            let message = "there is no statement of this id here: use an id as it was handed out, for the same source; \
                           ids end with the host's process";
            Error::new(ErrorKind::NotFound, message)
        })
    }

    fn unseal_cursor(
        &self,
        grant: &Query,
        source: &str,
        run: &Run,
        cursor: Option<String>,
    ) -> Result<Option<String>, Error> {
        let Some(sealed) = cursor else { return Ok(None) };
        let from = self.unseal(grant, source, Sealed::Page(&run.id()), &sealed);
        from.map(Some).ok_or_else(no_such_page)
    }

    /// The page as the plugin gets it.
    fn seal_page(&self, grant: &Query, source: &str, run: &Run, page: Page) -> WitPage {
        self.uses.note_rows(page.rows.len());
        let id = run.id();
        let cursor = page.next.map(|next| self.seal(grant, source, Sealed::Page(&id), &next));
        WitPage { columns: page.columns, rows: page.rows, cursor }
    }
}
