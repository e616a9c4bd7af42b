//! What is in no line: arguments, answers, credentials. Marked words are put into all of them.

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use toolhost_tests::mcp::{Era, Mcp};
use toolhost_tests::toolhost::Setup;
use toolhost_tests::upstream::Upstream;

use super::{audit, calls, segment, setup};

const MARK: &str = "canary";

#[tokio::test]
async fn no_argument_answer_or_credential_is_in_the_trail() -> Result<()> {
    let upstream = Upstream::start().await?;
    let config = format!(
        "[plugins.caller]\ngrants = [\"http.up\"]\n[http.up]\nbase_url = \"{}\"\npaths = [\"/**\"]\n\
         bearer = {{ token = \"env:TOKEN\" }}\n[plugins.curious]\ngrants = [\"sql.crm\"]\n\
         [plugins.curious.settings]\nword = \"canary-setting\"\n[plugins.good]\n\
         [sql.crm.mysql]\nhost = \"127.0.0.1\"\nport = 1\nuser = \"canary-user\"\n\
         password = \"env:PASSWORD\"\ndatabase = \"acme_crm\"\n",
        upstream.url()
    );
    let host = Setup::new(config).env("TOKEN", "canary-token-8d1f").env("PASSWORD", "canary-password-77ab");
    let host = host.plugin("caller", "caller")?.plugin("curious", "curious")?.plugin("good", "good")?.start().await?;
    let mut heard = String::new();
    for (tool, arguments) in [
        ("good__echo", json!({ "message": "canary-argument", "payload": { "canary-key": "canary-value" } })),
        ("good__fail", json!({ "kind": "canary-kind" })),
        ("good__echo", json!({ "massage": "canary-mistyped" })),
        ("missing", json!({ "word": "canary-unknown" })),
        ("caller__send", json!({ "upstream": "up", "path": "/echo?canary-path" })),
        ("caller__send", json!({ "upstream": "up", "path": "/status/500", "body": "canary-body", "method": "POST" })),
        ("curious__look_around", json!({})),
        ("curious__touch_files", json!({})),
        ("curious__misuse_sql", json!({})),
    ] {
        heard += &host.call(tool, arguments).await?.1.to_string();
    }
    assert!(
        heard.contains("canary-argument") && heard.contains("canary-setting"),
        "nothing was there to be kept: {heard}"
    );
    let lines = calls(host.dir(), 1)?;
    assert_eq!(lines.len(), 9);
    let text = std::fs::read_to_string(segment(host.dir(), 1))?;
    let shown = audit(host.dir(), &["tail", "-n", "100"])? + &audit(host.dir(), &["query", "--json"])?;
    for text in [text, shown] {
        assert!(!text.contains(MARK), "{text}");
    }
    // What it did with its grant is there.
    let sent = lines.iter().find(|line| line["name"] == "caller__send").context("is there")?;
    let used = &sent["uses"][0];
    assert_eq!([&used["capability"], &used["grant"], &used["action"]], ["http", "up", "send"], "{sent}");
    assert_eq!([&used["allowed"], &used["times"]], [&json!(true), &json!(1)], "{sent}");
    Ok(())
}

#[tokio::test]
async fn arguments_that_are_known_can_be_found_by_their_digest() -> Result<()> {
    let host = setup("")?.start().await?;
    host.call("good__add", json!({ "a": 1, "b": 2 })).await?;
    host.call("good__add", json!({ "b": 2, "a": 1 })).await?;
    host.call("good__add", json!({ "a": 2, "b": 1 })).await?;
    let lines = calls(host.dir(), 1)?;
    let digest: Value = serde_json::from_str(&audit(host.dir(), &["digest", "{ \"b\": 2, \"a\": 1 }"])?)?;
    assert_eq!(digest["bytes"], r#"{"a":1,"b":2}"#.len());
    let found: Vec<bool> = lines.iter().map(|line| line["arguments"] == digest).collect();
    assert_eq!(found, [true, true, false]);
    Ok(())
}

#[tokio::test]
async fn a_name_with_line_breaks_or_escapes_stays_in_one_line_and_does_nothing_to_a_terminal() -> Result<()> {
    let host = setup("")?.start().await?;
    let mut client = Mcp::connect(host.url(), Era::Legacy).await?;
    let name = format!("a\nb\r\u{1b}[2J\u{9b}31m\u{202e}\"\\{}", "é".repeat(300));
    client.send("tools/call", json!({ "name": name, "arguments": {} })).await?;
    let lines = calls(host.dir(), 1)?;
    assert_eq!(lines.len(), 1, "{lines:?}");
    let kept = lines[0]["name"].as_str().context("a name")?;
    assert!(name.starts_with(kept) && (250..=256).contains(&kept.len()), "{kept:?}");
    for arguments in [&["tail"][..], &["tail", "--json"], &["query", "--outcome", "unknown-tool"]] {
        let shown = audit(host.dir(), arguments)?;
        assert!(shown.contains("\\u001b[2J") && shown.contains("\\u009b31m"), "{arguments:?}: {shown:?}");
        let obeyed = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
        assert!(!shown.contains(obeyed), "{arguments:?}: {shown:?}");
    }
    audit(host.dir(), &["verify"])?;
    Ok(())
}
