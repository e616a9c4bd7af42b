//! What was measured, as a table to read and as JSON to compare.

use anyhow::{Context as _, Result};
use serde_json::{Map, Value, json};
use toolhost_tests::bench::client::ARGUMENT_BYTES;
use toolhost_tests::bench::turns::{MEASURES, Measured, Plan};
use toolhost_tests::bench::{load_average, report_file};
use toolhost_tests::mcp::Era;

use crate::loading::{PluginMemory, StartTime};

/// At most so much slower than bare rmcp may a sandboxed call be, at the median.
const SLOWER_MAX: f64 = 2.0;

/// All turns of one server with one number of connections.
pub(crate) struct Row {
    pub(crate) era: Era,
    pub(crate) connections: usize,
    pub(crate) measured: Measured,
}

/// The whole run.
pub(crate) struct Report {
    load_before: f64,
    plan: Value,
    calls: Vec<Value>,
    ratios: Map<String, Value>,
    start: Vec<Value>,
    memory: Value,
}

impl Report {
    /// Says what is about to be measured.
    pub(crate) fn begin(plan: Plan) -> Result<Self> {
        let Plan { turn, rounds, .. } = plan;
        let (load_before, turn_ms) = (load_average()?, turn.time.as_millis() as u64);
        println!(
            "The servers take turns, {rounds} rounds of {turn_ms} ms; arguments of {ARGUMENT_BYTES} bytes of JSON."
        );
        println!("toolhost has its default settings, and logs a line for each call to a file.");
        println!("The load of this machine is {load_before}.\n");
        println!(
            "{:<7} {:>5} {:<9} {:>9} {:>9} {:>11} {:>12} {:>8}",
            "era", "conns", "server", "p50 us", "p99 us", "requests/s", "CPU us/req", "RSS MiB"
        );
        Ok(Self {
            load_before,
            plan: json!({ "rounds": rounds, "turn_ms": turn_ms, "argument_bytes": ARGUMENT_BYTES }),
            calls: Vec::new(),
            ratios: Map::new(),
            start: Vec::new(),
            memory: Value::Null,
        })
    }

    /// Adds the rows of one number of connections, the native one first.
    pub(crate) fn add_rows(&mut self, rows: Vec<Row>) {
        for row in &rows {
            let measured = &row.measured;
            let [p50, p99, throughput, cpu] = MEASURES.map(|(_, measure)| measured.median(measure));
            let (era, memory) = (era_name(row.era), measured.memory_kib as f64 / 1024.0);
            println!(
                "{era:<7} {:>5} {:<9} {p50:>9.1} {p99:>9.1} {throughput:>11.0} {cpu:>12.1} {memory:>8.1}",
                row.connections, measured.server
            );
            self.calls.push(json!({
                "server": measured.server,
                "era": era,
                "connections": row.connections,
                "calls": measured.rounds.iter().map(|round| round.calls).sum::<usize>(),
                "p50_us": p50,
                "p99_us": p99,
                "requests_per_s": throughput,
                "cpu_us_per_request": cpu,
                "rss_mib": memory,
            }));
        }
        let Some((native, others)) = rows.split_first() else { return };
        for row in others {
            let ratios = MEASURES.map(|(name, measure)| (name, row.measured.ratio(&native.measured, measure)));
            let shown = ratios.map(|(name, ratio)| format!("{name} {ratio:.2}"));
            println!("{:>13} {}/{}: {}\n", "", row.measured.server, native.measured.server, shown.join(", "));
            for (name, ratio) in ratios {
                self.ratios.insert(ratio_name(name, row.era, row.connections), json!(ratio));
            }
        }
    }

    pub(crate) fn add_start_times(&mut self, times: Vec<StartTime>) {
        println!("{:<24} {:>10} {:>10}", "toolhost check --offline", "cold ms", "cached ms");
        for StartTime { plugins, cold, cached } in times {
            let [cold, cached] = [cold, cached].map(|time| time.as_secs_f64() * 1e3);
            println!("{:<24} {cold:>10.1} {cached:>10.1}", format!("  plugins: {plugins}"));
            self.start.push(json!({ "plugins": plugins, "cold_ms": cold, "cached_ms": cached }));
        }
    }

    pub(crate) fn add_memory(&mut self, memory: PluginMemory) {
        let PluginMemory { one_kib, many_kib, .. } = memory;
        let (each, own) = (memory.kib_per_plugin(), memory.own_kib_per_plugin());
        println!(
            "\nMemory, each plugin having answered a call: {one_kib} KiB with one, and {each} KiB for each other, \
             {own} of them not mapped from files."
        );
        self.memory = json!({
            "one_plugin_kib": one_kib,
            "many_plugins_kib": many_kib,
            "kib_per_plugin": each,
            "own_kib_per_plugin": own,
        });
    }

    /// Writes the JSON, and says how the sandbox compares.
    pub(crate) fn finish(self) -> Result<()> {
        let p50 = self.ratios.get("p50_c1").and_then(Value::as_f64).context("no ratio")?;
        let load_after = load_average()?;
        let processors = std::thread::available_parallelism()?.get();
        let report = json!({
            "machine": { "processors": processors, "load_before": self.load_before, "load_after": load_after },
            "plan": self.plan,
            "calls": self.calls,
            "ratios": self.ratios,
            "start": self.start,
            "memory": self.memory,
        });
        let file = report_file("report.json")?;
        std::fs::write(&file, serde_json::to_string_pretty(&report)? + "\n")?;
        println!("The load of this machine is {load_after}. All numbers are in {}.", file.display());
        let word = if p50 <= SLOWER_MAX { "is" } else { "is not" };
        println!(
            "A sandboxed call over a kept connection takes {p50:.2} times a native one at the median, \
             which {word} within {SLOWER_MAX} times."
        );
        Ok(())
    }
}

/// Such as `p50_c1`, or `legacy_p50_c1`.
fn ratio_name(measure: &str, era: Era, connections: usize) -> String {
    match era {
        Era::Modern => format!("{measure}_c{connections}"),
        Era::Legacy => format!("legacy_{measure}_c{connections}"),
    }
}

fn era_name(era: Era) -> &'static str {
    match era {
        Era::Modern => "modern",
        Era::Legacy => "legacy",
    }
}
