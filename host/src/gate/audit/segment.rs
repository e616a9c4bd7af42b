//! The files of a trail: `<dir>/<chain>/<segment>.jsonl`, and what a chain's writer notes beside
//! them, `<dir>/<chain>/head`.

use std::fs::{self, DirBuilder, File, Metadata, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::link::{Line, Link};

/// The file that says how far a chain is, and that its writer holds a lock on.
pub(super) const HEAD: &str = "head";

/// How much of a segment's end is read at first, in search of its last line.
const END_BYTES: u64 = 8 << 10;

/// Makes a directory for the host's user alone, if it is not there.
pub(super) fn make_dir(dir: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(dir)
}

/// How files are made that are for the host's user alone.
pub(super) fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// The chains of a trail, by number.
pub(super) fn chains(dir: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    numbered(dir, |name| name.parse().ok())
}

/// The segments of a chain, by number.
pub(super) fn segments(chain: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    numbered(chain, |name| name.strip_suffix(".jsonl")?.parse().ok())
}

fn numbered(dir: &Path, number: impl Fn(&str) -> Option<u64>) -> io::Result<Vec<(u64, PathBuf)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if let Some(number) = entry.file_name().to_str().and_then(&number) {
            found.push((number, entry.path()));
        }
    }
    found.sort_unstable();
    Ok(found)
}

/// Where a segment is.
pub(super) fn path(chain: &Path, number: u64) -> PathBuf {
    chain.join(format!("{number:06}.jsonl"))
}

/// Makes a segment that is not there yet.
pub(super) fn create(chain: &Path, number: u64) -> io::Result<File> {
    private().append(true).create_new(true).open(path(chain, number))
}

/// Whether an open file is the one at this path, and not one that was moved or removed.
pub(super) fn is_at(file: &File, path: &Path) -> bool {
    match (file.metadata(), fs::metadata(path)) {
        (Ok(open), Ok(there)) => is_same(&open, &there),
        _ => false,
    }
}

#[cfg(unix)]
fn is_same(one: &Metadata, other: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

/// Elsewhere an open file can be neither moved nor removed.
#[cfg(not(unix))]
fn is_same(_: &Metadata, _: &Metadata) -> bool {
    true
}

/// The end of a segment that was written before.
pub(super) struct End {
    pub(super) file: File,
    /// Its length, up to its last whole line.
    pub(super) bytes: u64,
    /// What an incomplete last line had, which is cut off.
    pub(super) cut_bytes: u64,
    /// Its last line; none if there is no whole one.
    pub(super) link: Option<Link>,
}

/// Opens a segment to go on with, and cuts off a line that is incomplete. None if its last line
/// is none of a chain.
pub(super) fn reopen(path: &Path) -> io::Result<Option<End>> {
    let mut file = OpenOptions::new().read(true).append(true).open(path)?;
    let length = file.metadata()?.len();
    let mut size = END_BYTES;
    loop {
        let from = length.saturating_sub(size);
        file.seek(SeekFrom::Start(from))?;
        let mut end = Vec::new();
        (&file).take(size).read_to_end(&mut end)?;
        let whole = end.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let lines = end.get(..whole).unwrap_or_default().strip_suffix(b"\n");
        let begin = lines.and_then(|lines| lines.iter().rposition(|byte| *byte == b'\n')).map(|at| at + 1);
        // The last line's beginning may be further ahead.
        if begin.is_none() && from > 0 {
            size = size.saturating_mul(8);
            continue;
        }
        let bytes = from + u64::try_from(whole).unwrap_or_default();
        let last = lines.map(|lines| lines.get(begin.unwrap_or_default()..).unwrap_or_default());
        let link = match last {
            None => None,
            Some(last) => match std::str::from_utf8(last).ok().and_then(Line::read) {
                Some(line) => Some(line.link()),
                None => return Ok(None),
            },
        };
        if bytes < length {
            file.set_len(bytes)?;
        }
        return Ok(Some(End { file, bytes, cut_bytes: length - bytes, link }));
    }
}

/// The oldest segment that was kept when this one began, as its first line has it.
pub(super) fn oldest(path: &Path) -> io::Result<u64> {
    #[derive(Deserialize)]
    struct Mark {
        oldest: u64,
    }
    let mut line = Vec::new();
    BufReader::new(File::open(path)?).read_until(b'\n', &mut line)?;
    // A segment whose first line was changed is for `verify` to find.
    Ok(serde_json::from_slice::<Mark>(&line).map_or(1, |mark| mark.oldest))
}

/// How far a chain was when its writer last noted it: 20 digits, a space, the hash, a line break,
/// so that noting it anew never makes the file longer or shorter.
pub(super) fn read_head(chain: &Path) -> io::Result<Option<Link>> {
    let path = chain.join(HEAD);
    // Whoever reads while it is written reads again.
    let (mut text, mut again) = (fs::read_to_string(&path)?, fs::read_to_string(&path)?);
    while text != again {
        (text, again) = (again, fs::read_to_string(&path)?);
    }
    let link = text
        .trim_end()
        .split_once(' ')
        .and_then(|(seq, hash)| Some(Link { seq: seq.parse().ok()?, hash: hash.to_owned() }));
    Ok(link)
}

/// Notes how far a chain is.
pub(super) fn write_head(mut head: &File, link: &Link) -> io::Result<()> {
    head.seek(SeekFrom::Start(0))?;
    head.write_all(format!("{:020} {}\n", link.seq, link.hash).as_bytes())
}

/// Opens the file that says how far a chain is.
pub(super) fn open_head(chain: &Path) -> io::Result<File> {
    private().read(true).write(true).create(true).truncate(false).open(chain.join(HEAD))
}
