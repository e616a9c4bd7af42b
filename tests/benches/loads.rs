//! toolhost under loads of many kinds: databases, long answers and long lists beside a native
//! server that does the same; a thousand calls that wait; a thousand of everything; and memory.
//!
//! The native server is bare rmcp in a process of its own, asked over the same protocol by the
//! same client, and reaches a database by the same driver on connections that it keeps. A bare
//! driver would be faster than both, and is nothing that an agent could call: what is compared is
//! a tool in a sandbox with the same tool without one. Servers take turns, and each ratio is the
//! median of those of single rounds.

use std::time::Duration;

use anyhow::Result;
use toolhost_tests::bench::client::Load;
use toolhost_tests::bench::native;
use toolhost_tests::bench::turns::Plan;

#[path = "loads/beside.rs"]
mod beside;
#[path = "loads/memory.rs"]
mod memory;
#[path = "loads/report.rs"]
mod report;
#[path = "loads/scale.rs"]
mod scale;
#[path = "loads/sql.rs"]
mod sql;
#[path = "loads/waiting.rs"]
mod waiting;

use self::report::Report;

/// Client and native server have the allocator that toolhost has.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How long servers take turns at one question.
const PLAN: Plan = Plan {
    warm_up: Load { time: Duration::from_millis(500), calls: 2_000 },
    turn: Load { time: Duration::from_millis(400), calls: 20_000 },
    rounds: 7,
};

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|first| first == native::ARGUMENT) {
        return native::run(&arguments[1..]);
    }
    // One thread: on a small machine the client must leave the processors to the servers.
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(measure(&arguments))
}

/// Measures what the arguments name, or everything.
async fn measure(arguments: &[String]) -> Result<()> {
    let named: Vec<&String> = arguments.iter().filter(|argument| !argument.starts_with("--")).collect();
    let is_asked = |name: &str| named.is_empty() || named.iter().any(|other| *other == name);
    let mut report = Report::begin()?;
    if is_asked("sql") {
        sql::measure(&mut report).await?;
    }
    if is_asked("answers") {
        beside::long_answers(&mut report).await?;
    }
    if is_asked("lists") {
        beside::long_lists(&mut report).await?;
    }
    if is_asked("waiting") {
        waiting::measure(&mut report).await?;
    }
    if is_asked("scale") {
        scale::measure(&mut report).await?;
    }
    if is_asked("memory") {
        memory::measure(&mut report).await?;
    }
    report.finish()
}
