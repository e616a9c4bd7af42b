//! Every answer ends: at so many rows, bytes and milliseconds, or when nobody waits any more.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use toolhost_tests::Toolhost;

use crate::bench::{ENDLESS, PATIENCE, SOURCES, Three, call, host, query, refusal, rows, send, until_running};

/// How many rows came, and whether the answer says that there are more.
async fn size(host: &Toolhost, source: &str, arguments: Value) -> Result<(usize, bool)> {
    let mut arguments = arguments;
    arguments["source"] = json!(source);
    let answer =
        call(host, "run_query", arguments).await?.map_err(|refusal| anyhow::anyhow!("{source}: {refusal:?}"))?;
    let rows = answer["rows"].as_array().context("rows")?.len();
    ensure!(answer["row_count"] == json!(rows), "{source}: {}", answer["row_count"]);
    Ok((rows, answer["truncated"].as_bool().context("truncated")?))
}

#[tokio::test]
async fn rows_beyond_the_limit_are_left_out_and_the_answer_says_so() -> Result<()> {
    let three = Three::new(60).await?;
    let names = ["file2", "server2", "cluster2"];
    let mut grants = three.grants(SOURCES).to_vec();
    grants.extend(three.grants(names).map(|grant| grant.with("rows_max = 7")));
    let host = host(&grants).await?;
    let all = "SELECT * FROM content_ratings";
    for source in SOURCES {
        // 150 ratings and 90 subscriptions; 100 rows where nobody says how many.
        assert_eq!(size(&host, source, json!({ "sql": all })).await?, (100, true), "{source}");
        assert_eq!(size(&host, source, json!({ "sql": all, "max_rows": 3 })).await?, (3, true), "{source}");
        assert_eq!(size(&host, source, json!({ "sql": all, "max_rows": 149 })).await?, (149, true), "{source}");
        assert_eq!(size(&host, source, json!({ "sql": all, "max_rows": 150 })).await?, (150, false), "{source}");
        assert_eq!(size(&host, source, json!({ "sql": all, "max_rows": 1_000_000 })).await?, (150, false), "{source}");
        assert_eq!(
            size(&host, source, json!({ "sql": "SELECT * FROM subscriptions" })).await?,
            (90, false),
            "{source}"
        );
        assert_eq!(size(&host, source, json!({ "sql": format!("{all} LIMIT 100") })).await?, (100, false), "{source}");
        let none = "SELECT * FROM subscriptions WHERE plan = 'none'";
        assert_eq!(size(&host, source, json!({ "sql": none })).await?, (0, false), "{source}");
    }
    for source in names {
        assert_eq!(size(&host, source, json!({ "sql": all })).await?, (7, true), "{source}");
        assert_eq!(size(&host, source, json!({ "sql": all, "max_rows": 1_000 })).await?, (7, true), "{source}");
        assert_eq!(size(&host, source, json!({ "sql": format!("{all} LIMIT 7") })).await?, (7, false), "{source}");
        // A count is no row: the limit is on what comes back, not on what is looked at.
        assert_eq!(rows(&host, source, "SELECT COUNT(*) FROM content_ratings").await?, json!([[150]]), "{source}");
    }
    Ok(())
}

#[tokio::test]
async fn bytes_beyond_the_limit_are_left_out_and_a_row_that_can_never_fit_is_told() -> Result<()> {
    let three = Three::new(4).await?;
    let thousand = format!("'{}'", "x".repeat(1_000));
    three.execute("CREATE TABLE texts (id INT PRIMARY KEY, text TEXT)").await?;
    for id in 0..9 {
        three.execute(&format!("INSERT INTO texts VALUES ({id}, {thousand})")).await?;
    }
    three.execute(&format!("INSERT INTO texts VALUES (9, '{}')", "y".repeat(5_000))).await?;
    let host = host(&three.grants(SOURCES).map(|grant| grant.with("bytes_max = 4096"))).await?;
    for source in SOURCES {
        let few = json!({ "sql": "SELECT text FROM texts WHERE id < 9" });
        assert_eq!(size(&host, source, few).await?, (4, true), "{source}");
        assert_eq!(size(&host, source, json!({ "sql": "SELECT id FROM texts" })).await?, (10, false), "{source}");
        let huge = refusal(&host, source, "SELECT text FROM texts WHERE id = 9").await?;
        assert_eq!(huge.kind, "limited", "{source}: {huge:?}");
        assert!(huge.message.contains("`bytes_max` of 4096; select fewer or shorter columns"), "{source}: {huge:?}");
        // After rows that fit, the one that does not is the cut.
        let after = json!({ "sql": "SELECT text FROM texts WHERE id > 7 ORDER BY id" });
        assert_eq!(size(&host, source, after).await?, (1, true), "{source}");
    }
    Ok(())
}

#[tokio::test]
async fn a_slow_statement_is_stopped_in_time_and_on_the_server_too() -> Result<()> {
    let three = Three::new(100).await?;
    // The service ends by itself what it was asked, and on AWS after 45 seconds; what the
    // host cannot end, it does not wait for.
    three.api.set_call_max(Duration::from_secs(2));
    let host = host(&three.grants(SOURCES).map(|grant| grant.with("time_max_ms = 700"))).await?;
    for source in SOURCES {
        let begun = Instant::now();
        let slow = refusal(&host, source, ENDLESS).await?;
        assert!(begun.elapsed() < Duration::from_secs(15), "{source}: {:?}", begun.elapsed());
        assert_eq!(slow.kind, "limited", "{source}: {slow:?}");
        assert!(slow.message.contains("700 ms, the grant's `time_max_ms`"), "{source}: {slow:?}");
        until_running(&three.database, 0).await?;
        assert_eq!(rows(&host, source, "SELECT COUNT(*) FROM subscriptions").await?, json!([[150]]), "{source}");
    }
    until_idle(&host).await
}

#[tokio::test]
async fn a_caller_who_hangs_up_ends_the_statement_on_the_server() -> Result<()> {
    let three = Three::new(100).await?;
    let [file, server, _] = three.grants(SOURCES);
    let host = host(&[file, server.backend("[sql.server.mysql]\n", "[sql.server.mysql]\nconnections = 2\n")]).await?;
    for _ in 0..2 {
        // As many as there are connections: a place that is lost would be missed at once.
        let calls = [send(&host, "server", ENDLESS), send(&host, "server", ENDLESS)];
        until_running(&three.database, 2).await?;
        calls.iter().for_each(tokio::task::JoinHandle::abort);
        until_running(&three.database, 0).await?;
    }
    let answers = [query(&host, "server", "SELECT 1").await?, query(&host, "server", "SELECT 2").await?];
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");

    // SQLite is part of the host: its work is the host's own.
    let call = send(&host, "file", ENDLESS);
    let begun = host.cpu_time()?;
    let started = Instant::now();
    while host.cpu_time()? < begun + Duration::from_millis(300) {
        ensure!(started.elapsed() < PATIENCE, "the statement does nothing");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    call.abort();
    until_idle(&host).await
}

/// Waits until the host works no more: less than a tenth of a second in half a second.
async fn until_idle(host: &Toolhost) -> Result<()> {
    let begun = Instant::now();
    loop {
        let before = host.cpu_time()?;
        tokio::time::sleep(Duration::from_millis(500)).await;
        if host.cpu_time()? < before + Duration::from_millis(100) {
            return Ok(());
        }
        ensure!(begun.elapsed() < PATIENCE, "the host goes on working");
    }
}

#[tokio::test]
async fn whoever_finds_every_connection_in_use_is_told_so_and_the_next_one_is_served() -> Result<()> {
    let three = Three::new(100).await?;
    let [_, server, _] = three.grants(SOURCES);
    let one = server.backend("[sql.server.mysql]\n", "[sql.server.mysql]\nconnections = 1\nconnect_ms = 300\n");
    let host = host(&[one]).await?;
    let slow = send(&host, "server", ENDLESS);
    until_running(&three.database, 1).await?;
    let busy = refusal(&host, "server", "SELECT 1").await?;
    assert_eq!(busy.kind, "limited", "{busy:?}");
    assert!(busy.message.contains("every connection to this source is in use"), "{busy:?}");
    slow.abort();
    until_running(&three.database, 0).await?;
    assert_eq!(rows(&host, "server", "SELECT 1").await?, json!([[1]]));
    Ok(())
}
