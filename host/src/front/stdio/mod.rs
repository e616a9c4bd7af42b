//! MCP over standard input and output: one client, one message a line, by the same door as
//! over HTTP.
//!
//! The lines are read and written on threads of their own, so that nothing that happens
//! elsewhere can lose a part of one.

mod batch;
mod lines;

use std::collections::{HashSet, VecDeque};
use std::io::{self, BufReader};
use std::sync::Arc;
use std::time::Duration;

use rmcp::RoleServer;
use rmcp::model::{
    ClientJsonRpcMessage, ClientNotification, ClientRequest, GetMeta as _, JsonRpcMessage, ProtocolVersion, RequestId,
    ServerJsonRpcMessage, ServerResult,
};
use rmcp::service::{ServerInitializeError, serve_server_with_ct};
use rmcp::transport::Transport;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use self::batch::Batches;
use self::lines::Line;
use super::jsonrpc::{self, INVALID_REQUEST, NO_BATCHES, Refusal};
use super::mcp::Door;
use super::refused;
use crate::config::Serve;
use crate::host::Host;

/// How long the last answers may take to be written when the client is done.
const WRITE_TIME: Duration = Duration::from_secs(5);

/// Serves one client over standard input and output, until its input ends or `stop` is done;
/// then calls under way may finish within `stop_ms` of the config.
pub async fn serve_stdio(
    host: Arc<Host>,
    config: &Serve,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let (told, cut_off) = (CancellationToken::new(), CancellationToken::new());
    let stopping = told.clone();
    tokio::spawn(async move {
        stop.await;
        stopping.cancel();
    });
    let bytes_max = config.request_kib.get_usize() << 10;
    let lines = lines::read(BufReader::new(io::stdin()), bytes_max)?;
    let (out, written) = lines::write(io::stdout())?;
    let connection = Connection {
        lines,
        out: Some(out),
        written: Some(written),
        bytes_max,
        grace: Duration::from_millis(config.stop_ms.get()),
        told,
        cut_off: cut_off.clone(),
        ended: None,
        met: false,
        version: None,
        ready: VecDeque::new(),
        owed: VecDeque::new(),
        batches: Batches::default(),
        under_way: Arc::new(watch::Sender::new(HashSet::new())),
    };
    match serve_server_with_ct(Door::new(host), connection, cut_off).await {
        Ok(serving) => drop(serving.waiting().await),
        // It left before it said anything, or was made to.
        Err(ServerInitializeError::ConnectionClosed(_) | ServerInitializeError::Cancelled) => {}
        Err(error) => return Err(io::Error::other(error.to_string())),
    }
    Ok(())
}

/// The client can be told nothing any more.
#[derive(Debug, thiserror::Error)]
#[error("standard output is closed")]
struct Closed;

/// The one connection.
struct Connection {
    lines: mpsc::Receiver<Line>,
    out: Option<mpsc::Sender<Vec<u8>>>,
    /// Done when all is written.
    written: Option<oneshot::Receiver<()>>,
    bytes_max: usize,
    grace: Duration,
    /// The host was told to stop.
    told: CancellationToken,
    /// Calls under way have had their time.
    cut_off: CancellationToken,
    /// When nothing came any more.
    ended: Option<Instant>,
    /// Whether the client has said which era it is of. Before that, it can only ask.
    met: bool,
    /// The revision of a client that initialized.
    version: Option<ProtocolVersion>,
    /// Messages that have come and are not handed on.
    ready: VecDeque<ClientJsonRpcMessage>,
    /// Refusals that are not written.
    owed: VecDeque<Vec<u8>>,
    batches: Batches,
    /// Requests that are not answered.
    under_way: Arc<watch::Sender<HashSet<RequestId>>>,
}

impl Transport<RoleServer> for Connection {
    type Error = Closed;

    fn send(&mut self, message: ServerJsonRpcMessage) -> impl Future<Output = Result<(), Closed>> + Send + 'static {
        let message = jsonrpc::of_no_method(&message).unwrap_or(message);
        let answered = match &message {
            JsonRpcMessage::Response(response) => {
                if let ServerResult::InitializeResult(result) = &response.result {
                    self.version = Some(result.protocol_version.clone());
                }
                Some(response.id.clone())
            }
            JsonRpcMessage::Error(error) => error.id.clone(),
            JsonRpcMessage::Request(_) | JsonRpcMessage::Notification(_) => None,
        };
        // What the library made of JSON becomes JSON.
        let text = serde_json::to_vec(&message).unwrap_or_default();
        let text = match &answered {
            Some(id) => self.batches.answer(id, text),
            None => Some(text),
        };
        let (out, under_way) = (self.out.clone(), Arc::clone(&self.under_way));
        async move {
            let sent = match text {
                Some(text) => write(out, text).await,
                None => Ok(()),
            };
            if let Some(id) = answered {
                under_way.send_if_modified(|under_way| under_way.remove(&id));
            }
            sent
        }
    }

    /// Can be given up at any time: what has come is kept.
    async fn receive(&mut self) -> Option<ClientJsonRpcMessage> {
        loop {
            if let Some(text) = self.owed.front() {
                write(self.out.clone(), text.clone()).await.ok()?;
                self.owed.pop_front();
                continue;
            }
            if let Some(message) = self.ready.pop_front() {
                if self.is_taken(&message) {
                    return Some(message);
                }
                continue;
            }
            if let Some(ended) = self.ended {
                return self.finish(ended).await;
            }
            let line = tokio::select! {
                line = self.lines.recv() => line,
                () = self.told.cancelled() => None,
            };
            match line {
                Some(Line::Whole(line)) => self.take(&line),
                Some(Line::TooLong) => self.refuse(&Refusal::of(&refused::too_large(self.bytes_max))),
                None => self.ended = Some(Instant::now()),
            }
        }
    }

    async fn close(&mut self) -> Result<(), Closed> {
        self.out = None;
        if let Some(written) = self.written.take() {
            let _ = tokio::time::timeout(WRITE_TIME, written).await;
        }
        Ok(())
    }
}

impl Connection {
    /// Takes one line apart.
    fn take(&mut self, line: &[u8]) {
        let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line).trim_ascii();
        match line.first() {
            None => {}
            Some(b'[') => self.take_batch(line),
            Some(_) => match serde_json::from_slice(line) {
                Ok(message) => self.ready.push_back(message),
                Err(_) => self.refuse(&jsonrpc::explain(line)),
            },
        }
    }

    fn take_batch(&mut self, line: &[u8]) {
        if self.version != Some(ProtocolVersion::V_2025_03_26) {
            return self.refuse(&Refusal::new(INVALID_REQUEST, NO_BATCHES));
        }
        let members = match jsonrpc::members(line) {
            Ok(members) => members,
            Err(refusal) => return self.refuse(&refusal),
        };
        let (mut waiting, mut answers) = (Vec::new(), Vec::new());
        for member in members {
            match serde_json::from_str::<ClientJsonRpcMessage>(member.get()) {
                Ok(message) => {
                    if let JsonRpcMessage::Request(request) = &message {
                        waiting.push(request.id.clone());
                    }
                    self.ready.push_back(message);
                }
                Err(_) => answers.push(jsonrpc::explain(member.get().as_bytes()).json().to_string().into_bytes()),
            }
        }
        self.owed.extend(self.batches.begin(waiting, answers));
    }

    fn refuse(&mut self, refusal: &Refusal) {
        self.owed.push_back(refusal.json().to_string().into_bytes());
    }

    /// Notes what a message means for those under way. False for one that nobody waits for.
    fn is_taken(&mut self, message: &ClientJsonRpcMessage) -> bool {
        match message {
            JsonRpcMessage::Request(request) => {
                let meta = request.request.get_meta();
                self.met |= match &request.request {
                    ClientRequest::InitializeRequest(_) => true,
                    ClientRequest::DiscoverRequest(_) => false,
                    _ => meta.missing_required_keys(&ProtocolVersion::V_2026_07_28).is_empty(),
                };
                // A subscription ends with its client, and never before.
                if !matches!(&request.request, ClientRequest::SubscriptionsListenRequest(_)) {
                    self.under_way.send_if_modified(|under_way| under_way.insert(request.id.clone()));
                }
                true
            }
            JsonRpcMessage::Notification(notification) => {
                if let ClientNotification::CancelledNotification(cancelled) = &notification.notification
                    && let Some(id) = &cancelled.params.request_id
                {
                    // What was taken back is not answered.
                    self.under_way.send_if_modified(|under_way| under_way.remove(id));
                    self.owed.extend(self.batches.forget(id));
                }
                self.met
            }
            JsonRpcMessage::Response(_) | JsonRpcMessage::Error(_) => self.met,
        }
    }

    /// The client is done: calls under way may finish, for a while.
    async fn finish(&mut self, ended: Instant) -> Option<ClientJsonRpcMessage> {
        let mut under_way = self.under_way.subscribe();
        let finished = under_way.wait_for(HashSet::is_empty);
        if tokio::time::timeout_at(ended + self.grace, finished).await.is_ok() {
            return None;
        }
        tracing::warn!(stop.ms = self.grace.as_millis(), "calls that did not finish in time were cut off");
        self.cut_off.cancel();
        // Whoever waits here is cut off, too.
        std::future::pending().await
    }
}

async fn write(out: Option<mpsc::Sender<Vec<u8>>>, text: Vec<u8>) -> Result<(), Closed> {
    out.ok_or(Closed)?.send(text).await.map_err(|_| Closed)
}
