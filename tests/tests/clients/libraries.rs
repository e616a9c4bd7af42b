//! The libraries that agents' frameworks are built on: official and not, of Python and TypeScript.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tokio::process::Command;
use toolhost_tests::toolhost::Setup;
use toolhost_tests::{Toolhost, repository};

use super::program;

/// The scripts end by themselves before this.
const TIME_MAX: Duration = Duration::from_secs(150);

/// How a client finds the revision, and the one that it then agrees on.
pub(crate) const ERAS: [(&str, &str); 2] = [("legacy", "2025-11-25"), ("auto", "2026-07-28")];

/// A library with a client.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Library {
    /// `mcp` of Python, the official one.
    Mcp,
    /// `fastmcp` of Python.
    Fastmcp,
    /// `@modelcontextprotocol/client` of npm, the official one.
    TypeScript,
}

impl Library {
    /// All of them.
    pub(crate) const ALL: [Self; 3] = [Self::Mcp, Self::Fastmcp, Self::TypeScript];

    /// What its client tells of a host after these calls.
    pub(crate) async fn look(self, host: &Toolhost, arguments: &[&str], calls: &[Value]) -> Result<Value> {
        let (variable, script, own): (_, _, &[&str]) = match self {
            Self::Mcp => ("TOOLHOST_TEST_PYTHON", "tests/python/client.py", &["--library", "mcp"]),
            Self::Fastmcp => ("TOOLHOST_TEST_PYTHON", "tests/python/client.py", &["--library", "fastmcp"]),
            Self::TypeScript => ("TOOLHOST_TEST_NODE", "tests/node/client.mjs", &[]),
        };
        let mut command = Command::new(program::named(variable)?);
        command.arg(repository().join(script)).arg(format!("{}/mcp", host.url())).args(arguments).args(own);
        let lines: String = calls.iter().map(|call| format!("{call}\n")).collect();
        let output = program::run(command, &lines, TIME_MAX).await?;
        let complaint = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "the client of {self:?} failed: {complaint}");
        serde_json::from_slice(&output.stdout).with_context(|| format!("the client of {self:?} printed no JSON"))
    }
}

/// What must hold with every library and in both eras, which differ in the revision that they agree on.
async fn holds(library: Library) -> Result<()> {
    let host = super::host().await?;
    let question = "SELECT count(*) AS open_tickets FROM support_tickets WHERE status = ?";
    let calls = [
        json!({ "tool": "crm__run_query", "arguments": { "sql": question, "parameters": ["open"] } }),
        json!({ "tool": "good__add", "arguments": { "a": 40, "b": 2 } }),
        json!({ "tool": "good__every_content" }),
        json!({ "tool": "crm__run_query", "arguments": { "sql": "DELETE FROM support_tickets" } }),
        json!({ "tool": "good__add", "arguments": { "a": "many", "b": 2 } }),
        json!({ "tool": "good__ehco", "arguments": {} }),
    ];
    for (mode, revision) in ERAS {
        let seen = library.look(&host, &[mode], &calls).await?;
        assert_eq!(seen["protocolVersion"], revision, "{seen}");
        assert_eq!(seen["serverInfo"]["name"], "toolhost", "{seen}");
        assert!(
            seen["instructions"].as_str().is_some_and(|said| said.contains("Support tickets of the video service."))
        );
        tools_are_whole(&seen["tools"])?;
        results_are_right(&seen["results"])?;
    }
    Ok(())
}

/// The tools of both plugins, each with what its author wrote about it.
fn tools_are_whole(tools: &Value) -> Result<()> {
    let tools = tools.as_array().context("no tools")?;
    let names: Vec<&str> = tools.iter().filter_map(|tool| tool["name"].as_str()).collect();
    assert_eq!(names.iter().filter(|name| name.starts_with("crm__")).count(), 4, "{names:?}");
    assert_eq!(names.iter().filter(|name| name.starts_with("good__")).count(), 10, "{names:?}");
    let add = tools.iter().find(|tool| tool["name"] == "good__add").context("no good__add")?;
    assert_eq!(add["inputSchema"]["required"], json!(["a", "b"]), "{add}");
    assert_eq!(add["outputSchema"]["properties"]["result"]["type"], "integer", "{add}");
    assert_eq!(add["annotations"]["readOnlyHint"], true, "{add}");
    Ok(())
}

/// The results of the calls above.
fn results_are_right(results: &Value) -> Result<()> {
    let results = results.as_array().context("no results")?;
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
async fn the_official_python_client_lists_and_calls_every_tool_in_both_eras() -> Result<()> {
    holds(Library::Mcp).await
}

#[tokio::test]
async fn the_client_of_fastmcp_lists_and_calls_every_tool_in_both_eras() -> Result<()> {
    holds(Library::Fastmcp).await
}

#[tokio::test]
async fn the_official_typescript_client_lists_and_calls_every_tool_in_both_eras() -> Result<()> {
    holds(Library::TypeScript).await
}

#[tokio::test]
async fn a_client_that_lends_its_model_is_asked_in_both_eras() -> Result<()> {
    let config = "[plugins.bedrock]\ngrants = [\"model.own\"]\n[model.own]\nclient = {}\n";
    let host = Setup::new(config).plugin("bedrock", "bedrock")?.start().await?;
    let arguments = json!({ "data": "1 2 3", "analysis_prompt": "What is it?" });
    let calls = [json!({ "tool": "bedrock__analyze_with_bedrock", "arguments": arguments })];
    for library in Library::ALL {
        for mode in ["legacy", "auto"] {
            let seen = library.look(&host, &[mode, "--lend", "Three numbers."], &calls).await?;
            let text = seen["results"][0]["content"][0]["text"].as_str().context("no text")?;
            assert!(text.starts_with("Three numbers."), "{library:?} {mode}: {text}");
        }
    }
    Ok(())
}
