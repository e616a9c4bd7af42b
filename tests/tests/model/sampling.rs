//! The calling agent's own model: asked where its client lends it, and told how where it does not.

use anyhow::Result;
use serde_json::{Value, json};
use toolhost_tests::lender::Lender;
use toolhost_tests::mcp::{Era, Mcp};

use crate::bench::{Grant, PATIENCE, TOOL, arguments, error, host, refusal, setup_with};

const QUESTION: &str = "What is it?";

fn says(text: &str, stop: &str) -> Value {
    json!({ "model": "agent-7b", "role": "assistant", "stopReason": stop, "content": { "type": "text", "text": text } })
}

#[tokio::test]
async fn a_client_that_lends_its_model_is_asked_on_the_stream_of_its_call() -> Result<()> {
    let host = host(&[Grant::client("own").with("output_tokens_max = 77")]).await?;
    let client = Lender::connect(host.url(), json!({ "sampling": {} })).await?;
    for (stop, expected, truncated) in [
        ("endTurn", "end", false),
        ("maxTokens", "output_limit", true),
        ("stopSequence", "stop_sequence", false),
        ("x", "other", false),
    ] {
        let heard = client.call(TOOL, arguments("own", "1 2 3", QUESTION), |_| Some(says("A list.", stop))).await?;
        let answer = &heard.result["structuredContent"];
        assert_eq!((&answer["analysis"], &answer["model_used"]), (&json!("A list."), &json!("agent-7b")), "{heard:?}");
        assert_eq!((&answer["stop"], &answer["truncated"]), (&json!(expected), &json!(truncated)));
        assert_eq!(answer.get("usage"), None, "nobody counted");
        let [asked] = &heard.asked[..] else { anyhow::bail!("{heard:?}") };
        assert_eq!(asked["method"], "sampling/createMessage");
        assert_eq!(asked["params"]["maxTokens"], 77);
        assert!(asked["params"]["systemPrompt"].as_str().is_some_and(|system| system.contains("You analyse data")));
        let text = format!("<data>\n1 2 3\n</data>\n\n{QUESTION}");
        assert_eq!(
            asked["params"]["messages"],
            json!([{ "role": "user", "content": { "type": "text", "text": text } }])
        );
    }
    Ok(())
}

#[tokio::test]
async fn a_client_that_declines_or_answers_in_pictures_is_told_so() -> Result<()> {
    let host = host(&[Grant::client("own")]).await?;
    let client = Lender::connect(host.url(), json!({ "sampling": {} })).await?;
    let declined = json!({ "error": { "code": -1, "message": "secret reason of the person" } });
    let picture = json!({
        "model": "agent-7b", "role": "assistant",
        "content": { "type": "image", "data": "AAAA", "mimeType": "image/png" },
    });
    for (said, words) in [(declined, "the person who uses it, declined"), (picture, "something else than was asked")] {
        let heard = client.call(TOOL, arguments("own", "1", QUESTION), |_| Some(said.clone())).await?;
        let told = error(&heard.result)?;
        assert_eq!(told.kind, "failed", "{told:?}");
        assert!(told.message.contains(words) && !told.message.contains("secret"), "{told:?}");
    }
    // The session is as good as before.
    let heard = client.call(TOOL, arguments("own", "1", QUESTION), |_| Some(says("Yes.", "endTurn"))).await?;
    assert_eq!(heard.result["structuredContent"]["analysis"], "Yes.");
    Ok(())
}

#[tokio::test]
async fn a_client_that_does_not_answer_in_time_is_told_that_nobody_waits_any_more() -> Result<()> {
    let host = host(&[Grant::client("own").with("time_max_ms = 500")]).await?;
    let client = Lender::connect(host.url(), json!({ "sampling": {} })).await?;
    // rmcp tells it on the stream that belongs to no call.
    let mut events = client.listen().await?;
    let heard = client.call(TOOL, arguments("own", "1", QUESTION), |_| None).await?;
    let told = error(&heard.result)?;
    assert!(told.kind == "limited" && told.message.contains("`time_max_ms`"), "{told:?}");
    let message = tokio::time::timeout(PATIENCE, events.next()).await??.unwrap_or_default();
    assert_eq!(message["method"], "notifications/cancelled", "{message}");
    assert_eq!(message["params"]["requestId"], heard.asked[0]["id"], "{message}");
    Ok(())
}

#[tokio::test]
async fn a_caller_without_a_model_to_lend_is_told_what_to_do() -> Result<()> {
    let host = setup_with(&[Grant::client("own")], "")?.start().await?;
    let call = arguments("own", "1", QUESTION);
    // By REST, and by a client that offers nothing, in both eras.
    let by_rest = refusal(&host, "own").await?;
    let legacy = Lender::connect(host.url(), json!({})).await?.call(TOOL, call.clone(), |_| None).await?;
    assert!(legacy.asked.is_empty(), "it was asked all the same: {legacy:?}");
    for told in [by_rest, error(&legacy.result)?] {
        assert_eq!(told.kind, "client-lacks", "{told:?}");
        assert_eq!(told.message, "The client cannot do what this needs.");
    }
    // The newest revision has an error of its own for it, which names what is missing.
    let modern = Mcp::connect(host.url(), Era::Modern).await?.call(TOOL, call).await.expect_err("is refused");
    let told = format!("{modern:#}");
    assert!(told.contains("-32021") && told.contains(r#""requiredCapabilities":{"sampling":{}}"#), "{told}");
    Ok(())
}
