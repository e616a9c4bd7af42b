//! The policy from the street: what callers may do, what they see, and what operators are told.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use toolhost_tests::Toolhost;
use toolhost_tests::toolhost::Setup;

#[path = "policy/commands.rs"]
mod commands;
#[path = "policy/lists.rs"]
mod lists;
#[path = "policy/matrix.rs"]
mod matrix;
#[path = "policy/reload.rs"]
mod reload;
#[path = "policy/uses.rs"]
mod uses;

/// How long a test waits for what must come sooner or later.
const PATIENCE: Duration = Duration::from_secs(60);

/// The line of the config that names the policy.
const NAMED: &str = "[policy]\nfile = \"policy.cedar\"\n";

/// A host with the plugins `good` and `keeper`, under this policy.
fn setup(policy: &str) -> Result<Setup> {
    let config =
        format!("{NAMED}[kv.cache]\nmemory = {{}}\n[plugins.good]\n[plugins.keeper]\ngrants = [\"kv.cache\"]\n");
    Setup::new(config).beside("policy.cedar", policy).plugin("good", "good")?.plugin("keeper", "keeper")
}

/// One call by REST that must fail: the status, and the error.
async fn refusal(host: &Toolhost, tool: &str, arguments: Value) -> Result<(u16, Value)> {
    let (status, answer) = host.call(tool, arguments).await?;
    ensure!(status != 200, "{tool} answered: {answer}");
    let error = answer["_meta"].get("toolhost/error").with_context(|| format!("no error: {answer}"))?;
    Ok((status, error.clone()))
}

/// Looks again and again until something holds.
async fn until(what: &str, mut holds: impl AsyncFnMut() -> Result<bool>) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    while !holds().await? {
        ensure!(Instant::now() < deadline, "{what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}
