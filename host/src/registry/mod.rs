//! Which plugins there are: files of a directory and tables of the config, signed and approved
//! where they have to be, loaded into a snapshot that is swapped as a whole.

mod load;
pub mod pins;
mod policy;
mod reload;
mod seen;
pub mod signature;
mod snapshot;
mod watch;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use tokio::sync::{broadcast, watch as channel};

use self::load::Load;
use self::reload::{Loading, assemble};
pub use self::seen::Seen;
pub use self::snapshot::{Note, Snapshot};
use self::watch::{Files, Stamp};
use crate::call::{News, Offer};
use crate::capability::Grants;
use crate::config::Config;
use crate::runtime::{Places, Plugin, Runtime};

/// How many events a slow listener may be behind before it misses some.
const EVENTS_AHEAD: usize = 256;

/// The plugins that are there now.
pub struct Registry {
    snapshot: ArcSwap<Snapshot>,
    places: Places,
    /// Held by whoever loads, one at a time.
    loading: tokio::sync::Mutex<Loading>,
    /// As they were before the first load.
    files_at_start: Files,
    /// Held by whoever puts another snapshot in its place.
    swapping: Mutex<()>,
    events: broadcast::Sender<Event>,
    /// The config that is taken.
    configs: channel::Sender<Arc<Config>>,
}

/// Something that clients may want to hear of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The list of one kind is not what it was.
    Changed(Offer),
    /// A resource is not what it was.
    Updated(String),
}

/// A plugin that is not served as it should be, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadFailure {
    /// The plugin's name.
    pub plugin: String,
    /// For the operator; holds no secret.
    pub message: String,
}

/// A config file that is not taken, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigFailure {
    /// The file.
    pub path: PathBuf,
    /// For the operator; holds no secret.
    pub message: String,
}

/// A policy that is not in force, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyFailure {
    /// The file.
    pub file: String,
    /// For the operator: every problem with its place, a line each.
    pub message: String,
}

impl Registry {
    /// Opens the grants of a config and loads its plugins. What fails is noted, and harms nothing else.
    pub async fn start(config: &Config, runtime: Runtime) -> Self {
        let files_at_start = watch::look(config);
        let (grants, nothing) = (Arc::new(Grants::open(config)), Snapshot::default());
        let load = Load { config, grants: &grants, runtime: &runtime, before: &nothing, moving: &BTreeSet::new() };
        // Each keeps a thread busy with compiling, and its memory with it.
        let at_once = std::thread::available_parallelism().map_or(1, usize::from);
        let found = load.run(at_once).await;
        let snapshot = assemble(found, grants, config, None, &nothing);
        let (places, config) = (runtime.places(), Arc::new(config.clone()));
        let loading = Loading { runtime, started: config.serve.clone(), config: Arc::clone(&config) };
        let (events, _) = broadcast::channel(EVENTS_AHEAD);
        Self {
            snapshot: ArcSwap::from_pointee(snapshot),
            places,
            loading: tokio::sync::Mutex::new(loading),
            files_at_start,
            swapping: Mutex::default(),
            events,
            configs: channel::Sender::new(config),
        }
    }

    /// The plugins as they are now. A call keeps the snapshot that it began with.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshot.load_full()
    }

    /// The config that is taken, and those that will be.
    pub fn configs(&self) -> channel::Receiver<Arc<Config>> {
        self.configs.subscribe()
    }

    /// How many places for calls are taken, and how many there are.
    pub fn places(&self) -> (usize, usize) {
        self.places.used_and_max()
    }

    /// What happens from now on.
    pub fn events(&self) -> broadcast::Receiver<Event> {
        self.events.subscribe()
    }

    /// Passes on what a call told beside its answer: asks its plugin to describe itself anew
    /// where it said that a description is out of date.
    pub async fn take(&self, plugin: &Plugin, news: News) {
        for uri in news.updated {
            self.tell(Event::Updated(uri));
        }
        if news.changed.is_empty() {
            return;
        }
        match plugin.described_anew().await {
            Ok(anew) => self.put(anew, &news.changed),
            Err(error) => tracing::warn!(plugin.name = plugin.name, %error, "a plugin's new description is not taken"),
        }
    }

    fn put(&self, plugin: Plugin, changed: &BTreeSet<Offer>) {
        let name = plugin.name.clone();
        let swapping = self.swapping.lock().unwrap_or_else(PoisonError::into_inner);
        let snapshot = self.snapshot().with(plugin);
        match snapshot {
            Ok(snapshot) => self.snapshot.store(Arc::new(snapshot)),
            Err(message) => {
                return tracing::warn!(plugin.name = name, why = message, "a plugin's new description is not taken");
            }
        }
        drop(swapping);
        for offer in changed {
            self.tell(Event::Changed(*offer));
        }
    }

    fn tell(&self, event: Event) {
        // An error means that nobody listens.
        let _ = self.events.send(event);
    }
}
