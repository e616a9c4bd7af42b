//! Tools that ask the caller's user or model before they answer, as the libraries carry that.

use anyhow::{Context as _, Result};
use serde_json::json;

use super::libraries::{ERAS, Library};

#[tokio::test]
async fn a_tool_may_ask_the_user_of_every_client_in_both_eras() -> Result<()> {
    let host = super::fixtures().await?;
    let calls = [
        json!({ "tool": "test_elicitation", "arguments": { "message": "Who are you?" } }),
        json!({ "tool": "test_input_required_result_elicitation" }),
    ];
    // One answer for both questions: each takes the properties that it asked for.
    let answer = json!({ "username": "ada", "email": "ada@example.com", "name": "Ada" }).to_string();
    for library in Library::ALL {
        for (mode, _) in ERAS {
            let seen = library.look(&host, &[mode, "--answer", &answer], &calls).await?;
            for (result, says) in [(&seen["results"][0], "ada@example.com"), (&seen["results"][1], "Hello, Ada!")] {
                let text = result["content"][0]["text"].as_str().with_context(|| format!("no text: {result}"))?;
                assert!(text.contains(says), "{library:?} {mode}: {text}");
            }
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_tool_may_ask_the_model_of_every_client_in_both_eras() -> Result<()> {
    let host = super::fixtures().await?;
    let calls = [json!({ "tool": "test_sampling", "arguments": { "prompt": "What is the capital of France?" } })];
    for library in Library::ALL {
        for (mode, _) in ERAS {
            let seen = library.look(&host, &[mode, "--lend", "Paris."], &calls).await?;
            let result = &seen["results"][0];
            assert_eq!(result["content"][0]["text"], "LLM response: Paris.", "{library:?} {mode}: {result}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_client_that_can_ask_nobody_is_told_so_and_never_left_waiting() -> Result<()> {
    let host = super::fixtures().await?;
    let calls = [
        json!({ "tool": "test_elicitation", "arguments": { "message": "Who are you?" } }),
        json!({ "tool": "test_sampling", "arguments": { "prompt": "Hello?" } }),
    ];
    for library in Library::ALL {
        for (mode, _) in ERAS {
            let seen = library.look(&host, &[mode], &calls).await?;
            let results = seen["results"].as_array().context("no results")?;
            assert_eq!(results.len(), calls.len(), "{library:?} {mode}: {seen}");
            for result in results {
                let refused = result["isError"] == true || result["error"]["code"].is_i64();
                assert!(refused, "{library:?} {mode}: {result}");
            }
        }
    }
    Ok(())
}
