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
use serde_json::{Value, json};
use tokio::sync::watch;
use toolhost_tests::bench::client::{ARGUMENT_BYTES, Connection, Load, Question, load};
use toolhost_tests::bench::servers::Server;
use toolhost_tests::http;
use toolhost_tests::mcp::Era;
use toolhost_tests::ready;
use toolhost_tests::toolhost::Setup;

use crate::report::Report;

const CALLS: usize = 1_000;

/// What so many may take together, in KiB.
const MEMORY_MAX_KIB: u64 = 100 << 10;

/// How long a call of the timer's waits, in milliseconds: until all wait, and for as long as others are made meanwhile.
const TIMER_MS: u64 = 6_000;

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
    println!("\n1,000 calls that wait in a host function at once");
    let upstream = Upstream::start().await?;
    wait_for_timer(report, &upstream).await?;
    wait_for_upstream(report, &upstream).await
}

/// What the waiting itself takes: a timer holds nothing.
async fn wait_for_timer(report: &mut Report, upstream: &Upstream) -> Result<()> {
    let server = Server::of(setup(&upstream.url)?.start().await?);
    let question = Question::call("good__sleep_ms", json!({ "milliseconds": TIMER_MS }), |result| {
        result["content"][0]["text"] == format!("slept {TIMER_MS} ms")
    });
    let url = format!("{}/metrics", server.url());
    let all_wait = async || {
        let metrics = http::request("GET", &url, &[], Vec::new()).await?.text();
        Ok(json!(metrics.contains(&format!("toolhost_calls_running{{plugin=\"good\"}} {CALLS}\n"))))
    };
    let waited = wait(&server, &question, all_wait, || Ok(())).await?;
    show(report, "a timer", &waited);
    let (taken, each) = (waited.taken_kib(), waited.taken_kib() / CALLS as u64);
    report.promise(
        taken < MEMORY_MAX_KIB,
        format!("1,000 waiting calls take {} MiB, {each} KiB each; at most {}", taken >> 10, MEMORY_MAX_KIB >> 10),
    );
    Ok(())
}

/// The same, and as many connections to the upstream.
async fn wait_for_upstream(report: &mut Report, upstream: &Upstream) -> Result<()> {
    let server = Server::of(setup(&upstream.url)?.start().await?);
    let question = Question::call("caller__send", json!({ "path": "/wait" }), |result| {
        result["structuredContent"]["status"] == 200 && result["structuredContent"]["body"] == "told"
    });
    let all_wait = async || Ok(json!(upstream.asked.load(Ordering::SeqCst) == CALLS));
    let release = || upstream.answers.send(true).context("the upstream is there");
    let waited = wait(&server, &question, all_wait, release).await?;
    show(report, "an upstream", &waited);
    Ok(())
}

/// What so many calls took while they waited, and how long another took beside them.
struct Waited {
    before_kib: u64,
    during_kib: u64,
    after_kib: u64,
    alone: Duration,
    meanwhile: Duration,
}

impl Waited {
    fn taken_kib(&self) -> u64 {
        self.during_kib.saturating_sub(self.before_kib)
    }
}

async fn wait(
    server: &Server,
    question: &Question,
    all_wait: impl AsyncFnMut() -> Result<Value>,
    release: impl FnOnce() -> Result<()>,
) -> Result<Waited> {
    let mut echo = [Connection::open(server.url(), Era::Modern, &Question::echo(server.tool, ARGUMENT_BYTES)).await?];
    let alone = load(&mut echo, ECHOES).await?;
    let opening = (0..CALLS).map(|_| Connection::open(server.url(), Era::Modern, question));
    let mut waiting = try_join_all(opening).await?;
    let before_kib = server.proportional_memory_kib()?;

    // Unlike a join, it tells of the first that fails.
    let answers = waiting.iter_mut().map(Connection::call).collect::<FuturesUnordered<_>>().try_collect::<Vec<()>>();
    let meanwhile = async {
        ready::until("all wait", all_wait, |all| *all == json!(true)).await?;
        let during_kib = server.proportional_memory_kib()?;
        let meanwhile = load(&mut echo, ECHOES).await?;
        release()?;
        anyhow::Ok((during_kib, meanwhile))
    };
    let (_, (during_kib, meanwhile)) = tokio::try_join!(answers, meanwhile)?;
    drop(waiting);
    load(&mut echo, ECHOES).await?;
    let after_kib = server.proportional_memory_kib()?;
    let p50 = |times: &[Duration]| times.get(times.len() / 2).copied().unwrap_or_default();
    Ok(Waited { before_kib, during_kib, after_kib, alone: p50(&alone.times), meanwhile: p50(&meanwhile.times) })
}

fn show(report: &mut Report, what: &str, waited: &Waited) {
    let [before_mib, during_mib, after_mib] =
        [waited.before_kib, waited.during_kib, waited.after_kib].map(|kib| kib as f64 / 1024.0);
    let [alone_us, meanwhile_us] = [waited.alone, waited.meanwhile].map(|time| time.as_secs_f64() * 1e6);
    println!("  for {what}: {before_mib:.1} MiB before, {during_mib:.1} while all wait, {after_mib:.1} after");
    println!("    another call at the median: {alone_us:.1} us alone, {meanwhile_us:.1} us meanwhile");
    report.add(
        "waiting",
        json!({
            "for": what,
            "calls": CALLS,
            "before_kib": waited.before_kib,
            "waiting_kib": waited.during_kib,
            "after_kib": waited.after_kib,
            "alone_p50_us": alone_us,
            "meanwhile_p50_us": meanwhile_us,
        }),
    );
}

/// A host that lets so many wait, and one more be answered.
fn setup(url: &str) -> Result<Setup> {
    let config = format!(
        "[serve]\ncalls = {0}\n[rates]\nplugin_calls = {0}\n[limits]\ndeadline_ms = 120000\n[plugins.caller]\ngrants = [\"http.up\"]\n\
         [http.up]\nbase_url = {url:?}\npaths = [\"/**\"]\nconcurrency_max = {CALLS}\ntime_max_ms = 100000\n",
        CALLS + 100
    );
    Setup::new(config).plugin("caller", "caller")?.plugin("good", "good")
}
