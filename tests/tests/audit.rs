//! The audit trail from the street: a line for every call, that holds no value, that nobody
//! removes unseen, and that outlives a host that is killed or has no room.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use toolhost_tests::toolhost::{Setup, run};

#[path = "audit/crash.rs"]
mod crash;
#[path = "audit/full.rs"]
mod full;
#[path = "audit/lines.rs"]
mod lines;
#[path = "audit/shown.rs"]
mod shown;
#[path = "audit/tampered.rs"]
mod tampered;
#[path = "audit/values.rs"]
mod values;

/// A host with the plugins `good` and `conformance`; these lines are the rest of its config.
fn setup(config: &str) -> Result<Setup> {
    let config = format!("{config}\n[plugins.good]\n[plugins.conformance]\nprefix = \"\"\n");
    Setup::new(config).plugin("good", "good")?.plugin("conformance", "conformance")
}

/// The first segment of a chain.
fn segment(dir: &Path, chain: u32) -> std::path::PathBuf {
    dir.join(format!("audit/{chain}/000001.jsonl"))
}

/// The lines of calls in a chain's first segment.
fn calls(dir: &Path, chain: u32) -> Result<Vec<Value>> {
    let lines = all_lines(dir, chain)?;
    Ok(lines.into_iter().filter(|line| line.get("mark").is_none()).collect())
}

/// All lines of a chain's first segment.
fn all_lines(dir: &Path, chain: u32) -> Result<Vec<Value>> {
    let text = std::fs::read_to_string(segment(dir, chain)).context("there is no trail")?;
    text.lines().map(|line| serde_json::from_str(line).with_context(|| format!("no JSON: {line}"))).collect()
}

/// The lines of calls in the first chain, once there is one that is so.
async fn calls_until(dir: &Path, what: &str, so: impl Fn(&Value) -> bool) -> Result<Vec<Value>> {
    let began = Instant::now();
    loop {
        let calls = calls(dir, 1)?;
        if calls.iter().any(&so) {
            return Ok(calls);
        }
        ensure!(began.elapsed() < Duration::from_secs(30), "there is no line of {what}: {calls:#?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// One command of `toolhost audit`, which must succeed: what it prints.
fn audit(dir: &Path, arguments: &[&str]) -> Result<String> {
    let (status, printed) = run(dir, &[&["audit"], arguments].concat())?;
    ensure!(status.success(), "audit {arguments:?} failed: {printed}");
    Ok(printed)
}

/// What `toolhost audit verify` says of a trail that does not hold.
fn broken(dir: &Path) -> Result<String> {
    let (status, printed) = run(dir, &["audit", "verify"])?;
    ensure!(status.code() == Some(1), "it holds: {status} {printed}");
    Ok(printed)
}

/// Waits until the writer has noted how far the first chain is: so many lines.
async fn noted(dir: &Path, lines: usize) -> Result<()> {
    let began = Instant::now();
    loop {
        let head = std::fs::read_to_string(dir.join("audit/1/head"))?;
        let seq = head.split(' ').next().and_then(|seq| seq.parse::<usize>().ok());
        if seq.is_some_and(|seq| seq >= lines) {
            return Ok(());
        }
        ensure!(began.elapsed() < Duration::from_secs(30), "the end was never noted: {head}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
