//! What is counted of the calls of each tool: found once, then counted without a look at a name.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use super::{Counted, Labels, OTHER, SLOW, UNKNOWN};
use crate::fault::Kind;
use crate::gate::Ending;

/// How many tools are told apart: a plugin may describe new ones at any time.
pub(super) const TOOLS_MAX: usize = 2_000;

/// The upper ends of what calls take, in seconds.
const SECONDS: [f64; 14] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

/// Answered, asked, and every kind of failure.
const OUTCOMES: usize = 2 + Kind::ALL.len();

/// What is counted of calls, by tool.
pub(super) struct Tools {
    calls: Counted<3>,
    seconds: Family<Labels<1>, Histogram, fn() -> Histogram>,
    slow: Counted<1>,
    running: Family<Labels<1>, Gauge>,
    known: RwLock<HashMap<String, Arc<OfTool>>>,
    unknown: Arc<OfTool>,
    other: Arc<OfTool>,
}

/// What is counted of the calls of one tool.
pub(in crate::gate) struct OfTool {
    plugin: String,
    tool: String,
    /// How often there was each outcome, from the first time on.
    outcomes: [OnceLock<Counter>; OUTCOMES],
    seconds: OnceLock<Histogram>,
    slow: OnceLock<Counter>,
    running: Gauge,
}

/// A call that runs, counted until it is dropped.
pub(in crate::gate) struct Running(Gauge);

impl Tools {
    pub(super) fn registered_in(registry: &mut Registry) -> Self {
        let calls = Counted::<3>::default();
        let seconds: Family<Labels<1>, Histogram, fn() -> Histogram> =
            Family::new_with_constructor(|| Histogram::new(SECONDS));
        let (slow, running) = (Counted::<1>::default(), Family::<Labels<1>, Gauge>::default());
        registry.register("calls", "Calls, by how they ended", calls.clone());
        registry.register("call_seconds", "What calls took, in seconds", seconds.clone());
        registry.register("slow_calls", "Calls that took more than five seconds", slow.clone());
        registry.register("calls_running", "Calls that run now", running.clone());
        let of = |name: &str| Arc::new(OfTool::new(name, name, running.get_or_create_owned(&plugin_label(name))));
        let (unknown, other) = (of(UNKNOWN), of(OTHER));
        Self { known: RwLock::default(), unknown, other, calls, seconds, slow, running }
    }

    pub(super) fn unknown(&self) -> &Arc<OfTool> {
        &self.unknown
    }

    pub(super) fn of(&self, plugin: &str, tool: &str) -> Arc<OfTool> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner).get(tool).cloned();
        if let Some(known) = known.filter(|known| known.plugin == plugin) {
            return known;
        }
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= TOOLS_MAX && !known.contains_key(tool) {
            return Arc::clone(&self.other);
        }
        let running = self.running.get_or_create_owned(&plugin_label(plugin));
        let of_tool = Arc::new(OfTool::new(plugin, tool, running));
        known.insert(tool.to_owned(), Arc::clone(&of_tool));
        of_tool
    }
}

impl OfTool {
    fn new(plugin: &str, tool: &str, running: Gauge) -> Self {
        let (plugin, tool) = (plugin.to_owned(), tool.to_owned());
        let outcomes = [const { OnceLock::new() }; OUTCOMES];
        Self { plugin, tool, outcomes, seconds: OnceLock::new(), slow: OnceLock::new(), running }
    }

    /// Counts a call as one that runs, until what is returned is dropped.
    pub(in crate::gate) fn run(&self) -> Running {
        self.running.inc();
        Running(self.running.clone())
    }

    /// Counts a call that has ended.
    pub(super) fn count(&self, tools: &Tools, ending: &Ending) {
        let Ending { outcome, took, .. } = *ending;
        let place = match outcome {
            "answered" => 0,
            "asked" => 1,
            failed => Kind::ALL.iter().position(|kind| kind.as_str() == failed).map_or(OUTCOMES, |place| place + 2),
        };
        if let Some(counter) = self.outcomes.get(place) {
            let labels = || {
                let (plugin, tool) = (self.plugin.clone().into(), self.tool.clone().into());
                [("plugin", plugin), ("tool", tool), ("outcome", outcome.into())]
            };
            counter.get_or_init(|| tools.calls.get_or_create_owned(&labels())).inc();
        }
        let tool = || [("tool", self.tool.clone().into())];
        self.seconds.get_or_init(|| tools.seconds.get_or_create_owned(&tool())).observe(took.as_secs_f64());
        // There from the first call on, though none was slow: so Prometheus sees it grow.
        let slow = self.slow.get_or_init(|| tools.slow.get_or_create_owned(&tool()));
        if took > SLOW {
            slow.inc();
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.dec();
    }
}

fn plugin_label(plugin: &str) -> Labels<1> {
    [("plugin", plugin.to_owned().into())]
}
