//! Spans of calls, as a collector gets them: whose trace they are of, what they are below, what
//! they say, and what they never say.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Attribute;
use prost::Message as _;
use serde_json::json;
use toolhost_tests::http::request;
use toolhost_tests::toolhost::{Setup, Toolhost};
use toolhost_tests::upstream::Upstream;

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const PARENT: &str = "b7ad6b7169203331";

/// In every argument: it must be in no span.
const CANARY: &str = "canary-7f3a";

/// One span, as far as tests look.
#[derive(Debug, Clone)]
struct Span {
    trace: String,
    id: String,
    parent: String,
    name: String,
    attributes: BTreeMap<String, String>,
    failed: bool,
}

/// Everything that a collector took: the service's name, and its spans.
fn taken(collector: &Upstream) -> Result<(BTreeMap<String, String>, Vec<Span>)> {
    let (mut service, mut spans) = (BTreeMap::new(), Vec::new());
    for request in collector.received() {
        assert_eq!(request.line, "POST /v1/traces");
        assert_eq!(request.headers.get("content-type").map(String::as_str), Some("application/x-protobuf"));
        let sent = ExportTraceServiceRequest::decode(request.body.as_slice())?;
        for resource in sent.resource_spans {
            service.extend(attributes(resource.resource.context("has a resource")?.attributes));
            for span in resource.scope_spans.into_iter().flat_map(|scope| scope.spans) {
                assert!(span.start_time_unix_nano > 0 && span.end_time_unix_nano >= span.start_time_unix_nano);
                spans.push(Span {
                    trace: hex(&span.trace_id),
                    id: hex(&span.span_id),
                    parent: hex(&span.parent_span_id),
                    name: span.name,
                    attributes: attributes(span.attributes),
                    failed: span.status.is_some_and(|status| status.code == 2),
                });
            }
        }
    }
    Ok((service, spans))
}

fn attributes(sent: Vec<opentelemetry_proto::tonic::common::v1::KeyValue>) -> BTreeMap<String, String> {
    let text = |value: Option<Attribute>| match value {
        Some(Attribute::StringValue(text)) => text,
        other => format!("{other:?}"),
    };
    sent.into_iter().map(|pair| (pair.key, text(pair.value.and_then(|value| value.value)))).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn setup(collector: &str, upstream: &Upstream, traces: &str) -> Result<Setup> {
    let config = format!(
        "[plugins.caller]\ngrants = [\"http.up\"]\n[plugins.liar]\n\n[http.up]\nbase_url = \"{}\"\npaths = [\"/**\"]\n\n\
         [traces]\nendpoint = \"{collector}\"\n{traces}",
        upstream.url()
    );
    Setup::new(config).plugin("caller", "caller")?.plugin("liar", "liar")
}

/// One call by REST, with these headers.
async fn call(host: &Toolhost, tool: &str, path: &str, headers: &[(&str, &str)]) -> Result<u16> {
    let url = format!("{}/tools/{tool}", host.url());
    let body = if path.is_empty() { json!({}) } else { json!({ "path": path, "upstream": "up" }) };
    Ok(request("POST", &url, headers, body.to_string().into_bytes()).await?.status)
}

#[tokio::test]
async fn a_call_and_its_uses_are_spans_below_that_of_the_caller_and_the_upstream_is_below_them() -> Result<()> {
    let (collector, upstream) = (Upstream::start().await?, Upstream::start().await?);
    let headers = "service_name = \"tools\"\nheaders = { x-token = \"env:COLLECTOR_TOKEN\" }\n";
    let host = setup(collector.url(), &upstream, headers)?.env("COLLECTOR_TOKEN", "s3cret").start().await?;
    let parent = format!("00-{TRACE}-{PARENT}-01");
    let path = format!("/ok?q={CANARY}");
    let sent = [("traceparent", parent.as_str()), ("tracestate", "vendor=1")];
    assert_eq!(call(&host, "caller__send", &path, &sent).await?, 200);
    let carried = upstream.last()?.headers;
    let (status, printed) = host.stop().await?;
    ensure!(status.success(), "{printed}");

    let (service, spans) = taken(&collector)?;
    assert_eq!(service.get("service.name").map(String::as_str), Some("tools"));
    assert_eq!(collector.last()?.headers.get("x-token").map(String::as_str), Some("s3cret"));
    let named = |name: &str| spans.iter().find(|span| span.name == name).cloned().context(name.to_owned());
    let of_call = named("tools/call caller__send")?;
    assert_eq!((of_call.trace.as_str(), of_call.parent.as_str()), (TRACE, PARENT));
    for (key, value) in [
        ("call.method", "tools/call"),
        ("call.name", "caller__send"),
        ("call.outcome", "answered"),
        ("caller.name", "local"),
        ("plugin.name", "caller"),
    ] {
        assert_eq!(of_call.attributes.get(key).map(String::as_str), Some(value), "{of_call:?}");
    }
    let use_of_grant = named("http.send")?;
    assert_eq!((use_of_grant.trace.as_str(), &use_of_grant.parent), (TRACE, &of_call.id));
    assert_eq!(use_of_grant.attributes.get("grant.name").map(String::as_str), Some("http.up"));
    assert_eq!(use_of_grant.attributes.get("grant.action").map(String::as_str), Some("http.send"));
    let expected = format!("00-{TRACE}-{}-01", use_of_grant.id);
    assert_eq!(carried.get("traceparent"), Some(&expected));
    assert_eq!(carried.get("tracestate").map(String::as_str), Some("vendor=1"));
    for request in collector.received() {
        let body = String::from_utf8_lossy(&request.body).into_owned();
        assert!(!body.contains(CANARY) && !body.contains("s3cret"), "{body}");
    }
    // The log of the call says the same trace.
    assert!(printed.contains(&format!("trace.id=\"{TRACE}\"")), "{printed}");
    assert!(!printed.contains("s3cret"), "{printed}");
    Ok(())
}

#[tokio::test]
async fn a_call_without_a_trace_begins_one_and_a_failure_is_marked() -> Result<()> {
    let (collector, upstream) = (Upstream::start().await?, Upstream::start().await?);
    let host = setup(collector.url(), &upstream, "")?.start().await?;
    assert_eq!(call(&host, "liar__panic", "", &[]).await?, 500);
    assert_eq!(call(&host, "caller__send", "/ok", &[]).await?, 200);
    let carried = upstream.last()?.headers.get("traceparent").cloned().context("goes on")?;
    host.stop().await?;
    let (_, spans) = taken(&collector)?;
    let of = |name: &str| spans.iter().find(|span| span.name == name).context(name.to_owned());
    let crashed = of("tools/call liar__panic")?;
    assert!(crashed.failed && crashed.parent.is_empty(), "{crashed:?}");
    assert_eq!(crashed.attributes.get("error.kind").map(String::as_str), Some("crashed"));
    let answered = of("tools/call caller__send")?;
    assert!(!answered.failed && answered.trace != crashed.trace);
    assert!(carried.contains(&answered.trace), "{carried}");
    Ok(())
}

#[tokio::test]
async fn a_caller_that_records_nothing_is_not_recorded_and_a_name_made_up_is_not_told() -> Result<()> {
    let (collector, upstream) = (Upstream::start().await?, Upstream::start().await?);
    let host = setup(collector.url(), &upstream, "")?.start().await?;
    let parent = format!("00-{TRACE}-{PARENT}-00");
    assert_eq!(call(&host, "caller__send", "/ok", &[("traceparent", &parent)]).await?, 200);
    let carried = upstream.last()?.headers.get("traceparent").cloned().context("goes on")?;
    assert!(carried.starts_with(&format!("00-{TRACE}-")) && carried.ends_with("-00"), "{carried}");
    assert_eq!(call(&host, &format!("no_{CANARY}"), "", &[]).await?, 404);
    host.stop().await?;
    let (_, spans) = taken(&collector)?;
    assert_eq!(spans.len(), 1, "{spans:?}");
    assert_eq!((spans[0].name.as_str(), spans[0].attributes.get("call.name")), ("tools/call", None));
    let bodies = collector.received().iter().flat_map(|request| request.body.clone()).collect::<Vec<_>>();
    assert!(!String::from_utf8_lossy(&bodies).contains(CANARY));
    Ok(())
}

#[tokio::test]
async fn without_a_collector_in_the_config_no_trace_is_made_up() -> Result<()> {
    let upstream = Upstream::start().await?;
    let config = format!(
        "[plugins.caller]\ngrants = [\"http.up\"]\n[http.up]\nbase_url = \"{}\"\npaths = [\"/**\"]\n",
        upstream.url()
    );
    let host = Setup::new(config).plugin("caller", "caller")?.start().await?;
    assert_eq!(call(&host, "caller__send", "/ok", &[]).await?, 200);
    assert_eq!(upstream.last()?.headers.get("traceparent"), None);
    Ok(())
}

#[tokio::test]
async fn a_collector_that_is_gone_or_hangs_harms_no_call_and_fills_no_log() -> Result<()> {
    let (upstream, hanging) = (Upstream::start().await?, Upstream::start().await?);
    let hangs = format!("{}/slow", hanging.url());
    for collector in ["http://127.0.0.1:1", hangs.as_str()] {
        let host = setup(collector, &upstream, "queue_max = 64\ntime_max_ms = 100\n")?.start().await?;
        for _ in 0..300 {
            assert_eq!(call(&host, "caller__send", "/ok", &[]).await?, 200);
        }
        let asked = Instant::now();
        let (status, printed) = host.stop().await?;
        ensure!(status.success(), "{printed}");
        assert!(asked.elapsed() < Duration::from_secs(20), "{:?}", asked.elapsed());
        let said = printed.matches("the collector of [traces] took no spans").count();
        assert_eq!(said, 1, "{printed}");
    }
    Ok(())
}

#[tokio::test]
async fn what_is_wrong_with_the_table_ends_the_start_and_says_what_to_write() -> Result<()> {
    let upstream = Upstream::start().await?;
    for (collector, lines, says) in [
        ("127.0.0.1:4318", "", "[traces] endpoint"),
        ("http://collector.example:4318", "headers = { x-token = \"env:NO_SUCH_TOKEN\" }\n", "write https://"),
        ("https://collector.example", "headers = { x-token = \"env:NO_SUCH_TOKEN\" }\n", "env:NO_SUCH_TOKEN"),
    ] {
        let error = setup(collector, &upstream, lines)?.start().await.err().context("does not start")?;
        assert!(error.to_string().contains(says), "{error}");
    }
    Ok(())
}
