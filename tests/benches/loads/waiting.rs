//! A thousand calls that wait in a host function at once: what memory they take, and whether
//! another call is still answered quickly.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result};
use axum::Router;
use axum::routing::get;
use futures_util::TryStreamExt;
use futures_util::future::try_join_all;
use futures_util::stream::FuturesUnordered;
use serde_json::json;
use tokio::sync::watch;
use toolhost_tests::bench::client::{ARGUMENT_BYTES, Connection, Load, Question, load};
use toolhost_tests::bench::servers::Server;
use toolhost_tests::mcp::Era;
use toolhost_tests::ready;
use toolhost_tests::toolhost::Setup;

use crate::report::Report;

const CALLS: usize = 1_000;

/// What so many may take together, in KiB.
const MEMORY_MAX_KIB: u64 = 100 << 10;

/// What calls of another tool are made before, and while all wait.
const ECHOES: Load = Load { time: Duration::from_secs(2), calls: 5_000 };

/// An upstream that answers when it is told to.
struct Upstream {
    url: String,
    asked: Arc<AtomicUsize>,
    answers: watch::Sender<bool>,
}

impl Upstream {
    async fn start() -> Result<Self> {
        let (asked, (answers, told)) = (Arc::<AtomicUsize>::default(), watch::channel(false));
        let counted = Arc::clone(&asked);
        let wait = move || {
            let (counted, mut told) = (Arc::clone(&counted), told.clone());
            async move {
                counted.fetch_add(1, Ordering::SeqCst);
                told.wait_for(|told| *told).await.map(|_| "told").unwrap_or("gone")
            }
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        tokio::spawn(async move { axum::serve(listener, Router::new().route("/wait", get(wait))).await });
        Ok(Self { url, asked, answers })
    }
}

pub(crate) async fn measure(report: &mut Report) -> Result<()> {
    println!("\n1,000 calls that wait for an upstream at once");
    let upstream = Upstream::start().await?;
    let server = Server::of(setup(&upstream.url)?.start().await?);
    let mut echo = [Connection::open(server.url(), Era::Modern, &Question::echo(server.tool, ARGUMENT_BYTES)).await?];
    let alone = load(&mut echo, ECHOES).await?;
    let question = Question::call("caller__send", json!({ "path": "/wait" }), |result| {
        result["structuredContent"]["status"] == 200 && result["structuredContent"]["body"] == "told"
    });
    let opening = (0..CALLS).map(|_| Connection::open(server.url(), Era::Modern, &question));
    let mut waiting = try_join_all(opening).await?;
    let before = server.memory_kib()?;

    // Unlike a join, it tells of the first that fails.
    let answers = waiting.iter_mut().map(Connection::call).collect::<FuturesUnordered<_>>().try_collect::<Vec<()>>();
    let meanwhile = async {
        let asked = async || Ok(json!(upstream.asked.load(Ordering::SeqCst)));
        ready::until("all wait", asked, |asked| asked.as_u64() == Some(CALLS as u64)).await?;
        let during = server.memory_kib()?;
        let meanwhile = load(&mut echo, ECHOES).await?;
        upstream.answers.send(true).context("the upstream is there")?;
        anyhow::Ok((during, meanwhile))
    };
    let (_, (during, meanwhile)) = tokio::try_join!(answers, meanwhile)?;
    drop(waiting);
    load(&mut echo, ECHOES).await?;
    let after = server.memory_kib()?;

    let p50 = |times: &[Duration]| times.get(times.len() / 2).map_or(f64::NAN, |time| time.as_secs_f64() * 1e6);
    let [alone, meanwhile] = [alone, meanwhile].map(|answered| p50(&answered.times));
    let [before_mib, during_mib, after_mib] = [before, during, after].map(|kib| kib as f64 / 1024.0);
    println!("  memory: {before_mib:.1} MiB before, {during_mib:.1} while all wait, {after_mib:.1} after");
    println!("  another call at the median: {alone:.1} us alone, {meanwhile:.1} us meanwhile");
    let taken = during.saturating_sub(before);
    report.add(
        "waiting",
        json!({
            "calls": CALLS,
            "before_kib": before,
            "waiting_kib": during,
            "after_kib": after,
            "alone_p50_us": alone,
            "meanwhile_p50_us": meanwhile,
        }),
    );
    let each = taken / CALLS as u64;
    report.promise(
        taken < MEMORY_MAX_KIB,
        format!("1,000 waiting calls take {} MiB, {each} KiB each; at most {}", taken >> 10, MEMORY_MAX_KIB >> 10),
    );
    Ok(())
}

/// A host that lets so many wait, and one more be answered.
fn setup(url: &str) -> Result<Setup> {
    let config = format!(
        "[serve]\ncalls = {}\n[rates]\nplugin_calls = {CALLS}\n[limits]\ndeadline_ms = 120000\n[plugins.caller]\ngrants = [\"http.up\"]\n\
         [http.up]\nbase_url = {url:?}\npaths = [\"/**\"]\nconcurrency_max = {CALLS}\ntime_max_ms = 100000\n",
        CALLS + 100
    );
    Setup::new(config).plugin("caller", "caller")?.plugin("good", "good")
}
