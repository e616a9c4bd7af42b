//! Whether a trail is as it was written: every line hangs on the one before it, no segment is
//! missing, and the end is not behind what its writer noted.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::link::{Line, Link};
use super::read::Entry;
use super::{OpenError, segment};

/// How often a chain is read again whose oldest segments are removed meanwhile.
const TRIES: usize = 3;

/// What was found of a chain.
#[derive(Debug, Default)]
pub struct Verified {
    /// Its directory.
    pub dir: PathBuf,
    /// Segments that are there.
    pub segments: usize,
    /// The number of the first segment; those before it were removed by the host, as it was told to.
    pub begins: u64,
    /// Lines that hold, up to the first that does not.
    pub lines: u64,
    /// The first call.
    pub first: Option<Entry>,
    /// The last call of those lines.
    pub last: Option<Entry>,
    /// The last of those lines, and its hash.
    pub end: Option<(Place, String)>,
    /// Bytes of a last line that is not whole: it is being written, or its writer was killed.
    pub incomplete_bytes: usize,
    /// What is wrong first.
    pub problem: Option<Problem>,
}

/// A line of a segment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place {
    /// The segment.
    pub path: PathBuf,
    /// The line, from 1.
    pub line: u64,
}

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where.
    pub at: Place,
    /// What, in a few words for people.
    pub what: String,
}

/// What a mark says that matters here.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Mark {
    oldest: u64,
    after: String,
    missing: u64,
}

/// What was found of a trail.
#[derive(Debug, Default)]
pub struct Found {
    /// Each of its chains.
    pub chains: Vec<Verified>,
    /// The hashes that were to be there, and that no line has.
    pub absent: Vec<String>,
}

/// Reads every chain of the trail in this directory. The hosts that write it may go on. `hashes`
/// are those that some line must have.
pub fn verify(dir: &Path, hashes: &[String]) -> Result<Found, OpenError> {
    let failed = |dir: &Path, error: &io::Error| OpenError::file(dir, error);
    let chains = segment::chains(dir).map_err(|error| failed(dir, &error))?;
    let mut found = Found { chains: Vec::new(), absent: hashes.to_vec() };
    for (_, dir) in chains {
        let mut verified = chain(&dir, &mut found.absent);
        for _ in 1..TRIES {
            match &verified {
                Err(error) if error.kind() == io::ErrorKind::NotFound => verified = chain(&dir, &mut found.absent),
                _ => break,
            }
        }
        found.chains.push(verified.map_err(|error| failed(&dir, &error))?);
    }
    Ok(found)
}

fn chain(dir: &Path, absent: &mut Vec<String>) -> io::Result<Verified> {
    // In this order: what the writer adds meanwhile comes after what it had noted.
    let noted = segment::read_head(dir)?;
    let segments = segment::segments(dir)?;
    let verified = Verified {
        dir: dir.to_owned(),
        segments: segments.len(),
        begins: segments.first().map_or(1, |(number, _)| *number),
        ..Verified::default()
    };
    let (link, at, last) = (Link::nothing(), Place::default(), String::new());
    let mut walk = Walk { verified, link, noted, oldest: 1, at, last, absent };
    if let Err(what) = walk.all(&segments)? {
        walk.verified.problem = Some(Problem { at: walk.at, what });
    }
    walk.verified.last = Entry::read(&walk.last);
    Ok(walk.verified)
}

/// A walk along a chain.
struct Walk<'a> {
    verified: Verified,
    link: Link,
    noted: Option<Link>,
    /// The oldest segment that the chain says was kept.
    oldest: u64,
    at: Place,
    /// The line of the last call.
    last: String,
    /// Hashes that no line had so far.
    absent: &'a mut Vec<String>,
}

/// What is wrong at the line where a walk is.
type Step = Result<(), String>;

impl Walk<'_> {
    fn all(&mut self, segments: &[(u64, PathBuf)]) -> io::Result<Step> {
        let count = segments.len();
        for (expected, (place, (number, path))) in (self.verified.begins..).zip(segments.iter().enumerate()) {
            self.at = Place { path: path.clone(), line: 1 };
            if *number != expected {
                return Ok(Err(format!("removed: {} is missing", name(expected))));
            }
            if let Err(what) = self.segment(path, place + 1 == count)? {
                return Ok(Err(what));
            }
        }
        if self.verified.begins > self.oldest {
            let first = segments.first().map(|(_, path)| path.clone()).unwrap_or_default();
            self.at = Place { path: first, line: 1 };
            return Ok(Err(format!("removed: {} is missing, and its host had kept it", name(self.oldest))));
        }
        if let Some(noted) = self.noted.as_ref().filter(|noted| noted.seq > self.link.seq) {
            let (from, to) = (self.link.seq + 1, noted.seq);
            return Ok(Err(format!("removed: lines {from} to {to} are missing, which had been here at the end")));
        }
        Ok(Ok(()))
    }

    fn segment(&mut self, path: &Path, is_last: bool) -> io::Result<Step> {
        let mut file = BufReader::with_capacity(1 << 16, File::open(path)?);
        let mut bytes = Vec::new();
        for line in 1.. {
            bytes.clear();
            if file.read_until(b'\n', &mut bytes)? == 0 {
                break;
            }
            self.at.line = line;
            let Some(whole) = bytes.strip_suffix(b"\n") else {
                if is_last {
                    self.verified.incomplete_bytes = bytes.len();
                    break;
                }
                return Ok(Err("changed: the line is not whole, and is not the last of the chain".to_owned()));
            };
            if let Err(what) = self.line(whole) {
                return Ok(Err(self.with_order(what, &mut file)?));
            }
        }
        Ok(Ok(()))
    }

    fn line(&mut self, bytes: &[u8]) -> Result<(), Wrong> {
        let text = std::str::from_utf8(bytes).map_err(|_| Wrong::Changed)?;
        let line = Line::read(text).ok_or(Wrong::Changed)?;
        let mark = text.contains(",\"mark\":\"").then(|| serde_json::from_str::<Mark>(text).unwrap_or_default());
        if self.link.seq == 0 && self.verified.begins > 1 {
            // What came before was removed with its segments; the chain says where it goes on.
            let mark = mark.as_ref().ok_or(Wrong::Headless)?;
            self.link = Link { seq: line.seq.saturating_sub(1), hash: mark.after.clone() };
        }
        let next = self.link.seq + 1;
        if !line.hangs_on(&self.link.hash) {
            return Err(if line.seq == next {
                Wrong::Changed
            } else {
                Wrong::Order { found: line.seq, expected: next }
            });
        }
        let missing = mark.as_ref().map_or(0, |mark| mark.missing);
        if line.seq != next + missing {
            return Err(Wrong::Order { found: line.seq, expected: next });
        }
        if self.noted.as_ref().is_some_and(|noted| noted.seq == line.seq && noted.hash != line.hash) {
            return Err(Wrong::Changed);
        }
        self.link = line.link();
        if missing > 0 {
            return Err(Wrong::Noted { from: next, to: line.seq - 1 });
        }
        self.absent.retain(|hash| *hash != self.link.hash);
        self.verified.lines += 1;
        self.verified.end = Some((self.at.clone(), self.link.hash.clone()));
        match mark {
            Some(mark) => self.oldest = mark.oldest,
            None => {
                self.last.clear();
                self.last.push_str(text);
                self.verified.first = self.verified.first.take().or_else(|| Entry::read(text));
            }
        }
        Ok(())
    }

    /// What is wrong, in words. A line that is missing may come later: then it is the order that is wrong.
    fn with_order(&self, wrong: Wrong, rest: &mut impl io::BufRead) -> io::Result<String> {
        Ok(match wrong {
            Wrong::Changed => "changed: the line is not the one that was written".to_owned(),
            Wrong::Headless => "removed: the segment does not begin with its first line".to_owned(),
            Wrong::Noted { from, to } => {
                format!(
                    "removed: lines {from} to {to} were missing when the host started: they were removed, or lost with the power"
                )
            }
            Wrong::Order { found, expected } if found < expected => {
                format!("re-ordered: line {found} stands after line {}", expected - 1)
            }
            Wrong::Order { found, expected } => {
                let is_later = |line: io::Result<Vec<u8>>| {
                    let line = line?;
                    let line = std::str::from_utf8(&line).ok().and_then(Line::read);
                    Ok::<_, io::Error>(line.is_some_and(|line| line.seq == expected))
                };
                let mut comes = false;
                for line in rest.split(b'\n') {
                    comes = comes || is_later(line)?;
                }
                match comes {
                    true => format!("re-ordered: line {found} stands before line {expected}"),
                    false if found == expected + 1 => format!("removed: line {expected} is missing"),
                    false => format!("removed: lines {expected} to {} are missing", found - 1),
                }
            }
        })
    }
}

/// What is wrong with a line.
enum Wrong {
    /// It is not what was written.
    Changed,
    /// It is the first of all that are there, and says nothing of what was before.
    Headless,
    /// Its host missed lines before it.
    Noted { from: u64, to: u64 },
    /// It is not the next.
    Order { found: u64, expected: u64 },
}

fn name(segment: u64) -> String {
    format!("segment {segment:06}.jsonl")
}
