//! Answers that no client should see: too large, too deep, not text, not what was promised.

use anyhow::Result;
use serde_json::{Value, json};
use toolhost_tests::toolhost::{Setup, Toolhost};

use crate::{kind, message, text};

/// `greedy` has the default limits; `large` is the same plugin with room for 100 MB.
async fn host() -> Result<Toolhost> {
    let config = "[plugins.greedy]\n[plugins.large]\nfile = \"greedy.wasm\"\nlimits = { memory_mib = 256 }\n";
    Setup::new(config).plugin("greedy", "greedy")?.plugin("liar", "liar")?.start().await
}

#[tokio::test]
async fn an_answer_beyond_its_limit_is_refused_and_not_kept() -> Result<()> {
    let host = host().await?;
    let (status, modest) = host.call("large__modest", json!({})).await?;
    assert_eq!(status, 200, "{modest}");
    let before = host.memory_kib()?;
    for _ in 0..5 {
        let (status, answer) = host.call("large__babble", json!({ "megabytes": 100 })).await?;
        assert_eq!((status, kind(&answer)), (500, "over-limit"), "{answer}");
        assert!(answer.to_string().len() < 1_000, "it came through");
    }
    let grown = host.memory_kib()?.saturating_sub(before);
    assert!(grown < 150 << 10, "500 MB of answers left {grown} KiB behind");
    // Small enough to pass, too large to answer.
    let (status, answer) = host.call("greedy__babble", json!({ "megabytes": 5 })).await?;
    assert_eq!((status, kind(&answer)), (500, "over-limit"), "{answer}");
    assert!(message(&answer).contains("`output_kib` is 4096"), "{answer}");
    let (status, answer) = host.call("greedy__babble", json!({ "megabytes": 3 })).await?;
    assert_eq!((status, text(&answer).len()), (200, 3 << 20));
    Ok(())
}

#[tokio::test]
async fn structured_content_nested_too_deep_is_refused() -> Result<()> {
    let host = host().await?;
    for depth in [1_000, 100_000] {
        let (status, answer) = host.call("greedy__nest", json!({ "depth": depth })).await?;
        assert_eq!((status, kind(&answer)), (502, "bad-output"), "{depth}: {answer}");
    }
    let (status, answer) = host.call("greedy__nest", json!({ "depth": 2 })).await?;
    assert_eq!((status, &answer["structuredContent"]), (200, &json!({ "a": { "a": {} } })));
    Ok(())
}

#[tokio::test]
async fn an_answer_that_is_not_what_was_promised_is_refused_and_the_plugin_blamed() -> Result<()> {
    let host = host().await?;
    for (tool, says) in [
        ("break_schema", "its own output schema: `result`"),
        ("not_json", "the structured outcome is no usable JSON"),
        ("meta_list", "the outcome's `meta` is no JSON object"),
        ("part_meta_list", "a part's `meta` is no JSON object"),
    ] {
        let (status, answer) = host.call(&format!("liar__{tool}"), json!({})).await?;
        assert_eq!((status, kind(&answer)), (502, "bad-output"), "{tool}: {answer}");
        assert!(message(&answer).contains(says) && message(&answer).contains("at fault"), "{tool}: {answer}");
        assert_eq!(answer["structuredContent"], Value::Null, "{tool}");
        assert!(!answer.to_string().contains("seven"), "the value came through: {answer}");
    }
    Ok(())
}

#[tokio::test]
async fn an_answer_that_is_not_utf8_is_refused_as_bad_output() -> Result<()> {
    let host = host().await?;
    let (status, answer) = host.call("liar__not_utf8", json!({})).await?;
    assert_eq!((status, kind(&answer)), (502, "bad-output"), "{answer}");
    let (status, next) = host.call("liar__truth", json!({})).await?;
    assert_eq!(status, 200, "{next}");
    Ok(())
}
