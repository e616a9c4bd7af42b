//! Engines that take their time, each known to the plugin by the name of its grant: submit a
//! statement, wait for it, and fetch its rows page by page.
//!
//! ```no_run
//! use toolhost_sdk::{Result, query, rows::Rows};
//!
//! fn cases(service: &str) -> Result<Rows> {
//!     query::source()?.run("select * from case_summary where servicecode = ?", &[service.into()], 100)
//! }
//! ```

use crate::granted::{self, Granted};
use crate::rows::{Rows, Value};
use crate::wit::toolhost::query::query as host;
pub use crate::wit::toolhost::query::query::{Execution, Page, Source, State, Statistics, Status, list as sources};
use crate::{Error, Result};

/// How long one look at a running statement waits, in milliseconds. The call's own deadline
/// ends what takes longer than the operator allows.
const WAIT_MS: u32 = 60_000;

/// The only source that this plugin was granted.
///
/// `not-found` if it was granted none; `invalid`, with their names, if it was granted
/// more than one: ask for one by [`source_named`].
pub fn source() -> Result<Source> {
    granted::only(sources())
}

/// The granted source of that name. `not-found`, with the names there are, otherwise.
pub fn source_named(name: &str) -> Result<Source> {
    granted::named(sources(), name)
}

impl Granted for Source {
    const WHAT: &'static str = "query source";

    fn name(&self) -> &str {
        &self.name
    }
}

/// A granted source is what statements are submitted to.
///
/// The errors are those of the contract: `invalid` (the statement does not parse, is not one
/// statement, or its parameters do not fit), `denied` (it does anything but read), `limited`
/// (a budget or a limit is reached), `unavailable` and `failed`.
impl Source {
    /// Submits one statement; each `?` in it stands for the next parameter. Dropping what
    /// comes back stops the statement.
    pub fn submit(&self, statement: &str, parameters: &[Value]) -> Result<Execution> {
        host::submit(&self.name, statement, parameters)
    }

    /// Runs one statement to its end, and answers with at most `rows_max` rows.
    pub fn run(&self, statement: &str, parameters: &[Value], rows_max: u32) -> Result<Rows> {
        self.submit(statement, parameters)?.rows(rows_max).map(|(rows, _)| rows)
    }

    /// How far a detached statement has come. `not-found` if the id is not one of this
    /// plugin, source and caller.
    pub fn inspect(&self, id: &str) -> Result<Status> {
        host::inspect(&self.name, id)
    }

    /// One page of the rows of a detached statement: the first without a cursor.
    pub fn fetch(&self, id: &str, cursor: Option<&str>, rows_max: u32) -> Result<Page> {
        host::fetch(&self.name, id, cursor, rows_max)
    }

    /// At most `rows_max` rows of a detached statement, from as many pages as that takes, and
    /// the cursor of those after them.
    pub fn rows_from(&self, id: &str, cursor: Option<&str>, rows_max: u32) -> Result<(Rows, Option<String>)> {
        gather(|cursor, rows_max| self.fetch(id, cursor, rows_max), cursor, rows_max)
    }

    /// Stops a detached statement.
    pub fn stop(&self, id: &str) -> Result<()> {
        host::stop(&self.name, id)
    }
}

impl Execution {
    /// Waits until it has succeeded. Its own error if it has not.
    pub fn success(&self) -> Result<Status> {
        loop {
            let status = self.wait(WAIT_MS)?;
            match status.state {
                State::Queued | State::Running => {}
                State::Succeeded => return Ok(status),
                State::Failed | State::Cancelled => {
                    return Err(status.error.unwrap_or_else(|| Error::failed("The statement did not succeed.")));
                }
            }
        }
    }

    /// Waits until it has succeeded, and answers with at most `rows_max` rows, from as many
    /// pages as that takes.
    pub fn rows(&self, rows_max: u32) -> Result<(Rows, Status)> {
        let status = self.success()?;
        Ok((self.rows_from(None, rows_max)?.0, status))
    }

    /// At most `rows_max` rows of a statement that has succeeded, and the cursor of those after
    /// them, which holds for the statement when it is detached too.
    pub fn rows_from(&self, cursor: Option<&str>, rows_max: u32) -> Result<(Rows, Option<String>)> {
        gather(|cursor, rows_max| self.fetch(cursor, rows_max), cursor, rows_max)
    }
}

/// Rows of as many pages as it takes, and the cursor of those that were left out.
fn gather(
    fetch: impl Fn(Option<&str>, u32) -> Result<Page>,
    cursor: Option<&str>,
    rows_max: u32,
) -> Result<(Rows, Option<String>)> {
    let Page { columns, mut rows, mut cursor } = fetch(cursor, rows_max)?;
    let missing = |rows: &Vec<_>| rows_max.saturating_sub(u32::try_from(rows.len()).unwrap_or(u32::MAX));
    while let (Some(next), 1..) = (&cursor, missing(&rows)) {
        let page = fetch(Some(next), missing(&rows))?;
        rows.extend(page.rows);
        cursor = page.cursor;
    }
    Ok((Rows { columns, rows, truncated: cursor.is_some() }, cursor))
}
