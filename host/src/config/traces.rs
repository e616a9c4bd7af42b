//! `[traces]`: where spans of calls are sent.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Deserializer, de};

use super::{Bounded, SecretRef};

/// The table `[traces]`: spans of calls, sent to a collector by OTLP over HTTP. Nothing is sent, and nothing
/// is recorded, without `endpoint`. A change takes effect at the next start.
#[derive(Debug, Clone, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub struct Traces {
    /// The collector, without the path `/v1/traces`, such as `http://127.0.0.1:4318`.
    pub endpoint: Option<String>,
    /// Headers of every request to it, such as a token, by name.
    pub headers: BTreeMap<String, SecretRef>,
    /// What the collector calls this host.
    pub service_name: String,
    /// Which part of the calls that come without a trace is recorded, from 0 to 1. A call that comes with one is
    /// recorded if its caller says so, as far as `caller_calls_per_s` goes.
    #[serde(deserialize_with = "ratio")]
    pub sample: f64,
    /// How many calls a second are recorded because their callers say so, all callers together. Those beyond it
    /// are not.
    pub caller_calls_per_s: Bounded<1, 100_000, 100>,
    /// How many spans wait to be sent. Those beyond it are dropped.
    pub queue_max: Bounded<64, 65_536, 4_096>,
    /// How long the collector may take for one request, in milliseconds.
    pub time_max_ms: Bounded<10, 60_000, 5_000>,
}

impl Default for Traces {
    fn default() -> Self {
        Self {
            endpoint: None,
            headers: BTreeMap::new(),
            service_name: "toolhost".to_owned(),
            sample: 1.0,
            caller_calls_per_s: Bounded::default(),
            queue_max: Bounded::default(),
            time_max_ms: Bounded::default(),
        }
    }
}

impl Traces {
    /// How long the collector may take for one request.
    pub fn time_max(&self) -> Duration {
        Duration::from_millis(self.time_max_ms.get())
    }
}

fn ratio<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    let number = f64::deserialize(deserializer)?;
    if (0.0..=1.0).contains(&number) {
        Ok(number)
    } else {
        Err(de::Error::custom(format_args!("{number} is out of range: from 0.0 to 1.0")))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::config::Config;

    fn parse(text: &str) -> Result<Config, String> {
        Config::parse(text, Path::new("toolhost.toml"), &[]).map_err(|error| error.to_string())
    }

    #[test]
    fn a_part_is_from_nothing_to_all() {
        for (text, sample) in [("0", 0.0), ("0.25", 0.25), ("1", 1.0)] {
            let config = parse(&format!("[traces]\nsample = {text}\n")).expect("parses");
            assert!((config.traces.sample - sample).abs() < f64::EPSILON, "{text}");
        }
        for text in ["-0.1", "1.5", "nan", "inf"] {
            let error = parse(&format!("[traces]\nsample = {text}\n")).expect_err("is refused");
            assert!(error.starts_with("toolhost.toml:2:10: ") && error.contains("from 0.0 to 1.0"), "{text}: {error}");
        }
    }

    #[test]
    fn a_token_is_written_as_a_reference() {
        let error = parse("[traces.headers]\nauthorization = \"Bearer hunter2\"\n").expect_err("is refused");
        assert!(error.contains("env:NAME") && !error.contains("hunter2"), "{error}");
    }
}
