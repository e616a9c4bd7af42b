//! Ids and cursors open to whoever they were handed to, and to nobody else.

use anyhow::Result;
use serde_json::{Value, json};
use toolhost_tests::Toolhost;

use crate::bench::{Bench, FIVE, Grant, answer, host, refusal, setup, sql, until_state};

/// What each tool that takes an id says to this one.
async fn refusals(host: &Toolhost, plugin: &str, arguments: &Value) -> Result<Vec<String>> {
    let mut kinds = Vec::new();
    for tool in ["get_query_status", "get_query_results", "stop_query"] {
        let (_, answer) = host.call(&format!("{plugin}__{tool}"), arguments.clone()).await?;
        kinds.push(answer["_meta"]["toolhost/error"]["kind"].as_str().unwrap_or("answered").to_owned());
    }
    Ok(kinds)
}

#[tokio::test]
async fn an_id_that_was_made_up_or_changed_opens_nothing() -> Result<()> {
    let bench = Bench::new(1).await?;
    let host = host(&[bench.grant()]).await?;
    let started = answer(&host, "start_query", sql(FIVE)).await?;
    let id = started["query_execution_id"].as_str().unwrap_or_default();
    until_state(&host, id, "succeeded").await?;
    let bare = started["engine_id"].as_str().unwrap_or_default();
    let (text, mark) = id.split_once('~').unwrap_or_default();
    for wrong in [
        bare.to_owned(),
        format!("{bare}~"),
        format!("{id}A"),
        format!("{}~{mark}", text.to_uppercase()),
        format!("{text}~{}", mark.to_lowercase()),
        "~".to_owned(),
        String::new(),
    ] {
        let kinds = refusals(&host, "athena", &json!({ "query_execution_id": wrong })).await?;
        assert_eq!(kinds, ["not-found"; 3], "{wrong}");
    }
    let asked: Vec<_> =
        bench.athena.requests().into_iter().filter(|seen| seen.action == "StopQueryExecution").collect();
    assert!(asked.is_empty(), "{asked:?}");
    Ok(())
}

#[tokio::test]
async fn an_id_opens_to_its_own_plugin_and_source_alone() -> Result<()> {
    let bench = Bench::new(1).await?;
    let grants = [Grant::athena("one", &bench.athena), Grant::athena("two", &bench.athena)];
    let more = "\n[plugins.other]\nfile = \"athena.wasm\"\ngrants = [\"query.one\", \"query.two\"]\n";
    let host = setup(&grants, more)?.start().await?;
    let started = answer(&host, "start_query", json!({ "query": FIVE, "source": "one" })).await?;
    let id = &started["query_execution_id"];
    for (plugin, source) in [("athena", "two"), ("other", "one"), ("other", "two")] {
        let kinds = refusals(&host, plugin, &json!({ "query_execution_id": id, "source": source })).await?;
        assert_eq!(kinds, ["not-found"; 3], "{plugin} {source}");
    }
    let status = answer(&host, "get_query_status", json!({ "query_execution_id": id, "source": "one" })).await?;
    assert_eq!(status["query_execution_id"], *id);
    Ok(())
}

#[tokio::test]
async fn an_id_of_another_host_opens_nothing() -> Result<()> {
    let bench = Bench::new(1).await?;
    let (one, other) = (host(&[bench.grant()]).await?, host(&[bench.grant()]).await?);
    let started = answer(&one, "start_query", sql(FIVE)).await?;
    let id = json!({ "query_execution_id": started["query_execution_id"] });
    assert_eq!(refusals(&other, "athena", &id).await?, ["not-found"; 3]);
    Ok(())
}

#[tokio::test]
async fn a_cursor_opens_a_page_of_its_own_statement_alone() -> Result<()> {
    let bench = Bench::new(1).await?;
    let host = host(&[bench.grant()]).await?;
    let mut first = Vec::new();
    for _ in 0..2 {
        first.push(answer(&host, "query_athena", json!({ "query": FIVE, "max_results": 2 })).await?);
    }
    let (id, cursor) = (&first[0]["query_execution_id"], first[0]["cursor"].as_str().unwrap_or_default());
    let second = answer(&host, "get_query_results", json!({ "query_execution_id": id, "cursor": cursor })).await?;
    assert_eq!(second["rows"], json!([[3], [4], [5]]));
    let foreign = first[1]["cursor"].as_str().unwrap_or_default();
    for wrong in [foreign, "0:", "", "0:MDpBQUFB", &format!("{cursor}A"), &cursor.replacen('0', "1", 1)] {
        let wrong = json!({ "query_execution_id": id, "cursor": wrong });
        let refused = refusal(&host, "get_query_results", wrong.clone()).await?;
        assert_eq!(refused.kind, "invalid", "{wrong}: {refused:?}");
        assert!(refused.message.contains("cursor"), "{refused:?}");
    }
    Ok(())
}
