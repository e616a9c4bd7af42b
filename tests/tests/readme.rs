//! What the README says is what the program does.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use tempfile::TempDir;
use toolhost::fault::Kind;
use toolhost_tests::repository;
use toolhost_tests::toolhost::run;

fn readme() -> Result<String> {
    Ok(std::fs::read_to_string(repository().join("README.md"))?)
}

/// The blocks of one language, in order.
fn blocks(readme: &str, language: &str) -> Vec<String> {
    let fence = format!("```{language}\n");
    readme.split(fence.as_str()).skip(1).filter_map(|rest| Some(rest.split("\n```").next()?.to_owned())).collect()
}

#[test]
fn the_policy_is_the_one_that_the_program_prints_for_the_config() -> Result<()> {
    let readme = readme()?;
    let config = blocks(&readme, "toml").into_iter().next().context("no config")?;
    let policy = blocks(&readme, "json").into_iter().next().context("no policy")?;
    let dir = TempDir::new()?;
    std::fs::write(dir.path().join("toolhost.toml"), config)?;
    let (status, printed) = run(dir.path(), &["iam-policy"])?;
    ensure!(status.success(), "{printed}");
    assert_eq!(printed.trim(), policy.trim());
    Ok(())
}

#[test]
fn the_configs_parse() -> Result<()> {
    let readme = readme()?;
    let configs = blocks(&readme, "toml");
    assert_eq!(configs.len(), 5);
    for config in configs {
        toolhost::config::Config::parse(&config, Path::new("toolhost.toml"), &toolhost::capability::grant_tables())?;
    }
    Ok(())
}

#[test]
fn the_plugin_is_the_one_that_the_sdk_compiles() -> Result<()> {
    let plugin = blocks(&readme()?, "rust").into_iter().next().context("no plugin")?;
    let compiled = std::fs::read_to_string(repository().join("sdk/src/lib.rs"))?;
    let compiled: Vec<&str> = compiled.lines().map(|line| line.trim_start_matches("//!").trim()).collect();
    for line in plugin.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("//!")) {
        assert!(compiled.contains(&line), "the SDK's example, which compiles, has no line: {line}");
    }
    Ok(())
}

#[test]
fn the_table_of_errors_is_the_table_of_the_program() -> Result<()> {
    let readme = readme()?;
    let table = readme.split("| kind |").nth(1).context("no table of errors")?;
    for kind in Kind::ALL {
        let row = table.lines().find(|line| line.starts_with('|') && line.contains(&format!("`{kind}`")));
        let row = row.with_context(|| format!("no row for {kind}"))?;
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        assert_eq!(cells.get(2).copied(), Some(kind.fault().as_str()), "{row}");
        assert_eq!(cells.get(3).copied(), Some(kind.http_status().to_string().as_str()), "{row}");
    }
    Ok(())
}
