//! The load client: MCP calls on kept connections, each answer checked, each call timed.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use futures_util::TryStreamExt;
use futures_util::stream::FuturesUnordered;
use serde_json::{Value, json};
use toolhost_tests::mcp::Era;

use crate::http1::Http1;

/// The arguments of every call are this long, as JSON text.
pub(crate) const ARGUMENT_BYTES: usize = 1_024;

/// Ids have seven digits throughout, so that every request is equally long.
const FIRST_ID: usize = 1_000_000;

/// How long calls go on: until either limit.
#[derive(Clone, Copy)]
pub(crate) struct Load {
    pub(crate) time: Duration,
    pub(crate) calls: usize,
}

/// The calls of one turn.
pub(crate) struct Answered {
    /// How long each took, shortest first.
    pub(crate) times: Vec<Duration>,
    /// From the first request to the last answer.
    pub(crate) time: Duration,
}

/// One client: a kept connection, and in the legacy era a session.
pub(crate) struct Connection {
    http: Http1,
    request: Vec<u8>,
    id_at: usize,
    id: usize,
    arguments: Value,
    /// The first answer, which was read and checked as JSON: what stands before and after its id.
    answer: Option<(Vec<u8>, Vec<u8>)>,
}

/// Calls on all connections at once.
pub(crate) async fn load(connections: &mut [Connection], limit: Load) -> Result<Answered> {
    let calls_each = limit.calls.div_ceil(connections.len().max(1));
    let began = Instant::now();
    let calling = connections.iter_mut().map(|connection| connection.call_until(began + limit.time, calls_each));
    let mut times: Vec<Duration> = calling.collect::<FuturesUnordered<_>>().try_concat().await?;
    let time = began.elapsed();
    ensure!(!times.is_empty(), "no call was made");
    times.sort_unstable();
    Ok(Answered { times, time })
}

impl Connection {
    /// Connects to a server, and meets it as the era prescribes.
    pub(crate) async fn open(url: &str, era: Era, tool: &str) -> Result<Self> {
        let authority = url.strip_prefix("http://").context("a URL begins with http://")?;
        let mut http = Http1::open(authority).await?;
        let session = match era {
            Era::Legacy => Some(initialize(&mut http, authority).await?),
            Era::Modern => None,
        };
        let arguments = arguments();
        let mut params = json!({ "name": tool, "arguments": arguments });
        let mut headers = String::new();
        match session {
            Some(session) => headers = session_headers(&session),
            None => {
                params["_meta"] = json!({
                    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
                    "io.modelcontextprotocol/clientCapabilities": {},
                });
                headers += "mcp-protocol-version: 2026-07-28\r\nmcp-method: tools/call\r\n";
                headers += &format!("mcp-name: {tool}\r\n");
            }
        }
        let body = json!({ "jsonrpc": "2.0", "id": FIRST_ID, "method": "tools/call", "params": params });
        let request = request(authority, &headers, &body);
        let id_at = id_in(&request, FIRST_ID).context("a request has an id")?;
        Ok(Self { http, request, id_at, id: FIRST_ID, arguments, answer: None })
    }

    async fn call_until(&mut self, end: Instant, calls_max: usize) -> Result<Vec<Duration>> {
        let mut times = Vec::with_capacity(calls_max.min(100_000));
        while times.len() < calls_max {
            let began = Instant::now();
            if began >= end {
                break;
            }
            self.call().await?;
            times.push(began.elapsed());
        }
        Ok(times)
    }

    async fn call(&mut self) -> Result<()> {
        self.id += 1;
        let id = self.id.to_string();
        self.request[self.id_at..self.id_at + id.len()].copy_from_slice(id.as_bytes());
        let (status, body) = self.http.send(&self.request).await?;
        let message = message(body);
        let shown = || String::from_utf8_lossy(body).into_owned();
        ensure!(status == 200, "HTTP {status}: {}", shown());
        if let Some((before, after)) = &self.answer {
            let rest = message.strip_prefix(&before[..]).and_then(|rest| rest.strip_prefix(id.as_bytes()));
            ensure!(rest == Some(&after[..]), "another answer than the first: {}", shown());
            return Ok(());
        }
        let result = &serde_json::from_slice::<Value>(message)?["result"];
        let right = result["structuredContent"] == self.arguments
            && result["content"][0]["text"] == self.arguments["message"]
            && result["isError"] != true;
        ensure!(right, "a wrong answer: {}", shown());
        let at = id_in(message, self.id).context("an answer has its request's id")?;
        self.answer = Some((message[..at].to_vec(), message[at + id.len()..].to_vec()));
        Ok(())
    }
}

/// What `echo` is called with: a message, and an object that fills the rest.
fn arguments() -> Value {
    let mut rows: Vec<Value> = Vec::new();
    let mut arguments = Value::Null;
    loop {
        let row = json!({ "id": rows.len(), "name": "Ada Lovelace", "total": 129.5, "paid": true, "tags": ["a", "b"] });
        rows.push(row);
        let next = json!({ "message": "What was asked.", "payload": { "rows": rows, "note": "" } });
        if next.to_string().len() > ARGUMENT_BYTES {
            break;
        }
        arguments = next;
    }
    let missing = ARGUMENT_BYTES - arguments.to_string().len();
    arguments["payload"]["note"] = json!("x".repeat(missing));
    arguments
}

/// Opens a session, and returns its id.
async fn initialize(http: &mut Http1, authority: &str) -> Result<String> {
    let about = json!({ "name": "bench", "version": "1" });
    let params = json!({ "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": about });
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params });
    let (status, answer) = http.send(&request(authority, "", &body)).await?;
    ensure!(status == 200, "initialize: HTTP {status}: {}", String::from_utf8_lossy(answer));
    let session = http.header("mcp-session-id").context("no session")?.to_owned();
    let body = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
    let (status, answer) = http.send(&request(authority, &session_headers(&session), &body)).await?;
    ensure!(status == 202, "initialized: HTTP {status}: {}", String::from_utf8_lossy(answer));
    Ok(session)
}

fn session_headers(session: &str) -> String {
    format!("mcp-session-id: {session}\r\nmcp-protocol-version: 2025-11-25\r\n")
}

fn request(authority: &str, headers: &str, body: &Value) -> Vec<u8> {
    let body = body.to_string();
    let length = body.len();
    let text = format!(
        "POST /mcp HTTP/1.1\r\nhost: {authority}\r\ncontent-type: application/json\r\n\
         accept: application/json, text/event-stream\r\ncontent-length: {length}\r\n{headers}\r\n{body}"
    );
    text.into_bytes()
}

/// Where the digits of a message's id stand.
fn id_in(text: &[u8], id: usize) -> Option<usize> {
    let field = format!("\"id\":{id}");
    let at = text.windows(field.len()).position(|bytes| bytes == field.as_bytes())?;
    Some(at + "\"id\":".len())
}

/// The JSON of an answer: the whole body, or the last event of a stream that holds any.
fn message(body: &[u8]) -> &[u8] {
    if body.first() == Some(&b'{') {
        return body;
    }
    let mut events = body.split(|&byte| byte == b'\n').filter_map(|line| line.strip_prefix(b"data: "));
    events.rfind(|data| data.first() == Some(&b'{')).unwrap_or_default()
}
