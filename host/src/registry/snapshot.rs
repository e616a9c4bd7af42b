//! What is served at one time: plugins, and everything that they offer, by name.
//!
//! Names of tools and prompts begin with their plugin's prefix. URIs and paths of skills do not: where
//! one component is loaded under several names, the first of them by name serves what all of them
//! have, whichever came first, and the others serve the rest of theirs.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::pins::Pins;
use super::policy::Governing;
use super::seen::Views;
use super::{ConfigFailure, LoadFailure, PolicyFailure};
use crate::call::{Offer, Prompt, Resource, Skill, SkillFile, Template, Tool};
use crate::capability::Grants;
use crate::config::{Config, Signer};
use crate::near::nearest;
use crate::policy::Policy;
use crate::runtime::{LoadedPrompt, LoadedTemplate, LoadedTool, Plugin};
use crate::search::{self, Search};

/// Plugins and what they offer at one time. Every list is sorted by name.
#[derive(Default, Clone)]
pub struct Snapshot {
    plugins: Vec<Arc<Plugin>>,
    tools: Index,
    resources: Index,
    templates: Index,
    prompts: Index,
    skills: Index,
    failures: Vec<LoadFailure>,
    notes: Vec<Note>,
    grants: Arc<Grants>,
    policy: Arc<Policy>,
    pub(super) governing: Arc<Governing>,
    policy_failure: Option<PolicyFailure>,
    pub(super) views: Arc<Views>,
    config_failure: Option<ConfigFailure>,
    pins: Pins,
    signers: BTreeMap<String, Signer>,
    /// What the config says of `search_tools`.
    search_wanted: Option<bool>,
    pub(super) search: Option<Arc<Search>>,
}

/// Something about a plugin that the operator should know, and that is no failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// The plugin's name.
    pub plugin: String,
    /// For the operator; holds no secret.
    pub message: String,
}

/// By name: the plugin, and the place among its own.
type Index = BTreeMap<String, (Arc<Plugin>, usize)>;

impl Snapshot {
    /// No plugins yet, of this config and its grants; and why they are not those of the config file, if they are not.
    pub fn new(grants: Arc<Grants>, config: &Config, config_failure: Option<ConfigFailure>) -> Self {
        let governing = Arc::new(Governing::of(config));
        Self { grants, governing, config_failure, search_wanted: config.serve.search, ..Self::default() }
    }

    /// The same, with what its plugins were held against, and who signed them, by their names.
    pub(super) fn held_against(self, pins: Pins, signers: BTreeMap<String, Signer>) -> Self {
        Self { pins, signers, ..self }
    }

    /// The same, complete: with the tool that finds others, if it is wanted or there are many, and
    /// under its policy, which is that of before if there is no better one.
    pub fn settled(mut self, before: &Arc<Policy>) -> Self {
        let wanted = self.search_wanted.unwrap_or(self.tools.len() > search::MANY);
        let is_free = !self.tools.contains_key(search::NAME);
        self.search = (wanted && is_free).then(Arc::default);
        self.notes = self.plugins.iter().filter_map(|plugin| self.shared(plugin)).collect();
        let (policy, failure) = self.governed(before);
        self.policy = if policy.is_same(before) { Arc::clone(before) } else { Arc::new(policy) };
        self.policy_failure = failure;
        self.views = Arc::default();
        self
    }

    /// Adds a plugin, unless something of it has the name of something that is there: then
    /// the error says so.
    pub fn add(&mut self, plugin: Arc<Plugin>) -> Result<(), String> {
        if let Err(message) = self.index(&plugin) {
            self.forget(&plugin);
            self.index_others_of(&plugin);
            return Err(message);
        }
        let place = self.plugins.partition_point(|other| other.name <= plugin.name);
        self.plugins.insert(place, plugin);
        Ok(())
    }

    /// The same with a plugin that has described itself anew, or why its description does not fit.
    pub fn with(&self, plugin: Plugin) -> Result<Self, String> {
        self.pins.check_described_anew(&plugin)?;
        let mut snapshot = self.clone();
        // One that was reloaded since has described itself already.
        let place = snapshot.plugins.iter().position(|other| other.is_of_same_load(&plugin));
        let plugin = Arc::new(plugin);
        match place.and_then(|place| snapshot.plugins.get_mut(place)) {
            Some(other) => {
                let before = std::mem::replace(other, Arc::clone(&plugin));
                snapshot.forget(&before);
            }
            None => return Err("it is gone".to_owned()),
        }
        snapshot.index(&plugin)?;
        snapshot.index_others_of(&plugin);
        Ok(snapshot.settled(&self.policy))
    }

    /// Notes a plugin that is not served as it should be.
    pub fn add_failure(&mut self, plugin: String, message: String) {
        let place = self.failures.partition_point(|other| other.plugin <= plugin);
        self.failures.insert(place, LoadFailure { plugin, message });
    }

    fn index(&mut self, plugin: &Arc<Plugin>) -> Result<(), String> {
        let offers = &plugin.offers;
        let tools = offers.tools.iter().map(|loaded| loaded.tool.name.clone());
        add_all(&mut self.tools, plugin, "tool", tools)?;
        let prompts = offers.prompts.iter().map(|loaded| loaded.prompt.name.clone());
        add_all(&mut self.prompts, plugin, "prompt", prompts)?;
        let resources = offers.resources.iter().map(|resource| resource.uri.clone());
        add_all(&mut self.resources, plugin, "resource", resources)?;
        let templates = offers.templates.iter().map(|loaded| loaded.template.uri_template.clone());
        add_all(&mut self.templates, plugin, "template", templates)?;
        let skills = offers.skills.iter().map(|skill| skill.path.clone());
        add_all(&mut self.skills, plugin, "skill", skills)
    }

    /// Gives what is not any more this plugin's to the others of its component that have it, too.
    fn index_others_of(&mut self, plugin: &Arc<Plugin>) {
        let is_other = |other: &&Arc<Plugin>| other.digest == plugin.digest && !Arc::ptr_eq(other, plugin);
        let others: Vec<_> = self.plugins.iter().filter(is_other).cloned().collect();
        for other in others {
            // It was in the index before, so it fits.
            let _ = self.index(&other);
        }
    }

    /// Which of a plugin's offers are served by another plugin of the same component.
    fn shared(&self, plugin: &Arc<Plugin>) -> Option<Note> {
        let offers = &plugin.offers;
        let resources = offers.resources.iter().map(|resource| (&self.resources, &resource.uri));
        let templates = offers.templates.iter().map(|loaded| (&self.templates, &loaded.template.uri_template));
        let skills = offers.skills.iter().map(|skill| (&self.skills, &skill.path));
        let holders = resources.chain(templates).chain(skills).filter_map(|(index, name)| index.get(name));
        let others: Vec<_> = holders.filter(|(holder, _)| !Arc::ptr_eq(holder, plugin)).collect();
        let (first, _) = others.first()?;
        let (count, name) = (others.len(), &first.name);
        let message = format!(
            "{count} of its resources, templates and skills are served by `{name}`, which is the same component: \
             their URIs have no prefix, and the first by name serves them"
        );
        Some(Note { plugin: plugin.name.clone(), message })
    }

    fn forget(&mut self, plugin: &Arc<Plugin>) {
        let indexes = [&mut self.tools, &mut self.resources, &mut self.templates, &mut self.prompts, &mut self.skills];
        for index in indexes {
            index.retain(|_, (other, _)| !Arc::ptr_eq(other, plugin));
        }
    }

    /// The plugins, by name.
    pub fn plugins(&self) -> &[Arc<Plugin>] {
        &self.plugins
    }

    /// The plugin of that name.
    pub fn plugin(&self, name: &str) -> Option<&Arc<Plugin>> {
        self.plugins.iter().find(|plugin| plugin.name == name)
    }

    /// Those that are not served as they should be, by name.
    pub fn failures(&self) -> &[LoadFailure] {
        &self.failures
    }

    /// What the operator should know beside that, by the plugins' names.
    pub fn notes(&self) -> &[Note] {
        &self.notes
    }

    /// What the plugins were held against.
    pub fn pins(&self) -> &Pins {
        &self.pins
    }

    /// Who signed the file of a plugin, if that was looked at.
    pub fn signer(&self, plugin: &str) -> Option<&Signer> {
        self.signers.get(plugin)
    }

    /// The operator's grants.
    pub fn grants(&self) -> &Grants {
        &self.grants
    }

    /// What the operator allows.
    pub fn policy(&self) -> &Arc<Policy> {
        &self.policy
    }

    /// Why the policy is not what the operator wrote last, if it is not.
    pub fn policy_failure(&self) -> Option<&PolicyFailure> {
        self.policy_failure.as_ref()
    }

    /// Why all this is of an older config than that of the file, if it is.
    pub fn config_failure(&self) -> Option<&ConfigFailure> {
        self.config_failure.as_ref()
    }

    /// Whether agents see the same list of one kind in both.
    pub fn lists_as(&self, other: &Self, offer: Offer) -> bool {
        match offer {
            Offer::Tools => self.tools().eq(other.tools()),
            Offer::Resources => self.resources().eq(other.resources()) && self.templates().eq(other.templates()),
            Offer::Prompts => self.prompts().eq(other.prompts()),
            Offer::Skills => self.skills().eq(other.skills()),
        }
    }

    /// Whether some plugin has an offer of this kind, be its list empty.
    pub fn offers(&self, offer: Offer) -> bool {
        let interface = match offer {
            Offer::Tools => "tools",
            Offer::Resources => "resources",
            Offer::Prompts => "prompts",
            Offer::Skills => "skills",
        };
        self.plugins.iter().any(|plugin| plugin.needs.offers(interface))
    }

    /// Whether some argument of a prompt or template can be completed.
    pub fn completes(&self) -> bool {
        self.prompts().any(|prompt| prompt.arguments.iter().any(|argument| argument.completes))
            || self.templates().any(|template| !template.completes.is_empty())
    }

    /// Every tool, by full name.
    pub fn tools(&self) -> impl Iterator<Item = &Tool> {
        self.with_own_tool(self.each_tool().map(|(_, tool)| tool).collect()).into_iter()
    }

    /// Tools by full name, and the host's own one in its place among them.
    pub(super) fn with_own_tool<'a>(&'a self, mut tools: Vec<&'a Tool>) -> Vec<&'a Tool> {
        if let Some(search) = &self.search {
            let place = tools.partition_point(|tool| tool.name.as_str() < search::NAME);
            tools.insert(place, search.tool());
        }
        tools
    }

    /// Every tool of a plugin, by full name.
    pub(super) fn each_tool(&self) -> impl Iterator<Item = (&Arc<Plugin>, &Tool)> {
        self.tools.values().filter_map(|(plugin, place)| Some((plugin, &plugin.offers.tools.get(*place)?.tool)))
    }

    /// Whether the host's own tool has this name.
    pub fn is_own_tool(&self, name: &str) -> bool {
        self.search.is_some() && name == search::NAME
    }

    /// Every resource, by URI.
    pub fn resources(&self) -> impl Iterator<Item = &Resource> {
        self.each_resource().map(|(_, resource)| resource)
    }

    pub(super) fn each_resource(&self) -> impl Iterator<Item = (&Arc<Plugin>, &Resource)> {
        self.resources.values().filter_map(|(plugin, place)| Some((plugin, plugin.offers.resources.get(*place)?)))
    }

    /// Every template, by itself.
    pub fn templates(&self) -> impl Iterator<Item = &Template> {
        self.each_template().map(|(_, template)| template)
    }

    pub(super) fn each_template(&self) -> impl Iterator<Item = (&Arc<Plugin>, &Template)> {
        let all = self.templates.values();
        all.filter_map(|(plugin, place)| Some((plugin, &plugin.offers.templates.get(*place)?.template)))
    }

    /// Every prompt, by full name.
    pub fn prompts(&self) -> impl Iterator<Item = &Prompt> {
        self.each_prompt().map(|(_, prompt)| prompt)
    }

    pub(super) fn each_prompt(&self) -> impl Iterator<Item = (&Arc<Plugin>, &Prompt)> {
        self.prompts.values().filter_map(|(plugin, place)| Some((plugin, &plugin.offers.prompts.get(*place)?.prompt)))
    }

    /// Every skill, by path.
    pub fn skills(&self) -> impl Iterator<Item = &Skill> {
        self.each_skill().map(|(_, skill)| skill)
    }

    pub(super) fn each_skill(&self) -> impl Iterator<Item = (&Arc<Plugin>, &Skill)> {
        self.skills.values().filter_map(|(plugin, place)| Some((plugin, plugin.offers.skills.get(*place)?)))
    }

    /// The tool of that full name, and its plugin.
    pub fn tool(&self, name: &str) -> Option<(&Arc<Plugin>, &LoadedTool)> {
        let (plugin, place) = self.tools.get(name)?;
        Some((plugin, plugin.offers.tools.get(*place)?))
    }

    /// The prompt of that full name, and its plugin.
    pub fn prompt(&self, name: &str) -> Option<(&Arc<Plugin>, &LoadedPrompt)> {
        let (plugin, place) = self.prompts.get(name)?;
        Some((plugin, plugin.offers.prompts.get(*place)?))
    }

    /// The template that is written like this, and its plugin.
    pub fn template(&self, uri_template: &str) -> Option<(&Arc<Plugin>, &LoadedTemplate)> {
        let (plugin, place) = self.templates.get(uri_template)?;
        Some((plugin, plugin.offers.templates.get(*place)?))
    }

    /// The plugin that reads a URI: whoever lists it, else the first whose template makes it.
    pub fn reader(&self, uri: &str) -> Option<&Arc<Plugin>> {
        let listed = self.resources.get(uri).map(|(plugin, _)| plugin);
        listed.or_else(|| {
            let made = |(plugin, place): &&(Arc<Plugin>, usize)| {
                plugin.offers.templates.get(*place).is_some_and(|template| template.makes(uri))
            };
            self.templates.values().find(made).map(|(plugin, _)| plugin)
        })
    }

    /// The file of a skill with this URI, and whose it is.
    pub fn skill_file(&self, uri: &str) -> Option<(&Arc<Plugin>, &Skill, &SkillFile)> {
        let path = uri.strip_prefix("skill://")?;
        // A skill may lie within the folder of another: the nearest one has the file.
        path.rmatch_indices('/').find_map(|(at, _)| {
            let (plugin, place) = self.skills.get(path.get(..at)?)?;
            let skill = plugin.offers.skills.get(*place)?;
            let file = skill.files.iter().find(|file| Some(file.path.as_str()) == path.get(at + 1..))?;
            Some((plugin, skill, file))
        })
    }

    /// The full name of the tool nearest to one that is not there, if one is close.
    pub fn nearest(&self, name: &str) -> Option<&str> {
        nearest(name, self.tools.keys().map(String::as_str))
    }
}

fn add_all(
    index: &mut Index,
    plugin: &Arc<Plugin>,
    kind: &str,
    names: impl Iterator<Item = String>,
) -> Result<(), String> {
    let has_prefix = matches!(kind, "tool" | "prompt");
    for (place, name) in names.enumerate() {
        if let Some((other, _)) = index.get(&name) {
            let may_share = !has_prefix && other.digest == plugin.digest;
            if may_share && other.name < plugin.name {
                continue;
            }
            if !may_share && !Arc::ptr_eq(other, plugin) {
                let (full, advice) = if has_prefix {
                    ("the same full name", "set a `prefix` for one of the two")
                } else {
                    ("the same name", "serve one of the two")
                };
                let other = &other.name;
                return Err(format!("its {kind} `{name}` has {full} as one of the plugin `{other}`; {advice}"));
            }
        }
        index.insert(name, (Arc::clone(plugin), place));
    }
    Ok(())
}
