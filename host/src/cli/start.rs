//! From a config file to a host, with a report of what it serves and what it does not.

use std::path::Path;

use anyhow::Context as _;

use super::terminal::{Mark, bold, mark, patiently, say};
use crate::capability;
use crate::config::{self, Config};
use crate::host::Host;
use crate::runtime::Cache;

/// Reads the config file.
pub(super) fn read(path: &Path) -> anyhow::Result<Config> {
    Ok(Config::read(path, &capability::grant_tables())?)
}

/// Opens the grants, loads the plugins, and holds the policy against them; without a good one
/// there is no host.
pub(super) async fn start(config: &Config) -> anyhow::Result<Host> {
    let host = start_anyway(config).await?;
    let failure = host.plugins().policy_failure().map(|failure| failure.message.clone());
    match failure {
        Some(message) => anyhow::bail!("the policy is not taken, so nothing is served\n{message}"),
        None => Ok(host),
    }
}

/// The same, be the policy good or not; without a good one nobody may do anything.
pub(super) async fn start_anyway(config: &Config) -> anyhow::Result<Host> {
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
        say!("{} grant {}: {}", mark(Mark::Good), bold(path), grant.summary());
    }
    for failure in plugins.grants().failures() {
        say!("{} grant {}: {}", mark(Mark::Bad), bold(&failure.path), failure.message);
    }
    for plugin in plugins.plugins() {
        let tools: Vec<&str> = plugin.offers.tools.iter().map(|loaded| loaded.tool.name.as_str()).collect();
        let signed = plugins.signer(&plugin.name).map(|signer| format!("; signed by {}", signer.name));
        let (tools, signed) = (tools.join(", "), signed.unwrap_or_default());
        say!("{} plugin {}: {tools}{signed}", mark(Mark::Good), bold(&plugin.name));
    }
    for note in plugins.notes() {
        say!("{} plugin {}: {}", mark(Mark::Warning), bold(&note.plugin), note.message);
    }
    for failure in plugins.failures() {
        say!("{} plugin {}: {}", mark(Mark::Bad), bold(&failure.plugin), failure.message);
    }
    let policy = plugins.policy();
    match plugins.policy_failure() {
        Some(failure) => say!("{} policy: {}", mark(Mark::Bad), failure.message),
        None => say!("{} policy {}: {} policies", mark(Mark::Good), bold(policy.name()), policy.count()),
    }
    for warning in policy.warnings() {
        say!("{} policy: {warning}", mark(Mark::Warning));
    }
    if plugins.plugins().is_empty() && plugins.failures().is_empty() {
        say!("{} no plugins: put .wasm files into the plugin directory", mark(Mark::Warning));
    }
    // A config of no file has nowhere to write down what is approved.
    if config.file().is_some() && !plugins.pins().hold() && !plugins.plugins().is_empty() {
        let file = config.resolve(&config.pins.file);
        let says = "the plugins are not pinned: what changes in their files is served at once";
        say!("{} {says}; `toolhost approve` pins them, in {}", mark(Mark::Warning), file.display());
    }
    plugins.failures().is_empty() && plugins.grants().failures().is_empty() && plugins.policy_failure().is_none()
}
