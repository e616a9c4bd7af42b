//! A line for every call, by every door, whatever became of it.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use toolhost_tests::mcp::{Era, Mcp};
use toolhost_tests::stdio::Stdio;
use toolhost_tests::toolhost::run;

use super::{audit, calls, calls_until, setup};

/// What a line says was asked for, and how it ended.
fn gist(line: &Value) -> (&str, &str, &str) {
    let text = |key: &str| line[key].as_str().unwrap_or_default();
    (text("method"), text("name"), text("outcome"))
}

#[tokio::test]
async fn every_call_by_every_door_has_its_line() -> Result<()> {
    let host = setup("")?.start().await?;
    host.call("good__echo", json!({ "message": "hi" })).await?;
    host.call("good__fail", json!({ "kind": "denied" })).await?;
    host.call("good__echo", json!({ "massage": "hi" })).await?;
    host.call("good__missing", json!({})).await?;
    for era in [Era::Legacy, Era::Modern] {
        let mut client = Mcp::connect(host.url(), era).await?;
        client.call("good__add", json!({ "a": 1, "b": 2 })).await?;
        client.request("resources/read", json!({ "uri": "test://static-text" })).await?;
        let missing = client.send("resources/read", json!({ "uri": "test://missing" })).await?;
        assert!(missing.json()?["error"].is_object(), "{}", missing.text());
    }
    let mut client = Mcp::connect(host.url(), Era::Legacy).await?;
    client.request("prompts/get", json!({ "name": "test_simple_prompt" })).await?;
    let reference = json!({ "type": "ref/prompt", "name": "test_prompt_with_arguments" });
    let argument = json!({ "name": "arg1", "value": "te" });
    client.request("completion/complete", json!({ "ref": reference, "argument": argument })).await?;
    let mut asked = Mcp::connect(host.url(), Era::Modern).await?.capable_of(json!({ "elicitation": {} }));
    asked.call("test_elicitation", json!({ "message": "Who?" })).await?;

    let lines = calls(host.dir(), 1)?;
    let found: Vec<_> = lines.iter().map(gist).collect();
    let era = [
        ("tools/call", "good__add", "answered"),
        ("resources/read", "test://static-text", "answered"),
        ("resources/read", "test://missing", "not-found"),
    ];
    let rest = [
        ("tools/call", "good__echo", "answered"),
        ("tools/call", "good__fail", "denied"),
        ("tools/call", "good__echo", "invalid-arguments"),
        ("tools/call", "good__missing", "unknown-tool"),
    ];
    let last = [
        ("prompts/get", "test_simple_prompt", "answered"),
        ("completion/complete", "test_prompt_with_arguments", "answered"),
        ("tools/call", "test_elicitation", "asked"),
    ];
    assert_eq!(found, [&rest[..], &era, &era, &last].concat());
    let said = audit(host.dir(), &["verify"])?;
    let [first, end] = [lines.first(), lines.last()].map(|line| line.and_then(|line| line["id"].as_str()));
    for id in [first.context("no id")?, end.context("no id")?] {
        assert!(said.contains(id), "{id}: {said}");
    }
    Ok(())
}

#[tokio::test]
async fn a_line_says_who_did_what_with_which_component_and_how_long_it_took() -> Result<()> {
    let host = setup("")?.start().await?;
    host.call("good__sleep_ms", json!({ "milliseconds": 20 })).await?;
    host.call("good__missing", json!({})).await?;
    let lines = calls(host.dir(), 1)?;
    let [slept, missing] = &lines[..] else { anyhow::bail!("two lines: {lines:?}") };
    let inspected = run(host.dir(), &["inspect", "plugins/good.wasm"])?.1;
    assert!(inspected.contains(slept["digest"].as_str().context("no digest")?), "{inspected}");
    assert_eq!([&slept["caller"], &slept["plugin"]], ["local", "good"]);
    assert_eq!(slept["decision"]["allowed"], true);
    assert!(slept["us"].as_u64().is_some_and(|us| us >= 20_000), "{slept}");
    assert_eq!(slept["bytes_out"], "slept 20 ms".len());
    assert_eq!([&slept["fault"], &slept["trace"]], [&Value::Null; 2]);
    assert_eq!([&missing["plugin"], &missing["digest"], &missing["decision"]], [&Value::Null; 3]);
    assert_eq!(missing["fault"], "caller");
    assert!(missing["arguments"]["hmac_sha256"].is_string(), "arguments have a digest whatever becomes of them");
    let keys: Vec<&str> = slept.as_object().context("an object")?.keys().map(String::as_str).collect();
    let mut expected = vec![
        "seq",
        "time",
        "id",
        "trace",
        "caller",
        "plugin",
        "digest",
        "method",
        "name",
        "arguments",
        "decision",
        "uses",
        "outcome",
        "fault",
        "us",
        "bytes_out",
        "rows",
        "hash",
    ];
    let mut found = keys.clone();
    expected.sort_unstable();
    found.sort_unstable();
    assert_eq!(found, expected);
    Ok(())
}

#[tokio::test]
async fn a_call_that_its_client_left_has_its_line() -> Result<()> {
    let host = setup("")?.start().await?;
    let url = format!("{}/tools/good__sleep_ms", host.url());
    let request = tokio::spawn(async move {
        let body = json!({ "milliseconds": 60_000 }).to_string().into_bytes();
        toolhost_tests::http::request("POST", &url, &[("content-type", "application/json")], body).await
    });
    // It has begun when a later call is answered.
    host.call("good__sleep_ms", json!({ "milliseconds": 200 })).await?;
    request.abort();
    let lines = calls_until(host.dir(), "a cancelled call", |line| line["outcome"] == "cancelled").await?;
    let line = lines.iter().find(|line| line["outcome"] == "cancelled").context("is there")?;
    assert_eq!(gist(line), ("tools/call", "good__sleep_ms", "cancelled"));
    assert_eq!([&line["plugin"], &line["fault"]], ["good", "caller"]);
    Ok(())
}

#[tokio::test]
async fn a_call_that_becomes_a_task_has_one_line_when_it_ends() -> Result<()> {
    let host = setup("[serve.tasks]\nafter_ms = 10\n")?.start().await?;
    let extensions = json!({ "io.modelcontextprotocol/tasks": {} });
    let mut client = Mcp::connect(host.url(), Era::Modern).await?.capable_of(json!({ "extensions": extensions }));
    let begun = client.call("good__sleep_ms", json!({ "milliseconds": 300 })).await?;
    ensure!(begun["resultType"] == "task", "no task: {begun}");
    let lines = calls_until(host.dir(), "the task", |line| line["name"] == "good__sleep_ms").await?;
    assert_eq!(lines.iter().map(gist).collect::<Vec<_>>(), [("tools/call", "good__sleep_ms", "answered")]);
    assert!(lines[0]["us"].as_u64().is_some_and(|us| us >= 300_000), "{lines:?}");
    Ok(())
}

#[tokio::test]
async fn hosts_of_one_config_that_run_at_the_same_time_write_a_chain_each() -> Result<()> {
    let host = setup("")?.start().await?;
    host.call("good__add", json!({ "a": 1, "b": 2 })).await?;
    for text in ["one", "two"] {
        let arguments = json!({ "message": text }).to_string();
        let (status, printed) = run(host.dir(), &["call", "good__echo", &arguments])?;
        ensure!(status.success(), "{printed}");
    }
    host.call("good__add", json!({ "a": 3, "b": 4 })).await?;
    let names = |chain| -> Result<Vec<String>> {
        Ok(calls(host.dir(), chain)?.iter().map(|line| gist(line).1.to_owned()).collect())
    };
    assert_eq!((names(1)?, names(2)?), (vec!["good__add".to_owned(); 2], vec!["good__echo".to_owned(); 2]));
    // While the host goes on.
    let said = audit(host.dir(), &["verify"])?;
    assert_eq!(said.matches("last call").count(), 2, "{said}");
    let tail = audit(host.dir(), &["tail", "-n", "100"])?;
    let order: Vec<&str> = tail.lines().filter_map(|line| line.split("good__").nth(1)?.get(..3)).collect();
    assert_eq!(order, ["add", "ech", "ech", "add"], "chains are shown together, by time: {tail}");
    Ok(())
}

#[tokio::test]
async fn calls_over_standard_input_have_their_lines_and_commands_that_make_none_leave_no_trail() -> Result<()> {
    let setup = setup("")?;
    let mut host = Stdio::start(&setup, Era::Legacy).await?;
    let call = host.call(1, "good__add", json!({ "a": 1, "b": 2 }));
    host.ask(call).await?;
    assert_eq!(calls(host.dir(), 1)?.iter().map(gist).collect::<Vec<_>>(), [("tools/call", "good__add", "answered")]);
    host.end();
    host.wait().await?;
    audit(host.dir(), &["verify"])?;

    let dir = setup.write()?;
    let (status, printed) = run(dir.path(), &["check"])?;
    ensure!(status.success(), "{printed}");
    assert!(!dir.path().join("audit").exists());
    let (status, printed) = run(dir.path(), &["audit", "verify"])?;
    assert!(!status.success() && printed.contains("there is no audit trail in"), "{printed}");
    Ok(())
}

#[tokio::test]
async fn a_host_that_cannot_keep_its_trail_does_not_start() -> Result<()> {
    let dir = setup("[audit]\ndir = \"toolhost.toml/audit\"\n")?.write()?;
    let (status, printed) = run(dir.path(), &["serve"])?;
    assert!(!status.success() && printed.contains("set another place: [audit] dir"), "{printed}");
    for (line, says) in [
        ("on_full = \"explode\"", "unknown variant `explode`"),
        ("rotate_mib = 0", "0 is out of range"),
        ("sync = \"sometimes\"", "unknown variant `sometimes`"),
        ("enabled = false", "unknown key `enabled`"),
    ] {
        let dir = setup(&format!("[audit]\n{line}\n"))?.write()?;
        let (status, printed) = run(dir.path(), &["check"])?;
        assert!(!status.success() && printed.contains(says), "{line}: {printed}");
    }
    Ok(())
}
