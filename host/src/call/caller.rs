//! Who makes a call, what a request shows to prove it, and what it is told if it does not.

use std::collections::{BTreeMap, BTreeSet};

use http::{HeaderMap, Method, StatusCode, Uri};

/// Who makes a call. What a call leaves behind for a later one (a session, a task, a cursor, a
/// detached query, a key of a caller's own store) opens to the same caller alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Tells callers apart, however they prove who they are; no two have the same.
    pub name: String,
    /// What the operator, or an issuer that the operator trusts, counts it among.
    pub groups: BTreeSet<String>,
    /// What else is known of it, each with one value or several: a business unit, a region.
    pub attributes: BTreeMap<String, Vec<String>>,
    /// What its token is good for; none if it came without one that says.
    pub scopes: Option<BTreeSet<String>>,
}

impl Caller {
    /// Whoever started this process, or reaches it where callers are not identified.
    pub const LOCAL: &str = "local";

    /// A caller of that name, of whom nothing else is known.
    pub fn named(name: impl Into<String>) -> Self {
        Self { name: name.into(), groups: BTreeSet::new(), attributes: BTreeMap::new(), scopes: None }
    }

    /// Whoever started this process, or reaches it where callers are not identified.
    pub fn local() -> Self {
        Self::named(Self::LOCAL)
    }
}

/// What a request shows of its caller.
#[derive(Debug, Clone, Copy)]
pub struct Presented<'a> {
    /// How it is sent.
    pub method: &'a Method,
    /// Where to.
    pub uri: &'a Uri,
    /// With what.
    pub headers: &'a HeaderMap,
    /// The whole body, where the proof is of it too; else empty.
    pub body: &'a [u8],
}

/// Why a request is not served: its caller is not known, or its token is not good for this.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    /// 401, or 403 for a token that is good for less; 503 if nobody can tell just now.
    pub status: StatusCode,
    /// What to try, for the header `WWW-Authenticate`.
    pub authenticate: Vec<String>,
    /// What is wrong and what to do, for people. It repeats nothing of the credential.
    pub message: String,
}
