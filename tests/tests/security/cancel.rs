//! A caller that goes away takes its call along: the guest stops using the processor.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use toolhost_tests::http::{Connection, request};
use toolhost_tests::mcp::{Era, Mcp};
use toolhost_tests::toolhost::{Setup, Toolhost};

use crate::{kind, until};

/// A deadline far beyond the test: what stops a guest here is its caller.
async fn endless() -> Result<Toolhost> {
    Setup::new("[limits]\ndeadline_ms = 600000\n").plugin("endless", "endless")?.start().await
}

/// Waits until a guest uses the processor.
async fn is_busy(host: &Toolhost) -> Result<()> {
    let idle = host.cpu_time()?;
    until("the guest computes", || Ok(host.cpu_time()? > idle + Duration::from_millis(300))).await
}

/// Waits until the guest has stopped, and the log says why.
async fn is_cancelled(host: &Toolhost) -> Result<()> {
    let mut quiet = false;
    for _ in 0..40 {
        let before = host.cpu_time()?;
        tokio::time::sleep(Duration::from_millis(500)).await;
        quiet = host.cpu_time()? - before < Duration::from_millis(100);
        if quiet {
            break;
        }
    }
    ensure!(quiet, "the guest goes on without a caller");
    until("the log says that the call was cancelled", || {
        let log = host.printed()?;
        Ok(log.lines().any(|line| line.contains("endless__spin") && line.contains("cancelled")))
    })
    .await
}

#[tokio::test]
async fn a_client_that_hangs_up_on_rest_stops_the_guest() -> Result<()> {
    let host = endless().await?;
    let url = format!("{}/tools/endless__spin", host.url());
    let call = tokio::spawn(async move { request("POST", &url, &[], Vec::new()).await });
    is_busy(&host).await?;
    ensure!(!call.is_finished(), "the call ended by itself");
    call.abort();
    is_cancelled(&host).await
}

#[tokio::test]
async fn a_client_that_hangs_up_on_modern_mcp_stops_the_guest() -> Result<()> {
    let host = endless().await?;
    let mut client = Mcp::connect(host.url(), Era::Modern).await?;
    let call = tokio::spawn(async move { client.call("endless__spin", json!({})).await });
    is_busy(&host).await?;
    ensure!(!call.is_finished(), "the call ended by itself");
    call.abort();
    is_cancelled(&host).await
}

#[tokio::test]
async fn a_client_that_takes_its_call_back_on_legacy_mcp_stops_the_guest() -> Result<()> {
    let host = endless().await?;
    let mut session = Session::begin(host.url()).await?;
    let id = session.id.clone();
    let mut caller = Connection::open(host.url()).await?;
    let call = json!({ "jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": { "name": "endless__spin" } });
    let call = tokio::spawn(async move {
        let answer = caller.send("POST", "/mcp", &headers(&id), call.to_string()).await?;
        anyhow::Ok(answer.text())
    });
    is_busy(&host).await?;
    ensure!(!call.is_finished(), "the call ended by itself");
    let params = json!({ "requestId": 7, "reason": "no longer needed" });
    session.notify("notifications/cancelled", params).await?;
    is_cancelled(&host).await?;
    call.abort();
    Ok(())
}

#[tokio::test]
async fn a_call_that_was_taken_back_leaves_the_session_as_it_was() -> Result<()> {
    let host =
        Setup::new("[plugins.endless.limits]\ndeadline_ms = 1000\n").plugin("endless", "endless")?.start().await?;
    let mut session = Session::begin(host.url()).await?;
    // Of a call that never was, and of none at all.
    for params in [json!({ "requestId": 99 }), json!({ "requestId": "7" })] {
        session.notify("notifications/cancelled", params).await?;
    }
    let call = json!({ "jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": { "name": "endless__wait" } });
    let answer = session.connection.send("POST", "/mcp", &headers(&session.id), call.to_string()).await?.json()?;
    assert_eq!(kind(&answer["result"]), "deadline", "{answer}");
    Ok(())
}

/// A session of the legacy era, with its parts within reach.
struct Session {
    connection: Connection,
    id: String,
}

impl Session {
    async fn begin(url: &str) -> Result<Self> {
        let mut connection = Connection::open(url).await?;
        let about = json!({ "name": "tests", "version": "1" });
        let params = json!({ "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": about });
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params });
        let answer = connection.send("POST", "/mcp", &headers("")[..2], body.to_string()).await?;
        let id = answer.header("mcp-session-id").context("no session")?.to_owned();
        let mut session = Self { connection, id };
        session.notify("notifications/initialized", json!({})).await?;
        Ok(session)
    }

    async fn notify(&mut self, method: &str, params: Value) -> Result<()> {
        let body = json!({ "jsonrpc": "2.0", "method": method, "params": params });
        let answer = self.connection.send("POST", "/mcp", &headers(&self.id), body.to_string()).await?;
        ensure!(answer.status == 202, "{method} was answered {}: {}", answer.status, answer.text());
        Ok(())
    }
}

fn headers(session: &str) -> [(&str, &str); 4] {
    [
        ("content-type", "application/json"),
        ("accept", "application/json, text/event-stream"),
        ("mcp-session-id", session),
        ("mcp-protocol-version", "2025-11-25"),
    ]
}
