//! How the lines of a chain hang together: each has the next number, and a hash over the line
//! before it and itself. A line that was changed, removed or put elsewhere breaks the chain.
//!
//! `hash` is SHA-256, in hexadecimal, of the `hash` of the line before (64 zeros for the first
//! line of all) and the line's own text without its last member, `hash`.

use sha2::{Digest as _, Sha256};

/// Hexadecimal digits of a hash.
const HASH_CHARS: usize = 64;

/// What stands between a line and its hash.
const BEFORE_HASH: &str = ",\"hash\":\"";

/// What a line begins with.
const BEFORE_SEQ: &str = "{\"seq\":";

/// The end of a chain: its last line's number and hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Link {
    pub(super) seq: u64,
    pub(super) hash: String,
}

/// A line, taken apart.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line<'a> {
    pub(super) seq: u64,
    pub(super) hash: &'a str,
    /// All before the hash.
    hashed: &'a str,
}

impl Link {
    /// Before the first line of all.
    pub(super) fn nothing() -> Self {
        Self { seq: 0, hash: "0".repeat(HASH_CHARS) }
    }

    /// Makes a line of these members of a JSON object, without its braces, and hangs it on.
    pub(super) fn add(&mut self, members: &[u8], out: &mut Vec<u8>) {
        self.seq += 1;
        let begin = out.len();
        out.extend_from_slice(BEFORE_SEQ.as_bytes());
        out.extend_from_slice(self.seq.to_string().as_bytes());
        out.push(b',');
        out.extend_from_slice(members);
        self.hash = hash(&self.hash, out.get(begin..).unwrap_or_default());
        out.extend_from_slice(BEFORE_HASH.as_bytes());
        out.extend_from_slice(self.hash.as_bytes());
        out.extend_from_slice(b"\"}\n");
    }
}

impl<'a> Line<'a> {
    /// A line of a chain, without the line break; none if it is not one.
    pub(super) fn read(text: &'a str) -> Option<Self> {
        let text = text.strip_suffix("\"}")?;
        let (text, hash) = text.split_at_checked(text.len().checked_sub(HASH_CHARS)?)?;
        let hashed = text.strip_suffix(BEFORE_HASH)?;
        let seq = hashed.strip_prefix(BEFORE_SEQ)?.split(',').next()?.parse().ok()?;
        Some(Self { seq, hash, hashed })
    }

    /// Whether its hash is that of this line after the one with that hash.
    pub(super) fn hangs_on(&self, before: &str) -> bool {
        self.hash == hash(before, self.hashed.as_bytes())
    }

    /// The end of a chain whose last line this is.
    pub(super) fn link(&self) -> Link {
        Link { seq: self.seq, hash: self.hash.to_owned() }
    }
}

fn hash(before: &str, line: &[u8]) -> String {
    let mut hash = Sha256::new();
    hash.update(before);
    hash.update(line);
    // The line is hashed as the JSON object that it is without the hash.
    hash.update("}");
    hex(&hash.finalize())
}

/// Bytes in hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    let digit = |four: u8| char::from_digit(u32::from(four), 16).unwrap_or_default();
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain(lines: &[&str]) -> String {
        let (mut link, mut out) = (Link::nothing(), Vec::new());
        for line in lines {
            link.add(line.as_bytes(), &mut out);
        }
        String::from_utf8(out).expect("is text")
    }

    #[test]
    fn a_line_hangs_on_the_one_before_it_and_on_no_other() {
        let text = chain(&["\"a\":1", "\"b\":\"2\"", "\"a\":1"]);
        let lines: Vec<Line<'_>> = text.lines().map(|line| Line::read(line).expect("is a line")).collect();
        let [first, second, third] = *lines else { panic!("three lines: {text}") };
        assert_eq!([first.seq, second.seq, third.seq], [1, 2, 3]);
        assert!(first.hangs_on(&Link::nothing().hash) && second.hangs_on(first.hash) && third.hangs_on(second.hash));
        assert!(!third.hangs_on(first.hash) && !first.hangs_on(second.hash));
        for line in text.lines() {
            serde_json::from_str::<serde_json::Value>(line).expect("is JSON");
        }
    }

    #[test]
    fn the_hash_is_what_the_documents_say() {
        let text = chain(&["\"a\":1"]);
        let expected = hex(&Sha256::digest(format!("{}{{\"seq\":1,\"a\":1}}", "0".repeat(64))));
        assert_eq!(text, format!("{{\"seq\":1,\"a\":1,\"hash\":\"{expected}\"}}\n"));
    }

    #[test]
    fn a_changed_character_breaks_the_chain_wherever_it_is() {
        let text = chain(&["\"a\":1,\"b\":\"x\""]);
        let line = text.trim_end();
        for at in 0..line.len() {
            let mut changed = line.as_bytes().to_vec();
            changed[at] ^= 1;
            let changed = String::from_utf8(changed).expect("is ASCII");
            let holds = Line::read(&changed).is_some_and(|line| line.seq == 1 && line.hangs_on(&Link::nothing().hash));
            assert!(!holds, "{at}: {changed}");
        }
    }

    #[test]
    fn what_is_no_line_is_none() {
        for text in ["", "{}", "{\"seq\":1}", "é\"}", &format!("{{\"seq\":x,\"hash\":\"{}\"}}", "0".repeat(64))] {
            assert!(Line::read(text).is_none(), "{text}");
        }
    }
}
