//! What agents see: the same tools and the same answers by every door and in every era.

use anyhow::Result;
use serde_json::{Value, json};
use toolhost_tests::http::Response;
use toolhost_tests::mcp::{ERAS, Mcp};
use toolhost_tests::toolhost::{Setup, Toolhost};

#[path = "protocol/connections.rs"]
mod connections;
#[path = "protocol/eras.rs"]
mod eras;
#[path = "protocol/origin.rs"]
mod origin;
#[path = "protocol/progress.rs"]
mod progress;
#[path = "protocol/rest.rs"]
mod rest;
#[path = "protocol/stop.rs"]
mod stop;

async fn good() -> Result<Toolhost> {
    Setup::new("[plugins.good]\nsettings = { greeting = \"hello\" }\n").plugin("good", "good")?.start().await
}

/// The messages of an event stream, in order.
fn events(response: &Response) -> Vec<Value> {
    let text = response.text();
    let data = text.lines().filter_map(|line| line.strip_prefix("data:"));
    data.filter_map(|data| serde_json::from_str(data.trim()).ok()).collect()
}

#[tokio::test]
async fn the_same_call_gives_the_same_answer_by_mcp_and_by_rest() -> Result<()> {
    let host = good().await?;
    let arguments = json!({ "message": "hi", "payload": { "n": 1 } });
    let (status, by_rest) = host.call("good__echo", arguments.clone()).await?;
    assert_eq!(status, 200, "{by_rest}");
    for era in ERAS {
        let by_mcp = Mcp::connect(host.url(), era).await?.call("good__echo", arguments.clone()).await?;
        for key in ["content", "structuredContent", "isError"] {
            assert_eq!(by_mcp[key], by_rest[key], "{era:?} {key}");
        }
    }
    Ok(())
}
