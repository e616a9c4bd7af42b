//! A sandboxed call stays as fast, beside a native one, as it is: what would make each call slow is
//! found before anybody waits for it.
//!
//! The native server and two hosts, one bare and one gated, take turns with the same client on
//! the same kept connections, and only ratios are looked at: a machine that is slow or busy is so for
//! all of them. `make bench` measures how fast calls are; this only finds what went badly wrong.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use toolhost_tests::bench::client::{ARGUMENT_BYTES, Load};
use toolhost_tests::bench::native;
use toolhost_tests::bench::servers::Server;
use toolhost_tests::bench::turns::{Measure, Plan, take_turns};
use toolhost_tests::mcp::{ERAS, Era};
use toolhost_tests::toolhost::Setup;

/// Client and native server have the allocator that toolhost has.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// More than 100 calls on each connection in all, also where a call takes ten milliseconds: what
/// grows with the age of a connection shows.
const PLAN: Plan = Plan {
    warm_up: Load { time: Duration::from_millis(500), calls: 500 },
    turn: Load { time: Duration::from_millis(300), calls: 20_000 },
    rounds: 8,
};

#[test]
fn the_native_server_serves_if_it_is_asked_to() -> Result<()> {
    native::run_if_asked()
}

/// What a sandboxed call may cost: so many times what a native one does.
///
/// Measured on two busy processors with 1 KB of arguments, debug and optimised alike: 1.4 to 1.9 in both eras. The
/// rest is room for a machine that is busier still.
struct Limit {
    what: &'static str,
    measure: Measure,
    most: f64,
}

const LIMITS: [Limit; 2] = [
    // An answer that waits for something: 40 ms are 27 times a native call without optimisation, and more with it.
    Limit { what: "median time", measure: |round| round.p50_us, most: 8.0 },
    // Work for each call that belongs to the start: a linker that is filled, a component that is compiled, many
    // policies that are read. (To read only the default ones makes 2.4 of 1.6: that is for `make bench` to find.)
    Limit { what: "processor time", measure: |round| round.cpu_us, most: 3.5 },
];

/// So many pages of memory may a call touch that the host did not have. It is less than one; a call whose
/// instance does not come out of the pool maps memory of its own, and touches eleven.
const PAGE_FAULTS_MAX: f64 = 5.0;

/// More calls than this are made on each connection.
const CALLS_MIN: usize = 100;

/// A plugin that told of many tools has touched much memory, and leaves none of it for its calls to clean: they would
/// give some back, and touch that anew, in every second of them.
const FAULTS_AFTER_MUCH_MAX: f64 = 0.2;

#[tokio::test]
async fn a_call_is_not_dearer_for_what_its_plugin_told_of_itself() -> Result<()> {
    let crowd = Setup::new("[plugins.crowd]\nsettings = { tools = 1_000 }\n").plugin("crowd", "crowd")?;
    let mut server = Server::of(crowd.start().await?);
    server.tool = "crowd__echo";
    let measured = take_turns(&[(&server, server.echo(ARGUMENT_BYTES))], Era::Modern, 1, PLAN).await?;
    let faults = measured.first().context("nothing was measured")?.mean(|round| round.page_faults);
    println!("{faults:.2} page faults a call, at most {FAULTS_AFTER_MUCH_MAX}");
    ensure!(faults <= FAULTS_AFTER_MUCH_MAX, "{faults:.2} page faults a call");
    Ok(())
}

#[tokio::test]
async fn a_sandboxed_call_costs_a_few_times_a_native_one_at_most() -> Result<()> {
    let native = Server::native_by_test("the_native_server_serves_if_it_is_asked_to")?;
    let servers = [native, Server::toolhost().await?.named("bare"), Server::gated().await?.named("gated")];
    let contestants = servers.each_ref().map(|server| (server, server.echo(ARGUMENT_BYTES)));
    let mut missed = Vec::new();
    for era in ERAS {
        let measured = take_turns(&contestants, era, 1, PLAN).await?;
        let (native, hosts) = measured.split_first().context("nothing was measured")?;
        for host in hosts {
            for Limit { what, measure, most } in LIMITS {
                let ratio = host.ratio(native, measure);
                println!("{era:?}, {}: {what} {ratio:.2} of native, at most {most}", host.server);
                if ratio > most {
                    missed.push(format!("{era:?}, {}: {what} {ratio:.2} of native", host.server));
                }
            }
            let faults = host.mean(|round| round.page_faults);
            println!("{era:?}, {}: {faults:.2} page faults a call, at most {PAGE_FAULTS_MAX}", host.server);
            if faults > PAGE_FAULTS_MAX {
                missed.push(format!("{era:?}, {}: {faults:.2} page faults a call", host.server));
            }
            let calls = host.rounds.iter().map(|round| round.calls).sum::<usize>();
            if calls <= CALLS_MIN {
                missed.push(format!("{era:?}, {}: {calls} calls in all", host.server));
            }
        }
    }
    ensure!(missed.is_empty(), "calls have become slow: {missed:#?}");
    Ok(())
}
