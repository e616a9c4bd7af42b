//! Progress: told to whom asked for it, in order, and before the result.

use anyhow::Result;
use serde_json::{Value, json};
use toolhost_tests::mcp::{ERAS, Mcp};

use crate::{events, good};

#[tokio::test]
async fn a_client_that_gave_a_token_hears_of_each_step_in_order_before_the_result() -> Result<()> {
    let host = good().await?;
    for era in ERAS {
        for token in [json!("steps-1"), json!(7)] {
            let mut client = Mcp::connect(host.url(), era).await?;
            let arguments = json!({ "count": 5, "pause_ms": 60 });
            let params = json!({ "name": "good__steps", "arguments": arguments, "_meta": { "progressToken": token } });
            let response = client.send("tools/call", params).await?;
            let kind = response.header("content-type").unwrap_or_default();
            assert!(kind.starts_with("text/event-stream"), "{era:?}: {kind}");
            let events = events(&response);
            let Some((result, reports)) = events.split_last() else { panic!("{era:?}: no events") };
            assert_eq!(result["result"]["content"][0]["text"], "5 steps", "{era:?}: {result}");
            let reports: Vec<&Value> =
                reports.iter().filter(|event| event["method"] == "notifications/progress").collect();
            assert_eq!(reports.len(), 5, "{era:?}: {events:?}");
            for (step, report) in (1..).zip(reports) {
                let params = &report["params"];
                assert_eq!(params["progressToken"], token, "{era:?}: {report}");
                assert_eq!(params["progress"].as_f64(), Some(f64::from(step)), "{era:?}: {report}");
                assert_eq!(params["total"].as_f64(), Some(5.0), "{era:?}: {report}");
                assert_eq!(params["message"], format!("step {step}"), "{era:?}: {report}");
            }
        }
    }
    Ok(())
}

#[tokio::test]
async fn progress_only_ever_grows_and_is_never_a_flood() -> Result<()> {
    let host = good().await?;
    for era in ERAS {
        let mut client = Mcp::connect(host.url(), era).await?;
        let arguments = json!({ "count": 2_000, "pause_ms": 0 });
        let params = json!({ "name": "good__steps", "arguments": arguments, "_meta": { "progressToken": "t" } });
        let response = client.send("tools/call", params).await?;
        let done: Vec<f64> =
            events(&response).iter().filter_map(|event| event["params"]["progress"].as_f64()).collect();
        assert!(!done.is_empty() && done.len() < 1_000, "{era:?}: {} reports", done.len());
        assert!(done.is_sorted_by(|before, after| before < after), "{era:?}: {done:?}");
        assert_eq!(response.json()?["result"]["content"][0]["text"], "2000 steps", "{era:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_client_that_gave_no_token_hears_of_no_step() -> Result<()> {
    let host = good().await?;
    for era in ERAS {
        let mut client = Mcp::connect(host.url(), era).await?;
        let params = json!({ "name": "good__steps", "arguments": { "count": 3, "pause_ms": 20 } });
        let response = client.send("tools/call", params).await?;
        assert!(!response.text().contains("notifications/progress"), "{era:?}: {}", response.text());
        assert_eq!(response.json()?["result"]["content"][0]["text"], "3 steps", "{era:?}");
    }
    Ok(())
}
