//! Relational databases, each known to the plugin by the name of its grant.
//!
//! The host holds the address and the credential, checks every statement, and refuses
//! one that does more than the grant allows. Values never go into the text of a
//! statement: they take the place of `?`, or of `:name` by means of [`named`].
//!
//! ```no_run
//! use toolhost_sdk::{Result, sql};
//!
//! fn open_tickets(customer: &str) -> Result<sql::Rows> {
//!     sql::source()?.query(
//!         "select subject from support_tickets where customer_id = ? and status = ?",
//!         &[customer.into(), "open".into()],
//!     )
//! }
//! ```

mod parameter;

pub use crate::wit::toolhost::sql::sql::{
    Access, Cursor, Effect, ForeignKey, Index, Parameter, Request, Source, Table, TableColumn, TableDescription,
    TableKind, Transaction, list as sources, query_many,
};
pub use parameter::{Parameters, named};

pub use crate::rows::{Column, ColumnKind, Row, Rows, Value};

use crate::Result;
use crate::granted::{self, Granted};
use crate::wit::toolhost::sql::sql as host;

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
    const WHAT: &'static str = "SQL source";

    fn name(&self) -> &str {
        &self.name
    }
}

/// A granted source is what statements are sent to.
///
/// The errors are those of the contract: `invalid` (the statement does not parse, is not
/// one statement, or its parameters do not fit), `denied` (the grant does not allow it),
/// `limited` (it took too long), `unavailable` (the database cannot be reached) and
/// `failed` (the database refused it).
impl Source {
    /// Runs one statement that reads, and answers with as many rows as the grant allows.
    pub fn query(&self, statement: &str, parameters: &[Parameter]) -> Result<Rows> {
        host::query(&self.name, statement, parameters, None)
    }

    /// As [`Source::query`], with at most `rows_max` rows.
    pub fn query_at_most(&self, rows_max: u32, statement: &str, parameters: &[Parameter]) -> Result<Rows> {
        host::query(&self.name, statement, parameters, Some(rows_max))
    }

    /// A query of this source for [`query_many`], which runs up to 16 at the same time.
    pub fn request(&self, statement: impl Into<String>, parameters: impl Into<Vec<Parameter>>) -> Request {
        Request {
            source: self.name.clone(),
            statement: statement.into(),
            parameters: parameters.into(),
            rows_max: None,
        }
    }

    /// Runs one statement that reads, and hands its rows out bit by bit.
    pub fn open(&self, statement: &str, parameters: &[Parameter]) -> Result<Cursor> {
        host::open(&self.name, statement, parameters)
    }

    /// Runs one statement that inserts, updates or deletes rows, in a transaction of its own.
    pub fn execute(&self, statement: &str, parameters: &[Parameter]) -> Result<Effect> {
        host::execute(&self.name, statement, parameters)
    }

    /// Runs one statement once for each of at most 1,000 sets of parameters: all or none.
    pub fn execute_batch(&self, statement: &str, parameter_sets: &[Vec<Parameter>]) -> Result<Effect> {
        host::execute_batch(&self.name, statement, parameter_sets)
    }

    /// Begins a transaction; dropping it without [`Transaction::commit`] rolls it back.
    pub fn begin(&self) -> Result<Transaction> {
        host::begin(&self.name)
    }

    /// The tables and views, by name; at most 1,000.
    pub fn tables(&self) -> Result<Vec<Table>> {
        host::tables(&self.name)
    }

    /// One table or view; `not-found` if there is none of that name.
    pub fn describe(&self, table: &str) -> Result<TableDescription> {
        host::describe(&self.name, table)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_is_json_without_empty_words() {
        let table = TableDescription {
            table: Table { name: "t".to_owned(), kind: TableKind::View, comment: None },
            columns: Vec::new(),
            primary_key: vec!["id".to_owned()],
            indexes: Vec::new(),
            foreign_keys: Vec::new(),
        };
        assert_eq!(
            serde_json::to_string(&table).unwrap(),
            r#"{"name":"t","kind":"view","columns":[],"primary_key":["id"],"indexes":[],"foreign_keys":[]}"#
        );
    }
}
