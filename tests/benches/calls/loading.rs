//! What plugins cost before they are called: the time to load them, with and without
//! the cache of compiled code, and the memory that each holds.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde_json::json;
use toolhost_tests::toolhost::{Setup, marked_as, run};
use toolhost_tests::{component, process};

/// None tells what the process itself takes.
const PLUGINS: [usize; 3] = [0, 1, MANY];

/// How many plugins the second host has whose memory is measured; the first has one.
const MANY: usize = 100;

/// Each start from the cache is timed this often; the median counts.
const STARTS: usize = 5;

/// How long `toolhost check --offline` takes, which does all that `serve` does but listen.
pub(crate) struct StartTime {
    pub(crate) plugins: usize,
    pub(crate) cold: Duration,
    pub(crate) cached: Duration,
}

/// The memory of two hosts, each of whose plugins answered one call.
pub(crate) struct PluginMemory {
    pub(crate) one_kib: u64,
    pub(crate) many_kib: u64,
    /// Without what is mapped from files.
    one_own_kib: u64,
    many_own_kib: u64,
}

impl StartTime {
    /// Cold and cached, in milliseconds.
    pub(crate) fn in_ms(&self) -> (f64, f64) {
        (self.cold.as_secs_f64() * 1e3, self.cached.as_secs_f64() * 1e3)
    }
}

impl PluginMemory {
    pub(crate) fn kib_per_plugin(&self) -> u64 {
        self.many_kib.saturating_sub(self.one_kib) / (MANY as u64 - 1)
    }

    pub(crate) fn own_kib_per_plugin(&self) -> u64 {
        self.many_own_kib.saturating_sub(self.one_own_kib) / (MANY as u64 - 1)
    }
}

pub(crate) fn start_times() -> Result<Vec<StartTime>> {
    PLUGINS.iter().map(|&plugins| start_time(plugins)).collect()
}

fn start_time(plugins: usize) -> Result<StartTime> {
    start_time_of(plugins, &with_plugins(plugins)?)
}

/// Of a host with these plugins, so many.
pub(crate) fn start_time_of(plugins: usize, setup: &Setup) -> Result<StartTime> {
    let folder = setup.write()?;
    std::fs::write(folder.path().join("toolhost.toml"), "[serve]\ncache_dir = \"compiled\"\n")?;
    // Once is enough, for it is long: each is compiled.
    let cold = check(folder.path())?;
    let cached = median((0..STARTS).map(|_| check(folder.path())).collect::<Result<_>>()?);
    Ok(StartTime { plugins, cold, cached })
}

fn check(folder: &Path) -> Result<Duration> {
    let began = Instant::now();
    let (status, printed) = run(folder, &["check", "--offline"])?;
    ensure!(status.success(), "toolhost check: {status}: {printed}");
    Ok(began.elapsed())
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

pub(crate) async fn memory_of_plugins() -> Result<PluginMemory> {
    // Compiling takes memory of its own, so it is done before.
    check(with_plugins(MANY)?.write()?.path())?;
    let ((one_kib, one_own_kib), (many_kib, many_own_kib)) = (memory_kib(1).await?, memory_kib(MANY).await?);
    Ok(PluginMemory { one_kib, many_kib, one_own_kib, many_own_kib })
}

/// All that a host holds, and what of it is of no file.
async fn memory_kib(plugins: usize) -> Result<(u64, u64)> {
    let host = with_plugins(plugins)?.start().await?;
    for number in 0..plugins {
        let tool = format!("{}__echo", name(number));
        let (status, answer) = host.call(&tool, json!({ "message": "hello" })).await?;
        ensure!(status == 200, "{tool}: {answer}");
    }
    Ok((host.memory_kib()?, process::own_memory_kib(host.pid())?))
}

/// A host with that many plugins. They do the same and are different files, so that
/// nothing of one serves for another.
fn with_plugins(plugins: usize) -> Result<Setup> {
    let good = std::fs::read(component("good")?)?;
    Ok((0..plugins).fold(Setup::new(""), |setup, number| {
        let name = name(number);
        setup.file(&name, marked_as(&good, &name))
    }))
}

fn name(number: usize) -> String {
    format!("good-{number}")
}
