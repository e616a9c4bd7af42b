//! What one call costs beside more and more of everything else: it must not depend on how much is
//! loaded that it does not use.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::json;
use toolhost_tests::bench::client::{ARGUMENT_BYTES, Load, Question};
use toolhost_tests::bench::servers::Server;
use toolhost_tests::bench::turns::{MEASURES, Measured, Plan, take_turns};
use toolhost_tests::keys;
use toolhost_tests::mcp::Era;
use toolhost_tests::toolhost::Setup;

use crate::beside::crowd_setup;
use crate::report::Report;

/// How many there are of each.
const COUNTS: [usize; 3] = [1, 100, 1_000];

/// A call beside many is to cost at most so many times what it costs beside one.
const RATIO_MAX: f64 = 1.10;

/// Beyond that it grows, whatever else this machine is doing.
const GROWS: f64 = 1.50;

/// One connection, and many short turns: what else the machine does hits all alike.
const CONNECTIONS: usize = 1;
const PLAN: Plan = Plan {
    warm_up: Load { time: Duration::from_millis(500), calls: 2_000 },
    turn: Load { time: Duration::from_millis(250), calls: 20_000 },
    rounds: 21,
};

/// How a host is made with so many of something.
type Make = fn(usize) -> Result<Setup>;

/// Something of which there may be many: what it is, how a host has it, and what is called.
struct Kind {
    name: &'static str,
    make: Make,
    tool: &'static str,
    with_key: bool,
}

const KINDS: [Kind; 5] = [
    Kind { name: "plugins", make: plugins, tool: "good__echo", with_key: false },
    Kind { name: "tools", make: tools, tool: "crowd__echo", with_key: false },
    Kind { name: "grants", make: grants, tool: "good__echo", with_key: false },
    Kind { name: "callers", make: callers, tool: "good__echo", with_key: true },
    Kind { name: "policies", make: policies, tool: "crowd__echo", with_key: false },
];

/// The others are loaded from one file, each for itself: to compile a thousand files takes minutes.
fn plugins(count: usize) -> Result<Setup> {
    let mut config = String::new();
    for number in 1..count {
        writeln!(config, "[plugins.other-{number}]\nfile = \"other-1.wasm\"")?;
    }
    let setup = Setup::new(config).plugin("good", "good")?;
    if count > 1 { setup.plugin("other-1", "gallery") } else { Ok(setup) }
}

fn tools(count: usize) -> Result<Setup> {
    crowd_setup(count, "")
}

/// All are the plugin's that is called.
fn grants(count: usize) -> Result<Setup> {
    let names: Vec<String> = (0..count).map(|number| format!("http.up{number}")).collect();
    let mut config = format!("[plugins.good]\ngrants = {names:?}\n");
    for number in 0..count {
        writeln!(config, "[http.up{number}]\nbase_url = \"http://127.0.0.1:9\"\npaths = [\"/{number}\"]")?;
    }
    Setup::new(config).plugin("good", "good")
}

fn callers(count: usize) -> Result<Setup> {
    let often = 1_000_000;
    let config = format!(
        "[callers]\nkeys = \"keys.toml\"\n[policy]\nfile = \"policy.cedar\"\n\
         [rates]\ncaller_per_s = {often}\ncaller_burst = {often}\ntool_per_s = {often}\ntool_burst = {often}\n"
    );
    let setup = Setup::new(config).beside("keys.toml", keys::file(count));
    setup.beside("policy.cedar", "permit (principal in Group::\"team\", action, resource);\n").plugin("good", "good")
}

/// Each is about another tool, of which there are a thousand throughout; but for the one that permits the call.
fn policies(count: usize) -> Result<Setup> {
    let mut policies = "permit (principal, action == Action::\"crowd__echo\", resource);\n".to_owned();
    for number in 1..count {
        let action = format!("Action::\"crowd__echo_{number}\"");
        writeln!(policies, "forbid (principal, action == {action}, resource) when {{ context has input }};")?;
    }
    Ok(crowd_setup(1_000, "[policy]\nfile = \"policy.cedar\"\n")?.beside("policy.cedar", policies))
}

pub(crate) async fn measure(report: &mut Report) -> Result<()> {
    println!("\nOne call of echo, on one connection, beside so many of everything else");
    println!(
        "{:<10} {:>6} {:>10} {:>9} {:>10} {:>8} {:>8}   within {RATIO_MAX}",
        "", "count", "start ms", "p50 us", "CPU us", "p50", "CPU"
    );
    for kind in KINDS {
        let mut servers = Vec::new();
        for count in COUNTS {
            let setup = (kind.make)(count)?;
            let began = Instant::now();
            servers.push((count, Server::of(setup.start().await?), began.elapsed()));
        }
        let question = Question::echo(kind.tool, ARGUMENT_BYTES);
        let question = if kind.with_key { question.with_key(&keys::key(0)) } else { question };
        let contestants: Vec<_> = servers.iter().map(|(_, server, _)| (server, question.clone())).collect();
        let measured = take_turns(&contestants, Era::Modern, CONNECTIONS, PLAN).await?;
        let Some(one) = measured.first() else { continue };
        for ((count, _, start), own) in servers.iter().zip(&measured) {
            show(report, &kind, (*count, *start), (one, own));
        }
    }
    Ok(())
}

fn show(report: &mut Report, kind: &Kind, (count, start): (usize, Duration), (one, own): (&Measured, &Measured)) {
    let [(_, p50), ..] = MEASURES;
    let (p50_ratio, cpu_ratio) = (own.ratio(one, p50), own.cpu_us() / one.cpu_us());
    let is_within = p50_ratio <= RATIO_MAX && cpu_ratio <= RATIO_MAX;
    let (p50_us, cpu_us, start_ms) = (own.median(p50), own.cpu_us(), start.as_secs_f64() * 1e3);
    println!(
        "{:<10} {count:>6} {start_ms:>10.0} {p50_us:>9.1} {cpu_us:>10.1} {p50_ratio:>8.3} {cpu_ratio:>8.3}   {}",
        kind.name,
        if is_within { "yes" } else { "NO" }
    );
    report.add(
        "scale",
        json!({
            "kind": kind.name,
            "count": count,
            "start_ms": start_ms,
            "p50_us": p50_us,
            "cpu_us": cpu_us,
            "p50_ratio": p50_ratio,
            "cpu_ratio": cpu_ratio,
            "within": is_within,
            "rss_kib": own.memory_kib,
        }),
    );
    if p50_ratio > GROWS || cpu_ratio > GROWS {
        report.promise(false, format!("a call beside {count} {} costs {p50_ratio:.2} times one beside 1", kind.name));
    }
}
