//! Where keys and values are: SQLite, in a file or in memory, so that both keep the same
//! promises.
//!
//! One connection, used by one call at a time, each time in one transaction.

mod file;
#[cfg(test)]
mod tests;
mod trouble;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, OptionalExtension as _, Row, Transaction, TransactionBehavior, params};
use schemars::JsonSchema;
use serde::Deserialize;
use tokio::sync::Mutex;
use tokio::task::spawn_blocking;

use self::trouble::Trouble;
use super::{KEY_OVERHEAD, Limits, Probe};
use crate::wit::kv::Entry;
use crate::wit::{Error, ErrorKind};

/// How many keys that have expired go with each write.
const SWEEP_KEYS: u32 = 100;

/// `[kv.<grant>.sqlite]`: a SQLite file.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Config {
    /// The file, relative to the config file. It is made if it is not there, readable by the
    /// host's user alone; its folder must exist.
    path: PathBuf,
}

/// Whose keys they are: a name that no other plugin, and no other caller, has.
#[derive(Debug, Clone)]
pub(super) struct Space(String);

impl Space {
    /// The space of a plugin, or of one caller of it, in a store.
    pub(super) fn new(store: &str, plugin: &str, caller: Option<&str>) -> Self {
        // Quoted, so that no name can run into the next; and readable in the file.
        Self(serde_json::json!([store, plugin, caller]).to_string())
    }
}

/// What must hold for a value to be kept.
#[derive(Debug, Clone, Copy)]
pub(super) enum Condition {
    /// Nothing.
    None,
    /// The key is at this version; none: there is no such key.
    Version(Option<u64>),
}

/// One store.
pub(super) struct Sqlite {
    /// None if it is in memory.
    path: Option<PathBuf>,
    limits: Limits,
    /// None until the first use, and after an error that may be one of the file.
    connection: Arc<Mutex<Option<Connection>>>,
}

impl Sqlite {
    pub(super) fn in_memory(limits: Limits) -> Self {
        Self { path: None, limits, connection: Arc::default() }
    }

    pub(super) fn in_file(config: Config, dir: &Path, limits: Limits) -> Self {
        Self { path: Some(dir.join(config.path)), limits, connection: Arc::default() }
    }

    pub(super) async fn lookup(&self, space: Space, key: String) -> Result<Option<Entry>, Error> {
        self.run(move |connection, _| {
            let now = now_ms();
            let Some(space) = find(connection, &space)? else { return Ok(None) };
            let select = "SELECT value, version, expires_ms FROM entry \
                          WHERE space = ?1 AND key = ?2 AND (expires_ms IS NULL OR expires_ms > ?3)";
            let entry = connection.query_row(select, params![space, key, now], |row| {
                let expires: Option<i64> = row.get(2)?;
                let expires_in_ms = expires.map(|at| unsigned(at - now));
                Ok(Entry { value: row.get(0)?, version: unsigned(row.get(1)?), expires_in_ms })
            });
            Ok(entry.optional()?)
        })
        .await
    }

    /// Keeps a value for so long, or for ever, if the condition holds. Answers with the
    /// version; none if it does not hold.
    pub(super) async fn set(
        &self,
        space: Space,
        key: String,
        value: Vec<u8>,
        condition: Condition,
        time_to_live_ms: Option<u64>,
    ) -> Result<Option<u64>, Error> {
        self.run(move |connection, limits| {
            let now = now_ms();
            let change = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let sweep = "DELETE FROM entry WHERE id IN (SELECT id FROM entry WHERE expires_ms <= ?1 LIMIT ?2)";
            change.execute(sweep, params![now, SWEEP_KEYS])?;
            if let Condition::Version(expected) = condition
                && expected != version(&change, &space, &key, now)?
            {
                return Ok(None);
            }
            let count = "UPDATE store SET version = version + 1 RETURNING version";
            let version: i64 = change.query_row(count, [], |row| row.get(0))?;
            let touch = "INSERT INTO space (name, used) VALUES (?1, 2 * ?2) \
                         ON CONFLICT (name) DO UPDATE SET used = excluded.used RETURNING id";
            let space: i64 = change.query_row(touch, params![space.0, version], |row| row.get(0))?;
            let bytes = KEY_OVERHEAD + key.len() as u64 + value.len() as u64;
            let expires = time_to_live_ms.map(|time| now.saturating_add(signed(time)));
            let insert = "INSERT INTO entry (space, key, version, expires_ms, bytes, value) \
                          VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (space, key) DO UPDATE SET \
                          version = excluded.version, expires_ms = excluded.expires_ms, \
                          bytes = excluded.bytes, value = excluded.value";
            change.execute(insert, params![space, key, version, expires, signed(bytes), value])?;
            fit(&change, space, now, limits)?;
            change.commit()?;
            Ok(Some(unsigned(version)))
        })
        .await
    }

    pub(super) async fn delete(&self, space: Space, key: String) -> Result<bool, Error> {
        self.run(move |connection, _| {
            let delete = "DELETE FROM entry WHERE space = (SELECT id FROM space WHERE name = ?1) AND key = ?2 \
                          RETURNING expires_ms IS NULL OR expires_ms > ?3";
            let deleted = connection.query_row(delete, params![space.0, key, now_ms()], |row| row.get(0));
            Ok(deleted.optional()?.unwrap_or(false))
        })
        .await
    }

    /// The keys with a prefix after a key, sorted by their bytes, at most so many.
    pub(super) async fn keys(
        &self,
        space: Space,
        prefix: String,
        after: Option<String>,
        keys_max: usize,
    ) -> Result<Vec<String>, Error> {
        self.run(move |connection, _| {
            let Some(space) = find(connection, &space)? else { return Ok(Vec::new()) };
            let from = after.as_deref().unwrap_or_default().max(&prefix);
            let mut statement = connection.prepare(
                "SELECT key FROM entry WHERE space = ?1 AND key >= ?2 AND (expires_ms IS NULL OR expires_ms > ?3) \
                 ORDER BY key",
            )?;
            let mut rows = statement.query(params![space, from, now_ms()])?;
            let mut keys = Vec::new();
            while let Some(row) = rows.next()?
                && keys.len() < keys_max
            {
                let key: String = row.get(0)?;
                if !key.starts_with(&prefix) {
                    break;
                }
                if after.as_ref() != Some(&key) {
                    keys.push(key);
                }
            }
            Ok(keys)
        })
        .await
    }

    /// Looks whether it can be used. Makes no file: whoever looks may be another user than
    /// the one who serves.
    pub(super) async fn probe(&self) -> Result<Probe, String> {
        if let Some(path) = self.path.as_ref().filter(|path| !path.exists()) {
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
            return match folder {
                Some(folder) if !folder.is_dir() => Err(format!("the folder {} does not exist", folder.display())),
                _ => Ok(Probe::default()),
            };
        }
        let look = self.run(|connection, _| {
            let found: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
            if found == "ok" { Ok(Probe::default()) } else { Err(Trouble::damaged()) }
        });
        look.await.map_err(|error| error.message)
    }

    pub(super) fn summary(&self) -> String {
        match &self.path {
            None => "in memory".to_owned(),
            Some(path) => format!("SQLite file {}", path.display()),
        }
    }

    /// Does something on a thread that may wait, when everybody who asked before is done.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection, &Limits) -> Result<T, Trouble> + Send + 'static,
    ) -> Result<T, Error> {
        let (path, limits) = (self.path.clone(), self.limits);
        let mut kept = Arc::clone(&self.connection).lock_owned().await;
        let done = spawn_blocking(move || {
            let mut connection = match kept.take() {
                Some(connection) => connection,
                None => file::open(path.as_deref())?,
            };
            let done = work(&mut connection, &limits);
            // A file that failed is opened anew the next time: it may have been mended.
            if path.is_none() || !matches!(done, Err(Trouble::Sqlite(_))) {
                *kept = Some(connection);
            }
            done
        });
        match done.await {
            Ok(done) => done.map_err(Trouble::explain),
            Err(_) => Err(Error::new(ErrorKind::Failed, "the host is stopping")),
        }
    }
}

/// The number of a space, if it holds anything; from now on it is among those used last.
fn find(connection: &Connection, space: &Space) -> rusqlite::Result<Option<i64>> {
    let select = "SELECT id, used, (SELECT 2 * version + 1 FROM store) FROM space WHERE name = ?1";
    let columns = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
    let found: Option<(i64, i64, i64)> = connection.query_row(select, [&space.0], columns).optional()?;
    let Some((id, used, now)) = found else { return Ok(None) };
    // Once for each change of the store: reading alone writes nothing.
    if used < now {
        connection.execute("UPDATE space SET used = ?1 WHERE id = ?2", [now, id])?;
    }
    Ok(Some(id))
}

/// The version that a key is at; none if there is no such key.
fn version(change: &Transaction<'_>, space: &Space, key: &str, now: i64) -> rusqlite::Result<Option<u64>> {
    let select = "SELECT version FROM entry WHERE space = (SELECT id FROM space WHERE name = ?1) AND key = ?2 \
                  AND (expires_ms IS NULL OR expires_ms > ?3)";
    change.query_row(select, params![space.0, key, now], |row| Ok(unsigned(row.get(0)?))).optional()
}

/// Refuses what is too much for the space, once nothing is left in it that has expired; and
/// empties other spaces if it is too much for the store.
fn fit(change: &Transaction<'_>, space: i64, now: i64, limits: &Limits) -> Result<(), Trouble> {
    let full = || -> rusqlite::Result<Option<Trouble>> {
        let select = "SELECT keys, bytes FROM space WHERE id = ?1";
        let sums = |row: &Row<'_>| Ok((unsigned(row.get(0)?), unsigned(row.get(1)?)));
        let (keys, bytes) = change.query_row(select, [space], sums)?;
        Ok(if keys > limits.keys {
            Some(Trouble::Full("keys", limits.keys, "keys_max"))
        } else if bytes > limits.bytes {
            Some(Trouble::Full("bytes", limits.bytes, "bytes_max"))
        } else {
            None
        })
    };
    if full()?.is_some() {
        change.execute("DELETE FROM entry WHERE space = ?1 AND expires_ms <= ?2", params![space, now])?;
        if let Some(trouble) = full()? {
            return Err(trouble);
        }
    }
    while change.query_row("SELECT bytes FROM store", [], |row| Ok(unsigned(row.get(0)?)))? > limits.total_bytes {
        let oldest = "DELETE FROM entry WHERE space = (SELECT id FROM space WHERE id <> ?1 ORDER BY used LIMIT 1)";
        if change.execute(oldest, [space])? == 0 {
            return Err(Trouble::Full("bytes", limits.total_bytes, "total_bytes_max"));
        }
    }
    Ok(())
}

/// Milliseconds since 1970: what expires does so while the host is not running, too.
fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// SQLite's numbers have a sign, and none here is below zero.
fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
