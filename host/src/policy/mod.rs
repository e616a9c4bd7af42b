//! Who may do what: a pure question, asked before each call and each use of a grant.
//!
//! It does no input or output and keeps no state but its rules.

use crate::call::{Caller, Facts, JsonObject};

/// What the operator allows.
#[derive(Debug, Clone)]
pub struct Policy {
    everything: bool,
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
    /// The arguments; none where it is asked whether an offer is to be shown at all.
    pub arguments: Option<&'a JsonObject>,
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
    /// The capability's name.
    pub capability: &'a str,
    /// The grant's name, without that of the capability.
    pub grant: &'a str,
    /// What is to be done, such as `query`.
    pub action: &'a str,
    /// What it is of.
    pub facts: &'a Facts,
}

/// What the policy says to a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// Whether it is allowed.
    pub allowed: bool,
    /// The policies that decided.
    pub policies: Vec<String>,
}

impl Policy {
    /// Nobody may do anything.
    pub fn nothing() -> Self {
        Self { everything: false }
    }

    /// Everybody may do everything: for an author's own tests.
    pub fn everything() -> Self {
        Self { everything: true }
    }

    /// Whether a caller may do this.
    pub fn may_call(&self, _request: Request<'_>) -> Decision {
        Decision { allowed: self.everything, policies: Vec::new() }
    }

    /// Whether a call may use a grant like this.
    pub fn may_use(&self, _usage: Usage<'_>) -> Decision {
        Decision { allowed: self.everything, policies: Vec::new() }
    }
}
