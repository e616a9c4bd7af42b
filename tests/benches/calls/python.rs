//! A plugin in Python beside the one in Rust that does the same: what a component costs that brings
//! an interpreter. `tests/guests-python/echo` is the source.

use std::time::Duration;

use anyhow::Result;
use toolhost_tests::bench::client::{ARGUMENT_BYTES, Load};
use toolhost_tests::bench::servers::Server;
use toolhost_tests::bench::turns::{Plan, take_turns};
use toolhost_tests::component;
use toolhost_tests::mcp::Era;
use toolhost_tests::toolhost::{Setup, run};

use crate::loading::{StartTime, start_time_of};
use crate::report::Row;

const CONNECTIONS: [usize; 2] = [1, 16];

const PLAN: Plan = Plan {
    warm_up: Load { time: Duration::from_millis(500), calls: 5_000 },
    turn: Load { time: Duration::from_millis(700), calls: 50_000 },
    rounds: 5,
};

/// The two plugins, the one in Rust first.
pub(crate) struct Beside {
    /// Those of one number of connections after those of another.
    pub(crate) rows: Vec<Vec<Row>>,
    /// By language: how large the component is, in bytes, and how long a host with it takes to start.
    pub(crate) starts: Vec<(&'static str, u64, StartTime)>,
}

pub(crate) async fn beside_rust() -> Result<Beside> {
    let (mut servers, mut starts) = (Vec::new(), Vec::new());
    for (language, file) in [("rust", "good"), ("python", "python_echo")] {
        let setup = Setup::new("").plugin("good", file)?;
        starts.push((language, std::fs::metadata(component(file)?)?.len(), start_time_of(1, &setup)?));
        // So that the host does not compile it while it starts, for which a test gives it a minute.
        run(setup.write()?.path(), &["check", "--offline"])?;
        servers.push(Server::of(setup.start().await?).named(language));
    }
    let contestants: Vec<_> = servers.iter().map(|server| (server, server.echo(ARGUMENT_BYTES))).collect();
    let (mut rows, era) = (Vec::new(), Era::Modern);
    for connections in CONNECTIONS {
        let measured = take_turns(&contestants, era, connections, PLAN).await?;
        rows.push(measured.into_iter().map(|measured| Row { era, connections, measured }).collect());
    }
    Ok(Beside { rows, starts })
}
