//! What is not said: on the stream of a call nothing that its client did not ask for, and in the
//! log nothing that clients sent.

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use toolhost_tests::lender::Events;
use toolhost_tests::mcp::{ERAS, Mcp};
use toolhost_tests::toolhost::Setup;

/// Every message of a call of the newest revision, the result last.
async fn messages(url: &str, tool: &str, meta: Value) -> Result<Vec<Value>> {
    let mut all = meta;
    all["io.modelcontextprotocol/protocolVersion"] = json!("2026-07-28");
    all["io.modelcontextprotocol/clientCapabilities"] = json!({});
    let params = json!({ "name": tool, "arguments": {}, "_meta": all });
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params }).to_string();
    let headers = [
        ("content-type", "application/json"),
        ("accept", "text/event-stream"),
        ("mcp-protocol-version", "2026-07-28"),
        ("mcp-method", "tools/call"),
        ("mcp-name", tool),
    ];
    let mut events = Events::open(url, "POST", &headers, body).await?;
    let mut messages = Vec::new();
    while let Some(message) = events.next().await? {
        messages.push(message);
    }
    Ok(messages)
}

#[tokio::test]
async fn a_calls_stream_holds_what_its_client_asked_for_and_no_more() -> Result<()> {
    let config = "[plugins.conformance]\nprefix = \"\"\n";
    let host = Setup::new(config).plugin("conformance", "conformance")?.start().await?;
    for tool in ["test_logging_tool", "test_trigger_tool_change", "test_tool_with_progress"] {
        let said = messages(host.url(), tool, json!({})).await?;
        let [result] = &said[..] else { anyhow::bail!("{tool}: {said:#?}") };
        assert!(result["result"]["content"].is_array(), "{tool}: {result}");
    }
    let said = messages(host.url(), "test_logging_tool", json!({ "io.modelcontextprotocol/logLevel": "info" })).await?;
    let (_, lines) = said.split_last().context("nothing was said")?;
    assert!(!lines.is_empty() && lines.iter().all(|line| line["method"] == "notifications/message"), "{said:#?}");
    let said =
        messages(host.url(), "test_logging_tool", json!({ "io.modelcontextprotocol/logLevel": "error" })).await?;
    assert_eq!(said.len(), 1, "lines of a lower level than was asked for: {said:#?}");
    Ok(())
}

#[tokio::test]
async fn the_log_never_holds_what_a_client_sent_or_was_answered() -> Result<()> {
    let setup = Setup::new("[plugins.good]\n").plugin("good", "good")?;
    let host = setup.argument("--log").argument("trace").start().await?;
    for era in ERAS {
        let mut client = Mcp::connect(host.url(), era).await?;
        client.call("good__echo", json!({ "message": "m4rk-of-an-argument" })).await?;
        client
            .send("tools/call", json!({ "name": "good__echo", "arguments": { "message": ["m4rk-of-a-fault"] } }))
            .await?;
    }
    let (status, printed) = host.stop().await?;
    assert!(status.success() && printed.contains("a call was answered"), "{status}: {printed}");
    assert!(!printed.contains("m4rk"), "{printed}");
    Ok(())
}
