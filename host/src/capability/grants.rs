//! The grants that the operator wrote, opened once and shared by all plugins.

use std::any::Any;
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use super::{ALL, Capability, Place, Probe, Statement};
use crate::config::Config;

/// Every grant of the config, by table path (`sql.crm`).
#[derive(Default)]
pub struct Grants {
    opened: BTreeMap<String, Arc<dyn Grant>>,
    failures: Vec<GrantFailure>,
}

/// A grant that cannot be used, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantFailure {
    /// Its table path.
    pub path: String,
    /// For the operator; holds no secret.
    pub message: String,
}

/// What a grant says of itself; in the error what it can say while its system is away.
pub type Introduction = Result<Option<String>, String>;

/// A grant of any capability.
pub trait Grant: Send + Sync {
    /// See [`Capability::introduce`].
    fn introduce<'a>(&'a self, name: &'a str) -> Pin<Box<dyn Future<Output = Introduction> + Send + 'a>>;
    /// See [`Capability::probe`].
    fn probe(&self) -> Pin<Box<dyn Future<Output = Result<Probe, String>> + Send + '_>>;
    /// See [`Capability::summary`].
    fn summary(&self) -> String;
    /// See [`Capability::iam`].
    fn iam(&self) -> Vec<Statement>;
    /// The way back to the capability's own type.
    fn into_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync>;
}

impl<C: Capability> Grant for C {
    fn introduce<'a>(&'a self, name: &'a str) -> Pin<Box<dyn Future<Output = Introduction> + Send + 'a>> {
        Box::pin(Capability::introduce(self, name))
    }

    fn probe(&self) -> Pin<Box<dyn Future<Output = Result<Probe, String>> + Send + '_>> {
        Box::pin(Capability::probe(self))
    }

    fn summary(&self) -> String {
        Capability::summary(self)
    }

    fn iam(&self) -> Vec<Statement> {
        Capability::iam(self)
    }

    fn into_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync> {
        self
    }
}

impl Grants {
    /// Opens every grant of the config. One that cannot be opened is a failure of its
    /// own, and of the plugins that name it.
    pub fn open(config: &Config) -> Self {
        let mut grants = Self::default();
        for open in ALL.iter().filter_map(|entry| entry.open) {
            open(config, &mut grants);
        }
        grants
    }

    pub(super) fn open_all<C: Capability>(config: &Config, grants: &mut Self) {
        let dir = config.resolve("".as_ref());
        for (name, read) in config.grants::<C::Config>(C::NAME) {
            let path = format!("{}.{name}", C::NAME);
            let opened = read.map_err(|error| error.to_string()).and_then(|config| {
                C::open(config, Place { name: &name, dir: &dir }).map_err(|error| error.to_string())
            });
            match opened {
                Ok(grant) => {
                    grants.opened.insert(path, Arc::new(grant));
                }
                Err(message) => grants.failures.push(GrantFailure { path, message }),
            }
        }
    }

    /// Those that cannot be used.
    pub fn failures(&self) -> &[GrantFailure] {
        &self.failures
    }

    /// Every grant that can be used, with its table path.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Arc<dyn Grant>)> {
        self.opened.iter().map(|(path, grant)| (path.as_str(), grant))
    }

    /// The part of them that one plugin is granted, by table paths; or what is wrong with one of the paths.
    ///
    /// A grant that cannot be used is left out, and its plugin told so when it asks: one
    /// of many endpoints harms no other. If none of its capability is left, it is an error.
    pub fn select(&self, paths: &[String]) -> Result<PluginGrants, String> {
        let mut selected = PluginGrants::default();
        for path in paths {
            match (self.opened.get(path), self.failures.iter().any(|failure| &failure.path == path)) {
                (Some(grant), _) => {
                    selected.usable.insert(path.clone(), Arc::clone(grant));
                }
                (None, true) => selected.unusable.push(path.clone()),
                (None, false) => return Err(format!("its grant `{path}` does not exist: write a table [{path}]")),
            }
        }
        let alone = |failure: &&GrantFailure| {
            selected.unusable.contains(&failure.path)
                && !selected.has(failure.path.split('.').next().unwrap_or_default())
        };
        match self.failures.iter().find(alone) {
            Some(failure) => Err(format!("its grant `{}` cannot be used: {}", failure.path, failure.message)),
            None => Ok(selected),
        }
    }
}

/// The grants of one plugin, by table path.
#[derive(Clone, Default)]
pub struct PluginGrants {
    usable: BTreeMap<String, Arc<dyn Grant>>,
    /// Those that the operator has to mend first.
    unusable: Vec<String>,
}

impl PluginGrants {
    /// The table paths, sorted.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.usable.keys().map(String::as_str)
    }

    /// Whether there is a grant of this capability.
    pub fn has(&self, capability: &str) -> bool {
        self.paths().any(|path| path.split('.').next() == Some(capability))
    }

    /// Every grant with its table path, whatever its capability.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Arc<dyn Grant>)> {
        self.usable.iter().map(|(path, grant)| (path.as_str(), grant))
    }

    /// The grants of one capability by their own names.
    pub(super) fn of<C: Capability>(&self) -> impl Iterator<Item = (&str, Arc<C>)> {
        self.usable.iter().filter_map(|(path, grant)| {
            let name = path.strip_prefix(C::NAME)?.strip_prefix('.')?;
            Some((name, Arc::clone(grant).into_any().downcast().ok()?))
        })
    }

    /// One grant of one capability.
    pub(super) fn get<C: Capability>(&self, name: &str) -> Option<Arc<C>> {
        let grant = self.usable.get(&format!("{}.{name}", C::NAME))?;
        Arc::clone(grant).into_any().downcast().ok()
    }

    /// Whether it was granted, and cannot be used.
    pub(super) fn is_unusable<C: Capability>(&self, name: &str) -> bool {
        self.unusable.contains(&format!("{}.{name}", C::NAME))
    }
}
