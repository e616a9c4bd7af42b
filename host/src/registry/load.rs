//! From config and directory to a snapshot. A plugin that fails harms no other.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use futures_util::stream::{self, StreamExt};

use super::Snapshot;
use crate::capability::Grants;
use crate::config::{self, Config};
use crate::runtime::{Plugin, PluginSpec, Runtime};

/// The largest plugin file, in bytes.
const FILE_BYTES_MAX: u64 = 256 << 20;

/// Loads every plugin of the config and every other `.wasm` file of the plugin directory.
pub async fn load(config: &Config, grants: &Grants, runtime: &Runtime) -> Snapshot {
    let mut snapshot = Snapshot::default();
    let dir = config.resolve(&config.serve.plugin_dir);
    let plugins = match find(config, &dir) {
        Ok(plugins) => plugins,
        Err(error) => {
            let why = format!("the plugin directory {} cannot be read: {error}", dir.display());
            snapshot.add_failure("*".to_owned(), why);
            config.plugins.clone()
        }
    };
    let loading = plugins.into_iter().map(async |(name, written)| {
        let loaded = load_one(&name, written, &dir, config, grants, runtime).await;
        (name, loaded)
    });
    // Each keeps a thread busy with compiling, and its memory with it.
    let at_once = std::thread::available_parallelism().map_or(1, usize::from);
    let mut loading = stream::iter(loading).buffered(at_once);
    while let Some((name, loaded)) = loading.next().await {
        match loaded {
            Ok(plugin) => snapshot.add(plugin),
            Err(message) => snapshot.add_failure(name, message),
        }
    }
    snapshot
}

/// The plugins by name: those of the config, and the files that it does not name.
fn find(config: &Config, dir: &Path) -> std::io::Result<BTreeMap<String, config::Plugin>> {
    let mut plugins = config.plugins.clone();
    let named: Vec<PathBuf> = plugins.iter().map(|(name, plugin)| dir.join(file_of(name, plugin))).collect();
    if !dir.exists() && plugins.is_empty() {
        return Ok(plugins);
    }
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        let is_wasm = path.extension().is_some_and(|extension| extension == "wasm");
        if let (true, false, Some(stem)) = (is_wasm, named.contains(&path), path.file_stem()) {
            let name = stem.to_string_lossy().into_owned();
            let file = path.file_name().map(PathBuf::from);
            plugins.entry(name).or_insert(config::Plugin { file, ..config::Plugin::default() });
        }
    }
    Ok(plugins)
}

fn file_of(name: &str, plugin: &config::Plugin) -> PathBuf {
    plugin.file.clone().unwrap_or_else(|| PathBuf::from(format!("{name}.wasm")))
}

async fn load_one(
    name: &str,
    written: config::Plugin,
    dir: &Path,
    config: &Config,
    grants: &Grants,
    runtime: &Runtime,
) -> Result<Plugin, String> {
    let file = dir.join(file_of(name, &written));
    let spec = PluginSpec {
        name: name.to_owned(),
        prefix: written.prefix.unwrap_or_else(|| name.to_owned()),
        grants: grants.select(&written.grants)?,
        settings: written.settings.iter().map(|(key, value)| (key.clone(), setting(value))).collect(),
        limits: written.limits.unwrap_or_else(|| config.limits.clone()),
        grants_required: true,
    };
    let bytes = read(&file).await.map_err(|error| format!("{} cannot be read: {error}", file.display()))?;
    let load = Plugin::load(runtime, spec, bytes).await;
    load.map_err(|error| format!("{}: {error}", file.display()))
}

async fn read(file: &Path) -> std::io::Result<Vec<u8>> {
    let size = tokio::fs::metadata(file).await?.len();
    if size > FILE_BYTES_MAX {
        let why = format!("it is larger than {} MiB", FILE_BYTES_MAX >> 20);
        return Err(std::io::Error::new(std::io::ErrorKind::FileTooLarge, why));
    }
    tokio::fs::read(file).await
}

/// A setting as the plugin reads it: text as it is, anything else as TOML prints it.
fn setting(value: &toml::Value) -> String {
    match value {
        toml::Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
