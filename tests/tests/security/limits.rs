//! A plugin that takes more than its share gets its share, and nobody else gets less.

use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::json;
use toolhost_tests::http;
use toolhost_tests::toolhost::{Setup, Toolhost};

use crate::{kind, message, text, until};

/// `greedy` has the default limits; `patient` is the same plugin with many host calls.
async fn greedy() -> Result<Toolhost> {
    let config = "[plugins.greedy]\n[plugins.patient]\nfile = \"greedy.wasm\"\n\
                  limits = { host_calls = 2000000, deadline_ms = 300000 }\n";
    Setup::new(config).plugin("greedy", "greedy")?.start().await
}

#[tokio::test]
async fn a_plugin_that_takes_600_mb_is_stopped_at_its_limit_and_the_memory_comes_back() -> Result<()> {
    let host = greedy().await?;
    let (status, _) = host.call("greedy__modest", json!({})).await?;
    assert_eq!(status, 200);
    let before = host.memory_kib()?;
    let call = async || host.call("greedy__allocate", json!({ "megabytes": 600 })).await;
    for _ in 0..2 {
        let (a, b, c, d) = tokio::join!(call(), call(), call(), call());
        for (status, answer) in [a?, b?, c?, d?] {
            assert_eq!((status, kind(&answer)), (500, "memory"), "{answer}");
        }
    }
    // Eight calls took 64 MiB each.
    until("the memory came back", || Ok(host.memory_kib()?.saturating_sub(before) < 100 << 10)).await?;
    let (status, answer) = host.call("greedy__allocate", json!({ "megabytes": 32 })).await?;
    assert_eq!((status, text(&answer)), (200, "took 32 MB"));
    Ok(())
}

#[tokio::test]
async fn plugins_that_loop_on_more_calls_than_there_are_cores_slow_nobody_down() -> Result<()> {
    let config = "[plugins.endless.limits]\ndeadline_ms = 8000\n";
    let host = Setup::new(config).plugin("endless", "endless")?.plugin("good", "good")?.start().await?;
    let cores = std::thread::available_parallelism()?.get();
    let spin = || {
        let url = format!("{}/tools/endless__spin", host.url());
        tokio::spawn(async move { http::request("POST", &url, &[], Vec::new()).await?.json() })
    };
    let idle = host.cpu_time()?;
    let loops: Vec<_> = (0..cores + 2).map(|_| spin()).collect();
    until("the loops are under way", || Ok(host.cpu_time()? > idle + Duration::from_millis(300))).await?;
    let mut times = Vec::new();
    for _ in 0..20 {
        let began = Instant::now();
        assert_eq!(host.get("/health").await?.status, 200);
        let health = began.elapsed();
        let (status, answer) = host.call("good__add", json!({ "a": 1, "b": 2 })).await?;
        assert_eq!(status, 200, "{answer}");
        times.extend([health, began.elapsed() - health]);
    }
    assert!(loops.iter().all(|running| !running.is_finished()), "the loops ended before the others were served");
    times.sort();
    let (median, slowest) = (times[times.len() / 2], times[times.len() - 1]);
    assert!(
        median < Duration::from_millis(300) && slowest < Duration::from_secs(2),
        "median {median:?}, slowest {slowest:?}"
    );
    for ended in loops {
        assert_eq!(kind(&ended.await??), "deadline");
    }
    Ok(())
}

#[tokio::test]
async fn a_plugin_that_logs_a_gigabyte_writes_its_quota_and_the_log_says_what_is_missing() -> Result<()> {
    let host = greedy().await?;
    let (status, answer) = host.call("patient__flood_log", json!({ "megabytes": 1024 })).await?;
    assert_eq!((status, text(&answer)), (200, "wrote 1024 MB"));
    let missing = (1 << 30) - (64 << 10);
    until("the log says what is missing", || {
        let log = host.printed()?;
        Ok(log.contains(&format!("log.bytes_dropped={missing}")) && log.contains("plugin.name=\"patient\""))
    })
    .await?;
    assert!(host.printed()?.len() < 512 << 10, "{} bytes were logged", host.printed()?.len());
    Ok(())
}

#[tokio::test]
async fn a_plugin_that_asks_the_host_a_million_times_is_stopped_at_its_quota() -> Result<()> {
    let host = greedy().await?;
    let (status, answer) = host.call("greedy__nag", json!({ "times": 1_000_000 })).await?;
    assert_eq!((status, kind(&answer)), (500, "over-limit"), "{answer}");
    assert!(message(&answer).contains("100000"), "{answer}");
    until("the log names the plugin and the kind", || {
        let log = host.printed()?;
        Ok(log.lines().any(|line| line.contains("plugin.name=\"greedy\"") && line.contains("over-limit")))
    })
    .await?;
    let (status, answer) = host.call("greedy__nag", json!({ "times": 90_000 })).await?;
    assert_eq!((status, text(&answer)), (200, "asked 90000 times, 0 answers"), "{answer}");
    Ok(())
}

#[tokio::test]
async fn a_plugin_that_passes_more_than_8_mib_to_the_host_at_once_is_stopped() -> Result<()> {
    let host = greedy().await?;
    let (status, answer) = host.call("greedy__shout", json!({ "megabytes": 9 })).await?;
    assert_eq!((status, kind(&answer)), (500, "over-limit"), "{answer}");
    assert!(message(&answer).contains("8 MiB"), "{answer}");
    let (status, answer) = host.call("greedy__shout", json!({ "megabytes": 7 })).await?;
    assert_eq!((status, text(&answer)), (200, "the host answered: None"));
    Ok(())
}
