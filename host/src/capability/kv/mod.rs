//! Small things that plugins remember from call to call.
//!
//! It grants a store under a name. Each plugin that is granted it has a space of its own in
//! it, and with `scope = "caller"` each caller of the plugin one more. It never shows one
//! space to another, and never grows beyond its limits: a space that is full refuses, and
//! a store that is full empties the space that was used least recently.
//!
//! ```toml
//! [kv.cache]
//! scope = "plugin"
//! time_to_live_max_ms = 3600000
//!
//! [kv.cache.sqlite]
//! path = "cache.db"
//! ```

mod sqlite;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wasmtime::component::{HasSelf, Linker};

use self::sqlite::{Condition, Space, Sqlite};
use super::{CallState, Capability, Deed, OpenError, Place, Probe};
use crate::call::Facts;
use crate::config::Bounded;
use crate::wit::kv::{self, Entry, Host, Scope, Store};
use crate::wit::{Error, ErrorKind, Failure};

/// What a key takes beside its own bytes and those of its value, in bytes: so that many
/// empty values are not for nothing.
const KEY_OVERHEAD: u64 = 100;

/// The keys that one answer may hold.
const KEYS_LISTED_MAX: usize = 1_000;

/// `[kv.<grant>]`: one store, by exactly one of `memory`, `sqlite`.
///
/// Every limit but `total_bytes_max` is for one space: what one plugin keeps, or what it
/// keeps for one caller.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Who shares what a plugin keeps: all its calls (`plugin`), or those of one caller (`caller`).
    #[serde(default)]
    scope: GrantScope,
    /// How long a key may be, in bytes.
    #[serde(default)]
    key_bytes_max: Bounded<1, 1_024, 256>,
    /// How long a value may be, in bytes.
    #[serde(default)]
    value_bytes_max: Bounded<1, 1_048_576, 65_536>,
    /// How many keys there may be.
    #[serde(default)]
    keys_max: Bounded<1, 100_000, 1_000>,
    /// How many bytes keys and values may have together. Each key counts 100 more.
    #[serde(default)]
    bytes_max: Bounded<1_024, 268_435_456, 4_194_304>,
    /// As `bytes_max`, for all spaces together. Where it would be exceeded, the space that was
    /// used least recently is emptied.
    #[serde(default)]
    total_bytes_max: Bounded<1_024, 4_294_967_296, 67_108_864>,
    /// Keeps nothing for longer than so many milliseconds, whatever plugins ask for.
    time_to_live_max_ms: Option<Bounded<1, 31_536_000_000, 86_400_000>>,
    /// The memory of the host: a restart empties it.
    memory: Option<Memory>,
    /// A file: a restart leaves it as it is.
    sqlite: Option<sqlite::Config>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum GrantScope {
    #[default]
    Plugin,
    Caller,
}

/// `[kv.<grant>.memory]`: the memory of the host. It has no keys.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Memory {}

/// How much there may be.
#[derive(Debug, Clone, Copy)]
struct Limits {
    key_bytes: u64,
    value_bytes: u64,
    keys: u64,
    bytes: u64,
    total_bytes: u64,
    time_to_live_ms: Option<u64>,
}

/// One granted store.
pub struct Kv {
    name: String,
    scope: Scope,
    limits: Limits,
    backend: Sqlite,
}

impl Capability for Kv {
    const NAME: &'static str = "kv";
    const DEEDS: &'static [Deed] =
        &[Deed { action: "read", classes: &["read"] }, Deed { action: "write", classes: &["write", "delete"] }];
    type Config = Config;

    fn open(config: Config, place: Place<'_>) -> Result<Self, OpenError> {
        let scope = match config.scope {
            GrantScope::Plugin => Scope::Plugin,
            GrantScope::Caller => Scope::Caller,
        };
        let limits = Limits::of(&config)?;
        let backend = match (config.memory, config.sqlite) {
            (Some(Memory {}), None) => Sqlite::in_memory(limits),
            (None, Some(config)) => Sqlite::in_file(config, place.dir, limits),
            _ => {
                let table = format!("[kv.{}]", place.name);
                return Err(OpenError::Invalid(format!("{table} needs exactly one of `memory`, `sqlite`")));
            }
        };
        Ok(Self { name: place.name.to_owned(), scope, limits, backend })
    }

    fn link(linker: &mut Linker<CallState>) -> wasmtime::Result<()> {
        kv::add_to_linker::<_, HasSelf<_>>(linker, |state| state)
    }

    /// Agents never see a store.
    async fn introduce(&self, _: &str) -> Result<Option<String>, String> {
        Ok(None)
    }

    async fn probe(&self) -> Result<Probe, String> {
        self.backend.probe().await
    }

    fn summary(&self) -> String {
        let shared = match self.scope {
            Scope::Plugin => "a space for each plugin",
            Scope::Caller => "a space for each plugin and caller",
        };
        format!("{}, {shared}", self.backend.summary())
    }

    fn mixes_callers(&self) -> bool {
        matches!(self.scope, Scope::Plugin)
    }
}

impl Host for CallState {
    async fn list(&mut self) -> wasmtime::Result<Vec<Store>> {
        let granted = self.granted::<Kv>()?.into_iter();
        // What is bounded by the config fits 32 bits.
        let number = |bytes| u32::try_from(bytes).unwrap_or(u32::MAX);
        let store = |(name, grant): (String, Arc<Kv>)| Store {
            name,
            scope: grant.scope,
            key_bytes_max: number(grant.limits.key_bytes),
            value_bytes_max: number(grant.limits.value_bytes),
        };
        Ok(granted.map(store).collect())
    }

    async fn lookup(&mut self, store: String, key: String) -> Result<Option<Entry>, Failure> {
        let grant = self.permit::<Kv>(&store, "read", |_| Facts::of_class("read"))?;
        Ok(grant.backend.lookup(self.space(&grant), key).await?)
    }

    async fn set(
        &mut self,
        store: String,
        key: String,
        value: Vec<u8>,
        time_to_live_ms: Option<u64>,
    ) -> Result<u64, Failure> {
        let grant = self.permit::<Kv>(&store, "write", |_| Facts::of_class("write"))?;
        self.wrote();
        let time = grant.limits.check(&key, &value, time_to_live_ms)?;
        let version = grant.backend.set(self.space(&grant), key, value, Condition::None, time).await?;
        Ok(version.ok_or_else(|| Error::new(ErrorKind::Failed, "the value was not kept"))?)
    }

    async fn compare_and_set(
        &mut self,
        store: String,
        key: String,
        expected: Option<u64>,
        value: Vec<u8>,
        time_to_live_ms: Option<u64>,
    ) -> Result<Option<u64>, Failure> {
        let grant = self.permit::<Kv>(&store, "write", |_| Facts::of_class("write"))?;
        self.wrote();
        let time = grant.limits.check(&key, &value, time_to_live_ms)?;
        Ok(grant.backend.set(self.space(&grant), key, value, Condition::Version(expected), time).await?)
    }

    async fn delete(&mut self, store: String, key: String) -> Result<bool, Failure> {
        let grant = self.permit::<Kv>(&store, "write", |_| Facts::of_class("delete"))?;
        self.wrote();
        Ok(grant.backend.delete(self.space(&grant), key).await?)
    }

    async fn keys(
        &mut self,
        store: String,
        prefix: String,
        after: Option<String>,
        keys_max: u32,
    ) -> Result<Vec<String>, Failure> {
        let grant = self.permit::<Kv>(&store, "read", |_| Facts::of_class("read"))?;
        let keys_max = usize::try_from(keys_max).map_or(KEYS_LISTED_MAX, |keys| keys.min(KEYS_LISTED_MAX));
        Ok(grant.backend.keys(self.space(&grant), prefix, after, keys_max).await?)
    }
}

impl CallState {
    /// Where this call keeps what it keeps in a store.
    fn space(&self, grant: &Kv) -> Space {
        let caller = match grant.scope {
            Scope::Plugin => None,
            Scope::Caller => Some(self.caller.name.as_str()),
        };
        Space::new(&grant.name, &self.scope.plugin, caller)
    }
}

impl Limits {
    fn of(config: &Config) -> Result<Self, OpenError> {
        let limits = Self {
            key_bytes: config.key_bytes_max.get(),
            value_bytes: config.value_bytes_max.get(),
            keys: config.keys_max.get(),
            bytes: config.bytes_max.get(),
            total_bytes: config.total_bytes_max.get(),
            time_to_live_ms: config.time_to_live_max_ms.map(Bounded::get),
        };
        let largest = limits.key_bytes + limits.value_bytes + KEY_OVERHEAD;
        let fits = |small: u64, small_name: &str, large: u64, large_name: &str| {
            let message = || format!("`{large_name}` is {large}, less than {small_name} may have: {small}");
            if small <= large { Ok(()) } else { Err(OpenError::Invalid(message())) }
        };
        fits(largest, "one key with its value", limits.bytes, "bytes_max")?;
        fits(limits.bytes, "one space (`bytes_max`)", limits.total_bytes, "total_bytes_max")?;
        Ok(limits)
    }

    /// Whether this may be kept at all; if so, for how long.
    fn check(&self, key: &str, value: &[u8], time_to_live_ms: Option<u64>) -> Result<Option<u64>, Error> {
        if key.is_empty() {
            return Err(Error::new(ErrorKind::Invalid, "the key is empty"));
        }
        if time_to_live_ms == Some(0) {
            return Err(Error::new(ErrorKind::Invalid, "a time to live of 0 ms keeps nothing; delete the key instead"));
        }
        for (what, bytes, max, limit) in [
            ("key", key.len(), self.key_bytes, "key_bytes_max"),
            ("value", value.len(), self.value_bytes, "value_bytes_max"),
        ] {
            if u64::try_from(bytes).is_ok_and(|bytes| bytes > max) {
                let message = format!("the {what} has {bytes} bytes; the store takes up to {max} (its `{limit}`)");
                return Err(Error::new(ErrorKind::Limited, message));
            }
        }
        Ok(match (time_to_live_ms, self.time_to_live_ms) {
            (Some(asked), Some(max)) => Some(asked.min(max)),
            (asked, max) => asked.or(max),
        })
    }
}
