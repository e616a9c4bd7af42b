//! Marked secrets in every place that holds one, every kind of error, servers that repeat what
//! they were sent, and all that the host says: no mark may be in it.

use std::time::Duration;

use anyhow::Result;
use serde_json::json;
use toolhost_tests::bedrock::{Bedrock, MODELS, Reply as BedrockReply};
use toolhost_tests::canary::Said;
use toolhost_tests::mcp::{ERAS, Mcp};
use toolhost_tests::openai::{Openai, Reply};
use toolhost_tests::{Toolhost, component};

use crate::bench::{Grant, TOOL, arguments, command, refusal, setup_with};

const KEY: &str = "canary-key-51aa";
const WRONG_KEY: &str = "canary-wrong-key-9c3e";
const WRONG_SECRET: &str = "canary-secret-key-42c0";
const TOKEN: &str = "canary-session-token-e3b9";
const WRONG_TOKEN: &str = "canary-wrong-token-90d4";

/// A model of each kind that works, and one of each way not to.
fn grants(api: &Bedrock, server: &Openai) -> Vec<Grant> {
    let aws = |name: &str| {
        let token = format!(", session_token = \"env:{name}_TOKEN\" }}");
        Grant::bedrock(name, api).backend(" }", &token).env(&format!("{name}_TOKEN"), TOKEN)
    };
    let local = |name: &str| Grant::openai(name, server, KEY);
    vec![
        aws("aws").with("time_max_ms = 3000"),
        aws("unsigned").env("unsigned_SECRET", WRONG_SECRET),
        aws("stolen").env("stolen_TOKEN", WRONG_TOKEN),
        aws("unknown").backend(MODELS[0], "anthropic.claude-v99"),
        aws("away").backend(api.endpoint_url(), "http://127.0.0.1:1"),
        local("local").with("time_max_ms = 3000"),
        local("wrong").env("wrong_KEY", WRONG_KEY),
        local("nowhere").backend(server.base_url(), "http://localhost:1/canary-path"),
        Grant::extract("none"),
        Grant::client("own"),
    ]
}

const NAMES: [&str; 10] = ["aws", "unsigned", "stolen", "unknown", "away", "local", "wrong", "nowhere", "none", "own"];

/// Makes every kind of error happen, and collects all that is answered.
async fn provoke(host: &Toolhost, api: &Bedrock, server: &Openai) -> Result<String> {
    let mut heard = String::new();
    for source in NAMES {
        heard += &host.call(TOOL, arguments(source, "1 2 3", "What is it?")).await?.1.to_string();
    }
    for action in ["bedrock:InvokeModel", "bedrock:ApplyGuardrail"] {
        api.deny(action);
        heard += &host.call(TOOL, arguments("aws", "1", "What is it?")).await?.1.to_string();
    }
    api.deny(None);
    for reply in [
        BedrockReply::Fails(400, "ValidationException", "Input is too long for requested model."),
        BedrockReply::Fails(424, "ModelErrorException", "x"),
        BedrockReply::Fails(400, "SomethingElse", "x"),
        BedrockReply::Waits(Duration::from_secs(60)),
    ] {
        api.then(reply);
        heard += &host.call(TOOL, arguments("aws", "1", "What is it?")).await?.1.to_string();
    }
    api.always(BedrockReply::throttled());
    heard += &format!("{:?}", refusal(host, "aws").await?);
    api.always(None);
    // These repeat the key in what they answer.
    for status in [302, 400, 401, 403, 404, 413, 418, 422] {
        server.then(Reply::Fails(status, vec![("location", "http://127.0.0.1:1/canary-elsewhere")]));
        heard += &host.call(TOOL, arguments("local", "1", "What is it?")).await?.1.to_string();
    }
    for status in [408, 429, 500, 503] {
        server.then(Reply::Fails(status, vec![("retry-after", "60")]));
        heard += &host.call(TOOL, arguments("local", "1", "What is it?")).await?.1.to_string();
    }
    server.then(Reply::Says(format!("I was sent {KEY}.")));
    heard += &host.call(TOOL, arguments("local", "1", "What is it?")).await?.1.to_string();
    // With the right credentials, token and all, both answer.
    for source in ["aws", "local"] {
        let (status, answer) = host.call(TOOL, arguments(source, "1", "What is it?")).await?;
        assert_eq!(status, 200, "{source}: {answer}");
    }
    for path in ["/", "/tools", "/ready", "/health", "/no-such-page"] {
        heard += &host.get(path).await?.text();
    }
    for era in ERAS {
        let mut client = Mcp::connect(host.url(), era).await?;
        heard += &client.instructions;
        heard += &json!(client.tools().await?).to_string();
        heard += &client.call(TOOL, arguments("wrong", "1", "What is it?")).await?.to_string();
    }
    Ok(heard)
}

async fn no_mark_is_heard(level: &str) -> Result<()> {
    let (api, server) = (Bedrock::start().await?, Openai::start(KEY).await?);
    api.set_session_token(TOKEN);
    let grants = grants(&api, &server);
    let host = setup_with(&grants, "")?.argument("--log").argument(level).start().await?;
    let heard = provoke(&host, &api, &server).await?;
    let (_, checked) = command(&host, &grants, &["--log", level, "check"]).await?;
    let plugin = component("bedrock")?.display().to_string();
    let (_, inspected) = command(&host, &grants, &["--log", level, "inspect", &plugin]).await?;
    let said = Said::by(&host, heard.clone()).await?.and("check", checked).and("inspect", inspected);
    said.holds_none_of([KEY, WRONG_KEY, WRONG_SECRET, TOKEN, WRONG_TOKEN, api.secret_key()]);
    // Agents are told nothing of where a model is.
    for hidden in
        ["canary-path", "canary-elsewhere", "localhost:1", "127.0.0.1:1/", api.access_key(), api.endpoint_url()]
    {
        let at = heard.find(hidden).map(|at| heard.get(at.saturating_sub(300)..at + 100).unwrap_or_default());
        assert_eq!(at, None, "{hidden}");
    }
    // What was looked for did come about.
    for sign in
        ["AWS did not accept", "cannot be reached", "did not accept the host's key", "throttles", "not followed"]
    {
        assert!(heard.contains(sign), "{sign}");
    }
    Ok(())
}

#[tokio::test]
async fn no_secret_is_in_anything_that_the_host_answers_or_prints() -> Result<()> {
    no_mark_is_heard("debug").await
}

#[tokio::test]
async fn no_secret_is_in_the_log_even_when_it_is_told_to_say_everything() -> Result<()> {
    no_mark_is_heard("trace").await
}
