//! A host that is killed in the middle of its work has a line for every call that it answered.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context as _, Result};
use serde_json::json;
use toolhost_tests::http::Connection;

use super::{all_lines, audit, calls, setup};

const CONNECTIONS: usize = 4;

/// How many calls are answered before the host is killed.
const CALLS: usize = 400;

/// Calls until the host is gone: the names of the calls that were answered, and how many echoes.
async fn call_on(url: String, number: usize, answered: Arc<AtomicUsize>) -> Result<(Vec<String>, usize)> {
    let mut connection = Connection::open(&url).await?;
    let (mut names, mut echoes) = (Vec::new(), 0);
    for count in 0.. {
        // By its name, a line is that of one call; the echoes are calls that run a plugin.
        let name = format!("missing-{number}-{count}");
        let body = json!({ "message": name }).to_string();
        if connection.send("POST", &format!("/tools/{name}"), &[], "").await.is_err() {
            break;
        }
        names.push(name);
        if connection.send("POST", "/tools/good__echo", &[("content-type", "application/json")], body).await.is_err() {
            break;
        }
        echoes += 1;
        answered.fetch_add(2, Ordering::Relaxed);
    }
    Ok((names, echoes))
}

async fn killed_under_load(sync: &str) -> Result<()> {
    let config = format!("[audit]\nsync = \"{sync}\"\nsync_ms = 10\n");
    let mut host = setup(&config)?.start().await?;
    let answered = Arc::new(AtomicUsize::new(0));
    let callers: Vec<_> = (0..CONNECTIONS)
        .map(|number| tokio::spawn(call_on(host.url().to_owned(), number, Arc::clone(&answered))))
        .collect();
    while answered.load(Ordering::Relaxed) < CALLS {
        tokio::task::yield_now().await;
        anyhow::ensure!(callers.iter().any(|caller| !caller.is_finished()), "the host ended by itself");
    }
    host.kill()?;
    let dir = host.dir();
    let (mut names, mut echoes) = (Vec::new(), 0);
    for caller in callers {
        let (more, count) = caller.await??;
        names.extend(more);
        echoes += count;
    }
    // The last line may be half written; it is no call that was answered.
    let said = audit(dir, &["verify"])?;
    let text = std::fs::read_to_string(super::segment(dir, 1))?;
    let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
    let lines: Vec<serde_json::Value> = whole.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let last = lines.iter().rev().find_map(|line| line["id"].as_str()).context("no call")?;
    assert!(said.contains(last), "{last}: {said}");
    let named: BTreeSet<&str> = lines.iter().filter_map(|line| line["name"].as_str()).collect();
    let lost: Vec<&String> = names.iter().filter(|name| !named.contains(name.as_str())).collect();
    assert!(lost.is_empty() && names.len() >= CALLS / 2 - CONNECTIONS, "answered without a line: {lost:?}");
    let lines_of_echoes = lines.iter().filter(|line| line["name"] == "good__echo" && line["outcome"] == "answered");
    assert!(lines_of_echoes.count() >= echoes, "answered without a line");

    let before = lines.len();
    host.start_again().await?;
    host.call("good__add", json!({ "a": 1, "b": 2 })).await?;
    audit(host.dir(), &["verify"])?;
    let after = all_lines(host.dir(), 1)?;
    let [mark, call] = &after[before..] else { anyhow::bail!("two more lines: {:?}", &after[before..]) };
    assert_eq!(mark["mark"], "started", "{mark}");
    assert_eq!([&mark["seq"], &call["seq"]], [before + 1, before + 2], "{mark} {call}");
    assert_eq!(calls(host.dir(), 1)?.last().context("a call")?["name"], "good__add");
    Ok(())
}

#[tokio::test]
async fn a_killed_host_has_a_line_for_every_call_that_it_answered_and_goes_on_after_it() -> Result<()> {
    killed_under_load("interval").await
}

#[tokio::test]
async fn a_killed_host_that_waits_for_the_disk_has_a_line_for_every_call_too() -> Result<()> {
    killed_under_load("always").await
}

#[tokio::test]
async fn half_a_line_is_cut_off_at_the_next_start_which_says_so() -> Result<()> {
    let mut host = setup("")?.start().await?;
    host.call("good__add", json!({ "a": 1, "b": 2 })).await?;
    host.kill()?;
    let dir = host.dir();
    let file = super::segment(dir, 1);
    let text = std::fs::read_to_string(&file)? + "{\"seq\":3,\"ti";
    std::fs::write(&file, text)?;
    let said = audit(dir, &["verify"])?;
    assert!(said.contains("12 bytes of a line that is not whole"), "{said}");
    host.start_again().await?;
    audit(host.dir(), &["verify"])?;
    let lines = all_lines(host.dir(), 1)?;
    assert_eq!(lines.last().context("a line")?["recovered_bytes"], 12, "{lines:?}");
    Ok(())
}
