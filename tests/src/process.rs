//! What a process has used, as the kernel counts it.

use std::ops::RangeInclusive;
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

/// Memory that a process holds, in KiB, in which each page counts once: one of a plugin's file that stands in a thousand
/// instances is one page, and a thousand in [`memory_kib`].
pub fn proportional_memory_kib(pid: u32) -> Result<u64> {
    kib_in(&format!("/proc/{pid}/smaps_rollup"), "Pss:")
}

fn status_kib(pid: u32, field: &str) -> Result<u64> {
    kib_in(&format!("/proc/{pid}/status"), field)
}

fn kib_in(file: &str, field: &str) -> Result<u64> {
    let said = std::fs::read_to_string(file)?;
    let line = said.lines().find_map(|line| line.strip_prefix(field)).with_context(|| format!("no {field}"))?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}

/// Processor time that a process has used, in whole hundredths of a second.
pub fn cpu_time(pid: u32) -> Result<Duration> {
    Ok(Duration::from_millis(sum_of_fields(pid, 14..=15)? * 10))
}

/// How many pages a process touched that it had no memory for yet. How busy the machine is does not change it.
pub fn page_faults(pid: u32) -> Result<u64> {
    sum_of_fields(pid, 10..=10)
}

/// Of `/proc/<pid>/stat`, as the manual numbers them.
fn sum_of_fields(pid: u32, numbers: RangeInclusive<usize>) -> Result<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The second, the name, may hold anything but ends with the last bracket.
    let fields = stat.rsplit_once(')').context("no name")?.1.split_whitespace();
    let chosen = (3..).zip(fields).filter(|(number, _)| numbers.contains(number));
    Ok(chosen.map(|(_, field)| field.parse::<u64>()).sum::<Result<u64, _>>()?)
}
