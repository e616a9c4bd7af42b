//! MCP in both its eras: how they meet, what they list, what they answer.

use anyhow::Result;
use serde_json::{Value, json};
use toolhost_tests::http::{Connection, Response};
use toolhost_tests::mcp::{ERAS, Era, Mcp};
use toolhost_tests::toolhost::Setup;

use crate::good;

const SERVER_INFO: &str = "io.modelcontextprotocol/serverInfo";
const JSON: [(&str, &str); 2] =
    [("content-type", "application/json"), ("accept", "application/json, text/event-stream")];

/// One request that carries another revision than the client of these tests would send.
async fn modern(url: &str, revision: &str, method: &str) -> Result<Response> {
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": revision,
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": { "_meta": meta } });
    let headers = [JSON[0], JSON[1], ("mcp-protocol-version", revision), ("mcp-method", method)];
    Connection::open(url).await?.send("POST", "/mcp", &headers, body.to_string()).await
}

async fn initialize(url: &str, revision: &str) -> Result<Value> {
    let about = json!({ "name": "tests", "version": "1" });
    let params = json!({ "protocolVersion": revision, "capabilities": {}, "clientInfo": about });
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params });
    Connection::open(url).await?.send("POST", "/mcp", &JSON, body.to_string()).await?.json()
}

#[tokio::test]
async fn a_client_that_discovers_learns_revisions_capabilities_and_who_serves() -> Result<()> {
    let host = good().await?;
    let met = Mcp::connect(host.url(), Era::Modern).await?.request("server/discover", json!({})).await?;
    let versions = met["supportedVersions"].as_array().cloned().unwrap_or_default();
    assert!(versions.contains(&json!("2026-07-28")), "{met}");
    assert!(met["capabilities"]["tools"].is_object(), "{met}");
    assert_eq!(met["_meta"][SERVER_INFO]["name"], "toolhost", "{met}");
    assert_eq!(met["cacheScope"], "private", "{met}");
    assert!(met["ttlMs"].as_u64().is_some_and(|ttl| ttl > 0), "{met}");
    Ok(())
}

#[tokio::test]
async fn a_client_that_initializes_gets_the_revision_it_asked_for_if_there_is_such() -> Result<()> {
    let host = good().await?;
    for revision in ["2025-03-26", "2025-06-18", "2025-11-25"] {
        let met = initialize(host.url(), revision).await?;
        assert_eq!(met["result"]["protocolVersion"], revision, "{met}");
        assert_eq!(met["result"]["serverInfo"]["name"], "toolhost", "{met}");
    }
    // One that there never was is answered with one that there is, or refused; not echoed.
    let met = initialize(host.url(), "1999-01-01").await?;
    assert_ne!(met["result"]["protocolVersion"], "1999-01-01", "{met}");
    assert!(met["result"]["protocolVersion"].is_string() || met["error"]["code"].is_i64(), "{met}");
    Ok(())
}

#[tokio::test]
async fn a_revision_that_is_not_served_is_refused_with_those_that_are() -> Result<()> {
    let host = good().await?;
    let refused = modern(host.url(), "2099-01-01", "tools/list").await?;
    let answer = refused.json()?;
    assert_eq!((refused.status, &answer["error"]["code"]), (400, &json!(-32022)), "{answer}");
    let supported = answer["error"]["data"]["supported"].as_array().cloned().unwrap_or_default();
    assert!(supported.contains(&json!("2026-07-28")), "{answer}");
    assert_eq!(answer["error"]["data"]["requested"], "2099-01-01", "{answer}");
    Ok(())
}

#[tokio::test]
async fn agents_are_told_the_sources_before_their_first_call() -> Result<()> {
    let config = "[plugins.crm]\nfile = \"sql.wasm\"\ngrants = [\"sql.tickets\"]\n\
        [sql.tickets]\nnotes = \"Customers are CUST_000001 and so on.\"\n\
        [sql.tickets.script]\ndialect = \"mysql\"\n\
        [[sql.tickets.script.table]]\nname = \"support_tickets\"\ncolumns = [{ name = \"id\", declared = \"int\" }]\n\
        [sql.unused.script]\ndialect = \"sqlite\"\n";
    let host = Setup::new(config).plugin("sql", "sql")?.start().await?;
    let by_rest = host.get("/").await?.json()?["instructions"].as_str().unwrap_or_default().to_owned();
    for said in ["`tickets`", "mysql", "read-only", "Customers are CUST_000001 and so on.", "support_tickets", "crm"] {
        assert!(by_rest.contains(said), "{said}: {by_rest}");
    }
    assert!(!by_rest.contains("unused"), "a source that no plugin was granted: {by_rest}");
    for era in ERAS {
        assert_eq!(Mcp::connect(host.url(), era).await?.instructions, by_rest, "{era:?}");
    }
    Ok(())
}

#[tokio::test]
async fn tools_are_listed_in_one_order_with_the_schemas_that_the_plugin_gave() -> Result<()> {
    let host = good().await?;
    let by_rest = host.get("/tools").await?.json()?["tools"].clone();
    let names: Vec<&str> = by_rest.as_array().into_iter().flatten().filter_map(|tool| tool["name"].as_str()).collect();
    assert_eq!(names.len(), 10);
    assert!(names.is_sorted(), "{names:?}");
    for era in ERAS {
        let mut client = Mcp::connect(host.url(), era).await?;
        for _ in 0..2 {
            assert_eq!(Value::from(client.tools().await?), by_rest, "{era:?}");
        }
    }
    let listed = by_rest.as_array().and_then(|tools| tools.iter().find(|tool| tool["name"] == "good__steps"));
    let count = json!({ "type": "integer", "description": "How many steps.", "minimum": 0 });
    let pause = json!({
        "type": "integer", "default": 60, "minimum": 0, "description": "How long each takes, in milliseconds.",
    });
    let steps = json!({
        "name": "good__steps",
        "description": "Works in steps and reports each.",
        "inputSchema": {
            "type": "object",
            "properties": { "count": count, "pause_ms": pause },
            "required": ["count"],
            "additionalProperties": false,
        },
        "annotations": { "readOnlyHint": true },
    });
    assert_eq!(listed, Some(&steps));
    let echo = by_rest.as_array().and_then(|tools| tools.iter().find(|tool| tool["name"] == "good__echo"));
    let hints = json!({ "readOnlyHint": true, "idempotentHint": true, "openWorldHint": false });
    assert_eq!(echo.map(|echo| (&echo["title"], &echo["annotations"])), Some((&json!("Echo"), &hints)));
    Ok(())
}

#[tokio::test]
async fn a_tool_that_is_not_there_is_the_protocols_own_error_and_names_the_nearest() -> Result<()> {
    let host = good().await?;
    for era in ERAS {
        let mut client = Mcp::connect(host.url(), era).await?;
        let answer = client.send("tools/call", json!({ "name": "good__ehco", "arguments": {} })).await?.json()?;
        assert_eq!(answer["error"]["code"], -32602, "{era:?}: {answer}");
        let message = answer["error"]["message"].as_str().unwrap_or_default();
        assert!(message.contains("`good__ehco`") && message.contains("`good__echo`"), "{era:?}: {message}");
        assert_eq!(answer["error"]["data"]["kind"], "unknown-tool", "{era:?}: {answer}");
        // Nothing is near this one, so nothing is guessed.
        let answer = client.send("tools/call", json!({ "name": "weather", "arguments": {} })).await?.json()?;
        assert_eq!(answer["error"]["code"], -32602, "{era:?}: {answer}");
        assert!(!answer.to_string().contains("Did you mean"), "{era:?}: {answer}");
    }
    Ok(())
}

#[tokio::test]
async fn an_error_of_a_tool_is_a_result_that_says_so() -> Result<()> {
    let host = good().await?;
    for era in ERAS {
        let mut client = Mcp::connect(host.url(), era).await?;
        for kind in ["denied", "invalid", "not-found", "limited", "unavailable", "failed"] {
            let result = client.call("good__fail", json!({ "kind": kind })).await?;
            assert_eq!(result["isError"], true, "{era:?}: {result}");
            assert_eq!(result["content"][0]["text"], format!("{kind}: You asked for {kind}."), "{era:?}");
            assert_eq!(result["_meta"]["toolhost/error"]["kind"], kind, "{era:?}: {result}");
        }
        let result = client.call("good__fail", json!({ "kind": "limited" })).await?;
        assert_eq!(result["_meta"]["toolhost/error"]["retryAfterMs"], 1_500, "{era:?}: {result}");
    }
    Ok(())
}

#[tokio::test]
async fn every_kind_of_content_arrives_in_the_shape_of_the_protocol() -> Result<()> {
    let host = good().await?;
    let hints = json!({ "audience": ["user", "assistant"], "priority": 0.5, "lastModified": "2026-01-31T12:00:00Z" });
    let link = json!({
        "type": "resource_link", "uri": "file:///a.txt", "name": "a.txt", "title": "A file",
        "description": "Not there.", "mimeType": "text/plain", "size": 3,
    });
    let bytes = json!({ "uri": "demo:bytes", "mimeType": "application/octet-stream", "blob": "AP8=" });
    let content = json!([
        { "type": "text", "text": "for both", "annotations": hints, "_meta": { "example.com/part": 1 } },
        { "type": "image", "data": "iVBORw==", "mimeType": "image/png" },
        { "type": "audio", "data": "UklGRg==", "mimeType": "audio/wav" },
        link,
        { "type": "resource", "resource": { "uri": "demo:text", "mimeType": "text/plain", "text": "inside" } },
        { "type": "resource", "resource": bytes },
    ]);
    for era in ERAS {
        let result = Mcp::connect(host.url(), era).await?.call("good__every_content", json!({})).await?;
        assert_eq!(result["content"], content, "{era:?}");
        assert_eq!(result["structuredContent"], json!({ "parts": 6 }), "{era:?}");
        assert_eq!(result["_meta"]["example.com/whole"], json!({ "a": [1, 2] }), "{era:?}");
        assert_eq!(result["isError"], false, "{era:?}");
    }
    Ok(())
}

#[tokio::test]
async fn results_name_their_server_and_their_type_in_the_modern_era_only() -> Result<()> {
    let host = good().await?;
    for (era, named, of_type) in
        [(Era::Legacy, Value::Null, Value::Null), (Era::Modern, json!("toolhost"), json!("complete"))]
    {
        let mut client = Mcp::connect(host.url(), era).await?;
        for (method, params) in [
            ("tools/list", json!({})),
            ("tools/call", json!({ "name": "good__remember", "arguments": {} })),
            ("tools/call", json!({ "name": "good__fail", "arguments": { "kind": "denied" } })),
            ("tools/call", json!({ "name": "good__every_content", "arguments": {} })),
        ] {
            let result = client.request(method, params).await?;
            assert_eq!(result["_meta"][SERVER_INFO]["name"], named, "{era:?} {method}: {result}");
            assert_eq!(result["resultType"], of_type, "{era:?} {method}: {result}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn where_nothing_streams_the_modern_era_answers_with_plain_json() -> Result<()> {
    let host = good().await?;
    let mut client = Mcp::connect(host.url(), Era::Modern).await?;
    for (method, params) in [
        ("server/discover", json!({})),
        ("tools/list", json!({})),
        ("tools/call", json!({ "name": "good__add", "arguments": { "a": 1, "b": 2 } })),
        ("tools/call", json!({ "name": "good__steps", "arguments": { "count": 2, "pause_ms": 20 } })),
    ] {
        let response = client.send(method, params).await?;
        let kind = response.header("content-type").unwrap_or_default();
        assert!(kind.starts_with("application/json"), "{method}: {kind}");
        assert_eq!(response.status, 200, "{method}");
        assert!(response.header("mcp-session-id").is_none(), "{method}: the modern era has no sessions");
    }
    for method in ["GET", "DELETE"] {
        let headers = [JSON[1], ("mcp-protocol-version", "2026-07-28")];
        let refused = Connection::open(host.url()).await?.send(method, "/mcp", &headers, "").await?;
        assert_eq!(refused.status, 405, "{method}: {}", refused.text());
    }
    Ok(())
}
