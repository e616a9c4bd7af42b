//! Marked secrets in every place that holds one, every kind of error, a plugin that asks in every
//! wrong way, and all that the host says: no mark may be in it.

use anyhow::Result;
use serde_json::json;
use toolhost_tests::athena::{Fault, Pace};
use toolhost_tests::canary::Said;
use toolhost_tests::mcp::{ERAS, Mcp};
use toolhost_tests::{Toolhost, component};

use crate::bench::{Bench, FIVE, Grant, command, setup, sql};

const WRONG_SECRET_KEY: &str = "canary-secret-key-42c0";
const TOKEN: &str = "canary-session-token-e3b9";
const WRONG_TOKEN: &str = "canary-wrong-token-90d4";

/// A source that works, and one of each way not to.
fn grants(bench: &Bench) -> Vec<Grant> {
    let grant = |name: &str| {
        let token = format!(", session_token = \"env:{name}_TOKEN\" }}");
        Grant::athena(name, &bench.athena).replace(" }", &token).env(&format!("{name}_TOKEN"), TOKEN)
    };
    vec![
        grant("cases").with("time_max_ms = 2000"),
        grant("unsigned").env("unsigned_SECRET", WRONG_SECRET_KEY),
        grant("stolen").env("stolen_TOKEN", WRONG_TOKEN),
        grant("away").replace(bench.athena.endpoint_url(), "http://127.0.0.1:1"),
    ]
}

const NAMES: [&str; 4] = ["cases", "unsigned", "stolen", "away"];

/// Makes every kind of error happen, and collects all that is answered.
async fn provoke(host: &Toolhost, bench: &Bench) -> Result<String> {
    let mut heard = String::new();
    for source in NAMES {
        for (tool, arguments) in [
            ("query_athena", json!({ "source": source, "query": FIVE })),
            ("query_athena", json!({ "source": source, "query": "SELECT * FROM no_such_table" })),
            ("query_athena", json!({ "source": source, "query": "SELECT FROM WHERE" })),
            ("query_athena", json!({ "source": source, "query": "SELECT current_user" })),
            ("start_query", json!({ "source": source, "query": FIVE })),
            ("get_query_results", json!({ "source": source, "query_execution_id": "x" })),
            ("list_databases", json!({ "source": source })),
            ("describe_table", json!({ "source": source, "table": "nope" })),
        ] {
            heard += &host.call(&format!("athena__{tool}"), arguments).await?.1.to_string();
        }
    }
    let query = || json!({ "source": "cases", "query": FIVE });
    for fault in [
        Fault::Denied("athena:StartQueryExecution"),
        Fault::Denied("athena:GetQueryExecution"),
        Fault::Denied("athena:GetQueryResults"),
        Fault::Disabled,
        Fault::Internal,
    ] {
        bench.athena.fail_with(fault);
        heard += &host.call("athena__query_athena", query()).await?.1.to_string();
    }
    bench.athena.fail_with(None);
    let user = "User: arn:aws:sts::123456789012:assumed-role/host is not authorized to perform: glue:GetTable";
    for reason in [user, "HIVE_CURSOR_ERROR: s3://canary-bucket/x", "INVALID_CAST_ARGUMENT: Cannot cast 'canary-value'"]
    {
        bench.athena.set_pace(Pace { failure: Some((reason.to_owned(), 2)), ..Pace::default() });
        heard += &host.call("athena__query_athena", query()).await?.1.to_string();
    }
    bench.athena.set_pace(crate::bench::endless());
    heard += &host.call("athena__query_athena", query()).await?.1.to_string();
    bench.athena.set_pace(Pace::default());
    bench.athena.throttle("StartQueryExecution", 100);
    heard += &host.call("athena__query_athena", query()).await?.1.to_string();
    bench.athena.throttle("StartQueryExecution", 0);
    // With the right credentials, token and all, the service does answer.
    let (status, answer) = host.call("athena__query_athena", query()).await?;
    assert_eq!(status, 200, "{answer}");
    heard += &host.call("inquisitive__misuse_query", json!({})).await?.1.to_string();
    for path in ["/", "/tools", "/ready", "/health", "/no-such-page"] {
        heard += &host.get(path).await?.text();
    }
    for era in ERAS {
        let mut client = Mcp::connect(host.url(), era).await?;
        heard += &client.instructions;
        heard += &json!(client.tools().await?).to_string();
        heard += &client.call("athena__query_athena", sql(FIVE)).await?.to_string();
    }
    Ok(heard)
}

async fn no_mark_is_heard(level: &str) -> Result<()> {
    let bench = Bench::new(1).await?;
    bench.athena.set_session_token(TOKEN);
    let grants = grants(&bench);
    let sources: Vec<String> = NAMES.iter().map(|name| format!("query.{name}")).collect();
    let more = format!("\n[plugins.inquisitive]\ngrants = {sources:?}\n");
    let setup = setup(&grants, &more)?.plugin("inquisitive", "inquisitive")?;
    let host = setup.argument("--log").argument(level).start().await?;
    let heard = provoke(&host, &bench).await?;
    let (_, checked) = command(&host, &grants, &["--log", level, "check"]).await?;
    let plugin = component("athena")?.display().to_string();
    let (_, inspected) = command(&host, &grants, &["--log", level, "inspect", &plugin]).await?;
    let printed = host.printed()?;
    let said = Said::by(&host, heard.clone()).await?.and("check", checked).and("inspect", inspected);
    said.holds_none_of([WRONG_SECRET_KEY, TOKEN, WRONG_TOKEN, bench.athena.secret_key()]);
    // Agents are told neither who the host is at AWS, nor where anything lies, nor values that failed.
    let port = bench.athena.endpoint_url();
    for hidden in [bench.athena.account(), "arn:aws", "acme-athena-results", port, "canary", bench.athena.access_key()]
    {
        let at = heard.find(hidden).map(|at| heard.get(at.saturating_sub(300)..at + 100).unwrap_or_default());
        assert_eq!(at, None, "{hidden}");
    }
    if level == "trace" {
        for talkative in ["aws_smithy", "aws_sigv4", "hyper"] {
            assert!(printed.contains(talkative), "the log holds nothing of {talkative}");
        }
    }
    // What was looked for did come about: the sources answered, each in its way.
    for sign in ["AWS did not accept", "cannot be reached", "was stopped after", "asked too often", "switched off"] {
        assert!(heard.contains(sign), "{sign}");
    }
    Ok(())
}

#[tokio::test]
async fn no_secret_is_in_anything_that_the_host_answers_or_prints() -> Result<()> {
    no_mark_is_heard("info").await
}

#[tokio::test]
async fn no_secret_is_in_the_log_even_when_it_is_told_to_say_everything() -> Result<()> {
    no_mark_is_heard("trace").await
}
