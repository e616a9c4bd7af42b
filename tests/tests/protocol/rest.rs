//! REST: the status tells the kind of an error, and the body is the result of MCP.

use anyhow::Result;
use serde_json::{Value, json};
use toolhost_tests::http::{Response, request};
use toolhost_tests::mcp::{ERAS, Mcp};
use toolhost_tests::toolhost::{Setup, Toolhost};

use crate::good;

async fn post(host: &Toolhost, path: &str, body: impl Into<Vec<u8>>) -> Result<Response> {
    request("POST", &format!("{}{path}", host.url()), &[("content-type", "application/json")], body.into()).await
}

fn kind(answer: &Value) -> &str {
    answer["_meta"]["toolhost/error"]["kind"].as_str().unwrap_or_default()
}

#[tokio::test]
async fn each_kind_of_error_has_its_own_status() -> Result<()> {
    let config = "[plugins.endless.limits]\ndeadline_ms = 300\n";
    let setup = Setup::new(config).plugin("good", "good")?.plugin("liar", "liar")?.plugin("greedy", "greedy")?;
    let host = setup.plugin("endless", "endless")?.start().await?;
    for (tool, arguments, status, word) in [
        ("good__ehco", json!({}), 404, "unknown-tool"),
        ("good__echo", json!({}), 400, "invalid-arguments"),
        ("good__fail", json!({ "kind": "invalid" }), 400, "invalid"),
        ("good__fail", json!({ "kind": "denied" }), 403, "denied"),
        ("good__fail", json!({ "kind": "not-found" }), 404, "not-found"),
        ("good__fail", json!({ "kind": "limited" }), 429, "limited"),
        ("good__fail", json!({ "kind": "unavailable" }), 503, "unavailable"),
        ("good__fail", json!({ "kind": "failed" }), 502, "failed"),
        ("liar__panic", json!({}), 500, "crashed"),
        ("liar__break_schema", json!({}), 502, "bad-output"),
        ("greedy__allocate", json!({ "megabytes": 600 }), 500, "memory"),
        ("greedy__shout", json!({ "megabytes": 9 }), 500, "over-limit"),
        ("endless__wait", json!({}), 504, "deadline"),
    ] {
        let (got, answer) = host.call(tool, arguments).await?;
        assert_eq!((got, kind(&answer)), (status, word), "{tool}: {answer}");
        assert_eq!(answer["isError"], true, "{tool}: {answer}");
    }
    Ok(())
}

#[tokio::test]
async fn when_every_place_is_taken_a_call_is_told_to_come_back() -> Result<()> {
    let host = Setup::new("[serve]\ncalls = 1\n").plugin("good", "good")?.start().await?;
    let url = format!("{}/tools/good__sleep_ms", host.url());
    let long = tokio::spawn(async move { request("POST", &url, &[], br#"{"milliseconds": 20000}"#.to_vec()).await });
    let busy = loop {
        let response = post(&host, "/tools/good__remember", "").await?;
        if response.status != 200 {
            break response;
        }
        assert!(!long.is_finished(), "the place was never taken");
    };
    assert_eq!((busy.status, kind(&busy.json()?)), (503, "busy"), "{}", busy.text());
    assert_eq!(busy.header("retry-after"), Some("1"));
    assert_eq!(host.get("/health").await?.status, 200);
    long.abort();
    Ok(())
}

#[tokio::test]
async fn whoever_comes_back_after_the_time_told_does_not_come_too_early() -> Result<()> {
    let host = good().await?;
    for (kind, wait_ms, told) in [("limited", 1_500, "2"), ("unavailable", 250, "1")] {
        let response = post(&host, "/tools/good__fail", json!({ "kind": kind }).to_string()).await?;
        assert_eq!(response.json()?["_meta"]["toolhost/error"]["retryAfterMs"], wait_ms, "{kind}");
        assert_eq!(response.header("retry-after"), Some(told), "{kind}: {wait_ms} ms");
    }
    Ok(())
}

#[tokio::test]
async fn a_body_that_is_no_json_object_is_the_callers_error() -> Result<()> {
    let host = good().await?;
    for body in ["{", "[1]", "\"a\"", "\u{0}", "{} {}"] {
        let response = post(&host, "/tools/good__remember", body).await?;
        assert_eq!((response.status, kind(&response.json()?)), (400, "invalid-arguments"), "{body:?}");
    }
    for body in ["", " \n", "{}"] {
        let response = post(&host, "/tools/good__remember", body).await?;
        assert_eq!(response.status, 200, "{body:?} is no arguments: {}", response.text());
    }
    Ok(())
}

#[tokio::test]
async fn whatever_is_refused_is_said_as_an_error_of_a_call_is() -> Result<()> {
    let host = good().await?;
    let foreign = ("origin", "https://evil.example");
    for (method, path, header, status, word, allow) in [
        ("GET", "/tools/good__echo", None, 405, "invalid", Some("POST")),
        ("POST", "/tools", None, 405, "invalid", Some("GET,HEAD")),
        ("DELETE", "/health", None, 405, "invalid", Some("GET,HEAD")),
        ("GET", "/nope", None, 404, "not-found", None),
        ("GET", "/tools/", None, 404, "not-found", None),
        ("GET", "/.well-known/oauth-protected-resource/mcp", None, 404, "not-found", None),
        ("POST", "/tools/%ff", None, 400, "invalid", None),
        ("GET", "/tools", Some(foreign), 403, "denied", None),
        ("POST", "/tools/good__echo", Some(("host", "evil.example")), 403, "denied", None),
        ("GET", "/nope", Some(foreign), 403, "denied", None),
    ] {
        let headers = header.as_slice();
        let response = request(method, &format!("{}{path}", host.url()), headers, Vec::new()).await?;
        let answer = response.json()?;
        let error = &answer["_meta"]["toolhost/error"];
        let of_caller = error["fault"] == "caller" && answer["isError"] == true;
        assert_eq!((response.status, kind(&answer)), (status, word), "{method} {path}: {answer}");
        assert!(of_caller && error["message"].is_string() && error["next"].is_string(), "{method} {path}: {answer}");
        assert_eq!(response.header("allow"), allow, "{method} {path}");
    }
    let answer = request("POST", &format!("{}/mcp", host.url()), &[foreign], Vec::new()).await?;
    assert_eq!((answer.status, &answer.json()?["error"]["code"]), (403, &json!(-32600)), "{}", answer.text());
    Ok(())
}

#[tokio::test]
async fn a_body_beyond_its_limit_is_refused_by_every_door() -> Result<()> {
    let host = Setup::new("[serve]\nrequest_kib = 16\n").plugin("good", "good")?.start().await?;
    let arguments = |bytes: usize| json!({ "message": "x".repeat(bytes) });
    let refused = post(&host, "/tools/good__echo", arguments(17 << 10).to_string()).await?;
    assert_eq!((refused.status, kind(&refused.json()?)), (413, "too-large"), "{}", refused.text());
    assert!(refused.text().contains("16 KiB") && refused.text().contains("[serve] request_kib"), "{}", refused.text());
    for era in ERAS {
        let mut client = Mcp::connect(host.url(), era).await?;
        let refused =
            client.send("tools/call", json!({ "name": "good__echo", "arguments": arguments(17 << 10) })).await?;
        assert_eq!(refused.status, 413, "{era:?}: {}", refused.text());
        assert!(!refused.text().contains("xxx"), "{era:?}");
        let mut client = Mcp::connect(host.url(), era).await?;
        let result = client.call("good__echo", arguments(8 << 10)).await?;
        assert_eq!(result["isError"], false, "{era:?}");
    }
    Ok(())
}
