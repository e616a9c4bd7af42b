//! The grants that the operator wrote, opened once and shared by all plugins.

use std::any::Any;
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use super::{ALL, Capability, OpenError, Place, Probe, Statement, grant_tables};
use crate::config::Config;

/// Every grant of the config, by table path (`sql.crm`).
#[derive(Default)]
pub struct Grants {
    opened: BTreeMap<String, Arc<dyn Grant>>,
    failures: Vec<GrantFailure>,
    /// The tables themselves, by which a later config is seen to be another.
    tables: BTreeMap<String, toml::Value>,
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
    /// See [`Capability::tells_callers_apart`].
    fn tells_callers_apart(&self) -> bool;
    /// See [`Capability::mixes_callers`].
    fn mixes_callers(&self) -> bool;
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

    fn tells_callers_apart(&self) -> bool {
        Capability::tells_callers_apart(self)
    }

    fn mixes_callers(&self) -> bool {
        Capability::mixes_callers(self)
    }

    fn into_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync> {
        self
    }
}

impl Grants {
    /// Opens every grant of the config. One that cannot be opened is a failure of its
    /// own, and of the plugins that name it.
    pub fn open(config: &Config) -> Self {
        Self::default().reopen(config)
    }

    /// The grants of a config that may have changed. One whose table is what it was stays open,
    /// with its connections and what its budget has used; one that failed is tried again.
    pub fn reopen(&self, config: &Config) -> Self {
        let mut grants = Self::default();
        for open in ALL.iter().filter_map(|entry| entry.open) {
            open(config, self, &mut grants);
        }
        grants
    }

    pub(super) fn open_all<C: Capability>(config: &Config, before: &Self, grants: &mut Self) {
        let dir = config.resolve("".as_ref());
        let mut tables = config.grants::<toml::Value>(C::NAME);
        for (name, read) in config.grants::<C::Config>(C::NAME) {
            let path = format!("{}.{name}", C::NAME);
            if let Some(Ok(table)) = tables.remove(&name) {
                let kept = before.opened.get(&path).filter(|_| before.tables.get(&path) == Some(&table));
                grants.tables.insert(path.clone(), table);
                if let Some(grant) = kept {
                    grants.opened.insert(path, Arc::clone(grant));
                    continue;
                }
            }
            let opened = read.map_err(|error| error.to_string()).and_then(|table| {
                C::open(table, Place { name: &name, dir: &dir }).map_err(|error| match error {
                    OpenError::At(span, message) => config.error_at(span, message).to_string(),
                    error => error.to_string(),
                })
            });
            match opened {
                Ok(grant) => {
                    grants.opened.insert(path, Arc::new(grant));
                }
                Err(message) => grants.failures.push(GrantFailure { path, message }),
            }
        }
    }

    /// A grant that cannot be used though its table is new or changed, if there is one.
    pub fn worse_than(&self, before: &Self) -> Option<&GrantFailure> {
        self.failures.iter().find(|failure| {
            let table = self.tables.get(&failure.path);
            table.is_none() || table != before.tables.get(&failure.path)
        })
    }

    /// Whether a plugin that is granted these table paths may still use all that it was given before.
    pub fn still_give(&self, paths: &[String], given: &PluginGrants) -> bool {
        given.usable.iter().all(|(path, grant)| {
            paths.contains(path) && self.opened.get(path).is_some_and(|now| Arc::ptr_eq(now, grant))
        })
    }

    /// Those that cannot be used.
    pub fn failures(&self) -> &[GrantFailure] {
        &self.failures
    }

    /// Every grant that can be used, with its table path.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Arc<dyn Grant>)> {
        self.opened.iter().map(|(path, grant)| (path.as_str(), grant))
    }

    /// What is wrong with a path that leads to no grant.
    fn missing(&self, path: &str) -> String {
        let begins = path.split_once('.').map(|(capability, _)| capability);
        if begins.is_some_and(|capability| grant_tables().contains(&capability)) {
            return format!("its grant `{path}` does not exist: write a table [{path}]");
        }
        let failed = self.failures.iter().map(|failure| &failure.path);
        let meant = self.opened.keys().chain(failed).find(|known| known.ends_with(&format!(".{path}")));
        let advice = match meant {
            Some(known) => format!("did you mean `{known}`?"),
            None => format!("it begins with one of {}, such as `sql.crm`", grant_tables().join(", ")),
        };
        format!("its grant `{path}` is not the name of a grant's table; {advice}")
    }

    /// The part of them that one plugin is granted, by table paths; or what is wrong with one of the paths.
    ///
    /// A grant that cannot be used is left out, and its plugin told so when it asks: one
    /// of many endpoints harms no other. If none of its capability is left, it is an error. So are a grant
    /// that shows each caller something else and one in which a plugin could keep that for others.
    pub fn select(&self, paths: &[String]) -> Result<PluginGrants, String> {
        let mut selected = PluginGrants::default();
        for path in paths {
            match (self.opened.get(path), self.failures.iter().any(|failure| &failure.path == path)) {
                (Some(grant), _) => {
                    selected.usable.insert(path.clone(), Arc::clone(grant));
                }
                (None, true) => selected.unusable.push(path.clone()),
                (None, false) => return Err(self.missing(path)),
            }
        }
        let alone = |failure: &&GrantFailure| {
            selected.unusable.contains(&failure.path)
                && !selected.has(failure.path.split('.').next().unwrap_or_default())
        };
        match self.failures.iter().find(alone) {
            Some(failure) => Err(format!("its grant `{}` cannot be used: {}", failure.path, failure.message)),
            None => selected.keeps_callers_apart().map(|()| selected),
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

/// Equal are those that lead to the very same backends.
impl PartialEq for PluginGrants {
    fn eq(&self, other: &Self) -> bool {
        let pairs = || self.usable.iter().zip(&other.usable);
        self.unusable == other.unusable
            && self.usable.len() == other.usable.len()
            && pairs().all(|((path, grant), (of, another))| path == of && Arc::ptr_eq(grant, another))
    }
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

    /// What a plugin reads for one caller it must not be able to keep for another.
    fn keeps_callers_apart(&self) -> Result<(), String> {
        let apart = self.usable.iter().find(|(_, grant)| grant.tells_callers_apart());
        let mixed = self.usable.iter().find(|(_, grant)| grant.mixes_callers());
        match (apart, mixed) {
            (Some((apart, _)), Some((mixed, _))) => Err(format!(
                "its grant `{apart}` shows each caller other rows, and in `{mixed}` it could keep them for everybody: \
                 write [{mixed}] scope = \"caller\""
            )),
            _ => Ok(()),
        }
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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    const CRM: &str = "[sql.crm.script]\ndialect = \"mysql\"\n";
    const SHOP: &str = "[sql.shop.script]\ndialect = \"sqlite\"\n";

    fn config(text: &str) -> Config {
        Config::parse(text, Path::new("toolhost.toml"), &super::super::grant_tables()).expect("parses")
    }

    fn same(one: &Grants, other: &Grants, path: &str) -> bool {
        Arc::ptr_eq(&one.opened[path], &other.opened[path])
    }

    #[test]
    fn a_grant_stays_open_until_its_own_table_changes() {
        let before = Grants::open(&config(&format!("{CRM}{SHOP}")));
        // Another order, a comment and another grant are no change.
        let after = before.reopen(&config(&format!("# Ours.\n{SHOP}\n{CRM}[sql.new.script]\ndialect = \"mysql\"\n")));
        assert!(same(&before, &after, "sql.crm") && same(&before, &after, "sql.shop"));
        assert!(after.opened.contains_key("sql.new"));
        let after = before.reopen(&config(&format!("[sql.crm]\nnotes = \"Ours.\"\n{CRM}{SHOP}")));
        assert!(!same(&before, &after, "sql.crm") && same(&before, &after, "sql.shop"));
        let after = before.reopen(&config(SHOP));
        assert_eq!(after.iter().map(|(path, _)| path).collect::<Vec<_>>(), ["sql.shop"]);
    }

    #[test]
    fn rows_of_one_caller_are_not_kept_for_another() {
        let filtered = format!("{CRM}[sql.crm.rows.tickets]\nwhere = \"unit in (:unit)\"\n");
        let select = |sql: &str, kv: &str| {
            let grants = Grants::open(&config(&format!("{sql}[kv.cache]\n{kv}[kv.cache.memory]\n")));
            grants.select(&["sql.crm".to_owned(), "kv.cache".to_owned()]).map(|_| ())
        };
        let refused = select(&filtered, "").expect_err("is refused");
        assert!(refused.contains("`sql.crm`") && refused.ends_with("write [kv.cache] scope = \"caller\""), "{refused}");
        assert_eq!(select(&filtered, "scope = \"caller\"\n"), Ok(()));
        assert_eq!(select(CRM, ""), Ok(()));
    }

    #[test]
    fn what_is_wrong_with_a_filter_is_told_with_its_place() {
        let text = format!("{CRM}[sql.crm.rows.tickets]\nwhere = \"sleep(1)\"\n");
        let grants = Grants::open(&config(&text));
        let message = &grants.failures()[0].message;
        assert!(message.starts_with("toolhost.toml:4:9: [sql.crm.rows.tickets] where: "), "{message}");
    }

    #[test]
    fn a_table_is_worse_only_where_it_changed() {
        let broken = "[sql.crm]\nrow_max = 5\n[sql.crm.script]\ndialect = \"mysql\"\n";
        let (good, bad) = (Grants::open(&config(CRM)), Grants::open(&config(broken)));
        assert_eq!(bad.worse_than(&good).map(|failure| failure.path.as_str()), Some("sql.crm"));
        // It was as bad before.
        let after = bad.reopen(&config(&format!("{broken}{SHOP}")));
        assert_eq!((after.worse_than(&bad), after.failures().len()), (None, 1));
        assert_eq!(bad.reopen(&config(CRM)).failures(), []);
    }

    #[test]
    fn what_was_given_is_taken_back_with_its_path_or_its_table() {
        let both = ["sql.crm".to_owned(), "sql.shop".to_owned()];
        let before = Grants::open(&config(&format!("{CRM}{SHOP}")));
        let given = before.select(&both).expect("is there");
        assert!(before.still_give(&both, &given));
        assert!(!before.still_give(&both[..1], &given));
        let changed = before.reopen(&config(&format!("[sql.crm]\naccess = \"write\"\n{CRM}{SHOP}")));
        assert!(!changed.still_give(&both, &given));
        assert!(changed.select(&both).expect("is there") != given);
        assert!(before.select(&both).expect("is there") == given);
    }
}
