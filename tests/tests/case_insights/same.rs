//! One call, one answer, by whichever door it comes; and the tools as agents know them.

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use toolhost_tests::mcp::{ERAS, Mcp};

use crate::bench::Bench;

/// An answer without what the engine names anew each time.
fn lasting(mut result: Value) -> Result<Value> {
    let strip = |value: &mut Value| {
        for key in ["query_execution_id", "query_execution_ids"] {
            if let Some(object) = value.as_object_mut() {
                object.remove(key);
            }
        }
    };
    strip(&mut result["structuredContent"]);
    let text = result["content"][0]["text"].as_str().context("no text")?.to_owned();
    // The text is the same JSON, or a table.
    if let Ok(mut json) = serde_json::from_str::<Value>(&text) {
        strip(&mut json);
        result["content"][0]["text"] = json;
    }
    Ok(json!([result["structuredContent"], result["content"], result["isError"].as_bool().unwrap_or(false)]))
}

#[tokio::test]
async fn every_tool_answers_the_same_by_mcp_and_by_rest() -> Result<()> {
    let bench = Bench::new().await?;
    let calls = [
        ("query_athena", json!({ "query": "SELECT count(*) AS n FROM case_summary" })),
        ("query_athena", json!({ "query": "SELECT nothing FROM case_summary" })),
        ("analyze_with_bedrock", json!({ "data": "a,b\n1,2\n3,4\n", "analysis_prompt": "What is it?" })),
        ("get_case_summary", json!({ "service_code": "EC2" })),
        ("get_rca_analysis", json!({ "rca_category": "Cost" })),
        ("get_service_trends", json!({})),
        ("analyze_case_summaries", bench.all(json!({ "analysis_question": "What fails most?" }))),
        ("analyze_case_summaries", json!({ "start_date": "2026-02-01", "end_date": "2026-01-01" })),
    ];
    for (tool, arguments) in calls {
        let name = format!("cases__{tool}");
        let (_, by_rest) = bench.host.call(&name, arguments.clone()).await?;
        let by_rest = lasting(by_rest)?;
        for era in ERAS {
            let mut client = Mcp::connect(bench.host.url(), era).await?;
            assert_eq!(lasting(client.call(&name, arguments.clone()).await?)?, by_rest, "{tool} {era:?}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn the_tools_have_the_parameters_and_defaults_that_agents_know() -> Result<()> {
    let bench = Bench::new().await?;
    let listed = bench.host.get("/tools").await?.json()?;
    let tools = listed["tools"].as_array().or_else(|| listed.as_array()).context("no tools")?;
    assert_eq!(tools.len(), 6);
    for (name, parameters) in [
        ("query_athena", "query! max_results=100"),
        ("analyze_with_bedrock", "data! analysis_prompt!"),
        ("get_case_summary", "account_number service_code days_back=30"),
        ("get_rca_analysis", "rca_category! limit=10"),
        ("get_service_trends", "days_back=90"),
        (
            "analyze_case_summaries",
            "start_date! end_date! severity_code service_code case_id rca_category lifecycle_category \
             analysis_question max_cases=200",
        ),
    ] {
        let tool =
            tools.iter().find(|tool| tool["name"] == format!("cases__{name}")).with_context(|| name.to_owned())?;
        let schema = &tool["inputSchema"];
        let required = |name: &str| schema["required"].as_array().is_some_and(|names| names.contains(&json!(name)));
        let properties = schema["properties"].as_object().context("no properties")?;
        let mut told: Vec<_> = properties
            .iter()
            .map(|(name, property)| match &property["default"] {
                Value::Null if required(name) => format!("{name}!"),
                Value::Null => name.clone(),
                default => format!("{name}={default}"),
            })
            .collect();
        told.sort();
        let mut expected: Vec<_> = parameters.split_whitespace().map(str::to_owned).collect();
        expected.sort();
        assert_eq!(told, expected, "{name}");
    }
    Ok(())
}
