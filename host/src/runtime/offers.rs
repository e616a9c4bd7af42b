//! All that a plugin offers, described by itself and checked before anybody sees it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use regex::Regex;
use serde_json::Value;

use super::instance::Guest;
use super::output;
use super::plugin::LoadError;
use super::tool::LoadedTool;
use crate::call::{Call, JsonObject, Outcome, Prompt, Resource, Skill, Template};
use crate::fault::{Error, Kind};
use crate::policy::Policy;
use crate::wit::{prompts, resources, skills, tools};

/// The longest name of a tool that every model API accepts; prompts have the same.
const NAME_BYTES_MAX: usize = 64;

/// The most of each kind that one plugin may have.
const OFFERS_MAX: usize = 1_000;

/// How long a plugin may take to describe one kind.
const DESCRIBE_TIME: Duration = Duration::from_secs(5);

/// All that a plugin offers.
#[derive(Default)]
pub struct Offers {
    /// Its tools, in its own order.
    pub tools: Vec<LoadedTool>,
    /// Its resources, in its own order.
    pub resources: Vec<Resource>,
    /// Its templates, in its own order.
    pub templates: Vec<LoadedTemplate>,
    /// Its prompts, in its own order.
    pub prompts: Vec<LoadedPrompt>,
    /// Its skills, in its own order.
    pub skills: Vec<Skill>,
}

/// A template, and the URIs that it makes.
pub struct LoadedTemplate {
    /// The template as agents see it.
    pub template: Template,
    uris: Regex,
}

/// A prompt, and its name within the plugin.
pub struct LoadedPrompt {
    /// The prompt as agents see it.
    pub prompt: Prompt,
    pub(super) own_name: String,
}

impl Offers {
    /// Asks the plugin for everything that it exports.
    pub(super) async fn of(guest: &Arc<Guest>, prefix: &str) -> Result<Self, LoadError> {
        let (resources, templates) =
            if guest.exports.has_resources() { catalogue(guest).await? } else { Default::default() };
        Ok(Self {
            tools: tools(guest, prefix).await?,
            resources,
            templates,
            prompts: if guest.exports.has_prompts() { prompts(guest, prefix).await? } else { Default::default() },
            skills: if guest.exports.has_skills() { skills(guest).await? } else { Default::default() },
        })
    }
}

impl LoadedTemplate {
    fn load(template: Template) -> Result<Self, String> {
        let uris = uris_of(&template.uri_template)?;
        Ok(Self { template, uris })
    }

    /// Whether it makes this URI.
    pub fn makes(&self, uri: &str) -> bool {
        self.uris.is_match(uri)
    }
}

/// What has an argument to be completed.
pub enum Completed<'a> {
    /// A prompt.
    Prompt(&'a LoadedPrompt),
    /// A template.
    Template(&'a LoadedTemplate),
}

impl Completed<'_> {
    /// Whether the plugin said that it knows suggestions for the argument.
    pub(super) fn completes(&self, argument: &str) -> bool {
        match self {
            Self::Prompt(LoadedPrompt { prompt, .. }) => {
                prompt.arguments.iter().any(|known| known.name == argument && known.completes)
            }
            Self::Template(LoadedTemplate { template, .. }) => template.completes.iter().any(|known| known == argument),
        }
    }
}

impl LoadedPrompt {
    /// The arguments as text, if they are those of the prompt.
    pub(super) fn check_arguments(&self, arguments: JsonObject) -> Result<Vec<(String, String)>, Error> {
        let Prompt { name: prompt, arguments: known, .. } = &self.prompt;
        let wrong = |why: String| {
            let names: Vec<_> = known.iter().map(|argument| argument.name.as_str()).collect();
            let next = match names.as_slice() {
                [] => format!("`{prompt}` takes no arguments."),
                names => format!("`{prompt}` takes: {}.", names.join(", ")),
            };
            Error::new(Kind::InvalidArguments, format!("The arguments do not fit: {why}.")).next(next)
        };
        if let Some(missing) = known.iter().find(|known| known.required && !arguments.contains_key(&known.name)) {
            return Err(wrong(format!("`{}` is missing", missing.name)));
        }
        let text = |(name, value): (String, Value)| match value {
            _ if !known.iter().any(|known| known.name == name) => Err(wrong("there is one too many".to_owned())),
            Value::String(text) => Ok((name, text)),
            _ => Err(wrong(format!("`{name}` is not text"))),
        };
        arguments.into_iter().map(text).collect()
    }
}

async fn tools(guest: &Arc<Guest>, prefix: &str) -> Result<Vec<LoadedTool>, LoadError> {
    let described = guest.visit(Call::of(()), nobody(), DESCRIBE_TIME, |visited, store| {
        Box::pin(async move { visited.tools(&mut *store)?.call_describe(store).await })
    });
    each(described.await.0, "tool", |tool: &tools::Tool| tool.name.clone(), |tool| LoadedTool::load(tool, prefix))
}

async fn prompts(guest: &Arc<Guest>, prefix: &str) -> Result<Vec<LoadedPrompt>, LoadError> {
    let described = guest.visit(Call::of(()), nobody(), DESCRIBE_TIME, |visited, store| {
        Box::pin(async move {
            let Some(prompts) = visited.prompts(store)? else { return Ok(Ok(Vec::new())) };
            prompts.call_describe(store).await
        })
    });
    let load = |prompt: prompts::Prompt| {
        let own_name = prompt.name.clone();
        let name = full_name(prefix, &own_name)?;
        let prompt = output::prompt(prompt, name).map_err(|error| error.message)?;
        Ok(LoadedPrompt { prompt, own_name })
    };
    each(described.await.0, "prompt", |prompt: &prompts::Prompt| prompt.name.clone(), load)
}

async fn catalogue(guest: &Arc<Guest>) -> Result<(Vec<Resource>, Vec<LoadedTemplate>), LoadError> {
    let described = guest.visit(Call::of(()), nobody(), DESCRIBE_TIME, |visited, store| {
        Box::pin(async move {
            let nothing = resources::Catalogue { resources: Vec::new(), templates: Vec::new() };
            let Some(resources) = visited.resources(store)? else { return Ok(Ok(nothing)) };
            resources.call_describe(store).await
        })
    });
    let (resources, templates) = match described.await.0 {
        Ok(Outcome::Done(resources::Catalogue { resources, templates })) => {
            (Ok(Outcome::Done(resources)), Ok(Outcome::Done(templates)))
        }
        Ok(Outcome::Asked) => (Ok(Outcome::Asked), Ok(Outcome::Done(Vec::new()))),
        Err(error) => return Err(LoadError::Undescribed("resource", error)),
    };
    let resource = |resource: resources::Resource| {
        check_uri(&resource.uri)?;
        output::resource(resource).map_err(|error| error.message)
    };
    let template = |template: resources::Template| {
        LoadedTemplate::load(output::template(template).map_err(|error| error.message)?)
    };
    Ok((
        each(resources, "resource", |resource: &resources::Resource| resource.uri.clone(), resource)?,
        each(templates, "template", |template: &resources::Template| template.uri_template.clone(), template)?,
    ))
}

async fn skills(guest: &Arc<Guest>) -> Result<Vec<Skill>, LoadError> {
    let described = guest.visit(Call::of(()), nobody(), DESCRIBE_TIME, |visited, store| {
        Box::pin(async move {
            let Some(skills) = visited.skills(store)? else { return Ok(Ok(Vec::new())) };
            skills.call_describe(store).await
        })
    });
    each(described.await.0, "skill", |skill: &skills::Skill| skill.path.clone(), output::skill)
}

/// Loads what was described of one kind, if no two have the same name.
fn each<G, T>(
    described: Result<Outcome<Vec<G>>, Error>,
    kind: &'static str,
    name: impl Fn(&G) -> String,
    load: impl Fn(G) -> Result<T, String>,
) -> Result<Vec<T>, LoadError> {
    let refused = |message: String| LoadError::Undescribed(kind, Error::new(Kind::OverLimit, message));
    let described = match described {
        Ok(Outcome::Done(described)) => described,
        Ok(Outcome::Asked) => return Err(refused("it asks a client, and there is none".to_owned())),
        Err(error) => return Err(LoadError::Undescribed(kind, error)),
    };
    if described.len() > OFFERS_MAX {
        return Err(refused(format!("there are more than {OFFERS_MAX}")));
    }
    let mut names = BTreeSet::new();
    let loaded = described.into_iter().map(|guest| {
        let name = name(&guest);
        let refused = |why| LoadError::Offer(kind, name.escape_debug().to_string(), why);
        if !names.insert(name.clone()) {
            return Err(refused(format!("two {kind}s have this name")));
        }
        load(guest).map_err(refused)
    });
    loaded.collect()
}

/// The name that agents use: the prefix, two underscores, and the name within the plugin.
pub(super) fn full_name(prefix: &str, own_name: &str) -> Result<String, String> {
    if own_name.is_empty() || !own_name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte)) {
        return Err("a name is made of A-Z a-z 0-9 _ -".to_owned());
    }
    let name = if prefix.is_empty() { own_name.to_owned() } else { format!("{prefix}__{own_name}") };
    if name.len() > NAME_BYTES_MAX {
        return Err(format!("its full name `{name}` is longer than {NAME_BYTES_MAX}; set a shorter `prefix`"));
    }
    Ok(name)
}

/// A URI that no skill can have.
fn check_uri(uri: &str) -> Result<(), String> {
    let scheme = uri.split_once(':').map(|(scheme, _)| scheme).filter(|scheme| {
        scheme.starts_with(|first: char| first.is_ascii_alphabetic())
            && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
    });
    match scheme {
        None => Err("it is no URI: those begin with a scheme, such as `docs:`".to_owned()),
        Some("skill") => Err("a URI that begins with `skill:` is a skill's".to_owned()),
        Some(_) if uri.chars().any(|c| c.is_control() || c.is_whitespace()) => {
            Err("a URI has no spaces and no control characters".to_owned())
        }
        Some(_) => Ok(()),
    }
}

/// What the URIs of a template look like: a variable stands for characters other than `/`.
fn uris_of(template: &str) -> Result<Regex, String> {
    check_uri(&template.replace(['{', '}'], ""))?;
    let mut pattern = String::from("^");
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        let (variable, after) = after.split_once('}').ok_or("a `{` has no `}`")?;
        if variable.is_empty() || !variable.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            return Err(format!("`{{{variable}}}` is no variable of level 1: those are made of A-Z a-z 0-9 _"));
        }
        pattern += &regex::escape(before);
        pattern += "[^/]+";
        rest = after;
    }
    pattern += &regex::escape(rest);
    pattern.push('$');
    Regex::new(&pattern).map_err(|_| "it is too long".to_owned())
}

/// The policy of a description: it is made for all callers, so for none of them is a grant used.
fn nobody() -> Arc<Policy> {
    Arc::new(Policy::nothing())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_makes_the_uris_that_fit_it() {
        let uris = uris_of("tickets://{customer}/{id}.json").expect("is right");
        assert!(uris.is_match("tickets://acme/7.json") && uris.is_match("tickets://a%2Fb/7.json"));
        for other in ["tickets://acme/7xjson", "tickets:///7.json", "tickets://a/b/7.json", "xtickets://acme/7.json"] {
            assert!(!uris.is_match(other), "{other}");
        }
        for wrong in ["tickets://{id", "tickets://{+id}", "tickets://{}", "{id}", "skill://{id}"] {
            assert!(uris_of(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_uri_has_a_scheme_that_is_not_that_of_skills() {
        assert_eq!(check_uri("test://static-text"), Ok(()));
        for wrong in ["static-text", "skill://forms/SKILL.md", "docs: a", "1x:y", ":x"] {
            assert!(check_uri(wrong).is_err(), "{wrong}");
        }
    }
}
