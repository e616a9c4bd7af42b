//! Every statement ends: by rows, by bytes, by time, by how many run at once.

use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::{Value, json};
use toolhost_tests::athena::Pace;
use toolhost_tests::mcp::{ERAS, Mcp};

use crate::bench::{Bench, FIVE, answer, endless, host, refusal, setup, sql, until_state};

#[tokio::test]
async fn a_statement_over_its_budget_of_bytes_is_stopped_where_it_runs() -> Result<()> {
    let bench = Bench::new(1).await?;
    let running = Duration::from_secs(3_600);
    bench.athena.set_pace(Pace { running, bytes_scanned: Some(3_600_000_000), ..Pace::default() });
    let host = host(&[bench.grant().backend("bytes_scanned_max = 200000")]).await?;
    let begun = Instant::now();
    let refused = refusal(&host, "query_athena", sql(FIVE)).await?;
    assert_eq!(refused.kind, "limited", "{refused:?}");
    assert!(refused.message.contains("`bytes_scanned_max` is 200000"), "{refused:?}");
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    bench.until_stopped(0).await?;
    // In the background too, where nobody looks.
    let started = answer(&host, "start_query", sql(FIVE)).await?;
    bench.until_stopped(0).await?;
    let id = started["query_execution_id"].as_str().unwrap_or_default();
    let status = until_state(&host, id, "cancelled").await?;
    assert!(status["error"].as_str().is_some_and(|why| why.contains("bytes_scanned_max")), "{status}");
    assert!(status["statistics"]["bytes_scanned"].as_u64().is_some_and(|bytes| bytes > 200_000), "{status}");
    Ok(())
}

#[tokio::test]
async fn a_statement_over_its_time_is_stopped_where_it_runs() -> Result<()> {
    let bench = Bench::new(1).await?;
    bench.athena.set_pace(endless());
    let host = host(&[bench.grant().with("time_max_ms = 600")]).await?;
    let refused = refusal(&host, "query_athena", sql(FIVE)).await?;
    assert_eq!(refused.kind, "limited", "{refused:?}");
    assert!(refused.message.contains("600 ms, the grant's `time_max_ms`"), "{refused:?}");
    bench.until_stopped(0).await?;
    let started = answer(&host, "start_query", sql(FIVE)).await?;
    bench.until_stopped(0).await?;
    let id = started["query_execution_id"].as_str().unwrap_or_default();
    let status = until_state(&host, id, "cancelled").await?;
    assert!(status["error"].as_str().is_some_and(|why| why.contains("time_max_ms")), "{status}");
    Ok(())
}

#[tokio::test]
async fn no_more_statements_run_at_once_than_the_grant_allows() -> Result<()> {
    let bench = Bench::new(1).await?;
    bench.athena.set_pace(endless());
    let host = host(&[bench.grant().with("queries_max = 2")]).await?;
    let first = answer(&host, "start_query", sql(FIVE)).await?;
    answer(&host, "start_query", sql(FIVE)).await?;
    let refused = refusal(&host, "query_athena", sql(FIVE)).await?;
    assert_eq!((refused.kind.as_str(), refused.retry_after_ms), ("limited", Some(1_000)), "{refused:?}");
    assert!(refused.message.contains("2 statements run on this source already"), "{refused:?}");
    assert_eq!(bench.athena.statements().len(), 2, "the third one was sent");
    // As soon as one ends, its place is another's.
    answer(&host, "stop_query", json!({ "query_execution_id": first["query_execution_id"] })).await?;
    let begun = Instant::now();
    while bench.athena.statements().len() < 3 {
        let _ = crate::bench::call(&host, "start_query", sql(FIVE)).await?;
        assert!(begun.elapsed() < crate::bench::PATIENCE);
    }
    Ok(())
}

/// The values of the first column.
fn firsts(answer: &Value) -> Vec<&Value> {
    answer["rows"].as_array().into_iter().flatten().map(|row| &row[0]).collect()
}

#[tokio::test]
async fn pages_hold_what_was_asked_for_and_follow_each_other_without_a_gap() -> Result<()> {
    let bench = Bench::new(1).await?;
    let many = "SELECT n FROM many";
    bench.athena.know(many, &[("n", "bigint")], (0..2_500).map(|n| vec![Some(n.to_string())]).collect());
    let wide = "SELECT wide FROM many";
    bench.athena.know(wide, &[("n", "varchar")], (0..20).map(|n| vec![Some(format!("{n:0500}"))]).collect());
    let host = host(&[bench.grant().with("bytes_max = 4096")]).await?;

    for (asked, came, more) in
        [(3, 3, true), (100, 100, true), (1_000, 1_000, true), (2_500, 2_500, false), (9_999, 2_500, false)]
    {
        let rows = answer(&host, "query_athena", json!({ "query": many, "max_results": asked })).await?;
        assert_eq!(rows["row_count"], json!(came), "{asked}");
        assert_eq!((&rows["truncated"], rows["cursor"].is_string()), (&json!(more), more), "{asked}");
        let expected: Vec<Value> = (0..came).map(|n| json!(n)).collect();
        assert_eq!(firsts(&rows), expected.iter().collect::<Vec<_>>(), "{asked}");
    }
    // A page is cut by bytes as by rows, and none is lost: with the cursor of the first answer, and then of each next.
    for (query, size) in [(many, 700), (wide, 7)] {
        let mut page = answer(&host, "query_athena", json!({ "query": query, "max_results": size })).await?;
        let id = page["query_execution_id"].clone();
        let mut all: Vec<Value> = firsts(&page).into_iter().cloned().collect();
        while let Some(cursor) = page["cursor"].as_str() {
            let next = json!({ "query_execution_id": id, "cursor": cursor, "max_results": size });
            page = answer(&host, "get_query_results", next).await?;
            all.extend(firsts(&page).into_iter().cloned());
        }
        let expected: Vec<Value> = match query == many {
            true => (0..2_500).map(|n| json!(n)).collect(),
            false => (0..20).map(|n| json!(format!("{n:0500}"))).collect(),
        };
        assert_eq!(all, expected, "{query}");
    }
    Ok(())
}

#[tokio::test]
async fn a_row_that_can_never_fit_a_page_is_told() -> Result<()> {
    let bench = Bench::new(1).await?;
    bench.athena.know("SELECT huge", &[("a", "varchar")], vec![vec![Some("x".repeat(5_000))]]);
    let host = host(&[bench.grant().with("bytes_max = 4096")]).await?;
    let refused = refusal(&host, "query_athena", sql("SELECT huge")).await?;
    assert_eq!(refused.kind, "limited", "{refused:?}");
    assert!(refused.message.contains("`bytes_max` of 4096"), "{refused:?}");
    Ok(())
}

#[tokio::test]
async fn a_call_that_waits_holds_no_thread() -> Result<()> {
    let bench = Bench::new(1).await?;
    bench.athena.set_pace(Pace { running: Duration::from_secs(3), ..Pace::default() });
    let host = setup(&[bench.grant()], "")?.start().await?;
    let waiting = async {
        let calls = (0..15).map(|_| answer(&host, "query_athena", sql(FIVE)));
        futures_util::future::try_join_all(calls).await
    };
    let others = async {
        bench.until_running(15).await?;
        for era in ERAS {
            let begun = Instant::now();
            let mut client = Mcp::connect(host.url(), era).await?;
            client.tools().await?;
            assert!(begun.elapsed() < Duration::from_secs(2), "{era:?}: {:?}", begun.elapsed());
        }
        anyhow::Ok(())
    };
    let (answers, ()) = tokio::try_join!(waiting, others)?;
    assert!(answers.iter().all(|answer| answer["row_count"] == 5));
    Ok(())
}
