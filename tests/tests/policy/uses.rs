//! Uses of grants in the middle of a call: each is asked about, with its class and its tables.

use anyhow::Result;
use rusqlite::Connection;
use serde_json::{Value, json};
use tempfile::TempDir;
use toolhost_tests::toolhost::{Setup, Toolhost};

use crate::NAMED;

const POLICY: &str = r#"
    @id("call") permit (principal, action in Action::"call", resource);
    @id("read") permit (principal, action == Action::"sql.query", resource) when { context.class == "read" };
    @id("write") permit (principal, action == Action::"sql.execute", resource == sql::"shop")
      when { context.class == "write" && context has tool && context.tool == "ledger__play" };
    @id("secrets") forbid (principal, action in Action::"use", resource) when { context.tables.contains("secrets") };
"#;

/// A host with the guest `ledger`, a database to write to, and one to read.
async fn host(folder: &TempDir, policy: &str) -> Result<Toolhost> {
    for name in ["shop", "crm"] {
        let file = Connection::open(folder.path().join(format!("{name}.db")))?;
        file.execute_batch(
            "CREATE TABLE notes (text TEXT); CREATE TABLE secrets (text TEXT); INSERT INTO secrets VALUES ('s')",
        )?;
    }
    let grant = |name: &str| {
        format!(
            "[sql.{name}]\naccess = \"write\"\nsqlite = {{ path = {:?} }}\n",
            folder.path().join(format!("{name}.db"))
        )
    };
    let grants = "[plugins.ledger]\ngrants = [\"sql.shop\", \"sql.crm\"]\n";
    let config = format!("{NAMED}{grants}{}{}", grant("shop"), grant("crm"));
    Setup::new(config).beside("policy.cedar", policy).plugin("ledger", "ledger")?.start().await
}

/// What came of each step.
async fn play(host: &Toolhost, steps: Value) -> Result<Vec<Value>> {
    let (status, answer) = host.call("ledger__play", json!({ "steps": steps })).await?;
    assert_eq!(status, 200, "{answer}");
    Ok(answer["structuredContent"]["result"].as_array().cloned().unwrap_or_default())
}

fn is_denied(step: &Value) -> bool {
    step["error"] == "denied" && step["message"].as_str().is_some_and(|message| message.contains("policy"))
}

#[tokio::test]
async fn a_statement_is_weighed_by_its_class_and_its_tables() -> Result<()> {
    let folder = TempDir::new()?;
    let host = host(&folder, POLICY).await?;
    let steps = json!([
        { "outside": ["shop", "SELECT * FROM notes"] },
        { "outside": ["shop", "INSERT INTO notes VALUES ('a')"] },
        { "outside": ["shop", "SELECT COUNT(*) FROM notes"] },
        { "outside": ["crm", "INSERT INTO notes VALUES ('a')"] },
        { "outside": ["shop", "DELETE FROM notes"] },
        { "outside": ["shop", "SELECT * FROM notes, Secrets"] },
        { "outside": ["shop", "WITH x AS (SELECT * FROM \"SECRETS\") SELECT * FROM x"] },
        { "outside": ["shop", "INSERT INTO notes SELECT text FROM secrets"] },
        { "many": [["shop", "SELECT 1"], ["shop", "SELECT * FROM secrets"]] },
        { "open": ["shop", "SELECT * FROM secrets"] },
        { "outside": ["shop", "SELECT COUNT(*) FROM notes"] },
    ]);
    let steps = play(&host, steps).await?;
    assert_eq!(steps[0], json!([]), "{steps:?}");
    assert_eq!(steps[2], json!([[1]]), "{steps:?}");
    for denied in [3, 4, 5, 6, 7, 9] {
        assert!(is_denied(&steps[denied]), "{denied}: {}", steps[denied]);
    }
    assert_eq!(steps[8][0], json!([[1]]), "{steps:?}");
    assert!(is_denied(&steps[8][1]), "{steps:?}");
    assert_eq!(steps[10], json!([[1]]), "nothing was written by what was denied: {steps:?}");
    Ok(())
}

#[tokio::test]
async fn a_transaction_does_not_lead_past_the_policy() -> Result<()> {
    let folder = TempDir::new()?;
    let host = host(&folder, POLICY).await?;
    let steps = json!([
        { "begin": "shop" },
        { "inside": "INSERT INTO notes VALUES ('a')" },
        { "inside": "SELECT * FROM secrets" },
        { "inside": "UPDATE secrets SET text = 'x'" },
        { "inside": "DELETE FROM notes" },
        "commit",
        { "outside": ["shop", "SELECT text FROM notes"] },
        { "begin": "crm" },
    ]);
    let steps = play(&host, steps).await?;
    for denied in [2, 3, 4, 7] {
        assert!(is_denied(&steps[denied]), "{denied}: {}", steps[denied]);
    }
    assert_eq!(steps[6], json!([["a"]]), "{steps:?}");
    Ok(())
}

#[tokio::test]
async fn a_policy_that_always_fails_denies_the_use_and_is_named_in_the_log() -> Result<()> {
    let folder = TempDir::new()?;
    let failing = "@id(\"overflows\") forbid (principal, action == Action::\"sql.query\", resource)
                   when { 9223372036854775807 + 1 > 0 };";
    let host = host(&folder, &format!("{POLICY}{failing}")).await?;
    let steps = play(&host, json!([{ "outside": ["shop", "SELECT 1"] }])).await?;
    assert!(is_denied(&steps[0]), "{steps:?}");
    let printed = host.printed()?;
    assert!(printed.contains("overflows"), "{printed}");
    Ok(())
}
