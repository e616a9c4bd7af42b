//! What comes back from an upstream: its answer whatever it is, but no further than the limits,
//! and without what a plugin must not see.

use anyhow::Result;
use serde_json::json;
use toolhost_tests::upstream::Upstream;

use crate::{get, host, refused, setup, until};

#[tokio::test]
async fn an_answer_is_passed_on_whatever_its_status_and_its_form() -> Result<()> {
    let upstream = Upstream::start().await?;
    let host = host(upstream.url(), "retries = 0").await?;
    for status in [200, 226, 400, 401, 404, 418, 500, 503] {
        let answer = get(&host, &format!("/status/{status}")).await?;
        assert_eq!(answer["status"], status, "{answer}");
    }
    let answer = get(&host, "/status/500").await?;
    assert_eq!(answer["body"], "<html><h1>Oh dear</h1></html>");
    assert_eq!(answer["headers"], json!([["content-type", "text/html"]]));
    Ok(())
}

#[tokio::test]
async fn a_redirect_is_answered_and_not_followed() -> Result<()> {
    let (upstream, other) = (Upstream::start().await?, Upstream::start().await?);
    let host =
        setup(upstream.url(), "bearer = { token = \"env:TOKEN\" }")?.env("TOKEN", "s3cret-token").start().await?;
    let away = [
        other.url(),
        "http://169.254.169.254/latest/meta-data/iam/security-credentials/",
        "http://[fd00:ec2::254]/latest/",
        "//evil.example/x",
        "/ok",
        "file:///etc/passwd",
    ];
    for to in away {
        // What the upstream makes of it is its own affair: any character that a query may hold will do.
        let answer = get(&host, &format!("/redirect?{to}")).await?;
        assert_eq!((answer["status"].as_u64(), &answer["headers"]), (Some(302), &json!([])), "{answer}");
    }
    assert_eq!((upstream.received().len(), other.connections()), (away.len(), 0));
    Ok(())
}

#[tokio::test]
async fn headers_that_say_who_we_are_or_where_something_is_are_kept_back() -> Result<()> {
    let upstream = Upstream::start().await?;
    let host =
        setup(upstream.url(), "bearer = { token = \"env:TOKEN\" }")?.env("TOKEN", "s3cret-token").start().await?;
    let answer = get(&host, "/private").await?;
    assert_eq!(answer["headers"], json!([["x-token", "Bearer [credential]"], ["x-harmless", "yes"]]));
    Ok(())
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_none() -> Result<()> {
    let upstream = Upstream::start().await?;
    let host = host(upstream.url(), "").await?;
    for path in ["/half", "/half-chunked"] {
        let refusal = refused(&host, path).await?;
        assert_eq!(refusal.kind, "unavailable", "{path}: {refusal:?}");
        assert!(refusal.message.contains("in the middle of its answer"), "{refusal:?}");
    }
    let refusal = refused(&host, "/close").await?;
    assert_eq!(refusal.kind, "unavailable", "{refusal:?}");
    // And the next one is served.
    assert_eq!(get(&host, "/ok").await?["status"], 200);
    Ok(())
}

#[tokio::test]
async fn a_body_is_read_no_further_than_the_limit() -> Result<()> {
    let upstream = Upstream::start().await?;
    let host = host(upstream.url(), "response_bytes_max = 10000").await?;
    get(&host, "/ok").await?;
    let before = host.memory_kib()?;
    for path in ["/huge", "/endless", "/bytes/10001"] {
        let refusal = refused(&host, path).await?;
        assert_eq!(refusal.kind, "limited", "{path}: {refusal:?}");
        assert!(
            refusal.message.contains("10000 bytes") && refusal.message.contains("response_bytes_max"),
            "{refusal:?}"
        );
    }
    assert_eq!(get(&host, "/bytes/10000").await?["bytes"], 10_000);
    until("the upstream sees that nobody reads", || upstream.hung_up() == 2).await?;
    // What the sockets hold is written, and no more: of 1 GB less than a hundredth.
    assert!(upstream.written() < 10_000_000, "{} bytes were taken", upstream.written());
    assert!(host.memory_kib()? < before + 20_000, "{before} KiB, then {}", host.memory_kib()?);
    Ok(())
}

#[tokio::test]
async fn a_large_answer_within_the_limit_arrives_whole() -> Result<()> {
    let upstream = Upstream::start().await?;
    let host = host(upstream.url(), "").await?;
    assert_eq!(get(&host, "/bytes/65000").await?["bytes"], 65_000);
    Ok(())
}

#[tokio::test]
async fn an_answer_that_cannot_be_searched_is_refused() -> Result<()> {
    let upstream = Upstream::start().await?;
    let host = host(upstream.url(), "").await?;
    let refusal = refused(&host, "/gzip").await?;
    assert_eq!(refusal.kind, "failed", "{refusal:?}");
    assert!(refusal.message.contains("compressed"), "{refusal:?}");
    Ok(())
}

#[tokio::test]
async fn an_upstream_that_is_away_is_told_without_its_name_and_used_again_when_it_is_back() -> Result<()> {
    let upstream = Upstream::start().await?;
    let host = host(upstream.url(), "retries = 0").await?;
    get(&host, "/ok").await?;
    let address = upstream.url().trim_start_matches("http://").to_owned();
    drop(upstream);
    for _ in 0..2 {
        let refusal = refused(&host, "/ok").await?;
        assert_eq!(refusal.kind, "unavailable", "{refusal:?}");
        for hidden in ["127.0.0.1", address.as_str(), "http:"] {
            assert!(!refusal.message.contains(hidden), "{refusal:?}");
        }
    }
    let _back = Upstream::start_at(&address).await?;
    assert_eq!(get(&host, "/ok").await?["status"], 200);
    Ok(())
}

#[tokio::test]
async fn a_name_that_leads_nowhere_is_told_without_the_name() -> Result<()> {
    let host = host("https://no-such-host.invalid", "retries = 0").await?;
    let refusal = refused(&host, "/ok").await?;
    assert_eq!(refusal.kind, "unavailable", "{refusal:?}");
    assert!(refusal.message.contains("its name has no address") && !refusal.message.contains("invalid"), "{refusal:?}");
    Ok(())
}
