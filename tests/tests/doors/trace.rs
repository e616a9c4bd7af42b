//! A caller's trace goes with its call: into the log, and on to the upstreams.

use anyhow::Result;
use serde_json::{Value, json};
use toolhost_tests::http::request;
use toolhost_tests::mcp::{Era, Mcp};
use toolhost_tests::toolhost::{Setup, Toolhost};
use toolhost_tests::upstream::Upstream;

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const SPAN: &str = "b7ad6b7169203331";

fn parent() -> String {
    format!("00-{TRACE}-{SPAN}-01")
}

async fn caller(upstream: &Upstream, lines: &str) -> Result<Toolhost> {
    let url = upstream.url();
    let config = format!(
        "[plugins.caller]\ngrants = [\"http.up\"]\n\n[http.up]\nbase_url = \"{url}\"\npaths = [\"/**\"]\n{lines}"
    );
    Setup::new(config).plugin("caller", "caller")?.start().await
}

async fn call(host: &Toolhost, era: Era, meta: Value) -> Result<Value> {
    let params = json!({ "name": "caller__send", "arguments": { "path": "/ok" }, "_meta": meta });
    let answer = Mcp::connect(host.url(), era).await?.request("tools/call", params).await?;
    anyhow::ensure!(answer["isError"] == false, "{answer}");
    Ok(answer)
}

#[tokio::test]
async fn an_upstream_is_asked_as_a_part_of_the_callers_trace() -> Result<()> {
    let upstream = Upstream::start().await?;
    let host = caller(&upstream, "").await?;
    for era in [Era::Legacy, Era::Modern] {
        let meta = json!({ "traceparent": parent(), "tracestate": "vendor=1", "baggage": "user=ann" });
        call(&host, era, meta).await?;
        let received = upstream.last()?;
        let sent = received.headers.get("traceparent").cloned().unwrap_or_default();
        assert!(sent.starts_with(&format!("00-{TRACE}-")) && sent.ends_with("-01"), "{era:?}: {sent}");
        assert!(!sent.contains(SPAN), "the request is a span of its own: {sent}");
        assert_eq!(received.headers.get("tracestate").map(String::as_str), Some("vendor=1"), "{era:?}");
        assert_eq!(received.headers.get("baggage"), None, "what the caller says beside it is not for upstreams");
    }
    assert!(host.printed()?.contains(TRACE), "the log has no trace: {}", host.printed()?);
    assert!(!host.printed()?.contains("user=ann"));
    Ok(())
}

#[tokio::test]
async fn headers_tell_a_trace_where_the_message_does_not() -> Result<()> {
    let upstream = Upstream::start().await?;
    let host = caller(&upstream, "").await?;
    let (url, parent) = (format!("{}/tools/caller__send", host.url()), parent());
    let body = json!({ "path": "/ok" }).to_string().into_bytes();
    let response = request("POST", &url, &[("traceparent", &parent)], body).await?;
    assert_eq!(response.status, 200, "{}", response.text());
    let sent = upstream.last()?.headers.get("traceparent").cloned().unwrap_or_default();
    assert!(sent.starts_with(&format!("00-{TRACE}-")), "{sent}");
    Ok(())
}

#[tokio::test]
async fn a_trace_that_is_none_goes_nowhere_and_a_grant_can_keep_all_of_them_in() -> Result<()> {
    let upstream = Upstream::start().await?;
    let host = caller(&upstream, "").await?;
    for wrong in ["", "nonsense", "00-00000000000000000000000000000000-b7ad6b7169203331-01", "00-x\r\nx-evil: 1"] {
        call(&host, Era::Modern, json!({ "traceparent": wrong, "tracestate": "vendor=1" })).await?;
        let headers = upstream.last()?.headers;
        for name in ["traceparent", "tracestate", "x-evil"] {
            assert_eq!(headers.get(name), None, "{wrong:?}");
        }
    }
    let host = caller(&upstream, "trace = false\n").await?;
    call(&host, Era::Modern, json!({ "traceparent": parent() })).await?;
    assert_eq!(upstream.last()?.headers.get("traceparent"), None);
    Ok(())
}
