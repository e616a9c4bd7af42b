//! How often calls may be made, and how many run at once: by caller, by caller and tool, and by plugin.
//!
//! What is over a rate is refused at once, and told when to come back. For a place among the
//! calls that run a call waits, but not for long: there is no queue without an end.

use std::collections::BTreeMap;
use std::hash::{BuildHasher as _, RandomState};
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use governor::clock::Clock as _;
use governor::{DefaultKeyedRateLimiter, Quota};

use super::places::{Place, Places};
use crate::call::Caller;
use crate::config;
use crate::fault::{Error, Kind};

/// How many calls pass between two looks at how many keys there are.
const LOOK_EVERY: u32 = 1_024;

/// How many keys there may be before those that have been quiet are forgotten.
const KEYS_KEPT: usize = 10_000;

/// The limits of one config. Those of the next one begin anew.
#[derive(Debug)]
pub(super) struct Rates {
    config: config::Rates,
    /// Makes keys of names: so no name is kept, and none is copied for a call.
    names: RandomState,
    callers: Rate,
    tools: Rate,
    own_tools: BTreeMap<String, Rate>,
    caller_places: Places,
    plugin_places: Places,
}

/// A call that was too much: the config key of the limit, and the error.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) limit: &'static str,
    pub(super) error: Error,
}

/// One rate, counted by key.
#[derive(Debug)]
struct Rate {
    limiter: DefaultKeyedRateLimiter<u64>,
    checks: AtomicU32,
}

impl Rates {
    pub(super) fn new(config: &config::Rates) -> Self {
        let own = |(name, rate): (&String, &config::ToolRate)| {
            (name.clone(), Rate::new(Quota::per_minute(number(rate.per_min.get())), rate.burst.get()))
        };
        Self {
            names: RandomState::new(),
            callers: Rate::new(Quota::per_second(number(config.caller_per_s.get())), config.caller_burst.get()),
            tools: Rate::new(Quota::per_second(number(config.tool_per_s.get())), config.tool_burst.get()),
            own_tools: config.tools.iter().map(own).collect(),
            caller_places: Places::new(config.caller_calls.get_usize()),
            plugin_places: Places::new(config.plugin_calls.get_usize()),
            config: config.clone(),
        }
    }

    /// Whether they are those of this config.
    pub(super) fn are_of(&self, config: &config::Rates) -> bool {
        self.config == *config
    }

    /// Counts a call of a caller, whatever it is for, and takes it a place among the caller's own; none
    /// for callers who are not held to any.
    pub(super) async fn pass_caller(&self, caller: &Caller) -> Result<Option<Place>, Refused> {
        if !self.holds(caller) {
            return Ok(None);
        }
        let (key, config) = (self.names.hash_one(&caller.name), &self.config);
        if let Err(wait) = self.callers.check(key) {
            let (per_s, burst) = (config.caller_per_s.get(), config.caller_burst.get());
            let message = format!("Each caller may make {per_s} calls a second, and {burst} at once; these were more.");
            return Err(too_often("caller_per_s", message, wait));
        }
        match self.caller_places.take(key, config.place_wait()).await {
            Some(place) => Ok(Some(place)),
            None => {
                let most = config.caller_calls.get();
                let message = format!("Of each caller {most} calls run at once; this would be one more.");
                Err(too_many("caller_calls", Kind::Limited, message, config.place_wait()))
            }
        }
    }

    /// Counts a call of a tool by a caller, and takes it a place among those of the plugin.
    pub(super) async fn pass_plugin(
        &self,
        caller: &Caller,
        plugin: &str,
        tool: Option<&str>,
    ) -> Result<Place, Refused> {
        if let Some(tool) = tool {
            self.pass_tool(caller, tool)?;
        }
        let wait = self.config.place_wait();
        let place = self.plugin_places.take(self.names.hash_one(plugin), wait).await;
        place.ok_or_else(|| {
            let most = self.config.plugin_calls.get();
            let message = format!("Of each plugin {most} calls run at once; this would be one more.");
            too_many("plugin_calls", Kind::Busy, message, wait)
        })
    }

    /// Counts a call of a tool by a caller.
    pub(super) fn pass_tool(&self, caller: &Caller, tool: &str) -> Result<(), Refused> {
        if !self.holds(caller) {
            return Ok(());
        }
        let key = self.names.hash_one((&caller.name, tool));
        let own = self.config.tools.get(tool).zip(self.own_tools.get(tool));
        match own {
            Some((config, rate)) => rate.check(key).map_err(|wait| {
                let (per_min, burst) = (config.per_min.get(), config.burst.get());
                let message = format!(
                    "Each caller may call this tool {per_min} times a minute, and {burst} times at once; \
                     these were more."
                );
                too_often("tools", message, wait)
            }),
            None => self.tools.check(key).map_err(|wait| {
                let (per_s, burst) = (self.config.tool_per_s.get(), self.config.tool_burst.get());
                let message = format!(
                    "Each caller may call one tool {per_s} times a second, and {burst} times at once; \
                     these were more."
                );
                too_often("tool_per_s", message, wait)
            }),
        }
    }

    fn holds(&self, caller: &Caller) -> bool {
        self.config.local || caller.name != Caller::LOCAL
    }
}

impl Rate {
    fn new(quota: Quota, burst: u64) -> Self {
        let limiter = DefaultKeyedRateLimiter::keyed(quota.allow_burst(number(burst)));
        Self { limiter, checks: AtomicU32::new(0) }
    }

    /// Counts one, or says how long to wait.
    fn check(&self, key: u64) -> Result<(), Duration> {
        let checks = self.checks.fetch_add(1, Ordering::Relaxed);
        if checks % LOOK_EVERY == LOOK_EVERY - 1 && self.limiter.len() > KEYS_KEPT {
            self.limiter.retain_recent();
        }
        self.limiter.check_key(&key).map_err(|until| until.wait_time_from(self.limiter.clock().now()))
    }
}

/// The config has no zero here, and no more than fits.
pub(super) fn number(of_config: u64) -> NonZeroU32 {
    u32::try_from(of_config).ok().and_then(NonZeroU32::new).unwrap_or(NonZeroU32::MAX)
}

fn too_often(limit: &'static str, message: String, wait: Duration) -> Refused {
    // A wait of nothing would be no wait.
    let wait = wait.max(Duration::from_millis(1));
    let next = format!("Wait {} ms and call again; the operator's limit is [rates] {limit}.", wait.as_millis());
    Refused { limit, error: Error::new(Kind::Limited, message).next(next).retry_after(wait) }
}

fn too_many(limit: &'static str, kind: Kind, message: String, wait: Duration) -> Refused {
    let next = format!("Wait until one has ended, and call again; the operator's limit is [rates] {limit}.");
    Refused { limit, error: Error::new(kind, message).next(next).retry_after(wait) }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::Config;

    fn rates(text: &str) -> Rates {
        let config = Config::parse(&format!("[rates]\n{text}"), Path::new("toolhost.toml"), &[]).expect("parses");
        Rates::new(&config.rates)
    }

    fn ann() -> Caller {
        Caller::named("ann")
    }

    #[tokio::test]
    async fn a_caller_over_its_rate_is_refused_at_once_and_told_when_to_come_back() {
        let rates = rates("caller_per_s = 1\ncaller_burst = 3\n");
        for _ in 0..3 {
            assert!(rates.pass_caller(&ann()).await.expect("is within the burst").is_some());
        }
        let Refused { limit, error } = rates.pass_caller(&ann()).await.expect_err("is over it");
        assert_eq!((limit, error.kind), ("caller_per_s", Kind::Limited));
        let wait = error.retry_after.expect("says when");
        assert!(wait > Duration::from_millis(500) && wait <= Duration::from_secs(1), "{wait:?}");
        assert!(error.sentence().contains("1 calls a second") && error.sentence().contains("[rates] caller_per_s"));
        assert!(rates.pass_caller(&Caller::named("bob")).await.is_ok(), "nobody else is");
    }

    #[tokio::test]
    async fn a_rate_of_a_tool_is_of_each_caller_and_of_that_tool_alone() {
        let rates = rates("tool_per_s = 1\ntool_burst = 2\n[rates.tools.crm__report]\nper_min = 1\nburst = 1\n");
        let pass = async |caller: &str, tool: &str| {
            let caller = Caller::named(caller);
            rates.pass_plugin(&caller, "crm", Some(tool)).await.map(drop).map_err(|refused| refused.limit)
        };
        assert_eq!(pass("ann", "crm__query").await, Ok(()));
        assert_eq!(pass("ann", "crm__query").await, Ok(()));
        assert_eq!(pass("ann", "crm__query").await, Err("tool_per_s"));
        assert_eq!(pass("ann", "crm__other").await, Ok(()));
        assert_eq!(pass("bob", "crm__query").await, Ok(()));
        assert_eq!(pass("ann", "crm__report").await, Ok(()));
        assert_eq!(pass("ann", "crm__report").await, Err("tools"));
        assert_eq!(pass("bob", "crm__report").await, Ok(()));
        // What is read has no rate of its own.
        assert!(rates.pass_plugin(&Caller::named("ann"), "crm", None).await.is_ok());
    }

    #[tokio::test]
    async fn calls_that_run_at_once_are_counted_by_caller_and_by_plugin() {
        let rates = rates("caller_calls = 1\nplugin_calls = 2\nplace_wait_ms = 5\n");
        let held = rates.pass_caller(&ann()).await.expect("is the first");
        let Refused { limit, error } = rates.pass_caller(&ann()).await.expect_err("is one too many");
        assert_eq!((limit, error.kind), ("caller_calls", Kind::Limited));
        assert!(error.retry_after.is_some());
        assert!(rates.pass_caller(&Caller::named("bob")).await.is_ok());
        drop(held);
        assert!(rates.pass_caller(&ann()).await.is_ok());

        let caller = Caller::local();
        let _held = [rates.pass_plugin(&caller, "crm", None).await, rates.pass_plugin(&caller, "crm", None).await];
        let Refused { limit, error } = rates.pass_plugin(&ann(), "crm", None).await.expect_err("is one too many");
        assert_eq!((limit, error.kind), ("plugin_calls", Kind::Busy));
        assert!(rates.pass_plugin(&ann(), "shop", None).await.is_ok());
    }

    #[tokio::test]
    async fn who_is_not_identified_is_held_to_no_rate_unless_the_operator_says_so() {
        let text = "caller_per_s = 1\ncaller_burst = 1\ntool_per_s = 1\ntool_burst = 1\ncaller_calls = 1\n";
        let (free, held) = (rates(text), rates(&format!("{text}local = true\n")));
        let local = Caller::local();
        for _ in 0..100 {
            assert!(free.pass_caller(&local).await.expect("is not held").is_none());
            assert!(free.pass_plugin(&local, "crm", Some("crm__query")).await.is_ok());
        }
        assert!(held.pass_caller(&local).await.is_ok());
        assert_eq!(held.pass_caller(&local).await.expect_err("is held").limit, "caller_per_s");
    }

    #[tokio::test]
    async fn callers_who_have_been_quiet_cost_no_memory() {
        let rates = rates("caller_per_s = 1_000_000\ncaller_burst = 1\n");
        for number in 0..100_000 {
            let _ = rates.pass_caller(&Caller::named(format!("caller-{number}"))).await;
        }
        let kept = rates.callers.limiter.len();
        assert!(kept <= KEYS_KEPT + 2 * LOOK_EVERY as usize, "{kept}");
    }
}
