//! What is counted, for Prometheus: the text of `GET /metrics`.
//!
//! Labels hold names that the host knows: of tools that were found, of grants that the config
//! has, of the first callers. A name that somebody makes up is `unknown`, one too many
//! `other`: so nobody can fill the memory here or at the scraper.

mod now;
mod process;
mod tools;

use std::borrow::Cow;
use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

pub use self::now::Now;
use self::tools::Tools;
pub(super) use self::tools::{OfTool, Running};
use super::Ending;
use crate::call::Noted;

/// The type of the text, as Prometheus wants it.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What stands before every name.
const PREFIX: &str = "toolhost";

/// How many callers are told apart.
const CALLERS_MAX: usize = 500;

/// How many kinds of uses of grants are told apart.
const USES_MAX: usize = 4_000;

/// From how long on a call is slow.
const SLOW: Duration = Duration::from_secs(5);

/// A name that the host does not know.
const UNKNOWN: &str = "unknown";

/// All names beyond those that are told apart.
const OTHER: &str = "other";

/// Labels, by name.
type Labels<const N: usize> = [(&'static str, Cow<'static, str>); N];

type Counted<const N: usize> = Family<Labels<N>, Counter>;

/// What is counted since the host began.
pub(super) struct Metrics {
    registry: Registry,
    tools: Tools,
    failures: Counted<2>,
    callers: Counted<1>,
    callers_known: RwLock<HashMap<String, Counter>>,
    uses: Counted<4>,
    /// By the hash of what tells them apart: no name is copied for a use that was there before.
    uses_known: RwLock<HashMap<u64, Counter>>,
    names: RandomState,
    limited: Counted<1>,
    identifications: Counted<1>,
    audit_lines: Counter,
    audit_failures: Counter,
}

impl Metrics {
    pub(super) fn new() -> Self {
        let mut registry = Registry::with_prefix(PREFIX);
        let tools = Tools::registered_in(&mut registry);
        let mut counted = Self {
            tools,
            failures: Family::default(),
            callers: Family::default(),
            callers_known: RwLock::default(),
            uses: Family::default(),
            uses_known: RwLock::default(),
            names: RandomState::new(),
            limited: Family::default(),
            identifications: Family::default(),
            audit_lines: Counter::default(),
            audit_failures: Counter::default(),
            registry,
        };
        counted.register();
        counted
    }

    fn register(&mut self) {
        let registry = &mut self.registry;
        let version = [("version", env!("CARGO_PKG_VERSION"))];
        registry.register("build", "The version of this host", Info::new(version));
        registry.register("call_failures", "Calls that failed, by who can mend it", self.failures.clone());
        registry.register("caller_calls", "Calls, by who made them", self.callers.clone());
        registry.register("uses", "Uses of grants, and attempts at them", self.uses.clone());
        let help = "Calls that were refused as too many, by the key of [rates], or of [serve], that says so";
        registry.register("limited", help, self.limited.clone());
        registry.register("audit_lines", "Lines of calls in the audit trail", self.audit_lines.clone());
        let help = "Calls without a line in the audit trail, as it could not be written";
        registry.register("audit_failures", help, self.audit_failures.clone());
        registry.register(
            "identifications",
            "Requests, by whether their caller was known",
            self.identifications.clone(),
        );
    }

    /// What is counted of a tool's calls; `tool` is one that the host found.
    pub(super) fn of_tool(&self, plugin: &str, tool: &str) -> Arc<OfTool> {
        self.tools.of(plugin, tool)
    }

    /// What is counted of calls of what the host does not know.
    pub(super) fn of_unknown(&self) -> &Arc<OfTool> {
        self.tools.unknown()
    }

    /// Counts a call that has ended.
    pub(super) fn count_call(&self, of_tool: &OfTool, caller: &str, ending: &Ending) {
        of_tool.count(&self.tools, ending);
        self.count_caller(caller);
        if let Some(fault) = ending.fault {
            let labels = [("fault", fault.as_str().into()), ("kind", ending.outcome.into())];
            self.failures.get_or_create(&labels).inc();
        }
        self.count_uses(&ending.noted);
    }

    /// Counts a call that was refused as one too many.
    pub(super) fn count_limited(&self, limit: &'static str) {
        self.limited.get_or_create(&[("limit", limit.into())]).inc();
    }

    /// Counts a request, by what became of its caller's proof.
    pub(super) fn count_identification(&self, result: &'static str) {
        self.identifications.get_or_create(&[("result", result.into())]).inc();
    }

    /// Counts a line of the audit trail, or one that could not be written.
    pub(super) fn count_line(&self, is_written: bool) {
        let counter = if is_written { &self.audit_lines } else { &self.audit_failures };
        counter.inc();
    }

    /// Counts what a call did with its grants.
    fn count_uses(&self, noted: &Noted) {
        for (one, times) in &noted.uses {
            // What a plugin was not granted may have any name that it likes.
            let grant = if one.granted { one.grant.as_str() } else { UNKNOWN };
            let key = self.names.hash_one((one.capability, grant, one.action, one.allowed));
            let labels = |grant: String| -> Labels<4> {
                let allowed = if one.allowed { "yes" } else { "no" };
                [
                    ("capability", one.capability.into()),
                    ("grant", grant.into()),
                    ("action", one.action.into()),
                    ("allowed", allowed.into()),
                ]
            };
            let known = self.uses_known.read().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
            let counter = known.unwrap_or_else(|| {
                let mut known = self.uses_known.write().unwrap_or_else(PoisonError::into_inner);
                if known.len() >= USES_MAX {
                    return self.uses.get_or_create_owned(&labels(OTHER.to_owned()));
                }
                let counter = self.uses.get_or_create_owned(&labels(grant.to_owned()));
                known.insert(key, counter.clone());
                counter
            });
            counter.inc_by(*times);
        }
    }

    fn count_caller(&self, caller: &str) {
        let known = self.callers_known.read().unwrap_or_else(PoisonError::into_inner).get(caller).map(Counter::inc);
        if known.is_some() {
            return;
        }
        let mut known = self.callers_known.write().unwrap_or_else(PoisonError::into_inner);
        let name = if known.len() < CALLERS_MAX { caller } else { OTHER };
        let counter = self.callers.get_or_create_owned(&[("caller", name.to_owned().into())]);
        counter.inc();
        if name == caller {
            known.insert(caller.to_owned(), counter);
        }
    }

    /// All of it as text, with what is so just now.
    pub(super) fn text(&self, now: &Now) -> String {
        let mut text = String::new();
        let passing = now.registry();
        // Writing to a string never fails.
        let _ = encode_registry(&mut text, &self.registry)
            .and_then(|()| encode_registry(&mut text, &passing))
            .and_then(|()| encode_registry(&mut text, &process::registry()))
            .and_then(|()| encode_eof(&mut text));
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::{Facts, Use};
    use crate::fault::{Fault, Kind};

    const AT_ONCE: Duration = Duration::from_millis(3);

    fn value(metrics: &Metrics, series: &str) -> Option<u64> {
        let text = metrics.text(&Now::default());
        text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.parse().ok())
    }

    fn ending(outcome: &'static str, fault: Option<Fault>, took: Duration) -> Ending {
        Ending { outcome, fault, took, noted: Noted::default() }
    }

    fn count(metrics: &Metrics, tool: &str, caller: &str, ending: &Ending) {
        metrics.count_call(&metrics.of_tool("crm", tool), caller, ending);
    }

    fn answered() -> Ending {
        ending("answered", None, AT_ONCE)
    }

    #[test]
    fn a_call_is_counted_by_tool_outcome_caller_and_time() {
        let metrics = Metrics::new();
        count(&metrics, "crm__query", "ann", &answered());
        count(&metrics, "crm__query", "ann", &ending("asked", None, AT_ONCE));
        count(&metrics, "crm__query", "bob", &ending("denied", Some(Fault::Caller), Duration::from_secs(6)));
        for (series, expected) in [
            ("toolhost_calls_total{plugin=\"crm\",tool=\"crm__query\",outcome=\"answered\"}", 1),
            ("toolhost_calls_total{plugin=\"crm\",tool=\"crm__query\",outcome=\"asked\"}", 1),
            ("toolhost_calls_total{plugin=\"crm\",tool=\"crm__query\",outcome=\"denied\"}", 1),
            ("toolhost_call_failures_total{fault=\"caller\",kind=\"denied\"}", 1),
            ("toolhost_call_seconds_count{tool=\"crm__query\"}", 3),
            ("toolhost_call_seconds_bucket{le=\"0.005\",tool=\"crm__query\"}", 2),
            ("toolhost_slow_calls_total{tool=\"crm__query\"}", 1),
            ("toolhost_caller_calls_total{caller=\"ann\"}", 2),
            ("toolhost_caller_calls_total{caller=\"bob\"}", 1),
        ] {
            assert_eq!(value(&metrics, series), Some(expected), "{series}: {}", metrics.text(&Now::default()));
        }
        assert!(metrics.text(&Now::default()).ends_with("# EOF\n"));
    }

    #[test]
    fn every_kind_of_failure_has_a_place() {
        let metrics = Metrics::new();
        for kind in Kind::ALL {
            count(&metrics, "crm__query", "ann", &ending(kind.as_str(), Some(kind.fault()), AT_ONCE));
            let labels = format!("{{plugin=\"crm\",tool=\"crm__query\",outcome=\"{kind}\"}}");
            assert_eq!(value(&metrics, &format!("toolhost_calls_total{labels}")), Some(1), "{kind}");
        }
    }

    #[test]
    fn names_beyond_those_that_are_told_apart_are_one() {
        let metrics = Metrics::new();
        for number in 0..CALLERS_MAX + 100 {
            count(&metrics, "crm__query", &format!("caller-{number}"), &answered());
        }
        assert_eq!(value(&metrics, "toolhost_caller_calls_total{caller=\"other\"}"), Some(100));
        for number in 0..10_000 {
            count(&metrics, &format!("crm__tool_{number}"), "ann", &answered());
        }
        let series =
            metrics.text(&Now::default()).lines().filter(|line| line.starts_with("toolhost_calls_total")).count();
        assert!(series <= tools::TOOLS_MAX + 2, "{series}");
    }

    #[test]
    fn a_name_of_many_lines_stays_one_label() {
        let metrics = Metrics::new();
        count(&metrics, "crm__query", "ann\ntoolhost_up 1\n\"}\\", &answered());
        let text = metrics.text(&Now::default());
        assert!(text.contains("toolhost_caller_calls_total{caller=\"ann\\ntoolhost_up 1\\n\\\"}\\\\\"} 1\n"), "{text}");
        assert!(!text.lines().any(|line| line.starts_with("toolhost_up")), "{text}");
    }

    #[test]
    fn a_grant_that_nobody_gave_has_no_name() {
        let metrics = Metrics::new();
        let one = |grant: &str, granted, allowed| Use {
            capability: "sql",
            grant: grant.to_owned(),
            action: "query",
            facts: Facts::default(),
            granted,
            allowed,
            policies: Vec::new(),
        };
        let uses = vec![(one("crm", true, true), 3), (one("crm", true, false), 1), (one("made-up", false, false), 2)];
        metrics.count_uses(&Noted { uses, ..Noted::default() });
        for (grant, allowed, expected) in [("crm", "yes", 3), ("crm", "no", 1), ("unknown", "no", 2)] {
            let labels = format!("{{capability=\"sql\",grant=\"{grant}\",action=\"query\",allowed=\"{allowed}\"}}");
            assert_eq!(value(&metrics, &format!("toolhost_uses_total{labels}")), Some(expected), "{labels}");
        }
        assert!(!metrics.text(&Now::default()).contains("made-up"));
    }
}
