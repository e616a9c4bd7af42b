//! The `prometheus` plugin before a real Prometheus: eleven tools, by every door.

use std::collections::BTreeSet;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use toolhost_tests::mcp::{ERAS, Mcp};
use toolhost_tests::prometheus::Prometheus;
use toolhost_tests::toolhost::{Setup, run};
use toolhost_tests::{Toolhost, component, http, repository};

/// The names that agents and dashboards know.
const TOOLS: [&str; 11] = [
    "prometheus_alerts",
    "prometheus_health",
    "prometheus_label_values",
    "prometheus_list_labels",
    "prometheus_list_metrics",
    "prometheus_metric_metadata",
    "prometheus_query",
    "prometheus_query_range",
    "prometheus_rules",
    "prometheus_series",
    "prometheus_targets",
];

/// Keys whose values change from one second to the next.
const PASSING: [&str; 5] = ["lastScrape", "lastScrapeDuration", "lastEvaluation", "evaluationTime", "lastError"];

async fn host(server: &Prometheus) -> Result<Toolhost> {
    let config = format!(
        "[plugins.prometheus]\nprefix = \"\"\ngrants = [\"http.metrics\", \"kv.cache\"]\n\n[kv.cache]\nmemory = {{}}\n\n\
         [http.metrics]\nbase_url = \"{}\"\npaths = [\"/api/v1/**\", \"/-/ready\"]\nretries = 0\n",
        server.url()
    );
    Setup::new(config).plugin("prometheus", "prometheus")?.start().await
}

/// One call that must be answered: the structured answer.
async fn ask(host: &Toolhost, tool: &str, arguments: Value) -> Result<Value> {
    let (status, answer) = host.call(tool, arguments).await?;
    ensure!(status == 200 && answer["isError"] != true, "{tool}: HTTP {status}: {answer}");
    Ok(answer["structuredContent"].clone())
}

/// One call that must be refused: kind and message.
async fn refusal(host: &Toolhost, tool: &str, arguments: Value) -> Result<(String, String)> {
    let (_, answer) = host.call(tool, arguments).await?;
    let error = &answer["_meta"]["toolhost/error"];
    let kind = error["kind"].as_str().with_context(|| format!("{tool} was answered: {answer}"))?;
    Ok((kind.to_owned(), error["message"].as_str().unwrap_or_default().to_owned()))
}

fn now() -> Result<u64> {
    Ok(SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs())
}

/// The same without what changes from one second to the next.
fn steady(mut value: Value) -> Value {
    match &mut value {
        Value::Object(object) => {
            object.retain(|key, _| !PASSING.contains(&key.as_str()));
            object.values_mut().for_each(|inner| *inner = steady(inner.take()));
        }
        Value::Array(array) => array.iter_mut().for_each(|inner| *inner = steady(inner.take())),
        _ => {}
    }
    value
}

#[test]
fn the_plugin_passes_its_own_calls() -> Result<()> {
    let (folder, file) = (repository().join("plugins/prometheus"), component("prometheus")?);
    let arguments = ["test", &folder.to_string_lossy(), "--component", &file.to_string_lossy()];
    let (status, printed) = run(repository(), &arguments)?;
    ensure!(status.success() && printed.contains("28 passed, 0 failed"), "{printed}");
    Ok(())
}

#[tokio::test]
async fn without_a_store_the_plugin_is_refused_and_told_which_line_is_missing() -> Result<()> {
    let config = "[plugins.prometheus]\ngrants = [\"http.metrics\"]\n\n[http.metrics]\n\
         base_url = \"http://127.0.0.1:1\"\npaths = [\"/api/v1/**\"]\n";
    let host = Setup::new(config).plugin("prometheus", "prometheus")?.start().await?;
    let ready = host.get("/ready").await?;
    assert_eq!(ready.status, 503);
    assert!(ready.text().contains("kv"), "{}", ready.text());
    Ok(())
}

#[tokio::test]
async fn the_eleven_tools_answer_the_same_by_every_door() -> Result<()> {
    let host = host(Prometheus::shared().await?).await?;
    let time = now()?;
    let calls = [
        ("prometheus_query", json!({ "query": "up", "time": time })),
        ("prometheus_query_range", json!({ "query": "vector(1)", "start": time - 60, "end": time, "step": "15s" })),
        ("prometheus_list_metrics", json!({ "filter": "BUILD_info" })),
        ("prometheus_metric_metadata", json!({ "metric": "prometheus_build_info" })),
        ("prometheus_list_labels", json!({})),
        ("prometheus_label_values", json!({ "label": "job" })),
        ("prometheus_series", json!({ "match": "up", "end": time })),
        ("prometheus_targets", json!({ "state": "any" })),
        ("prometheus_rules", json!({})),
        ("prometheus_alerts", json!({})),
        ("prometheus_health", json!({})),
    ];
    let listed: BTreeSet<&str> = calls.iter().map(|(tool, _)| *tool).collect();
    assert_eq!(listed, BTreeSet::from(TOOLS));
    for era in ERAS {
        let mut client = Mcp::connect(host.url(), era).await?;
        assert!(client.instructions.contains("Upstream `metrics`"), "{}", client.instructions);
        let tools = client.tools().await?;
        let names: BTreeSet<&str> = tools.iter().filter_map(|tool| tool["name"].as_str()).collect();
        assert_eq!(names, BTreeSet::from(TOOLS));
        assert!(tools.iter().all(|tool| tool["annotations"]["readOnlyHint"] == true), "{tools:?}");
        for (tool, arguments) in &calls {
            let by_mcp = client.call(tool, arguments.clone()).await?;
            ensure!(by_mcp["isError"] != true, "{tool}: {by_mcp}");
            let by_rest = ask(&host, tool, arguments.clone()).await?;
            assert_eq!(steady(by_mcp["structuredContent"].clone()), steady(by_rest), "{tool}");
            assert!(by_mcp["content"][0]["text"].as_str().is_some_and(|text| !text.is_empty()), "{tool}: {by_mcp}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn what_a_server_knows_is_what_the_tools_tell() -> Result<()> {
    let host = host(Prometheus::shared().await?).await?;
    let up = ask(&host, "prometheus_query", json!({ "query": "sort_desc(up)" })).await?;
    assert_eq!((&up["result_type"], &up["total"]), (&json!("vector"), &json!(2)), "{up}");
    assert_eq!((&up["result"][0]["metric"]["job"], &up["result"][0]["value"][1]), (&json!("prometheus"), &json!("1")));
    assert_eq!((&up["result"][1]["metric"]["job"], &up["result"][1]["value"][1]), (&json!("gone"), &json!("0")));

    let time = now()?;
    let range = json!({ "query": "vector(7)", "start": time - 60, "end": time, "step": 20 });
    let range = ask(&host, "prometheus_query_range", range).await?;
    let values = range["result"][0]["values"].as_array().context("has values")?;
    assert_eq!(values.len(), 4, "{range}");
    assert!(values.iter().all(|value| value[1] == "7"), "{range}");

    let metrics = ask(&host, "prometheus_list_metrics", json!({ "filter": "build_info" })).await?;
    assert_eq!(metrics["items"], json!(["prometheus_build_info"]));
    let all = ask(&host, "prometheus_list_metrics", json!({ "limit": 3, "offset": 1 })).await?;
    assert_eq!((all["items"].as_array().map(Vec::len), &all["truncated"]), (Some(3), &json!(true)), "{all}");
    assert!(all["total"].as_u64().is_some_and(|total| total > 100), "{all}");

    let about = ask(&host, "prometheus_metric_metadata", json!({ "metric": "prometheus_build_info" })).await?;
    assert_eq!((&about["items"][0]["type"], &about["total"]), (&json!("gauge"), &json!(1)), "{about}");
    let about = ask(&host, "prometheus_metric_metadata", json!({ "limit": 5 })).await?;
    assert_eq!((about["items"].as_array().map(Vec::len), &about["truncated"]), (Some(5), &json!(true)), "{about}");

    let labels = ask(&host, "prometheus_list_labels", json!({})).await?;
    assert!(labels["items"].as_array().is_some_and(|labels| labels.contains(&json!("job"))), "{labels}");
    let jobs = ask(&host, "prometheus_label_values", json!({ "label": "job" })).await?;
    assert_eq!(jobs["items"], json!(["gone", "prometheus"]));
    let series = ask(&host, "prometheus_series", json!({ "match": "{job=~\"gone|nobody\",__name__=\"up\"}" })).await?;
    assert_eq!((&series["total"], &series["items"][0]["job"]), (&json!(1), &json!("gone")), "{series}");

    let targets = ask(&host, "prometheus_targets", json!({})).await?;
    let health: BTreeSet<_> =
        targets["items"].as_array().context("items")?.iter().map(|t| t["health"].as_str()).collect();
    assert_eq!(health, BTreeSet::from([Some("up"), Some("down")]), "{targets}");
    assert_eq!(ask(&host, "prometheus_targets", json!({ "state": "dropped" })).await?["total"], 0);
    let rules = ask(&host, "prometheus_rules", json!({})).await?;
    assert_eq!((&rules["total"], &rules["items"][0]["group"]), (&json!(2), &json!("tests")), "{rules}");
    let alerts = ask(&host, "prometheus_alerts", json!({})).await?;
    assert_eq!(alerts["items"][0]["labels"]["alertname"], "TargetGone", "{alerts}");
    let health = ask(&host, "prometheus_health", json!({})).await?;
    assert!(health["ready"] == true && health["build"]["version"].is_string(), "{health}");
    Ok(())
}

#[tokio::test]
async fn the_servers_errors_come_as_they_are_and_no_query_is_refused_for_its_looks() -> Result<()> {
    let host = host(Prometheus::shared().await?).await?;
    for (query, kind, says) in [
        ("rate(", "invalid", "bad_data: invalid parameter \"query\": 1:6: parse error: unclosed left parenthesis"),
        ("up{job=~\"*\"}", "invalid", "missing argument to repetition operator"),
        ("no_such_function(up)", "invalid", "unknown function with name \"no_such_function\""),
        ("up * on(nothing) up", "failed", "execution: found duplicate series"),
    ] {
        let (found, message) = refusal(&host, "prometheus_query", json!({ "query": query })).await?;
        assert_eq!(found, kind, "{query}: {message}");
        assert!(message.contains(says), "{query}: {message}");
    }
    let (kind, message) = refusal(&host, "prometheus_label_values", json!({ "label": "not a label" })).await?;
    assert_eq!((kind.as_str(), message.contains("invalid label name")), ("invalid", true), "{message}");
    let nothing = ask(&host, "prometheus_query", json!({ "query": "no_such_metric" })).await?;
    assert_eq!((&nothing["total"], &nothing["truncated"]), (&json!(0), &json!(false)));
    for query in [
        "up{job=~\"gone||prometheus\"}",
        "label_replace(up, \"copy\", \"${1}\", \"job\", \"(.*)\")",
        "up{job=`gone`}",
        "count(up{job!=\"/etc/passwd; rm -rf /\"})",
        "count(up{job!=\"https://example.com/../x?a=b&c#d\"})",
        "up # a comment; drop table metrics -- really",
        "count({__name__=~\".+\",job!=\"é\\n\"})",
        "sum by (job) (rate(prometheus_http_requests_total[1m] offset -1s)) >= bool 0",
    ] {
        let answer = ask(&host, "prometheus_query", json!({ "query": query })).await?;
        assert!(answer["total"].as_u64().is_some_and(|total| total > 0), "{query}: {answer}");
    }
    Ok(())
}

#[tokio::test]
async fn a_range_has_at_most_11000_points_and_an_answer_as_many_series_as_were_asked_for() -> Result<()> {
    let host = host(Prometheus::shared().await?).await?;
    let end = now()?;
    let range =
        |length: u64, step: &str| json!({ "query": "vector(1)", "start": end - length, "end": end, "step": step });
    let most = ask(&host, "prometheus_query_range", range(10_999, "1s")).await?;
    assert_eq!(most["result"][0]["values"].as_array().map(Vec::len), Some(11_000));
    let (kind, message) = refusal(&host, "prometheus_query_range", range(11_000, "1s")).await?;
    assert_eq!(kind, "invalid", "{message}");
    assert!(message.contains("11001 points") && message.contains("`2s`"), "{message}");
    ask(&host, "prometheus_query_range", range(11_000, "2s")).await?;
    let (kind, _) =
        refusal(&host, "prometheus_query_range", json!({ "query": "up", "start": 2, "end": 1, "step": 1 })).await?;
    assert_eq!(kind, "invalid");

    let cut = ask(&host, "prometheus_query", json!({ "query": "{job=\"prometheus\"}", "limit": 7 })).await?;
    assert_eq!((cut["result"].as_array().map(Vec::len), &cut["truncated"]), (Some(7), &json!(true)));
    assert!(cut["total"].as_u64().is_some_and(|total| total > 300), "{}", cut["total"]);
    // Ten series of 10,000 values are more than anybody reads: five of them are answered.
    let wide = json!({ "query": "label_replace(vector(1), \"n\", \"1\", \"\", \"\") or label_replace(vector(1), \"n\", \"2\", \"\", \"\") \
         or label_replace(vector(1), \"n\", \"3\", \"\", \"\") or label_replace(vector(1), \"n\", \"4\", \"\", \"\") \
         or label_replace(vector(1), \"n\", \"5\", \"\", \"\") or label_replace(vector(1), \"n\", \"6\", \"\", \"\")",
        "start": end - 9_999, "end": end, "step": "1s" });
    let wide = ask(&host, "prometheus_query_range", wide).await?;
    assert_eq!((wide["result"].as_array().map(Vec::len), &wide["total"]), (Some(5), &json!(6)));
    assert_eq!(wide["truncated"], true);
    Ok(())
}

#[tokio::test]
async fn a_server_that_is_down_is_told_without_its_name_and_used_again_when_it_is_back() -> Result<()> {
    let mut server = Prometheus::private().await?;
    let host = host(&server).await?;
    ask(&host, "prometheus_query", json!({ "query": "up" })).await?;
    server.stop()?;
    let port = server.port().to_string();
    for tool in TOOLS {
        let arguments = match tool {
            "prometheus_query" => json!({ "query": "up" }),
            "prometheus_query_range" => json!({ "query": "up", "start": 1, "end": 2, "step": 1 }),
            "prometheus_label_values" => json!({ "label": "job" }),
            "prometheus_series" => json!({ "match": "up" }),
            _ => json!({}),
        };
        let (kind, message) = refusal(&host, tool, arguments).await?;
        assert_eq!(kind, "unavailable", "{tool}: {message}");
        assert!(!message.contains("127.0.0.1") && !message.contains(&port), "{tool}: {message}");
    }
    // The operator is told which source it is, and why.
    let log = host.printed()?;
    let told = |line: &str| line.contains("grant.name=http.metrics ") && line.contains("(os error 111)");
    assert!(log.lines().any(told), "{log}");
    server.start().await?;
    assert_eq!(ask(&host, "prometheus_health", json!({})).await?["ready"], true);
    Ok(())
}

/// How often the server was asked for the names of metrics, as it counts itself.
async fn asked(server: &Prometheus) -> Result<u64> {
    let page = http::request("GET", &format!("{}/metrics", server.url()), &[], Vec::new()).await?.text();
    let line = "prometheus_http_requests_total{code=\"200\",handler=\"/api/v1/label/:name/values\"} ";
    Ok(page.lines().find_map(|found| found.strip_prefix(line)).map_or(Ok(0), str::parse)?)
}

#[tokio::test]
async fn the_names_of_metrics_are_fetched_once_for_many_calls() -> Result<()> {
    let server = Prometheus::private().await?;
    let host = host(&server).await?;
    let before = asked(&server).await?;
    let begun = Instant::now();
    for filter in ["up", "http", "go_"] {
        for offset in [0, 1] {
            ask(&host, "prometheus_list_metrics", json!({ "filter": filter, "offset": offset })).await?;
        }
    }
    assert!(begun.elapsed() < Duration::from_secs(50), "too slow to tell");
    assert_eq!(asked(&server).await? - before, 1);
    Ok(())
}
