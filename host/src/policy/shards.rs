//! Policies under what they name.
//!
//! A policy names the actions that it is about one by one, by group, or not at all, and its
//! resource in the same way. It is put under what it names; a question goes to the policies under
//! its own action, under the groups of that, and under none. What a thousand other tools are
//! allowed costs it nothing.

use std::collections::HashMap;

use cedar_policy::{ActionConstraint, EntityUid, Policy, PolicySet, ResourceConstraint};

/// Policies by the action that they name.
#[derive(Default)]
pub(super) struct Shards {
    named: HashMap<EntityUid, Shard>,
    any: Shard,
}

/// Policies by the resource that they name.
#[derive(Default)]
struct Shard {
    named: HashMap<EntityUid, PolicySet>,
    any: PolicySet,
}

impl Shards {
    /// Puts a policy where questions find it.
    pub(super) fn add(&mut self, policy: &Policy) -> Result<(), String> {
        let actions = match policy.action_constraint() {
            ActionConstraint::Any => return self.any.add(policy),
            ActionConstraint::Eq(action) => vec![action],
            ActionConstraint::In(actions) => actions,
        };
        for action in actions {
            self.named.entry(action).or_default().add(policy)?;
        }
        Ok(())
    }

    /// The policies that may have to do with an action, the groups that it is in, and a resource.
    pub(super) fn about<'a>(
        &'a self,
        action: &'a EntityUid,
        groups: &'a [EntityUid],
        resource: &'a EntityUid,
    ) -> impl Iterator<Item = &'a PolicySet> {
        let named = std::iter::once(action).chain(groups).filter_map(|action| self.named.get(action));
        named.chain(std::iter::once(&self.any)).flat_map(|shard| shard.about(resource))
    }
}

impl Shard {
    fn add(&mut self, policy: &Policy) -> Result<(), String> {
        let set = match policy.resource_constraint() {
            ResourceConstraint::Eq(resource) => self.named.entry(resource).or_default(),
            // Nothing is in a resource, but some day something may be.
            ResourceConstraint::Any
            | ResourceConstraint::In(_)
            | ResourceConstraint::Is(_)
            | ResourceConstraint::IsIn(..) => &mut self.any,
        };
        // A policy may name an action twice.
        if set.policy(policy.id()).is_some() {
            return Ok(());
        }
        set.add(policy.clone()).map_err(|error| error.to_string())
    }

    fn about(&self, resource: &EntityUid) -> impl Iterator<Item = &PolicySet> {
        self.named.get(resource).into_iter().chain(std::iter::once(&self.any)).filter(|set| !set.is_empty())
    }
}
