//! What `/metrics` tells, as a real Prometheus reads it, and what the dashboard asks of it.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use toolhost_tests::prometheus::Prometheus;
use toolhost_tests::toolhost::Setup;
use toolhost_tests::upstream::Upstream;
use toolhost_tests::{Toolhost, http, repository};

/// In arguments, and in names that a caller makes up: in no metric.
const CANARY: &str = "canary-5b1c";

async fn host(upstream: &Upstream) -> Result<Toolhost> {
    let config = format!(
        "[plugins.caller]\ngrants = [\"http.up\"]\n[plugins.liar]\n[plugins.good]\n\n\
         [http.up]\nbase_url = \"{}\"\npaths = [\"/**\"]\n\n[http.broken]\nbase_url = \"nowhere\"\npaths = [\"/\"]\n\n\
         [rates]\nlocal = true\n[rates.tools.good__add]\nper_min = 1\nburst = 1\n",
        upstream.url()
    );
    Setup::new(config).plugin("caller", "caller")?.plugin("liar", "liar")?.plugin("good", "good")?.start().await
}

/// Calls that end in every way that leaves a mark.
async fn calls(host: &Toolhost) -> Result<()> {
    for (tool, arguments, status) in [
        ("caller__send", json!({ "path": format!("/ok?q={CANARY}"), "upstream": "up" }), 200),
        ("caller__send", json!({ "path": "/ok", "upstream": CANARY }), 403),
        ("good__echo", json!({ "message": CANARY }), 200),
        ("good__add", json!({ "a": 1, "b": 2 }), 200),
        ("good__add", json!({ "a": 1, "b": 2 }), 429),
        ("good__echo", json!({ "wrong": CANARY }), 400),
        ("liar__panic", json!({}), 500),
        (CANARY, json!({}), 404),
    ] {
        let (answered, answer) = host.call(tool, arguments).await?;
        assert_eq!(answered, status, "{tool}: {answer}");
    }
    Ok(())
}

fn value(text: &str, series: &str) -> Option<f64> {
    text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.parse().ok())
}

#[tokio::test]
async fn a_scrape_tells_what_was_called_used_and_refused_and_no_value() -> Result<()> {
    let upstream = Upstream::start().await?;
    let host = host(&upstream).await?;
    calls(&host).await?;
    let scrape = host.get("/metrics").await?;
    assert_eq!(scrape.header("content-type"), Some("application/openmetrics-text; version=1.0.0; charset=utf-8"));
    let text = scrape.text();
    for (series, expected) in [
        ("toolhost_calls_total{plugin=\"caller\",tool=\"caller__send\",outcome=\"answered\"}", 1.0),
        ("toolhost_calls_total{plugin=\"caller\",tool=\"caller__send\",outcome=\"denied\"}", 1.0),
        ("toolhost_calls_total{plugin=\"good\",tool=\"good__add\",outcome=\"limited\"}", 1.0),
        ("toolhost_calls_total{plugin=\"good\",tool=\"good__echo\",outcome=\"invalid-arguments\"}", 1.0),
        ("toolhost_calls_total{plugin=\"liar\",tool=\"liar__panic\",outcome=\"crashed\"}", 1.0),
        ("toolhost_calls_total{plugin=\"unknown\",tool=\"unknown\",outcome=\"unknown-tool\"}", 1.0),
        ("toolhost_call_failures_total{fault=\"plugin\",kind=\"crashed\"}", 1.0),
        ("toolhost_call_seconds_count{tool=\"caller__send\"}", 2.0),
        ("toolhost_caller_calls_total{caller=\"local\"}", 8.0),
        ("toolhost_uses_total{capability=\"http\",grant=\"up\",action=\"send\",allowed=\"yes\"}", 1.0),
        ("toolhost_uses_total{capability=\"http\",grant=\"unknown\",action=\"send\",allowed=\"no\"}", 1.0),
        ("toolhost_limited_total{limit=\"tools\"}", 1.0),
        ("toolhost_calls_running{plugin=\"good\"}", 0.0),
        ("toolhost_plugins{state=\"served\"}", 3.0),
        ("toolhost_grants{state=\"failed\"}", 1.0),
        ("toolhost_instance_places{state=\"used\"}", 0.0),
        ("toolhost_instance_places{state=\"free\"}", 256.0),
        ("toolhost_sessions", 0.0),
        ("toolhost_tasks_running", 0.0),
    ] {
        assert_eq!(value(&text, series), Some(expected), "{series}: {text}");
    }
    assert!(
        value(&text, "toolhost_identifications_total{result=\"known\"}").is_some_and(|known| known >= 9.0),
        "{text}"
    );
    assert!(value(&text, "process_resident_memory_bytes").is_some_and(|bytes| bytes > 1e6), "{text}");
    assert!(!text.contains(CANARY), "{text}");
    Ok(())
}

/// The value of a query of the server, by the labels' own order; the first of several.
async fn asked(server: &Prometheus, query: &str) -> Result<Option<f64>> {
    let encoded: String = query.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let url = format!("{}/api/v1/query?query={encoded}", server.url());
    let answer = http::request("GET", &url, &[], Vec::new()).await?.json()?;
    ensure!(answer["status"] == "success", "{query}: {answer}");
    Ok(answer["data"]["result"][0]["value"][1].as_str().map(str::parse).transpose()?)
}

#[tokio::test]
async fn a_real_prometheus_scrapes_it_and_every_panel_of_the_dashboard_finds_its_metrics() -> Result<()> {
    let upstream = Upstream::start().await?;
    let host = host(&upstream).await?;
    calls(&host).await?;
    let target = host.url().strip_prefix("http://").context("is plain")?.to_owned();
    let server = Prometheus::scraping(&target).await?;
    let deadline = Instant::now() + Duration::from_secs(60);
    while asked(&server, "up{job=\"toolhost\"} == 1").await?.is_none() {
        ensure!(Instant::now() < deadline, "it was never scraped");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(asked(&server, "sum(toolhost_calls_total{tool=\"caller__send\"})").await?, Some(2.0));
    assert_eq!(asked(&server, "sum(toolhost_call_seconds_count)").await?, Some(8.0));
    let panels = panels()?;
    assert!(panels.len() >= 10, "{}", panels.len());
    for (title, queries) in panels {
        for query in queries {
            // Grafana fills it in; Prometheus itself does not know it.
            let query = query.replace("$__rate_interval", "1m");
            asked(&server, &query).await.with_context(|| title.clone())?;
            let names = names(&query);
            ensure!(!names.is_empty(), "{title}: {query}");
            for name in names {
                let found = asked(&server, &format!("count({name})")).await?;
                ensure!(found.is_some(), "{title}: there is no {name}");
            }
        }
    }
    Ok(())
}

/// The panels of the dashboard: each one's title and queries.
fn panels() -> Result<Vec<(String, Vec<String>)>> {
    let text = std::fs::read_to_string(repository().join("dashboards/toolhost.json"))?;
    let dashboard: Value = serde_json::from_str(&text)?;
    let panels = dashboard["panels"].as_array().context("has panels")?.iter();
    let panel = |panel: &Value| {
        let queries = panel["targets"].as_array().context("has targets")?.iter();
        let queries = queries.map(|target| Some(target["expr"].as_str()?.to_owned())).collect::<Option<_>>();
        Ok((panel["title"].as_str().context("has a title")?.to_owned(), queries.context("has queries")?))
    };
    panels.map(panel).collect()
}

/// The metrics that a query names.
fn names(query: &str) -> BTreeSet<String> {
    let words = query.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.filter(|word| word.starts_with("toolhost_") || word.starts_with("process_")).map(str::to_owned).collect()
}
