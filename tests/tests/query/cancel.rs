//! A statement costs money for as long as it runs: when nobody waits for it any more, it is
//! stopped where it runs, and not only forgotten.

use anyhow::{Result, ensure};
use serde_json::json;
use toolhost_tests::http::Connection;
use toolhost_tests::mcp::{Era, Mcp};
use toolhost_tests::toolhost::Setup;

use crate::bench::{Bench, FIVE, answer, endless, host, refusal, setup, sql};

#[tokio::test]
async fn a_client_that_hangs_up_on_rest_stops_the_statement() -> Result<()> {
    let bench = Bench::new(1).await?;
    bench.athena.set_pace(endless());
    let host = host(&[bench.grant()]).await?;
    let url = host.url().to_owned();
    let call = tokio::spawn(async move {
        let mut connection = Connection::open(&url).await?;
        let headers = [("content-type", "application/json")];
        connection.send("POST", "/tools/athena__query_athena", &headers, sql(FIVE).to_string()).await
    });
    bench.until_running(1).await?;
    ensure!(!call.is_finished(), "the call ended by itself");
    call.abort();
    bench.until_stopped(0).await
}

#[tokio::test]
async fn a_client_that_hangs_up_on_modern_mcp_stops_the_statement() -> Result<()> {
    let bench = Bench::new(1).await?;
    bench.athena.set_pace(endless());
    let host = host(&[bench.grant()]).await?;
    let mut client = Mcp::connect(host.url(), Era::Modern).await?;
    let call = tokio::spawn(async move { client.call("athena__query_athena", sql(FIVE)).await });
    bench.until_running(1).await?;
    ensure!(!call.is_finished(), "the call ended by itself");
    call.abort();
    bench.until_stopped(0).await
}

#[tokio::test]
async fn a_client_that_takes_its_call_back_on_legacy_mcp_stops_the_statement() -> Result<()> {
    let bench = Bench::new(1).await?;
    bench.athena.set_pace(endless());
    let host = host(&[bench.grant()]).await?;
    let mut client = Mcp::connect(host.url(), Era::Legacy).await?;
    let (mut other, id) = (client.beside().await?, client.next_id());
    let call = tokio::spawn(async move { client.call("athena__query_athena", sql(FIVE)).await });
    bench.until_running(1).await?;
    ensure!(!call.is_finished(), "the call ended by itself");
    other.cancel(id).await?;
    bench.until_stopped(0).await?;
    call.abort();
    Ok(())
}

#[tokio::test]
async fn the_deadline_of_a_call_stops_its_statement() -> Result<()> {
    let bench = Bench::new(1).await?;
    bench.athena.set_pace(endless());
    let host = setup(&[bench.grant()], "\n[limits]\ndeadline_ms = 700\n")?.start().await?;
    let refused = refusal(&host, "query_athena", sql(FIVE)).await?;
    assert_eq!(refused.kind, "deadline", "{refused:?}");
    bench.until_stopped(0).await
}

/// A host whose plugin leaves what it began.
fn with_guest(bench: &Bench) -> Result<Setup> {
    let more = "\n[plugins.inquisitive]\ngrants = [\"query.cases\"]\n";
    setup(&[bench.grant().with("queries_max = 30")], more)?.plugin("inquisitive", "inquisitive")
}

#[tokio::test]
async fn a_plugin_that_crashes_or_forgets_stops_its_statement_too() -> Result<()> {
    let bench = Bench::new(1).await?;
    bench.athena.set_pace(endless());
    let host = with_guest(&bench)?.start().await?;
    let (status, answer) = host.call("inquisitive__crash", sql(FIVE)).await?;
    assert_eq!((status, &answer["_meta"]["toolhost/error"]["kind"]), (500, &json!("crashed")), "{answer}");
    bench.until_stopped(0).await?;
    let (status, answer) = host.call("inquisitive__forget", sql(FIVE)).await?;
    assert_eq!(status, 200, "{answer}");
    bench.until_stopped(0).await
}

#[tokio::test]
async fn a_plugin_that_hoards_gets_sixteen_and_all_of_them_are_stopped() -> Result<()> {
    let bench = Bench::new(1).await?;
    bench.athena.set_pace(endless());
    let host = with_guest(&bench)?.start().await?;
    let (status, answer) = host.call("inquisitive__hoard", sql(FIVE)).await?;
    let text = answer["content"][0]["text"].as_str().unwrap_or_default();
    assert!(status == 200 && text.starts_with("16 held: a call may hold 16 statements"), "{answer}");
    assert_eq!(bench.athena.statements().len(), 16);
    bench.until_stopped(0).await
}

#[tokio::test]
async fn what_runs_in_the_background_outlives_its_call_and_is_stopped_on_request() -> Result<()> {
    let bench = Bench::new(1).await?;
    bench.athena.set_pace(endless());
    let host = host(&[bench.grant()]).await?;
    let started = answer(&host, "start_query", sql(FIVE)).await?;
    let id = json!({ "query_execution_id": started["query_execution_id"] });
    bench.until_running(1).await?;
    let mut client = Mcp::connect(host.url(), Era::Modern).await?;
    let status = client.call("athena__get_query_status", id.clone()).await?;
    assert_eq!(status["structuredContent"]["engine_id"], started["engine_id"], "{status}");
    assert!(bench.athena.statements().iter().all(|statement| statement.state == "RUNNING"));
    let stopped = answer(&host, "stop_query", id.clone()).await?;
    assert_eq!(stopped["state"], "cancelled", "{stopped}");
    assert!(stopped["error"].as_str().is_some_and(|why| why.contains("on request")), "{stopped}");
    bench.until_stopped(0).await?;
    let refused = refusal(&host, "get_query_results", id).await?;
    assert!(refused.message.contains("on request"), "{refused:?}");
    Ok(())
}
