//! A plugin that ends badly: its call fails, and nothing else does.

use anyhow::Result;
use serde_json::json;
use toolhost_tests::mcp::{ERAS, Mcp};
use toolhost_tests::toolhost::{Setup, Toolhost};

use crate::{kind, text, until};

/// Words that belong in the operator's log and in no answer.
const INNARDS: [&str; 6] = ["backtrace", "wasm", "rust_panic", "0x", "liar gave up", "unreachable"];

async fn host() -> Result<Toolhost> {
    let config = "[plugins.endless.limits]\ndeadline_ms = 1000\n";
    Setup::new(config).plugin("liar", "liar")?.plugin("endless", "endless")?.start().await
}

#[tokio::test]
async fn a_plugin_that_panics_fails_its_call_and_nothing_else() -> Result<()> {
    let host = host().await?;
    let (status, answer) = host.call("liar__panic", json!({})).await?;
    assert_eq!((status, kind(&answer)), (500, "crashed"), "{answer}");
    let mut answers = vec![answer.to_string()];
    for era in ERAS {
        let answer = Mcp::connect(host.url(), era).await?.call("liar__panic", json!({})).await?;
        assert_eq!((answer["isError"].as_bool(), kind(&answer)), (Some(true), "crashed"), "{answer}");
        answers.push(answer.to_string());
    }
    for answer in answers {
        for word in INNARDS {
            assert!(!answer.contains(word), "{word} in {answer}");
        }
    }
    until("the operator's log tells of the panic", || {
        let log = host.printed()?;
        Ok(log.contains("liar gave up") && log.contains("backtrace") && log.contains("plugin.name=\"liar\""))
    })
    .await?;
    let (status, next) = host.call("liar__truth", json!({})).await?;
    assert_eq!((status, &next["structuredContent"]["result"]), (200, &json!(true)), "{next}");
    Ok(())
}

#[tokio::test]
async fn a_plugin_that_exits_ends_its_call_and_not_the_host() -> Result<()> {
    let host = host().await?;
    let (status, answer) = host.call("liar__exit", json!({})).await?;
    assert_eq!((status, kind(&answer)), (500, "crashed"), "{answer}");
    let (status, next) = host.call("liar__truth", json!({})).await?;
    assert_eq!(status, 200, "{next}");
    Ok(())
}

#[tokio::test]
async fn a_plugin_that_calls_itself_for_ever_crashes_its_call() -> Result<()> {
    let host = host().await?;
    let (status, answer) = host.call("endless__recurse", json!({})).await?;
    assert_eq!((status, kind(&answer)), (500, "crashed"), "{answer}");
    assert!(!text(&answer).contains("stack"), "{answer}");
    assert_eq!(host.get("/health").await?.status, 200);
    Ok(())
}

#[tokio::test]
async fn a_plugin_that_waits_for_ever_is_stopped_at_its_deadline() -> Result<()> {
    let host = host().await?;
    let (status, answer) = host.call("endless__wait", json!({})).await?;
    assert_eq!((status, kind(&answer)), (504, "deadline"), "{answer}");
    assert!(text(&answer).contains("1000 ms"), "{answer}");
    Ok(())
}
