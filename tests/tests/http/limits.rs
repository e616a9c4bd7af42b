//! How much, how long and how many at once: more than that is a stable error, and nothing is
//! left running behind it.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use futures_util::future::join_all;
use serde_json::json;
use toolhost_tests::http::request;
use toolhost_tests::mcp::{Era, Mcp};
use toolhost_tests::upstream::Upstream;

use crate::{get, host, refused, send, until};

#[tokio::test]
async fn a_request_that_is_too_large_is_not_sent() -> Result<()> {
    let upstream = Upstream::start().await?;
    let host = host(upstream.url(), "methods = [\"GET\", \"POST\"]\nrequest_bytes_max = 1000").await?;
    let long = "x".repeat(1_000);
    let headers = json!({ "accept": long });
    for arguments in [
        json!({ "method": "POST", "path": "/ok", "body_bytes": 1_000 }),
        json!({ "path": format!("/ok?{long}") }),
        json!({ "path": "/ok", "headers": headers }),
    ] {
        let refusal = send(&host, arguments).await?.expect_err("is too large");
        assert_eq!(refusal.kind, "limited", "{refusal:?}");
        assert!(refusal.message.contains("request_bytes_max"), "{refusal:?}");
    }
    assert_eq!(upstream.received().len(), 0);
    send(&host, json!({ "method": "POST", "path": "/ok", "body_bytes": 997 })).await?.expect("fits");
    assert_eq!(upstream.last()?.body.len(), 997);
    Ok(())
}

#[tokio::test]
async fn an_upstream_that_takes_its_time_is_left_at_the_limit() -> Result<()> {
    let upstream = Upstream::start().await?;
    let host = host(upstream.url(), "time_max_ms = 500").await?;
    // It does not answer at all, and it does not come to an end.
    for path in ["/slow", "/drip"] {
        let begun = Instant::now();
        let refusal = refused(&host, path).await?;
        assert_eq!(refusal.kind, "limited", "{path}: {refusal:?}");
        assert!(refusal.message.contains("500 ms") && refusal.message.contains("time_max_ms"), "{refusal:?}");
        let took = begun.elapsed();
        assert!(took >= Duration::from_millis(500) && took < Duration::from_secs(5), "{path}: {took:?}");
    }
    until("the upstream is left alone", || upstream.hung_up() == 2).await?;
    assert_eq!(get(&host, "/ok").await?["status"], 200);
    Ok(())
}

#[tokio::test]
async fn no_more_requests_are_under_way_than_the_operator_allows() -> Result<()> {
    let upstream = Upstream::start().await?;
    let host = host(upstream.url(), "concurrency_max = 2\ntime_max_ms = 3000").await?;
    // One more waits for its turn,
    let four = join_all((0..4).map(|_| get(&host, "/pause"))).await;
    ensure!(four.iter().all(Result::is_ok), "{four:?}");
    assert_eq!(upstream.under_way_max(), 2);
    // and not for ever.
    let (_, _, refusal) = tokio::join!(refused(&host, "/slow"), refused(&host, "/slow"), async {
        until("two are under way", || upstream.received().len() == 6).await?;
        refused(&host, "/ok").await
    });
    let refusal = refusal?;
    assert_eq!(refusal.kind, "limited", "{refusal:?}");
    assert!(refusal.message.contains("concurrency_max"), "{refusal:?}");
    assert_eq!(upstream.under_way_max(), 2);
    assert_eq!(get(&host, "/ok").await?["status"], 200);
    Ok(())
}

#[tokio::test]
async fn many_are_sent_at_once_and_each_has_an_answer_of_its_own() -> Result<()> {
    let upstream = Upstream::start().await?;
    let host = host(upstream.url(), "paths = [\"/pause\", \"/ok\", \"/half\"]").await?;
    let mut paths = vec!["/pause"; 13];
    paths.extend(["/half", "/admin", "/ok"]);
    let begun = Instant::now();
    let (_, answer) = host.call("caller__send_many", json!({ "upstream": "up", "paths": paths })).await?;
    let answers = answer["structuredContent"]["result"].as_array().cloned().unwrap_or_default();
    assert_eq!(answers.len(), 16, "{answer}");
    assert!(answers.iter().take(13).all(|answer| answer["status"] == 200), "{answers:?}");
    assert_eq!(answers.get(13).map(|answer| answer["kind"].clone()), Some(json!("ErrorKind::Unavailable")));
    assert_eq!(answers.get(14).map(|answer| answer["kind"].clone()), Some(json!("ErrorKind::Denied")));
    assert_eq!(answers.get(15).map(|answer| answer["status"].clone()), Some(json!(200)));
    // Thirteen pauses of 300 ms, one after the other, would take four seconds.
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    assert!(upstream.under_way_max() > 8, "{}", upstream.under_way_max());
    let asked = upstream.received().len();
    let (_, answer) = host.call("caller__send_many", json!({ "upstream": "up", "paths": vec!["/ok"; 17] })).await?;
    let answers = answer["structuredContent"]["result"].as_array().cloned().unwrap_or_default();
    assert!(answers.len() == 17 && answers.iter().all(|one| one["kind"] == "ErrorKind::Limited"), "{answer}");
    assert_eq!(upstream.received().len(), asked);
    Ok(())
}

#[tokio::test]
async fn a_client_that_goes_away_takes_the_request_along() -> Result<()> {
    let upstream = Upstream::start().await?;
    let host = host(upstream.url(), "time_max_ms = 600000").await?;
    let url = format!("{}/tools/caller__send", host.url());
    let call = tokio::spawn(async move {
        request("POST", &url, &[("content-type", "application/json")], b"{\"path\":\"/slow\"}".to_vec()).await
    });
    until("the upstream is asked", || upstream.received().len() == 1).await?;
    assert!(!call.is_finished() && upstream.hung_up() == 0);
    call.abort();
    until("the upstream is left alone", || upstream.hung_up() == 1).await?;
    let mut client = Mcp::connect(host.url(), Era::Modern).await?;
    let call = tokio::spawn(async move { client.call("caller__send", json!({ "path": "/slow" })).await });
    until("the upstream is asked", || upstream.received().len() == 2).await?;
    assert!(!call.is_finished());
    call.abort();
    until("the upstream is left alone", || upstream.hung_up() == 2).await
}

#[tokio::test]
async fn a_call_that_ends_at_its_deadline_takes_the_request_along() -> Result<()> {
    let upstream = Upstream::start().await?;
    let host = host(upstream.url(), "time_max_ms = 600000\n\n[limits]\ndeadline_ms = 500").await?;
    let refusal = refused(&host, "/slow").await?;
    assert_eq!(refusal.kind, "deadline", "{refusal:?}");
    until("the upstream is left alone", || upstream.hung_up() == 1).await
}
