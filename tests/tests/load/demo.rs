//! The demo: seeded once, the same each time, and true to its own question.

use std::path::Path;

use anyhow::{Context as _, Result};
use rusqlite::{Connection, OpenFlags};
use serde_json::json;
use tempfile::TempDir;
use toolhost_tests::component;
use toolhost_tests::http::request;
use toolhost_tests::mcp::{ERAS, Mcp};
use toolhost_tests::toolhost::run;

use crate::Served;

/// What the demo serves.
const PLUGINS: [&str; 5] = ["sql", "athena", "bedrock", "case_insights", "prometheus"];

/// A folder with the plugins that the demo serves.
fn folder() -> Result<TempDir> {
    let dir = tempfile::tempdir()?;
    std::fs::create_dir(dir.path().join("built"))?;
    for plugin in PLUGINS {
        std::fs::copy(component(plugin)?, dir.path().join(format!("built/{plugin}.wasm")))?;
    }
    Ok(dir)
}

async fn demo(dir: &Path) -> Result<Served> {
    let arguments = ["demo", "--data", "data", "--listen", "127.0.0.1:0", "--plugins", "built"];
    let mut served = Served::start(dir, &arguments).await?;
    // The welcome is longer than what every host prints.
    while !served.welcome.contains("Stop with Ctrl-C") {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        anyhow::ensure!(served.child.try_wait()?.is_none(), "the demo ended");
        served.read(&dir.join("stdout"))?;
    }
    Ok(served)
}

fn database(dir: &Path) -> Result<Connection> {
    Ok(Connection::open_with_flags(dir.join("data/acme_crm.db"), OpenFlags::SQLITE_OPEN_READ_ONLY)?)
}

/// Every row of every table, as text.
fn rows(dir: &Path) -> Result<Vec<(&'static str, Vec<String>)>> {
    let database = database(dir)?;
    let tables = ["support_tickets", "subscriptions", "content_ratings"].into_iter();
    let rows_of = |table: &'static str| {
        let mut statement = database.prepare(&format!("SELECT * FROM {table} ORDER BY 1"))?;
        let width = statement.column_count();
        let rows = statement.query_map([], |row| {
            let values = (0..width).map(|column| Ok(format!("{:?}", row.get_ref(column)?)));
            Ok(values.collect::<rusqlite::Result<Vec<_>>>()?.join("|"))
        })?;
        Ok((table, rows.collect::<rusqlite::Result<Vec<_>>>()?))
    };
    tables.map(rows_of).collect()
}

#[tokio::test]
async fn the_demo_answers_its_own_question_with_the_number_that_the_database_holds() -> Result<()> {
    let dir = folder()?;
    let served = demo(dir.path()).await?;
    let open: i64 =
        database(dir.path())?
            .query_row("SELECT count(*) FROM support_tickets WHERE status = 'open'", [], |row| row.get(0))?;
    assert!(open > 0, "a question without an answer");

    let line = served.welcome.lines().find(|line| line.trim_start().starts_with("curl ")).context("no curl line")?;
    let (command, body) = line.split_once(" -d \"").context("no body")?;
    let url = command.split_whitespace().find(|word| word.starts_with("http://")).context("no URL")?;
    let body = body.trim_end().strip_suffix('"').context("an open quote")?.replace("\\\"", "\"");
    assert!(command.contains("-H 'Content-Type: application/json'"), "{command}");
    let answer = request("POST", url, &[("content-type", "application/json")], body.into_bytes()).await?.json()?;
    assert_eq!(answer["structuredContent"]["rows"], json!([[open]]), "{answer}");

    let question = json!({ "sql": "SELECT count(*) FROM support_tickets WHERE status = ?", "parameters": ["open"] });
    for era in ERAS {
        let mut client = Mcp::connect(&served.url, era).await?;
        let answer = client.call("crm__run_query", question.clone()).await?;
        assert_eq!(answer["structuredContent"]["rows"], json!([[open]]), "{era:?}: {answer}");
        assert!(client.instructions.contains("support_tickets"), "{}", client.instructions);
    }
    for said in ["claude mcp add --transport http toolhost", "\"mcpServers\"", "/mcp"] {
        assert!(served.welcome.contains(said), "{said}: {}", served.welcome);
    }
    Ok(())
}

#[tokio::test]
async fn the_demo_is_seeded_once_and_the_same_on_every_machine() -> Result<()> {
    let dir = folder()?;
    drop(demo(dir.path()).await?);
    let first = rows(dir.path())?;
    let counts: Vec<_> = first.iter().map(|(table, rows)| (*table, rows.len())).collect();
    assert_eq!(counts, [("support_tickets", 200), ("subscriptions", 300), ("content_ratings", 500)]);
    drop(demo(dir.path()).await?);
    assert_eq!(rows(dir.path())?, first, "a second start changed rows");
    let elsewhere = folder()?;
    drop(demo(elsewhere.path()).await?);
    assert_eq!(rows(elsewhere.path())?, first, "another folder has other rows");
    Ok(())
}

#[tokio::test]
async fn the_demo_reads_and_does_not_write() -> Result<()> {
    let dir = folder()?;
    let served = demo(dir.path()).await?;
    let before = rows(dir.path())?;
    for statement in
        ["DELETE FROM support_tickets", "UPDATE subscriptions SET plan = 'basic'", "DROP TABLE content_ratings"]
    {
        let answer =
            Mcp::connect(&served.url, ERAS[1]).await?.call("crm__run_query", json!({ "sql": statement })).await?;
        assert_eq!(answer["_meta"]["toolhost/error"]["kind"], "denied", "{statement}: {answer}");
    }
    assert_eq!(rows(dir.path())?, before);
    Ok(())
}

#[tokio::test]
async fn the_demos_config_is_one_to_start_from() -> Result<()> {
    // The demo tells how, and never ran where it is followed.
    let welcome = demo(folder()?.path()).await?.welcome.clone();
    let told = welcome.split("To start from this config: toolhost ").nth(1).context("the demo does not tell how")?;
    let write: Vec<&str> = told.split_whitespace().collect();
    let all = "demo --data data --plugins built --listen 127.0.0.1:0 --write-config toolhost.toml";
    assert_eq!(write.join(" "), all, "{welcome}");
    let dir = folder()?;
    let (status, printed) = run(dir.path(), &write)?;
    assert!(status.success(), "{printed}");
    let count = r#"{"sql": "SELECT count(*) AS tickets FROM support_tickets"}"#;
    let (status, printed) = run(dir.path(), &["call", "crm__run_query", count])?;
    assert!(status.success() && printed.contains("200"), "{printed}");
    // Offline: whether a Prometheus runs on this machine is none of its business.
    let (status, printed) = run(dir.path(), &["check", "--offline"])?;
    assert!(status.success() && printed.contains("ok: plugin crm: crm__run_query"), "{printed}");
    let (status, printed) = run(dir.path(), &write)?;
    assert!(!status.success() && printed.contains("toolhost.toml is there already"), "{printed}");
    let (status, printed) = run(dir.path(), &["demo", "--data", "data", "--plugins", "data"])?;
    assert!(
        !status.success() && printed.contains("there is no sql.wasm in data") && printed.contains("--plugins DIR"),
        "{printed}"
    );
    Ok(())
}
