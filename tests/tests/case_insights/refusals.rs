//! What is refused, and what cannot be brought in.

use anyhow::Result;
use serde_json::json;

use crate::bench::Bench;

#[tokio::test]
async fn days_that_are_none_and_ranges_that_end_before_they_begin_are_refused() -> Result<()> {
    let bench = Bench::new().await?;
    for (start, end, names) in [
        ("2026-02-30", "2026-03-01", &["start_date"][..]),
        ("2026-01-01", "2026-13-01", &["end_date"]),
        ("01.02.2026", "2026-03-01", &["start_date"]),
        ("2026-01-01", "tomorrow", &["end_date"]),
        ("2026-01-01T00:00:00Z", "2026-01-02", &["start_date"]),
        ("2026-01-01' OR '1'='1", "2026-01-02", &["start_date"]),
        ("2026-03-02", "2026-03-01", &["start_date", "end_date", "2026-03-02", "2026-03-01"]),
    ] {
        let arguments = json!({ "start_date": start, "end_date": end });
        let (kind, message) = bench.refusal("analyze_case_summaries", arguments).await?;
        assert_eq!(kind, "invalid", "{message}");
        assert!(names.iter().all(|name| message.contains(name)), "{start} {end}: {message}");
    }
    let (kind, message) = bench.refusal("analyze_case_summaries", json!({ "start_date": "2026-01-01" })).await?;
    assert!(kind == "invalid" && message.contains("end_date"), "{message}");
    Ok(())
}

#[tokio::test]
async fn numbers_out_of_their_range_are_refused_with_the_rule() -> Result<()> {
    let bench = Bench::new().await?;
    let month = |max: u32| json!({ "start_date": "2026-01-01", "end_date": "2026-01-31", "max_cases": max });
    for (tool, arguments, argument, rule) in [
        ("analyze_case_summaries", month(0), "max_cases", "1"),
        ("analyze_case_summaries", month(100_000), "max_cases", "10000"),
        ("get_case_summary", json!({ "days_back": 0 }), "days_back", "1"),
        ("get_case_summary", json!({ "days_back": 1_000_000 }), "days_back", "3650"),
        ("get_service_trends", json!({ "days_back": 0 }), "days_back", "2"),
        ("get_rca_analysis", json!({ "rca_category": "Cost", "limit": 0 }), "limit", "1"),
        ("query_athena", json!({ "query": "SELECT 1", "max_results": 0 }), "max_results", "1"),
    ] {
        let (kind, message) = bench.refusal(tool, arguments).await?;
        assert_eq!(kind, "invalid", "{message}");
        assert!(message.contains(argument) && message.contains(rule), "{tool}: {message}");
    }
    let wrong = json!({ "start_date": "2026-01-01", "end_date": "2026-01-31", "severity_code": "terrible" });
    let (kind, message) = bench.refusal("analyze_case_summaries", wrong).await?;
    assert!(kind == "invalid" && message.contains("severity_code") && message.contains("urgent"), "{message}");
    Ok(())
}

/// Whatever is written into a filter is a value: it finds nothing, and changes nothing.
#[tokio::test]
async fn sql_in_a_filter_is_a_text_that_no_case_has() -> Result<()> {
    let bench = Bench::new().await?;
    let everything = bench.call("get_case_summary", json!({ "days_back": 3650 })).await?;
    for hostile in [
        "' OR '1'='1",
        "' OR 1=1 --",
        "EC2' --",
        "EC2'; DROP TABLE case_summary; --",
        "' UNION SELECT summary, 1, 2, 3, 4 FROM case_summary --",
        "\\' OR 1=1 --",
        "?",
        "%",
        "') OR (lower('a') = lower('a",
        "EC2\u{0}",
        "\u{2019} OR \u{2019}1\u{2019}=\u{2019}1",
    ] {
        for argument in ["account_number", "service_code"] {
            let answer = bench.call("get_case_summary", json!({ argument: hostile, "days_back": 3650 })).await?;
            assert_eq!(answer["total_cases"], 0, "{argument} = {hostile}");
        }
        for argument in ["service_code", "case_id", "rca_category", "lifecycle_category"] {
            let answer = bench.call("analyze_case_summaries", bench.all(json!({ argument: hostile }))).await?;
            assert_eq!(answer["total_cases_found"], 0, "{argument} = {hostile}");
        }
        let (kind, _) = bench.refusal("get_rca_analysis", json!({ "rca_category": hostile })).await?;
        assert_eq!(kind, "not-found", "{hostile}");
    }
    let after = bench.call("get_case_summary", json!({ "days_back": 3650 })).await?;
    assert_eq!((&after["total_cases"], &after["by_service"]), (&everything["total_cases"], &everything["by_service"]));
    Ok(())
}

#[tokio::test]
async fn what_writes_is_refused() -> Result<()> {
    let bench = Bench::new().await?;
    for statement in [
        "DELETE FROM case_summary",
        "DROP TABLE case_summary",
        "INSERT INTO case_summary SELECT * FROM case_summary",
        "CREATE TABLE copy AS SELECT * FROM case_summary",
        "SELECT 1; DROP TABLE case_summary",
    ] {
        let (kind, message) = bench.refusal("query_athena", json!({ "query": statement })).await?;
        assert!(["denied", "invalid"].contains(&kind.as_str()), "{statement}: {kind}: {message}");
    }
    Ok(())
}

#[tokio::test]
async fn the_operators_table_is_used_and_what_is_no_table_is_refused() -> Result<()> {
    let model = "[model.analyst.extract]\n";
    let bench = Bench::with(model, "settings = { table = \"support.case_summary\" }").await?;
    let answer = bench.call("get_case_summary", json!({ "days_back": 3650 })).await?;
    assert_eq!(answer["total_cases"], bench.cases.len());
    let bench = Bench::with(model, "settings = { table = \"case_summary WHERE 1=0 --\" }").await?;
    let (kind, message) = bench.refusal("get_case_summary", json!({})).await?;
    assert!(kind == "failed" && message.contains("`table`"), "{message}");
    Ok(())
}
