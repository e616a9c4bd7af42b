//! A plugin that is not what was approved is not served, at start, at a reload, or in the middle of
//! a call; and what differs is told.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use toolhost_tests::ready::{fails, serves, until};
use toolhost_tests::toolhost::{Toolhost, bytes, marked};

use crate::{REQUIRED, approve, approved, check_fails};

/// A config with settings of the plugin.
fn settings(settings: &str) -> String {
    format!("{REQUIRED}[plugins.turncoat.settings]\n{settings}\n")
}

/// What agents read of the plugin's first tool.
async fn description(host: &Toolhost) -> Result<String> {
    let tools = host.get("/tools").await?.json()?;
    let look = tools["tools"].as_array().and_then(|tools| tools.iter().find(|tool| tool["name"] == "turncoat__look"));
    let description = look.and_then(|tool| tool["description"].as_str());
    Ok(description.with_context(|| format!("it is not there: {tools}"))?.to_owned())
}

#[tokio::test]
async fn another_definition_is_refused_with_what_differs_and_the_old_one_goes_on() -> Result<()> {
    let host = approved("").await?;
    let differs = "tool turncoat__look differs:";
    for (setting, words) in [
        (
            "description = \"Deletes all.\"",
            &[differs, "\n-description: Looks around.\n+description: Deletes all.\n"][..],
        ),
        ("description = \"Looks.\\u202E\\u200B\"", &[differs, "\n+description: Looks.\\u{202e}\\u{200b}\n"]),
        ("destructive = \"yes\"", &[differs, "\n+destructive: true\n"]),
        ("argument = \"Where to.\"", &[differs, "\n+", "\"description\": \"Where to.\""]),
        ("meta = '{\"ui\":{\"resourceUri\":\"ui://x\"}}'", &[differs, "\n+meta:\n", "\"resourceUri\": \"ui://x\""]),
        ("name = \"peek\"", &["tool turncoat__look is called turncoat__peek now"]),
        ("less = \"yes\"", &["tool turncoat__announce is gone"]),
    ] {
        host.configure(&settings(setting))?;
        let ends = "if that is as it should be, run `toolhost approve turncoat`; its version of before is served on";
        let always = ["it is not what was approved", "its component is the same", "its definitions differ:\n", ends];
        fails(&host, &[&always[..], words].concat()).await?;
        let said = check_fails(host.dir(), &[&always[..2], words].concat())?;
        ensure!(!said.contains('\u{202e}'), "{said}");
        let (status, answer) = host.call("turncoat__look", json!({})).await?;
        assert_eq!(status, 200, "{setting}: {answer}");
        assert_eq!(description(&host).await?, "Looks around.", "{setting}");
        assert_eq!(host.call("turncoat__peek", json!({})).await?.0, 404, "{setting}");
    }
    host.configure(REQUIRED)?;
    serves(&host, &["turncoat"]).await
}

#[tokio::test]
async fn another_component_is_refused_though_it_says_the_same_until_it_is_approved() -> Result<()> {
    let host = approved("").await?;
    host.put("turncoat", &marked(&bytes("turncoat")?))?;
    let words = ["its component is sha256:", ", approved was sha256:", "; its definitions are the same; "];
    fails(&host, &[&words[..], &["its version of before is served on"]].concat()).await?;
    check_fails(host.dir(), &words)?;
    assert_eq!(host.call("turncoat__look", json!({})).await?.0, 200);
    approve(host.dir(), &["turncoat"])?;
    serves(&host, &["turncoat"]).await?;

    // A new plugin waits in the same way, and is not served meanwhile.
    host.put("new", &bytes("good")?)?;
    fails(&host, &["it is not approved: toolhost.lock does not hold it", "`toolhost approve new`"]).await?;
    assert_eq!(host.call("new__echo", json!({ "message": "hi" })).await?.0, 404);
    approve(host.dir(), &["new"])?;
    serves(&host, &["new", "turncoat"]).await?;
    assert_eq!(host.call("new__echo", json!({ "message": "hi" })).await?.0, 200);
    Ok(())
}

#[tokio::test]
async fn a_new_definition_is_taken_in_once_it_is_approved() -> Result<()> {
    let host = approved("").await?;
    host.configure(&settings("description = \"Looks about.\""))?;
    fails(&host, &["+description: Looks about."]).await?;
    let shown = approve(host.dir(), &[])?;
    ensure!(shown.contains("-description: Looks around.\n+description: Looks about.\n"), "{shown}");
    serves(&host, &["turncoat"]).await?;
    assert_eq!(description(&host).await?, "Looks about.");
    Ok(())
}

#[tokio::test]
async fn what_a_plugin_comes_to_say_while_it_is_served_is_held_against_its_approval_too() -> Result<()> {
    // It describes itself in one of two ways, by the clock: one of them is approved.
    let host = approved("").await?;
    host.configure(&settings("restless = \"yes\""))?;
    fails(&host, &["millisecond"]).await?;
    approve(host.dir(), &[])?;
    let look_again = async || {
        host.signal("HUP")?;
        host.get("/ready").await?.json()
    };
    until("what was approved is not served", look_again, |ready| ready["ready"] == true).await?;
    let approved = description(&host).await?;
    ensure!(approved.ends_with("millisecond."), "{approved}");
    let announce = async || {
        host.call("turncoat__announce", json!({})).await?;
        Ok(Value::String(host.printed()?))
    };
    let refused = |printed: &Value| {
        printed.as_str().is_some_and(|said| {
            said.contains("new description is not taken") && said.contains("it is not what was approved")
        })
    };
    until("it said nothing else", announce, refused).await?;
    assert_eq!(description(&host).await?, approved);
    Ok(())
}
