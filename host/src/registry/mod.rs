//! Which plugins there are: files of a directory and tables of the config, loaded into
//! a snapshot that is swapped as a whole.

mod load;

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;

pub use self::load::load;
use crate::call::Tool;
use crate::runtime::{LoadedTool, Plugin};

/// The plugins that are there now.
pub struct Registry(ArcSwap<Snapshot>);

impl Registry {
    /// A registry that begins with these plugins.
    pub fn new(snapshot: Snapshot) -> Self {
        Self(ArcSwap::from_pointee(snapshot))
    }

    /// The plugins as they are now. A call keeps the snapshot that it began with.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.0.load_full()
    }
}

/// Plugins and their tools at one time.
#[derive(Default)]
pub struct Snapshot {
    plugins: Vec<Arc<Plugin>>,
    /// By full name: the plugin, and the place among its tools.
    tools: BTreeMap<String, (Arc<Plugin>, usize)>,
    failures: Vec<LoadFailure>,
}

/// A plugin that is not served, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadFailure {
    /// The plugin's name.
    pub plugin: String,
    /// For the operator; holds no secret.
    pub message: String,
}

impl Snapshot {
    /// Adds a plugin, unless one of its tools has the full name of one that is there.
    pub fn add(&mut self, plugin: Plugin) {
        let taken =
            plugin.tools.iter().find_map(|loaded| Some((&loaded.tool.name, self.tools.get(&loaded.tool.name)?)));
        if let Some((name, (other, _))) = taken {
            let message = format!(
                "its tool `{name}` has the same full name as one of the plugin `{}`; set a `prefix` for one of the two",
                other.name
            );
            let plugin = plugin.name.clone();
            return self.add_failure(plugin, message);
        }
        let plugin = Arc::new(plugin);
        for (place, loaded) in plugin.tools.iter().enumerate() {
            self.tools.insert(loaded.tool.name.clone(), (Arc::clone(&plugin), place));
        }
        self.plugins.push(plugin);
    }

    /// Notes a plugin that is not served.
    pub fn add_failure(&mut self, plugin: String, message: String) {
        self.failures.push(LoadFailure { plugin, message });
    }

    /// The plugins, by name.
    pub fn plugins(&self) -> &[Arc<Plugin>] {
        &self.plugins
    }

    /// Those that are not served.
    pub fn failures(&self) -> &[LoadFailure] {
        &self.failures
    }

    /// Every tool, by full name.
    pub fn tools(&self) -> impl Iterator<Item = &Tool> {
        self.tools.values().filter_map(|(plugin, place)| Some(&plugin.tools.get(*place)?.tool))
    }

    /// The tool of that full name, and its plugin.
    pub fn tool(&self, name: &str) -> Option<(&Plugin, &LoadedTool)> {
        let (plugin, place) = self.tools.get(name)?;
        Some((plugin, plugin.tools.get(*place)?))
    }

    /// The full name nearest to one that is not there, if one is close.
    pub fn nearest(&self, name: &str) -> Option<&str> {
        let distance = |tool: &str| strsim::damerau_levenshtein(name, tool);
        let near = self.tools.keys().map(|tool| (distance(tool), tool)).min()?;
        (near.0 <= name.len() / 3 + 1).then_some(near.1.as_str())
    }
}
