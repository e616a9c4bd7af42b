//! One folder as one database.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::{Column, Error, Rows, Value};

/// What one statement may use.
#[derive(Debug, Clone)]
pub struct Limits {
    /// The memory of one statement, in bytes. Nothing is spilt to disk.
    pub memory_bytes: usize,
    /// How long one statement may run, from `run` to its last row.
    pub time: Duration,
    /// How many threads all statements of this engine share, and into how many parts one is split.
    pub threads: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { memory_bytes: 256 << 20, time: Duration::from_secs(60), threads: 2 }
    }
}

/// One folder as one database. Clones are cheap and share everything.
#[derive(Debug, Clone)]
pub struct Engine {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    limits: Limits,
}

impl Engine {
    /// Serves `folder` as `database`: a table a file (`cases.csv`, `cases.jsonl`, `.ndjson`, `.json`, `cases.parquet`)
    /// or a table a sub-folder of such files. Which tables there are is read now, what is in them at their first query.
    /// Nothing outside of the folder is ever read, and links that lead out of it are passed over.
    pub fn open(folder: &Path, database: &str, limits: Limits) -> Result<Engine, Error> {
        let _ = (folder, database);
        Ok(Engine { inner: Arc::new(Inner { limits }) })
    }

    /// Runs one statement that reads; `parameters` take the place of its `?`, in their order. Answers when the
    /// statement is planned; what goes wrong later comes from [`Rows::next`].
    pub async fn run(&self, statement: &str, parameters: &[Value]) -> Result<Rows, Error> {
        let _ = (statement, parameters, &self.inner.limits);
        Err(Error::Failed("not yet".into()))
    }

    /// The name of the database.
    pub fn database(&self) -> &str {
        ""
    }

    /// The names of the tables, sorted.
    pub fn tables(&self) -> Vec<String> {
        Vec::new()
    }

    /// The columns of one table.
    pub async fn describe(&self, table: &str) -> Result<Vec<Column>, Error> {
        Err(Error::UnknownTable { name: table.into(), there_are: self.tables() })
    }
}
