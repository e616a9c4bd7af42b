//! toolhost beside bare rmcp: the same calls, by the same client, in one run.
//!
//! Absolute numbers belong to the machine and the minute. The ratios hold: the servers
//! take turns, and each ratio is the median of those of single rounds.

use std::time::Duration;

use anyhow::Result;

#[path = "calls/loading.rs"]
mod loading;
#[path = "calls/python.rs"]
mod python;
#[path = "calls/report.rs"]
mod report;

use self::report::{Report, Row};
use toolhost_tests::bench::client::{ARGUMENT_BYTES, Load};
use toolhost_tests::bench::native;
use toolhost_tests::bench::servers::Server;
use toolhost_tests::bench::turns::{Plan, take_turns};
use toolhost_tests::mcp::ERAS;

/// Client and native server have the allocator that toolhost has.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How many connections call at once, each with one call under way.
const CONNECTIONS: [usize; 3] = [1, 16, 64];

/// How long the servers take turns at each number of connections.
const PLAN: Plan = Plan {
    warm_up: Load { time: Duration::from_millis(500), calls: 5_000 },
    turn: Load { time: Duration::from_millis(700), calls: 50_000 },
    rounds: 9,
};

/// With this argument it fails if a ratio misses what it is to be.
const GATE: &str = "--gate";

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|first| first == native::ARGUMENT) {
        return native::run(&arguments[1..]);
    }
    // One thread: on a small machine the client must leave the processors to the servers.
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(compare(arguments.iter().any(|argument| argument == GATE)))
}

async fn compare(is_gate: bool) -> Result<()> {
    let mut report = Report::begin(PLAN)?;
    let [bare, gated] = [Server::toolhost().await?.named("bare"), Server::gated().await?.named("gated")];
    let servers = [Server::native(&[])?, bare, gated];
    let contestants = servers.each_ref().map(|server| (server, server.echo(ARGUMENT_BYTES)));
    for era in ERAS.into_iter().rev() {
        for connections in CONNECTIONS {
            let measured = take_turns(&contestants, era, connections, PLAN).await?;
            report.add_rows(measured.into_iter().map(|measured| Row { era, connections, measured }).collect());
        }
    }
    drop(servers);
    report.add_start_times(&loading::start_times()?);
    report.add_memory(&loading::memory_of_plugins().await?);
    report.add_python(python::beside_rust().await?);
    report.finish(is_gate)
}
