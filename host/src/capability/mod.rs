//! What a plugin may be granted: one folder each, and the list of them all.
//!
//! Effective authority is what the component imports, times what the operator granted.
//! A capability never knows another one, nor who runs the plugin.

mod asking;
pub mod client;
mod clock;
pub mod grants;
pub mod http;
pub mod iam;
pub mod kv;
pub mod log;
pub mod model;
mod permit;
mod places;
pub mod query;
mod row_filter;
mod scripted;
pub mod settings;
pub mod sql;
pub mod state;
mod statement_guard;

use std::future::Future;
use std::ops::Range;
use std::path::Path;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use wasmtime::component::Linker;

pub use self::asking::AsksLater;
pub use self::clock::Clock;
pub use self::grants::{GrantFailure, Grants, PluginGrants};
pub use self::iam::Statement;
pub use self::permit::Permit;
pub use self::state::CallState;
use crate::config::{Config, SecretError};

/// Every capability there is. The name is also that of the WIT package, the folder here
/// and the config table.
pub const ALL: &[Entry] = &[
    Entry::free("client", client::link),
    Entry::granted::<http::Http>(),
    Entry::granted::<kv::Kv>(),
    Entry::free("log", log::link),
    Entry::granted::<model::Model>(),
    Entry::free("settings", settings::link),
    Entry::granted::<query::Query>(),
    Entry::granted::<sql::Sql>(),
];

/// One thing a plugin may be granted: its configuration, and the code that honours it.
pub trait Capability: Sized + Send + Sync + 'static {
    /// The name in [`ALL`].
    const NAME: &'static str;

    /// Everything that `permit` is asked for in its name: what a policy may speak of.
    const DEEDS: &'static [Deed];

    /// One `[<capability>.<grant>]` table; its doc comments are the reference.
    type Config: DeserializeOwned + JsonSchema;

    /// Makes the grant ready for use, once for all plugins. Contacts nothing: a system
    /// that is down fails the calls that need it, and no start.
    fn open(config: Self::Config, place: Place<'_>) -> Result<Self, OpenError>;

    /// Hands the host functions to a plugin's linker.
    fn link(linker: &mut Linker<CallState>) -> wasmtime::Result<()>;

    /// What an agent should know of this grant before it calls a tool; none if nothing.
    /// May contact the system behind it; what can be said without it is the error.
    fn introduce(&self, name: &str) -> impl Future<Output = Result<Option<String>, String>> + Send;

    /// What an operator should know: one line of what is served, never a secret, and the
    /// warnings that a contact with the system gives, or why there is none.
    fn probe(&self) -> impl Future<Output = Result<Probe, String>> + Send;

    /// One line of what is served, without any contact: backend, database, read or write.
    fn summary(&self) -> String;

    /// What the host's own AWS role must be allowed for this grant.
    fn iam(&self) -> Vec<Statement> {
        Vec::new()
    }

    /// Whether one caller gets of it what is kept from another.
    fn tells_callers_apart(&self) -> bool {
        false
    }

    /// Whether it is a memory of the plugin's own in which one caller's call leaves things for another's.
    fn mixes_callers(&self) -> bool {
        false
    }
}

/// What can be done with a grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deed {
    /// The action, such as `query`.
    pub action: &'static str,
    /// Of which classes it is, as far as they are known before it happens; see [`crate::call::Facts`].
    pub classes: &'static [&'static str],
}

/// Where a grant is opened.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// The grant's name, without that of the capability.
    pub name: &'a str,
    /// The folder of the config file, from which relative paths start.
    pub dir: &'a Path,
}

/// What a look at the system behind a grant found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Probe {
    /// What an operator should mend, though it works.
    pub warnings: Vec<String>,
}

/// Why a grant cannot be opened. The message is for the operator, and holds no secret.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A credential is missing.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The table contradicts itself, or a file it names is not there.
    #[error("{0}")]
    Invalid(String),
    /// What stands at these bytes of the config file is wrong.
    #[error("{1}")]
    At(Range<usize>, String),
}

/// Opens every grant of one capability, but those that were opened before and have not changed.
type OpenGrants = fn(&Config, &Grants, &mut Grants);

/// One line of [`ALL`].
pub struct Entry {
    /// The capability's name.
    pub name: &'static str,
    /// Hands its host functions to a linker.
    pub link: fn(&mut Linker<CallState>) -> wasmtime::Result<()>,
    /// What can be done with a grant of it.
    pub deeds: &'static [Deed],
    /// How its grants are opened; none if every plugin has it without one.
    open: Option<OpenGrants>,
}

impl Entry {
    /// A capability that every plugin has: it reaches nothing but the call itself.
    const fn free(name: &'static str, link: fn(&mut Linker<CallState>) -> wasmtime::Result<()>) -> Self {
        Self { name, link, deeds: &[], open: None }
    }

    /// A capability that works only where the operator grants it.
    const fn granted<C: Capability>() -> Self {
        Self { name: C::NAME, link: C::link, deeds: C::DEEDS, open: Some(Grants::open_all::<C>) }
    }

    /// Whether a plugin needs a grant to import it.
    pub fn needs_grant(&self) -> bool {
        self.open.is_some()
    }

    /// The capability of that name.
    pub fn named(name: &str) -> Option<&'static Entry> {
        ALL.iter().find(|entry| entry.name == name)
    }
}

/// The names that tables of grants may have in the config.
pub fn grant_tables() -> Vec<&'static str> {
    ALL.iter().filter(|entry| entry.needs_grant()).map(|entry| entry.name).collect()
}

/// Everything that can be done with grants: the capability's name, and the action's.
pub fn deeds() -> Vec<(&'static str, &'static str)> {
    ALL.iter().flat_map(|entry| entry.deeds.iter().map(|deed| (entry.name, deed.action))).collect()
}
