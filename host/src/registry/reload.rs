//! A reload: what changed is loaded beside what is served, and put in its place in one step.
//! Calls under way end on the version that they began with, which is dropped with the last.
//!
//! A config is taken whole or not at all: one that cannot be read, or that breaks a grant
//! which it changes, leaves everything as it was. A plugin's file is taken by itself.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError};

use super::load::{Found, Load, Loaded, served_on};
use super::{ConfigFailure, Event, Registry, Snapshot};
use crate::call::Offer;
use crate::capability::{Grants, grant_tables};
use crate::config::{Config, Serve};
use crate::runtime::Runtime;

/// What loads are made with.
pub(super) struct Loading {
    pub(super) runtime: Runtime,
    /// The last one that was good.
    pub(super) config: Arc<Config>,
    /// What the process was started with.
    pub(super) started: Serve,
}

/// The config to go on with, its grants, and why it is not the one of the file, if it is not.
struct Taken {
    config: Arc<Config>,
    grants: Grants,
    failure: Option<ConfigFailure>,
}

impl Registry {
    /// Takes in what has changed in the config file and in the plugins' files, but for those
    /// that do not hold still. True if it should be done again soon, though nothing changes.
    pub(super) async fn reload(&self, moving: BTreeSet<PathBuf>) -> bool {
        let mut loading = self.loading.lock().await;
        let before = self.snapshot();
        let taken = {
            let (config, before, moving) = (Arc::clone(&loading.config), Arc::clone(&before), moving.clone());
            tokio::task::spawn_blocking(move || take(&config, &before, &moving)).await
        };
        let Taken { config, grants, failure } = match taken {
            Ok(taken) => taken,
            Err(error) => {
                tracing::error!(%error, "the reload failed");
                return true;
            }
        };
        let load =
            Load { config: &config, grants: &grants, runtime: &loading.runtime, before: &before, moving: &moving };
        // One at a time: the cores are for the calls.
        let found = load.run(1).await;
        let again = found.again;
        let after = self.swap(|now| assemble(found, Arc::new(grants), &config, failure, now));
        tell_operator(&before, &after);
        let waiting = loading.started.kept_until_restart(&config.serve);
        if !config.has_text_of(&loading.config) && !waiting.is_empty() {
            let keys = waiting.join(", ");
            tracing::warn!(config.keys = keys, "these keys of [serve] take effect at the next start");
        }
        if !Arc::ptr_eq(&config, &loading.config) {
            self.configs.send_replace(Arc::clone(&config));
        }
        loading.config = config;
        again
    }

    /// Puts another snapshot in the place of the one that is served now, and says what changed.
    fn swap(&self, make: impl FnOnce(&Snapshot) -> Snapshot) -> Arc<Snapshot> {
        let swapping = self.swapping.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.snapshot();
        let after = Arc::new(make(&now));
        self.snapshot.store(Arc::clone(&after));
        drop(swapping);
        for offer in [Offer::Tools, Offer::Resources, Offer::Prompts, Offer::Skills] {
            // Under another policy, callers may see more of the same list, or less.
            if !after.lists_as(&now, offer) || !after.policy().shows_as(now.policy()) {
                self.tell(Event::Changed(offer));
            }
        }
        after
    }
}

/// Reads the config again, and opens what is new in it.
fn take(config: &Arc<Config>, before: &Snapshot, moving: &BTreeSet<PathBuf>) -> Taken {
    let stay = |failure: Option<ConfigFailure>| Taken {
        config: Arc::clone(config),
        grants: before.grants().reopen(config),
        failure,
    };
    let Some(file) = config.file() else { return stay(None) };
    if config.files().any(|file| moving.contains(file)) {
        return stay(before.config_failure().cloned());
    }
    let wrong = |message: String| {
        let message = format!("{message}; the config of before goes on");
        stay(Some(ConfigFailure { path: file.to_owned(), message }))
    };
    let read = match Config::read(file, &grant_tables()) {
        Ok(read) if read.has_text_of(config) => return stay(None),
        Ok(read) => read,
        Err(error) => return wrong(error.to_string()),
    };
    let grants = before.grants().reopen(&read);
    match grants.worse_than(before.grants()) {
        Some(failure) => wrong(format!("[{}]: {}", failure.path, failure.message)),
        None => Taken { config: Arc::new(read), grants, failure: None },
    }
}

/// The snapshot of what a load found. What stays has its names before what comes: a newcomer
/// takes none of them away.
pub(super) fn assemble(
    found: Found,
    grants: Arc<Grants>,
    config: &Config,
    config_failure: Option<ConfigFailure>,
    now: &Snapshot,
) -> Snapshot {
    let Found { plugins, failures, pins, mut signers, .. } = found;
    let mut snapshot = Snapshot::new(grants, config, config_failure);
    for failure in failures {
        snapshot.add_failure(failure.plugin, failure.message);
    }
    let mut coming = Vec::new();
    for (name, loaded) in plugins {
        let failure = match loaded {
            // As it is now: it may have described itself anew while others were loaded.
            Loaded::Before(failure) => match now.plugin(&name).map(|plugin| snapshot.add(Arc::clone(plugin))) {
                Some(Err(message)) => Some(message),
                Some(Ok(())) | None => failure,
            },
            Loaded::New { plugin, failure, or_before } => {
                coming.push((plugin, failure, or_before));
                None
            }
            Loaded::Nothing(failure) => failure,
        };
        if let Some(message) = failure {
            snapshot.add_failure(name, message);
        }
    }
    for (plugin, failure, or_before) in coming {
        let name = plugin.name.clone();
        let failure = match snapshot.add(plugin) {
            Ok(()) => failure,
            Err(message) => {
                let before = now.plugin(&name).filter(|_| or_before);
                let stays = before.is_some_and(|before| snapshot.add(Arc::clone(before)).is_ok());
                if stays {
                    signers.extend(now.signer(&name).map(|signer| (name.clone(), signer.clone())));
                }
                Some(if stays { served_on(message) } else { message })
            }
        };
        if let Some(message) = failure {
            snapshot.add_failure(name, message);
        }
    }
    snapshot.held_against(pins, signers).settled(now.policy())
}

/// Writes to the log what is served otherwise than before, and what is newly wrong.
fn tell_operator(before: &Snapshot, after: &Snapshot) {
    let is_new = |plugin: &Arc<_>| !before.plugins().iter().any(|other| Arc::ptr_eq(other, plugin));
    let loaded: Vec<&str> =
        after.plugins().iter().filter(|plugin| is_new(plugin)).map(|plugin| plugin.name.as_str()).collect();
    let removed = before.plugins().iter().filter(|plugin| after.plugin(&plugin.name).is_none());
    let removed: Vec<&str> = removed.map(|plugin| plugin.name.as_str()).collect();
    if !loaded.is_empty() || !removed.is_empty() {
        tracing::info!(plugins.loaded = loaded.join(", "), plugins.removed = removed.join(", "), "reloaded");
    }
    for failure in after.failures().iter().filter(|failure| !before.failures().contains(failure)) {
        tracing::warn!(plugin.name = failure.plugin, why = failure.message, "a plugin is not what it should be");
    }
    for note in after.notes().iter().filter(|note| !before.notes().contains(note)) {
        tracing::info!(plugin.name = note.plugin, note = note.message, "a plugin shares what it offers");
    }
    let known = before.grants().failures();
    for failure in after.grants().failures().iter().filter(|failure| !known.contains(failure)) {
        tracing::warn!(grant.name = failure.path, why = failure.message, "a grant cannot be used");
    }
    if let Some(failure) = after.policy_failure().filter(|failure| before.policy_failure() != Some(failure)) {
        tracing::warn!(why = failure.message, "the policy is not taken; that of before goes on");
    }
    for warning in after.policy().warnings().iter().filter(|_| !Arc::ptr_eq(before.policy(), after.policy())) {
        tracing::warn!(warning, "a policy may not mean what it says");
    }
    match (before.config_failure(), after.config_failure()) {
        (Some(_), None) => tracing::info!("the config is good again"),
        (known, Some(failure)) if known != Some(failure) => {
            tracing::warn!(why = failure.message, "the config is not taken");
        }
        _ => {}
    }
}
