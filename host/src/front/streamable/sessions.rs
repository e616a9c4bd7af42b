//! The sessions of the older revisions: each keeps what its client may have missed, lives for
//! as long as it is used, and none takes the place of one in use.
//!
//! Each session has a store of events of its own, so none can be asked for another's; and the
//! newest revision, whose requests have no session, has none: there, a client that goes away
//! has taken its request back.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use futures_util::{Stream, StreamExt as _};
use rmcp::model::{
    ClientJsonRpcMessage, ClientNotification, ProtocolVersion, RequestId, ServerJsonRpcMessage, ServerResult,
};
use rmcp::transport::WorkerTransport;
use rmcp::transport::streamable_http_server::session::local::{
    LocalSessionManager, LocalSessionManagerError, LocalSessionWorker, SessionConfig,
};
use rmcp::transport::streamable_http_server::session::{EventStream, ServerSseMessage, SessionId, SessionManager};

use super::missed::{Budget, Missed};
use crate::config::Serve;
use crate::front::jsonrpc;
use crate::front::mcp::Door;

/// How often sessions that nobody uses are looked for.
const SWEEP_MIN: Duration = Duration::from_millis(50);
const SWEEP_MAX: Duration = Duration::from_secs(30);

/// The sessions that are open.
pub(super) struct Sessions {
    open: Mutex<HashMap<SessionId, Arc<Open>>>,
    /// Held by whoever opens one, so that there are never too many.
    opening: tokio::sync::Mutex<()>,
    count_max: usize,
    idle_max: Duration,
    budget: Arc<Budget>,
    /// How often any session has been used.
    uses: Arc<AtomicU64>,
}

/// One session: the library's manager of just this one, and what it does not know.
struct Open {
    manager: LocalSessionManager,
    missed: Arc<Missed>,
    version: OnceLock<ProtocolVersion>,
    /// The name of the caller that it belongs to; to nobody until it is known.
    owner: OnceLock<String>,
    /// What stands behind it, since it was opened.
    door: OnceLock<Door>,
    usage: Arc<Usage>,
}

/// How much a session is used.
struct Usage {
    /// Requests under way, and streams that somebody reads.
    holds: AtomicUsize,
    /// When the last of them ended.
    since: Mutex<Instant>,
    /// The number of the last of them, among those of all sessions.
    last: AtomicU64,
    uses: Arc<AtomicU64>,
}

/// Keeps a session from ending for want of use, until it is dropped.
pub(super) struct Hold(Arc<Usage>);

/// Why a session cannot be had.
#[derive(Debug, thiserror::Error)]
pub(super) enum SessionError {
    /// It ended, or never was.
    #[error("there is no such session")]
    Unknown,
    /// As many as there may be are in use.
    #[error("every place for a session is taken")]
    Full,
    /// No event has such an id.
    #[error("there is no such event")]
    NoEvent,
    /// The library's own.
    #[error(transparent)]
    Local(#[from] LocalSessionManagerError),
}

impl Usage {
    fn new(uses: &Arc<AtomicU64>) -> Arc<Self> {
        let (holds, since, uses) = (AtomicUsize::new(0), Mutex::new(Instant::now()), Arc::clone(uses));
        let last = AtomicU64::new(uses.fetch_add(1, Ordering::SeqCst));
        Arc::new(Self { holds, since, last, uses })
    }

    fn hold(self: &Arc<Self>) -> Hold {
        self.holds.fetch_add(1, Ordering::SeqCst);
        self.last.fetch_max(self.uses.fetch_add(1, Ordering::SeqCst), Ordering::SeqCst);
        Hold(Arc::clone(self))
    }

    /// For how long nobody has used it; none if somebody does.
    fn idle(&self) -> Option<Duration> {
        let since = *self.since.lock().unwrap_or_else(PoisonError::into_inner);
        (self.holds.load(Ordering::SeqCst) == 0).then(|| since.elapsed())
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        *self.0.since.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        self.0.holds.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Sessions {
    /// None yet. Those that nobody uses are closed from now on.
    pub(super) fn new(config: &Serve) -> Arc<Self> {
        let sessions = Arc::new(Self {
            open: Mutex::default(),
            opening: tokio::sync::Mutex::default(),
            count_max: config.sessions.get_usize(),
            idle_max: Duration::from_millis(config.session_idle_ms.get()),
            budget: Budget::new(config.replay_mib.get_usize() << 20),
            uses: Arc::default(),
        });
        let (weak, pause) = (Arc::downgrade(&sessions), (sessions.idle_max / 4).clamp(SWEEP_MIN, SWEEP_MAX));
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(pause).await;
                let Some(sessions) = weak.upgrade() else { return };
                sessions.close_idle().await;
            }
        });
        sessions
    }

    /// Whether there is such a session.
    pub(super) fn knows(&self, id: &str) -> bool {
        self.open().contains_key(id)
    }

    /// Gives a session to a caller; one that belongs to somebody stays theirs.
    pub(super) fn bind(&self, id: &str, caller: &str, door: Option<&Door>) {
        if let Some(open) = self.open().get(id) {
            let _ = open.owner.set(caller.to_owned());
            let _ = door.map(|door| open.door.set(door.clone()));
        }
    }

    /// What stands behind a session.
    pub(super) fn door(&self, id: &str) -> Option<Door> {
        self.open().get(id).and_then(|open| open.door.get().cloned())
    }

    /// Whether a session is this caller's.
    pub(super) fn is_of(&self, id: &str, caller: &str) -> bool {
        self.open().get(id).is_some_and(|open| open.owner.get().is_some_and(|owner| owner == caller))
    }

    /// How many are open.
    pub(super) fn count(&self) -> usize {
        self.open().len()
    }

    /// Uses a session until the hold is dropped.
    pub(super) fn hold(&self, id: &str) -> Option<Hold> {
        self.open().get(id).map(|open| open.usage.hold())
    }

    /// The revision that a session speaks.
    pub(super) fn version(&self, id: &str) -> Option<ProtocolVersion> {
        self.open().get(id).and_then(|open| open.version.get().cloned())
    }

    /// Whether no more can be opened now.
    pub(super) fn is_full(&self) -> bool {
        let open = self.open();
        open.len() >= self.count_max && open.values().all(|open| open.usage.idle().is_none())
    }

    fn open(&self) -> MutexGuard<'_, HashMap<SessionId, Arc<Open>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn find(&self, id: &SessionId) -> Result<Arc<Open>, SessionError> {
        self.open().get(id).cloned().ok_or(SessionError::Unknown)
    }

    async fn close_idle(&self) {
        let is_idle = |open: &Open| open.usage.idle().is_some_and(|idle| idle > self.idle_max);
        let idle: Vec<SessionId> =
            self.open().iter().filter(|(_, open)| is_idle(open)).map(|(id, _)| SessionId::clone(id)).collect();
        for id in idle {
            tracing::debug!(session.id = %id, "a session that nobody used is closed");
            let _ = self.close_session(&id).await;
        }
    }

    /// Makes place for one more: of those that nobody uses, the one that was used before all others ends.
    async fn make_place(&self) -> Result<(), SessionError> {
        let oldest = {
            let open = self.open();
            if open.len() < self.count_max {
                return Ok(());
            }
            let idle = open.iter().filter(|(_, open)| open.usage.idle().is_some());
            let by_use = idle.map(|(id, open)| (open.usage.last.load(Ordering::SeqCst), SessionId::clone(id)));
            by_use.min().map(|(_, id)| id)
        };
        self.close_session(&oldest.ok_or(SessionError::Full)?).await
    }
}

/// A stream that uses its session for as long as it is read, and says more of a missing method than its name.
fn held(stream: impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, hold: Hold) -> EventStream {
    Box::pin(stream.map(move |mut event| {
        let _ = &hold;
        if let Some(answer) = event.message.as_deref().and_then(jsonrpc::of_no_method) {
            event.message = Some(Arc::new(answer));
        }
        event
    }))
}

/// The request that a message takes back.
fn taken_back(message: &ClientJsonRpcMessage) -> Option<&RequestId> {
    match message {
        ClientJsonRpcMessage::Notification(message) => match &message.notification {
            ClientNotification::CancelledNotification(cancelled) => cancelled.params.request_id.as_ref(),
            _ => None,
        },
        _ => None,
    }
}

impl SessionManager for Sessions {
    type Error = SessionError;
    type Transport = WorkerTransport<LocalSessionWorker>;

    async fn create_session(&self) -> Result<(SessionId, Self::Transport), Self::Error> {
        let _turn = self.opening.lock().await;
        self.make_place().await?;
        let missed = Missed::new(Arc::clone(&self.budget));
        let mut config = SessionConfig::default();
        // The library would count a call that tells nothing as no use.
        config.keep_alive = None;
        let mut manager = LocalSessionManager::default();
        manager.session_config = config;
        let manager = manager.with_event_store(Arc::clone(&missed) as Arc<_>);
        let (id, transport) = manager.create_session().await?;
        let (version, owner, door) = (OnceLock::new(), OnceLock::new(), OnceLock::new());
        let open = Open { manager, missed, version, owner, door, usage: Usage::new(&self.uses) };
        self.open().insert(SessionId::clone(&id), Arc::new(open));
        Ok((id, transport))
    }

    async fn initialize_session(
        &self,
        id: &SessionId,
        message: ClientJsonRpcMessage,
    ) -> Result<ServerJsonRpcMessage, Self::Error> {
        let open = self.find(id)?;
        let _hold = open.usage.hold();
        let answer = open.manager.initialize_session(id, message).await?;
        if let ServerJsonRpcMessage::Response(response) = &answer
            && let ServerResult::InitializeResult(result) = &response.result
        {
            let _ = open.version.set(result.protocol_version.clone());
        }
        Ok(answer)
    }

    async fn has_session(&self, id: &SessionId) -> Result<bool, Self::Error> {
        Ok(self.knows(id))
    }

    async fn close_session(&self, id: &SessionId) -> Result<(), Self::Error> {
        let open = self.open().remove(id);
        // The library closes again what was closed.
        let Some(open) = open else { return Ok(()) };
        open.missed.end();
        if let Some(door) = open.door.get() {
            door.end();
        }
        Ok(open.manager.close_session(id).await?)
    }

    async fn create_stream(
        &self,
        id: &SessionId,
        message: ClientJsonRpcMessage,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, Self::Error> {
        let open = self.find(id)?;
        Ok(held(open.manager.create_stream(id, message).await?, open.usage.hold()))
    }

    async fn accept_message(&self, id: &SessionId, message: ClientJsonRpcMessage) -> Result<(), Self::Error> {
        let open = self.find(id)?;
        let _hold = open.usage.hold();
        if let (Some(door), Some(request)) = (open.door.get(), taken_back(&message)) {
            door.take_back(request);
        }
        Ok(open.manager.accept_message(id, message).await?)
    }

    async fn create_standalone_stream(
        &self,
        id: &SessionId,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, Self::Error> {
        let open = self.find(id)?;
        Ok(held(open.manager.create_standalone_stream(id).await?, open.usage.hold()))
    }

    async fn resume(
        &self,
        id: &SessionId,
        last_event_id: String,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, Self::Error> {
        let open = self.find(id)?;
        let events = open.missed.after(&last_event_id).ok_or(SessionError::NoEvent)?;
        Ok(held(events, open.usage.hold()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_session_in_use_keeps_its_place_and_one_that_is_not_gives_way() {
        let config: Serve = toml::from_str("sessions = 2\nsession_idle_ms = 600000").expect("parses");
        let sessions = Sessions::new(&config);
        // A transport that is dropped ends its session.
        let (first, _one) = sessions.create_session().await.expect("there is place");
        let (second, _two) = sessions.create_session().await.expect("there is place");
        let hold = sessions.hold(&first);
        assert!(hold.is_some() && !sessions.is_full());
        let (third, _three) = sessions.create_session().await.expect("the idle one gives way");
        assert!(sessions.knows(&first) && !sessions.knows(&second) && sessions.knows(&third));
        let other = sessions.hold(&third);
        assert!(sessions.is_full());
        assert!(matches!(sessions.create_session().await, Err(SessionError::Full)));
        drop((hold, other));
        assert!(!sessions.is_full());
    }

    #[tokio::test]
    async fn a_session_is_of_the_caller_that_it_was_given_to_first() {
        let sessions = Sessions::new(&Serve::default());
        let (id, _transport) = sessions.create_session().await.expect("there is place");
        assert!(!sessions.is_of(&id, "ann"), "it is nobody's yet");
        sessions.bind(&id, "ann", None);
        sessions.bind(&id, "bob", None);
        assert!(sessions.is_of(&id, "ann") && !sessions.is_of(&id, "bob") && !sessions.is_of("none", "ann"));
    }

    #[tokio::test]
    async fn a_session_ends_when_nobody_has_used_it_for_its_time_and_not_before() {
        let config: Serve = toml::from_str("session_idle_ms = 100").expect("parses");
        let sessions = Sessions::new(&config);
        let (used, _one) = sessions.create_session().await.expect("there is place");
        let (idle, _two) = sessions.create_session().await.expect("there is place");
        let hold = sessions.hold(&used);
        let gone = |id: SessionId| {
            let sessions = Arc::clone(&sessions);
            async move {
                while sessions.knows(&id) {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(30), gone(idle)).await.expect("the idle one ends");
        assert!(sessions.knows(&used), "one that is used does not end");
        drop(hold);
        tokio::time::timeout(Duration::from_secs(30), gone(used)).await.expect("and then it does");
    }
}
