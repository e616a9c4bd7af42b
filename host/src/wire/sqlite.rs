//! SQLite files of the host's own: made if they are not there, for this user alone, and never
//! taken for another program's.

use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};

/// What a file holds, and how it is used.
pub struct Own {
    /// Tells the files of one kind from any other SQLite file.
    pub application_id: i32,
    /// Grows when a newer host could not use the file of an older one.
    pub schema_version: i32,
    /// The tables of a new file.
    pub schema: &'static str,
    /// How long another program that has the same file open may take with it.
    pub busy_time: Duration,
    /// How changes are kept: how soon on the disk, and whether for this program alone.
    pub keeping: &'static str,
}

/// Why a file is not opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// SQLite says.
    #[error("SQLite: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// It is a database, and none of ours.
    #[error("its file was made by something else, or by a newer toolhost")]
    Foreign,
    /// There is no file, and none can be made.
    #[error("its file cannot be opened or made: {0}")]
    Unusable(#[from] std::io::Error),
}

impl Own {
    /// Opens a file, or memory in its place, and makes it what it should be. `prepare` is done in the
    /// same step, and told whether the file is new.
    pub fn open(
        &self,
        path: Option<&Path>,
        prepare: impl FnOnce(&Transaction<'_>, bool) -> rusqlite::Result<()>,
    ) -> Result<Connection, OpenError> {
        let mut connection = match path {
            None => Connection::open_in_memory()?,
            Some(path) => {
                make(path)?;
                Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)?
            }
        };
        connection.busy_timeout(self.busy_time)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
        connection.execute_batch(self.keeping)?;
        let change = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let number = |pragma: &str| change.query_row(pragma, [], |row| row.get::<_, i32>(0));
        let (id, version) = (number("PRAGMA application_id")?, number("PRAGMA user_version")?);
        let tables = number("SELECT count(*) FROM sqlite_schema")?;
        let is_new = (id, version, tables) == (0, 0, 0);
        if is_new {
            let Self { application_id, schema_version, .. } = self;
            let marks = format!("PRAGMA application_id = {application_id}; PRAGMA user_version = {schema_version};");
            change.execute_batch(&marks)?;
            change.execute_batch(self.schema)?;
        } else if (id, version) != (self.application_id, self.schema_version) {
            return Err(OpenError::Foreign);
        }
        prepare(&change, is_new)?;
        change.commit()?;
        Ok(connection)
    }
}

/// Makes the file if it is not there, for this user alone; SQLite gives the files beside it
/// the same mode.
fn make(path: &Path) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}
