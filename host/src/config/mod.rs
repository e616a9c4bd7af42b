//! What the operator wrote: `toolhost.toml`, read into [`Config`].
//!
//! One file, every key documented and defaulted, unknown keys refused with the nearest
//! name. The tables of grants (`[sql.crm]`) belong to the capability they name, which
//! reads them by [`Config::grants`].

mod bounded;
mod error;
mod secret;
mod tasks;

pub use self::bounded::Bounded;
pub use self::error::ConfigError;
pub use self::secret::{Secret, SecretError, SecretRef, home_dir};
pub use self::tasks::Tasks;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

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
    /// The plugins by name.
    pub plugins: BTreeMap<String, Plugin>,
    source: Source,
}

/// `[serve]`: where and how the host serves.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Serve {
    /// The address to listen on. Anything but loopback is refused while callers are not identified.
    pub listen: SocketAddr,
    /// The directory of `.wasm` files, relative to this file. Each is loaded; those
    /// that no `[plugins.<name>]` table names get no grants.
    pub plugin_dir: PathBuf,
    /// Where compiled plugins are kept; a private directory in the user's cache if not set.
    pub cache_dir: Option<PathBuf>,
    /// The names that a request's `Host` may hold, beside those of loopback; for a proxy in front.
    pub hosts: Vec<String>,
    /// The origins that web pages may call from, such as `https://console.example.com`, beside those of loopback.
    pub origins: Vec<String>,
    /// The largest request body, in KiB.
    pub request_kib: Bounded<1, 65_536, 4_096>,
    /// How many calls run at once; one more waits up to a second for a place.
    pub calls: Bounded<1, 2_000, 256>,
    /// How long calls under way may go on when the host is told to stop, in milliseconds.
    pub stop_ms: Bounded<1, 600_000, 10_000>,
    /// Whether a change of this file or of a plugin's is taken in while the host serves. SIGHUP makes
    /// it look at once, and is the only thing that does if this is false.
    pub reload: bool,
    /// Whether agents get the tool `search_tools`, by which they find the right one of many. If
    /// nothing is written they do when there are over 40 tools.
    pub search: Option<bool>,
    /// Calls that go on after their request.
    pub tasks: Tasks,
    /// Where clients reach this host, such as `https://tools.example.com`, for its server card; if not set, it is
    /// `http://` and the `Host` of the request.
    pub url: Option<String>,
    /// How many sessions of the older revisions are open at once; for one more, the one that nobody has used for the
    /// longest ends.
    pub sessions: Bounded<1, 100_000, 1_000>,
    /// How long a session stays open without a request under way or a stream that is read, in milliseconds.
    pub session_idle_ms: Bounded<100, 86_400_000, 300_000>,
    /// What all sessions together keep for clients whose connection broke off, in MiB; one has at most an eighth.
    pub replay_mib: Bounded<1, 65_536, 64>,
}

impl Serve {
    /// The keys that differ, and that hold from one start to the next.
    pub fn kept_until_restart(&self, other: &Self) -> Vec<&'static str> {
        // Each by name, so that a new key has to be decided on.
        let Self {
            listen,
            plugin_dir: _,
            cache_dir,
            hosts,
            origins,
            request_kib,
            calls,
            stop_ms,
            reload,
            search: _,
            tasks,
            url,
            sessions,
            session_idle_ms,
            replay_mib,
        } = self;
        let keys = [
            ("listen", *listen != other.listen),
            ("cache_dir", *cache_dir != other.cache_dir),
            ("hosts", *hosts != other.hosts),
            ("origins", *origins != other.origins),
            ("request_kib", *request_kib != other.request_kib),
            ("calls", *calls != other.calls),
            ("stop_ms", *stop_ms != other.stop_ms),
            ("reload", *reload != other.reload),
            ("tasks", *tasks != other.tasks),
            ("url", *url != other.url),
            ("sessions", *sessions != other.sessions),
            ("session_idle_ms", *session_idle_ms != other.session_idle_ms),
            ("replay_mib", *replay_mib != other.replay_mib),
        ];
        keys.into_iter().filter(|(_, differs)| *differs).map(|(key, _)| key).collect()
    }
}

impl Default for Serve {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8000)),
            plugin_dir: PathBuf::from("plugins"),
            cache_dir: None,
            hosts: Vec::new(),
            origins: Vec::new(),
            request_kib: Bounded::default(),
            calls: Bounded::default(),
            stop_ms: Bounded::default(),
            reload: true,
            search: None,
            tasks: Tasks::default(),
            url: None,
            sessions: Bounded::default(),
            session_idle_ms: Bounded::default(),
            replay_mib: Bounded::default(),
        }
    }
}

/// `[limits]`, and `[plugins.<name>.limits]` for one plugin: what a call may use.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Wall-clock time of a call, waiting for sources included, in milliseconds. It stands still while
    /// the client, or its user, is asked something.
    pub deadline_ms: Bounded<10, 3_600_000, 30_000>,
    /// How long the client, or its user, may take to reply, in milliseconds.
    pub reply_ms: Bounded<10, 86_400_000, 600_000>,
    /// Memory of a call, in MiB.
    pub memory_mib: Bounded<1, 256, 64>,
    /// What a call may answer: text, bytes and JSON together, in KiB.
    pub output_kib: Bounded<1, 6_144, 4_096>,
    /// How often a call may ask the host for something.
    pub host_calls: Bounded<1, 10_000_000, 100_000>,
}

impl Limits {
    /// Wall-clock time of a call.
    pub fn deadline(&self) -> Duration {
        Duration::from_millis(self.deadline_ms.get())
    }

    /// How long a client may take to reply.
    pub fn reply_time(&self) -> Duration {
        Duration::from_millis(self.reply_ms.get())
    }

    /// Memory of a call, in bytes.
    pub fn memory_bytes(&self) -> usize {
        self.memory_mib.get_usize().saturating_mul(1 << 20)
    }

    /// What a call may answer, in bytes.
    pub fn output_bytes(&self) -> usize {
        self.output_kib.get_usize().saturating_mul(1 << 10)
    }
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
    /// What its tools' names begin with, before two underscores; its own name if not
    /// set, nothing at all if empty.
    pub prefix: Option<String>,
    /// Words for the plugin alone. Not for credentials.
    pub settings: BTreeMap<String, toml::Value>,
    /// Limits for this plugin; those of `[limits]` if not set.
    pub limits: Option<Limits>,
}

/// The tables of `toolhost.toml` that are not grants.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct Written {
    serve: Serve,
    limits: Limits,
    plugins: BTreeMap<String, Plugin>,
}

const OWN_TABLES: [&str; 3] = ["serve", "limits", "plugins"];

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
        for name in written.plugins.keys() {
            check_name(name).map_err(|why| ConfigError::in_file(path, format!("[plugins.{name}]: {why}")))?;
        }
        Ok(Self { serve: written.serve, limits: written.limits, plugins: written.plugins, source })
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

    /// The file to read again when it changes; none if the text was in no file.
    pub fn file(&self) -> Option<&Path> {
        self.source.is_file.then_some(&*self.source.path)
    }

    /// Whether both were read from the same text.
    pub fn has_text_of(&self, other: &Self) -> bool {
        self.source.text == other.source.text
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

/// Names of plugins and grants become parts of tool names, policy and metrics.
fn check_name(name: &str) -> Result<(), String> {
    let fits = (1..=32).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
        && !name.contains("__");
    if fits {
        Ok(())
    } else {
        Err(format!("`{name}` is no name: use 1 to 32 of A-Z a-z 0-9 _ -, without two underscores in a row"))
    }
}

#[cfg(test)]
mod tests {
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
