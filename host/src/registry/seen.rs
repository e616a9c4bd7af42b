//! A snapshot as one caller sees it: what it may not do with any arguments at any time is not there.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use super::Snapshot;
use crate::call::{Answer, Caller, JsonObject, Prompt, Resource, Skill, Template, Tool};
use crate::fault::Error;
use crate::near::nearest;
use crate::policy::Action;
use crate::runtime::{LoadedTool, Plugin};
use crate::search;

/// How many callers' views are kept.
const VIEWS_MAX: usize = 1_000;

/// A snapshot as one caller sees it.
pub struct Seen<'a> {
    snapshot: &'a Snapshot,
    view: Arc<View>,
}

/// What one caller may see.
#[derive(Debug)]
struct View {
    /// Of each tool by its place in the list of all.
    tools: Vec<bool>,
    /// The plugins whose resources it may read, by name.
    readable: BTreeSet<String>,
    /// The plugins whose prompts it may have written, by name.
    promptable: BTreeSet<String>,
    /// The plugins of which it sees anything that it may use, by name.
    reached: BTreeSet<String>,
}

/// The views that were asked for, by the caller's name.
#[derive(Default)]
pub(super) struct Views(Mutex<HashMap<String, Known>>);

/// Whose view it is, as that caller was then.
type Known = (Arc<Caller>, Arc<View>);

impl Views {
    fn of(&self, caller: &Arc<Caller>, make: impl FnOnce() -> View) -> Arc<View> {
        let views = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, view)) = views().get(&caller.name)
            && (Arc::ptr_eq(known, caller) || known == caller)
        {
            return Arc::clone(view);
        }
        // Not under the lock: with many tools it takes some milliseconds.
        let view = Arc::new(make());
        let mut views = views();
        if views.len() >= VIEWS_MAX {
            views.clear();
        }
        views.insert(caller.name.clone(), (Arc::clone(caller), Arc::clone(&view)));
        view
    }
}

impl Snapshot {
    /// What a caller sees of all this. The first question of a caller weighs the policy once for each
    /// tool; what it came to is kept.
    pub fn seen_by(&self, caller: &Arc<Caller>) -> Seen<'_> {
        Seen { snapshot: self, view: self.views.of(caller, || self.view(caller)) }
    }

    /// The tool of that full name, if a caller sees it.
    pub fn tool_seen_by(&self, caller: &Caller, name: &str) -> Option<&LoadedTool> {
        let (plugin, tool) = self.tool(name)?;
        self.policy().may_see(caller, &plugin.name, Action::Call(name)).then_some(tool)
    }

    /// What the host's own tool answers to a caller; none if the name is not that of one.
    pub fn own_tool(&self, caller: &Arc<Caller>, name: &str, arguments: &JsonObject) -> Option<Result<Answer, Error>> {
        let search = self.search.as_ref().filter(|_| name == search::NAME)?;
        let tools: Vec<&Tool> = self.each_tool().map(|(_, tool)| tool).collect();
        let view = self.views.of(caller, || self.view(caller));
        Some(search.answer(&tools, arguments, |place| view.tools.get(place) == Some(&true)))
    }

    fn view(&self, caller: &Caller) -> View {
        let may = |plugin: &Plugin, action: Action<'_>| self.policy().may_see(caller, &plugin.name, action);
        let named = |action: Action<'_>| {
            let plugins = self.plugins().iter().filter(|plugin| may(plugin, action));
            plugins.map(|plugin| plugin.name.clone()).collect::<BTreeSet<_>>()
        };
        let (readable, promptable) = (named(Action::Read("")), named(Action::Prompt("")));
        let has = |plugin: &Arc<Plugin>| {
            let offers = &plugin.offers;
            let reads = !offers.resources.is_empty() || !offers.templates.is_empty() || !offers.skills.is_empty();
            (reads && readable.contains(&plugin.name))
                || (!offers.prompts.is_empty() && promptable.contains(&plugin.name))
        };
        let mut reached: BTreeSet<String> =
            self.plugins().iter().filter(|plugin| has(plugin)).map(|plugin| plugin.name.clone()).collect();
        let tools = self.each_tool().map(|(plugin, tool)| {
            let sees = may(plugin, Action::Call(&tool.name));
            if sees && !reached.contains(&plugin.name) {
                reached.insert(plugin.name.clone());
            }
            sees
        });
        let tools = tools.collect();
        View { tools, readable, promptable, reached }
    }
}

impl<'a> Seen<'a> {
    /// Every tool, by full name.
    pub fn tools(&self) -> impl Iterator<Item = &'a Tool> {
        let theirs = self.tools_of_plugins().collect();
        self.snapshot.with_own_tool(theirs).into_iter()
    }

    fn tools_of_plugins(&self) -> impl Iterator<Item = &'a Tool> {
        let tools = self.snapshot.each_tool().zip(&self.view.tools);
        tools.filter(|(_, sees)| **sees).map(|((_, tool), _)| tool)
    }

    /// Every resource, by URI.
    pub fn resources(&self) -> impl Iterator<Item = &'a Resource> {
        let view = Arc::clone(&self.view);
        let all = self.snapshot.each_resource().filter(move |(plugin, _)| view.readable.contains(&plugin.name));
        all.map(|(_, resource)| resource)
    }

    /// Every template, by itself.
    pub fn templates(&self) -> impl Iterator<Item = &'a Template> {
        let view = Arc::clone(&self.view);
        let all = self.snapshot.each_template().filter(move |(plugin, _)| view.readable.contains(&plugin.name));
        all.map(|(_, template)| template)
    }

    /// Every prompt, by full name.
    pub fn prompts(&self) -> impl Iterator<Item = &'a Prompt> {
        let view = Arc::clone(&self.view);
        let all = self.snapshot.each_prompt().filter(move |(plugin, _)| view.promptable.contains(&plugin.name));
        all.map(|(_, prompt)| prompt)
    }

    /// Every skill, by path.
    pub fn skills(&self) -> impl Iterator<Item = &'a Skill> {
        let view = Arc::clone(&self.view);
        let all = self.snapshot.each_skill().filter(move |(plugin, _)| view.readable.contains(&plugin.name));
        all.map(|(_, skill)| skill)
    }

    /// The plugins of which there is something to be used.
    pub fn plugins(&self) -> impl Iterator<Item = &'a Arc<Plugin>> {
        self.snapshot.plugins().iter().filter(|plugin| self.view.reached.contains(&plugin.name))
    }

    /// Whether there is a resource or a file of a skill with this URI.
    pub fn has_resource(&self, uri: &str) -> bool {
        let file = self.snapshot.skill_file(uri).map(|(plugin, ..)| plugin);
        let owner = file.or_else(|| self.snapshot.reader(uri));
        owner.is_some_and(|plugin| self.view.readable.contains(&plugin.name))
    }

    /// The full name of the tool nearest to one that is not there, if one is close.
    pub fn nearest(&self, name: &str) -> Option<&'a str> {
        nearest(name, self.tools_of_plugins().map(|tool| tool.name.as_str()))
    }
}
