//! One plugin, two engines, every door: only the config differs.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use toolhost_tests::Toolhost;
use toolhost_tests::mcp::{ERAS, Mcp};
use toolhost_tests::toolhost::Setup;

use crate::bench::{Bench, Grant, answer, call, refusal, setup, sql, until_state};

/// How many cases there are.
const COUNT: usize = 60;

/// The engines, in the order of the hosts.
const ENGINES: [&str; 2] = ["athena", "embedded"];

/// Two hosts whose configs differ in the backend of `[query.cases]` and in nothing else.
async fn hosts(bench: &Bench) -> Result<Vec<Toolhost>> {
    let mut hosts = Vec::new();
    for grant in [bench.grant(), Grant::embedded("cases", bench.folder.path())] {
        let more = "\n[plugins.inquisitive]\ngrants = [\"query.cases\"]\n";
        let setup: Setup = setup(&[grant.with("notes = \"Accounts have 12 digits.\"")], more)?;
        hosts.push(setup.plugin("inquisitive", "inquisitive")?.start().await?);
    }
    Ok(hosts)
}

/// An answer without what differs from run to run: ids, and what was used.
fn plain(mut answer: Value) -> Value {
    for key in ["query_execution_id", "cursor", "engine_id", "statistics"] {
        if let Some(fields) = answer.as_object_mut() {
            fields.remove(key);
        }
    }
    answer
}

/// The answer of both engines by every door, if it is the same.
async fn everywhere(hosts: &[Toolhost], tool: &str, arguments: Value) -> Result<Value> {
    let mut first: Option<Value> = None;
    for (host, engine) in hosts.iter().zip(ENGINES) {
        let mut answers = vec![answer(host, tool, arguments.clone()).await.with_context(|| engine.to_owned())?];
        for era in ERAS {
            let mut client = Mcp::connect(host.url(), era).await?;
            let answer = client.call(&format!("athena__{tool}"), arguments.clone()).await?;
            answers.push(answer["structuredContent"].clone());
        }
        for answer in answers.into_iter().map(plain) {
            let expected = first.get_or_insert_with(|| answer.clone());
            ensure!(answer == *expected, "{tool} {arguments} on {engine}\n{answer}\n{expected}");
        }
    }
    first.context("no host")
}

#[tokio::test]
async fn the_statements_that_agents_begin_with_answer_the_same_on_each_engine_by_each_door() -> Result<()> {
    let bench = Bench::new(COUNT).await?;
    let hosts = hosts(&bench).await?;
    let names = |names: &[&str]| json!({ "names": names, "truncated": false });
    assert_eq!(everywhere(&hosts, "list_tables", json!({})).await?, names(&["case_summary"]));
    let named = json!({ "database": "support" });
    assert_eq!(everywhere(&hosts, "list_tables", named).await?, names(&["case_summary"]));
    let databases = everywhere(&hosts, "list_databases", json!({})).await?;
    assert!(databases["names"].as_array().is_some_and(|names| names.contains(&json!("support"))), "{databases}");
    let described = everywhere(&hosts, "describe_table", json!({ "table": "case_summary" })).await?;
    let columns: Vec<_> =
        described["columns"].as_array().into_iter().flatten().map(|column| column["name"].clone()).collect();
    let expected = ["casenumber", "account", "servicecode", "severity", "rca_category", "timecreated", "summary"];
    assert_eq!(json!(columns), json!(expected));
    assert_eq!(
        everywhere(&hosts, "describe_table", json!({ "table": "case_summary", "database": "support" })).await?,
        described
    );

    for (text, rows) in [
        ("SELECT COUNT(*) as total_cases FROM case_summary LIMIT 10", json!([[COUNT]])),
        (
            "SELECT count(*) AS n, servicecode FROM support.case_summary GROUP BY servicecode ORDER BY servicecode",
            json!([[20, "ec2"], [20, "rds"], [20, "s3"]]),
        ),
        (
            "SELECT count(*) FROM case_summary WHERE from_iso8601_timestamp(timecreated) >= current_date - interval '36500' day",
            json!([[COUNT]]),
        ),
        (
            "SELECT casenumber, summary FROM case_summary WHERE casenumber = 'CASE-00007'",
            json!([["CASE-00007", "Größe \"7\", it's late"]]),
        ),
        ("SELECT casenumber FROM case_summary WHERE servicecode = 'none'", json!([])),
        (
            "SELECT 'a;b', '--', \"severity\" FROM case_summary WHERE casenumber = 'CASE-00000' -- one",
            json!([["a;b", "--", "low"]]),
        ),
        ("VALUES (1, 'a')", json!([[1, "a"]])),
    ] {
        let found = everywhere(&hosts, "query_athena", sql(text)).await?;
        assert_eq!((&found["rows"], &found["truncated"]), (&rows, &json!(false)), "{text}");
    }
    // Statements about the catalogue are statements, too.
    for text in ["SHOW DATABASES", "SHOW TABLES", "DESCRIBE case_summary"] {
        let shown = everywhere(&hosts, "query_athena", sql(text)).await?;
        assert!(shown["row_count"].as_u64().is_some_and(|count| count > 0), "{text}: {shown}");
    }
    Ok(())
}

#[tokio::test]
async fn values_keep_their_types_on_each_engine() -> Result<()> {
    let bench = Bench::new(1).await?;
    let hosts = hosts(&bench).await?;
    let text = "SELECT true AS yes, CAST(7 AS tinyint) AS tiny, 9223372036854775807 AS big, 0.25e0 AS ratio, \
                DECIMAL '12.90' AS price, 'né''; ?' AS name, DATE '2026-01-31' AS day, \
                TIMESTAMP '2026-01-31 23:59:59' AS seen, TIMESTAMP '2026-01-31 23:59:59.120' AS exactly, \
                X'00FF' AS raw, CAST(NULL AS varchar) AS nothing";
    let all = everywhere(&hosts, "query_athena", sql(text)).await?;
    let types: Vec<_> = all["columns"].as_array().into_iter().flatten().map(|column| &column["type"]).collect();
    let expected = [
        "boolean",
        "integer",
        "integer",
        "float",
        "decimal",
        "text",
        "date",
        "timestamp",
        "timestamp",
        "bytes",
        "text",
    ];
    assert_eq!(json!(types), json!(expected));
    let expected = json!([[
        true,
        7,
        i64::MAX,
        0.25,
        "12.90",
        "né'; ?",
        "2026-01-31",
        "2026-01-31T23:59:59",
        "2026-01-31T23:59:59.120",
        "AP8=",
        null,
    ]]);
    assert_eq!(all["rows"], expected);
    let zoned =
        everywhere(&hosts, "query_athena", sql("SELECT from_iso8601_timestamp('2026-01-31T10:00:00Z') AS t")).await?;
    assert_eq!(zoned["columns"], json!([{ "name": "t", "type": "text" }]));
    assert_eq!(zoned["rows"], json!([["2026-01-31 10:00:00.000 UTC"]]));
    Ok(())
}

#[tokio::test]
async fn placeholders_take_values_and_no_text_becomes_a_statement() -> Result<()> {
    let bench = Bench::new(COUNT).await?;
    let mut answers = Vec::new();
    for host in hosts(&bench).await? {
        let (status, answer) = host.call("inquisitive__ask_with_values", json!({})).await?;
        assert_eq!(status, 200, "{answer}");
        answers.push(answer["structuredContent"].clone());
    }
    assert_eq!(answers[0]["rows"], answers[1]["rows"]);
    let nasty = "né'; DROP TABLE case_summary; -- ? \\";
    let row = json!([true, i64::MIN, 0.1, "12.90", nasty, "2026-01-31", "2026-01-31T23:59:59", "AP8=", null]);
    assert_eq!(answers[0]["rows"], json!([row]));
    Ok(())
}

#[tokio::test]
async fn the_same_mistake_has_the_same_kind_on_each_engine() -> Result<()> {
    let bench = Bench::new(1).await?;
    let hosts = hosts(&bench).await?;
    for (tool, arguments, kind, says) in [
        ("query_athena", sql("SELECT * FROM no_such_table"), "invalid", "case_summary"),
        ("query_athena", sql("SELECT nmae FROM case_summary"), "invalid", "nmae"),
        ("query_athena", sql("SELECT FROM WHERE"), "invalid", "line 1"),
        ("query_athena", sql("SELECT date_trunc('day', severity) FROM case_summary"), "invalid", ""),
        ("query_athena", sql("SELECT CAST(severity AS integer) FROM case_summary"), "invalid", ""),
        ("query_athena", sql("INSERT INTO case_summary VALUES (1)"), "denied", "class write"),
        ("query_athena", sql("CREATE TABLE t AS SELECT 1"), "denied", "class ddl"),
        ("describe_table", json!({ "table": "no_such_table" }), "not-found", ""),
        ("list_tables", json!({ "database": "no_such_database" }), "not-found", "support"),
        ("query_athena", json!({ "query": 7 }), "invalid-arguments", "query"),
    ] {
        for (host, engine) in hosts.iter().zip(ENGINES) {
            let refused = refusal(host, tool, arguments.clone()).await?;
            assert_eq!(refused.kind, kind, "{engine}: {arguments}: {refused:?}");
            assert!(refused.message.contains(says), "{engine}: {arguments}: {refused:?}");
            // No value of a row is in an error.
            assert!(!refused.message.contains("'low'") && !refused.message.contains("Größe"), "{refused:?}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_query_in_the_background_comes_to_the_same_rows_on_each_engine() -> Result<()> {
    let bench = Bench::new(COUNT).await?;
    let text = "SELECT casenumber FROM case_summary ORDER BY casenumber";
    for (host, engine) in hosts(&bench).await?.iter().zip(ENGINES) {
        let started = answer(host, "start_query", sql(text)).await?;
        let id = started["query_execution_id"].as_str().context("an id")?;
        let status = until_state(host, id, "succeeded").await?;
        assert!(
            status["statistics"]["bytes_scanned"].as_u64().is_some_and(|bytes| bytes > 1_000),
            "{engine}: {status}"
        );
        let mut all = Vec::new();
        let mut next = json!({ "query_execution_id": id, "max_results": 25 });
        loop {
            let page = answer(host, "get_query_results", next.clone()).await?;
            all.extend(page["rows"].as_array().context("rows")?.clone());
            match page.get("cursor") {
                Some(cursor) => next["cursor"] = cursor.clone(),
                None => break,
            }
        }
        let expected: Vec<_> = (0..COUNT).map(|n| json!([format!("CASE-{n:05}")])).collect();
        assert_eq!(all, expected, "{engine}");
        // To stop what has ended changes nothing.
        let stopped = answer(host, "stop_query", json!({ "query_execution_id": id })).await?;
        assert_eq!(stopped["state"], "succeeded", "{engine}");
        // What fails in the background says so to whoever asks.
        let failed = answer(host, "start_query", sql("SELECT nmae FROM case_summary")).await?;
        let id = failed["query_execution_id"].as_str().context("an id")?;
        let status = until_state(host, id, "failed").await?;
        assert!(status["error"].as_str().is_some_and(|why| why.contains("nmae")), "{engine}: {status}");
        let refused = call(host, "get_query_results", json!({ "query_execution_id": id })).await?;
        assert!(refused.is_err_and(|refused| refused.message.contains("nmae")), "{engine}");
    }
    Ok(())
}

#[tokio::test]
async fn agents_are_told_what_is_there_and_never_where_it_is() -> Result<()> {
    let bench = Bench::new(1).await?;
    for (host, engine) in hosts(&bench).await?.iter().zip(ENGINES) {
        let mut told = vec![host.get("/").await?.json()?["instructions"].as_str().unwrap_or_default().to_owned()];
        for era in ERAS {
            told.push(Mcp::connect(host.url(), era).await?.instructions);
        }
        for text in &told {
            for says in [
                "Source `cases`: SQL in the athena dialect",
                "read-only",
                "Database: support.",
                "Accounts have 12 digits.",
                "case_summary (casenumber, account, servicecode, severity, rca_category, timecreated, summary)",
            ] {
                assert!(text.contains(says), "{engine}: {says}: {text}");
            }
            let folder = bench.folder.path().display().to_string();
            for hidden in [bench.athena.account(), bench.athena.endpoint_url(), &folder, "s3://"] {
                assert!(!text.contains(hidden), "{engine}: {hidden}: {text}");
            }
        }
    }
    Ok(())
}
