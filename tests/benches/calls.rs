//! toolhost beside bare rmcp: the same calls, by the same client, in one run.
//!
//! Absolute numbers belong to the machine and the minute. The ratios hold: the servers
//! take turns, and each ratio is the median of those of single rounds.

use std::time::Duration;

use anyhow::Result;

#[path = "calls/client.rs"]
mod client;
#[path = "calls/http1.rs"]
mod http1;
#[path = "calls/loading.rs"]
mod loading;
#[path = "calls/report.rs"]
mod report;
#[path = "calls/servers.rs"]
mod servers;

use self::client::{Connection, Load};
use self::report::{Report, Round, Row};
use self::servers::Server;
use toolhost_tests::mcp::{ERAS, Era};

/// Client and native server have the allocator that toolhost has.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How many connections call at once, each with one call under way.
const CONNECTIONS: [usize; 3] = [1, 16, 64];

/// How often each server has its turn at each number of connections.
const ROUNDS: usize = 9;

/// One turn, which ends at whichever limit comes first.
const TURN: Load = Load { time: Duration::from_millis(700), calls: 50_000 };

/// What goes before the first turn and is not measured.
const WARM_UP: Load = Load { time: Duration::from_millis(500), calls: 5_000 };

fn main() -> Result<()> {
    if std::env::args().nth(1).as_deref() == Some(servers::NATIVE_ARGUMENT) {
        return servers::run_native();
    }
    // One thread: on a small machine the client must leave the processors to the servers.
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(compare())
}

async fn compare() -> Result<()> {
    let mut report = Report::begin(TURN, ROUNDS)?;
    let servers = [Server::native()?, Server::toolhost().await?];
    for era in ERAS.into_iter().rev() {
        for connections in CONNECTIONS {
            report.add_rows(take_turns(&servers, era, connections).await?);
        }
    }
    drop(servers);
    report.add_start_times(loading::start_times()?);
    report.add_memory(loading::memory_of_plugins().await?);
    report.finish()
}

/// All rounds of one number of connections, on connections that are kept throughout.
async fn take_turns(servers: &[Server], era: Era, connections: usize) -> Result<Vec<Row>> {
    let mut turns = Vec::new();
    for server in servers {
        let mut open = Vec::new();
        for _ in 0..connections {
            open.push(Connection::open(server.url(), era, server.tool).await?);
        }
        client::load(&mut open, WARM_UP).await?;
        turns.push((server, open, Row::new(server.name, era, connections)));
    }
    for _ in 0..ROUNDS {
        for (server, open, row) in &mut turns {
            let before = server.cpu_time()?;
            let answered = client::load(open, TURN).await?;
            row.rounds.push(Round::new(answered, server.cpu_time()? - before));
            row.memory_kib = server.memory_kib()?;
        }
    }
    Ok(turns.into_iter().map(|(_, _, row)| row).collect())
}
