//! How a question is weighed: the few entities that it is about are made, and of its context what
//! some policy looks at; the policies that may have to do with it are asked.

use std::collections::HashMap;
use std::time::{SystemTime, UNIX_EPOCH};

use cedar_policy::{
    AuthorizationError, Authorizer, Context, Decision as Said, Entities, Entity, EntityId, EntityTypeName, EntityUid,
    EvaluationError, Request as Question, RestrictedExpression,
};
use chrono::{DateTime, SecondsFormat, Utc};

use super::looks::Looks;
use super::schema::{PROMPT, READ, USE, groups};
use super::shape::{self, Shapes, Unsaid};
use super::shards::Shards;
use super::text::Written;
use super::{Action, Decision, Failure, Found, Member, Request, Usage, World};
use crate::call::{Caller, Facts, JsonObject};

/// The stack of a question, in bytes. It costs what is touched of it, some pages; Cedar wants 100 KiB left at
/// the end of each policy.
const STACK_BYTES: usize = 4 << 20;

/// Policies, ready to be asked.
pub(super) struct Rules {
    authorizer: Authorizer,
    types: Types,
    looks: Looks,
    /// What decides.
    shards: Shards,
    /// What decides where nothing is known of the context.
    regardless: Shards,
    tools: HashMap<String, Tool>,
    plugins: HashMap<String, Plugin>,
    uses: HashMap<(&'static str, &'static str), Known>,
}

/// The types of entities.
struct Types {
    action: EntityTypeName,
    caller: EntityTypeName,
    group: EntityTypeName,
    plugin: EntityTypeName,
    capabilities: HashMap<&'static str, EntityTypeName>,
}

/// A tool.
struct Tool {
    plugin: String,
    call: Known,
    inputs: Shapes,
}

/// A plugin, apart from its tools.
struct Plugin {
    uid: EntityUid,
    read: Known,
    prompt: Known,
}

/// An action, and what is known of it and what it is done to.
struct Known {
    action: EntityUid,
    groups: Vec<EntityUid>,
    entities: Entities,
}

/// What is asked: may this be done to that?
struct Subject<'a> {
    known: &'a Known,
    resource: &'a EntityUid,
}

impl Rules {
    /// Makes policies ready for a world; the error is Cedar's.
    pub(super) fn new(written: &Written, world: &World) -> Result<Self, String> {
        let types = Types::new(world)?;
        let (mut shards, mut regardless) = (Shards::default(), Shards::default());
        for policy in &written.policies {
            shards.add(&policy.cedar)?;
            if let Some(policy) = &policy.regardless {
                regardless.add(policy)?;
            }
        }
        let mut rules = Self {
            authorizer: Authorizer::new(),
            looks: written.looks.clone(),
            shards,
            regardless,
            tools: HashMap::new(),
            plugins: HashMap::new(),
            uses: HashMap::new(),
            types,
        };
        for (name, member) in &world.plugins {
            rules.learn(name, member)?;
        }
        for (capability, action) in &world.uses {
            let known = rules.types.known(&format!("{capability}.{action}"), &[USE], None)?;
            rules.uses.insert((capability, action), known);
        }
        Ok(rules)
    }

    fn learn(&mut self, name: &str, member: &Member) -> Result<(), String> {
        let plugin = self.types.plugin(name, member)?;
        for (tool, about) in member.tools.iter().flatten() {
            let call = self.types.known(tool, &groups(about.read_only), Some(&plugin))?;
            let inputs = shape::shapes(&about.input);
            self.tools.insert(tool.clone(), Tool { plugin: name.to_owned(), call, inputs });
        }
        let read = self.types.known(READ, &[], Some(&plugin))?;
        let prompt = self.types.known(PROMPT, &[], Some(&plugin))?;
        self.plugins.insert(name.to_owned(), Plugin { uid: plugin.uid(), read, prompt });
        Ok(())
    }

    pub(super) fn may_call(&self, request: Request<'_>) -> Decision {
        let Request { caller, plugin, action, arguments, now } = request;
        let Some(subject) = self.subject(plugin, action) else { return Decision::default() };
        match self.context_of_call(action, arguments, now) {
            Ok(context) => self.weigh(caller, subject, context),
            Err(why) => Decision::failed(why),
        }
    }

    /// A policy that fails when it is weighed hides nothing: whoever calls is told of it.
    pub(super) fn may_see(&self, caller: &Caller, plugin: &str, action: Action<'_>) -> bool {
        let Some(subject) = self.subject(plugin, action) else { return false };
        let found = self.find(&self.regardless, caller, subject, Context::empty());
        found.is_ok_and(|found| found.forbids.is_empty() && !found.permits.is_empty())
    }

    pub(super) fn may_use(&self, usage: Usage<'_>) -> Decision {
        let Usage { caller, capability, grant, action, .. } = usage;
        let of = self.types.capabilities.get(capability);
        let (Some(of), Some(known)) = (of, self.uses.get(&(capability, action))) else { return Decision::default() };
        let resource = &entity(of, grant);
        // It is asked on the stack of a plugin's fiber. Cedar measures what is left of the thread's own,
        // finds nothing, and gives up.
        stacker::grow(STACK_BYTES, || match self.context_of_use(usage) {
            Ok(context) => self.weigh(caller, Subject { known, resource }, context),
            Err(why) => Decision::failed(why),
        })
    }

    fn subject(&self, plugin: &str, action: Action<'_>) -> Option<Subject<'_>> {
        let Plugin { uid, read, prompt } = self.plugins.get(plugin)?;
        let known = match action {
            Action::Call(name) => &self.tools.get(name).filter(|tool| tool.plugin == plugin)?.call,
            Action::Read(_) => read,
            Action::Prompt(_) => prompt,
        };
        Some(Subject { known, resource: uid })
    }

    fn weigh(&self, caller: &Caller, subject: Subject<'_>, context: Context) -> Decision {
        self.find(&self.shards, caller, subject, context).map_or_else(Decision::failed, Decision::of)
    }

    /// The policies that apply; or why the question cannot be asked.
    fn find(
        &self,
        shards: &Shards,
        caller: &Caller,
        subject: Subject<'_>,
        context: Context,
    ) -> Result<Found, &'static str> {
        let Subject { known: Known { action, groups, entities }, resource } = subject;
        let principal = entity(&self.types.caller, &caller.name);
        let about = self.types.caller(caller, principal.clone()).ok_or("the caller cannot be said in Cedar")?;
        let (Ok(entities), Ok(question)) = (
            entities.clone().add_entities([about], None),
            Question::new(principal, action.clone(), resource.clone(), context, None),
        ) else {
            return Err("the question cannot be said in Cedar");
        };
        let mut found = Found::default();
        for set in shards.about(action, groups, resource) {
            let response = self.authorizer.is_authorized(&question, set, &entities);
            let deciding = match response.decision() {
                Said::Allow => &mut found.permits,
                Said::Deny => &mut found.forbids,
            };
            deciding.extend(response.diagnostics().reason().map(ToString::to_string));
            found.failures.extend(response.diagnostics().errors().map(failure));
        }
        Ok(found)
    }

    /// What is known of a call, as far as some policy looks at it.
    fn context_of_call(
        &self,
        action: Action<'_>,
        arguments: Option<&JsonObject>,
        now: SystemTime,
    ) -> Result<Context, &'static str> {
        if self.looks.at_nothing() {
            return Ok(Context::empty());
        }
        let mut pairs = Vec::new();
        match action {
            Action::Call(name) if self.looks.at("input") => {
                let none = JsonObject::new();
                let (inputs, given) = (self.tools.get(name).map(|tool| &tool.inputs), arguments.unwrap_or(&none));
                let nothing = Shapes::new();
                let said = shape::said(inputs.unwrap_or(&nothing), given, |name| self.looks.at_input(name));
                let said = said.map_err(|unsaid| match unsaid {
                    Unsaid::TooFine => "an argument is a number that is too large or too fine to be weighed",
                    Unsaid::Unfit => UNSAID,
                })?;
                pairs.push(("input".to_owned(), said));
            }
            Action::Call(_) => {}
            Action::Read(uri) => pairs.push(("uri".to_owned(), text(uri))),
            Action::Prompt(prompt) => pairs.push(("prompt".to_owned(), text(prompt))),
        }
        self.add_now(&mut pairs, now);
        Context::from_pairs(pairs).map_err(|_| UNSAID)
    }

    /// What is known of a use, as far as some policy looks at it.
    fn context_of_use(&self, usage: Usage<'_>) -> Result<Context, &'static str> {
        if self.looks.at_nothing() {
            return Ok(Context::empty());
        }
        let Usage { plugin, tool, facts: Facts { class, tables }, now, .. } = usage;
        let mut pairs = Vec::new();
        let mut add = |key: &str, value: &dyn Fn() -> RestrictedExpression| {
            if self.looks.at(key) {
                pairs.push((key.to_owned(), value()));
            }
        };
        add("class", &|| text(class.unwrap_or("none")));
        add("plugin", &|| text(plugin));
        add("tables", &|| RestrictedExpression::new_set(tables.iter().map(|table| text(table))));
        if let Some(tool) = tool {
            add("tool", &|| text(tool));
        }
        self.add_now(&mut pairs, now);
        Context::from_pairs(pairs).map_err(|_| UNSAID)
    }

    fn add_now(&self, pairs: &mut Vec<(String, RestrictedExpression)>, now: SystemTime) {
        if self.looks.at("now") {
            // A clock that stands before 1970 is none.
            let now = DateTime::<Utc>::from(now.max(UNIX_EPOCH)).to_rfc3339_opts(SecondsFormat::Millis, true);
            pairs.push(("now".to_owned(), RestrictedExpression::new_datetime(now)));
        }
    }
}

impl Types {
    fn new(world: &World) -> Result<Self, String> {
        let named = |name: &str| name.parse::<EntityTypeName>().map_err(|error| error.to_string());
        let capabilities = world.capabilities().into_iter().map(|capability| Ok((capability, named(capability)?)));
        Ok(Self {
            action: named("Action")?,
            caller: named("Caller")?,
            group: named("Group")?,
            plugin: named("Plugin")?,
            capabilities: capabilities.collect::<Result<_, String>>()?,
        })
    }

    /// What policies can say of a caller.
    fn caller(&self, caller: &Caller, uid: EntityUid) -> Option<Entity> {
        let name = [("name".to_owned(), text(&caller.name))];
        let groups = caller.groups.iter().map(|group| entity(&self.group, group));
        let tags = caller.attributes.iter().map(|(key, values)| {
            let values = values.iter().map(|value| text(value));
            (key.clone(), RestrictedExpression::new_set(values))
        });
        Entity::new_with_tags(uid, name, groups, tags).ok()
    }

    /// What policies can say of a plugin.
    fn plugin(&self, name: &str, member: &Member) -> Result<Entity, String> {
        let groups = member.groups.iter().map(|group| RestrictedExpression::new_entity_uid(entity(&self.group, group)));
        let groups = [("groups".to_owned(), RestrictedExpression::new_set(groups))];
        Entity::new_with_tags(entity(&self.plugin, name), groups, [], []).map_err(|error| error.to_string())
    }

    /// An action in its groups, and what is known of the thing that it is done to.
    fn known(&self, action: &str, groups: &[&str], resource: Option<&Entity>) -> Result<Known, String> {
        let action = entity(&self.action, action);
        let groups: Vec<EntityUid> = groups.iter().map(|group| entity(&self.action, group)).collect();
        let about = Entity::new_no_attrs(action.clone(), groups.iter().cloned().collect());
        let entities = Entities::from_entities(std::iter::once(about).chain(resource.cloned()), None);
        Ok(Known { action, groups, entities: entities.map_err(|error| error.to_string())? })
    }
}

/// Of a context that Cedar does not take, though each of its values has a type there.
const UNSAID: &str = "the context cannot be said in Cedar";

fn entity(of: &EntityTypeName, name: &str) -> EntityUid {
    EntityUid::from_type_name_and_id(of.clone(), EntityId::new(name))
}

fn text(text: &str) -> RestrictedExpression {
    RestrictedExpression::new_string(text.to_owned())
}

/// What went wrong, without the values that it went wrong with.
fn failure(error: &AuthorizationError) -> Failure {
    let AuthorizationError::PolicyEvaluationError(error) = error;
    let why = match error.inner() {
        EvaluationError::IntegerOverflow(_) => "a number is larger than Cedar counts",
        EvaluationError::TypeError(_) => "a value is of another type than it expects",
        EvaluationError::EntityDoesNotExist(_) => "it looks into something that is not there",
        EvaluationError::EntityAttrDoesNotExist(_) | EvaluationError::RecordAttrDoesNotExist(_) => {
            "it looks at an attribute that is not there: ask for it with `has` first"
        }
        EvaluationError::FailedExtensionFunctionExecution(_) => "a function of it failed: a text may be no such value",
        _ => "it cannot be weighed",
    };
    Failure { policy: error.policy_id().to_string(), why }
}
