//! What there is to be spoken of in policies: plugins with their tools, and grants with what can
//! be done with them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::call::{JsonObject, Tool};

/// Plugins, grants and uses. Whoever loads them tells of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct World {
    /// Every plugin that there should be, by name.
    pub plugins: BTreeMap<String, Member>,
    /// Every grant that the operator wrote: the capability's name and its own.
    pub grants: BTreeSet<(String, String)>,
    /// What can be done with a grant: the capability's name, and the action's.
    pub uses: Vec<(&'static str, &'static str)>,
}

/// A plugin.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Member {
    /// Whom it is for, as the operator wrote.
    pub groups: BTreeSet<String>,
    /// What its tools' names begin with, before two underscores; nothing if empty.
    pub prefix: String,
    /// Its tools, by full name; none while it is not loaded.
    pub tools: Option<BTreeMap<String, Toolbox>>,
}

/// What policies can say of a tool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Toolbox {
    /// Whether it says that it changes nothing.
    pub read_only: bool,
    /// JSON Schema of its arguments.
    pub input: Arc<JsonObject>,
}

impl Toolbox {
    /// What policies can say of this tool.
    pub fn of(tool: &Tool) -> Self {
        Self { read_only: tool.annotations.read_only == Some(true), input: Arc::clone(&tool.input_schema) }
    }
}

impl World {
    /// Every tool that is loaded: its full name, its plugin's, and itself.
    pub(super) fn tools(&self) -> impl Iterator<Item = (&str, &str, &Toolbox)> {
        self.plugins.iter().flat_map(|(plugin, member)| {
            let tools = member.tools.iter().flatten();
            tools.map(move |(name, tool)| (name.as_str(), plugin.as_str(), tool))
        })
    }

    /// The plugin that would have a tool of this name, were it loaded.
    pub(super) fn absent_owner(&self, tool: &str) -> Option<&str> {
        let owns = |member: &Member| match member.prefix.as_str() {
            "" => false,
            prefix => tool.strip_prefix(prefix).is_some_and(|rest| rest.starts_with("__")),
        };
        let mut absent = self.plugins.iter().filter(|(_, member)| member.tools.is_none());
        absent.find(|(_, member)| owns(member)).map(|(plugin, _)| plugin.as_str())
    }

    /// The names of capabilities that have grants.
    pub(super) fn capabilities(&self) -> BTreeSet<&'static str> {
        self.uses.iter().map(|(capability, _)| *capability).collect()
    }
}
