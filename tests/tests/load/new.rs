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
