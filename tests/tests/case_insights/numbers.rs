//! What is counted: held against the generated rows, counted here.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use crate::bench::{Bench, Case, days};

/// The cases counted by one column, as the tools tell them.
fn counted(cases: &[&Case], column: &str) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for case in cases {
        *counts.entry(case.column(column).to_owned()).or_default() += 1;
    }
    counts
}

/// A list of `{name, cases}`, the largest first.
fn told(counts: &Value) -> Result<BTreeMap<String, u64>> {
    let counts = counts.as_array().context("no list")?;
    let numbers: Vec<_> = counts.iter().map(|count| count["cases"].as_u64().unwrap_or_default()).collect();
    ensure!(numbers.is_sorted_by(|a, b| a >= b), "{counts:?}");
    let names = counts.iter().map(|count| count["name"].as_str().unwrap_or_default().to_owned());
    Ok(names.zip(numbers).collect())
}

/// Holds what a tool counted against the cases that it should have counted.
fn agree(answer: &Value, cases: &[&Case]) -> Result<()> {
    assert_eq!(answer["total_cases"], cases.len());
    for (key, column) in [
        ("by_severity", "severitycode"),
        ("by_service", "servicecode"),
        ("by_rca_category", "rca_category"),
        ("by_lifecycle_category", "lifecycle_category"),
    ] {
        assert_eq!(told(&answer[key])?, counted(cases, column), "{key}");
    }
    Ok(())
}

/// Case numbers in the order of a list.
fn numbers(cases: &Value) -> Vec<&str> {
    cases.as_array().into_iter().flatten().filter_map(|case| case["case_number"].as_str()).collect()
}

/// The newest of some cases.
fn newest<'a>(cases: &[&'a Case], count: usize) -> Vec<&'a str> {
    let mut cases = cases.to_vec();
    cases.sort_by(|a, b| b.column("timecreated").cmp(a.column("timecreated")));
    cases.iter().take(count).map(|case| case.column("casenumber")).collect()
}

#[tokio::test]
async fn a_summary_counts_the_cases_of_its_days_and_filters() -> Result<()> {
    let bench = Bench::new().await?;
    let account = bench.cases[0].column("accountnumber").to_owned();
    for arguments in [
        json!({}),
        json!({ "days_back": 1 }),
        json!({ "days_back": 200 }),
        json!({ "service_code": "ec2", "days_back": 100 }),
        json!({ "account_number": account, "days_back": 3650 }),
        json!({ "account_number": account, "service_code": "S3", "days_back": 3650 }),
        json!({ "account_number": "", "service_code": " " }),
    ] {
        let answer = bench.call("get_case_summary", arguments.clone()).await?;
        let (first, last) = days(&answer["date_range"])?;
        let wanted = |key: &str| arguments[key].as_str().unwrap_or_default().trim().to_uppercase();
        let (account, service) = (wanted("account_number"), wanted("service_code"));
        let mut cases = bench.between(first, last);
        cases.retain(|case| account.is_empty() || case.column("accountnumber") == account);
        cases.retain(|case| service.is_empty() || case.column("servicecode") == service);
        ensure!(!cases.is_empty() || arguments["account_number"].is_string(), "{arguments} finds nothing");
        agree(&answer, &cases)?;
        assert_eq!(numbers(&answer["recent_cases"]), newest(&cases, 10), "{arguments}");
        assert_eq!(answer["note"].is_null(), !cases.is_empty(), "{answer}");
    }
    Ok(())
}

#[tokio::test]
async fn a_category_is_counted_and_its_newest_cases_shown_with_no_more_of_a_summary_than_700_characters() -> Result<()>
{
    let bench = Bench::new().await?;
    for (category, limit) in [("Certificate expiry", None), ("certificate EXPIRY", Some(25)), ("Cost", Some(1))] {
        let mut arguments = json!({ "rca_category": category });
        if let Some(limit) = limit {
            arguments["limit"] = json!(limit);
        }
        let answer = bench.call("get_rca_analysis", arguments).await?;
        let same = |case: &&Case| case.column("rca_category").eq_ignore_ascii_case(category);
        let cases: Vec<_> = bench.cases.iter().filter(same).collect();
        agree(&answer, &cases)?;
        assert_eq!(numbers(&answer["cases"]), newest(&cases, limit.unwrap_or(10)));
        for shown in answer["cases"].as_array().into_iter().flatten() {
            let case = cases.iter().find(|case| shown["case_number"] == case.column("casenumber")).context("a case")?;
            let summary: String = case.column("summary").chars().take(700).collect();
            assert_eq!(shown["summary"].as_str().unwrap_or_default(), summary);
            assert_eq!(shown["created"], case.column("timecreated"));
            assert_eq!(shown["account"], case.column("accountnumber"));
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_wrong_category_or_service_is_answered_with_those_there_are() -> Result<()> {
    let bench = Bench::new().await?;
    // The second time from the store.
    for _ in 0..2 {
        let (kind, message) = bench.refusal("get_rca_analysis", json!({ "rca_category": "Weather" })).await?;
        assert_eq!(kind, "not-found");
        for category in counted(&bench.cases.iter().collect::<Vec<_>>(), "rca_category").keys() {
            assert!(message.contains(category), "{message}");
        }
    }
    let answer = bench.call("get_case_summary", json!({ "service_code": "EC3" })).await?;
    assert_eq!((&answer["total_cases"], &answer["recent_cases"]), (&json!(0), &json!([])));
    let note = answer["note"].as_str().unwrap_or_default();
    assert!(note.contains("service_code") && note.contains("EC2") && !note.contains("Capacity"), "{note}");
    Ok(())
}

#[tokio::test]
async fn trends_have_every_case_in_its_week_and_tell_which_service_has_more_of_them() -> Result<()> {
    let bench = Bench::new().await?;
    for days_back in [90, 30, 7, 2] {
        let answer = bench.call("get_service_trends", json!({ "days_back": days_back })).await?;
        let (first, last) = days(&answer["date_range"])?;
        let cases = bench.between(first, last);
        let services = answer["services"].as_array().context("no services")?;
        let totals: BTreeMap<String, u64> = services
            .iter()
            .map(|trend| {
                (
                    trend["service"].as_str().unwrap_or_default().to_owned(),
                    trend["total_cases"].as_u64().unwrap_or_default(),
                )
            })
            .collect();
        assert_eq!(totals, counted(&cases, "servicecode"), "{days_back}");
        for trend in services {
            let own: Vec<_> = cases.iter().filter(|case| trend["service"] == case.column("servicecode")).collect();
            assert_eq!(trend["critical_cases"], own.iter().filter(|case| case.urgency() < 2).count());
            let weekly = trend["weekly"].as_array().context("no weeks")?;
            let starts: Vec<_> = weekly.iter().filter_map(|week| week["week_start"].as_str()).collect();
            ensure!(starts.is_sorted() && starts.len() == weekly.len(), "{trend}");
            let ends = starts.iter().skip(1).copied().chain(["9999-12-31"]);
            for ((week, start), end) in weekly.iter().zip(&starts).zip(ends) {
                let in_week = own.iter().filter(|case| (*start..end).contains(&case.date())).count();
                assert_eq!(week["cases"], in_week, "{start}: {trend}");
            }
        }
    }
    // What the demo's data hides: more and more trouble with one service.
    let answer = bench.call("get_service_trends", json!({ "days_back": 119 })).await?;
    let change = |service: &str| {
        let trend = answer["services"].as_array().into_iter().flatten().find(|trend| trend["service"] == service);
        trend.and_then(|trend| trend["change_percent"].as_i64())
    };
    assert!(change("EKS") > Some(50) && change("EKS") > change("EC2"), "{answer}");
    Ok(())
}

#[tokio::test]
async fn the_statements_that_agents_know_run() -> Result<()> {
    let bench = Bench::new().await?;
    let rows = async |sql: &str| {
        Ok::<_, anyhow::Error>(bench.call("query_athena", json!({ "query": sql })).await?["rows"].clone())
    };
    let listed = rows("SHOW DATABASES").await?.to_string();
    assert!(listed.contains("support"), "{listed}");
    let listed = rows("SHOW TABLES").await?.to_string();
    assert!(listed.contains("case_summary") && listed.contains("telemetry"), "{listed}");
    let described = rows("DESCRIBE case_summary").await?.to_string();
    for column in
        ["casenumber", "accountnumber", "servicecode", "severitycode", "rca_category", "timecreated", "summary"]
    {
        assert!(described.contains(column), "{described}");
    }
    let all = bench.cases.len();
    assert_eq!(rows("SELECT COUNT(*) as total_cases FROM case_summary LIMIT 10").await?, json!([[all]]));
    let grouped = "SELECT COUNT(*) AS total_cases, RCA_Category FROM case_summary GROUP BY RCA_Category";
    let categories = counted(&bench.cases.iter().collect::<Vec<_>>(), "rca_category");
    assert_eq!(rows(grouped).await?.as_array().map(Vec::len), Some(categories.len()));
    let recent = "SELECT COUNT(*) FROM case_summary WHERE from_iso8601_timestamp(timecreated) >= current_date - interval '30' day";
    let summary = bench.call("get_case_summary", json!({})).await?;
    assert_eq!(rows(recent).await?, json!([[summary["total_cases"]]]));
    let joined = "SELECT count(DISTINCT customer_id) FROM telemetry WHERE event_type = 'buffering' AND customer_id LIKE 'CUST_%'";
    assert!(rows(joined).await?[0][0].as_u64() > Some(100));
    let cut = bench.call("query_athena", json!({ "query": "SELECT * FROM case_summary", "max_results": 3 })).await?;
    assert_eq!((&cut["row_count"], &cut["truncated"]), (&json!(3), &json!(true)));
    let whole =
        bench.call("query_athena", json!({ "query": "SELECT * FROM case_summary", "max_results": 10000 })).await?;
    assert_eq!((&whole["row_count"], &whole["truncated"]), (&json!(all), &json!(false)));
    Ok(())
}
