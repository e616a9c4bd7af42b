//! A plugin from nothing: made by one command, built and tested by another.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};
use toolhost_tests::toolhost::run;
use toolhost_tests::{component, repository, toolhost_program};

/// Builds and tests a plugin's folder: whether it passed, and what was printed.
fn test(folder: &Path) -> Result<(bool, String)> {
    // One target directory for every run, so that the SDK is built once.
    let target = component("good")?.ancestors().nth(3).context("no target directory")?.join("tests-new");
    let output = Command::new(toolhost_program()?).arg("test").arg(folder).env("CARGO_TARGET_DIR", target).output()?;
    let printed = [output.stdout, output.stderr].concat();
    Ok((output.status.success(), String::from_utf8_lossy(&printed).into_owned()))
}

#[test]
fn a_new_plugin_builds_and_passes_its_tests_and_they_can_fail() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let (status, printed) = run(dir.path(), &["new", "hello-there"])?;
    assert!(status.success() && printed.contains("toolhost test ./hello-there"), "{printed}");
    let folder = dir.path().join("hello-there");
    // The versions of this workspace, so that the test needs no look at the registry.
    std::fs::copy(repository().join("Cargo.lock"), folder.join("Cargo.lock"))?;
    let (passed, printed) = test(&folder)?;
    assert!(passed && printed.contains("2 passed, 0 failed"), "{printed}");

    let calls = folder.join("calls.toml");
    let wrong = std::fs::read_to_string(&calls)?.replace("Hello, Ada!", "Good night, Ada!");
    std::fs::write(&calls, wrong)?;
    let (passed, printed) = test(&folder)?;
    assert!(!passed && printed.contains("1 passed, 1 failed"), "{printed}");
    assert!(printed.contains("greets-by-name") && printed.contains("Good night, Ada!"), "{printed}");
    Ok(())
}

#[test]
fn what_a_calls_toml_lacks_or_cannot_have_is_said() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let file = component("sql")?;
    let test = || run(dir.path(), &["test", ".", "--component", &file.to_string_lossy()]);
    let (status, printed) = test()?;
    assert!(!status.success() && printed.contains("there is no ./calls.toml: write it"), "{printed}");
    assert!(printed.contains("[call.<name>]") && !printed.contains("toolhost demo"), "{printed}");
    let call = "[call.lists]\ntool = \"list_servers\"\nexpect.text_contains = \"crm\"\n";
    let script = "[sql.crm.script]\ndialect = \"mysql\"\n";
    for (calls, says) in [
        (call.to_owned(), "write a table [sql.x.script]"),
        (format!("[plugins.plugin]\ngrants = [\"sql.crm\"]\n{script}"), "calls.toml:1:2: [plugins] means nothing"),
        (format!("{call}{script}[serve]\n"), "calls.toml:6:2: [serve] means nothing"),
        (script.to_owned(), "holds no call"),
    ] {
        std::fs::write(dir.path().join("calls.toml"), &calls)?;
        let (status, printed) = test()?;
        assert!(!status.success() && printed.contains(says), "{calls}: {printed}");
        assert!(!printed.contains("grants = ["), "{calls}: {printed}");
    }
    std::fs::write(dir.path().join("calls.toml"), format!("{call}{script}[limits]\n"))?;
    let (status, printed) = test()?;
    assert!(status.success() && printed.contains("1 passed, 0 failed"), "{printed}");
    Ok(())
}

#[test]
fn new_overwrites_nothing_and_takes_no_odd_name() -> Result<()> {
    let dir = tempfile::tempdir()?;
    std::fs::create_dir(dir.path().join("mine"))?;
    std::fs::write(dir.path().join("mine/calls.toml"), "# mine\n")?;
    let (status, printed) = run(dir.path(), &["new", "mine"])?;
    assert!(!status.success() && printed.contains("is there already"), "{printed}");
    assert_eq!(std::fs::read_to_string(dir.path().join("mine/calls.toml"))?, "# mine\n");
    for name in ["Upper", "9lives", "../up", "two words", "", "é"] {
        let (status, printed) = run(dir.path(), &["new", name])?;
        assert!(!status.success() && printed.contains("a plugin's name is"), "{name:?}: {printed}");
    }
    assert_eq!(std::fs::read_dir(dir.path())?.count(), 1, "something was made all the same");
    Ok(())
}
