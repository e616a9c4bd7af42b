//! How a question is weighed. What is the same whatever its context is, is settled once: the few entities
//! that it is about are made, and the policies that may have to do with it are asked. What is left of them
//! is weighed each time, in a context of what is looked at by what is left.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use cedar_policy::{
    AuthorizationError, Authorizer, Context, Decision as Said, Entities, Entity, EntityId, EntityTypeName, EntityUid,
    PolicyId, Request as Question, Response, RestrictedExpression,
};
use chrono::{DateTime, SecondsFormat, Utc};

use super::looks::{Halves, Looks};
use super::memo::{Asked, Memo};
use super::schema::{PROMPT, READ, USE, groups};
use super::settled::{Conditions, Left, Settled, why};
use super::shape::{self, Shapes, Unsaid};
use super::shards::Shards;
use super::text::{Statement, Written};
use super::{Action, Decision, Failure, Found, Member, Request, Usage, World};
use crate::call::{Caller, Facts, JsonObject};

/// The stack of a question, in bytes. It costs what is touched of it, some pages; Cedar wants 100 KiB left at
/// the end of each policy.
const STACK_BYTES: usize = 4 << 20;

/// Policies, ready to be asked.
pub(super) struct Rules {
    authorizer: Authorizer,
    types: Types,
    memo: Memo,
    /// What looks at nothing of the context.
    closed: Shards,
    /// Whom and what all others are about, as permits without conditions.
    scopes: Shards,
    /// The conditions of these others.
    conditions: HashMap<PolicyId, Arc<Conditions>>,
    /// What these others permit where nothing is known of the context.
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

/// What is asked: may this caller do that to this?
#[derive(Clone, Copy)]
struct Subject<'a> {
    asked: Asked<'a>,
    known: &'a Known,
}

/// A question in Cedar's words, of whose context nothing is known.
struct Posed<'a> {
    subject: Subject<'a>,
    principal: EntityUid,
    entities: Entities,
    question: Question,
}

impl Rules {
    /// Makes policies ready for a world; the error is Cedar's.
    pub(super) fn new(written: &Written, world: &World) -> Result<Self, String> {
        let types = Types::new(world)?;
        let mut rules = Self {
            authorizer: Authorizer::new(),
            memo: Memo::default(),
            closed: Shards::default(),
            scopes: Shards::default(),
            conditions: HashMap::new(),
            regardless: Shards::default(),
            tools: HashMap::new(),
            plugins: HashMap::new(),
            uses: HashMap::new(),
            types,
        };
        for (place, policy) in written.policies.iter().enumerate() {
            rules.add(place, policy)?;
        }
        for (name, member) in &world.plugins {
            rules.learn(name, member)?;
        }
        for (capability, action) in &world.uses {
            let known = rules.types.known(&format!("{capability}.{action}"), &[USE], None)?;
            rules.uses.insert((capability, action), known);
        }
        Ok(rules)
    }

    fn add(&mut self, place: usize, statement: &Statement) -> Result<(), String> {
        let Statement { cedar, regardless, halves, .. } = statement;
        let Some(Halves { scope, conditions, looks }) = halves else { return self.closed.add(cedar) };
        let (policy, effect) = (cedar.id().clone(), cedar.effect());
        let (expression, looks) = (conditions.clone(), looks.clone());
        self.conditions.insert(policy.clone(), Arc::new(Conditions { policy, place, effect, expression, looks }));
        if let Some(permit) = regardless {
            self.regardless.add(permit)?;
        }
        self.scopes.add(scope)
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
        let Some(subject) = self.subject(caller, plugin, action) else { return Decision::default() };
        let settled = self.memo.find(subject.asked);
        let whole = settled.as_deref().and_then(Settled::decision);
        whole.unwrap_or_else(|| {
            self.weigh(subject, settled, |looks| self.context_of_call(looks, action, arguments, now))
        })
    }

    /// A policy that fails when it is weighed hides nothing: whoever calls is told of it.
    ///
    /// What it comes to is not kept: lists are, by whoever makes them, and would push out what is called.
    pub(super) fn may_see(&self, caller: &Caller, plugin: &str, action: Action<'_>) -> bool {
        let Some(subject) = self.subject(caller, plugin, action) else { return false };
        if let Some(settled) = self.memo.find(subject.asked) {
            return settled.seen;
        }
        self.pose(subject).is_ok_and(|posed| self.sees(&posed, &self.find(&self.closed, &posed)))
    }

    pub(super) fn may_use(&self, usage: Usage<'_>) -> Decision {
        let Usage { caller, capability, grant, action, .. } = usage;
        let of = self.types.capabilities.get(capability);
        let (Some(of), Some(known)) = (of, self.uses.get(&(capability, action))) else { return Decision::default() };
        let resource = &entity(of, grant);
        let subject = Subject { asked: Asked { caller, action: &known.action, resource }, known };
        let settled = self.memo.find(subject.asked);
        let whole = settled.as_deref().and_then(Settled::decision);
        // It is asked on the stack of a plugin's fiber. Cedar measures what is left of the thread's own,
        // finds nothing, and gives up. A stack costs some microseconds: Cedar has it where it is asked.
        whole.unwrap_or_else(|| {
            stacker::grow(STACK_BYTES, || self.weigh(subject, settled, |looks| context_of_use(looks, usage)))
        })
    }

    fn subject<'a>(&'a self, caller: &'a Caller, plugin: &str, action: Action<'_>) -> Option<Subject<'a>> {
        let Plugin { uid, read, prompt } = self.plugins.get(plugin)?;
        let known = match action {
            Action::Call(name) => &self.tools.get(name).filter(|tool| tool.plugin == plugin)?.call,
            Action::Read(_) => read,
            Action::Prompt(_) => prompt,
        };
        Some(Subject { asked: Asked { caller, action: &known.action, resource: uid }, known })
    }

    /// The answer to a question, of which this much is settled.
    fn weigh(
        &self,
        subject: Subject<'_>,
        settled: Option<Arc<Settled>>,
        context: impl FnOnce(&Looks) -> Result<Context, &'static str>,
    ) -> Decision {
        let settled = settled.map_or_else(|| self.settle(subject), Ok);
        settled.map_or_else(Decision::failed, |settled| settled.weigh(context))
    }

    /// What is the same for this question in every context; or why it cannot be asked.
    fn settle(&self, subject: Subject<'_>) -> Result<Arc<Settled>, &'static str> {
        let posed = self.pose(subject)?;
        let mut found = self.find(&self.closed, &posed);
        let (mut policies, mut looks) = (Vec::new(), Looks::default());
        for response in self.responses(&self.scopes, &posed) {
            for policy in response.diagnostics().reason() {
                let conditions = self.conditions.get(policy).ok_or("a policy has no conditions")?;
                looks.add(&conditions.looks);
                policies.push(Arc::clone(conditions));
            }
            found.failures.extend(response.diagnostics().errors().map(failure));
        }
        policies.sort_by_key(|policy| policy.place);
        // One that names an action and a group of it is found under both.
        policies.dedup_by_key(|policy| policy.place);
        let seen = self.sees(&posed, &found);
        // Whatever fails may have failed for want of stack, which is another one each time.
        let lasts = found.failures.is_empty();
        let settled = if policies.is_empty() {
            Settled::whole(seen, found)
        } else {
            let Posed { principal, entities, .. } = posed;
            let (action, resource) = (subject.asked.action.clone(), subject.asked.resource.clone());
            Settled::open(seen, found, Left { principal, action, resource, entities, looks, policies })
        };
        let settled = Arc::new(settled);
        if lasts {
            self.memo.keep(subject.asked, &settled);
        }
        Ok(settled)
    }

    /// Whether there is a context in which it might be allowed, with what policies say that look at none.
    fn sees(&self, posed: &Posed<'_>, found: &Found) -> bool {
        found.forbids.is_empty()
            && (!found.permits.is_empty() || !self.find(&self.regardless, posed).permits.is_empty())
    }

    /// A question in Cedar's words; or why it cannot be said in them.
    fn pose<'a>(&self, subject: Subject<'a>) -> Result<Posed<'a>, &'static str> {
        let Asked { caller, action, resource } = subject.asked;
        let principal = entity(&self.types.caller, &caller.name);
        let about = self.types.caller(caller, principal.clone()).ok_or("the caller cannot be said in Cedar")?;
        let entities = subject.known.entities.clone().add_entities([about], None);
        let question = Question::new(principal.clone(), action.clone(), resource.clone(), Context::empty(), None);
        match (entities, question) {
            (Ok(entities), Ok(question)) => Ok(Posed { subject, principal, entities, question }),
            _ => Err("the question cannot be said in Cedar"),
        }
    }

    /// What those of some policies say that may have to do with a question.
    fn responses<'a>(&'a self, shards: &'a Shards, posed: &'a Posed<'_>) -> impl Iterator<Item = Response> + 'a {
        let Subject { asked: Asked { action, resource, .. }, known } = posed.subject;
        let sets = shards.about(action, &known.groups, resource);
        sets.map(|set| self.authorizer.is_authorized(&posed.question, set, &posed.entities))
    }

    /// The policies that apply.
    fn find(&self, shards: &Shards, posed: &Posed<'_>) -> Found {
        let mut found = Found::default();
        for response in self.responses(shards, posed) {
            let deciding = match response.decision() {
                Said::Allow => &mut found.permits,
                Said::Deny => &mut found.forbids,
            };
            deciding.extend(response.diagnostics().reason().map(ToString::to_string));
            found.failures.extend(response.diagnostics().errors().map(failure));
        }
        found
    }

    /// What is known of a call, as far as it is looked at.
    fn context_of_call(
        &self,
        looks: &Looks,
        action: Action<'_>,
        arguments: Option<&JsonObject>,
        now: SystemTime,
    ) -> Result<Context, &'static str> {
        let mut pairs = Vec::new();
        match action {
            Action::Call(name) if looks.at("input") => {
                let none = JsonObject::new();
                let (inputs, given) = (self.tools.get(name).map(|tool| &tool.inputs), arguments.unwrap_or(&none));
                let nothing = Shapes::new();
                let said = shape::said(inputs.unwrap_or(&nothing), given, |name| looks.at_input(name));
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
        pairs.extend(said_of(now, looks));
        Context::from_pairs(pairs).map_err(|_| UNSAID)
    }
}

/// What is known of a use, as far as it is looked at.
fn context_of_use(looks: &Looks, usage: Usage<'_>) -> Result<Context, &'static str> {
    let Usage { plugin, tool, facts: Facts { class, tables }, now, .. } = usage;
    let mut pairs = Vec::new();
    let mut add = |key: &str, value: &dyn Fn() -> RestrictedExpression| {
        if looks.at(key) {
            pairs.push((key.to_owned(), value()));
        }
    };
    add("class", &|| text(class.unwrap_or("none")));
    add("plugin", &|| text(plugin));
    add("tables", &|| RestrictedExpression::new_set(tables.iter().map(|table| text(table))));
    if let Some(tool) = tool {
        add("tool", &|| text(tool));
    }
    pairs.extend(said_of(now, looks));
    Context::from_pairs(pairs).map_err(|_| UNSAID)
}

/// The time, if it is looked at.
fn said_of(now: SystemTime, looks: &Looks) -> Option<(String, RestrictedExpression)> {
    looks.at("now").then(|| {
        // A clock that stands before 1970 is none.
        let now = DateTime::<Utc>::from(now.max(UNIX_EPOCH)).to_rfc3339_opts(SecondsFormat::Millis, true);
        ("now".to_owned(), RestrictedExpression::new_datetime(now))
    })
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

/// What went wrong.
fn failure(error: &AuthorizationError) -> Failure {
    let AuthorizationError::PolicyEvaluationError(error) = error;
    Failure { policy: error.policy_id().to_string(), why: why(error.inner()) }
}
