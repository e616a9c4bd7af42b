//! The answer to a statement, batch by batch, and the task that computes it.

use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::AbortHandle;
use tokio::time::{Duration, Instant, timeout_at};

use crate::engine::Inner;
use crate::{Column, Error, Value};

/// How many batches may wait to be fetched.
const WAITING: usize = 2;

/// A thread that does not yield is given up on this long after the statement's time.
const GRACE: Duration = Duration::from_millis(500);

/// The answer to a statement, batch by batch. Dropping it stops the statement.
#[derive(Debug)]
pub struct Rows {
    columns: Vec<Column>,
    bytes_scanned: u64,
    work: Work,
}

impl Rows {
    /// The columns, in the order of the statement.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// The next rows, each with one value a column; none after the last. A batch holds 8192 rows at most and is never
    /// empty.
    pub async fn next(&mut self) -> Result<Option<Vec<Vec<Value>>>, Error> {
        loop {
            match self.work.next().await? {
                Some(Message::Batch(rows)) if rows.is_empty() => {}
                Some(Message::Batch(rows)) => return Ok(Some(rows)),
                Some(Message::Begin(..)) => {}
                None => return Ok(None),
            }
        }
    }

    /// How large the files of the tables are that the statement reads, in bytes.
    pub fn bytes_scanned(&self) -> u64 {
        self.bytes_scanned
    }
}

#[derive(Debug)]
enum Message {
    Begin(Vec<Column>, u64),
    Batch(Vec<Vec<Value>>),
}

/// A statement that runs.
#[derive(Debug)]
pub(crate) struct Work {
    messages: Receiver<Result<Option<Message>, Error>>,
    task: AbortHandle,
    deadline: Instant,
    limit: Duration,
    ended: bool,
}

/// Stops the task: the streams that it drives go with it.
impl Drop for Work {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Where a statement's task puts what it computes.
#[derive(Debug, Clone)]
pub(crate) struct Out(Sender<Result<Option<Message>, Error>>);

impl Out {
    /// Tells the columns, before any rows.
    pub(crate) async fn begin(&self, columns: Vec<Column>, bytes: u64) {
        // Nobody listens any more: the task is about to be stopped.
        let _ = self.0.send(Ok(Some(Message::Begin(columns, bytes)))).await;
    }

    pub(crate) async fn rows(&self, rows: Vec<Vec<Value>>) {
        let _ = self.0.send(Ok(Some(Message::Batch(rows)))).await;
    }
}

impl Work {
    /// Starts a task on the engine's threads, with the engine's limit of time.
    pub(crate) fn start<F>(handle: &Handle, engine: Arc<Inner>, work: impl FnOnce(Out) -> F) -> Work
    where
        F: Future<Output = datafusion::error::Result<()>> + Send + 'static,
    {
        let (sender, messages) = channel(WAITING);
        let limit = engine.limits.time;
        let deadline = Instant::now() + limit;
        let out = Out(sender.clone());
        let work = work(out);
        let task = handle.spawn(async move {
            let end = match timeout_at(deadline, work).await {
                Ok(Ok(())) => Ok(None),
                Ok(Err(error)) => Err(crate::failure::told(error, &engine)),
                Err(_) => Err(Error::Time { limit }),
            };
            let _ = sender.send(end).await;
        });
        Work { messages, task: task.abort_handle(), deadline, limit, ended: false }
    }

    async fn next(&mut self) -> Result<Option<Message>, Error> {
        if self.ended {
            return Ok(None);
        }
        let message = match timeout_at(self.deadline + GRACE, self.messages.recv()).await {
            Ok(Some(message)) => message,
            Ok(None) => Err(Error::Failed("the engine could not run this statement to its end".into())),
            Err(_) => Err(Error::Time { limit: self.limit }),
        };
        self.ended = !matches!(message, Ok(Some(_)));
        if self.ended {
            self.task.abort();
        }
        message
    }

    /// Waits until the statement is planned.
    pub(crate) async fn begun(mut self) -> Result<Rows, Error> {
        match self.next().await? {
            Some(Message::Begin(columns, bytes_scanned)) => Ok(Rows { columns, bytes_scanned, work: self }),
            _ => Err(Error::Failed("the engine gave no columns".into())),
        }
    }
}
