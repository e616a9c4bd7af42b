//! From a config file to a host, with a report of what it serves and what it does not.

use std::path::Path;

use anyhow::Context as _;

use super::terminal::{Mark, bold, mark, patiently};
use crate::capability;
use crate::config::{self, Config};
use crate::host::Host;
use crate::runtime::Cache;

/// Reads the config file.
pub(super) fn read(path: &Path) -> anyhow::Result<Config> {
    Ok(Config::read(path, &capability::grant_tables())?)
}

/// Opens the grants and loads the plugins.
pub(super) async fn start(config: &Config) -> anyhow::Result<Host> {
    let cache = match &config.serve.cache_dir {
        Some(dir) => Cache::in_dir(&config.resolve(dir)),
        None => match config::home_dir("XDG_CACHE_HOME", ".cache") {
            Some(home) => Cache::in_dir(&home.join("toolhost").join("compiled")),
            None => Ok(Cache::none()),
        },
    };
    let cache = cache.context("the cache of compiled plugins; set another place: [serve] cache_dir")?;
    Ok(patiently("Compiling plugins", Host::start(config, cache)).await?)
}

/// The same, for a command that makes calls: each is written into the audit trail.
pub(super) async fn start_to_call(config: &Config) -> anyhow::Result<Host> {
    let host = start(config).await?;
    host.keep_trail(config)?;
    Ok(host)
}

/// Prints what is served and what is not; never a secret. True if nothing failed.
pub(super) fn report(config: &Config, host: &Host) -> bool {
    let plugins = host.plugins();
    for (path, grant) in plugins.grants().iter() {
        println!("{} grant {}: {}", mark(Mark::Good), bold(path), grant.summary());
    }
    for failure in plugins.grants().failures() {
        println!("{} grant {}: {}", mark(Mark::Bad), bold(&failure.path), failure.message);
    }
    for plugin in plugins.plugins() {
        let tools: Vec<&str> = plugin.offers.tools.iter().map(|loaded| loaded.tool.name.as_str()).collect();
        let signed = plugins.signer(&plugin.name).map(|signer| format!("; signed by {}", signer.name));
        let (tools, signed) = (tools.join(", "), signed.unwrap_or_default());
        println!("{} plugin {}: {tools}{signed}", mark(Mark::Good), bold(&plugin.name));
    }
    for note in plugins.notes() {
        println!("{} plugin {}: {}", mark(Mark::Warning), bold(&note.plugin), note.message);
    }
    for failure in plugins.failures() {
        println!("{} plugin {}: {}", mark(Mark::Bad), bold(&failure.plugin), failure.message);
    }
    if plugins.plugins().is_empty() && plugins.failures().is_empty() {
        println!("{} no plugins: put .wasm files into the plugin directory", mark(Mark::Warning));
    }
    // A config of no file has nowhere to write down what is approved.
    if config.file().is_some() && !plugins.pins().hold() && !plugins.plugins().is_empty() {
        let file = config.resolve(&config.pins.file);
        let says = "the plugins are not pinned: what changes in their files is served at once";
        println!("{} {says}; `toolhost approve` pins them, in {}", mark(Mark::Warning), file.display());
    }
    plugins.failures().is_empty() && plugins.grants().failures().is_empty()
}
