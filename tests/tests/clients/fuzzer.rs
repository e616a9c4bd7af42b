//! mcp-fuzzer, which calls tools with wrong arguments and sends wrong messages, in both eras.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tokio::process::Command;
use toolhost_tests::{Toolhost, repository};

use super::program;

/// The script ends by itself before this.
const TIME_MAX: Duration = Duration::from_secs(300);

/// Every call has an answer by then, however long the tool itself would take: the fuzzer waits ten seconds, and
/// replies to no question.
const DEADLINE: &str = "\n[limits]\ndeadline_ms = 2000\nreply_ms = 100\n";

/// What it found at a host, with so many calls of each tool and messages of each kind.
async fn fuzzed(host: &Toolhost, revision: &str, runs: usize) -> Result<Value> {
    let mut command = Command::new(program::named("TOOLHOST_TEST_PYTHON")?);
    command.arg(repository().join("tests/python/fuzz.py")).arg(format!("{}/mcp", host.url())).arg(revision);
    command.args(["--runs", &runs.to_string()]);
    let output = program::run(command, "", TIME_MAX).await?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).context("it printed no JSON")
}

/// A host that every wrong thing was sent to refused it, answered the rest, and is as well as before.
async fn stands(host: Toolhost, runs: usize) -> Result<()> {
    for revision in ["2025-11-25", "2026-07-28"] {
        let found = fuzzed(&host, revision, runs).await?;
        let rejected = found["rejected"].as_u64().unwrap_or_default();
        assert!(rejected > 0 && rejected < found["runs"].as_u64().unwrap_or_default(), "{revision}: {found:#}");
        for what in ["violations", "unanswered", "faults"] {
            assert_eq!(found[what], json!([]), "{revision}: {found:#}");
        }
    }
    assert_eq!(host.get("/tools").await?.status, 200);
    // A plugin may panic, and its last words are in the log.
    let printed = host.printed()?;
    let panics: Vec<&str> =
        printed.lines().filter(|line| line.contains("panicked") && !line.contains("a plugin was stopped")).collect();
    assert!(panics.is_empty(), "{panics:#?}");
    let (status, printed) = host.stop().await?;
    assert!(status.success(), "{status}: {printed}");
    Ok(())
}

#[tokio::test]
async fn the_fuzzer_finds_no_crash_no_hang_and_nothing_accepted_against_a_schema() -> Result<()> {
    stands(super::setup(DEADLINE)?.start().await?, 10).await
}

#[tokio::test]
async fn the_fuzzer_finds_nothing_at_resources_prompts_and_tools_that_ask() -> Result<()> {
    // Some of them take their time, and there are many.
    stands(super::setup_of_fixtures(DEADLINE)?.start().await?, 3).await
}
