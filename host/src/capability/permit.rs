//! Permission to use a grant, for as long as it is held: so long the use lasts in a trace.

use std::ops::Deref;
use std::sync::Arc;

use super::Capability;
use crate::call::{Facts, Trace};

/// A grant that a plugin may use for what it asked. The use lasts until this is dropped.
#[must_use = "what is permitted is to be done"]
pub struct Permit<C> {
    grant: Arc<C>,
    /// Where the use stands, where it is recorded.
    trace: Option<Trace>,
}

impl<C> Permit<C> {
    pub(super) fn new(grant: Arc<C>, trace: Option<Trace>) -> Self {
        Self { grant, trace }
    }

    /// Where the use stands in the trace of its call; none if it is not recorded.
    pub(super) fn trace(&self) -> Option<&Trace> {
        self.trace.as_ref()
    }

    /// The grant by itself, to look something up of it while the permit stays where it is.
    pub(super) fn grant(&self) -> Arc<C> {
        Arc::clone(&self.grant)
    }

    /// Whether both are of one grant.
    pub(super) fn has_grant_of(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.grant, &other.grant)
    }
}

impl<C> Deref for Permit<C> {
    type Target = C;

    fn deref(&self) -> &C {
        &self.grant
    }
}

/// Begins to record a use below its call, if that is recorded. Of a grant that there is not, only that it was
/// asked for: its name may be anything.
pub(super) fn begin<C: Capability>(
    of_call: Option<&Trace>,
    grant: Option<&str>,
    action: &str,
    facts: &Facts,
    allowed: bool,
) -> Option<Trace> {
    let of_call = of_call?;
    let name = format!("{}.{action}", C::NAME);
    let span = of_call.span()?.child(name.clone());
    span.say("grant.action", name);
    if let Some(grant) = grant {
        span.say("grant.name", format!("{}.{grant}", C::NAME));
    }
    if let Some(class) = facts.class {
        span.say("grant.class", class);
    }
    span.say("grant.permitted", allowed);
    Some(Trace::within(span, Some(of_call.clone())))
}
