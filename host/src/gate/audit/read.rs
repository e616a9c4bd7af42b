//! Reads a trail, from its beginning or its end, while hosts may write it: the lines of all
//! chains, by time.

use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom};
use std::iter::Peekable;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::{OpenError, segment};

/// How much of a segment's end is read to find where its last line ends.
const END_BYTES: u64 = 64 << 10;

/// The line of a call, or of what became of a chain.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Entry {
    /// The line as it stands.
    #[serde(skip)]
    pub text: String,
    /// When it was written: RFC 3339, UTC.
    pub time: String,
    /// What became of the chain: `started`, `rotated` or `resumed`; none of a call.
    pub mark: Option<String>,
    /// The call's id.
    pub id: String,
    /// Who called.
    pub caller: String,
    /// Whose offer it was, if there was one.
    pub plugin: Option<String>,
    /// What was asked for, in MCP's words.
    pub method: String,
    /// The name of the tool or prompt, or the URI of the resource.
    pub name: String,
    /// `answered`, `asked`, or the error's kind.
    pub outcome: String,
    /// Who could have mended the error.
    pub fault: Option<String>,
    /// How long it took, in microseconds.
    pub us: u64,
    /// What the plugin answered, in bytes.
    pub bytes_out: u64,
    /// Rows that came out of grants.
    pub rows: u64,
    /// What it did with its grants.
    pub uses: Vec<Use>,
    /// Calls that were refused before, as no line could be written.
    pub refused: u64,
    /// Lines that were lost before.
    pub lost: u64,
    /// Lines that were missing when the host started.
    pub missing: u64,
    /// Bytes of an incomplete line that were cut off.
    pub recovered_bytes: u64,
}

/// A use of a grant.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Use {
    /// The capability's name.
    pub capability: String,
    /// The grant's name; none where a plugin asked for what can be none.
    pub grant: Option<String>,
    /// What was to be done.
    pub action: String,
    /// Whether it was allowed.
    pub allowed: bool,
    /// How often.
    pub times: u64,
}

impl Entry {
    /// A line of a trail; none if it is not one.
    pub(super) fn read(text: &str) -> Option<Self> {
        let entry = serde_json::from_str::<Self>(text).ok()?;
        Some(Self { text: text.to_owned(), ..entry })
    }
}

/// All lines of the trail in this directory, by time.
pub fn entries(dir: &Path) -> Result<impl Iterator<Item = Entry>, OpenError> {
    let failed = |error: &io::Error| OpenError::file(dir, error);
    let mut chains: Vec<Peekable<Box<dyn Iterator<Item = Entry>>>> = Vec::new();
    for (_, chain) in segment::chains(dir).map_err(|error| failed(&error))? {
        let segments = segment::segments(&chain).map_err(|error| failed(&error))?;
        // A segment that was removed meanwhile has no more lines.
        let lines = segments.into_iter().flat_map(|(_, path)| File::open(path)).flat_map(whole_lines);
        let lines: Box<dyn Iterator<Item = Entry>> = Box::new(lines.filter_map(|line| Entry::read(&line)));
        chains.push(lines.peekable());
    }
    Ok(std::iter::from_fn(move || {
        let times = chains.iter_mut().enumerate();
        let times = times.filter_map(|(place, chain)| Some((chain.peek()?.time.clone(), place)));
        let (_, first) = times.min()?;
        chains.get_mut(first)?.next()
    }))
}

/// The last lines of the trail, oldest first.
pub fn last(dir: &Path, count: usize) -> Result<Vec<Entry>, OpenError> {
    let failed = |error: &io::Error| OpenError::file(dir, error);
    let mut all = Vec::new();
    for (_, chain) in segment::chains(dir).map_err(|error| failed(&error))? {
        let mut found: VecDeque<String> = VecDeque::new();
        for (_, path) in segment::segments(&chain).map_err(|error| failed(&error))?.into_iter().rev() {
            let mut here = VecDeque::new();
            for line in File::open(path).into_iter().flat_map(whole_lines) {
                here.push_back(line);
                if here.len() + found.len() > count {
                    here.pop_front();
                }
            }
            here.append(&mut found);
            found = here;
            if found.len() >= count {
                break;
            }
        }
        all.extend(found.iter().filter_map(|line| Entry::read(line)));
    }
    all.sort_by(|one, other| one.time.cmp(&other.time));
    Ok(all.split_off(all.len().saturating_sub(count)))
}

/// The lines of a file; not a last one that is still being written.
fn whole_lines(file: File) -> impl Iterator<Item = String> {
    let mut file = BufReader::with_capacity(1 << 16, file);
    std::iter::from_fn(move || {
        let mut line = Vec::new();
        file.read_until(b'\n', &mut line).ok()?;
        // What is no text is no line, and `verify` says so.
        line.strip_suffix(b"\n").map(|line| String::from_utf8_lossy(line).into_owned())
    })
}

/// Whoever reads on where a trail ended.
pub struct Follow {
    dir: PathBuf,
    /// How far each segment was read, in bytes.
    read: BTreeMap<PathBuf, u64>,
}

impl Follow {
    /// Begins at the end of the trail in this directory.
    pub fn end(dir: &Path) -> Result<Self, OpenError> {
        let mut follow = Self { dir: dir.to_owned(), read: BTreeMap::new() };
        follow.read_from(|path| {
            let length = std::fs::metadata(path).map_or(0, |file| file.len());
            // Where a line is half written, its beginning has to be found.
            length.saturating_sub(END_BYTES)
        })?;
        Ok(follow)
    }

    /// The lines that were written since, by time.
    pub fn news(&mut self) -> Result<Vec<Entry>, OpenError> {
        let read = std::mem::take(&mut self.read);
        self.read_from(|path| read.get(path).copied().unwrap_or_default())
    }

    fn read_from(&mut self, begin: impl Fn(&Path) -> u64) -> Result<Vec<Entry>, OpenError> {
        let failed = |error: &io::Error| OpenError::file(&self.dir, error);
        let mut news = Vec::new();
        for (_, chain) in segment::chains(&self.dir).map_err(|error| failed(&error))? {
            for (_, path) in segment::segments(&chain).map_err(|error| failed(&error))? {
                let from = begin(&path);
                let to = read_on(&path, from, &mut news).unwrap_or(from);
                self.read.insert(path, to);
            }
        }
        news.sort_by(|one: &Entry, other| one.time.cmp(&other.time));
        Ok(news)
    }
}

/// Reads the whole lines from a place on: the place after them.
fn read_on(path: &Path, from: u64, news: &mut Vec<Entry>) -> io::Result<u64> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(from))?;
    let mut text = Vec::new();
    file.read_to_end(&mut text)?;
    let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let lines = String::from_utf8_lossy(text.get(..whole).unwrap_or_default());
    news.extend(lines.lines().filter_map(Entry::read));
    Ok(from + u64::try_from(whole).unwrap_or_default())
}
