//! `search_tools`: the right tool of many, by both doors.

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use toolhost_tests::mcp::{ERAS, Mcp};
use toolhost_tests::toolhost::{Setup, Toolhost};

const SEARCH: &str = "search_tools";

async fn names(host: &Toolhost) -> Result<Vec<String>> {
    let listed = host.get("/tools").await?.json()?;
    let tools = listed["tools"].as_array().context("no tools")?.clone();
    Ok(tools.iter().filter_map(|tool| Some(tool["name"].as_str()?.to_owned())).collect())
}

#[tokio::test]
async fn the_answer_holds_the_schema_so_that_the_next_message_can_be_the_call() -> Result<()> {
    let host = Setup::new("[serve]\nsearch = true\n[plugins.good]\n").plugin("good", "good")?.start().await?;
    let question = json!({ "query": "sum up two numbers", "limit": 3 });
    let (status, by_rest) = host.call(SEARCH, question.clone()).await?;
    assert_eq!(status, 200, "{by_rest}");
    for era in ERAS {
        let mut client = Mcp::connect(host.url(), era).await?;
        assert!(client.tools().await?.iter().any(|tool| tool["name"] == SEARCH), "{era:?}");
        let found = client.call(SEARCH, question.clone()).await?;
        assert_eq!(found["structuredContent"], by_rest["structuredContent"], "{era:?}");
        let best = &found["structuredContent"]["tools"][0];
        assert_eq!(best["name"], "good__add", "{era:?}: {found}");
        let asked: Vec<&String> = best["inputSchema"]["properties"].as_object().context("no schema")?.keys().collect();
        let arguments: Value = asked.into_iter().map(|name| (name.clone(), json!(20))).collect();
        let sum = client.call("good__add", arguments).await?;
        assert_eq!(sum["structuredContent"]["result"], 40, "{era:?}: {sum}");
        let refused = client.call(SEARCH, json!({ "query": 7 })).await?;
        assert_eq!(refused["_meta"]["toolhost/error"]["kind"], "invalid-arguments", "{era:?}: {refused}");
    }
    Ok(())
}

#[tokio::test]
async fn it_is_there_by_itself_with_many_tools_and_not_with_few() -> Result<()> {
    let few = Setup::new("[plugins.good]\n").plugin("good", "good")?.start().await?;
    assert!(!names(&few).await?.contains(&SEARCH.to_owned()));
    let (status, answer) = few.call(SEARCH, json!({ "query": "x" })).await?;
    assert_eq!(status, 404, "{answer}");
    let plugin = |number: usize| format!("[plugins.good{number}]\nfile = \"good.wasm\"\n");
    let config: String = (0..5).map(plugin).collect();
    let many = Setup::new(config.clone()).plugin("good", "good")?.start().await?;
    let listed = names(&many).await?;
    assert!(listed.len() > 40 && listed.contains(&SEARCH.to_owned()), "{listed:?}");
    assert!(listed.is_sorted(), "{listed:?}");
    let off = Setup::new(format!("[serve]\nsearch = false\n{config}")).plugin("good", "good")?.start().await?;
    assert!(!names(&off).await?.contains(&SEARCH.to_owned()));
    Ok(())
}
