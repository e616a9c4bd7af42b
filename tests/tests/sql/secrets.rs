//! Marked secrets in every place that holds one, every kind of error, a curious plugin, and
//! all that the host says: no mark may be in it.

use anyhow::Result;
use serde_json::json;
use toolhost_tests::canary::Said;
use toolhost_tests::data_api::{DataApi, Fault};
use toolhost_tests::mariadb::Database;
use toolhost_tests::mcp::{ERAS, Mcp};
use toolhost_tests::{Toolhost, component};

use crate::bench::{ENDLESS, Grant, Three, command, setup_with};

const PASSWORD: &str = "canary-password-8d1f";
const WRONG_PASSWORD: &str = "canary-wrong-password-77ab";
const WRONG_SECRET_KEY: &str = "canary-secret-key-42c0";
const TOKEN: &str = "canary-session-token-e3b9";
const WRONG_TOKEN: &str = "canary-wrong-token-90d4";

/// A source of each kind that works, and one of each way not to.
fn grants(three: &Three) -> Vec<Grant> {
    let database = &three.database;
    let server =
        |name: &str| Grant::mysql(name, database, database.reader()).env(&format!("{name}_PASSWORD"), PASSWORD);
    let cluster = |name: &str| {
        let token = format!(", session_token = \"env:{name}_TOKEN\" }}");
        Grant::data_api(name, &three.api, database).backend(" }", &token).env(&format!("{name}_TOKEN"), TOKEN)
    };
    let local = "host = \"127.0.0.1\"";
    vec![
        Grant::sqlite("file", &three.file()),
        server("server").with("time_max_ms = 500"),
        server("wrong").env("wrong_PASSWORD", WRONG_PASSWORD),
        server("nobody").backend(&database.reader().name, "canary-user"),
        server("nowhere").backend(local, "host = \"canary-host.invalid\"\ntls = \"off\"\nconnect_ms = 1000"),
        server("closed").backend(&format!("port = {}", database.port()), "port = 1"),
        server("tls").backend(local, "host = \"127.0.0.1\"\ntls = \"required\""),
        cluster("cluster"),
        cluster("unsigned").env("unsigned_SECRET", WRONG_SECRET_KEY),
        cluster("stolen").env("stolen_TOKEN", WRONG_TOKEN),
        cluster("away").backend(three.api.endpoint_url(), "http://127.0.0.1:1"),
    ]
}

const NAMES: [&str; 11] =
    ["file", "server", "wrong", "nobody", "nowhere", "closed", "tls", "cluster", "unsigned", "stolen", "away"];

/// The words that may appear nowhere.
fn marks(three: &Three) -> Vec<String> {
    let known = [PASSWORD, WRONG_PASSWORD, WRONG_SECRET_KEY, TOKEN, WRONG_TOKEN, three.api.secret_key()];
    known.map(str::to_owned).to_vec()
}

/// Makes every kind of error happen, and collects all that is answered.
async fn provoke(host: &Toolhost, database: &Database, api: &DataApi) -> Result<String> {
    let mut heard = String::new();
    let statements = [
        "SELECT COUNT(*) FROM subscriptions",
        "SELECT * FROM no_such_table",
        "SELECT FROM WHERE",
        "DELETE FROM subscriptions",
        "SELECT CURRENT_USER, @@hostname",
        "SELECT * FROM mysql.user",
        "SELECT CAST('canary' AS DATE) + INTERVAL 1 DAY",
        ENDLESS,
    ];
    for source in NAMES {
        // The three that nothing bounds but the default of 30 seconds are asked quickly.
        let endless = if source == "server" { 0 } else { 1 };
        for sql in &statements[..statements.len() - endless] {
            heard += &host.call("sql__run_query", json!({ "source": source, "sql": sql })).await?.1.to_string();
        }
        for (tool, arguments) in [
            ("list_tables", json!({ "source": source })),
            ("get_table_schema", json!({ "source": source, "table": "subscriptions" })),
            ("run_query", json!({ "source": source, "sql": "SELECT ?", "parameters": [[1]] })),
        ] {
            heard += &host.call(&format!("sql__{tool}"), arguments).await?.1.to_string();
        }
    }
    for fault in [
        Fault::Denied("rds-data:ExecuteStatement"),
        Fault::Denied("secretsmanager:GetSecretValue"),
        Fault::EndpointDisabled,
        Fault::InvalidResource,
    ] {
        api.fail_with(fault);
        heard += &host.call("sql__run_query", json!({ "source": "cluster", "sql": "SELECT 1" })).await?.1.to_string();
    }
    api.fail_with(None);
    // With the right credentials, token and all, the service does answer.
    let (status, answer) = host.call("sql__run_query", json!({ "source": "cluster", "sql": "SELECT 1" })).await?;
    assert_eq!(status, 200, "{answer}");
    database.kill_connections().await?;
    for tool in ["look_around", "touch_files", "misuse_sql"] {
        heard += &host.call(&format!("curious__{tool}"), json!({})).await?.1.to_string();
    }
    heard += &host.call("sql__list_servers", json!({})).await?.1.to_string();
    for path in ["/", "/tools", "/ready", "/health", "/no-such-page"] {
        heard += &host.get(path).await?.text();
    }
    for era in ERAS {
        let mut client = Mcp::connect(host.url(), era).await?;
        heard += &client.instructions;
        heard += &json!(client.tools().await?).to_string();
        heard += &client.call("sql__run_query", json!({ "source": "wrong", "sql": "SELECT 1" })).await?.to_string();
    }
    Ok(heard)
}

async fn no_mark_is_heard(level: &str) -> Result<()> {
    let mut three = Three::new(100).await?;
    let reader = three.database.reader().name.clone();
    three.database.execute(&format!("ALTER USER '{reader}'@'127.0.0.1' IDENTIFIED BY '{PASSWORD}'")).await?;
    // The emulator logs in as the owner, whose password is not marked.
    three.api = DataApi::start(&three.database, three.database.owner()).await?;
    three.api.set_session_token(TOKEN);
    let grants = grants(&three);
    let sources: Vec<String> = NAMES.iter().map(|name| format!("sql.{name}")).collect();
    let curious = format!("\n[plugins.curious]\ngrants = {sources:?}\n");
    let host =
        setup_with(&grants, &curious)?.plugin("curious", "curious")?.argument("--log").argument(level).start().await?;
    let heard = provoke(&host, &three.database, &three.api).await?;
    let (_, checked) = command(&host, &grants, &["--log", level, "check"]).await?;
    let plugin = component("sql")?.display().to_string();
    let (_, inspected) = command(&host, &grants, &["--log", level, "inspect", &plugin]).await?;
    let printed = host.printed()?;
    let said = Said::by(&host, heard.clone()).await?.and("check", checked).and("inspect", inspected);
    said.holds_none_of(marks(&three).iter().map(AsRef::as_ref));
    // Agents are told neither who the host is to the database, nor where that is.
    for hidden in [reader.as_str(), "canary-user", "canary-host"] {
        let at = heard.find(hidden).map(|at| heard.get(at.saturating_sub(300)..at + 100).unwrap_or_default());
        assert_eq!(at, None, "{hidden}");
    }
    if level == "trace" {
        for talkative in ["aws_smithy", "aws_sigv4", "hyper"] {
            assert!(printed.contains(talkative), "the log holds nothing of {talkative}");
        }
    }
    // What was looked for did come about: the sources answered, each in its way.
    for sign in
        ["credential", "cannot be reached", "AWS did not accept", "no encrypted connections", "was stopped after"]
    {
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
