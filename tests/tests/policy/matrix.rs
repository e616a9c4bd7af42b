//! The access matrix of the examples: read yes, write only if granted, delete no, admin no.

use std::path::Path;

use anyhow::Result;
use rusqlite::Connection;
use serde_json::json;
use tempfile::TempDir;
use toolhost_tests::toolhost::{Setup, run};
use toolhost_tests::{component, repository};

/// The example, with its plugins and its databases.
fn example() -> Result<TempDir> {
    let dir = tempfile::tempdir()?;
    for file in ["toolhost.toml", "policy.cedar"] {
        std::fs::copy(repository().join("examples/access-matrix").join(file), dir.path().join(file))?;
    }
    std::fs::create_dir(dir.path().join("plugins"))?;
    for plugin in ["sql", "prometheus"] {
        std::fs::copy(component(plugin)?, dir.path().join(format!("plugins/{plugin}.wasm")))?;
    }
    for name in ["shop", "crm"] {
        let file = Connection::open(dir.path().join(format!("{name}.db")))?;
        file.execute_batch("CREATE TABLE orders (id INTEGER); CREATE TABLE salaries (id INTEGER)")?;
    }
    Ok(dir)
}

/// What the policy says to a caller in these groups.
fn explain(dir: &Path, groups: &[&str], tool: &str) -> Result<String> {
    let mut arguments = vec!["policy", "explain", "--caller", "ann", "--tool", tool];
    for group in groups {
        arguments.extend(["--group", group]);
    }
    Ok(run(dir, &arguments)?.1)
}

#[test]
fn the_example_is_good() -> Result<()> {
    let dir = example()?;
    let (status, printed) = run(dir.path(), &["policy", "check"])?;
    assert!(status.success() && printed.contains("9 policies fit"), "{printed}");
    Ok(())
}

#[test]
fn every_cell_of_the_matrix_is_as_it_says() -> Result<()> {
    let dir = example()?;
    let writers = ["staff", "shop-writers", "cache-writers", "grafana-writers"];
    for (tool, groups, use_of, expected) in [
        ("sql__run_query", &["staff"][..], "sql.query of class `read` on sql.shop", true),
        ("sql__run_query", &["staff"], "sql.query of class `read` on sql.crm", true),
        ("sql__run_query", &["staff"], "sql.execute of class `write` on sql.shop", false),
        ("sql__run_query", &writers, "sql.execute of class `write` on sql.shop", true),
        ("sql__run_query", &writers, "sql.execute of class `write` on sql.crm", false),
        ("sql__run_query", &writers, "sql.execute of class `delete` on sql.shop", false),
        ("grafana__prometheus_query", &["staff"], "kv.read of class `read` on kv.cache", true),
        ("grafana__prometheus_query", &["staff"], "kv.write of class `write` on kv.cache", false),
        ("grafana__prometheus_query", &writers, "kv.write of class `write` on kv.cache", true),
        ("grafana__prometheus_query", &writers, "kv.write of class `delete` on kv.cache", false),
        ("grafana__prometheus_query", &["staff"], "http.send of class `GET` on http.grafana", true),
        ("grafana__prometheus_query", &["staff"], "http.send of class `POST` on http.grafana", false),
        ("grafana__prometheus_query", &writers, "http.send of class `POST` on http.grafana", true),
        ("grafana__prometheus_query", &writers, "http.send of class `DELETE` on http.grafana", false),
        ("prometheus__prometheus_query", &["staff"], "http.send of class `GET` on http.prometheus", true),
        ("prometheus__prometheus_query", &writers, "http.send of class `POST` on http.prometheus", false),
    ] {
        let printed = explain(dir.path(), groups, tool)?;
        let word = if expected { "allowed" } else { "denied" };
        assert!(printed.contains(&format!("{use_of}: {word}")), "{groups:?} {use_of} {word}: {printed}");
    }
    let printed = explain(dir.path(), &["visitors"], "sql__run_query")?;
    assert!(!printed.contains(": allowed"), "{printed}");
    Ok(())
}

/// The same on a host that serves: its caller is of no group, so the matrix is said of everybody.
#[tokio::test]
async fn statements_are_held_against_the_matrix() -> Result<()> {
    let dir = example()?;
    let policy = std::fs::read_to_string(dir.path().join("policy.cedar"))?;
    let everybody = policy
        .replace("principal in Group::\"staff\"", "principal")
        .replace("principal in Group::\"shop-writers\"", "principal")
        .replace("when { principal in resource.groups };", ";");
    let grant = |name: &str| {
        format!("[sql.{name}]\naccess = \"write\"\nsqlite = {{ path = {:?} }}\n", dir.path().join(format!("{name}.db")))
    };
    let others = "[kv.cache]\nmemory = {}\n[http.grafana]\nbase_url = \"http://127.0.0.1:9\"\npaths = [\"/**\"]\n\
                  [http.prometheus]\nbase_url = \"http://127.0.0.1:9\"\npaths = [\"/**\"]\n";
    let plugin = "[plugins.sql]\ngrants = [\"sql.shop\", \"sql.crm\"]\n";
    let config = format!("[policy]\nfile = \"policy.cedar\"\n{plugin}{}{}{others}", grant("shop"), grant("crm"));
    let host = Setup::new(config).beside("policy.cedar", everybody).plugin("sql", "sql")?.start().await?;
    for (source, sql, expected) in [
        ("shop", "SELECT * FROM orders", 200),
        ("shop", "INSERT INTO orders VALUES (1)", 200),
        ("shop", "UPDATE orders SET id = 2", 200),
        ("shop", "DELETE FROM orders", 403),
        ("shop", "DROP TABLE orders", 403),
        ("shop", "SELECT * FROM salaries", 403),
        ("crm", "SELECT * FROM orders", 200),
        ("crm", "INSERT INTO orders VALUES (1)", 403),
    ] {
        let (status, answer) = host.call("sql__run_query", json!({ "source": source, "sql": sql })).await?;
        assert_eq!(status, expected, "{source}: {sql}: {answer}");
    }
    Ok(())
}
