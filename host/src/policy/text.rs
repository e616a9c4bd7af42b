//! What the operator wrote: read into policies, and held against the schema. Every error has
//! its line and column.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr as _;
use std::sync::Arc;

use cedar_policy::{EntityUid, Policy as Cedar, PolicyId, PolicySet, ValidationError, ValidationMode, Validator};
use miette::Diagnostic;

use super::World;
use super::looks::{Halves, halves, regardless};
use super::schema::schema;
use crate::config::{Config, ConfigError};
use crate::near::nearest;

/// What holds if the operator wrote nothing.
const DEFAULT: &str = include_str!("default.cedar");

/// The most problems that are told at once.
const PROBLEMS_MAX: usize = 10;

/// The text of policies, and what it is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    name: Arc<str>,
    text: Arc<str>,
}

impl Default for Source {
    fn default() -> Self {
        Self::new("default.cedar", DEFAULT)
    }
}

impl Source {
    /// A text, by the name that errors in it begin with.
    pub fn new(name: &str, text: &str) -> Self {
        Self { name: name.into(), text: text.into() }
    }

    /// What `[policy] file` names, else what holds by default.
    ///
    /// # Errors
    ///
    /// The file is not there.
    pub fn of(config: &Config) -> Result<Self, ConfigError> {
        let Some(file) = &config.policy.file else { return Ok(Self::default()) };
        let path = config.resolve(file);
        match config.beside(file).and_then(|beside| beside.text()) {
            Some(text) => Ok(Self::new(&path.display().to_string(), text)),
            None => {
                let message = "there is no such file, and [policy] file names it: write it, or remove the key for the \
                               default policy";
                Err(ConfigError::in_file(&path, message))
            }
        }
    }

    /// What it is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A place in it: `policy.cedar:3:14`. Lines and columns count from 1, columns in characters.
    pub(super) fn place(&self, offset: usize) -> String {
        let before = self.text.get(..offset).unwrap_or(&self.text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        format!("{}:{line}:{column}", self.name)
    }
}

/// Why a text is not taken: every problem with its place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Refused(Vec<String>);

impl Refused {
    /// Something is wrong with a text as a whole.
    pub(super) fn whole(source: &Source, why: &str) -> Self {
        Self(vec![format!("{}: {why}", source.name)])
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.0.get(..PROBLEMS_MAX).unwrap_or(&self.0);
        f.write_str(&shown.join("\n"))?;
        match self.0.len() - shown.len() {
            0 => Ok(()),
            more => write!(f, "\nand {more} more"),
        }
    }
}

/// One policy.
#[derive(Clone)]
pub(super) struct Statement {
    /// By `@id`, else `policy0` and so on in the order of the file.
    pub(super) id: String,
    /// Where it begins, in bytes.
    pub(super) offset: usize,
    pub(super) cedar: Cedar,
    /// The same as far as no context is looked at; none if nothing is left.
    pub(super) regardless: Option<Cedar>,
    /// What is to be weighed of it each time; none if it looks at no context.
    pub(super) halves: Option<Halves>,
}

/// All policies of a text.
#[derive(Clone)]
pub(super) struct Written {
    pub(super) policies: Vec<Statement>,
}

impl Written {
    /// Reads a text, which is good as long as nothing is asked of what it speaks of.
    pub(super) fn read(source: &Source) -> Result<Self, Refused> {
        let set = PolicySet::from_str(&source.text).map_err(|errors| {
            let all = errors.iter().map(|error| problem(source, error)).collect();
            Refused(all)
        })?;
        if let Some(template) = set.templates().next() {
            let place = source.place(template.as_ref().loc().map_or(0, |loc| loc.start()));
            let why =
                format!("{place}: a template (`?principal`, `?resource`) has nobody to fill it in: write a policy");
            return Err(Refused(vec![why]));
        }
        let mut policies: Vec<(usize, &Cedar)> =
            set.policies().map(|policy| (policy.as_ref().loc().map_or(0, |loc| loc.start()), policy)).collect();
        policies.sort_by_key(|(offset, _)| *offset);
        let mut written = Self { policies: Vec::new() };
        let mut offsets: BTreeMap<String, usize> = BTreeMap::new();
        let mut problems = Vec::new();
        for (count, (offset, policy)) in policies.into_iter().enumerate() {
            let id = policy.annotation("id").map_or_else(|| format!("policy{count}"), str::to_owned);
            if let Some(other) = offsets.insert(id.clone(), offset) {
                let (place, other) = (source.place(offset), source.place(other));
                problems.push(format!("{place}: the id `{id}` is that of another policy, at {other}"));
            }
            let cedar = policy.new_id(PolicyId::new(&id));
            let unfit = |why: String| Refused(vec![format!("{}: {why}", source.place(offset))]);
            let json = cedar.to_json().map_err(|error| unfit(error.to_string()))?;
            let halves = halves(&cedar, &json).map_err(|error| unfit(error.to_string()))?;
            let regardless = regardless(&cedar, &json);
            written.policies.push(Statement { id, offset, cedar, regardless, halves });
        }
        if problems.is_empty() { Ok(written) } else { Err(Refused(problems)) }
    }

    /// Whether everything that the policies speak of is there; what may not be meant is told.
    pub(super) fn check(&self, source: &Source, world: &World) -> Result<Vec<String>, Refused> {
        let mut warnings = Vec::new();
        let mut problems = Vec::new();
        let mut absent = BTreeSet::new();
        for policy in &self.policies {
            let place = || format!("{}: in `{}`", source.place(policy.offset), policy.id);
            for named in policy.cedar.entity_literals() {
                match about(&named, world) {
                    About::Fine => {}
                    About::Missing(what) => problems.push(format!("{}: {what}", place())),
                    About::Absent(plugin) => {
                        warnings
                            .push(format!("{}: {named} waits for the plugin `{plugin}`, which is not loaded", place()));
                        absent.insert(named.id().unescaped().to_owned());
                    }
                }
            }
        }
        let schema = schema(world, &absent)
            .map_err(|why| Refused::whole(source, &format!("the tools make no schema: {why}")))?;
        let actions: Vec<String> = schema.actions().map(|action| action.id().unescaped().to_owned()).collect();
        let result = Validator::new(schema).validate(&self.set(source)?, ValidationMode::Strict);
        problems.extend(result.validation_errors().map(|error| match error {
            ValidationError::UnrecognizedActionId(_) => no_such_action(source, error, &actions),
            _ => problem(source, error),
        }));
        warnings.extend(result.validation_warnings().map(|warning| problem(source, warning)));
        problems.sort();
        problems.dedup();
        if problems.is_empty() { Ok(warnings) } else { Err(Refused(problems)) }
    }

    fn set(&self, source: &Source) -> Result<PolicySet, Refused> {
        PolicySet::from_policies(self.policies.iter().map(|policy| policy.cedar.clone()))
            .map_err(|error| Refused::whole(source, &error.to_string()))
    }
}

/// What there is to say of a name in a policy.
enum About {
    Fine,
    /// It is the name of nothing.
    Missing(String),
    /// It is that of a tool of this plugin, if it has one of that name once it is loaded.
    Absent(String),
}

/// Cedar knows no names but those of types and actions.
fn about(named: &EntityUid, world: &World) -> About {
    let (kind, id) = (named.type_name().to_string(), named.id().unescaped());
    match kind.as_str() {
        "Plugin" if !world.plugins.contains_key(id) => {
            let near = meant(id, world.plugins.keys().map(String::as_str));
            About::Missing(format!("there is no plugin `{id}`{near}"))
        }
        "Action" => match world.absent_owner(id) {
            Some(plugin) => About::Absent(plugin.to_owned()),
            None => About::Fine,
        },
        capability if world.capabilities().contains(capability) => {
            let names = || world.grants.iter().filter(|(of, _)| of == capability).map(|(_, name)| name.as_str());
            if names().any(|name| name == id) {
                return About::Fine;
            }
            About::Missing(format!("there is no grant [{capability}.{id}]{}", meant(id, names())))
        }
        _ => About::Fine,
    }
}

/// A word on the name that was probably meant, if one is close.
fn meant<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> String {
    nearest(name, names).map_or_else(String::new, |near| format!("; did you mean `{near}`?"))
}

/// An action that there is not. Cedar's own hint is not always the nearest, nor always the same.
fn no_such_action(source: &Source, found: &dyn Diagnostic, actions: &[String]) -> String {
    let said = found.to_string();
    let name = said.split("Action::\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap_or_default();
    format!("{}: {said}{}", place_of(source, found), meant(name, actions.iter().map(String::as_str)))
}

/// What Cedar found, with its place and its hint.
fn problem(source: &Source, found: &dyn Diagnostic) -> String {
    let place = place_of(source, found);
    match found.help() {
        Some(help) => format!("{place}: {found}; {help}"),
        None => format!("{place}: {found}"),
    }
}

fn place_of(source: &Source, found: &dyn Diagnostic) -> String {
    let offset = found.labels().and_then(|mut labels| labels.next()).map(|label| label.offset());
    offset.map_or_else(|| source.name.to_string(), |offset| source.place(offset))
}
