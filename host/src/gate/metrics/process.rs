//! What the process itself uses, under the names that every exporter has; read from `/proc`, and
//! left out where there is none.

use std::fs;

use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

/// What Linux counts processor time in, for every process that asks.
const TICKS_PER_SECOND: f64 = 100.0;

pub(super) fn registry() -> Registry {
    let mut registry = Registry::with_prefix("process");
    if let Some(bytes) = resident_bytes() {
        registry.register("resident_memory_bytes", "Memory that the process holds", ConstGauge::new(bytes));
    }
    if let Some(seconds) = cpu_seconds() {
        registry.register("cpu_seconds", "Processor time that the process has used", ConstCounter::new(seconds));
    }
    if let Ok(files) = fs::read_dir("/proc/self/fd") {
        let files = i64::try_from(files.count()).unwrap_or(i64::MAX);
        registry.register("open_fds", "Files and connections that the process has open", ConstGauge::new(files));
    }
    registry
}

fn resident_bytes() -> Option<i64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: i64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

fn cpu_seconds() -> Option<f64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The name of the program, in parentheses, may hold anything.
    let (_, fields) = stat.rsplit_once(") ")?;
    let ticks: Vec<f64> = fields.split(' ').skip(11).take(2).filter_map(|field| field.parse().ok()).collect();
    (ticks.len() == 2).then(|| ticks.iter().sum::<f64>() / TICKS_PER_SECOND)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_runs_holds_memory_and_has_used_time() {
        let mut sum = 0_u64;
        while cpu_seconds().expect("is there") <= 0.0 {
            sum = (0..10_000_000).fold(sum, u64::wrapping_add);
        }
        assert!(resident_bytes().expect("is there") > 1 << 20, "{sum}");
    }
}
