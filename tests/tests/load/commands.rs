//! The commands that need no server: inspect, test, call, check, iam-policy, and any that nobody reads; and whom
//! serve refuses.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use toolhost_tests::http::request;
use toolhost_tests::toolhost::{Setup, run};
use toolhost_tests::{component, keys, repository, toolhost_program};

use crate::{Served, folder};

#[test]
fn inspect_shows_what_a_plugin_is_has_and_needs() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let file = component("sql")?;
    let (status, printed) = run(dir.path(), &["inspect", &file.to_string_lossy()])?;
    assert!(status.success(), "{printed}");
    for said in [
        "sha256:",
        "run_query  Runs one SQL statement",
        "list_servers",
        "toolhost:sql",
        "[plugins.sql]",
        "grants = [\"sql.…\"]",
    ] {
        assert!(printed.contains(said), "{said}: {printed}");
    }
    let (status, printed) = run(dir.path(), &["inspect", &component("good")?.to_string_lossy()])?;
    assert!(status.success() && printed.contains("toolhost:settings") && !printed.contains("grants ="), "{printed}");
    std::fs::write(dir.path().join("words.wasm"), "hello")?;
    let (status, printed) = run(dir.path(), &["inspect", "words.wasm"])?;
    assert!(!status.success() && printed.contains("it is not WebAssembly"), "{printed}");
    let (status, printed) = run(dir.path(), &["inspect", "missing.wasm"])?;
    assert!(!status.success() && printed.contains("cannot read missing.wasm"), "{printed}");
    Ok(())
}

#[test]
fn the_sql_plugin_passes_its_own_calls() -> Result<()> {
    let folder = repository().join("plugins/sql");
    let file = component("sql")?;
    let (status, printed) =
        run(repository(), &["test", &folder.to_string_lossy(), "--component", &file.to_string_lossy()])?;
    assert!(status.success() && printed.contains(" 0 failed") && !printed.contains("0 passed"), "{printed}");
    Ok(())
}

#[test]
fn a_call_from_the_command_line_prints_what_the_tool_answers() -> Result<()> {
    let dir = Setup::new("").plugin("good", "good")?.write()?;
    let (status, printed) = run(dir.path(), &["--log=error", "call", "good__sleep_ms", r#"{"milliseconds": 1}"#])?;
    assert!(status.success(), "{printed}");
    assert!(printed.starts_with("slept 1 ms\n"), "{printed}");
    let (status, printed) = run(dir.path(), &["--log=error", "call", "good__add", r#"{"a": 1, "b": 2}"#, "--json"])?;
    let answer: Value = first_json(&printed)?;
    assert!(status.success() && answer["structuredContent"] == json!({ "result": 3 }), "{printed}");
    for (arguments, says) in [
        (["good__add", r#"{"a": 1}"#], "invalid-arguments: "),
        (["good__ehco", "{}"], "Did you mean `good__echo`?"),
        (["good__fail", r#"{"kind": "denied"}"#], "denied: You asked for denied."),
        (["good__add", "[1]"], "the arguments must be a JSON object"),
    ] {
        let (status, printed) = run(dir.path(), &[&["call"], &arguments[..]].concat())?;
        assert!(!status.success() && printed.contains(says), "{arguments:?}: {printed}");
    }
    Ok(())
}

#[test]
fn check_says_that_all_is_well_only_when_it_is() -> Result<()> {
    let config = "[plugins.crm]\nfile = \"sql.wasm\"\ngrants = [\"sql.crm\"]\n[sql.crm]\n";
    let good = Setup::new(format!("{config}script = {{ dialect = \"mysql\" }}\n")).plugin("sql", "sql")?.write()?;
    let (status, printed) = run(good.path(), &["check"])?;
    assert!(status.success(), "{printed}");
    for said in ["ok: grant sql.crm", "ok: plugin crm: crm__run_query", "ok: source sql.crm: it answers"] {
        assert!(printed.contains(said), "{said}: {printed}");
    }
    // A source that is away fails the check, and is not asked when offline.
    let mysql =
        "mysql = { host = \"127.0.0.1\", port = 1, user = \"x\", password = \"file:secret\", database = \"d\" }\n";
    let away = Setup::new(format!("{config}{mysql}")).plugin("sql", "sql")?.write()?;
    std::fs::write(away.path().join("secret"), "hunter2-swordfish\n")?;
    let (status, printed) = run(away.path(), &["check"])?;
    assert!(!status.success() && printed.contains("failed: source sql.crm"), "{printed}");
    assert!(!printed.contains("hunter2"), "{printed}");
    let (status, printed) = run(away.path(), &["check", "--offline"])?;
    assert!(status.success(), "{printed}");
    Ok(())
}

const CLUSTER: &str = "arn:aws:rds:us-east-1:123456789012:cluster:acme";
const SECRET: &str = "arn:aws:secretsmanager:us-east-1:123456789012:secret:acme-AbCdEf";

/// A source on Aurora, and one that is not on AWS at all.
fn on_aurora(access: &str) -> String {
    format!(
        "[sql.crm]\naccess = \"{access}\"\n[sql.crm.rds-data]\ncluster_arn = \"{CLUSTER}\"\n\
         secret_arn = \"{SECRET}\"\ndatabase = \"acme_crm\"\n[sql.local.script]\ndialect = \"mysql\"\n"
    )
}

/// The strings of a list.
fn words(list: &Value) -> Vec<String> {
    list.as_array().into_iter().flatten().filter_map(|word| Some(word.as_str()?.to_owned())).collect()
}

#[test]
fn the_iam_policy_allows_exactly_what_the_grants_need() -> Result<()> {
    let data = |action: &str| (format!("rds-data:{action}"), CLUSTER.to_owned());
    let secret = ("secretsmanager:GetSecretValue".to_owned(), SECRET.to_owned());
    let transactions = ["BatchExecuteStatement", "BeginTransaction", "CommitTransaction"].map(data);
    let to_read = vec![data("ExecuteStatement"), secret];
    let to_write = [&transactions[..], &to_read[..1], &[data("RollbackTransaction")], &to_read[1..]].concat();
    for (access, expected) in [("read", to_read), ("write", to_write)] {
        let dir = folder(&on_aurora(access), &[])?;
        let (status, printed) = run(dir.path(), &["iam-policy"])?;
        assert!(status.success(), "{printed}");
        let policy = first_json(&printed)?;
        assert_eq!(policy["Version"], "2012-10-17");
        let mut allowed: Vec<(String, String)> = Vec::new();
        for statement in policy["Statement"].as_array().context("no statements")? {
            assert_eq!(statement["Effect"], "Allow", "{policy}");
            for resource in words(&statement["Resource"]) {
                allowed.extend(words(&statement["Action"]).into_iter().map(|action| (action, resource.clone())));
            }
        }
        allowed.sort();
        assert_eq!(allowed, expected, "{access}");
    }
    Ok(())
}

#[test]
fn the_iam_policy_leaves_out_a_grant_that_names_more_than_one_cluster() -> Result<()> {
    let dir = folder(&on_aurora("read").replace("cluster:acme", "cluster:*"), &[])?;
    let (status, printed) = run(dir.path(), &["iam-policy"])?;
    assert!(!status.success() && printed.contains("`cluster_arn`"), "{printed}");
    assert_eq!(first_json(&printed)?["Statement"], json!([]), "{printed}");
    Ok(())
}

#[tokio::test]
async fn serve_refuses_an_address_that_others_reach_unless_it_is_told_to() -> Result<()> {
    for address in ["0.0.0.0:0", "[::]:0"] {
        let dir = folder(&format!("[serve]\nlisten = \"{address}\"\n"), &[])?;
        let (status, printed) = run(dir.path(), &["serve"])?;
        assert!(!status.success(), "{printed}");
        assert!(printed.contains("--insecure") && printed.contains("127.0.0.1"), "{printed}");
        assert!(!printed.contains("Serving MCP on"), "{printed}");
    }
    let dir = folder("[serve]\nlisten = \"0.0.0.0:0\"\n", &[])?;
    let served = Served::start(dir.path(), &["serve", "--insecure"]).await?;
    let url = served.url.replace("0.0.0.0", "127.0.0.1");
    assert_eq!(request("GET", &format!("{url}/health"), &[], Vec::new()).await?.status, 200);
    Ok(())
}

/// A host with keys, a plugin that has no grant, and one that reads a source.
fn keys_and_crm() -> Result<Setup> {
    let config = "[callers]\nkeys = \"keys.toml\"\n[plugins.crm]\nfile = \"sql.wasm\"\ngrants = [\"sql.crm\"]\n\
        [sql.crm.script]\ndialect = \"mysql\"\n";
    Setup::new(config).beside("keys.toml", keys::file(1)).plugin("sql", "sql")?.plugin("good", "good")
}

/// Runs the program with a standard output that takes nothing.
fn run_into(stdout: impl Into<Stdio>, dir: &Path, arguments: &[&str]) -> Result<Output> {
    let mut command = Command::new(toolhost_program()?);
    Ok(command.args(arguments).current_dir(dir).stdin(Stdio::null()).stdout(stdout).output()?)
}

#[test]
fn a_command_that_nobody_reads_ends_quietly_and_as_if_somebody_did() -> Result<()> {
    let dir = keys_and_crm()?.write()?;
    // For the list of keys, and for the trail.
    for arguments in [&["key", "new", "ann"][..], &["call", "good__echo", r#"{"message": "hi"}"#]] {
        let (status, printed) = run(dir.path(), arguments)?;
        assert!(status.success(), "{printed}");
    }
    for (arguments, code) in [
        (&["check"][..], 0),
        (&["inspect", "plugins/sql.wasm"], 0),
        (&["iam-policy"], 0),
        (&["key", "list"], 0),
        // A key that nobody saw is no use to anybody.
        (&["key", "new", "bob"], 1),
        (&["policy", "check"], 0),
        (&["policy", "schema"], 0),
        (&["policy", "explain", "--tool", "crm__run_query"], 0),
        (&["policy", "explain", "--tool", "crm__run_query", "--caller", "bob"], 1),
        (&["audit", "tail"], 0),
        (&["audit", "query"], 0),
        (&["audit", "verify"], 0),
        (&["audit", "verify", "--with", "none"], 1),
        (&["audit", "digest", "{}"], 0),
        (&["call", "good__echo", r#"{"message": "hi"}"#], 0),
        (&["call", "good__fail", r#"{"kind": "denied"}"#, "--json"], 1),
        (&["new", "mine"], 0),
        (&["approve", "--yes"], 0),
    ] {
        let (reader, writer) = std::io::pipe()?;
        drop(reader);
        let output = run_into(writer, dir.path(), arguments)?;
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!said.contains("panicked"), "{arguments:?}: {said}");
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
    }
    assert!(dir.path().join("toolhost.lock").exists(), "approved without a reader, and not written down");
    Ok(())
}

/// Whoever waits for the output on a full disk has not had enough.
#[test]
fn output_that_is_lost_fails_the_command() -> Result<()> {
    let dir = keys_and_crm()?.write()?;
    let full = std::fs::File::options().write(true).open("/dev/full")?;
    let output = run_into(full, dir.path(), &["policy", "schema"])?;
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("standard output did not take all that was said") && !said.contains("panicked"), "{said}");
    Ok(())
}

#[test]
fn explain_says_that_the_grant_itself_bounds_what_the_policy_allows() -> Result<()> {
    let dir = keys_and_crm()?.write()?;
    let (status, printed) = run(dir.path(), &["policy", "explain", "--tool", "crm__run_query"])?;
    assert!(status.success() && printed.contains("sql.execute of class `write` on sql.crm: allowed"), "{printed}");
    let bound = printed.lines().find(|line| line.contains("whatever the policy allows, sql.crm is no more than"));
    assert!(bound.is_some_and(|line| line.contains("read-only")), "{printed}");
    Ok(())
}

#[test]
fn revoke_says_when_a_host_follows() -> Result<()> {
    for (serve, says) in [("", "within about two seconds"), ("[serve]\nreload = false\n", "only at SIGHUP")] {
        let dir = Setup::new(format!("{serve}[callers]\nkeys = \"keys.toml\"\n")).write()?;
        let (status, printed) = run(dir.path(), &["key", "new", "ann"])?;
        assert!(status.success(), "{printed}");
        let (status, printed) = run(dir.path(), &["key", "revoke", "ann-1"])?;
        assert!(status.success() && printed.contains(says), "{printed}");
    }
    Ok(())
}

/// The JSON that a command printed before anything else.
fn first_json(printed: &str) -> Result<Value> {
    let mut values = serde_json::Deserializer::from_str(printed).into_iter();
    values.next().context("nothing was printed")?.with_context(|| format!("no JSON: {printed}"))
}
