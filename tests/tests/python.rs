//! What the official Python client of the protocol makes of this host, in both eras.

use std::io::Write as _;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use toolhost_tests::repository;
use toolhost_tests::toolhost::{Setup, Toolhost};

/// A CRM whose answers are written down, and the well-behaved plugin.
async fn host() -> Result<Toolhost> {
    let config = r#"
        [plugins.crm]
        file = "sql.wasm"
        grants = ["sql.crm"]

        [sql.crm]
        notes = "Support tickets of the video service."

        [sql.crm.script]
        dialect = "mysql"

        [[sql.crm.script.answer]]
        statement = "SELECT count(*) AS open_tickets FROM support_tickets WHERE status = ?"
        parameters = ["open"]
        columns = [{ name = "open_tickets", kind = "integer" }]
        rows = [[55]]
    "#;
    Setup::new(config).plugin("sql", "sql")?.plugin("good", "good")?.start().await
}

/// What the client tells after these calls.
fn client(url: &str, arguments: &[&str], calls: &[Value]) -> Result<Value> {
    let python = std::env::var_os("TOOLHOST_TEST_PYTHON")
        .context("TOOLHOST_TEST_PYTHON names no Python with the MCP client: `make test` sets it up")?;
    let mut child = Command::new(python)
        .arg(repository().join("tests/python/client.py"))
        .arg(format!("{url}/mcp"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("TOOLHOST_TEST_PYTHON cannot be run: `make test` sets it up")?;
    let mut input = child.stdin.take().context("no input")?;
    for call in calls {
        writeln!(input, "{call}")?;
    }
    drop(input);
    let output = child.wait_with_output()?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "the client failed: {complaint}");
    serde_json::from_slice(&output.stdout).context("the client printed no JSON")
}

/// What must hold in both modes; they differ in the revision that they agree on.
async fn holds(mode: &str, revision: &str) -> Result<()> {
    let host = host().await?;
    let question = "SELECT count(*) AS open_tickets FROM support_tickets WHERE status = ?";
    let calls = [
        json!({ "tool": "crm__run_query", "arguments": { "sql": question, "parameters": ["open"] } }),
        json!({ "tool": "good__add", "arguments": { "a": 40, "b": 2 } }),
        json!({ "tool": "good__every_content" }),
        json!({ "tool": "crm__run_query", "arguments": { "sql": "DELETE FROM support_tickets" } }),
        json!({ "tool": "good__add", "arguments": { "a": "many", "b": 2 } }),
        json!({ "tool": "good__ehco", "arguments": {} }),
    ];
    let url = host.url().to_owned();
    let mode_of_thread = mode.to_owned();
    let seen = tokio::task::spawn_blocking(move || client(&url, &[&mode_of_thread], &calls)).await??;

    assert_eq!(seen["protocolVersion"], revision, "{seen}");
    assert_eq!(seen["serverInfo"]["name"], "toolhost", "{seen}");
    assert!(seen["instructions"].as_str().is_some_and(|said| said.contains("Support tickets of the video service.")));
    let tools = seen["tools"].as_array().context("no tools")?;
    let names: Vec<&str> = tools.iter().filter_map(|tool| tool["name"].as_str()).collect();
    assert_eq!(names.iter().filter(|name| name.starts_with("crm__")).count(), 4, "{names:?}");
    assert_eq!(names.iter().filter(|name| name.starts_with("good__")).count(), 9, "{names:?}");
    let add = tools.iter().find(|tool| tool["name"] == "good__add").context("no good__add")?;
    assert_eq!(add["inputSchema"]["required"], json!(["a", "b"]), "{add}");
    assert_eq!(add["outputSchema"]["properties"]["result"]["type"], "integer", "{add}");
    assert_eq!(add["annotations"]["readOnlyHint"], true, "{add}");

    let results = seen["results"].as_array().context("no results")?;
    let [answer, sum, parts, denied, wrong, unknown] = results.as_slice() else { panic!("{results:?}") };
    assert_eq!((&answer["isError"], &answer["structuredContent"]["rows"]), (&json!(false), &json!([[55]])), "{answer}");
    assert_eq!(answer["content"][0]["text"], "open_tickets\n55\n(1 row)");
    assert_eq!(sum["structuredContent"], json!({ "result": 42 }));
    let kinds: Vec<_> = parts["content"].as_array().into_iter().flatten().map(|part| part["type"].clone()).collect();
    assert_eq!(json!(kinds), json!(["text", "image", "audio", "resource_link", "resource", "resource"]));
    for (result, begins) in [(denied, "denied: "), (wrong, "invalid-arguments: ")] {
        assert_eq!(result["isError"], true, "{result}");
        assert!(result["content"][0]["text"].as_str().is_some_and(|text| text.starts_with(begins)), "{result}");
    }
    assert_eq!(unknown["error"]["code"], -32602, "{unknown}");
    assert!(unknown["error"]["message"].as_str().is_some_and(|said| said.contains("`good__echo`")), "{unknown}");
    Ok(())
}

#[tokio::test]
async fn the_official_client_that_shakes_hands_lists_and_calls_every_tool() -> Result<()> {
    holds("legacy", "2025-11-25").await
}

#[tokio::test]
async fn the_official_client_that_discovers_lists_and_calls_every_tool() -> Result<()> {
    holds("auto", "2026-07-28").await
}

#[tokio::test]
async fn the_official_client_that_lends_its_model_is_asked_where_its_revision_has_that() -> Result<()> {
    let config = "[plugins.bedrock]\ngrants = [\"model.own\"]\n[model.own]\nclient = {}\n";
    let host = Setup::new(config).plugin("bedrock", "bedrock")?.start().await?;
    for (mode, says) in
        [("legacy", "Three numbers."), ("auto", "unavailable: the calling client's model cannot be asked")]
    {
        let arguments = json!({ "data": "1 2 3", "analysis_prompt": "What is it?" });
        let calls = [json!({ "tool": "bedrock__analyze_with_bedrock", "arguments": arguments })];
        let url = host.url().to_owned();
        let asked = move || client(&url, &[mode, "--lend", "Three numbers."], &calls);
        let seen = tokio::task::spawn_blocking(asked).await??;
        let result = &seen["results"][0];
        assert!(result["content"][0]["text"].as_str().is_some_and(|text| text.starts_with(says)), "{mode}: {result}");
    }
    Ok(())
}
