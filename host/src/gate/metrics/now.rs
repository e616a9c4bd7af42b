//! What is so at the moment of a scrape, told by the rooms that know.

use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::registry::Registry;

use super::{Labels, PREFIX};

/// What is so at the moment of a scrape.
#[derive(Debug, Clone, Copy, Default)]
pub struct Now {
    /// Plugins that are served.
    pub plugins_served: usize,
    /// Plugins that are not served as they should be.
    pub plugins_failed: usize,
    /// Grants that can be used.
    pub grants_open: usize,
    /// Grants that cannot be used.
    pub grants_failed: usize,
    /// Places for calls of plugins that are taken.
    pub places_used: usize,
    /// Places for calls of plugins, all of them.
    pub places_max: usize,
    /// Sessions that are open.
    pub sessions: usize,
    /// Tasks that run.
    pub tasks_running: usize,
}

impl Now {
    pub(super) fn registry(&self) -> Registry {
        let mut registry = Registry::with_prefix(PREFIX);
        let plugins = by_state(&[("served", self.plugins_served), ("failed", self.plugins_failed)]);
        registry.register("plugins", "Plugins, by whether they are served as they should be", plugins);
        let grants = by_state(&[("open", self.grants_open), ("failed", self.grants_failed)]);
        registry.register("grants", "Grants, by whether they can be used", grants);
        let places =
            by_state(&[("used", self.places_used), ("free", self.places_max.saturating_sub(self.places_used))]);
        registry.register("instance_places", "Places for instances of plugins, one for each call that runs", places);
        registry.register("sessions", "Sessions that are open", ConstGauge::new(count(self.sessions)));
        registry.register(
            "tasks_running",
            "Calls that go on after their request",
            ConstGauge::new(count(self.tasks_running)),
        );
        registry
    }
}

fn by_state(states: &[(&'static str, usize)]) -> Family<Labels<1>, Gauge> {
    let family = Family::<Labels<1>, Gauge>::default();
    for (state, number) in states {
        family.get_or_create(&[("state", (*state).into())]).set(count(*number));
    }
    family
}

fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
