//! The load client: MCP calls on kept connections, each answer checked, each call timed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use futures_util::TryStreamExt;
use futures_util::stream::FuturesUnordered;
use serde_json::{Value, json};

use super::http1::Http1;
use crate::mcp::Era;

/// The arguments of a call are this long, as JSON text, where nothing else is said.
pub const ARGUMENT_BYTES: usize = 1_024;

/// Ids have seven digits throughout, so that every request is equally long.
const FIRST_ID: usize = 1_000_000;

/// How long calls go on: until either limit.
#[derive(Clone, Copy)]
pub struct Load {
    /// No call begins after that.
    pub time: Duration,
    /// How many calls there are at most, on all connections together.
    pub calls: usize,
}

/// The calls of one turn.
pub struct Answered {
    /// How long each took, shortest first.
    pub times: Vec<Duration>,
    /// From the first request to the last answer.
    pub time: Duration,
}

/// What is asked again and again, and how the right answer is known.
#[derive(Clone)]
pub struct Question {
    method: &'static str,
    params: Value,
    bearer: Option<String>,
    right: Arc<dyn Fn(&Value) -> bool + Send + Sync>,
}

impl Question {
    /// A request: its method, its parameters, and whether a result is the right one.
    pub fn new(method: &'static str, params: Value, right: impl Fn(&Value) -> bool + Send + Sync + 'static) -> Self {
        Self { method, params, bearer: None, right: Arc::new(right) }
    }

    /// A call of a tool that answers with what it was given: so many bytes of JSON.
    pub fn echo(tool: &str, bytes: usize) -> Self {
        let arguments = arguments(bytes);
        Self::call(tool, arguments.clone(), move |result| {
            result["structuredContent"] == arguments && result["content"][0]["text"] == arguments["message"]
        })
    }

    /// A call of a tool, and whether a result that is no error is the right one.
    pub fn call(tool: &str, arguments: Value, right: impl Fn(&Value) -> bool + Send + Sync + 'static) -> Self {
        let params = json!({ "name": tool, "arguments": arguments });
        Self::new("tools/call", params, move |result| result["isError"] != true && right(result))
    }

    /// The same by a caller with this key.
    #[must_use]
    pub fn with_key(self, key: &str) -> Self {
        Self { bearer: Some(key.to_owned()), ..self }
    }
}

/// One client: a kept connection, and in the legacy era a session.
pub struct Connection {
    http: Http1,
    request: Vec<u8>,
    id_at: usize,
    id: usize,
    right: Arc<dyn Fn(&Value) -> bool + Send + Sync>,
    /// The first answer, which was read and checked as JSON: what stands before and after its id.
    answer: Option<(Vec<u8>, Vec<u8>)>,
}

/// Calls on all connections at once.
pub async fn load(connections: &mut [Connection], limit: Load) -> Result<Answered> {
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
    pub async fn open(url: &str, era: Era, question: &Question) -> Result<Self> {
        let authority = url.strip_prefix("http://").context("a URL begins with http://")?;
        let mut http = Http1::open(authority).await?;
        let Question { method, params, bearer, right } = question;
        let bearer = bearer.as_ref().map(|key| format!("authorization: Bearer {key}\r\n")).unwrap_or_default();
        let mut params = params.clone();
        let mut headers = bearer.clone();
        match era {
            Era::Legacy => headers += &session_headers(&initialize(&mut http, authority, &bearer).await?),
            Era::Modern => {
                params["_meta"] = json!({
                    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
                    "io.modelcontextprotocol/clientCapabilities": {},
                });
                headers += &format!("mcp-protocol-version: 2026-07-28\r\nmcp-method: {method}\r\n");
                if let Some(name) = params["name"].as_str() {
                    headers += &format!("mcp-name: {name}\r\n");
                }
            }
        }
        let body = json!({ "jsonrpc": "2.0", "id": FIRST_ID, "method": method, "params": params });
        let request = request(authority, &headers, &body);
        let id_at = id_in(&request, FIRST_ID).context("a request has an id")?;
        Ok(Self { http, request, id_at, id: FIRST_ID, right: Arc::clone(right), answer: None })
    }

    /// How long the JSON of an answer is, in bytes, without its id.
    pub fn answer_bytes(&self) -> usize {
        self.answer.as_ref().map_or(0, |(before, after)| before.len() + after.len())
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

    /// One request, whose answer must be right.
    pub async fn call(&mut self) -> Result<()> {
        self.id += 1;
        let id = self.id.to_string();
        self.request[self.id_at..self.id_at + id.len()].copy_from_slice(id.as_bytes());
        let (status, body) = self.http.send(&self.request).await?;
        let message = message(body);
        let shown = || String::from_utf8_lossy(body.get(..2_000).unwrap_or(body)).into_owned();
        ensure!(status == 200, "HTTP {status}: {}", shown());
        if let Some((before, after)) = &self.answer {
            let rest = message.strip_prefix(&before[..]).and_then(|rest| rest.strip_prefix(id.as_bytes()));
            ensure!(rest == Some(&after[..]), "another answer than the first: {}", shown());
            return Ok(());
        }
        let result = &serde_json::from_slice::<Value>(message)?["result"];
        ensure!((self.right)(result), "a wrong answer: {}", shown());
        let at = id_in(message, self.id).context("an answer has its request's id")?;
        self.answer = Some((message[..at].to_vec(), message[at + id.len()..].to_vec()));
        Ok(())
    }
}

/// What `echo` is called with: a message, and an object that fills the rest.
fn arguments(bytes: usize) -> Value {
    let whole =
        |rows: &[Value], note: &str| json!({ "message": "What was asked.", "payload": { "rows": rows, "note": note } });
    let mut left = bytes.saturating_sub(whole(&[], "").to_string().len());
    let mut rows: Vec<Value> = Vec::new();
    loop {
        let row = json!({ "id": rows.len(), "name": "Ada Lovelace", "total": 129.5, "paid": true, "tags": ["a", "b"] });
        let row_bytes = row.to_string().len() + usize::from(!rows.is_empty());
        if row_bytes > left {
            return whole(&rows, &"x".repeat(left));
        }
        left -= row_bytes;
        rows.push(row);
    }
}

/// Opens a session, and returns its id.
async fn initialize(http: &mut Http1, authority: &str, bearer: &str) -> Result<String> {
    let about = json!({ "name": "bench", "version": "1" });
    let params = json!({ "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": about });
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params });
    let (status, answer) = http.send(&request(authority, bearer, &body)).await?;
    ensure!(status == 200, "initialize: HTTP {status}: {}", String::from_utf8_lossy(answer));
    let session = http.header("mcp-session-id").context("no session")?.to_owned();
    let body = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
    let (status, answer) =
        http.send(&request(authority, &(bearer.to_owned() + &session_headers(&session)), &body)).await?;
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
