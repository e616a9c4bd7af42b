//! Small things that a plugin remembers from call to call, in stores that are known by the
//! names of their grants. Keep there what can be fetched again.
//!
//! ```no_run
//! use std::time::Duration;
//! use toolhost_sdk::{Result, kv};
//!
//! fn metrics(fetch: fn() -> Result<Vec<String>>) -> Result<Vec<String>> {
//!     kv::cached("metrics", Duration::from_secs(60), fetch)
//! }
//! ```

use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::Result;
use crate::granted::{self, Granted};
use crate::wit::toolhost::kv::kv as host;
pub use crate::wit::toolhost::kv::kv::{Entry, Scope, Store, list as stores};

/// The only store that this plugin was granted.
///
/// `not-found` if it was granted none; `invalid`, with their names, if it was granted
/// more than one: ask for one by [`store_named`].
pub fn store() -> Result<Store> {
    granted::only(stores())
}

/// The granted store of that name. `not-found`, with the names there are, otherwise.
pub fn store_named(name: &str) -> Result<Store> {
    granted::named(stores(), name)
}

/// What is kept under a key, or else what `fetch` answers, which is then kept for so long.
///
/// A plugin without a store, or with several, fetches each time; so does one whose store is
/// full or whose value is too long for it: a cache may fail, and what it speeds up may not.
pub fn cached<T: Serialize + DeserializeOwned>(
    key: &str,
    time_to_live: Duration,
    fetch: impl FnOnce() -> Result<T>,
) -> Result<T> {
    let Ok(store) = store() else { return fetch() };
    let kept = store.lookup(key).ok().flatten();
    if let Some(value) = kept.and_then(|entry| serde_json::from_slice(&entry.value).ok()) {
        return Ok(value);
    }
    let value = fetch()?;
    if let Ok(bytes) = serde_json::to_vec(&value) {
        let _ = store.set(key, &bytes, Some(time_to_live));
    }
    Ok(value)
}

impl Granted for Store {
    const WHAT: &'static str = "store";

    fn name(&self) -> &str {
        &self.name
    }
}

/// A granted store is where keys are kept.
///
/// The errors are those of the contract: `invalid` (the key is empty) and `limited` (key or
/// value is too long, or the store is full).
impl Store {
    /// What is kept under a key.
    pub fn lookup(&self, key: &str) -> Result<Option<Entry>> {
        host::lookup(&self.name, key)
    }

    /// Keeps a value, for so long or until it is deleted. Answers with its version.
    pub fn set(&self, key: &str, value: &[u8], time_to_live: Option<Duration>) -> Result<u64> {
        host::set(&self.name, key, value, time_to_live.map(milliseconds))
    }

    /// As [`Store::set`], but only if the key is at that version; none expects that there is
    /// no such key. Answers with the new version, or none if somebody else was first.
    pub fn compare_and_set(
        &self,
        key: &str,
        expected: Option<u64>,
        value: &[u8],
        time_to_live: Option<Duration>,
    ) -> Result<Option<u64>> {
        host::compare_and_set(&self.name, key, expected, value, time_to_live.map(milliseconds))
    }

    /// Forgets a key. Answers whether there was one.
    pub fn delete(&self, key: &str) -> Result<bool> {
        host::delete(&self.name, key)
    }

    /// The keys that begin with a prefix, sorted, after the key `after`; at most `keys_max`,
    /// and never more than 1,000.
    pub fn keys(&self, prefix: &str, after: Option<&str>, keys_max: u32) -> Result<Vec<String>> {
        host::keys(&self.name, prefix, after, keys_max)
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
