//! A flood by one caller slows no other: measured, with two callers who have a key each.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use futures_util::future::try_join_all;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use toolhost_tests::http::Connection;
use toolhost_tests::toolhost::Setup;

/// Connections that one caller floods by.
const FLOODING: usize = 32;

/// For how long, at most; and how many calls each connection makes, at most.
const TIME: Duration = Duration::from_secs(8);
const CALLS_MAX: usize = 20_000;

/// What the other caller does meanwhile: a call now and then.
const CALM: usize = 200;
const PAUSE: Duration = Duration::from_millis(20);

/// Far above what any call takes that is not kept waiting.
const LONG: Duration = Duration::from_secs(2);

/// What became of the calls of one connection.
#[derive(Debug, Default)]
struct Made {
    answered: usize,
    refused: usize,
    took: Vec<Duration>,
}

/// A file of keys for `flood` and `calm`, and the config that names it.
fn setup(folder: &std::path::Path) -> Result<Setup> {
    let mut keys = String::new();
    for caller in ["flood", "calm"] {
        let digest: String = Sha256::digest(key(caller)).iter().map(|byte| format!("{byte:02x}")).collect();
        keys += &format!(
            "[[key]]\nid = \"{caller}-1\"\nsha256 = \"{digest}\"\ncaller = \"{caller}\"\ngroups = [\"all\"]\n\n"
        );
    }
    let file = folder.join("keys.toml");
    std::fs::write(&file, keys)?;
    let config =
        format!("[plugins.good]\ngroups = [\"all\"]\n\n[callers]\nkeys = {file:?}\n\n[rates]\ncaller_calls = 8\n");
    Setup::new(config).plugin("good", "good")
}

fn key(caller: &str) -> String {
    format!("thk_{caller:A<43}")
}

/// Calls one after the other, on one connection.
async fn calls(url: &str, caller: &str, most: usize, pause: Duration, until: Instant) -> Result<Made> {
    let mut connection = Connection::open(url).await?;
    let authorization = format!("Bearer {}", key(caller));
    let headers = [("authorization", authorization.as_str()), ("content-type", "application/json")];
    let (body, mut made) = (json!({ "message": "x" }).to_string(), Made::default());
    while made.answered + made.refused < most && Instant::now() < until {
        let begun = Instant::now();
        let response = connection.send("POST", "/tools/good__echo", &headers, body.clone()).await?;
        match response.status {
            200 => {
                made.answered += 1;
                made.took.push(begun.elapsed());
            }
            429 => {
                let wait = response.header("retry-after").context("says when to come back")?;
                ensure!(wait.parse::<u64>()? >= 1, "{wait}");
                made.refused += 1;
            }
            other => anyhow::bail!("{caller}: HTTP {other}: {}", response.text()),
        }
        tokio::time::sleep(pause).await;
    }
    made.took.sort();
    Ok(made)
}

fn part(sorted: &[Duration], of_hundred: usize) -> Duration {
    sorted.get((sorted.len() * of_hundred / 100).min(sorted.len().saturating_sub(1))).copied().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_by_one_caller_is_refused_and_every_call_of_another_is_answered() -> Result<()> {
    let folder = tempfile::TempDir::with_prefix("toolhost-flood-")?;
    let host = setup(folder.path())?.start().await?;
    let far = Instant::now() + Duration::from_secs(120);
    let alone = calls(host.url(), "calm", CALM, PAUSE, far).await?;
    let until = Instant::now() + TIME;
    let flooding = (0..FLOODING).map(|_| calls(host.url(), "flood", CALLS_MAX, Duration::ZERO, until));
    let (flood, calm) = tokio::join!(try_join_all(flooding), calls(host.url(), "calm", CALM, PAUSE, far));
    let (flood, calm) = (flood?, calm?);
    let (answered, refused) = flood.iter().fold((0, 0), |(a, r), made| (a + made.answered, r + made.refused));
    println!(
        "flood: {answered} answered, {refused} refused; calm alone: p50 {:?}, p99 {:?}; beside the flood: p50 {:?}, p99 {:?}",
        part(&alone.took, 50),
        part(&alone.took, 99),
        part(&calm.took, 50),
        part(&calm.took, 99),
    );
    assert!(refused > 0, "nothing of the flood was refused");
    // What it may do in that time, and as much again for good measure.
    assert!(answered <= 2 * (400 + 200 * TIME.as_secs() as usize), "{answered}");
    assert_eq!((calm.answered, calm.refused), (CALM, 0));
    assert!(part(&calm.took, 99) < LONG, "{:?}", part(&calm.took, 99));
    Ok(())
}
