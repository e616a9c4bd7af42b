//! What was measured, as tables to read and as JSON to compare.

use anyhow::{Result, ensure};
use serde_json::{Map, Value, json};
use toolhost_tests::bench::turns::{MEASURES, Measured};
use toolhost_tests::bench::{load_average, report_file};

/// The whole run.
pub(crate) struct Report {
    load_before: f64,
    sections: Map<String, Value>,
    /// What is not as it must be.
    missed: Vec<String>,
}

impl Report {
    pub(crate) fn begin() -> Result<Self> {
        let load_before = load_average()?;
        println!("The load of this machine is {load_before}.");
        Ok(Self { load_before, sections: Map::new(), missed: Vec::new() })
    }

    /// Begins a table of pairs: a native server, and toolhost.
    pub(crate) fn begin_pairs(title: &str) {
        println!("\n{title}");
        println!(
            "{:<34} {:>5} {:>11} {:>11}   {:>6} {:>6} {:>10} {:>6} {:>10} {:>10}",
            "", "conns", "native us", "sandbox us", "p50", "p99", "throughput", "CPU", "native B", "sandbox B"
        );
    }

    /// Adds a native server and toolhost, asked the same.
    pub(crate) fn add_pair(&mut self, section: &str, what: &str, connections: usize, pair: &[Measured]) -> Result<()> {
        let [native, own] = pair else { anyhow::bail!("not a pair") };
        let [(_, p50), ..] = MEASURES;
        let ratios = MEASURES.map(|(name, measure)| (name, own.ratio(native, measure)));
        let [native_us, own_us] = [native, own].map(|measured| measured.median(p50));
        let [(_, p50), (_, p99), (_, throughput), (_, cpu)] = ratios;
        println!(
            "{what:<34} {connections:>5} {native_us:>11.1} {own_us:>11.1}   {p50:>6.2} {p99:>6.2} {throughput:>10.2} \
             {cpu:>6.2} {:>10} {:>10}",
            native.answer_bytes, own.answer_bytes
        );
        let ratios: Map<String, Value> =
            ratios.into_iter().map(|(name, ratio)| (name.to_owned(), json!(ratio))).collect();
        self.add(
            section,
            json!({
                "what": what,
                "connections": connections,
                "native_p50_us": native_us,
                "p50_us": own_us,
                "ratios": ratios,
                "native_answer_bytes": native.answer_bytes,
                "answer_bytes": own.answer_bytes,
            }),
        );
        Ok(())
    }

    /// Adds an entry to a section.
    pub(crate) fn add(&mut self, section: &str, entry: Value) {
        let entries = self.sections.entry(section).or_insert_with(|| json!([]));
        if let Some(entries) = entries.as_array_mut() {
            entries.push(entry);
        }
    }

    /// Says whether something is as it must be. If it is not, the bench fails at its end.
    pub(crate) fn promise(&mut self, holds: bool, what: String) {
        println!("{} {what}", if holds { "  holds:" } else { "  MISSED:" });
        if !holds {
            self.missed.push(what);
        }
    }

    /// Writes the JSON, and fails if a promise was not kept.
    pub(crate) fn finish(mut self) -> Result<()> {
        let load_after = load_average()?;
        let processors = std::thread::available_parallelism()?.get();
        let machine = json!({ "processors": processors, "load_before": self.load_before, "load_after": load_after });
        self.sections.insert("machine".to_owned(), machine);
        self.sections.insert("missed".to_owned(), json!(self.missed));
        let file = report_file("loads.json")?;
        std::fs::write(&file, serde_json::to_string_pretty(&self.sections)? + "\n")?;
        println!("\nThe load of this machine is {load_after}. All numbers are in {}.", file.display());
        ensure!(self.missed.is_empty(), "not as promised: {}", self.missed.join("; "));
        Ok(())
    }
}
