//! How often and how many at once: what is over a limit is refused, says so, and harms nobody else.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use futures_util::future::join_all;
use serde_json::json;
use toolhost_tests::http::Connection;
use toolhost_tests::mcp::{ERAS, Mcp};
use toolhost_tests::toolhost::{Setup, Toolhost};

/// A host that holds the caller `local` to these rates.
async fn host(rates: &str) -> Result<Toolhost> {
    let config = format!("[plugins.good]\n[plugins.liar]\n[rates]\nlocal = true\n{rates}");
    Setup::new(config).plugin("good", "good")?.plugin("liar", "liar")?.start().await
}

#[tokio::test]
async fn a_call_over_the_rate_is_refused_by_both_doors_with_the_limit_and_the_time() -> Result<()> {
    let host = host("caller_per_s = 1\ncaller_burst = 2\n").await?;
    let mut connection = Connection::open(host.url()).await?;
    let mut last = None;
    for _ in 0..4 {
        last = Some(connection.send("POST", "/tools/good__echo", &[], json!({ "message": "x" }).to_string()).await?);
    }
    let last = last.context("there was one")?;
    assert_eq!((last.status, last.header("retry-after")), (429, Some("1")));
    let error = &last.json()?["_meta"]["toolhost/error"];
    assert_eq!((&error["kind"], &error["fault"]), (&json!("limited"), &json!("caller")), "{error}");
    assert!(
        last.text().contains("1 calls a second") && last.text().contains("[rates] caller_per_s"),
        "{}",
        last.text()
    );
    for era in ERAS {
        let mut client = Mcp::connect(host.url(), era).await?;
        let mut refused = json!(null);
        for _ in 0..4 {
            refused = client.call("good__echo", json!({ "message": "x" })).await?;
        }
        assert_eq!(refused["_meta"]["toolhost/error"]["kind"], "limited", "{refused}");
        let wait = refused["_meta"]["toolhost/error"]["retryAfterMs"].as_u64();
        assert!(wait.is_some_and(|wait| (1..=1_000).contains(&wait)), "{refused}");
    }
    Ok(())
}

#[tokio::test]
async fn names_that_there_are_not_count_too() -> Result<()> {
    let host = host("caller_per_s = 1\ncaller_burst = 3\n").await?;
    let mut statuses = Vec::new();
    for _ in 0..5 {
        statuses.push(host.call("no_such_tool", json!({})).await?.0);
    }
    assert_eq!(statuses[..3], [404, 404, 404]);
    assert!(statuses[3..].contains(&429), "{statuses:?}");
    Ok(())
}

#[tokio::test]
async fn more_at_once_than_a_caller_or_a_plugin_may_wait_a_moment_and_are_refused() -> Result<()> {
    for (limit, kind, status) in [("caller_calls", "limited", 429), ("plugin_calls", "busy", 503)] {
        let host = host(&format!("{limit} = 2\nplace_wait_ms = 100\n")).await?;
        let long = || host.call("good__sleep_ms", json!({ "milliseconds": 1_500 }));
        let answers = join_all([long(), long(), long(), long()]).await.into_iter().collect::<Result<Vec<_>>>()?;
        let refused: Vec<_> = answers.iter().filter(|(status, _)| *status != 200).collect();
        assert_eq!(refused.len(), 2, "{limit}: {answers:?}");
        for (answered, answer) in refused {
            assert_eq!((*answered, &answer["_meta"]["toolhost/error"]["kind"]), (status, &json!(kind)), "{answer}");
            assert!(answer.to_string().contains(&format!("[rates] {limit}")), "{answer}");
        }
        // Those that waited for a shorter one were answered.
        let short = || host.call("good__sleep_ms", json!({ "milliseconds": 10 }));
        let answers = join_all([short(), short(), short(), short()]).await.into_iter().collect::<Result<Vec<_>>>()?;
        assert!(answers.iter().all(|(status, _)| *status == 200), "{limit}: {answers:?}");
    }
    Ok(())
}

#[tokio::test]
async fn whoever_is_not_identified_is_held_to_no_rate_of_callers() -> Result<()> {
    let config = "[plugins.good]\n[rates]\ncaller_per_s = 1\ncaller_burst = 1\ntool_per_s = 1\ntool_burst = 1\n";
    let host = Setup::new(config).plugin("good", "good")?.start().await?;
    for _ in 0..20 {
        assert_eq!(host.call("good__echo", json!({ "message": "x" })).await?.0, 200);
    }
    Ok(())
}

#[tokio::test]
async fn a_changed_rate_is_followed_while_the_host_serves() -> Result<()> {
    let host = host("").await?;
    let echo = || host.call("good__echo", json!({ "message": "x" }));
    assert_eq!(echo().await?.0, 200);
    host.configure("[plugins.good]\n[plugins.liar]\n[rates]\nlocal = true\ncaller_per_s = 1\ncaller_burst = 1\n")?;
    host.signal("HUP")?;
    let deadline = Instant::now() + Duration::from_secs(30);
    while echo().await?.0 != 429 {
        ensure!(Instant::now() < deadline, "the new rate was never held");
    }
    host.configure("[plugins.good]\n[plugins.liar]\n")?;
    host.signal("HUP")?;
    let mut answered = 0;
    while answered < 10 {
        ensure!(Instant::now() < deadline, "the rate was never lifted");
        answered = if echo().await?.0 == 200 { answered + 1 } else { 0 };
    }
    Ok(())
}

#[tokio::test]
async fn absurd_rates_are_refused() -> Result<()> {
    for (line, says) in [
        ("caller_per_s = 0", "out of range"),
        ("place_wait_ms = 60_000", "out of range"),
        ("caller_per_sec = 5", "did you mean `caller_per_s`?"),
    ] {
        let error = host(&format!("{line}\n")).await.err().context("does not start")?;
        assert!(error.to_string().contains(says), "{line}: {error}");
    }
    Ok(())
}
