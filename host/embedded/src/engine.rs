//! One folder as one database, and the threads that its statements run on.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use datafusion::object_store::local::LocalFileSystem;
use tokio::runtime::{Builder, Runtime};

use crate::known::Tables;
use crate::rows::Work;
use crate::run::Run;
use crate::{Column, Error, Rows, Value, folder, render};

/// The stack of a thread: planners walk down what stands in each other, and `OPERATORS_MAX` may.
const STACK: usize = 64 << 20;

/// What one statement may use.
#[derive(Debug, Clone)]
pub struct Limits {
    /// The memory of one statement, in bytes. Nothing is spilt to disk.
    pub memory_bytes: usize,
    /// How long one statement may run: from `run` until its last row is fetched.
    pub time: Duration,
    /// How many threads all statements of this engine share, and into how many parts one is split. At least one.
    pub threads: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { memory_bytes: 256 << 20, time: Duration::from_secs(60), threads: 2 }
    }
}

/// One folder as one database. Clones are cheap and share everything.
///
/// Statements run on threads of the engine's own, so that heavy ones do not hold up the tasks of the caller's runtime.
#[derive(Debug, Clone)]
pub struct Engine {
    inner: Arc<Inner>,
}

/// What all statements share.
#[derive(Debug)]
pub(crate) struct Inner {
    /// Without links.
    pub(crate) folder: PathBuf,
    /// In lower case.
    pub(crate) database: String,
    pub(crate) limits: Limits,
    pub(crate) tables: Tables,
    /// None only while it is dropped.
    runtime: Option<Runtime>,
}

impl Drop for Inner {
    /// A runtime that waited for its threads could not be dropped inside of another one.
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Engine {
    /// Serves `folder` as `database`: a table a file (`cases.csv`, `cases.jsonl`, `.ndjson`, `.json`, `cases.parquet`)
    /// or a table a sub-folder of such files. Both are read again at every statement, so what is put there is served.
    /// Nothing outside of the folder is ever read, and links that lead out of it are passed over.
    ///
    /// Errors: `Folder` if it cannot be read, or does not tell which file is which table.
    pub fn open(folder: &Path, database: &str, limits: Limits) -> Result<Engine, Error> {
        let unreadable = |error: std::io::Error| Error::Folder(format!("it cannot be read ({})", error.kind()));
        let folder = folder.canonicalize().map_err(unreadable)?;
        folder::scan(&folder)?;
        let store = LocalFileSystem::new_with_prefix(&folder)
            .map_err(|_| Error::Folder("its name is not one that files can be read by".into()))?;
        let runtime = Builder::new_multi_thread()
            .worker_threads(limits.threads.max(1))
            .thread_name("embedded")
            .thread_stack_size(STACK)
            .enable_all()
            .build()
            .map_err(|error| Error::Failed(format!("the engine's threads do not start ({})", error.kind())))?;
        let tables = Tables::new(Arc::new(store));
        let database = database.to_lowercase();
        Ok(Engine { inner: Arc::new(Inner { folder, database, limits, tables, runtime: Some(runtime) }) })
    }

    /// Runs one statement that reads; `parameters` take the place of its `?`, in their order. Answers when the
    /// statement is planned; what goes wrong later comes from [`Rows::next`].
    pub async fn run(&self, statement: &str, parameters: &[Value]) -> Result<Rows, Error> {
        let (statement, parameters) = (statement.to_owned(), parameters.to_vec());
        self.spawn(move |run, out| async move { run.statement(&statement, &parameters, out).await })?.begun().await
    }

    /// The name of the database, in lower case.
    pub fn database(&self) -> &str {
        &self.inner.database
    }

    /// The names of the tables, sorted. Reads the folder, and waits for the disk.
    pub fn tables(&self) -> Result<Vec<String>, Error> {
        Ok(folder::scan(&self.inner.folder)?.into_keys().collect())
    }

    /// The columns of one table.
    pub async fn describe(&self, table: &str) -> Result<Vec<Column>, Error> {
        let table = table.to_lowercase();
        let mut rows = self
            .spawn(move |run, out| async move {
                let known = run.table(&table).await?;
                let labels: Vec<String> = known.columns.fields().iter().map(|field| field.name().clone()).collect();
                out.begin(render::columns(&known.columns, &labels), known.bytes).await;
                Ok(())
            })?
            .begun()
            .await?;
        while rows.next().await?.is_some() {}
        Ok(rows.columns().to_vec())
    }

    fn spawn<F>(&self, work: impl FnOnce(Run, crate::rows::Out) -> F + Send + 'static) -> Result<Work, Error>
    where
        F: Future<Output = datafusion::error::Result<()>> + Send + 'static,
    {
        let Some(runtime) = &self.inner.runtime else { return Err(Error::Failed("the engine is closed".into())) };
        let inner = self.inner.clone();
        // The folder is read on the engine's threads: it takes as long as the disk does.
        Ok(Work::start(
            runtime.handle(),
            self.inner.clone(),
            move |out| async move { work(Run::new(inner)?, out).await },
        ))
    }
}
