//! The doors, and how they treat clients that are not quite as the protocol has them: what is
//! wrong is said in the protocol's own words, and what can be served is.

use anyhow::Result;
use toolhost_tests::http::{Connection, Response};
use toolhost_tests::toolhost::{Setup, Toolhost};

#[path = "doors/accept.rs"]
mod accept;
#[path = "doors/batches.rs"]
mod batches;
#[path = "doors/brief.rs"]
mod brief;
#[path = "doors/card.rs"]
mod card;
#[path = "doors/cors.rs"]
mod cors;
#[path = "doors/direct.rs"]
mod direct;
#[path = "doors/quiet.rs"]
mod quiet;
#[path = "doors/refusals.rs"]
mod refusals;
#[path = "doors/sessions.rs"]
mod sessions;
#[path = "doors/stdio.rs"]
mod stdio;
#[path = "doors/trace.rs"]
mod trace;

const JSON: (&str, &str) = ("content-type", "application/json");
const BOTH: (&str, &str) = ("accept", "application/json, text/event-stream");

fn setup(config: &str) -> Result<Setup> {
    Setup::new(config).plugin("good", "good")
}

async fn good() -> Result<Toolhost> {
    setup("").map(Setup::start)?.await
}

/// One message as it stands, on a connection of its own.
async fn post(host: &Toolhost, headers: &[(&str, &str)], body: &str) -> Result<Response> {
    Connection::open(host.url()).await?.send("POST", "/mcp", headers, body.to_owned()).await
}

/// Begins a session of a revision: its id.
async fn session(host: &Toolhost, revision: &str) -> Result<String> {
    let params = serde_json::json!({
        "protocolVersion": revision, "capabilities": {}, "clientInfo": { "name": "tests", "version": "1" },
    });
    let message = serde_json::json!({ "jsonrpc": "2.0", "id": "met", "method": "initialize", "params": params });
    let met = post(host, &[JSON, BOTH], &message.to_string()).await?;
    let session = met.header("mcp-session-id").map(str::to_owned);
    let session = session.ok_or_else(|| anyhow::anyhow!("no session: {}", met.text()))?;
    let message = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
    let told = post(host, &[JSON, BOTH, ("mcp-session-id", &session)], message).await?;
    anyhow::ensure!(told.status == 202, "{}", told.text());
    Ok(session)
}
