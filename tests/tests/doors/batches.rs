//! Arrays of messages: in the one revision that had them, and nowhere else.

use anyhow::Result;
use serde_json::{Value, json};
use toolhost_tests::http::Response;
use toolhost_tests::lender::Lender;
use toolhost_tests::toolhost::Toolhost;

use crate::{BOTH, JSON, good, post, session, setup};

async fn send(host: &Toolhost, session: &str, batch: &Value) -> Result<Response> {
    post(host, &[JSON, BOTH, ("mcp-session-id", session)], &batch.to_string()).await
}

fn add(id: Value, a: i64) -> Value {
    let params = json!({ "name": "good__add", "arguments": { "a": a, "b": 1 } });
    json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params })
}

#[tokio::test]
async fn each_request_of_an_array_is_answered_in_an_array() -> Result<()> {
    let host = good().await?;
    let session = session(&host, "2025-03-26").await?;
    let told = json!({ "jsonrpc": "2.0", "method": "notifications/roots/list_changed" });
    let broken = json!({ "jsonrpc": "2.0", "id": "broken" });
    let unknown = json!({ "jsonrpc": "2.0", "id": "unknown", "method": "no/such/method" });
    let again = json!({ "jsonrpc": "2.0", "id": "again", "method": "initialize", "params": {} });
    let batch = json!([add(json!(1), 1), told, add(json!("two"), 2), broken, unknown, again]);
    let response = send(&host, &session, &batch).await?;
    let kind = response.header("content-type");
    assert_eq!((response.status, kind), (200, Some("application/json")), "{}", response.text());
    let answers: Vec<Value> = serde_json::from_slice(&response.body)?;
    assert_eq!(answers.len(), 5, "{answers:?}");
    let of = |id: Value| answers.iter().find(|answer| answer["id"] == id).cloned().unwrap_or_default();
    assert_eq!(of(json!(1))["result"]["structuredContent"]["result"], 2, "{answers:?}");
    assert_eq!(of(json!("two"))["result"]["structuredContent"]["result"], 3, "{answers:?}");
    assert_eq!(of(json!("broken"))["error"]["code"], -32600, "{answers:?}");
    assert_eq!(of(json!("unknown"))["error"]["code"], -32601, "{answers:?}");
    assert_eq!(of(json!("again"))["error"]["code"], -32600, "{answers:?}");
    Ok(())
}

#[tokio::test]
async fn an_array_that_asks_for_nothing_is_taken_and_not_answered() -> Result<()> {
    let host = good().await?;
    let session = session(&host, "2025-03-26").await?;
    let told = json!({ "jsonrpc": "2.0", "method": "notifications/roots/list_changed" });
    let response = send(&host, &session, &json!([told, told])).await?;
    assert_eq!((response.status, response.body.len()), (202, 0), "{}", response.text());
    Ok(())
}

#[tokio::test]
async fn an_array_is_refused_where_the_revision_has_none() -> Result<()> {
    let host = good().await?;
    let batch = json!([add(json!(1), 1)]);
    for revision in ["2024-11-05", "2025-06-18", "2025-11-25"] {
        let session = session(&host, revision).await?;
        let response = send(&host, &session, &batch).await?;
        let answer = response.json()?;
        assert_eq!((response.status, &answer["error"]["code"]), (400, &json!(-32600)), "{revision}: {answer}");
        let said = answer["error"]["message"].as_str().unwrap_or_default();
        assert!(said.contains("2025-03-26"), "{revision}: {said}");
    }
    let session = session(&host, "2025-03-26").await?;
    for (batch, code) in [("[]", -32600), ("[1,", -32700)] {
        let response = post(&host, &[JSON, BOTH, ("mcp-session-id", &session)], batch).await?;
        assert_eq!((response.status, &response.json()?["error"]["code"]), (400, &json!(code)), "{batch}");
    }
    let many = Value::from((0..101).map(|id| add(json!(id), 1)).collect::<Vec<_>>());
    assert_eq!(send(&host, &session, &many).await?.status, 400);
    Ok(())
}

/// A host with a plugin that asks its client's model, and a client that lends one and has arrays.
async fn lending() -> Result<(Toolhost, Lender)> {
    let config = "[plugins.conformance]\nprefix = \"\"\n";
    let host = setup(config)?.plugin("conformance", "conformance")?.start().await?;
    let client = Lender::connect_by(host.url(), "2025-03-26", json!({ "sampling": {} })).await?;
    Ok((host, client))
}

#[tokio::test]
async fn members_of_an_array_ask_in_place_and_tell_how_far_they_are() -> Result<()> {
    let (_host, client) = lending().await?;
    let calls = [
        ("good__add", json!({ "a": 1, "b": 1 })),
        ("test_sampling", json!({ "prompt": "one" })),
        ("good__steps", json!({ "count": 3, "pause_ms": 60 })),
        ("test_sampling", json!({ "prompt": "two" })),
    ];
    // The model says what it was asked.
    let said = |params: &Value| {
        let content = params["messages"][0]["content"].clone();
        Some(json!({ "model": "m", "role": "assistant", "content": content }))
    };
    let (results, heard) = client.call_all(&calls, said).await?;
    assert_eq!(results[0]["structuredContent"]["result"], 2, "{results:?}");
    for (result, text) in results.iter().skip(1).zip(["LLM response: one", "3 steps", "LLM response: two"]) {
        assert_eq!(result["content"][0]["text"], text, "{results:?}");
    }
    assert_eq!(heard.asked.len(), 2, "{heard:?}");
    assert!(heard.told.iter().any(|told| told["method"] == "notifications/progress"), "{heard:?}");
    Ok(())
}

#[tokio::test]
async fn a_client_that_reads_no_stream_is_not_asked_and_nobody_waits_for_it() -> Result<()> {
    let (host, client) = lending().await?;
    let ask = |id: i64| {
        let params = json!({ "name": "test_sampling", "arguments": { "prompt": "Hello?" } });
        json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params })
    };
    let headers = [JSON, ("accept", "application/json"), ("mcp-session-id", client.session())];
    let response = post(&host, &headers, &json!([add(json!(1), 1), ask(2)]).to_string()).await?;
    assert_eq!((response.status, response.header("content-type")), (200, Some("application/json")));
    let answers: Vec<Value> = serde_json::from_slice(&response.body)?;
    let of = |id: i64| answers.iter().find(|answer| answer["id"] == id).cloned().unwrap_or_default();
    assert_eq!(of(1)["result"]["structuredContent"]["result"], 2, "{answers:?}");
    let alone = post(&host, &headers, &ask(3).to_string()).await?.json()?;
    for answer in [of(2), alone] {
        assert!(answer["error"].is_object() || answer["result"]["isError"] == true, "{answer}");
    }
    Ok(())
}
