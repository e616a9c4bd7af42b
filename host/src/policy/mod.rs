//! Who may do what: a pure question, asked before each call and each use of a grant.
//!
//! The answer is Cedar's. The operator writes policies in one file ([`Source`]); they are held
//! against a schema that is made of what is there to be spoken of ([`World`]: plugins with their
//! tools, grants, and what can be done with them), so that a mistyped name is an error with its
//! line, and not a policy that never applies.
//!
//! Nothing is allowed that no policy permits; a policy that forbids beats all that permit; and if
//! one of them fails while it is weighed, the answer is no, and names it.
//!
//! It does no input or output and keeps no state but its rules, and what followed from them for who
//! asked last: the time of day comes with the question. `world` says what there is, `schema` says it in
//! Cedar's words, `text` reads what the operator wrote, `looks` tells what of a call's context it looks
//! at, `shape` turns arguments into Cedar's values, `shards` finds the policies that have to do with a
//! question, `rules` weighs it, `settled` is what is the same each time, and `memo` keeps that.

mod looks;
mod memo;
mod rules;
mod schema;
mod settled;
mod shape;
mod shards;
mod text;
mod world;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::SystemTime;

use self::rules::Rules;
use self::text::Written;
pub use self::text::{Refused, Source};
pub use self::world::{Member, Toolbox, World};
use crate::call::{Caller, Facts, JsonObject};

/// What the operator allows.
#[derive(Clone)]
pub struct Policy(Arc<Verdicts>);

/// Where answers come from.
enum Verdicts {
    /// One answer to everything.
    Always(bool),
    /// Policies.
    Weighed(Box<Weighed>),
}

/// Policies, and what they speak of.
struct Weighed {
    source: Source,
    world: Arc<World>,
    written: Written,
    rules: Rules,
    /// Whether all that they speak of is there; and what may not be meant.
    checked: Option<Vec<String>>,
}

impl Default for Policy {
    fn default() -> Self {
        Self::nothing()
    }
}

/// What a caller asks of a plugin.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// Who asks.
    pub caller: &'a Caller,
    /// Whose offer it is.
    pub plugin: &'a str,
    /// What is to be done with which offer.
    pub action: Action<'a>,
    /// The arguments, where there are any.
    pub arguments: Option<&'a JsonObject>,
    /// When.
    pub now: SystemTime,
}

/// What a caller may do with a plugin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action<'a> {
    /// Call the tool of that full name.
    Call(&'a str),
    /// Read a resource.
    Read(&'a str),
    /// Have a prompt written, or an argument of one completed.
    Prompt(&'a str),
}

/// What a plugin asks of a grant in the middle of a call.
#[derive(Debug, Clone, Copy)]
pub struct Usage<'a> {
    /// Who called.
    pub caller: &'a Caller,
    /// Who asks.
    pub plugin: &'a str,
    /// The full name of the tool that was called; none if it was something else.
    pub tool: Option<&'a str>,
    /// The capability's name.
    pub capability: &'a str,
    /// The grant's name, without that of the capability.
    pub grant: &'a str,
    /// What is to be done, such as `query`.
    pub action: &'a str,
    /// What it is of.
    pub facts: &'a Facts,
    /// When.
    pub now: SystemTime,
}

/// What the policy says to a question.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Decision {
    /// Whether it is allowed.
    pub allowed: bool,
    /// The policies that decided, by id.
    pub policies: Vec<String>,
    /// What went wrong with which policy while it was weighed, for the operator; no value is in it.
    /// With one of these nothing is allowed.
    pub failures: Vec<String>,
}

impl Policy {
    /// Nobody may do anything.
    pub fn nothing() -> Self {
        Self(Arc::new(Verdicts::Always(false)))
    }

    /// Everybody may do everything: for an author's own tests.
    pub fn everything() -> Self {
        Self(Arc::new(Verdicts::Always(true)))
    }

    /// What the operator wrote about a world.
    ///
    /// # Errors
    ///
    /// Every place where the text is no policy, or speaks of what is not there.
    pub fn read(source: &Source, world: &Arc<World>) -> Result<Self, Refused> {
        let written = Written::read(source)?;
        let warnings = written.check(source, world)?;
        Self::weighing(source.clone(), written, Arc::clone(world), Some(warnings))
            .map_err(|why| Refused::whole(source, &why))
    }

    /// The same policies in another world, whether they fit it or not: for a text that was good once.
    /// What it says of things that are gone applies to nothing.
    #[must_use]
    pub fn within(&self, world: &Arc<World>) -> Self {
        let Some(Weighed { source, written, .. }) = self.weighed() else { return self.clone() };
        let policy = Self::weighing(source.clone(), written.clone(), Arc::clone(world), None);
        // Cedar took all parts of it before.
        policy.unwrap_or_default()
    }

    fn weighing(
        source: Source,
        written: Written,
        world: Arc<World>,
        checked: Option<Vec<String>>,
    ) -> Result<Self, String> {
        let rules = Rules::new(&written, &world)?;
        Ok(Self(Arc::new(Verdicts::Weighed(Box::new(Weighed { source, world, written, rules, checked })))))
    }

    /// Whether it was read of this text and fits this world.
    pub fn is_of(&self, source: &Source, world: &World) -> bool {
        let is = |weighed: &Weighed| weighed.source == *source && *weighed.world == *world;
        self.weighed().is_some_and(|weighed| weighed.checked.is_some() && is(weighed))
    }

    /// Whether callers see as much of the same offers under both: the text is the same, and so is whom
    /// each plugin is for.
    pub fn shows_as(&self, other: &Self) -> bool {
        let (Some(one), Some(two)) = (self.weighed(), other.weighed()) else { return self.is_same(other) };
        let groups = |name: &str| two.world.plugins.get(name).map(|member| &member.groups);
        let is_for_the_same = |(name, member): (&String, &Member)| groups(name).is_none_or(|of| *of == member.groups);
        one.source == two.source && one.world.plugins.iter().all(is_for_the_same)
    }

    /// Whether both are the very same.
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Whether a caller may do this.
    pub fn may_call(&self, request: Request<'_>) -> Decision {
        match &*self.0 {
            Verdicts::Always(allowed) => Decision { allowed: *allowed, ..Decision::default() },
            Verdicts::Weighed(weighed) => weighed.rules.may_call(request),
        }
    }

    /// Whether a call may use a grant like this.
    pub fn may_use(&self, usage: Usage<'_>) -> Decision {
        match &*self.0 {
            Verdicts::Always(allowed) => Decision { allowed: *allowed, ..Decision::default() },
            Verdicts::Weighed(weighed) => weighed.rules.may_use(usage),
        }
    }

    /// Whether a caller might do this with some arguments at some time: what it may not, it does
    /// not see. `Read` and `Prompt` are the same for all resources and prompts of a plugin.
    pub fn may_see(&self, caller: &Caller, plugin: &str, action: Action<'_>) -> bool {
        match &*self.0 {
            Verdicts::Always(allowed) => *allowed,
            Verdicts::Weighed(weighed) => weighed.rules.may_see(caller, plugin, action),
        }
    }

    /// What its text is called; empty if there is none.
    pub fn name(&self) -> &str {
        self.weighed().map_or("", |weighed| weighed.source.name())
    }

    /// How many policies there are.
    pub fn count(&self) -> usize {
        self.weighed().map_or(0, |weighed| weighed.written.policies.len())
    }

    /// What an operator should know of policies that fit, though they may not mean what they say.
    pub fn warnings(&self) -> &[String] {
        self.weighed().and_then(|weighed| weighed.checked.as_deref()).unwrap_or_default()
    }

    /// Where a policy stands: `policy.cedar:3:1`.
    pub fn place(&self, id: &str) -> Option<String> {
        let weighed = self.weighed()?;
        let policy = weighed.written.policies.iter().find(|policy| policy.id == id)?;
        Some(weighed.source.place(policy.offset))
    }

    /// What there is to be spoken of.
    pub fn world(&self) -> Option<&World> {
        self.weighed().map(|weighed| &*weighed.world)
    }

    fn weighed(&self) -> Option<&Weighed> {
        match &*self.0 {
            Verdicts::Always(_) => None,
            Verdicts::Weighed(weighed) => Some(weighed),
        }
    }
}

impl std::fmt::Debug for Policy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Policy").field("count", &self.count()).finish_non_exhaustive()
    }
}

impl Decision {
    /// A question that cannot be asked, whatever the policies are.
    fn failed(why: &str) -> Self {
        Self { allowed: false, policies: Vec::new(), failures: vec![why.to_owned()] }
    }

    fn of(found: Found) -> Self {
        let Found { permits, forbids, failures } = found;
        let allowed = failures.is_empty() && forbids.is_empty() && !permits.is_empty();
        let deciding = if allowed { permits } else { forbids };
        let failed = failures.iter().map(|failure| failure.policy.clone());
        let policies: BTreeSet<String> = deciding.into_iter().chain(failed).collect();
        let failures = failures.into_iter().map(|Failure { policy, why }| format!("`{policy}`: {why}")).collect();
        Self { allowed, policies: policies.into_iter().collect(), failures }
    }
}

/// The policies that apply to a question, by id.
#[derive(Clone, Default)]
struct Found {
    permits: BTreeSet<String>,
    forbids: BTreeSet<String>,
    failures: Vec<Failure>,
}

/// Why a policy could not be weighed.
#[derive(Clone)]
struct Failure {
    policy: String,
    why: &'static str,
}
