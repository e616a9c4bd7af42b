//! The command line of the MCP Inspector, which developers of servers and agents try them with.

use std::process::Output;
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use tempfile::TempDir;
use toolhost_tests::Toolhost;

use super::program;

const TIME_MAX: Duration = Duration::from_secs(60);

/// Its own names of the two eras.
const ERAS: [&str; 2] = ["legacy", "modern"];

/// It ends with this if the tool itself says that the call failed.
const TOOL_FAILED: i32 = 5;

/// Does one thing.
async fn ended(host: &Toolhost, era: &str, arguments: &[&str]) -> Result<Output> {
    let home = TempDir::with_prefix("toolhost-inspector-")?;
    let mut command = program::of_package("mcp-inspector")?;
    command.arg("--cli").arg(format!("{}/mcp", host.url())).args(["--transport", "http", "--protocol-era", era]);
    command.args(["--format", "json", "--method"]).args(arguments).env("HOME", home.path());
    program::run(command, "", TIME_MAX).await
}

/// Does one thing: the code that it ended with, and the result that it printed.
async fn inspect(host: &Toolhost, era: &str, arguments: &[&str]) -> Result<(i32, Value)> {
    let output = ended(host, era, arguments).await?;
    let code = output.status.code().context("it was killed")?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    let printed: Value = serde_json::from_slice(&output.stdout)
        .with_context(|| format!("{era} {arguments:?}: no JSON, status {code}: {complaint}"))?;
    Ok((code, printed["result"].clone()))
}

#[tokio::test]
async fn the_inspector_finds_no_schema_that_a_model_provider_refuses() -> Result<()> {
    let host = super::host().await?;
    for era in ERAS {
        let (code, listed) = inspect(&host, era, &["tools/list", "--strict"]).await?;
        assert_eq!((code, listed["tools"].as_array().map(Vec::len)), (0, Some(14)), "{era}: {listed}");
    }
    Ok(())
}

#[tokio::test]
async fn the_inspector_finds_no_schema_among_the_fixtures_that_a_model_provider_refuses() -> Result<()> {
    let host = super::fixtures().await?;
    for era in ERAS {
        let (code, listed) = inspect(&host, era, &["tools/list", "--strict"]).await?;
        assert_eq!(code, 0, "{era}: {listed}");
    }
    Ok(())
}

#[tokio::test]
async fn the_inspector_calls_tools_and_tells_which_of_them_failed() -> Result<()> {
    let host = super::host().await?;
    for era in ERAS {
        let sum = ["tools/call", "--tool-name", "good__add", "--tool-args-json", r#"{"a":40,"b":2}"#];
        let (code, result) = inspect(&host, era, &sum).await?;
        assert_eq!((code, &result["structuredContent"]), (0, &json!({ "result": 42 })), "{era}: {result}");
        let failing = ["tools/call", "--tool-name", "good__fail", "--tool-args-json", r#"{"kind":"denied"}"#];
        let (code, result) = inspect(&host, era, &failing).await?;
        assert_eq!((code, &result["isError"]), (TOOL_FAILED, &json!(true)), "{era}: {result}");
    }
    Ok(())
}

#[tokio::test]
async fn the_inspector_reads_resources_and_prompts() -> Result<()> {
    let host = super::fixtures().await?;
    for era in ERAS {
        let (code, read) = inspect(&host, era, &["resources/read", "--uri", "test://static-text"]).await?;
        let text = "This is the content of the static text resource.";
        assert_eq!((code, &read["contents"][0]["text"]), (0, &json!(text)), "{era}: {read}");
        let named = ["prompts/get", "--prompt-name", "test_prompt_with_arguments", "--prompt-args", "arg1=a", "arg2=b"];
        let (code, prompt) = inspect(&host, era, &named).await?;
        let text = "Prompt with arguments: arg1='a', arg2='b'";
        assert_eq!((code, &prompt["messages"][0]["content"]["text"]), (0, &json!(text)), "{era}: {prompt}");
    }
    Ok(())
}

#[tokio::test]
async fn the_inspector_finds_every_file_of_every_skill_to_be_what_its_digest_says() -> Result<()> {
    let host = super::fixtures().await?;
    let output = ended(&host, "modern", &["skills/list", "--verify", "--require-digests"]).await?;
    let (printed, complaint) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{}: {printed}{complaint}", output.status);
    // It prints a report for each skill, one a line.
    assert!(!printed.trim().is_empty(), "there are no skills: {complaint}");
    for line in printed.lines() {
        assert_eq!(serde_json::from_str::<Value>(line)?["outcome"], "verified", "{line}");
    }
    Ok(())
}
