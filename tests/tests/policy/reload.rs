//! A policy that changes while the host serves: a good one holds at once, a bad one is told and
//! changes nothing.

use anyhow::Result;
use serde_json::{Value, json};
use toolhost_tests::Toolhost;
use toolhost_tests::toolhost::Setup;

use crate::{NAMED, refusal, setup, until};

const ECHO: &str = "permit (principal, action == Action::\"good__echo\", resource);";
const ADD: &str = "permit (principal, action == Action::\"good__add\", resource);";

async fn echoes(host: &Toolhost) -> Result<bool> {
    Ok(host.call("good__echo", json!({ "message": "hi" })).await?.0 == 200)
}

async fn adds(host: &Toolhost) -> Result<bool> {
    Ok(host.call("good__add", json!({ "a": 1, "b": 2 })).await?.0 == 200)
}

/// What `/ready` says of the policy; `null` if nothing.
async fn failure(host: &Toolhost) -> Result<Value> {
    let ready = host.get("/ready").await?.json()?;
    let failures = ready["failures"].as_array().cloned().unwrap_or_default();
    Ok(failures.into_iter().find(|failure| failure.get("policy").is_some()).unwrap_or_default())
}

#[tokio::test]
async fn another_policy_holds_without_a_restart() -> Result<()> {
    let host = setup(ECHO)?.start().await?;
    assert!(echoes(&host).await? && !adds(&host).await?);
    host.put_beside("policy.cedar", ADD)?;
    until("the new policy never holds", async || adds(&host).await).await?;
    assert!(!echoes(&host).await?);
    assert_eq!(failure(&host).await?, Value::Null);
    Ok(())
}

#[tokio::test]
async fn a_bad_policy_is_told_and_the_one_of_before_goes_on() -> Result<()> {
    let host = setup(ECHO)?.start().await?;
    for (bad, says) in [
        ("permit (principal, action, resource", "policy.cedar:1:"),
        ("permit (principal,\n action == Action::\"good__ecko\", resource);", "good__ecko"),
        ("permit (principal, action, resource) when { context.inptu has a };", "policy.cedar:1:"),
    ] {
        host.put_beside("policy.cedar", bad)?;
        let told = async || Ok(failure(&host).await?["message"].as_str().is_some_and(|message| message.contains(says)));
        until(&format!("/ready never says {says}"), told).await?;
        assert!(echoes(&host).await? && !adds(&host).await?, "{bad}");
        assert!(host.printed()?.contains("the policy is not taken"), "{bad}");
    }
    host.put_beside("policy.cedar", ADD)?;
    until("the good policy never holds", async || adds(&host).await).await?;
    assert_eq!(failure(&host).await?, Value::Null);
    Ok(())
}

#[tokio::test]
async fn a_policy_may_name_tools_of_a_plugin_that_is_not_loaded_yet() -> Result<()> {
    let config = format!("{NAMED}[plugins.good]\n[plugins.later]\nfile = \"later.wasm\"\n");
    let policy =
        format!("{ECHO}\npermit (principal, action == Action::\"later__add\", resource == Plugin::\"later\");");
    let host = Setup::new(config).beside("policy.cedar", policy).plugin("good", "good")?.start().await?;
    assert!(echoes(&host).await?);
    assert!(host.printed()?.contains("waits for the plugin `later`"), "{}", host.printed()?);
    host.put("later", &std::fs::read(toolhost_tests::component("good")?)?)?;
    let adds = async || Ok(host.call("later__add", json!({ "a": 1, "b": 2 })).await?.0 == 200);
    until("the tool is never there", adds).await?;
    assert_eq!(refusal(&host, "later__echo", json!({ "message": "hi" })).await?.0, 404);
    Ok(())
}

#[tokio::test]
async fn a_plugin_that_is_no_more_takes_only_its_own_policies_along() -> Result<()> {
    let policy = format!("{ECHO}\npermit (principal, action == Action::\"other__echo\", resource);");
    let setup = Setup::new(NAMED).beside("policy.cedar", policy).plugin("good", "good")?.plugin("other", "good")?;
    let host = setup.start().await?;
    assert!(echoes(&host).await?);
    host.remove("other")?;
    let told = async || Ok(failure(&host).await?["message"].as_str().is_some_and(|said| said.contains("other__echo")));
    until("/ready never says that the policy speaks of a tool that is gone", told).await?;
    assert!(echoes(&host).await?, "the rest of it holds");
    Ok(())
}
