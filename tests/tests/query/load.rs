//! Many statements at once: whoever waits for an engine costs next to nothing.

use std::time::{Duration, Instant};

use anyhow::Result;
use futures_util::future::try_join_all;
use serde_json::json;
use toolhost_tests::athena::Pace;

use crate::bench::{Bench, FIVE, answer, setup, sql};

/// How many statements run at once.
const COUNT: usize = 200;

/// How long each of them runs.
const RUNNING: Duration = Duration::from_secs(2);

/// How long all of them may take, together.
const TIME_MAX: Duration = Duration::from_secs(4);

/// How much memory the host may hold meanwhile.
const MEMORY_KIB_MAX: u64 = 300 << 10;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_slow_statements_at_once_are_all_answered_soon_and_in_little_memory() -> Result<()> {
    let bench = Bench::new(1).await?;
    let host = setup(&[bench.grant().with("queries_max = 1000")], "\n[serve]\ncalls = 256\n")?.start().await?;
    answer(&host, "query_athena", sql(FIVE)).await?;
    let cpu = host.cpu_time()?;
    bench.athena.set_pace(Pace { running: RUNNING, ..Pace::default() });
    let begun = Instant::now();
    let calls = try_join_all((0..COUNT).map(|_| answer(&host, "query_athena", sql(FIVE))));
    tokio::pin!(calls);
    let mut memory = 0;
    let answers = loop {
        tokio::select! {
            answers = &mut calls => break answers?,
            () = tokio::time::sleep(Duration::from_millis(50)) => memory = memory.max(host.memory_kib()?),
        }
    };
    let (elapsed, cpu) = (begun.elapsed(), host.cpu_time()? - cpu);
    assert_eq!(answers.len(), COUNT);
    assert!(answers.iter().all(|answer| answer["rows"] == json!([[1], [2], [3], [4], [5]])));
    let requests = bench.athena.requests().len();
    println!(
        "{COUNT} statements of {RUNNING:?}: all answered after {elapsed:?}, the host at {} MiB at most, {cpu:?} of its \
         processor time, {requests} requests to Athena",
        memory >> 10
    );
    assert!(memory < MEMORY_KIB_MAX, "{memory} KiB");
    // Debug builds of host and emulator share the processors, with other tests: there it is a promise on
    // how they wait, not on how fast they compute.
    let bound = if cfg!(debug_assertions) { TIME_MAX * 5 } else { TIME_MAX };
    assert!(elapsed < bound, "{elapsed:?}");
    Ok(())
}
