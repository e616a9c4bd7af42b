//! Calls in a session: one that ends soon and says nothing before is answered as JSON, any other
//! as a stream; and which of them it is changes nothing about what becomes of it.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tokio::time::timeout;
use toolhost_tests::http::Response;
use toolhost_tests::mcp::{Era, Mcp};
use toolhost_tests::ready;

use crate::sessions::Stream;
use crate::{BOTH, JSON, good, post, session};

/// How long anything may take that is waited for.
const TIME_MAX: Duration = Duration::from_secs(30);

const EVENTS: (&str, &str) = ("accept", "text/event-stream");

fn message(id: &str, name: &str, arguments: &Value, meta: &Value) -> String {
    let params = json!({ "name": name, "arguments": arguments, "_meta": meta });
    json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params }).to_string()
}

fn kind(response: &Response) -> &str {
    response.header("content-type").unwrap_or_default()
}

#[tokio::test]
async fn a_brief_call_is_answered_as_json_with_what_a_stream_would_say() -> Result<()> {
    let host = good().await?;
    let calls = [
        ("good__echo", json!({ "message": "hi", "payload": { "n": [1, 2.5, null, "é"] } })),
        ("good__every_content", json!({})),
        ("good__fail", json!({ "kind": "not-found" })),
        ("good__add", json!({ "a": 1 })),
        ("good__nothing", json!({})),
    ];
    for revision in ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"] {
        let session = session(&host, revision).await?;
        for (name, arguments) in &calls {
            let message = message("one", name, arguments, &json!({}));
            let id = ("mcp-session-id", session.as_str());
            let stream = post(&host, &[JSON, EVENTS, id], &message).await?;
            assert_eq!((stream.status, kind(&stream)), (200, "text/event-stream"), "{revision} {name}");
            let deadline = Instant::now() + TIME_MAX;
            loop {
                let brief = post(&host, &[JSON, BOTH, id], &message).await?;
                assert_eq!((brief.status, brief.json()?), (200, stream.json()?), "{revision} {name}");
                if kind(&brief) == "application/json" {
                    break;
                }
                // On a busy machine, any call may take its time.
                ensure!(Instant::now() < deadline, "{revision} {name} was never brief");
            }
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_call_that_speaks_or_takes_its_time_becomes_a_stream_that_can_be_taken_up_again() -> Result<()> {
    let host = good().await?;
    let session = session(&host, "2025-11-25").await?;
    let headers = [JSON, BOTH, ("mcp-session-id", session.as_str()), ("mcp-protocol-version", "2025-11-25")];
    let steps = json!({ "count": 2, "pause_ms": 0 });
    let speaks = post(&host, &headers, &message("a", "good__steps", &steps, &json!({ "progressToken": "t" }))).await?;
    let told = speaks.text();
    let (step, answer) = (told.find("step 1").context("no step")?, told.find("2 steps").context("no answer")?);
    assert!(step < answer, "{told}");
    let slow = message("b", "good__sleep_ms", &json!({ "milliseconds": 200 }), &json!({}));
    let slow = post(&host, &headers, &slow).await?;
    assert!(slow.text().contains("slept 200 ms"), "{}", slow.text());
    for response in [&speaks, &slow] {
        assert_eq!((response.status, kind(response)), (200, "text/event-stream"));
        assert!(response.text().contains("\nid: "), "there is nothing to come back for: {}", response.text());
    }
    let said = host.printed()?.matches("a call was answered").count();
    assert_eq!(said, 2, "a call was made twice: {}", host.printed()?);
    Ok(())
}

#[tokio::test]
async fn a_brief_call_whose_client_goes_away_is_made_all_the_same() -> Result<()> {
    let host = good().await?;
    let session = session(&host, "2025-11-25").await?;
    let body = message("gone", "good__sleep_ms", &json!({ "milliseconds": 40 }), &json!({}));
    let headers = [JSON, BOTH, ("mcp-session-id", session.as_str())];
    let deadline = Instant::now() + TIME_MAX;
    // One that goes away before its request was read has made no call; so the next stays longer.
    for stays_ms in (0..).step_by(5) {
        ensure!(Instant::now() < deadline, "no call was answered: {}", host.printed()?);
        let client = Stream::open(&host, "POST", &headers, &body).await?;
        tokio::time::sleep(Duration::from_millis(stays_ms)).await;
        drop(client);
        if timeout(Duration::from_millis(200), ready::logs(&host, "a call was answered")).await.is_ok() {
            break;
        }
    }
    assert!(!host.printed()?.contains("cancelled"), "{}", host.printed()?);
    Ok(())
}

#[tokio::test]
async fn a_call_is_taken_back_whether_it_is_brief_still_or_not() -> Result<()> {
    let host = good().await?;
    let mut client = Mcp::connect(host.url(), Era::Legacy).await?;
    let mut other = client.beside().await?;
    let id = client.next_id();
    let call = tokio::spawn(async move { client.send("tools/call", sleeping()).await });
    let deadline = Instant::now() + TIME_MAX;
    // The first that comes after the call finds it as brief as any.
    while !host.printed()?.contains("cancelled") {
        ensure!(Instant::now() < deadline, "it went on: {}", host.printed()?);
        other.cancel(id).await?;
    }
    let answer = call.await??;
    assert!(!answer.text().contains("slept"), "{}", answer.text());
    Ok(())
}

#[tokio::test]
async fn the_end_of_a_session_is_the_end_of_its_calls() -> Result<()> {
    let host = good().await?;
    let client = Mcp::connect(host.url(), Era::Legacy).await?;
    let session = client.session().context("no session")?.to_owned();
    let headers = [JSON, BOTH, ("mcp-session-id", session.as_str())];
    let steps = json!({ "count": 500, "pause_ms": 50 });
    let body = message("ends", "good__steps", &steps, &json!({ "progressToken": "t" }));
    Stream::open(&host, "POST", &headers, &body).await?.reads("step 1").await?;
    assert_eq!(client.end().await?, 204);
    ready::logs(&host, "cancelled").await
}

fn sleeping() -> Value {
    json!({ "name": "good__sleep_ms", "arguments": { "milliseconds": 25_000 } })
}
