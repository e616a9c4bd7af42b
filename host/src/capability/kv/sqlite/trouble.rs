//! Why a store could not do something, and what a plugin is told of it.

use rusqlite::ErrorCode;

use crate::wit::{Error, ErrorKind};

/// Why something could not be done.
pub(super) enum Trouble {
    /// SQLite says.
    Sqlite(rusqlite::Error),
    /// What is full, how much it holds, and which limit says so.
    Full(&'static str, u64, &'static str),
    /// The file is a database, and none of ours.
    Foreign,
    /// There is no file, and none can be made.
    Unusable,
}

impl From<rusqlite::Error> for Trouble {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl Trouble {
    /// A look at the whole file found it so.
    pub(super) fn damaged() -> Self {
        Self::Sqlite(rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT), None))
    }

    /// What a plugin is told: no path, no key and no value.
    pub(super) fn explain(self) -> Error {
        let unavailable = |message: &str| Error::new(ErrorKind::Unavailable, message);
        let unusable = "the file of this store cannot be opened or written; the operator must check its `path`";
        let error = match self {
            Self::Full(what, max, limit) => {
                let message = format!("the store is full: {max} {what} is all it takes (its `{limit}`); delete some");
                return Error::new(ErrorKind::Limited, message);
            }
            Self::Foreign => {
                return unavailable(
                    "the file of this store was made by something else, or by a newer toolhost; \
                     the operator must check its `path`",
                );
            }
            Self::Unusable => return unavailable(unusable),
            Self::Sqlite(error) => error,
        };
        match error.sqlite_error_code() {
            Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => unavailable(
                "the file of this store is damaged or no SQLite file; the operator must move it away, or restore it",
            ),
            Some(
                ErrorCode::CannotOpen | ErrorCode::PermissionDenied | ErrorCode::ReadOnly | ErrorCode::SystemIoFailure,
            ) => unavailable(unusable),
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                unavailable("another program uses the file of this store; try again")
            }
            Some(ErrorCode::DiskFull) => {
                unavailable("there is no room left for this store; the operator must make some")
            }
            _ => Error::new(ErrorKind::Failed, "the store could not do it"),
        }
    }
}
