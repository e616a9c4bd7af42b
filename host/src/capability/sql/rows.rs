//! Rows on their way from a backend to a plugin: a stream that is cut by rows, bytes and
//! time, and says so.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

use crate::wit::rows::{Column, Row, Rows};
use crate::wit::{Error, ErrorKind, row_bytes};

/// What one grant lets through.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Most rows of one statement.
    pub(super) rows_max: usize,
    /// Most bytes of one answer.
    pub(super) bytes_max: usize,
    /// Longest run of one statement, from the time it is sent to its last row.
    pub(super) time_max: Duration,
}

impl Limits {
    /// The error for a statement that ran too long.
    pub(super) fn too_slow(&self) -> Error {
        let message = format!(
            "the statement was stopped after {} ms, the grant's `time_max_ms`; narrow it down, or use an index",
            self.time_max.as_millis()
        );
        Error::new(ErrorKind::Limited, message)
    }
}

/// The rows of one statement as they come. Dropping it tells the backend to stop.
pub(super) struct RowStream {
    pub(super) columns: Vec<Column>,
    rows: mpsc::Receiver<Result<Row, Error>>,
    /// A row that was taken and did not fit.
    waiting: Option<Row>,
    /// Why it failed, if it did: asked again, it must not look as if it had come to its end.
    failed: Option<Error>,
    /// What each row goes through before it is handed out.
    pass: fn(Row) -> Row,
}

/// A part of the rows.
pub(super) struct Chunk {
    pub(super) rows: Vec<Row>,
    /// Whether more would have come.
    pub(super) more: bool,
}

impl RowStream {
    /// A stream of rows that somebody sends into the other end.
    pub(super) fn new(columns: Vec<Column>, rows: mpsc::Receiver<Result<Row, Error>>) -> Self {
        Self { columns, rows, waiting: None, failed: None, pass: |row| row }
    }

    /// A stream of rows that are here already.
    pub(super) fn ready(columns: Vec<Column>, rows: Vec<Row>) -> Self {
        let (sender, receiver) = mpsc::channel(rows.len().max(1));
        for row in rows {
            // The channel has room for each of them.
            let _ = sender.try_send(Ok(row));
        }
        Self::new(columns, receiver)
    }

    /// The same stream, with each row going through `pass`.
    pub(super) fn map(self, pass: fn(Row) -> Row) -> Self {
        Self { pass, ..self }
    }

    /// The error of a stream that ended before it had columns.
    pub(super) async fn first_error(mut self) -> Result<Self, Error> {
        match self.rows.recv().await {
            Some(Err(error)) => Err(error),
            _ => Err(Error::new(ErrorKind::Failed, "the database gave no answer")),
        }
    }

    /// The next rows, at most `rows_max` and `limits.bytes_max`, by `deadline`. A single
    /// row that is larger than that is an error, as nothing smaller can be handed out. After
    /// an error there is no more than that error.
    pub(super) async fn next(&mut self, rows_max: usize, limits: &Limits, deadline: Instant) -> Result<Chunk, Error> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        let chunk = self.take(rows_max, limits, deadline).await;
        self.failed = chunk.as_ref().err().cloned();
        chunk
    }

    async fn take(&mut self, rows_max: usize, limits: &Limits, deadline: Instant) -> Result<Chunk, Error> {
        let mut rows = Vec::new();
        let mut bytes = 0;
        loop {
            let row = match self.waiting.take() {
                Some(row) => row,
                None => match timeout_at(deadline, self.rows.recv()).await {
                    Ok(Some(row)) => (self.pass)(row?),
                    Ok(None) => return Ok(Chunk { rows, more: false }),
                    Err(_) => return Err(limits.too_slow()),
                },
            };
            bytes += row_bytes(&row);
            if rows.is_empty() && bytes > limits.bytes_max {
                let message = format!(
                    "one row is larger than the grant's `bytes_max` of {}; select fewer or shorter columns",
                    limits.bytes_max
                );
                return Err(Error::new(ErrorKind::Limited, message));
            }
            if rows.len() == rows_max || bytes > limits.bytes_max {
                self.waiting = Some(row);
                return Ok(Chunk { rows, more: true });
            }
            rows.push(row);
        }
    }

    /// All the rows that the limits let through, as one answer.
    pub(super) async fn collect(mut self, rows_max: usize, limits: &Limits, deadline: Instant) -> Result<Rows, Error> {
        let chunk = self.next(rows_max, limits, deadline).await?;
        Ok(Rows { columns: self.columns, rows: chunk.rows, truncated: chunk.more })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wit::rows::Value;

    fn stream(rows: Vec<Row>) -> RowStream {
        RowStream::ready(Vec::new(), rows)
    }

    fn limits(bytes_max: usize) -> Limits {
        Limits { rows_max: 10, bytes_max, time_max: Duration::from_secs(1) }
    }

    fn text(length: usize) -> Row {
        vec![Value::Text("x".repeat(length))]
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(1)
    }

    #[tokio::test]
    async fn an_answer_says_honestly_whether_it_was_cut() {
        let all = stream(vec![text(1); 3]).collect(3, &limits(100), soon()).await.expect("collects");
        assert_eq!((all.rows.len(), all.truncated), (3, false));
        let cut = stream(vec![text(1); 4]).collect(3, &limits(100), soon()).await.expect("collects");
        assert_eq!((cut.rows.len(), cut.truncated), (3, true));
        let cut = stream(vec![text(40); 4]).collect(9, &limits(100), soon()).await.expect("collects");
        assert_eq!((cut.rows.len(), cut.truncated), (2, true));
    }

    #[tokio::test]
    async fn the_row_that_did_not_fit_comes_next() {
        let mut stream = stream(vec![text(40), text(50), text(60)]);
        let limits = limits(100);
        let mut lengths = Vec::new();
        loop {
            let chunk = stream.next(9, &limits, soon()).await.expect("answers");
            lengths.push(chunk.rows.len());
            if !chunk.more {
                break;
            }
        }
        assert_eq!(lengths, [2, 1]);
    }

    #[tokio::test]
    async fn a_row_that_can_never_fit_is_an_error_and_is_not_passed_over() {
        let mut stream = stream(vec![text(200), text(1)]);
        for _ in 0..2 {
            let refused = stream.next(9, &limits(100), soon()).await;
            assert_eq!(refused.err().map(|error| error.kind), Some(ErrorKind::Limited));
        }
    }

    #[tokio::test]
    async fn an_error_half_way_stays_and_is_not_taken_for_the_end() {
        let (sender, receiver) = mpsc::channel(2);
        for row in [Ok(text(1)), Err(Error::new(ErrorKind::Unavailable, "gone"))] {
            sender.try_send(row).expect("has room");
        }
        drop(sender);
        let mut stream = RowStream::new(Vec::new(), receiver);
        for _ in 0..2 {
            let refused = stream.next(9, &limits(100), soon()).await;
            assert_eq!(refused.err().map(|error| error.kind), Some(ErrorKind::Unavailable));
        }
    }

    #[tokio::test]
    async fn a_source_that_does_not_answer_in_time_is_given_up() {
        let (_sender, receiver) = mpsc::channel(1);
        let waiting = RowStream::new(Vec::new(), receiver);
        let refused = waiting.collect(9, &limits(100), Instant::now()).await;
        assert_eq!(refused.err().map(|error| error.kind), Some(ErrorKind::Limited));
    }
}
