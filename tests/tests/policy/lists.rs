//! Lists: a caller sees what it may use, and what it does not see is not there.

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use toolhost_tests::mcp::{ERAS, Era, Mcp};
use toolhost_tests::toolhost::{Setup, Toolhost};

use crate::{NAMED, refusal, setup};

/// Echoes, whatever they are; small sums; what is kept is read.
const POLICY: &str = r#"
    @id("echoes") permit (principal, action == Action::"good__echo", resource);
    @id("small-sums") permit (principal, action == Action::"good__add", resource)
      when { context.input has a && context.input.a < 10 };
    @id("no-thirteen") forbid (principal, action in Action::"call", resource)
      when { context.input has b && context.input.b == 13 };
    @id("kept-is-read") permit (principal, action in Action::"read-only", resource == Plugin::"keeper");
    @id("uses") permit (principal, action in Action::"use", resource);
"#;

const SEEN: [&str; 5] = ["good__add", "good__echo", "keeper__get", "keeper__keys", "keeper__stores"];

fn names(list: &Value) -> Result<Vec<String>> {
    let tools = list["tools"].as_array().with_context(|| format!("no tools: {list}"))?;
    Ok(tools.iter().filter_map(|tool| Some(tool["name"].as_str()?.to_owned())).collect())
}

async fn host() -> Result<Toolhost> {
    setup(POLICY)?.start().await
}

#[tokio::test]
async fn tools_are_listed_to_those_who_may_call_them() -> Result<()> {
    let host = host().await?;
    let listed = host.get("/tools").await?.json()?;
    assert_eq!(names(&listed)?, SEEN);
    assert_eq!(host.get("/").await?.json()?["tools"], SEEN.len());
    for era in ERAS {
        let mut client = Mcp::connect(host.url(), era).await?;
        let list = client.request("tools/list", json!({})).await?;
        assert_eq!(names(&list)?, SEEN, "{era:?}");
        if era == Era::Modern {
            assert_eq!(list["cacheScope"], "private", "{list}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn what_is_searched_for_is_found_where_it_may_be_called() -> Result<()> {
    let config = format!("{NAMED}[serve]\nsearch = true\n[plugins.good]\n");
    let policy = "permit (principal, action == Action::\"good__echo\", resource);";
    let host = Setup::new(config).beside("policy.cedar", policy).plugin("good", "good")?.start().await?;
    let (status, found) =
        host.call("search_tools", json!({ "query": "add echo numbers text answer", "limit": 20 })).await?;
    assert_eq!((status, names(&found["structuredContent"])?), (200, vec!["good__echo".to_owned()]), "{found}");
    Ok(())
}

#[tokio::test]
async fn a_hidden_tool_answers_as_one_that_does_not_exist() -> Result<()> {
    let host = host().await?;
    let (status, hidden) = refusal(&host, "keeper__put", json!({ "key": "a", "value": [1] })).await?;
    let (status_of_none, none) = refusal(&host, "keeper__xyz", json!({})).await?;
    assert_eq!((status, status_of_none), (404, 404));
    let about = |error: &Value, tool: &str| error.to_string().replace(tool, "…");
    assert_eq!(about(&hidden, "keeper__put").len(), about(&none, "keeper__xyz").len(), "{hidden} {none}");
    assert_eq!(hidden["kind"], "unknown-tool");
    // Wrong arguments are told to nobody who may not call it with right ones.
    let (_, wrong) = refusal(&host, "keeper__put", json!({ "wrong": 1 })).await?;
    assert_eq!(wrong, hidden);
    // And no help leads to it.
    let (_, near) = refusal(&host, "keeper__putt", json!({})).await?;
    assert!(!near.to_string().contains("`keeper__put`"), "{near}");
    for era in ERAS {
        let mut client = Mcp::connect(host.url(), era).await?;
        let hidden = client.send("tools/call", json!({ "name": "keeper__put", "arguments": {} })).await?.json()?;
        let none = client.send("tools/call", json!({ "name": "keeper__xyz", "arguments": {} })).await?.json()?;
        assert_eq!(hidden["error"]["code"], none["error"]["code"], "{era:?}: {hidden} {none}");
        assert!(hidden["error"]["code"].is_i64(), "{era:?}: {hidden}");
    }
    Ok(())
}

#[tokio::test]
async fn a_tool_that_is_seen_says_that_it_is_denied_and_by_which_policy() -> Result<()> {
    let host = host().await?;
    let (status, sum) = host.call("good__add", json!({ "a": 1, "b": 2 })).await?;
    assert_eq!((status, &sum["structuredContent"]["result"]), (200, &json!(3)), "{sum}");
    let (status, large) = refusal(&host, "good__add", json!({ "a": 10, "b": 2 })).await?;
    assert_eq!((status, &large["kind"]), (403, &json!("denied")), "{large}");
    let (status, thirteen) = refusal(&host, "good__add", json!({ "a": 1, "b": 13 })).await?;
    assert_eq!(status, 403);
    assert!(thirteen.to_string().contains("no-thirteen"), "{thirteen}");
    // What the policy cannot read, the schema refuses.
    let (status, wrong) = refusal(&host, "good__add", json!({ "a": 1, "b": "13" })).await?;
    assert_eq!((status, &wrong["kind"]), (400, &json!("invalid-arguments")), "{wrong}");
    Ok(())
}

#[tokio::test]
async fn resources_prompts_and_sources_are_hidden_with_their_plugin() -> Result<()> {
    let config = format!(
        "{NAMED}[plugins.conformance]\nprefix = \"\"\n[plugins.good]\n[plugins.sql]\ngrants = [\"sql.crm\"]\n\
         [sql.crm]\nnotes = \"Tickets.\"\n[sql.crm.script]\ndialect = \"mysql\"\n"
    );
    let policy = "permit (principal, action, resource == Plugin::\"good\");";
    let setup = Setup::new(config).beside("policy.cedar", policy).plugin("good", "good")?;
    let host = setup.plugin("conformance", "conformance")?.plugin("sql", "sql")?.start().await?;
    for era in ERAS {
        let mut client = Mcp::connect(host.url(), era).await?;
        assert!(!client.instructions.contains("Source `crm`"), "{era:?}: {}", client.instructions);
        for (method, key) in [
            ("resources/list", "resources"),
            ("resources/templates/list", "resourceTemplates"),
            ("prompts/list", "prompts"),
        ] {
            let list = client.request(method, json!({})).await?;
            assert_eq!(list[key], json!([]), "{era:?}: {method}: {list}");
        }
        let read = async |client: &mut Mcp, uri: &str| {
            let answer = client.send("resources/read", json!({ "uri": uri })).await?.json()?;
            anyhow::Ok(answer["error"].to_string().replace(uri, "…"))
        };
        let hidden = read(&mut client, "test://static-text").await?;
        assert_eq!(hidden, read(&mut client, "test://nothing-here").await?, "{era:?}");
        assert!(hidden.contains("code"), "{era:?}: {hidden}");
        let prompt = client.send("prompts/get", json!({ "name": "test_simple_prompt" })).await?.json()?;
        let none = client.send("prompts/get", json!({ "name": "test_simple_promp_" })).await?.json()?;
        assert_eq!(prompt["error"]["code"], none["error"]["code"], "{era:?}: {prompt} {none}");
        if era == Era::Legacy {
            assert!(prompt.to_string().contains("There is no prompt `test_simple_prompt`"), "{prompt}");
        }
    }
    Ok(())
}
