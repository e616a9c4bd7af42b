//! Many callers with good, bad and hostile calls at once, for minutes, while plugins and config
//! are replaced and the process is killed: whatever was answered is right and in the audit trail,
//! and memory does not grow.
//!
//! `SOAK_S` says for how many seconds; a fifth of them without a kill at the end.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tokio::sync::RwLock;
use toolhost_tests::canary;
use toolhost_tests::component;
use toolhost_tests::http::Connection;
use toolhost_tests::keys::{self, key};
use toolhost_tests::toolhost::{Setup, Toolhost, run};

const CALLERS: usize = 64;

/// How long it goes on if nobody says.
const SECONDS: u64 = 20;

/// How often something is replaced, and how often the process is killed.
const RELOAD: Duration = Duration::from_secs(3);
const KILL: Duration = Duration::from_secs(7);

/// What memory may grow by between the first look and the last: what the allocator keeps differs.
const GROWTH_KIB: u64 = 32 << 10;

const CONFIG: &str = "
[callers]
keys = \"keys.toml\"

[policy]
file = \"policy.cedar\"

[plugins.good]
[plugins.liar]

[plugins.greedy.limits]
memory_mib = 16

[plugins.endless.limits]
deadline_ms = 300
";

const POLICY: &str = "@id(\"team\")\npermit (principal in Group::\"team\", action, resource);\n";

/// What was seen from the street.
#[derive(Default)]
struct Seen {
    /// By trace: who called, and how it ended.
    answered: Mutex<HashMap<String, (String, String)>>,
    broken_off: AtomicU64,
    over: AtomicBool,
}

/// One kind of call, and how it must end.
fn call(turn: u64, caller: usize) -> (&'static str, Value, &'static str) {
    let nonce = format!("{caller}.{turn}");
    match turn % 16 {
        3 => ("good__add", json!({ "a": 1 }), "invalid-arguments"),
        5 => ("good__nothing", json!({ "nonce": nonce }), "unknown-tool"),
        7 => ("liar__panic", json!({}), "crashed"),
        9 if caller.is_multiple_of(8) => ("endless__spin", json!({}), "deadline"),
        11 if caller.is_multiple_of(8) => ("greedy__allocate", json!({ "megabytes": 600 }), "memory"),
        13 => ("good__fail", json!({ "kind": "not-found" }), "not-found"),
        _ => ("good__echo", json!({ "message": nonce, "payload": { "turn": turn } }), "answered"),
    }
}

/// One caller, until it is over.
async fn calls(caller: usize, url: &RwLock<String>, seen: &Seen) -> Result<()> {
    let bearer = format!("Bearer {}", key(caller));
    let mut turn = 0_u64;
    'connect: while !seen.over.load(Ordering::Relaxed) {
        let base = url.read().await.clone();
        let Ok(mut connection) = Connection::open(&base).await else {
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        };
        while !seen.over.load(Ordering::Relaxed) {
            turn += 1;
            let (tool, arguments, ending) = call(turn, caller);
            let trace = format!("{:016x}{:016x}", caller + 1, turn);
            let parent = format!("00-{trace}-0000000000000001-00");
            let headers =
                [("authorization", bearer.as_str()), ("content-type", "application/json"), ("traceparent", &parent)];
            let path = format!("/tools/{tool}");
            let Ok(answer) = connection.send("POST", &path, &headers, arguments.to_string()).await else {
                seen.broken_off.fetch_add(1, Ordering::Relaxed);
                continue 'connect;
            };
            let result = answer.json()?;
            let kind = result["_meta"]["toolhost/error"]["kind"].as_str().unwrap_or("answered").to_owned();
            ensure!(
                kind == ending || matches!(kind.as_str(), "busy" | "limited"),
                "{tool} of caller {caller} ended as {kind}, not {ending}: {result}"
            );
            if kind == "answered" {
                ensure!(result["structuredContent"] == arguments, "{tool}: {result} of {arguments}");
            }
            let mut answered = seen.answered.lock().map_err(|_| anyhow::anyhow!("another caller failed"))?;
            answered.insert(trace, (format!("caller{caller}"), kind));
        }
    }
    Ok(())
}

/// Every line of the trail, by trace: who called, and how it ended.
fn by_trace(trail: &str) -> HashMap<String, (String, String)> {
    // The last line before a kill may be half a line.
    let lines = trail.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let text = |line: &Value, key: &str| line[key].as_str().unwrap_or_default().to_owned();
    lines.map(|line| (text(&line, "trace"), (text(&line, "caller"), text(&line, "outcome")))).collect()
}

/// Replaces plugins and config, and kills the process, until the last fifth; then looks at memory.
async fn disturb(host: &mut Toolhost, url: &RwLock<String>, time: Duration) -> Result<(u32, u32, u64, u64)> {
    let began = Instant::now();
    let (mut reloads, mut kills, mut killed) = (0, 0, Instant::now());
    let plugins = ["good", "liar", "endless"];
    let calm = time.mul_f64(0.4);
    while began.elapsed() < time - calm {
        tokio::time::sleep(RELOAD.min(time / 10)).await;
        let name = plugins[reloads as usize % plugins.len()];
        host.put(name, &std::fs::read(component(name)?)?)?;
        host.configure(&format!("# {reloads}\n{CONFIG}"))?;
        reloads += 1;
        if killed.elapsed() > KILL.min(time / 5) {
            host.kill()?;
            host.start_again().await?;
            *url.write().await = host.url().to_owned();
            (kills, killed) = (kills + 1, Instant::now());
        }
    }
    tokio::time::sleep(calm / 2).await;
    let before = host.memory_kib()?;
    tokio::time::sleep(calm / 2).await;
    Ok((reloads, kills, before, host.memory_kib()?))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_was_answered_is_right_and_in_the_trail() -> Result<()> {
    let seconds = match std::env::var_os("SOAK_S") {
        Some(seconds) => seconds.to_str().context("SOAK_S is a number")?.parse()?,
        None => SECONDS,
    };
    let setup = Setup::new(CONFIG).beside("keys.toml", keys::file(CALLERS)).beside("policy.cedar", POLICY);
    let setup = setup.plugin("good", "good")?.plugin("liar", "liar")?;
    let mut host = setup.plugin("greedy", "greedy")?.plugin("endless", "endless")?.start().await?;
    let (url, seen) = (RwLock::new(host.url().to_owned()), Seen::default());
    let began = Instant::now();
    let callers = futures_util::future::try_join_all((0..CALLERS).map(|caller| calls(caller, &url, &seen)));
    let disturbing = async {
        let disturbed = disturb(&mut host, &url, Duration::from_secs(seconds)).await;
        seen.over.store(true, Ordering::Relaxed);
        disturbed
    };
    let (called, disturbed) = tokio::join!(callers, disturbing);
    let (reloads, kills, before, after) = disturbed.with_context(|| host.printed().unwrap_or_default())?;
    called?;
    let answered = seen.answered.into_inner().map_err(|_| anyhow::anyhow!("a caller failed"))?;
    let (verified, said) = run(host.dir(), &["audit", "verify"])?;
    ensure!(verified.success(), "the trail is broken: {said}");
    let trail = by_trace(&canary::trail(&host.dir().join("audit"))?);
    let lost: Vec<_> = answered.iter().filter(|(trace, ending)| trail.get(*trace) != Some(*ending)).take(5).collect();
    println!(
        "{CALLERS} callers, {} s: {} calls answered, {} broken off, {reloads} reloads, {kills} kills, {} lines in the \
         trail; memory {before} KiB, then {after} KiB",
        began.elapsed().as_secs(),
        answered.len(),
        seen.broken_off.load(Ordering::Relaxed),
        trail.len(),
    );
    ensure!(lost.is_empty(), "answered, and not in the trail: {lost:?}");
    ensure!(answered.len() > CALLERS && kills > 0, "nothing happened");
    ensure!(after < before + before / 5 + GROWTH_KIB, "memory grows: {before} KiB, then {after} KiB");
    Ok(())
}
