//! What the client of a session may have missed: the last events of its streams, kept so that
//! a connection that broke off can be taken up again. Bounded in number, in bytes, and for
//! all sessions together.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::stream;
use rmcp::model::{CustomResult, ServerJsonRpcMessage, ServerResult};
use rmcp::transport::streamable_http_server::session::{
    EventId, EventStore, EventStoreError, EventStream, ServerSseMessage,
};
use serde_json::Value;
use tokio::sync::watch;

/// The most events of one session.
const EVENTS_MAX: usize = 500;

/// The most streams of one session that are not at their end.
const STREAMS_MAX: usize = 1_000;

/// What one session may hold, as a part of what all may.
const SHARE: usize = 8;

/// What an event takes beside its message, in bytes.
const EVENT_BYTES: usize = 256;

/// The stream of a session that belongs to no request of its client's.
const COMMON: u64 = 0;

/// What all sessions together may keep.
#[derive(Debug)]
pub(super) struct Budget {
    bytes_max: usize,
    held: AtomicUsize,
}

impl Budget {
    pub(super) fn new(bytes_max: usize) -> Arc<Self> {
        Arc::new(Self { bytes_max, held: AtomicUsize::new(0) })
    }

    fn take(&self, bytes: usize) -> bool {
        let fits = |held: usize| held.checked_add(bytes).filter(|&held| held <= self.bytes_max);
        self.held.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits).is_ok()
    }

    fn give_back(&self, bytes: usize) {
        self.held.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// The last events of one session.
pub(super) struct Missed {
    budget: Arc<Budget>,
    kept: Mutex<Kept>,
    /// Told of every change.
    changed: watch::Sender<()>,
}

#[derive(Default)]
struct Kept {
    events: VecDeque<Event>,
    bytes: usize,
    /// Streams that have not come to their end: the library's name, and ours.
    open: VecDeque<(String, u64)>,
    /// The number of the last event.
    last: u64,
    ended: bool,
}

struct Event {
    stream: u64,
    number: u64,
    retry: Option<Duration>,
    /// The message as JSON; none if there is only an id. As a tree it would take ten times as much.
    text: Option<Vec<u8>>,
}

impl Event {
    fn bytes(&self) -> usize {
        EVENT_BYTES + self.text.as_ref().map_or(0, Vec::len)
    }

    /// The event, as it is sent again.
    fn message(&self) -> ServerSseMessage {
        let mut message = ServerSseMessage::default();
        message.event_id = Some(self.id());
        message.retry = self.retry;
        message.message = self.text.as_deref().and_then(read).map(Arc::new);
        message
    }

    fn id(&self) -> String {
        format!("{}-{}", self.stream, self.number)
    }
}

/// A message that was kept. What a result holds is not looked at again.
fn read(text: &[u8]) -> Option<ServerJsonRpcMessage> {
    let mut message: Value = serde_json::from_slice(text).ok()?;
    match message.get_mut("result").map(Value::take) {
        Some(result) => {
            let id = serde_json::from_value(message.get("id")?.clone()).ok()?;
            Some(ServerJsonRpcMessage::response(ServerResult::CustomResult(CustomResult::new(result)), id))
        }
        None => serde_json::from_value(message).ok(),
    }
}

impl Missed {
    pub(super) fn new(budget: Arc<Budget>) -> Arc<Self> {
        Arc::new(Self { budget, kept: Mutex::default(), changed: watch::Sender::new(()) })
    }

    /// Nothing will come any more: whoever waits is done.
    pub(super) fn end(&self) {
        self.kept().ended = true;
        self.changed.send_replace(());
    }

    /// The events of a stream after one of them: those that are kept at once, the rest as
    /// they come, until the stream ends.
    pub(super) fn after(self: &Arc<Self>, event: &str) -> Option<EventStream> {
        let (stream, number) = event.split_once('-').unwrap_or((event, "0"));
        let (stream, number) = (stream.parse().ok()?, number.parse().ok()?);
        let tail = Tail { missed: Arc::clone(self), changes: self.changed.subscribe(), stream, number };
        Some(Box::pin(stream::unfold(tail, Tail::next)))
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps one event, and forgets the oldest for it. One that does not fit is not kept.
    fn keep(&self, kept: &mut Kept, event: Event) {
        let bytes = event.bytes();
        let share = self.budget.bytes_max / SHARE;
        if bytes > share {
            return;
        }
        while kept.events.len() >= EVENTS_MAX || kept.bytes + bytes > share {
            self.forget_oldest(kept);
        }
        // What other sessions hold is theirs.
        while !self.budget.take(bytes) {
            if kept.events.is_empty() {
                return;
            }
            self.forget_oldest(kept);
        }
        kept.bytes += bytes;
        kept.events.push_back(event);
    }

    fn forget_oldest(&self, kept: &mut Kept) {
        let Some(oldest) = kept.events.pop_front() else { return };
        kept.bytes -= oldest.bytes();
        self.budget.give_back(oldest.bytes());
    }
}

impl Drop for Missed {
    fn drop(&mut self) {
        self.budget.give_back(self.kept().bytes);
    }
}

impl Kept {
    /// Our number of a stream: that of its first event.
    fn stream(&mut self, name: &str) -> u64 {
        // So the library calls it.
        if name.ends_with(":common") {
            return COMMON;
        }
        if let Some((_, number)) = self.open.iter().find(|(open, _)| open == name) {
            return *number;
        }
        if self.open.len() >= STREAMS_MAX {
            self.open.pop_front();
        }
        self.open.push_back((name.to_owned(), self.last));
        self.last
    }

    fn is_open(&self, stream: u64) -> bool {
        !self.ended && (stream == COMMON || self.open.iter().any(|(_, number)| *number == stream))
    }
}

#[async_trait]
impl EventStore for Missed {
    async fn store_event(&self, stream: &str, event: &ServerSseMessage) -> Result<EventId, EventStoreError> {
        let id = {
            let mut kept = self.kept();
            kept.last += 1;
            let (number, stream) = (kept.last, kept.stream(stream));
            let message = event.message.as_deref();
            let ends = matches!(message, Some(ServerJsonRpcMessage::Response(_) | ServerJsonRpcMessage::Error(_)));
            // What the library made of JSON becomes JSON.
            let text = message.and_then(|message| serde_json::to_vec(message).ok());
            let event = Event { stream, number, retry: event.retry, text };
            let id = event.id();
            self.keep(&mut kept, event);
            if ends && stream != COMMON {
                kept.open.retain(|(_, open)| *open != stream);
            }
            id
        };
        self.changed.send_replace(());
        Ok(id)
    }

    async fn replay_events_after(&self, _: &str) -> Result<EventStream, EventStoreError> {
        // A session replays by itself; see `Sessions::resume`.
        Err("events are replayed by their session".into())
    }
}

/// A stream that is taken up again.
struct Tail {
    missed: Arc<Missed>,
    changes: watch::Receiver<()>,
    stream: u64,
    /// The last event that went out.
    number: u64,
}

impl Tail {
    async fn next(mut self) -> Option<(ServerSseMessage, Self)> {
        loop {
            self.changes.mark_unchanged();
            {
                let kept = self.missed.kept();
                let is_next = |event: &&Event| event.stream == self.stream && event.number > self.number;
                if let Some(event) = kept.events.iter().find(is_next) {
                    let message = event.message();
                    self.number = event.number;
                    drop(kept);
                    return Some((message, self));
                }
                if !kept.is_open(self.stream) {
                    return None;
                }
            }
            self.changes.changed().await.ok()?;
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt as _;
    use rmcp::model::{ErrorData, RequestId};

    use super::*;

    fn answer(text: &str) -> ServerSseMessage {
        let error = ErrorData::invalid_request(text.to_owned(), None);
        ServerSseMessage::from_message(ServerJsonRpcMessage::error(error, Some(RequestId::Number(1))))
    }

    fn nothing() -> ServerSseMessage {
        ServerSseMessage::default()
    }

    async fn store(missed: &Missed, stream: &str, event: ServerSseMessage) -> String {
        missed.store_event(stream, &event).await.expect("is taken")
    }

    async fn ids(missed: &Arc<Missed>, after: &str) -> Vec<Option<String>> {
        missed.after(after).expect("is an id").map(|event| event.event_id).collect().await
    }

    #[tokio::test]
    async fn a_stream_is_taken_up_after_the_event_that_was_seen_and_is_no_other_stream() {
        let missed = Missed::new(Budget::new(1 << 20));
        let first = store(&missed, "a", nothing()).await;
        store(&missed, "b", nothing()).await;
        let second = store(&missed, "a", nothing()).await;
        store(&missed, "b", answer("b")).await;
        let third = store(&missed, "a", answer("a")).await;
        assert_eq!(ids(&missed, &first).await, [Some(second.clone()), Some(third.clone())]);
        assert_eq!(ids(&missed, &second).await, [Some(third.clone())]);
        assert_eq!(ids(&missed, &third).await, Vec::<Option<String>>::new());
        assert_eq!(ids(&missed, "77-1").await, Vec::<Option<String>>::new());
        for id in ["", "a", "1-", "1-x", "-1"] {
            assert!(missed.after(id).is_none(), "{id}");
        }
    }

    #[tokio::test]
    async fn what_comes_later_is_waited_for_until_the_answer_or_the_end() {
        let missed = Missed::new(Budget::new(1 << 20));
        let first = store(&missed, "a", nothing()).await;
        let waiting = tokio::spawn({
            let missed = Arc::clone(&missed);
            async move { ids(&missed, &first).await.len() }
        });
        let common = tokio::spawn({
            let missed = Arc::clone(&missed);
            async move { ids(&missed, "0").await.len() }
        });
        tokio::task::yield_now().await;
        store(&missed, "a", nothing()).await;
        store(&missed, "x:common", nothing()).await;
        store(&missed, "a", answer("a")).await;
        assert_eq!(waiting.await.expect("ends"), 2);
        missed.end();
        assert_eq!(common.await.expect("ends"), 1);
    }

    #[tokio::test]
    async fn nothing_is_kept_beyond_the_bounds() {
        let budget = Budget::new(64 << 10);
        let missed = Missed::new(Arc::clone(&budget));
        for _ in 0..2_000 {
            store(&missed, "a", nothing()).await;
        }
        assert!(missed.kept().bytes <= (64 << 10) / SHARE, "{}", missed.kept().bytes);
        let before = missed.kept().events.len();
        let huge = store(&missed, "b", answer(&"x".repeat(64 << 10))).await;
        assert_eq!(missed.kept().events.len(), before, "what is larger than the share is not kept: {huge}");
        let others: Vec<_> = (0..20).map(|_| Missed::new(Arc::clone(&budget))).collect();
        for other in &others {
            for _ in 0..100 {
                store(other, "a", answer(&"x".repeat(500))).await;
            }
        }
        assert!(budget.held.load(Ordering::Relaxed) <= 64 << 10);
        drop((missed, others));
        assert_eq!(budget.held.load(Ordering::Relaxed), 0);
        let many = Missed::new(Budget::new(1 << 30));
        for number in 0..3_000 {
            store(&many, &number.to_string(), nothing()).await;
        }
        assert!(many.kept().events.len() <= EVENTS_MAX && many.kept().open.len() <= STREAMS_MAX);
    }
}
