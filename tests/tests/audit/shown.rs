//! `toolhost audit tail` and `query`: what is shown of a trail.

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use toolhost_tests::toolhost::run;
use toolhost_tests::toolhost_program;

use super::{audit, setup};

#[tokio::test]
async fn calls_are_found_by_what_is_said_of_them() -> Result<()> {
    let host = setup("")?.start().await?;
    for (tool, arguments) in [
        ("good__add", json!({ "a": 1, "b": 2 })),
        ("good__add", json!({ "a": 1 })),
        ("good__fail", json!({ "kind": "denied" })),
        ("test_simple_text", json!({})),
    ] {
        host.call(tool, arguments).await?;
    }
    let found = |arguments: &[&str]| -> Result<Vec<String>> {
        let shown = audit(host.dir(), &[&["query", "--json"], arguments].concat())?;
        let name = |line: &str| -> Result<String> {
            let line: Value = serde_json::from_str(line)?;
            Ok(line["name"].as_str().context("a name")?.to_owned())
        };
        shown.lines().map(name).collect()
    };
    let all = ["good__add", "good__add", "good__fail", "test_simple_text"];
    for (arguments, expected) in [
        (&[][..], &all[..]),
        (&["--caller", "local", "--since", "1h"], &all),
        (&["--caller", "ann"], &[]),
        (&["--since", "2099-01-01T00:00:00Z"], &[]),
        (&["--tool", "good__add"], &all[..2]),
        (&["--tool", "good__add", "--outcome", "answered"], &all[..1]),
        (&["--outcome", "denied"], &all[2..3]),
        (&["--plugin", "conformance"], &all[3..]),
        (&["--plugin", "good", "--limit", "2"], &all[..2]),
        (&["--grant", "sql.crm"], &[]),
    ] {
        assert_eq!(found(arguments)?, expected, "{arguments:?}");
    }
    let shown = audit(host.dir(), &["query", "--outcome", "denied"])?;
    for word in ["local", "tools/call good__fail", "denied (caller)", " ms", " bytes"] {
        assert!(shown.contains(word), "{word}: {shown}");
    }
    let (status, printed) = run(host.dir(), &["audit", "query", "--since", "yesterday"])?;
    assert!(status.code() == Some(2) && printed.contains("write `90s`"), "{printed}");
    Ok(())
}

#[tokio::test]
async fn tail_shows_the_last_lines_and_those_that_come() -> Result<()> {
    let host = setup("")?.start().await?;
    for tool in ["good__add", "good__echo", "good__remember"] {
        host.call(tool, json!({})).await?;
    }
    let last = audit(host.dir(), &["tail", "-n", "2"])?;
    let names: Vec<bool> = last.lines().map(|line| line.contains("good__add")).collect();
    assert_eq!(names, [false, false], "{last}");
    let mut tail = tokio::process::Command::new(toolhost_program()?)
        .args(["audit", "tail", "-f", "-n", "1"])
        .current_dir(host.dir())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let mut lines = BufReader::new(tail.stdout.take().context("a pipe")?).lines();
    let mut next = async || -> Result<String> {
        let line = tokio::time::timeout(Duration::from_secs(30), lines.next_line()).await??;
        line.context("it ended")
    };
    assert!(next().await?.contains("good__remember"));
    host.call("good__missing", json!({})).await?;
    host.call("good__note", json!({ "message": "x" })).await?;
    assert!(next().await?.contains("good__missing"));
    assert!(next().await?.contains("good__note"));
    Ok(())
}
