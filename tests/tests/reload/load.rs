//! A hundred reloads under load, and not one call that is lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use toolhost_tests::http::{Connection, request};
use toolhost_tests::mcp::{Era, Mcp};
use toolhost_tests::toolhost::{Setup, Toolhost};

use crate::{bytes, marked, serves, until};

const RELOADS: u64 = 100;

/// What all callers share.
#[derive(Default)]
struct Load {
    over: AtomicBool,
    calls: AtomicU64,
}

/// One of those who call without a pause.
enum Door {
    /// On one connection that is kept.
    Kept(Connection),
    /// On a new connection for every call.
    Fresh(String),
    /// By MCP, in either era.
    Mcp(Box<Mcp>),
}

impl Door {
    async fn call(&mut self, tool: &str, arguments: Value) -> Result<Value> {
        let path = format!("/tools/{tool}");
        let response = match self {
            Self::Mcp(client) => return client.call(tool, arguments).await,
            Self::Kept(connection) => connection.send("POST", &path, &[], arguments.to_string()).await?,
            Self::Fresh(url) => {
                request("POST", &format!("{url}{path}"), &[], arguments.to_string().into_bytes()).await?
            }
        };
        ensure!(response.status == 200, "HTTP {}: {}", response.status, response.text());
        response.json()
    }

    /// Calls until it is over; each call must be answered, and rightly.
    async fn echo(mut self, load: Arc<Load>) -> Result<()> {
        while !load.over.load(Ordering::Relaxed) {
            let message = format!("call {}", load.calls.fetch_add(1, Ordering::Relaxed));
            let answer = self.call("good__echo", json!({ "message": message })).await;
            let answer = answer.with_context(|| message.clone())?;
            ensure!(answer["structuredContent"]["message"] == message.as_str(), "{message}: {answer}");
        }
        Ok(())
    }

    /// The same with calls that a reload finds half-way.
    async fn sleep(mut self, load: Arc<Load>) -> Result<()> {
        while !load.over.load(Ordering::Relaxed) {
            let answer = self.call("good__sleep_ms", json!({ "milliseconds": 900 })).await?;
            ensure!(answer["content"][0]["text"] == "slept 900 ms", "{answer}");
            load.calls.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }
}

/// How many pieces of compiled code the process has in its memory.
fn code_in_memory(host: &Toolhost) -> Result<usize> {
    let maps = std::fs::read_to_string(format!("/proc/{}/maps", host.pid()))?;
    Ok(maps.lines().filter(|line| line.contains(".cwasm")).count())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_call_is_lost_during_a_hundred_reloads() -> Result<()> {
    let config = |round: u64| format!("[plugins.good]\nsettings = {{ round = {round} }}\n");
    let host = Setup::new(config(0)).argument("--log=warn").plugin("good", "good")?.start().await?;
    let good = bytes("good")?;
    let versions = [good.clone(), marked(&good)];
    let (url, load) = (host.url().to_owned(), Arc::new(Load::default()));
    let doors = [
        Door::Kept(Connection::open(&url).await?),
        Door::Fresh(url.clone()),
        Door::Mcp(Box::new(Mcp::connect(&url, Era::Legacy).await?)),
        Door::Mcp(Box::new(Mcp::connect(&url, Era::Modern).await?)),
    ];
    let mut callers: Vec<_> = doors.into_iter().map(|door| tokio::spawn(door.echo(Arc::clone(&load)))).collect();
    callers.push(tokio::spawn(Door::Kept(Connection::open(&url).await?).sleep(Arc::clone(&load))));
    callers.push(tokio::spawn(Door::Fresh(url).sleep(Arc::clone(&load))));

    for round in 1..=RELOADS {
        // Another file and another config at once; the setting tells that both were taken.
        host.put("good", &versions[usize::try_from(round % 2)?])?;
        host.configure(&config(round))?;
        host.signal("HUP")?;
        let setting = async || Ok(host.call("good__setting", json!({ "key": "round" })).await?.1);
        let is_taken = |said: &Value| said["content"][0]["text"].as_str() == Some(round.to_string().as_str());
        until(&format!("reload {round}"), setting, is_taken).await?;
        if callers.iter().any(|caller| caller.is_finished()) {
            break;
        }
    }
    load.over.store(true, Ordering::Relaxed);
    for caller in callers {
        caller.await?.with_context(|| host.printed().unwrap_or_default())?;
    }
    let calls = load.calls.load(Ordering::Relaxed);
    ensure!(calls > RELOADS * 5, "that is no load: {calls} calls");
    serves(&host, &["good"]).await?;
    println!("{calls} calls during {RELOADS} reloads");

    // Each version is some three pieces; a hundred would be left if none were ever dropped.
    let pieces = async || Ok(json!(code_in_memory(&host)?));
    until("old versions are still in memory", pieces, |pieces| pieces.as_u64().is_some_and(|pieces| pieces < 60))
        .await?;
    Ok(())
}
