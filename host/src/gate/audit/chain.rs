//! One chain of a trail, and the only one who writes it: takes it up where it ended, goes on
//! in the next segment where one is full, and leaves no half of a line behind.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;

use super::link::Link;
use super::{OpenError, now, segment};
use crate::config;

/// How many hosts may use one trail at a time.
const CHAINS_MAX: u64 = 1_024;

/// A chain that is written.
pub(super) struct Chain {
    dir: PathBuf,
    /// Locked as long as the chain is held.
    head: File,
    segment: Arc<File>,
    number: u64,
    bytes: u64,
    /// The number of the oldest segment that was kept.
    oldest: u64,
    link: Link,
    rotate_bytes: u64,
    keep_segments: u64,
    /// What has to be said before the next line.
    mark: Option<Mark>,
    /// The segment is not at its path any more: what is written to it is for nobody.
    is_moved: bool,
    /// The last write failed: a part of what it should have written may be there.
    is_torn: bool,
    /// Segments, and directories of new ones, that no longer change and were not forced to the disk.
    unsynced: Vec<Arc<File>>,
    buffer: Vec<u8>,
}

/// A line that tells of the chain instead of a call: the first of each segment, of each process, and
/// after trouble.
#[derive(Debug, Clone, Default, Serialize)]
struct Mark {
    time: String,
    /// `started`, `rotated` or `resumed`.
    mark: &'static str,
    /// The segment that it stands in.
    segment: u64,
    /// The oldest segment that was kept.
    oldest: u64,
    /// The hash of the line before.
    after: String,
    /// The host's version.
    version: &'static str,
    /// Bytes of an incomplete last line, which were cut off.
    #[serde(skip_serializing_if = "is_zero")]
    recovered_bytes: u64,
    /// Lines that had been there before, and were not when the host started.
    #[serde(skip_serializing_if = "is_zero")]
    missing: u64,
    /// Calls that were refused, as no line could be written.
    #[serde(skip_serializing_if = "is_zero")]
    refused: u64,
    /// Lines of calls that went on all the same.
    #[serde(skip_serializing_if = "is_zero")]
    lost: u64,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl Chain {
    /// The first chain of the trail that nobody else writes.
    pub(super) fn take(dir: &Path, config: &config::Audit) -> Result<Self, OpenError> {
        for number in 1..=CHAINS_MAX {
            let dir = dir.join(number.to_string());
            segment::make_dir(&dir).map_err(|error| OpenError::file(&dir, &error))?;
            let head = segment::open_head(&dir).map_err(|error| OpenError::file(&dir.join(segment::HEAD), &error))?;
            match head.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => continue,
                Err(TryLockError::Error(error)) => return Err(OpenError::file(&dir.join(segment::HEAD), &error)),
            }
            match Self::resume(&dir, head, config).map_err(|error| OpenError::file(&dir, &error))? {
                Some(chain) => return Ok(chain),
                // What was changed by hand stays as it is, for `verify` to find.
                None => tracing::error!(
                    audit.chain = %dir.display(),
                    "a chain of the audit trail is broken at its end, and another one is begun; see `toolhost audit verify`"
                ),
            }
        }
        Err(OpenError::Taken { dir: dir.to_owned(), chains: CHAINS_MAX })
    }

    /// The chain of this directory, where it ended; none if it cannot be gone on with.
    fn resume(dir: &Path, head: File, config: &config::Audit) -> io::Result<Option<Self>> {
        let noted = segment::read_head(dir)?;
        let mut segments = segment::segments(dir)?;
        let mut mark = Mark { mark: "started", ..Mark::default() };
        let mut found = None;
        while let Some((number, path)) = segments.pop() {
            let Some(end) = segment::reopen(&path)? else { return Ok(None) };
            mark.recovered_bytes += end.cut_bytes;
            if let Some(link) = end.link {
                // Not what is there now: somebody may have removed what was kept.
                let oldest = segment::oldest(&path)?;
                found = Some((number, end.file, end.bytes, oldest, link));
                break;
            }
            // One without a line says nothing, and not where the chain goes on.
            fs::remove_file(&path)?;
        }
        let is_new = found.is_none();
        let (number, file, bytes, oldest, mut link) = match found {
            Some(found) => found,
            None => (1, segment::create(dir, 1)?, 0, 1, Link::nothing()),
        };
        if let Some(noted) = noted
            && noted.seq > link.seq
        {
            mark.missing = noted.seq - link.seq;
            link.seq = noted.seq;
        }
        let mut chain = Self {
            dir: dir.to_owned(),
            head,
            segment: Arc::new(file),
            number,
            bytes,
            oldest,
            link,
            rotate_bytes: config.rotate_bytes(),
            keep_segments: config.keep_segments.get(),
            mark: Some(mark),
            is_moved: false,
            is_torn: false,
            unsynced: Vec::new(),
            buffer: Vec::new(),
        };
        if is_new {
            chain.unsynced.push(Arc::new(File::open(dir)?));
        }
        Ok(Some(chain))
    }

    /// Writes lines, each given as the members of a JSON object, and what has to be said before
    /// them: all of it or nothing.
    pub(super) fn write(&mut self, lines: &[Vec<u8>]) -> io::Result<()> {
        if self.is_torn {
            self.segment.set_len(self.bytes)?;
            self.is_torn = false;
        }
        if self.is_moved || self.bytes >= self.rotate_bytes {
            self.rotate()?;
        }
        let mut link = self.link.clone();
        self.buffer.clear();
        if let Some(mark) = &mut self.mark {
            (mark.time, mark.version) = (now(), env!("CARGO_PKG_VERSION"));
            (mark.segment, mark.oldest) = (self.number, self.oldest);
            mark.after.clone_from(&link.hash);
            let mark = serde_json::to_vec(mark).map_err(io::Error::other)?;
            link.add(members(&mark), &mut self.buffer);
        }
        for line in lines {
            link.add(line, &mut self.buffer);
        }
        if self.buffer.is_empty() {
            return Ok(());
        }
        self.is_torn = true;
        (&*self.segment).write_all(&self.buffer)?;
        self.is_torn = false;
        self.bytes += u64::try_from(self.buffer.len()).unwrap_or_default();
        self.link = link;
        if self.mark.take().is_some_and(|mark| mark.mark == "rotated") {
            self.remove_old();
        }
        Ok(())
    }

    /// Says, before the next line, that calls were refused and lines lost.
    pub(super) fn mark_trouble(&mut self, refused: u64, lost: u64) {
        let mark = self.mark.get_or_insert_with(|| Mark { mark: "resumed", ..Mark::default() });
        (mark.refused, mark.lost) = (refused, lost);
    }

    /// The number of the last line.
    pub(super) fn seq(&self) -> u64 {
        self.link.seq
    }

    /// Whether the segment is where readers look for it. If not, the next line begins another one.
    pub(super) fn is_in_place(&mut self) -> bool {
        self.is_moved = !segment::is_at(&self.segment, &segment::path(&self.dir, self.number));
        !self.is_moved
    }

    /// What is not forced to the disk yet, and how far the chain is when it is.
    pub(super) fn take_unsynced(&mut self) -> (Vec<Arc<File>>, Link) {
        let mut files = std::mem::take(&mut self.unsynced);
        files.push(Arc::clone(&self.segment));
        (files, self.link.clone())
    }

    /// Takes back what could not be forced to the disk.
    pub(super) fn put_back(&mut self, files: Vec<Arc<File>>) {
        self.unsynced.extend(files.into_iter().filter(|file| !Arc::ptr_eq(file, &self.segment)));
    }

    /// Notes how far the chain is, for `verify` to miss what is removed from its end.
    pub(super) fn note(&self, link: &Link) {
        if let Err(error) = segment::write_head(&self.head, link) {
            tracing::warn!(%error, "the end of the audit trail could not be noted");
        }
    }

    fn rotate(&mut self) -> io::Result<()> {
        // Without it another host could write this chain.
        if !segment::is_at(&self.head, &self.dir.join(segment::HEAD)) {
            return Err(io::Error::other("its directory was taken away: put it back, or start the host again"));
        }
        let dir = Arc::new(File::open(&self.dir)?);
        let next = Arc::new(segment::create(&self.dir, self.number + 1)?);
        let full = std::mem::replace(&mut self.segment, next);
        self.unsynced.extend([full, dir]);
        (self.number, self.bytes, self.is_moved) = (self.number + 1, 0, false);
        if self.keep_segments > 0 {
            self.oldest = self.oldest.max((self.number + 1).saturating_sub(self.keep_segments));
        }
        self.mark = Some(Mark { mark: "rotated", ..self.mark.take().unwrap_or_default() });
        Ok(())
    }

    /// Removes the segments that are one too many, now that the chain says so.
    fn remove_old(&self) {
        let segments = segment::segments(&self.dir).unwrap_or_default();
        for (_, path) in segments.iter().filter(|(number, _)| *number < self.oldest) {
            if let Err(error) = fs::remove_file(path) {
                tracing::warn!(audit.segment = %path.display(), %error, "an old segment of the audit trail was not removed");
            }
        }
    }
}

/// What stands between the braces of a JSON object.
pub(super) fn members(object: &[u8]) -> &[u8] {
    object.strip_prefix(b"{").and_then(|object| object.strip_suffix(b"}")).unwrap_or_default()
}
