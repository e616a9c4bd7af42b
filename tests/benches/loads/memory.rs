//! Memory over many calls: what grows with each would end a server one night.
//!
//! `BENCH_CALLS` says how many calls, such as 1000000; if it is not set, 100,000.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use toolhost_tests::bench::client::{ARGUMENT_BYTES, Connection, Load, Question, load};
use toolhost_tests::bench::servers::Server;
use toolhost_tests::mcp::Era;

use crate::report::Report;

const CALLS: usize = 100_000;

/// After so many calls all is warm that gets warm.
const WARM: usize = 10_000;

const CONNECTIONS: usize = 16;

/// What memory may grow by once all is warm, in KiB: what the allocator keeps differs.
const GROWTH_MAX_KIB: u64 = 4 << 10;

/// How long all calls may take.
const TIME_MAX: Duration = Duration::from_secs(600);

pub(crate) async fn measure(report: &mut Report) -> Result<()> {
    let calls = calls()?;
    println!("\nMemory over {calls} calls of echo, on {CONNECTIONS} connections");
    let server = Server::toolhost().await?;
    let question = Question::echo(server.tool, ARGUMENT_BYTES);
    let mut connections = Vec::new();
    for _ in 0..CONNECTIONS {
        connections.push(Connection::open(server.url(), Era::Modern, &question).await?);
    }
    let (mut made, mut warm) = (0, 0);
    let looks = [WARM, 100_000, 300_000].into_iter().filter(|look| *look < calls).chain([calls]);
    for until in looks {
        let limit = Load { time: TIME_MAX, calls: until - made };
        made += load(&mut connections, limit).await?.times.len();
        let memory = server.memory_kib()?;
        println!("  after {made:>9} calls: {:>6.1} MiB", memory as f64 / 1024.0);
        report.add("memory", json!({ "calls": made, "rss_kib": memory }));
        if until == WARM {
            warm = memory;
        } else {
            ensure!(made >= until, "{made} calls took longer than {TIME_MAX:?}");
            let growth = memory.saturating_sub(warm);
            report.promise(
                growth <= GROWTH_MAX_KIB,
                format!("memory grew by {growth} KiB since {WARM} calls; at most {GROWTH_MAX_KIB}"),
            );
        }
    }
    Ok(())
}

fn calls() -> Result<usize> {
    let Some(calls) = std::env::var_os("BENCH_CALLS") else { return Ok(CALLS) };
    let calls = calls.to_str().and_then(|calls| calls.parse().ok()).context("BENCH_CALLS is no number")?;
    ensure!(calls > WARM, "BENCH_CALLS must be above {WARM}");
    Ok(calls)
}
