//! An MCP client of the legacy era that can be asked: it answers what a server asks while a
//! call runs, on the stream of that call.

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::Request;
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpStream;

use crate::http;

/// The newest revision that has sessions.
const REVISION: &str = "2025-11-25";

/// The id of every call: there is one at a time.
const CALL: u32 = 7;

/// A client with a session.
pub struct Lender {
    url: String,
    revision: String,
    session: String,
}

/// A stream of messages. Dropping it closes it.
pub struct Events {
    /// A connection lasts as long as this end of it.
    _sender: SendRequest<Full<Bytes>>,
    body: Incoming,
    text: String,
}

impl Events {
    /// The answer to one request to the host at `url`, message by message.
    pub async fn open(url: &str, method: &str, headers: &[(&str, &str)], body: String) -> Result<Self> {
        let authority = url.trim_start_matches("http://").trim_end_matches("/mcp").to_owned();
        let stream = TcpStream::connect(&authority).await?;
        let (mut sender, connection) = handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        let mut request = Request::builder().method(method).uri("/mcp").header("host", authority);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = sender.send_request(request.body(Full::new(Bytes::from(body)))?).await?;
        ensure!(response.status() == 200, "{method} was answered {}", response.status());
        Ok(Self { _sender: sender, body: response.into_body(), text: String::new() })
    }

    /// The next message; none at the end of the stream.
    pub async fn next(&mut self) -> Result<Option<Value>> {
        loop {
            while let Some((event, rest)) = self.text.split_once("\n\n") {
                let data: String = event.lines().filter_map(|line| line.strip_prefix("data:")).collect();
                self.text = rest.to_owned();
                // What only keeps the stream open holds none.
                if let Ok(message) = serde_json::from_str(&data) {
                    return Ok(Some(message));
                }
            }
            let Some(frame) = self.body.frame().await else {
                // What is answered as JSON is one message, and no event.
                return Ok(serde_json::from_str(&std::mem::take(&mut self.text)).ok());
            };
            self.text += &String::from_utf8_lossy(frame?.data_ref().map_or(&[][..], |data| data));
        }
    }
}

/// What a client heard during one call.
#[derive(Debug, Default)]
pub struct Heard {
    /// The result of the call, or the protocol's error.
    pub result: Value,
    /// What its model was asked: whole requests.
    pub asked: Vec<Value>,
    /// What it was told besides.
    pub told: Vec<Value>,
}

impl Lender {
    /// Meets the host at `url`, and offers these capabilities: `{"sampling": {}}` lends a model.
    pub async fn connect(url: &str, capabilities: Value) -> Result<Self> {
        Self::connect_by(url, REVISION, capabilities).await
    }

    /// The same, by an older revision of the protocol.
    pub async fn connect_by(url: &str, revision: &str, capabilities: Value) -> Result<Self> {
        let about = json!({ "name": "lender", "version": "1" });
        let params = json!({ "protocolVersion": revision, "capabilities": capabilities, "clientInfo": about });
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params });
        let url = format!("{url}/mcp");
        let mut lender = Self { url, revision: revision.to_owned(), session: String::new() };
        let met = http::request("POST", &lender.url, &lender.headers()[..2], body.to_string().into_bytes()).await?;
        lender.session = met.header("mcp-session-id").context("no session")?.to_owned();
        lender.post(json!({ "jsonrpc": "2.0", "method": "notifications/initialized" })).await?;
        Ok(lender)
    }

    /// One call. Each question is handed to `model`, which gives the result that the server gets,
    /// an object with `error`, or nothing at all: then the client stays silent.
    pub async fn call(&self, tool: &str, arguments: Value, model: impl Fn(&Value) -> Option<Value>) -> Result<Heard> {
        let params = json!({ "name": tool, "arguments": arguments });
        let body = json!({ "jsonrpc": "2.0", "id": CALL, "method": "tools/call", "params": params }).to_string();
        let mut events = Events::open(&self.url, "POST", &self.headers(), body).await?;
        let mut heard = Heard::default();
        while let Some(message) = events.next().await? {
            if self.take(message, &mut heard, &model).await? {
                return Ok(heard);
            }
        }
        anyhow::bail!("the stream ended without a result: {heard:?}");
    }

    /// Several calls in one array, for the one revision that has those: their results in this order,
    /// and what else was heard. Each wants to hear of its progress.
    pub async fn call_all(
        &self,
        calls: &[(&str, Value)],
        model: impl Fn(&Value) -> Option<Value>,
    ) -> Result<(Vec<Value>, Heard)> {
        let one = |((tool, arguments), id): (&(&str, Value), u32)| {
            let params = json!({ "name": tool, "arguments": arguments, "_meta": { "progressToken": id } });
            json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params })
        };
        let body = Value::from(calls.iter().zip(CALL..).map(one).collect::<Vec<_>>()).to_string();
        let mut events = Events::open(&self.url, "POST", &self.headers(), body).await?;
        let (mut results, mut heard) = (vec![Value::Null; calls.len()], Heard::default());
        while results.contains(&Value::Null) {
            let message =
                events.next().await?.with_context(|| format!("the stream ended early: {results:?}, {heard:?}"))?;
            let is_answer = message.get("method").is_none();
            match results.iter_mut().zip(CALL..).find(|(_, id)| is_answer && message["id"] == *id) {
                Some((result, _)) => *result = message["result"].clone(),
                None => drop(self.take(message, &mut heard, &model).await?),
            }
        }
        Ok((results, heard))
    }

    /// The id of its session.
    pub fn session(&self) -> &str {
        &self.session
    }

    /// The stream of what the server says outside any call.
    pub async fn listen(&self) -> Result<Events> {
        Events::open(&self.url, "GET", &self.headers(), String::new()).await
    }

    /// Takes the call under way back.
    pub async fn take_back(&self) -> Result<()> {
        let params = json!({ "requestId": CALL, "reason": "no longer needed" });
        self.post(json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": params })).await
    }

    /// Takes one message; true if it is the end of the call.
    async fn take(&self, message: Value, heard: &mut Heard, model: impl Fn(&Value) -> Option<Value>) -> Result<bool> {
        match (message.get("id"), message.get("method")) {
            (Some(id), None) => {
                ensure!(*id == json!(CALL), "an answer to nothing: {message}");
                heard.result = message.get("result").or_else(|| message.get("error")).cloned().unwrap_or_default();
                return Ok(true);
            }
            (Some(id), Some(_)) => {
                if let Some(said) = model(&message["params"]) {
                    let mut answer = json!({ "jsonrpc": "2.0", "id": id });
                    match said.get("error") {
                        Some(error) => answer["error"] = error.clone(),
                        None => answer["result"] = said,
                    }
                    self.post(answer).await?;
                }
                heard.asked.push(message);
            }
            _ => heard.told.push(message),
        }
        Ok(false)
    }

    async fn post(&self, message: Value) -> Result<()> {
        let body = message.to_string().into_bytes();
        let response = http::request("POST", &self.url, &self.headers(), body).await?;
        ensure!(response.status == 202, "it was answered {}: {}", response.status, response.text());
        Ok(())
    }

    fn headers(&self) -> [(&str, &str); 4] {
        [
            ("content-type", "application/json"),
            ("accept", "application/json, text/event-stream"),
            ("mcp-protocol-version", &self.revision),
            ("mcp-session-id", &self.session),
        ]
    }
}
