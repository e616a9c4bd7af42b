//! The file of a store, or the memory in its place, and its tables.

use std::path::Path;
use std::time::Duration;

use rusqlite::Connection;

use super::now_ms;
use super::trouble::Trouble;
use crate::wire::sqlite::{OpenError, Own};

/// How long another program that has the same file open may take with it.
const BUSY_TIME: Duration = Duration::from_secs(5);

/// `tool`: tells a store's file from any other SQLite file.
const APPLICATION_ID: i32 = 0x746f_6f6c;

/// Grows when a newer host could not use the file of an older one.
const SCHEMA_VERSION: i32 = 1;

/// The triggers count: whatever removes a key, the sums are right. `store` has one row, and
/// its version grows with every change; `used` is twice the version that a space was written
/// at, or one more if it was read since, so that it needs no clock.
const SCHEMA: &str = "
CREATE TABLE store (version INTEGER NOT NULL, bytes INTEGER NOT NULL);
CREATE TABLE space (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  used INTEGER NOT NULL,
  keys INTEGER NOT NULL DEFAULT 0,
  bytes INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX space_by_use ON space (used);
CREATE TABLE entry (
  id INTEGER PRIMARY KEY,
  space INTEGER NOT NULL,
  key TEXT NOT NULL,
  version INTEGER NOT NULL,
  expires_ms INTEGER,
  bytes INTEGER NOT NULL,
  value BLOB NOT NULL,
  UNIQUE (space, key)
);
CREATE INDEX entry_by_expiry ON entry (expires_ms) WHERE expires_ms IS NOT NULL;
CREATE TRIGGER entry_added AFTER INSERT ON entry BEGIN
  UPDATE space SET keys = keys + 1, bytes = bytes + NEW.bytes WHERE id = NEW.space;
  UPDATE store SET bytes = bytes + NEW.bytes;
END;
CREATE TRIGGER entry_changed AFTER UPDATE OF bytes ON entry BEGIN
  UPDATE space SET bytes = bytes + NEW.bytes - OLD.bytes WHERE id = NEW.space;
  UPDATE store SET bytes = bytes + NEW.bytes - OLD.bytes;
END;
CREATE TRIGGER entry_removed AFTER DELETE ON entry BEGIN
  UPDATE space SET keys = keys - 1, bytes = bytes - OLD.bytes WHERE id = OLD.space;
  UPDATE store SET bytes = bytes - OLD.bytes;
END;
CREATE TRIGGER space_emptied AFTER UPDATE OF keys ON space WHEN NEW.keys = 0 BEGIN
  DELETE FROM space WHERE id = NEW.id;
END;";

const STORE: Own = Own {
    application_id: APPLICATION_ID,
    schema_version: SCHEMA_VERSION,
    schema: SCHEMA,
    busy_time: BUSY_TIME,
    // A power failure may lose what was kept last, and damages nothing.
    keeping: "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;",
};

/// Opens the file, and makes it what it should be.
pub(super) fn open(path: Option<&Path>) -> Result<Connection, Trouble> {
    let opened = STORE.open(path, |change, is_new| {
        if is_new {
            // Not from 1: a version that was handed out before the file was lost, or the memory
            // emptied, must not fit what is kept now.
            change.execute("INSERT INTO store VALUES (?1, 0)", [now_ms().saturating_mul(1_000)])?;
        }
        Ok(())
    });
    opened.map_err(|error| match error {
        OpenError::Sqlite(error) => Trouble::Sqlite(error),
        OpenError::Foreign => Trouble::Foreign,
        OpenError::Unusable(_) => Trouble::Unusable,
    })
}
