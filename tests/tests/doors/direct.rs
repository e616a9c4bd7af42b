//! The two ways of a call of the newest revision: what it is answered does not tell which it went.

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use toolhost_tests::http::{Response, request};
use toolhost_tests::toolhost::{Setup, Toolhost};

use crate::{BOTH, JSON, good, post};

const VERSION: (&str, &str) = ("mcp-protocol-version", "2026-07-28");
const METHOD: (&str, &str) = ("mcp-method", "tools/call");

/// A call, and what its client could do and hears.
async fn call(host: &Toolhost, headers: &[(&str, &str)], params: &Value, meta: &Value) -> Result<Response> {
    let mut params = params.clone();
    params["_meta"] = json!({ "io.modelcontextprotocol/protocolVersion": "2026-07-28" });
    for (key, value) in meta.as_object().context("no object")? {
        params["_meta"][key] = value.clone();
    }
    let message = json!({ "jsonrpc": "2.0", "id": "one", "method": "tools/call", "params": params });
    post(host, &[&[JSON, BOTH], headers].concat(), &message.to_string()).await
}

/// The call by both ways: a client that wants progress goes the ordinary one.
async fn both_ways(host: &Toolhost, headers: &[(&str, &str)], params: &Value, client: &Value) -> Result<[Response; 2]> {
    let direct = json!({ "io.modelcontextprotocol/clientCapabilities": client });
    let mut ordinary = direct.clone();
    ordinary["progressToken"] = json!("t");
    Ok([call(host, headers, params, &direct).await?, call(host, headers, params, &ordinary).await?])
}

/// What of an answer does not differ from call to call.
fn comparable(response: &Response) -> Result<Value> {
    let mut answer = response.json()?;
    if let Some(result) = answer["result"].as_object_mut() {
        // It is sealed with a nonce, or the time.
        result.remove("requestState");
    }
    Ok(json!({ "status": response.status, "type": response.header("content-type"), "answer": answer }))
}

#[tokio::test]
async fn both_ways_give_the_same_answer() -> Result<()> {
    let host = Setup::new("").plugin("good", "good")?.plugin("conformance", "conformance")?.start().await?;
    let asks = json!({ "elicitation": { "form": {} } });
    let calls = [
        ("good__echo", json!({ "message": "hi", "payload": { "n": [1, 2.5, null, "é"] } }), json!({})),
        ("good__every_content", json!({}), json!({})),
        ("good__fail", json!({ "kind": "not-found" }), json!({})),
        ("good__add", json!({ "a": 1 }), json!({})),
        ("good__add", json!({ "a": 1, "b": 2, "c": 3 }), json!({})),
        ("good__nothing", json!({}), json!({})),
        ("conformance__test_elicitation", json!({ "message": "Who?" }), asks),
        ("conformance__test_elicitation", json!({ "message": "Who?" }), json!({})),
    ];
    for (name, arguments, client) in calls {
        let params = json!({ "name": name, "arguments": arguments });
        let [direct, ordinary] = both_ways(&host, &[VERSION, METHOD, ("mcp-name", name)], &params, &client).await?;
        assert_eq!(comparable(&direct)?, comparable(&ordinary)?, "{name} {arguments}");
        assert_ne!(direct.body, b"", "{name}");
    }
    Ok(())
}

#[tokio::test]
async fn no_check_is_left_out_on_the_short_way() -> Result<()> {
    let host = good().await?;
    let params = json!({ "name": "good__add", "arguments": { "a": 1, "b": 2 } });
    let name = ("mcp-name", "good__add");
    let wrong: [(&str, &[(&str, &str)]); 7] = [
        ("no method", &[VERSION, name]),
        ("another method", &[VERSION, ("mcp-method", "tools/list"), name]),
        ("two methods", &[VERSION, METHOD, ("mcp-method", "tools/list"), name]),
        ("no name", &[VERSION, METHOD]),
        ("another name", &[VERSION, METHOD, ("mcp-name", "good__echo")]),
        ("another revision", &[("mcp-protocol-version", "2025-11-25"), METHOD, name]),
        ("no revision", &[METHOD, name]),
    ];
    for (what, headers) in wrong {
        let [direct, ordinary] = both_ways(&host, headers, &params, &json!({})).await?;
        assert_eq!(direct.status, 400, "{what}: {}", direct.text());
        assert_eq!(comparable(&direct)?, comparable(&ordinary)?, "{what}");
    }
    let headers = [VERSION, METHOD, name];
    for (what, meta) in [
        ("no capabilities", json!({})),
        ("capabilities that are none", json!({ "io.modelcontextprotocol/clientCapabilities": "all" })),
        (
            "another revision in the message",
            json!({ "io.modelcontextprotocol/protocolVersion": "2025-11-25", "io.modelcontextprotocol/clientCapabilities": {} }),
        ),
    ] {
        let refused = call(&host, &headers, &params, &meta).await?;
        assert_eq!(refused.status, 400, "{what}: {}", refused.text());
        assert!(refused.json()?["error"]["code"].is_i64(), "{what}: {}", refused.text());
    }
    Ok(())
}

#[tokio::test]
async fn an_answer_says_how_long_it_is_whichever_door_it_leaves_by() -> Result<()> {
    let host = good().await?;
    let params = json!({ "name": "good__echo", "arguments": { "message": "hi" } });
    let headers = [VERSION, METHOD, ("mcp-name", "good__echo")];
    let client = json!({ "io.modelcontextprotocol/clientCapabilities": {} });
    let direct = call(&host, &headers, &params, &client).await?;
    let url = format!("{}/tools/good__echo", host.url());
    let rest = request("POST", &url, &[JSON], json!({ "message": "hi" }).to_string().into_bytes()).await?;
    for response in [direct, rest] {
        assert_eq!(response.status, 200, "{}", response.text());
        let length = response.body.len().to_string();
        assert_eq!(response.header("content-length"), Some(length.as_str()));
    }
    Ok(())
}
