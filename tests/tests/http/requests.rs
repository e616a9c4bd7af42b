//! What reaches an upstream: what the operator listed, and nothing else.

use anyhow::Result;
use serde_json::{Value, json};
use toolhost_tests::toolhost::Setup;
use toolhost_tests::upstream::Upstream;

use crate::{get, host, refused, send, setup};

#[tokio::test]
async fn a_method_or_path_that_is_not_listed_is_never_sent() -> Result<()> {
    let upstream = Upstream::start().await?;
    let host = host(upstream.url(), "methods = [\"GET\", \"POST\"]\npaths = [\"/api/v1/query\", \"/api/*/x\"]").await?;
    for (method, path) in [
        ("DELETE", "/api/v1/query"),
        ("PUT", "/api/v1/query"),
        ("get", "/api/v1/query"),
        ("TRACE", "/api/v1/query"),
        ("GET", "/"),
        ("GET", "/admin"),
        ("GET", "/api/v1/query/x"),
        ("GET", "/api/v1/query2"),
        ("GET", "/api/a%2fb/x"),
    ] {
        let refusal = send(&host, json!({ "method": method, "path": path })).await?.expect_err(path);
        assert_eq!(refusal.kind, "denied", "{method} {path}: {refusal:?}");
    }
    for path in [
        "/api/v1/../../admin",
        "/api/%2e%2e/x",
        "/api/..%2fadmin/x",
        "/api/%252e%252e/x",
        "/api//x",
        "/api/..;/x",
        "/api/..\\x",
        "//evil.example/api/v1/query",
        "http://evil.example/api/v1/query",
        "@evil.example/api/v1/query",
        ".evil.example/api/v1/query",
        ":80/api/v1/query",
        "",
        "/api/v1/query#x",
        "/api/v1/query x",
        "/api/v1/query?a b",
        "/api/v1/query HTTP/1.1\r\nhost: evil.example\r\n\r\n",
    ] {
        assert_eq!(refused(&host, path).await?.kind, "invalid", "{path}");
    }
    assert_eq!(upstream.received().len(), 0);
    get(&host, "/api/v1/query?query=up%20%3E%200&x[]=1").await?;
    assert_eq!(upstream.last()?.line, "GET /api/v1/query?query=up%20%3E%200&x[]=1");
    Ok(())
}

#[tokio::test]
async fn a_prefix_of_the_base_url_is_never_left() -> Result<()> {
    let upstream = Upstream::start().await?;
    let host = host(&format!("{}/inner/", upstream.url()), "").await?;
    get(&host, "/a/b?c=d").await?;
    assert_eq!(upstream.last()?.line, "GET /inner/a/b?c=d");
    for path in ["/../outer", "/%2e%2e/outer", "/..", "/.%2e/outer"] {
        assert_eq!(refused(&host, path).await?.kind, "invalid", "{path}");
    }
    assert_eq!(upstream.received().len(), 1);
    Ok(())
}

#[tokio::test]
async fn a_plugin_sets_no_header_that_names_a_host_an_identity_or_another_request() -> Result<()> {
    let upstream = Upstream::start().await?;
    let lines = "plugin_headers = [\"X-Trace\"]\nheaders = { X-Scope-OrgID = \"team-a\" }\n\
         header = { name = \"X-Api-Key\", value = \"env:KEY\" }";
    let host = setup(upstream.url(), lines)?.env("KEY", "the-real-key").start().await?;
    let with = async |name: &str, value: &str| send(&host, json!({ "path": "/ok", "headers": { name: value } })).await;
    for name in [
        "Host",
        "Authorization",
        "Cookie",
        "Proxy-Authorization",
        "Connection",
        "Transfer-Encoding",
        "Content-Length",
        "Upgrade",
        "TE",
        "Forwarded",
        "X-Forwarded-For",
        "X-Forwarded-Host",
        "X-HTTP-Method-Override",
        "X-Original-URL",
        "X-Amz-Security-Token",
        "X-Api-Key",
        "x-scope-orgid",
        "Impersonate-User",
        "Accept-Encoding",
    ] {
        assert_eq!(with(name, "x").await?.expect_err(name).kind, "denied", "{name}");
    }
    for (name, value) in [("accept", "a\r\nhost: b"), ("accept", "\u{0}"), ("a b", "c"), ("", "c")] {
        assert_eq!(with(name, value).await?.expect_err(name).kind, "invalid", "{name:?}");
    }
    assert_eq!(upstream.received().len(), 0);
    with("X-Trace", "7").await?.expect("is sent");
    let headers = upstream.last()?.headers;
    let header = |name: &str| headers.get(name).map(String::as_str);
    assert_eq!(header("x-trace"), Some("7"));
    assert_eq!(header("x-scope-orgid"), Some("team-a"));
    assert_eq!(header("x-api-key"), Some("the-real-key"));
    assert_eq!(header("accept-encoding"), Some("identity"));
    assert!(header("user-agent").is_some_and(|agent| agent.starts_with("toolhost/")), "{headers:?}");
    assert_eq!(header("host"), upstream.url().strip_prefix("http://"));
    Ok(())
}

#[tokio::test]
async fn each_kind_of_credential_is_attached_by_the_host() -> Result<()> {
    let upstream = Upstream::start().await?;
    for (lines, header, value) in [
        ("bearer = { token = \"env:SECRET\" }", "authorization", "Bearer s3cret/+&="),
        ("basic = { user = \"ann\", password = \"env:SECRET\" }", "authorization", "Basic YW5uOnMzY3JldC8rJj0="),
        ("header = { name = \"Authorization\", value = \"env:SECRET\" }", "authorization", "s3cret/+&="),
        ("header = { name = \"X-Token\", value = \"env:SECRET\" }", "x-token", "s3cret/+&="),
    ] {
        let host = setup(upstream.url(), lines)?.env("SECRET", "s3cret/+&=").start().await?;
        get(&host, "/ok").await?;
        assert_eq!(upstream.last()?.headers.get(header).map(String::as_str), Some(value), "{lines}");
    }
    let lines = "query_parameter = { name = \"api_key\", value = \"env:SECRET\" }";
    let host = setup(upstream.url(), lines)?.env("SECRET", "s3cret/+&=").start().await?;
    get(&host, "/ok").await?;
    assert_eq!(upstream.last()?.line, "GET /ok?api_key=s3cret%2F%2B%26%3D");
    get(&host, "/ok?a=1").await?;
    assert_eq!(upstream.last()?.line, "GET /ok?a=1&api_key=s3cret%2F%2B%26%3D");
    let asked = upstream.received().len();
    for query in ["api_key=x", "a=1&api_key=x", "%61pi_key=x", "API_KEY=x", "a=1;api_key=x"] {
        assert_eq!(refused(&host, &format!("/ok?{query}")).await?.kind, "denied", "{query}");
    }
    assert_eq!(upstream.received().len(), asked);
    Ok(())
}

#[tokio::test]
async fn a_plugin_names_only_what_it_was_granted() -> Result<()> {
    let upstream = Upstream::start().await?;
    let grant = |name: &str| format!("[http.{name}]\nbase_url = \"{}\"\npaths = [\"/ok\"]\n", upstream.url());
    let config = format!("[plugins.caller]\ngrants = [\"http.mine\"]\n{}{}", grant("mine"), grant("other"));
    let host = Setup::new(config).plugin("caller", "caller")?.start().await?;
    for name in ["other", "", "http.mine", "MINE", "127.0.0.1"] {
        let refusal = send(&host, json!({ "path": "/ok", "upstream": name })).await?.expect_err(name);
        assert_eq!(refusal.kind, "denied", "{refusal:?}");
        assert!(refusal.message.contains("it has: mine"), "{refusal:?}");
    }
    let (_, answer) = host.call("caller__send_many", json!({ "upstream": "other", "paths": ["/ok"] })).await?;
    assert_eq!(answer["structuredContent"]["result"][0]["kind"], "ErrorKind::Denied", "{answer}");
    assert_eq!(upstream.received().len(), 0);
    let (_, listed) = host.call("caller__list", json!({})).await?;
    let listed = listed["content"][0]["text"].as_str().unwrap_or_default().to_owned();
    assert!(listed.contains("mine") && !listed.contains("other") && !listed.contains("127.0.0.1"), "{listed}");
    Ok(())
}

#[tokio::test]
async fn without_a_grant_the_plugin_is_refused_and_told_which_line_is_missing() -> Result<()> {
    let host = Setup::new("[plugins.caller]\n").plugin("caller", "caller")?.start().await?;
    let ready = host.get("/ready").await?;
    assert_eq!(ready.status, 503);
    assert!(ready.text().contains("http"), "{}", ready.text());
    Ok(())
}

#[tokio::test]
async fn bodies_of_any_bytes_reach_the_upstream_as_they_are() -> Result<()> {
    let upstream = Upstream::start().await?;
    let host = host(upstream.url(), "methods = [\"POST\"]").await?;
    let arguments = json!({ "method": "POST", "path": "/ok", "body": "{\"a\":\"é\"}",
        "headers": { "content-type": "application/json" } });
    let answer: Value = send(&host, arguments).await?.expect("is sent");
    assert_eq!(answer["status"], 200);
    let received = upstream.last()?;
    assert_eq!(received.body, "{\"a\":\"é\"}".as_bytes());
    assert_eq!(received.headers.get("content-type").map(String::as_str), Some("application/json"));
    Ok(())
}

#[tokio::test]
async fn a_connection_is_kept_from_call_to_call() -> Result<()> {
    let upstream = Upstream::start().await?;
    let host = host(upstream.url(), "").await?;
    for _ in 0..20 {
        get(&host, "/ok").await?;
    }
    // One that is still being put back when the next request comes is not there for it.
    assert_eq!(upstream.received().len(), 20);
    assert!(upstream.connections() <= 5, "{} connections", upstream.connections());
    Ok(())
}
