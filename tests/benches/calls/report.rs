//! What was measured, as a table to read and as JSON to compare.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Map, Value, json};
use toolhost_tests::bench::client::ARGUMENT_BYTES;
use toolhost_tests::bench::turns::{MEASURES, Measured, Plan};
use toolhost_tests::bench::{load_average, report_file};
use toolhost_tests::mcp::Era;

use crate::loading::{PluginMemory, StartTime};
use crate::python::Beside;

/// What ratios of toolhost to bare rmcp are to be.
const TARGETS: [(&str, Target); 3] = [
    ("throughput_c16", Target::AtLeast(1.0)),
    ("p50_c1", Target::AtMost(1.25)),
    ("gated_throughput_c16", Target::AtLeast(0.8)),
];

/// Where a ratio is to be.
enum Target {
    AtLeast(f64),
    AtMost(f64),
}

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
    python: Value,
}

impl Row {
    fn shown(&self) -> String {
        let (measured, era) = (&self.measured, era_name(self.era));
        let [p50, p99, throughput, cpu] = MEASURES.map(|(_, measure)| measured.median(measure));
        let (memory, client) = (measured.memory_kib as f64 / 1024.0, measured.mean(|round| round.client_us));
        format!(
            "{era:<7} {:>5} {:<7} {p50:>9.1} {p99:>9.1} {throughput:>11.0} {cpu:>11.1} {memory:>8.1} {client:>9.1}",
            self.connections, measured.server
        )
    }

    fn as_json(&self) -> Value {
        let measured = &self.measured;
        let [p50, p99, throughput, cpu] = MEASURES.map(|(_, measure)| measured.median(measure));
        json!({
            "server": measured.server,
            "era": era_name(self.era),
            "connections": self.connections,
            "calls": measured.rounds.iter().map(|round| round.calls).sum::<usize>(),
            "p50_us": p50,
            "p99_us": p99,
            "requests_per_s": throughput,
            "cpu_us_per_request": cpu,
            "page_faults_per_request": measured.mean(|round| round.page_faults),
            "client_us_per_request": measured.mean(|round| round.client_us),
            "rss_mib": measured.memory_kib as f64 / 1024.0,
        })
    }

    /// Its ratios to another, by name, and all of them to read.
    fn beside(&self, other: &Self) -> (Vec<(&'static str, f64)>, String) {
        let ratios = MEASURES.map(|(name, measure)| (name, self.measured.ratio(&other.measured, measure)));
        let shown = ratios.map(|(name, ratio)| format!("{name} {ratio:.2}")).join(", ");
        (ratios.to_vec(), format!("{:>13} {}/{}: {shown}", "", self.measured.server, other.measured.server))
    }
}

impl Report {
    /// Says what is about to be measured.
    pub(crate) fn begin(plan: Plan) -> Result<Self> {
        let Plan { turn, rounds, .. } = plan;
        let (load_before, turn_ms) = (load_average()?, turn.time.as_millis() as u64);
        println!(
            "The servers take turns, {rounds} rounds of {turn_ms} ms; arguments of {ARGUMENT_BYTES} bytes of JSON."
        );
        println!(
            "native  rmcp's own server in Rust: no sandbox, no gate, no trail.\n\
             bare    toolhost as it comes: a fresh sandbox and a line of the log for each call, and its line in the \
             audit trail\n        before it is answered, since no call is made without; every caller is `local`, the \
             policies are the default ones.\n\
             gated   the same with callers by API key, seven policies, some of which look at the arguments, and \
             rates."
        );
        println!("The load of this machine is {load_before}.\n");
        println!(
            "{:<7} {:>5} {:<7} {:>9} {:>9} {:>11} {:>11} {:>8} {:>9}",
            "era", "conns", "server", "p50 us", "p99 us", "requests/s", "CPU us/req", "RSS MiB", "client us"
        );
        Ok(Self {
            load_before,
            plan: json!({ "rounds": rounds, "turn_ms": turn_ms, "argument_bytes": ARGUMENT_BYTES }),
            calls: Vec::new(),
            ratios: Map::new(),
            start: Vec::new(),
            memory: Value::Null,
            python: Value::Null,
        })
    }

    /// Adds the rows of one number of connections, the native one first.
    pub(crate) fn add_rows(&mut self, rows: Vec<Row>) {
        for row in &rows {
            println!("{}", row.shown());
            self.calls.push(row.as_json());
        }
        let Some((native, others)) = rows.split_first() else { return };
        for row in others {
            let (ratios, shown) = row.beside(native);
            println!("{shown}");
            for (name, ratio) in ratios {
                self.ratios.insert(ratio_name(name, row), json!(ratio));
            }
        }
        println!();
    }

    pub(crate) fn add_start_times(&mut self, times: &[StartTime]) {
        println!("{:<24} {:>10} {:>10}", "toolhost check --offline", "cold ms", "cached ms");
        for time in times {
            let (cold, cached) = time.in_ms();
            println!("{:<24} {cold:>10.1} {cached:>10.1}", format!("  plugins: {}", time.plugins));
            self.start.push(json!({ "plugins": time.plugins, "cold_ms": cold, "cached_ms": cached }));
        }
    }

    pub(crate) fn add_memory(&mut self, memory: &PluginMemory) {
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

    pub(crate) fn add_python(&mut self, Beside { rows, starts }: Beside) {
        println!("\nThe same plugin in Rust and in Python, both bare:");
        let (mut calls, mut start) = (Vec::new(), Vec::new());
        for rows in &rows {
            for row in rows {
                println!("{}", row.shown());
                calls.push(row.as_json());
            }
            if let [rust, python] = &rows[..] {
                println!("{}", python.beside(rust).1);
            }
        }
        for (language, bytes, time) in starts {
            let ((cold, cached), mib) = (time.in_ms(), bytes as f64 / f64::from(1 << 20));
            println!("  {language:<7} {mib:>5.1} MiB; check --offline: cold {cold:.0} ms, cached {cached:.1} ms");
            start.push(json!({ "language": language, "bytes": bytes, "cold_ms": cold, "cached_ms": cached }));
        }
        self.python = json!({ "calls": calls, "start": start });
    }

    /// Writes the JSON, and says how toolhost compares; if it is a gate, fails where that is not as it is to be.
    pub(crate) fn finish(self, is_gate: bool) -> Result<()> {
        let load_after = load_average()?;
        let processors = std::thread::available_parallelism()?.get();
        let report = json!({
            "machine": { "processors": processors, "load_before": self.load_before, "load_after": load_after },
            "plan": self.plan,
            "calls": self.calls,
            "ratios": self.ratios,
            "start": self.start,
            "memory": self.memory,
            "python": self.python,
        });
        let file = report_file("report.json")?;
        std::fs::write(&file, serde_json::to_string_pretty(&report)? + "\n")?;
        println!("\nThe load of this machine is {load_after}. All numbers are in {}.", file.display());
        let mut missed = Vec::new();
        for (name, target) in &TARGETS {
            let ratio = self.ratios.get(*name).and_then(Value::as_f64).with_context(|| format!("no {name}"))?;
            let (is_met, wanted) = match *target {
                Target::AtLeast(least) => (ratio >= least, format!("at least {least}")),
                Target::AtMost(most) => (ratio <= most, format!("at most {most}")),
            };
            println!("{name}: {ratio:.2} of native; {wanted} is wanted: {}", if is_met { "met" } else { "missed" });
            if !is_met {
                missed.push(*name);
            }
        }
        ensure!(!is_gate || missed.is_empty(), "missed: {}", missed.join(", "));
        Ok(())
    }
}

/// Such as `p50_c1`, or `legacy_gated_p50_c1`.
fn ratio_name(measure: &str, row: &Row) -> String {
    let era = if row.era == Era::Legacy { "legacy_" } else { "" };
    let server = if row.measured.server == "gated" { "gated_" } else { "" };
    format!("{era}{server}{measure}_c{}", row.connections)
}

fn era_name(era: Era) -> &'static str {
    match era {
        Era::Modern => "modern",
        Era::Legacy => "legacy",
    }
}
