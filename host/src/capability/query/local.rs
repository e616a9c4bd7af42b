//! Statements that run inside the host: each in a task, whose answer is kept in memory as long
//! as somebody holds it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, timeout};
use tokio_util::task::AbortOnDropHandle;
use uuid::Uuid;

use super::page::{Page, Size};
use crate::wit::query::{State, Statistics, Status};
use crate::wit::rows::{Column, Row};
use crate::wit::{Error, ErrorKind, row_bytes};

/// How many bytes of one answer are kept.
const ANSWER_BYTES_MAX: usize = 16 << 20;

/// What a statement answered, as far as it is kept.
pub(super) struct Answer {
    columns: Vec<Column>,
    rows: Vec<Row>,
    bytes: usize,
    bytes_scanned: Option<u64>,
    /// Whether there were rows that are not kept.
    cut: bool,
}

impl Answer {
    pub(super) fn new(columns: Vec<Column>, bytes_scanned: Option<u64>) -> Self {
        Self { columns, rows: Vec::new(), bytes: 0, bytes_scanned, cut: false }
    }

    /// Adds rows; whether there is room for more.
    pub(super) fn push(&mut self, rows: impl IntoIterator<Item = Row>) -> bool {
        for row in rows {
            let bytes = row_bytes(&row);
            if self.bytes + bytes > ANSWER_BYTES_MAX {
                self.cut = true;
                return false;
            }
            self.bytes += bytes;
            self.rows.push(row);
        }
        true
    }

    /// The page that begins at this row; none if no page does.
    fn page(&self, from: usize, size: Size) -> Result<Option<Page>, Error> {
        if from == self.rows.len() && from > 0 && self.cut {
            let message = format!(
                "the engine keeps only the first {} MiB of an answer; add LIMIT, or aggregate",
                ANSWER_BYTES_MAX >> 20
            );
            return Err(Error::new(ErrorKind::Limited, message));
        }
        let Some(rest) = self.rows.get(from..) else { return Ok(None) };
        let count = size.fit(rest)?;
        let rows = rest.get(..count).unwrap_or_default().to_vec();
        let more = count < rest.len() || self.cut;
        Ok(Some(Page { columns: self.columns.clone(), rows, next: more.then(|| (from + count).to_string()) }))
    }
}

/// What became of a statement, and after how long; none while it runs.
type Outcome = Option<(Result<Arc<Answer>, Error>, Duration)>;

/// A statement in its task. Dropping it stops the task.
pub(super) struct Job {
    id: Uuid,
    begun: Instant,
    outcome: watch::Receiver<Outcome>,
    task: AbortOnDropHandle<()>,
}

impl Job {
    /// Begins to work for an answer.
    pub(super) fn start(work: impl Future<Output = Result<Answer, Error>> + Send + 'static) -> Self {
        let begun = Instant::now();
        let (sender, outcome) = watch::channel(None);
        let task = tokio::spawn(async move {
            let answer = work.await.map(Arc::new);
            sender.send_replace(Some((answer, begun.elapsed())));
        });
        Self { id: Uuid::now_v7(), begun, outcome, task: AbortOnDropHandle::new(task) }
    }

    pub(super) fn id(&self) -> String {
        self.id.to_string()
    }

    pub(super) fn stop(&self) {
        self.task.abort();
    }

    /// How far it has come: after this pause, or when it ends.
    pub(super) async fn look(&self, pause: Duration) -> Status {
        let mut outcome = self.outcome.clone();
        let ended = timeout(pause, outcome.wait_for(Option::is_some)).await;
        let (state, error, bytes_scanned, running) = match ended {
            Err(_) => (State::Running, None, None, self.begun.elapsed()),
            Ok(Ok(outcome)) => match &*outcome {
                Some((Ok(answer), after)) => (State::Succeeded, None, answer.bytes_scanned, *after),
                Some((Err(error), after)) => (State::Failed, Some(error.clone()), None, *after),
                None => (State::Running, None, None, self.begun.elapsed()),
            },
            Ok(Err(_)) => {
                let error = Error::new(ErrorKind::Failed, "the engine stopped in the middle of the statement");
                (State::Failed, Some(error), None, self.begun.elapsed())
            }
        };
        let running_ms = u64::try_from(running.as_millis()).ok();
        let statistics = Statistics { bytes_scanned, queued_ms: Some(0), running_ms };
        Status { engine_id: self.id(), state, error, statistics }
    }

    /// One page of its rows; none if it has no page there.
    pub(super) fn page(&self, from: Option<&str>, size: Size) -> Result<Option<Page>, Error> {
        let Ok(from) = from.unwrap_or("0").parse() else { return Ok(None) };
        match &*self.outcome.borrow() {
            Some((Ok(answer), _)) => answer.page(from, size),
            _ => Ok(None),
        }
    }

    pub(super) fn bytes_held(&self) -> usize {
        match &*self.outcome.borrow() {
            Some((Ok(answer), _)) => answer.bytes,
            _ => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wit::rows::Value;

    fn answer(rows: usize, bytes: usize) -> Answer {
        let mut answer = Answer::new(Vec::new(), None);
        let row = || vec![Value::Text("x".repeat(bytes - 1))];
        answer.push((0..rows).map(|_| row()));
        answer
    }

    #[test]
    fn pages_follow_each_other_to_the_last_row() {
        let answer = answer(5, 10);
        let (mut from, mut lengths) = (Some(0), Vec::new());
        while let Some(at) = from {
            let page = answer.page(at, Size { rows: 2, bytes: 1_000 }).expect("answers").expect("is there");
            lengths.push(page.rows.len());
            from = page.next.map(|next| next.parse().expect("a number"));
        }
        assert_eq!(lengths, [2, 2, 1]);
        assert_eq!(answer.page(9, Size { rows: 2, bytes: 1_000 }).expect("answers"), None);
    }

    #[test]
    fn an_answer_that_is_too_large_is_kept_in_part_and_says_so_at_its_end() {
        let answer = answer(20, 1 << 20);
        assert!(answer.cut && answer.rows.len() == 16, "{}", answer.rows.len());
        let size = Size { rows: 100, bytes: usize::MAX };
        let page = answer.page(0, size).expect("answers").expect("is there");
        assert_eq!(page.next.as_deref(), Some("16"));
        let end = answer.page(16, size).expect_err("is refused");
        assert!(end.kind == ErrorKind::Limited && end.message.contains("16 MiB"), "{end:?}");
    }
}
