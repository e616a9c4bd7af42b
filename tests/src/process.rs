//! What a process has used, as the kernel counts it.

use std::time::Duration;

use anyhow::{Context as _, Result};

/// Memory that a process holds, in KiB.
pub fn memory_kib(pid: u32) -> Result<u64> {
    status_kib(pid, "VmRSS:")
}

/// The part of it that is of no file: what the kernel cannot take back while the process lives.
pub fn own_memory_kib(pid: u32) -> Result<u64> {
    status_kib(pid, "RssAnon:")
}

fn status_kib(pid: u32, field: &str) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix(field)).with_context(|| format!("no {field}"))?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}

/// Processor time that a process has used, in whole hundredths of a second.
pub fn cpu_time(pid: u32) -> Result<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The fields are counted from the name, which may hold anything but ends with the last bracket.
    let fields = stat.rsplit_once(')').context("no name")?.1.split_whitespace();
    let ticks = fields.skip(11).take(2).map(str::parse::<u64>).sum::<Result<u64, _>>()?;
    Ok(Duration::from_millis(ticks * 10))
}
