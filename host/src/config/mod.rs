//! What the operator wrote: `toolhost.toml`, read into [`Config`].
//!
//! One file, every key documented and defaulted, unknown keys refused with the nearest
//! name. The tables of grants (`[sql.crm]`) belong to the capability they name, which
//! reads them by [`Config::grants`].

mod audit;
mod beside;
mod bounded;
mod callers;
mod callers_aws;
mod error;
mod keys;
mod limits;
mod lock;
mod pins;
mod policy;
mod rates;
mod secret;
mod serve;
mod tasks;
mod traces;

pub use self::audit::{Audit, OnFull, Sync};
pub use self::beside::Beside;
pub use self::bounded::Bounded;
pub use self::callers::{Algorithm, Callers, Issuer, is_visible};
pub use self::callers_aws::{AwsAllowed, AwsCallers, AwsKey, AwsSts};
pub use self::error::ConfigError;
pub use self::keys::{Key, check_caller, check_id};
pub use self::limits::Limits;
pub use self::lock::{Definitions, Described, Lock, Pinned};
pub use self::pins::{Pins, PublicKey, Signer};
pub use self::policy::Policy;
pub use self::rates::{Rates, ToolRate};
pub use self::secret::{Secret, SecretError, SecretRef, home_dir};
pub use self::serve::Serve;
pub use self::tasks::Tasks;
pub use self::traces::Traces;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;
use serde::de::{DeserializeOwned, IntoDeserializer};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// All that the operator decides.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where and how the host serves.
    pub serve: Serve,
    /// What a call may use, unless its plugin says otherwise.
    pub limits: Limits,
    /// How callers prove who they are.
    pub callers: Callers,
    /// Who may do what.
    pub policy: Policy,
    /// How often, and how many at once.
    pub rates: Rates,
    /// Where the record of all calls is kept.
    pub audit: Audit,
    /// Where spans of calls are sent.
    pub traces: Traces,
    /// Which plugin files may be loaded.
    pub pins: Pins,
    /// The plugins by name.
    pub plugins: BTreeMap<String, Plugin>,
    /// The API keys of the file that `[callers] keys` names; none if there is no such file.
    pub keys: Option<Arc<[Key]>>,
    source: Source,
    /// The files that the config names and that are read with it.
    beside: Vec<Beside>,
    /// What was approved of the plugins.
    lock: Option<Arc<Lock>>,
}

/// `[plugins.<name>]`: one plugin, and what it is granted.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Plugin {
    /// The file in the plugin directory; `<name>.wasm` if not set. One file may be
    /// loaded under several names with different grants.
    pub file: Option<PathBuf>,
    /// What it may use: the table paths of grants, such as `sql.crm`.
    pub grants: Vec<String>,
    /// Whom it is for: the groups whose members may call its read-only tools by the default policy. Policies read
    /// them as `resource.groups`.
    pub groups: BTreeSet<String>,
    /// What its tools' names begin with, before two underscores; its own name if not
    /// set, nothing at all if empty.
    pub prefix: Option<String>,
    /// Words for the plugin alone. Not for credentials.
    pub settings: BTreeMap<String, toml::Value>,
    /// Limits for this plugin; those of `[limits]` if not set.
    pub limits: Option<Limits>,
    /// Who must have signed its file: the name of one of `[[pins.keys]]`.
    pub signed_by: Option<String>,
    /// Scopes that an OAuth token must have for this plugin's offers, beside those of its issuer. Callers without
    /// such a token are not asked for any.
    #[serde(deserialize_with = "callers::scopes")]
    pub scopes: BTreeSet<String>,
}

/// The tables of `toolhost.toml` that are not grants.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct Written {
    serve: Serve,
    limits: Limits,
    callers: Callers,
    policy: Policy,
    rates: Rates,
    audit: Audit,
    traces: Traces,
    pins: Pins,
    plugins: BTreeMap<String, Plugin>,
}

const OWN_TABLES: [&str; 9] = ["serve", "limits", "callers", "policy", "rates", "audit", "traces", "pins", "plugins"];

/// The text of the file, kept so that every error can say where.
#[derive(Debug, Clone)]
struct Source {
    path: PathBuf,
    text: Arc<str>,
    /// Whether the text was read from the path.
    is_file: bool,
}

impl Config {
    /// Reads a config file. `capabilities` are the names that a table of grants may have.
    pub fn read(path: &Path, capabilities: &[&str]) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|error| ConfigError::unreadable(path, &error))?;
        let mut config = Self::parse(&text, path, capabilities)?;
        config.source.is_file = true;
        config.lock = config.read_lock()?;
        Ok(config)
    }

    /// Reads the text of a config file; relative paths in it start from the folder of `path`.
    pub fn parse(text: &str, path: &Path, capabilities: &[&str]) -> Result<Self, ConfigError> {
        let source = Source { path: path.to_owned(), text: text.into(), is_file: false };
        let table = source.table()?;
        for (key, value) in &table {
            let known = || OWN_TABLES.iter().chain(capabilities).copied();
            if !known().any(|known| known == key.get_ref()) {
                return Err(ConfigError::unknown_key(path, text, key.span(), key.get_ref(), known()));
            }
            if !value.get_ref().is_table() {
                let message = format!("`{}` is a table: write [{}]", key.get_ref(), key.get_ref());
                return Err(ConfigError::at(path, text, value.span(), message));
            }
        }
        let table = table.into_iter().filter(|(key, _)| OWN_TABLES.contains(&key.get_ref().as_ref())).collect();
        let own = Spanned::new(0..text.len(), DeValue::Table(table));
        let written = Written::deserialize(own.into_deserializer())
            .map_err(|error| ConfigError::from_toml(path, text, &error))?;
        for (name, plugin) in &written.plugins {
            let prefix = plugin.prefix.as_deref().filter(|prefix| !prefix.is_empty());
            let checked = check_name(name).and_then(|()| prefix.map_or(Ok(()), check_name));
            checked.map_err(|why| ConfigError::in_file(path, format!("[plugins.{name}]: {why}")))?;
        }
        let signed_by =
            written.plugins.iter().filter_map(|(name, plugin)| Some((&**name, plugin.signed_by.as_deref()?)));
        written.pins.check(signed_by).map_err(|why| ConfigError::in_file(path, why))?;
        let Written { serve, limits, callers, policy, rates, audit, traces, pins, plugins } = written;
        let (keys, beside, lock) = (None, Vec::new(), None);
        let mut config =
            Self { serve, limits, callers, policy, rates, audit, traces, pins, plugins, keys, source, beside, lock };
        config.read_beside()?;
        config.read_keys()?;
        Ok(config)
    }

    /// The grants of one capability by name, each read from its table `[<capability>.<name>]`,
    /// or the error in that table; an error in one leaves the others alone.
    pub fn grants<T: DeserializeOwned>(&self, capability: &str) -> BTreeMap<String, Result<T, ConfigError>> {
        let Source { path, text, .. } = &self.source;
        // The text was parsed before, so a failure here has been reported.
        let table = self.source.table().unwrap_or_default();
        let grants = table.get(capability).and_then(|value| value.get_ref().as_table());
        grants
            .into_iter()
            .flatten()
            .map(|(key, value)| {
                let name = key.get_ref().to_string();
                let grant =
                    check_name(&name).map_err(|why| ConfigError::at(path, text, key.span(), why)).and_then(|()| {
                        T::deserialize(value.clone().into_deserializer())
                            .map_err(|error| ConfigError::from_toml(path, text, &error))
                    });
                (name, grant)
            })
            .collect()
    }

    /// The error for what stands at these bytes of the text.
    pub fn error_at(&self, span: Range<usize>, message: impl Into<String>) -> ConfigError {
        ConfigError::at(&self.source.path, &self.source.text, span, message)
    }

    /// The file to read again when it changes; none if the text was in no file.
    pub fn file(&self) -> Option<&Path> {
        self.source.is_file.then_some(&*self.source.path)
    }

    /// All files to read again when one of them changes: its own, and those that it names. A named
    /// one need not be there. None if the text was in no file.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        let beside = self.beside.iter().map(Beside::path);
        self.file().into_iter().flat_map(move |file| std::iter::once(file).chain(beside.clone()))
    }

    /// Whether both were read from the same text, in all their files.
    pub fn has_text_of(&self, other: &Self) -> bool {
        self.source.text == other.source.text && self.beside == other.beside
    }

    /// What was approved of the plugins; none if there is no such file, or the config is of no file.
    pub fn lock(&self) -> Option<&Arc<Lock>> {
        self.lock.as_ref()
    }

    /// The same, as if nothing had to be approved.
    pub fn without_lock(&self) -> Self {
        let pins = Pins { required: false, ..self.pins.clone() };
        Self { pins, lock: None, ..self.clone() }
    }

    /// The file the config was read from.
    pub fn path(&self) -> &Path {
        &self.source.path
    }

    /// A path of the config as seen from the file's own folder.
    pub fn resolve(&self, path: &Path) -> PathBuf {
        self.source.path.parent().unwrap_or(Path::new("")).join(path)
    }
}

impl Source {
    fn table(&self) -> Result<DeTable<'_>, ConfigError> {
        DeTable::parse(&self.text)
            .map(Spanned::into_inner)
            .map_err(|error| ConfigError::from_toml(&self.path, &self.text, &error))
    }
}

/// Names of plugins and grants, and prefixes, become parts of tool names, policy and metrics.
///
/// # Errors
///
/// It is no name; the message says what is one.
pub fn check_name(name: &str) -> Result<(), String> {
    if is_name(name) {
        Ok(())
    } else {
        Err(format!("`{name}` is no name: use 1 to 32 of A-Z a-z 0-9 _ -, without two underscores in a row"))
    }
}

/// Whether a plugin or a grant could be called so.
pub fn is_name(name: &str) -> bool {
    (1..=32).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
        && !name.contains("__")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Grant {
        path: String,
        #[serde(default)]
        rows: Option<Bounded<1, 10, 5>>,
    }

    fn parse(text: &str) -> Result<Config, ConfigError> {
        Config::parse(text, Path::new("toolhost.toml"), &["sql", "redis"])
    }

    fn refusal(text: &str) -> String {
        parse(text).expect_err("is refused").to_string()
    }

    #[test]
    fn an_empty_file_is_all_defaults() {
        let config = parse("").expect("parses");
        assert_eq!(config.serve.listen.to_string(), "127.0.0.1:8000");
        assert_eq!(config.limits.deadline(), Duration::from_secs(30));
        assert!(config.plugins.is_empty());
    }

    #[test]
    fn keys_that_wait_for_a_restart_are_named_and_no_others() {
        let serve = |text: &str| parse(&format!("[serve]\n{text}")).expect("parses").serve;
        let before = serve("");
        assert!(before.reload && before.kept_until_restart(&serve("")).is_empty());
        assert!(before.kept_until_restart(&serve("plugin_dir = \"elsewhere\"\n")).is_empty());
        let other = serve("listen = \"127.0.0.1:9\"\ncalls = 7\nreload = false\n");
        assert_eq!(before.kept_until_restart(&other), ["listen", "calls", "reload"]);
    }

    #[test]
    fn a_mistyped_key_is_named_with_its_place_and_the_nearest_key() {
        let error = refusal("[serve]\n\n  lisen = \"127.0.0.1:1\"\n");
        assert_eq!(error, "toolhost.toml:3:3: unknown key `lisen`; did you mean `listen`?");
        let error = refusal("[serve.tasks]\nkeep = 1\n");
        assert_eq!(error, "toolhost.toml:2:1: unknown key `keep`; did you mean `keep_ms`?");
        assert_eq!(refusal("[sqll.crm]\n"), "toolhost.toml:1:2: unknown key `sqll`; did you mean `sql`?");
    }

    #[test]
    fn a_wrong_type_and_a_broken_file_say_where() {
        let error = refusal("[serve]\ncalls = \"many\"\n");
        assert!(error.starts_with("toolhost.toml:2:9: "), "{error}");
        let error = refusal("[serve\n");
        assert!(error.starts_with("toolhost.toml:1:"), "{error}");
        let error = refusal("serve = 1");
        assert!(error.contains("write [serve]"), "{error}");
    }

    #[test]
    fn zero_and_absurd_limits_are_refused() {
        let error = refusal("[limits]\ndeadline_ms = 0\n");
        assert_eq!(error, "toolhost.toml:2:15: 0 is out of range: from 10 to 3600000");
        assert!(refusal("[limits]\nmemory_mib = 100000\n").contains("from 1 to 256"));
    }

    #[test]
    fn names_and_prefixes_are_such_that_clients_take_them_for_names_of_tools() {
        for wrong in ["[plugins.\"a b\"]", "[plugins.a]\nprefix = \"p q\"", "[plugins.a]\nprefix = \"a__b\""] {
            let error = refusal(wrong);
            assert!(error.contains("[plugins.a") && error.contains("use 1 to 32 of A-Z"), "{error}");
        }
        assert!(parse("[plugins.a]\nprefix = \"\"\n[plugins.b]\nprefix = \"crm-2\"\n").is_ok());
    }

    #[test]
    fn a_broken_grant_leaves_the_others_alone() {
        let config =
            parse("[sql.a]\npath = \"x\"\n[sql.b]\npahts = \"y\"\n[sql.c]\npath = \"z\"\nrows = 11\n").expect("parses");
        let grants = config.grants::<Grant>("sql");
        assert_eq!(grants["a"], Ok(Grant { path: "x".into(), rows: None }));
        let error = grants["b"].as_ref().expect_err("is refused").to_string();
        assert_eq!(error, "toolhost.toml:4:1: unknown key `pahts`; did you mean `path`?");
        let error = grants["c"].as_ref().expect_err("is refused").to_string();
        assert!(error.starts_with("toolhost.toml:7:8: 11 is out of range"), "{error}");
    }

    #[test]
    fn a_secret_that_stands_in_the_file_is_not_repeated() {
        #[derive(Debug, Deserialize)]
        struct WithSecret {
            #[allow(dead_code)]
            password: SecretRef,
        }
        let config = parse("[sql.a]\npassword = \"hunter2\"\n").expect("parses");
        let error =
            config.grants::<WithSecret>("sql").remove("a").expect("is there").expect_err("is refused").to_string();
        assert!(error.contains("toolhost.toml:2:12") && error.contains("env:NAME"), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
    }
}
