//! What is wrong with a config is said once, with its place, and without what it hides.

use anyhow::{Context as _, Result};
use toolhost_tests::toolhost::{Setup, run};

use crate::folder;

#[tokio::test]
async fn a_config_that_is_wrong_is_refused_with_line_column_and_the_nearest_key() -> Result<()> {
    for (config, says) in [
        ("[serve]\n\n  lisen = \"127.0.0.1:1\"\n", "toolhost.toml:3:3: unknown key `lisen`; did you mean `listen`?"),
        ("[serv]\n", "toolhost.toml:1:2: unknown key `serv`; did you mean `serve`?"),
        ("[plugins.good]\nprefixx = \"a\"\n", "toolhost.toml:2:1: unknown key `prefixx`; did you mean `prefix`?"),
        ("[limits]\ndeadline_ms = 0\n", "toolhost.toml:2:15: 0 is out of range: from 10 to 3600000"),
        ("[plugins.a]\nlimits = { memory_mib = 9999 }\n", "toolhost.toml:2:25: 9999 is out of range"),
        ("[serve]\ncalls = \"many\"\n", "toolhost.toml:2:9: "),
        ("[serve]\nlisten = \"here\"\n", "toolhost.toml:2:10: "),
        ("[serve\n", "toolhost.toml:1:"),
        ("[plugins.\"two words\"]\n", "`two words` is no name"),
    ] {
        let dir = folder(config, &[])?;
        for command in ["check", "serve"] {
            let (status, printed) = run(dir.path(), &[command])?;
            assert!(!status.success(), "{command}: {config}");
            assert!(printed.contains(says), "{command}: {config}: {printed}");
            assert!(!printed.contains("backtrace") && !printed.contains("panicked"), "{printed}");
        }
    }
    let nothing = tempfile::tempdir()?;
    let (status, printed) = run(nothing.path(), &["serve"])?;
    assert!(!status.success() && printed.contains("toolhost.toml: cannot read the config file"), "{printed}");
    assert!(printed.contains("toolhost demo --write-config"), "{printed}");
    Ok(())
}

#[tokio::test]
async fn a_grant_that_is_wrong_fails_its_plugin_and_no_other() -> Result<()> {
    let config = "[plugins.crm]\nfile = \"sql.wasm\"\ngrants = [\"sql.crm\"]\n\
        [plugins.lost]\nfile = \"sql.wasm\"\ngrants = [\"sql.nowhere\"]\n\
        [plugins.short]\nfile = \"sql.wasm\"\ngrants = [\"crm\"]\n\
        [plugins.vague]\nfile = \"sql.wasm\"\ngrants = [\"database\"]\n\
        [sql.crm]\nrow_max = 5\n[sql.crm.script]\ndialect = \"mysql\"\n";
    let host = Setup::new(config).plugin("sql", "sql")?.plugin("good", "good")?.start().await?;
    let response = host.get("/ready").await?;
    assert_eq!(response.status, 503);
    let ready = response.text();
    for said in [
        "unknown key `row_max`; did you mean `rows_max`?",
        "`sql.nowhere` does not exist: write a table [sql.nowhere]",
        "`crm` is not the name of a grant's table; did you mean `sql.crm`?",
        "`database` is not the name of a grant's table; it begins with one of ",
    ] {
        assert!(ready.contains(said), "{said}: {ready}");
    }
    assert_eq!(response.json()?["plugins"], serde_json::json!(["good"]), "{ready}");
    Ok(())
}

#[tokio::test]
async fn a_secret_that_is_missing_is_named_by_its_reference() -> Result<()> {
    let mysql = |password: &str| {
        format!(
            "[plugins.crm]\nfile = \"sql.wasm\"\ngrants = [\"sql.crm\"]\n\
             [sql.crm.mysql]\nhost = \"127.0.0.1\"\nuser = \"reader\"\npassword = \"{password}\"\ndatabase = \"acme_crm\"\n"
        )
    };
    let host =
        Setup::new(mysql("env:NO_SUCH_TOOLHOST_SECRET")).plugin("sql", "sql")?.plugin("good", "good")?.start().await?;
    let response = host.get("/ready").await?;
    assert_eq!(response.status, 503);
    let ready = response.json()?;
    let failures = ready["failures"].as_array().context("failures")?;
    for (key, name) in [("grant", "sql.crm"), ("plugin", "crm")] {
        let failure =
            failures.iter().find(|failure| failure[key] == name).with_context(|| format!("{name}: {ready}"))?;
        assert!(
            failure["message"].as_str().is_some_and(|why| why.contains("`env:NO_SUCH_TOOLHOST_SECRET`")),
            "{ready}"
        );
    }
    assert_eq!(ready["plugins"], serde_json::json!(["good"]));
    let (status, printed) = run(host.dir(), &["check", "--offline"])?;
    assert!(!status.success() && printed.contains("env:NO_SUCH_TOOLHOST_SECRET"), "{printed}");

    // The credential itself, where its reference should be: refused, and not repeated.
    let dir = folder(&mysql("hunter2-swordfish"), &["sql"])?;
    let (status, printed) = run(dir.path(), &["check", "--offline"])?;
    assert!(!status.success() && printed.contains("toolhost.toml:7:12") && printed.contains("env:NAME"), "{printed}");
    assert!(!printed.contains("hunter2"), "{printed}");
    Ok(())
}
