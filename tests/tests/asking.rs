//! Plugins and their client: what they ask it, in one linear call whatever the revision of the
//! protocol, and how they notice that it is gone.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use toolhost_tests::Toolhost;
use toolhost_tests::lender::Lender;
use toolhost_tests::mcp::{ERAS, Era, Mcp};
use toolhost_tests::toolhost::Setup;

/// A tool that asks for a name, and greets whoever has it.
const TOOL: &str = "test_input_required_result_elicitation";

async fn host() -> Result<Toolhost> {
    Setup::new("[plugins.conformance]\nprefix = \"\"\n").plugin("conformance", "conformance")?.start().await
}

async fn modern(host: &Toolhost) -> Result<Mcp> {
    Ok(Mcp::connect(host.url(), Era::Modern).await?.capable_of(json!({ "elicitation": {} })))
}

fn accept(content: Value) -> Value {
    json!({ "action": "accept", "content": content })
}

/// The second request of a call: the same, with the state of the first and a reply.
fn again(tool: &str, state: &Value, reply: Value) -> Value {
    json!({ "name": tool, "arguments": {}, "requestState": state, "inputResponses": { "user_name": reply } })
}

fn text(result: &Value) -> &str {
    result["content"][0]["text"].as_str().unwrap_or_default()
}

#[tokio::test]
async fn one_plugin_asks_the_same_question_on_every_revision() -> Result<()> {
    let host = host().await?;
    let mut questions = Vec::new();
    for revision in ["2025-06-18", "2025-11-25"] {
        let client = Lender::connect_by(host.url(), revision, json!({ "elicitation": {} })).await?;
        let heard = client.call(TOOL, json!({}), |_| Some(accept(json!({ "name": "Ada" })))).await?;
        assert_eq!(text(&heard.result), "Hello, Ada!", "{revision}: {heard:?}");
        let [asked] = &heard.asked[..] else { anyhow::bail!("{revision}: {heard:?}") };
        assert_eq!(asked["method"], "elicitation/create", "{revision}");
        questions.push(asked["params"].clone());
    }
    let mut client = modern(&host).await?;
    let first = client.call(TOOL, json!({})).await?;
    assert_eq!(first["resultType"], "input_required", "{first}");
    let asked = &first["inputRequests"]["user_name"];
    assert_eq!(asked["method"], "elicitation/create", "{first}");
    questions.push(asked["params"].clone());
    let params = again(TOOL, &first["requestState"], accept(json!({ "name": "Ada" })));
    let second = client.request("tools/call", params).await?;
    assert_eq!(text(&second), "Hello, Ada!", "{second}");
    for question in &questions {
        for field in ["message", "requestedSchema"] {
            assert_eq!(question[field], questions[0][field], "{questions:#?}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_state_is_good_for_the_call_that_it_was_given_for_and_no_other() -> Result<()> {
    let host = host().await?;
    let mut client = modern(&host).await?;
    let first = client.call(TOOL, json!({})).await?;
    let state = first["requestState"].as_str().context("no state")?;
    let reply = || accept(json!({ "name": "Ada" }));
    let other = "test_input_required_result_request_state";
    let mut with_arguments = again(TOOL, &json!(state), reply());
    with_arguments["arguments"] = json!({ "extra": 1 });
    for (what, params) in [
        ("changed", again(TOOL, &json!(format!("{state}A")), reply())),
        ("made up", again(TOOL, &json!("e30~AAAA"), reply())),
        ("of another tool", again(other, &json!(state), reply())),
        ("of other arguments", with_arguments),
    ] {
        let answer = client.send("tools/call", params).await?.json()?;
        assert_eq!(answer["error"]["code"], -32602, "{what}: {answer}");
    }
    let second = client.request("tools/call", again(TOOL, &json!(state), reply())).await?;
    assert_eq!(text(&second), "Hello, Ada!", "the state itself is as good as before: {second}");
    Ok(())
}

#[tokio::test]
async fn a_reply_that_does_not_fit_is_asked_for_again() -> Result<()> {
    let host = host().await?;
    let mut client = modern(&host).await?;
    let first = client.call(TOOL, json!({})).await?;
    for wrong in [accept(json!({ "name": 7 })), accept(json!({})), json!({ "action": "shrug" }), json!("Ada")] {
        let second = client.request("tools/call", again(TOOL, &first["requestState"], wrong.clone())).await?;
        assert_eq!(second["resultType"], "input_required", "{wrong}: {second}");
        assert!(second["inputRequests"]["user_name"].is_object(), "{wrong}: {second}");
    }
    // In place it is asked three times, and then given up.
    let client = Lender::connect(host.url(), json!({ "elicitation": {} })).await?;
    let heard = client.call(TOOL, json!({}), |_| Some(accept(json!({ "name": 7 })))).await?;
    assert_eq!((heard.asked.len(), &heard.result["isError"]), (3, &json!(true)), "{heard:?}");
    Ok(())
}

#[tokio::test]
async fn a_user_who_declines_or_goes_away_ends_the_call_with_that() -> Result<()> {
    let host = host().await?;
    for (action, kind) in [("decline", "denied"), ("cancel", "unavailable")] {
        let mut client = modern(&host).await?;
        let first = client.call(TOOL, json!({})).await?;
        let params = again(TOOL, &first["requestState"], json!({ "action": action }));
        let second = client.request("tools/call", params).await?;
        assert_eq!(second["_meta"]["toolhost/error"]["kind"], kind, "{second}");
        let client = Lender::connect(host.url(), json!({ "elicitation": {} })).await?;
        let heard = client.call(TOOL, json!({}), |_| Some(json!({ "action": action }))).await?;
        assert_eq!(heard.result["_meta"]["toolhost/error"]["kind"], kind, "{heard:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_user_may_think_for_longer_than_a_call_may_take_but_not_for_ever() -> Result<()> {
    let config = "[plugins.conformance]\nprefix = \"\"\n[limits]\ndeadline_ms = 200\nreply_ms = 1500\n";
    let host = Setup::new(config).plugin("conformance", "conformance")?.start().await?;
    let client = Lender::connect(host.url(), json!({ "elicitation": {} })).await?;
    let thinks = |_: &Value| {
        std::thread::sleep(Duration::from_millis(600));
        Some(accept(json!({ "name": "Ada" })))
    };
    let heard = client.call(TOOL, json!({}), thinks).await?;
    assert_eq!(text(&heard.result), "Hello, Ada!", "{heard:?}");
    let heard = client.call(TOOL, json!({}), |_| None).await?;
    assert_eq!(heard.result["_meta"]["toolhost/error"]["kind"], "unavailable", "{heard:?}");
    Ok(())
}

#[tokio::test]
async fn a_call_that_wrote_something_may_ask_no_more() -> Result<()> {
    let config = "[plugins.keeper]\ngrants = [\"kv.notes\"]\n[kv.notes]\nmemory = {}\n";
    let host = Setup::new(config).plugin("keeper", "keeper")?.start().await?;
    let mut client = modern(&host).await?;
    let first = client.call("keeper__ask_and_put", json!({ "put_first": false })).await?;
    assert_eq!(first["resultType"], "input_required", "{first}");
    let refused = client.call("keeper__ask_and_put", json!({ "put_first": true })).await?;
    assert_eq!(refused["_meta"]["toolhost/error"]["kind"], "denied", "{refused}");
    assert!(text(&refused).contains("ask before you act"), "{refused}");
    // In the revisions that could ask all the same, so that a plugin is right on all or on none.
    let client = Lender::connect(host.url(), json!({ "elicitation": {} })).await?;
    let heard = client.call("keeper__ask_and_put", json!({ "put_first": true }), |_| None).await?;
    assert!(heard.asked.is_empty() && text(&heard.result).contains("ask before you act"), "{heard:?}");
    Ok(())
}

/// Waits until the host's log says this.
async fn until_logged(host: &Toolhost, text: &str) -> Result<()> {
    let began = Instant::now();
    while !host.printed()?.contains(text) {
        ensure!(began.elapsed() < Duration::from_secs(20), "it never said {text:?}: {}", host.printed()?);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Ok(())
}

#[tokio::test]
async fn a_plugin_that_looks_for_it_notices_that_its_call_was_taken_back() -> Result<()> {
    for era in ERAS {
        let config = "[limits]\ndeadline_ms = 60000\n[plugins.good]\n";
        let host = Setup::new(config).plugin("good", "good")?.start().await?;
        let mut client = Mcp::connect(host.url(), era).await?;
        let (mut other, id) = (client.beside().await?, client.next_id());
        let call = client.call("good__work_until_taken_back", json!({}));
        tokio::select! {
            answer = call => anyhow::bail!("it was answered: {answer:?}"),
            begun = until_logged(&host, "the work begins") => begun?,
        }
        match era {
            Era::Legacy => other.cancel(id).await?,
            Era::Modern => drop(client),
        }
        until_logged(&host, "the work is tidied up").await?;
    }
    Ok(())
}

#[tokio::test]
async fn what_a_plugin_says_of_its_pages_reaches_the_client_as_it_is() -> Result<()> {
    let host = Setup::new("[plugins.gallery]\n").plugin("gallery", "gallery")?.start().await?;
    for era in ERAS {
        let mut client = Mcp::connect(host.url(), era).await?;
        let tools = client.tools().await?;
        let show = tools.iter().find(|tool| tool["name"] == "gallery__show").context("no tool")?;
        assert_eq!(show["_meta"]["ui"], json!({ "resourceUri": "ui://gallery/page" }), "{era:?}: {show}");
        let listed = client.request("resources/list", json!({})).await?;
        let page = &listed["resources"][0];
        assert_eq!((&page["uri"], &page["_meta"]["ui"]["prefersBorder"]), (&json!("ui://gallery/page"), &json!(true)));
        let read = client.request("resources/read", json!({ "uri": "ui://gallery/page" })).await?;
        let page = &read["contents"][0];
        assert_eq!(page["mimeType"], "text/html;profile=mcp-app", "{era:?}: {read}");
        assert!(page["text"].as_str().is_some_and(|text| text.starts_with("<!doctype html>")), "{era:?}: {read}");
    }
    Ok(())
}
