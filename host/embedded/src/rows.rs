//! The answer to a statement, batch by batch.

use crate::{Column, Error, Value};

/// The answer to a statement, batch by batch. Dropping it stops the statement.
#[derive(Debug)]
pub struct Rows {
    columns: Vec<Column>,
    bytes_scanned: u64,
}

impl Rows {
    /// The columns, in the order of the statement.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// The next rows, each with one value a column; none after the last. A batch holds 8192 rows at most and is never
    /// empty.
    pub async fn next(&mut self) -> Result<Option<Vec<Vec<Value>>>, Error> {
        Ok(None)
    }

    /// How large the files of the tables are that the statement reads, in bytes.
    pub fn bytes_scanned(&self) -> u64 {
        self.bytes_scanned
    }
}
