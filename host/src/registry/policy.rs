//! Which policy a snapshot is under: what the operator wrote last, as long as it fits the plugins
//! that are there; else what was good before, and why.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{PolicyFailure, Snapshot};
use crate::capability::deeds;
use crate::config::Config;
use crate::policy::{Member, Policy, Source, Toolbox, World};

/// What a config says of policies, and of the plugins that they speak of.
#[derive(Debug, Clone, Default)]
pub(super) struct Governing {
    source: Option<Result<Source, PolicyFailure>>,
    /// Those that the config names, not loaded yet.
    plugins: BTreeMap<String, Member>,
}

impl Governing {
    pub(super) fn of(config: &Config) -> Self {
        let source = Source::of(config).map_err(|error| {
            let file = config.policy.file.clone().unwrap_or_default();
            PolicyFailure { file: config.resolve(&file).display().to_string(), message: error.to_string() }
        });
        let member = |(name, plugin): (&String, &crate::config::Plugin)| {
            let prefix = plugin.prefix.clone().unwrap_or_else(|| name.clone());
            (name.clone(), Member { groups: plugin.groups.clone(), prefix, tools: None })
        };
        Self { source: Some(source), plugins: config.plugins.iter().map(member).collect() }
    }
}

impl Snapshot {
    /// The policy for what is there now, and why it is not what the operator wrote last, if it is not.
    pub(super) fn governed(&self, before: &Policy) -> (Policy, Option<PolicyFailure>) {
        let world = Arc::new(self.world());
        let refused = match &self.governing.source {
            None => return (Policy::nothing(), None),
            Some(Ok(source)) if before.is_of(source, &world) => return (before.clone(), None),
            Some(Ok(source)) => match Policy::read(source, &world) {
                Ok(policy) => return (policy, None),
                Err(refused) => PolicyFailure { file: source.name().to_owned(), message: refused.to_string() },
            },
            Some(Err(failure)) => failure.clone(),
        };
        (before.within(&world), Some(refused))
    }

    /// All that policies can speak of.
    pub fn world(&self) -> World {
        let mut plugins = self.governing.plugins.clone();
        // Files of the plugin directory that the config does not name.
        for failure in self.failures().iter().filter(|failure| failure.plugin != "*") {
            let member = || Member { prefix: failure.plugin.clone(), ..Member::default() };
            plugins.entry(failure.plugin.clone()).or_insert_with(member);
        }
        for plugin in self.plugins() {
            let tools = plugin.offers.tools.iter().map(|loaded| (loaded.tool.name.clone(), Toolbox::of(&loaded.tool)));
            plugins.entry(plugin.name.clone()).or_default().tools = Some(tools.collect());
        }
        let opened = self.grants().iter().map(|(path, _)| path);
        let broken = self.grants().failures().iter().map(|failure| failure.path.as_str());
        let paths = opened.chain(broken).filter_map(|path| path.split_once('.'));
        let grants: BTreeSet<_> = paths.map(|(of, name)| (of.to_owned(), name.to_owned())).collect();
        World { plugins, grants, uses: deeds() }
    }
}
