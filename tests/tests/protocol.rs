//! What agents see: the same tools and the same answers by every door and in every era.

use anyhow::Result;
use serde_json::json;
use toolhost_tests::mcp::{ERAS, Mcp};
use toolhost_tests::toolhost::{Setup, Toolhost};

async fn good() -> Result<Toolhost> {
    Setup::new("[plugins.good]\nsettings = { greeting = \"hello\" }\n").plugin("good", "good")?.start().await
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
