//! What a client can read is what it is sent, though the protocol wants it to read two forms.

use anyhow::Result;
use serde_json::json;
use toolhost_tests::http::Response;
use toolhost_tests::toolhost::Toolhost;

use crate::{JSON, good, post, session};

/// A call of three steps that would tell of each, by a client that can read so much.
async fn steps(host: &Toolhost, session: Option<&str>, accept: Option<&str>) -> Result<Response> {
    let mut meta = json!({ "progressToken": "t" });
    let mut headers = vec![JSON];
    match session {
        Some(session) => headers.push(("mcp-session-id", session)),
        None => {
            meta["io.modelcontextprotocol/protocolVersion"] = json!("2026-07-28");
            meta["io.modelcontextprotocol/clientCapabilities"] = json!({});
            headers.extend([("mcp-protocol-version", "2026-07-28"), ("mcp-method", "tools/call")]);
            headers.push(("mcp-name", "good__steps"));
        }
    }
    headers.extend(accept.map(|accept| ("accept", accept)));
    let params = json!({ "name": "good__steps", "arguments": { "count": 3, "pause_ms": 60 }, "_meta": meta });
    let message = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params });
    post(host, &headers, &message.to_string()).await
}

#[tokio::test]
async fn a_client_that_takes_anything_or_says_nothing_is_served() -> Result<()> {
    let host = good().await?;
    let session = session(&host, "2025-11-25").await?;
    for session in [None, Some(session.as_str())] {
        let both = "application/json;q=0.9, text/event-stream";
        for accept in [None, Some("*/*"), Some(both), Some("text/html, */*;q=0.1")] {
            let response = steps(&host, session, accept).await?;
            assert_eq!(response.status, 200, "{session:?} {accept:?}: {}", response.text());
            assert_eq!(response.json()?["result"]["content"][0]["text"], "3 steps", "{session:?} {accept:?}");
            assert!(response.text().contains("notifications/progress"), "{session:?} {accept:?}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_client_that_reads_json_alone_gets_the_answer_alone() -> Result<()> {
    let host = good().await?;
    let session = session(&host, "2025-11-25").await?;
    for session in [None, Some(session.as_str())] {
        let response = steps(&host, session, Some("application/json")).await?;
        assert_eq!((response.status, response.header("content-type")), (200, Some("application/json")), "{session:?}");
        let answer: serde_json::Value = serde_json::from_slice(&response.body)?;
        assert_eq!(answer["result"]["content"][0]["text"], "3 steps", "{session:?}: {answer}");
    }
    Ok(())
}

#[tokio::test]
async fn a_client_that_reads_streams_alone_gets_one() -> Result<()> {
    let host = good().await?;
    let headers =
        [JSON, ("accept", "text/event-stream"), ("mcp-protocol-version", "2026-07-28"), ("mcp-method", "tools/list")];
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    let message = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": { "_meta": meta } });
    let response = post(&host, &headers, &message.to_string()).await?;
    assert_eq!((response.status, response.header("content-type")), (200, Some("text/event-stream")));
    assert!(response.text().starts_with("data: {"), "{}", response.text());
    let tools = &response.json()?["result"]["tools"];
    assert!(tools.as_array().is_some_and(|tools| tools.iter().any(|tool| tool["name"] == "good__echo")), "{tools}");
    Ok(())
}
