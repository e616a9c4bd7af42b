//! From config and directory to plugins. A plugin that fails harms no other, and the version
//! of it that is served already is served on, unless it holds what is no longer granted.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Error, ErrorKind, Result as IoResult};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::stream::{self, StreamExt as _};

use super::pins::{Pins, described_alike};
use super::signature::Trust;
use super::{LoadFailure, Snapshot, Stamp, signature};
use crate::capability::Grants;
use crate::config::{self, Config, Signer};
use crate::runtime::{Binary, LoadError, Plugin, PluginSpec, Runtime};

/// The largest plugin file, in bytes.
const FILE_BYTES_MAX: u64 = 256 << 20;

/// What plugins are loaded from, and what is served already.
pub(super) struct Load<'a> {
    pub(super) config: &'a Config,
    pub(super) grants: &'a Grants,
    pub(super) runtime: &'a Runtime,
    pub(super) before: &'a Snapshot,
    /// Files that do not hold still: their plugins stay as they are.
    pub(super) moving: &'a BTreeSet<PathBuf>,
}

/// What a load came to.
#[derive(Default)]
pub(super) struct Found {
    /// By the plugin's name.
    pub(super) plugins: BTreeMap<String, Loaded>,
    /// What is wrong beside them.
    pub(super) failures: Vec<LoadFailure>,
    /// What the plugins were held against.
    pub(super) pins: Pins,
    /// Who signed what is to be served, by the plugin's name.
    pub(super) signers: BTreeMap<String, Signer>,
    /// Whether something failed that may pass by itself.
    pub(super) again: bool,
}

/// What is to be served under one name.
pub(super) enum Loaded {
    /// The version of before; and why, if it is not what was asked for.
    Before(Option<String>),
    /// Another version.
    New {
        plugin: Arc<Plugin>,
        /// Why it is not what was asked for, if it is not.
        failure: Option<String>,
        /// Whether the version of before may be served if this one has a name that is taken.
        or_before: bool,
    },
    /// Nothing, and why; without a reason, nothing yet.
    Nothing(Option<String>),
}

/// Why there is no plugin of a file.
enum Trouble {
    /// There is no file.
    Gone(String),
    /// It does not hold still.
    Moving,
    /// It is no plugin that may be served here.
    Wrong(String),
    /// The host had no place for it just now.
    Passing(String),
}

impl Load<'_> {
    /// Loads every plugin of the config and every other `.wasm` file of the plugin directory,
    /// so many of them at once. What has not changed is not loaded again.
    pub(super) async fn run(&self, at_once: usize) -> Found {
        let mut found = Found { pins: self.pins(), ..Found::default() };
        let dir = dir(self.config);
        let (plugins, dir_is_there) = match find(self.config, &dir, self.before) {
            Ok(plugins) => (plugins, true),
            Err(error) => {
                let message = format!("the plugin directory {} cannot be read: {error}", dir.display());
                found.failures.push(LoadFailure { plugin: "*".to_owned(), message });
                // Those that nobody can look for now are not thereby removed.
                let unseen = self.before.plugins().iter().map(|plugin| (plugin.name.clone(), plugin_of_file(None)));
                (unseen.chain(self.config.plugins.clone()).collect(), false)
            }
        };
        let loading: Vec<_> =
            plugins.into_iter().map(|(name, written)| self.one(name, written, &dir, dir_is_there).boxed()).collect();
        let mut loading = stream::iter(loading).buffered(at_once);
        while let Some(One { name, loaded, signer, again }) = loading.next().await {
            found.signers.extend(signer.map(|signer| (name.clone(), signer)));
            found.plugins.insert(name, loaded);
            found.again |= again;
        }
        found
    }

    fn pins(&self) -> Pins {
        Pins::of(self.config)
    }

    /// What is to be served under a name.
    async fn one(&self, name: String, written: config::Plugin, dir: &Path, dir_is_there: bool) -> One {
        let before = self.before.plugin(&name);
        let file = dir.join(file_of(&name, &written));
        let trust = Trust::of(&self.config.pins, written.signed_by.as_deref());
        let spec = self.spec(&name, &written);
        let version = match &spec {
            Ok(spec) => self.version(spec, &file, &trust, before).await,
            Err(message) => Err(Trouble::Wrong(message.clone())),
        };
        let signer = self.before.signer(&name);
        let trusted = trust.holds_for(signer);
        let granted = before.is_some_and(|before| self.grants.still_give(&written.grants, before.grants()));
        let or_before = trusted && granted;
        let (why, again) = match version {
            Ok((plugin, signer)) => {
                let is_before = before.is_some_and(|before| Arc::ptr_eq(before, &plugin));
                let new = || Loaded::New { plugin, failure: None, or_before };
                let loaded = if is_before { Loaded::Before(None) } else { new() };
                return One { name, loaded, signer, again: false };
            }
            Err(Trouble::Gone(why)) if dir_is_there => {
                return One { name, loaded: Loaded::Nothing(Some(why)), signer: None, again: false };
            }
            Err(Trouble::Gone(why) | Trouble::Wrong(why)) => (Some(why), false),
            Err(Trouble::Passing(why)) => (Some(why), true),
            Err(Trouble::Moving) => (None, false),
        };
        let loaded = match before {
            Some(before) if trusted => self.stand_in(before, spec.ok(), why, or_before).await,
            Some(_) => not_served_on(why, "its signature is not good any more"),
            None => Loaded::Nothing(why),
        };
        One { name, loaded, signer: signer.cloned(), again }
    }

    fn spec(&self, name: &str, written: &config::Plugin) -> Result<PluginSpec, String> {
        // Those of the config were checked when it was read; this one may be a file's.
        config::check_name(name).map_err(|why| format!("{why}; rename the file of that name"))?;
        Ok(PluginSpec {
            name: name.to_owned(),
            prefix: written.prefix.clone().unwrap_or_else(|| name.to_owned()),
            grants: self.grants.select(&written.grants)?,
            settings: written.settings.iter().map(|(key, value)| (key.clone(), setting(value))).collect(),
            limits: written.limits.clone().unwrap_or_else(|| self.config.limits.clone()),
            grants_required: true,
        })
    }

    /// The plugin of a file, and who signed it: the version of before where nothing has changed.
    async fn version(
        &self,
        spec: &PluginSpec,
        file: &Path,
        trust: &Trust,
        before: Option<&Arc<Plugin>>,
    ) -> Result<(Arc<Plugin>, Option<Signer>), Trouble> {
        if self.moving.contains(file) || self.moving.contains(&signature::file_of(file)) {
            return Err(Trouble::Moving);
        }
        let (path, its_trust) = (file.to_owned(), trust.clone());
        let read = tokio::task::spawn_blocking(move || read(&path, &its_trust)).await;
        let Read { binary, signer } = read.unwrap_or_else(|error| Err(Error::other(error))).map_err(|error| {
            let why = format!("{} cannot be read: {error}", file.display());
            if error.kind() == ErrorKind::NotFound { Trouble::Gone(why) } else { Trouble::Wrong(why) }
        })?;
        let refused = |why: String| Trouble::Wrong(format!("{}: {why}", file.display()));
        // Nothing reads what the bytes mean before these two.
        let signer = signer.map_err(refused)?;
        let pins = self.pins();
        pins.knows(&spec.name).map_err(refused)?;
        let plugin = match before.filter(|before| before.digest == binary.digest()) {
            Some(before) if before.has_spec(spec) => Ok(Arc::clone(before)),
            Some(before) => before.under(spec.clone()).await.map(Arc::new),
            None => Plugin::load(self.runtime, spec.clone(), binary).await.map(Arc::new),
        };
        let plugin = plugin.map_err(|error| trouble(&error, file))?;
        pins.check(&plugin).map_err(refused)?;
        Ok((plugin, signer))
    }

    /// What is served where a plugin cannot be loaded: its version of before, granted what the
    /// config grants now, or nothing. No version keeps what was taken from it.
    async fn stand_in(
        &self,
        before: &Arc<Plugin>,
        spec: Option<PluginSpec>,
        why: Option<String>,
        or_before: bool,
    ) -> Loaded {
        let failure = why.clone().map(served_on);
        let spec = spec.filter(|spec| !before.has_spec(spec));
        let unchanged = spec.is_none();
        // Nor does it come to say, by another setting, what nobody approved.
        if let Some(spec) = spec
            && let Ok(plugin) = before.under(spec).await
            && (self.pins().check(&plugin).is_ok() || described_alike(&plugin, before))
        {
            return Loaded::New { plugin: Arc::new(plugin), failure, or_before };
        }
        if or_before {
            return Loaded::Before(failure);
        }
        let taken =
            if unchanged { "a grant that it had is no more" } else { "it cannot do with what it is granted now" };
        not_served_on(why, taken)
    }
}

/// What came of one name.
struct One {
    name: String,
    loaded: Loaded,
    /// Who signed what is to be served.
    signer: Option<Signer>,
    /// Whether to try again soon.
    again: bool,
}

/// Nothing, though there is a version of before.
fn not_served_on(why: Option<String>, taken: &str) -> Loaded {
    let why = why.unwrap_or_else(|| "its file is being written".to_owned());
    Loaded::Nothing(Some(format!("{why}; its version of before is not served on, for {taken}")))
}

fn trouble(error: &LoadError, file: &Path) -> Trouble {
    let why = format!("{}: {error}", file.display());
    if error.is_passing() { Trouble::Passing(why) } else { Trouble::Wrong(why) }
}

/// Why a version is served that is not the one of the file.
pub(super) fn served_on(why: String) -> String {
    format!("{why}; its version of before is served on")
}

/// The files that plugins are loaded from, and their signatures, whether they are there or not.
pub(super) fn files(config: &Config) -> Vec<PathBuf> {
    let dir = dir(config);
    let plugins = find(config, &dir, &Snapshot::default()).unwrap_or_else(|_| config.plugins.clone());
    let files = plugins.iter().map(|(name, plugin)| dir.join(file_of(name, plugin)));
    // What nobody holds against a key is not looked at.
    let signed = !config.pins.keys.is_empty();
    files.flat_map(|file| [signed.then(|| signature::file_of(&file)), Some(file)]).flatten().collect()
}

fn dir(config: &Config) -> PathBuf {
    config.resolve(&config.serve.plugin_dir)
}

/// The plugins by name: those of the config, and the files that it does not name. That there
/// is no directory is an error only where there was one before.
fn find(config: &Config, dir: &Path, before: &Snapshot) -> IoResult<BTreeMap<String, config::Plugin>> {
    let mut plugins = config.plugins.clone();
    let named: Vec<PathBuf> = plugins.iter().map(|(name, plugin)| dir.join(file_of(name, plugin))).collect();
    if !dir.exists() && plugins.is_empty() && before.plugins().is_empty() {
        return Ok(plugins);
    }
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        let is_wasm = path.extension().is_some_and(|extension| extension == "wasm");
        if let (true, false, Some(stem)) = (is_wasm, named.contains(&path), path.file_stem()) {
            let name = stem.to_string_lossy().into_owned();
            plugins.entry(name).or_insert(plugin_of_file(path.file_name().map(PathBuf::from)));
        }
    }
    Ok(plugins)
}

/// A plugin that the config does not name.
fn plugin_of_file(file: Option<PathBuf>) -> config::Plugin {
    config::Plugin { file, ..config::Plugin::default() }
}

fn file_of(name: &str, plugin: &config::Plugin) -> PathBuf {
    plugin.file.clone().unwrap_or_else(|| PathBuf::from(format!("{name}.wasm")))
}

/// What was read of a file.
struct Read {
    binary: Binary,
    /// Who signed it, or what is wrong with that.
    signer: Result<Option<Signer>, String>,
}

fn read(file: &Path, trust: &Trust) -> IoResult<Read> {
    let found = std::fs::metadata(file)?;
    if found.len() > FILE_BYTES_MAX {
        let why = format!("it is larger than {} MiB", FILE_BYTES_MAX >> 20);
        return Err(Error::new(ErrorKind::FileTooLarge, why));
    }
    let bytes = std::fs::read(file)?;
    if Stamp::from(&found) != Stamp::from(&std::fs::metadata(file)?) {
        return Err(Error::other("it was written meanwhile"));
    }
    let signer = trust.verify(file, &bytes);
    Ok(Read { binary: Binary::of(bytes), signer })
}

/// A setting as the plugin reads it: text as it is, anything else as TOML prints it.
fn setting(value: &toml::Value) -> String {
    match value {
        toml::Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
