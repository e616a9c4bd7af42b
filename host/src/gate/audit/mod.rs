//! The trail: one line for every call, whatever became of it, that nobody can change unseen.
//!
//! A line is a JSON object. It is with the operating system before its call is answered, so that
//! a host that is killed has a line for every answer that it gave. It holds no argument and
//! nothing of an answer.
//!
//! ```text
//! audit/key               the key of the digests of arguments (`digest.rs`)
//! audit/1/000001.jsonl    a chain of lines, in segments (`chain.rs`, `segment.rs`, `link.rs`)
//! audit/1/head            how far the chain is, noted once it is on the disk; locked by its writer
//! audit/2/…               the chain of a second host that runs at the same time
//! ```

mod chain;
mod digest;
mod link;
mod read;
mod segment;
#[cfg(test)]
mod tests;
mod verify;
mod writer;

use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use chrono::{DateTime, SecondsFormat, Utc};

use crate::call::JsonObject;
use crate::config;
use crate::fault::{Error, Kind};

use self::chain::{Chain, members};
pub use self::digest::{Digest, Key};
pub use self::read::{Entry, Follow, Use, entries, last};
pub use self::verify::{Found, Place, Problem, Verified, verify};
use self::writer::{Unwritten, Writer};

/// The trail of one host. Dropping it forces its lines to the disk.
pub(super) struct Audit {
    config: config::Audit,
    key: Key,
    writer: Writer,
}

/// Why a trail is not written, or not read.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A file or directory cannot be used.
    #[error("the audit trail: {path}: {why}; set another place: [audit] dir", path = .path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why not.
        why: String,
    },
    /// Too many hosts use it.
    #[error("the audit trail in {dir} is written by {chains} hosts, the most that can", dir = .dir.display())]
    Taken {
        /// The trail's directory.
        dir: PathBuf,
        /// How many.
        chains: u64,
    },
}

impl OpenError {
    fn file(path: &Path, error: &io::Error) -> Self {
        Self::File { path: path.to_owned(), why: error.to_string() }
    }
}

impl Audit {
    /// Takes up a chain of the trail in this directory, which is made if it is not there.
    pub(super) fn open(config: &config::Audit, dir: &Path) -> Result<Self, OpenError> {
        segment::make_dir(dir).map_err(|error| OpenError::file(dir, &error))?;
        let key = Key::open(dir)?;
        let writer = Writer::start(Chain::take(dir, config)?, config).map_err(|error| OpenError::file(dir, &error))?;
        Ok(Self { config: config.clone(), key, writer })
    }

    /// Tells the operator if another config is taken that says something else of the trail.
    pub(super) fn compare(&self, config: &config::Audit) {
        if self.config != *config {
            tracing::warn!("what changed in [audit] takes effect at the next start");
        }
    }

    /// Whether calls are made, or why not.
    pub(super) fn ready(&self) -> Result<(), Error> {
        self.writer.ready().map_err(|Unwritten| refused())
    }

    /// Whether this call may be made. One that may not has no line; it is counted in the next.
    pub(super) fn admit(&self) -> Result<(), Error> {
        self.ready().inspect_err(|_| self.writer.count_refused())
    }

    /// The digest of arguments.
    pub(super) fn digest(&self, arguments: &JsonObject) -> Digest {
        self.key.digest(arguments)
    }

    /// Writes the line of a call, which may be answered when this is done, or else why not.
    pub(super) async fn write(&self, line: &impl serde::Serialize) -> Result<(), Error> {
        let written = self.writer.write(to_members(line)?).map_err(|Unwritten| withheld())?;
        self.writer.synced(written).await.map_err(|Unwritten| withheld())
    }

    /// Forces all lines to the disk, as the host ends.
    pub(super) fn end(&self) {
        self.writer.end();
    }

    /// Writes the line of a call that nobody waits for any more.
    pub(super) fn leave(&self, line: &impl serde::Serialize) {
        // Where it cannot be written, the writer has said so, and keeps it.
        let _ = to_members(line).map(|line| self.writer.write(line));
    }
}

fn to_members(line: &impl serde::Serialize) -> Result<Vec<u8>, Error> {
    // Made of text and numbers alone, it cannot fail to become JSON.
    let line = serde_json::to_vec(line).map_err(|_| withheld())?;
    Ok(members(&line).to_vec())
}

fn refused() -> Error {
    Error::new(Kind::Internal, "The host cannot write its audit trail, and makes no call without.").next(MEND)
}

fn withheld() -> Error {
    let message = "The call was made, and its answer is withheld: the host cannot write its audit trail.";
    Error::new(Kind::Internal, message).next(MEND)
}

const MEND: &str = "Tell the operator: the host's log says what is wrong with the directory of `[audit] dir`.";

/// Now, as lines have it: RFC 3339, UTC, in milliseconds.
pub(super) fn now() -> String {
    time(SystemTime::now().into())
}

/// A time, as lines have it: later times come later in the order of text.
pub fn time(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}
