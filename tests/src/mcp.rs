//! An MCP client of either era, written out: what it sends is the protocol and nothing more.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use crate::http::{Connection, Response};

/// The two eras of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Era {
    /// `initialize` and a session; revision 2025-11-25.
    Legacy,
    /// No session, everything in each request; revision 2026-07-28.
    Modern,
}

/// Both, for tests of what must hold in both.
pub const ERAS: [Era; 2] = [Era::Legacy, Era::Modern];

/// A client on one kept connection.
pub struct Mcp {
    url: String,
    connection: Connection,
    era: Era,
    session: Option<String>,
    capabilities: Value,
    next_id: u64,
    /// The header `Authorization`, if any.
    authorization: Option<String>,
    /// What the server told agents when they met.
    pub instructions: String,
}

impl Mcp {
    /// Connects to the host at `url`, and meets it as the era prescribes.
    pub async fn connect(url: &str, era: Era) -> Result<Self> {
        Self::connect_with(url, era, None).await
    }

    /// The same with a key or token, which every request shows.
    pub async fn connect_as(url: &str, era: Era, bearer: &str) -> Result<Self> {
        Self::connect_with(url, era, Some(format!("Bearer {bearer}"))).await
    }

    async fn connect_with(url: &str, era: Era, authorization: Option<String>) -> Result<Self> {
        let connection = Connection::open(url).await?;
        let (url, instructions) = (url.to_owned(), String::new());
        let capabilities = json!({});
        let (session, next_id) = (None, 0);
        let mut client = Self { url, connection, era, session, capabilities, next_id, authorization, instructions };
        let met = match era {
            Era::Legacy => {
                let about = json!({ "name": "tests", "version": "1" });
                let params = json!({ "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": about });
                let response = client.send("initialize", params).await?;
                client.session = response.header("mcp-session-id").map(str::to_owned);
                ensure!(client.session.is_some(), "no session: {}", response.text());
                client.notify("notifications/initialized", json!({})).await?;
                result(&response)?
            }
            Era::Modern => client.request("server/discover", json!({})).await?,
        };
        client.instructions = met["instructions"].as_str().unwrap_or_default().to_owned();
        Ok(client)
    }

    /// Declares these capabilities from now on, as the modern era does: with each request.
    #[must_use]
    pub fn capable_of(mut self, capabilities: Value) -> Self {
        self.capabilities = capabilities;
        self
    }

    /// The tools, as listed.
    pub async fn tools(&mut self) -> Result<Vec<Value>> {
        let list = self.request("tools/list", json!({})).await?;
        Ok(list["tools"].as_array().context("no tools")?.clone())
    }

    /// One call: the result, whether it is an error or not.
    pub async fn call(&mut self, tool: &str, arguments: Value) -> Result<Value> {
        self.request("tools/call", json!({ "name": tool, "arguments": arguments })).await
    }

    /// One request: the result, or the protocol's error as an error.
    pub async fn request(&mut self, method: &str, params: Value) -> Result<Value> {
        result(&self.send(method, params).await?)
    }

    /// One request: the answer as it came.
    pub async fn send(&mut self, method: &str, mut params: Value) -> Result<Response> {
        self.next_id += 1;
        let names = ["name", "taskId", "uri"].map(|field| params[field].as_str());
        let name = names.into_iter().flatten().next().unwrap_or_default().to_owned();
        let mut headers = vec![("content-type", "application/json"), ("accept", "application/json, text/event-stream")];
        headers.extend(self.authorization.as_deref().map(|value| ("authorization", value)));
        match self.era {
            Era::Legacy => {
                if let Some(session) = &self.session {
                    headers.push(("mcp-session-id", session));
                    headers.push(("mcp-protocol-version", "2025-11-25"));
                }
            }
            Era::Modern => {
                headers.push(("mcp-protocol-version", "2026-07-28"));
                headers.push(("mcp-method", method));
                if matches!(method, "tools/call" | "resources/read") || params["taskId"].is_string() {
                    headers.push(("mcp-name", &name));
                }
                if !params["_meta"].is_object() {
                    params["_meta"] = json!({});
                }
                params["_meta"]["io.modelcontextprotocol/protocolVersion"] = json!("2026-07-28");
                params["_meta"]["io.modelcontextprotocol/clientCapabilities"] = self.capabilities.clone();
            }
        }
        let body = json!({ "jsonrpc": "2.0", "id": self.next_id, "method": method, "params": params }).to_string();
        self.connection.send("POST", "/mcp", &headers, body).await
    }

    /// The same client on one more connection, in the same session if it has one.
    pub async fn beside(&self) -> Result<Self> {
        let connection = Connection::open(&self.url).await?;
        let (url, session, instructions) = (self.url.clone(), self.session.clone(), self.instructions.clone());
        let (era, capabilities, authorization) = (self.era, self.capabilities.clone(), self.authorization.clone());
        // Ids must not repeat within a session.
        let next_id = self.next_id + 1_000;
        Ok(Self { url, connection, era, session, capabilities, next_id, authorization, instructions })
    }

    /// The session of the legacy era.
    pub fn session(&self) -> Option<&str> {
        self.session.as_deref()
    }

    /// The id that the next request will have.
    pub fn next_id(&self) -> u64 {
        self.next_id + 1
    }

    /// Takes a request back as the legacy era does, whichever connection it was sent on.
    pub async fn cancel(&mut self, request_id: impl Into<Value>) -> Result<()> {
        let params = json!({ "requestId": request_id.into(), "reason": "no longer needed" });
        self.notify("notifications/cancelled", params).await
    }

    /// Ends the session of the legacy era: the status of the answer.
    pub async fn end(mut self) -> Result<u16> {
        let session = self.session.clone().unwrap_or_default();
        let mut headers = vec![("mcp-session-id", session.as_str()), ("mcp-protocol-version", "2025-11-25")];
        headers.extend(self.authorization.as_deref().map(|value| ("authorization", value)));
        Ok(self.connection.send("DELETE", "/mcp", &headers, "").await?.status)
    }

    async fn notify(&mut self, method: &str, params: Value) -> Result<()> {
        let session = self.session.clone().unwrap_or_default();
        let mut headers = vec![
            ("content-type", "application/json"),
            ("accept", "application/json, text/event-stream"),
            ("mcp-session-id", session.as_str()),
            ("mcp-protocol-version", "2025-11-25"),
        ];
        headers.extend(self.authorization.as_deref().map(|value| ("authorization", value)));
        let body = json!({ "jsonrpc": "2.0", "method": method, "params": params }).to_string();
        let response = self.connection.send("POST", "/mcp", &headers, body).await?;
        ensure!(response.status == 202, "a notification was answered {}: {}", response.status, response.text());
        Ok(())
    }
}

/// The result of an answer, or its error.
fn result(response: &Response) -> Result<Value> {
    let answer = response.json()?;
    ensure!(answer.get("error").is_none(), "HTTP {}: {}", response.status, answer["error"]);
    answer.get("result").cloned().with_context(|| format!("no result: {answer}"))
}
