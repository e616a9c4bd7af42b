//! Programs that others wrote, each run to its end or to a limit of time.

use std::ffi::OsString;
use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

/// The program that this variable of `make test` names.
pub(crate) fn named(variable: &str) -> Result<OsString> {
    std::env::var_os(variable).with_context(|| format!("{variable} names no program: `make test` sets it up"))
}

/// A command of a Node package: it stands beside the Node that runs it.
pub(crate) fn of_package(command: &str) -> Result<Command> {
    let node = named("TOOLHOST_TEST_NODE")?;
    let folder = Path::new(&node).parent().and_then(Path::parent).context("Node is in a folder `bin`")?;
    let mut run = Command::new(&node);
    run.arg(folder.join("node_modules/.bin").join(command));
    Ok(run)
}

/// Runs a program that reads this: how it ended, and what it printed.
pub(crate) async fn run(mut command: Command, input: &str, time_max: Duration) -> Result<Output> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().with_context(|| format!("{command:?} cannot be run: `make test` sets it up"))?;
    let mut stdin = child.stdin.take().context("no input")?;
    // One that ends before it has read everything says why itself.
    stdin.write_all(input.as_bytes()).await.ok();
    drop(stdin);
    let ended = tokio::time::timeout(time_max, child.wait_with_output()).await;
    Ok(ended.with_context(|| format!("{command:?} did not end in {time_max:?}"))??)
}
