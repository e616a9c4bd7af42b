//! When a request is sent again: counted at the upstream.

use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::json;
use toolhost_tests::upstream::Upstream;

use crate::{get, host, refused, send};

/// How often the upstream was asked, since it was asked this often.
fn asked(upstream: &Upstream, before: usize) -> usize {
    upstream.received().len() - before
}

#[tokio::test]
async fn a_status_that_passes_is_asked_for_again_and_one_that_does_not_is_not() -> Result<()> {
    let upstream = Upstream::start().await?;
    let host = host(upstream.url(), "retries = 3").await?;
    assert_eq!(get(&host, "/flaky/2").await?["status"], 200);
    assert_eq!(asked(&upstream, 0), 3);
    for (status, times) in [(429, 4), (502, 4), (503, 4), (504, 4), (500, 1), (404, 1), (401, 1), (302, 1)] {
        let before = upstream.received().len();
        assert_eq!(get(&host, &format!("/status/{status}")).await?["status"], status);
        assert_eq!(asked(&upstream, before), times, "{status}");
    }
    let before = upstream.received().len();
    assert_eq!(refused(&host, "/close").await?.kind, "unavailable");
    assert_eq!(asked(&upstream, before), 4);
    // Half of an answer may be of something that was done.
    let before = upstream.received().len();
    assert_eq!(refused(&host, "/half").await?.kind, "unavailable");
    assert_eq!(asked(&upstream, before), 1);
    Ok(())
}

#[tokio::test]
async fn what_is_not_safe_to_repeat_is_sent_once() -> Result<()> {
    let upstream = Upstream::start().await?;
    let host = host(upstream.url(), "retries = 3\nmethods = [\"POST\", \"PATCH\", \"PUT\", \"DELETE\"]").await?;
    for (method, times) in [("POST", 1), ("PATCH", 1), ("PUT", 4), ("DELETE", 4)] {
        for path in ["/status/503", "/close"] {
            let before = upstream.received().len();
            let _ = send(&host, json!({ "method": method, "path": path })).await?;
            assert_eq!(asked(&upstream, before), times, "{method} {path}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn the_pause_that_an_upstream_asks_for_is_kept_if_there_is_time() -> Result<()> {
    let upstream = Upstream::start().await?;
    let host = host(upstream.url(), "retries = 1\ntime_max_ms = 4000").await?;
    let begun = Instant::now();
    assert_eq!(get(&host, "/flaky/1?after=1").await?["status"], 200);
    assert!(begun.elapsed() >= Duration::from_secs(1), "{:?}", begun.elapsed());
    // A pause beyond the limit, or beyond any clock, is not begun: the answer is what there is.
    let begun = Instant::now();
    assert_eq!(get(&host, "/flaky/9?after=60").await?["status"], 503);
    assert_eq!(get(&host, &format!("/flaky/9?after={}", u64::MAX)).await?["status"], 503);
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    assert_eq!(asked(&upstream, 0), 4);
    Ok(())
}

#[tokio::test]
async fn no_retries_means_none() -> Result<()> {
    let upstream = Upstream::start().await?;
    let host = host(upstream.url(), "retries = 0").await?;
    assert_eq!(get(&host, "/status/503").await?["status"], 503);
    assert_eq!(refused(&host, "/close").await?.kind, "unavailable");
    assert_eq!(asked(&upstream, 0), 2);
    Ok(())
}
