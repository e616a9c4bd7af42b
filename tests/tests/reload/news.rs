//! Whoever listens hears that a list has changed, in both eras; and nothing where none has.

use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use toolhost_tests::lender::{Events, Lender};
use toolhost_tests::mcp::{Era, Mcp};
use toolhost_tests::toolhost::{Setup, Toolhost};

use crate::{PATIENCE, bytes, logs, marked};

/// The next notification of this stream.
async fn next(events: &mut Events) -> Result<String> {
    let message = tokio::time::timeout(PATIENCE, events.next()).await.context("nothing was heard")??;
    let message = message.context("the stream ended")?;
    Ok(message["method"].as_str().with_context(|| format!("no notification: {message}"))?.to_owned())
}

/// A stream of the newest revision that hears of tools.
async fn listen(url: &str) -> Result<Events> {
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    let params = json!({ "notifications": { "toolsListChanged": true }, "_meta": meta });
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "subscriptions/listen", "params": params });
    let headers = [
        ("content-type", "application/json"),
        ("accept", "application/json, text/event-stream"),
        ("mcp-protocol-version", "2026-07-28"),
        ("mcp-method", "subscriptions/listen"),
    ];
    let mut events = Events::open(url, "POST", &headers, body.to_string()).await?;
    let first = next(&mut events).await?;
    ensure!(first == "notifications/subscriptions/acknowledged", "{first}");
    Ok(events)
}

/// Whether a plugin's tools are listed.
async fn lists(host: &Toolhost, era: Era, tool: &str) -> Result<bool> {
    let tools = Mcp::connect(host.url(), era).await?.tools().await?;
    Ok(tools.iter().any(|listed| listed["name"] == tool))
}

#[tokio::test]
async fn a_list_that_changed_is_announced_and_one_that_did_not_is_not() -> Result<()> {
    for era in [Era::Legacy, Era::Modern] {
        let host = Setup::new("").plugin("good", "good")?.start().await?;
        let lender = Lender::connect(host.url(), json!({})).await?;
        let mut events = match era {
            Era::Legacy => lender.listen().await?,
            Era::Modern => listen(host.url()).await?,
        };
        // Another file with the same tools: nobody has to list them again.
        host.put("good", &marked(&bytes("good")?))?;
        logs(&host, "plugins.loaded=\"good\"").await?;

        host.put("new", &bytes("liar")?)?;
        assert_eq!(next(&mut events).await?, "notifications/tools/list_changed", "{era:?}");
        ensure!(lists(&host, era, "new__truth").await?, "{era:?}: it is announced before it is listed");
        host.remove("new")?;
        assert_eq!(next(&mut events).await?, "notifications/tools/list_changed", "{era:?}");
        ensure!(!lists(&host, era, "new__truth").await?, "{era:?}: it is announced before it is gone");
    }
    Ok(())
}
