//! What differs between definitions, for people to read.

use std::fmt::Write as _;
use std::time::Duration;

use similar::TextDiff;

use crate::config::{Definitions, Described};

/// Lines around a difference.
const CONTEXT: usize = 2;

/// How long is looked for the shortest way to tell one difference; then any way does.
const SEARCH_TIME: Duration = Duration::from_millis(200);

/// What is new, what is gone, and what differs, as a unified diff of each definition.
pub fn diff(before: &Definitions, after: &Definitions) -> String {
    let mut text = String::new();
    let mut gone: Vec<_> = before.iter().filter(|(key, _)| !after.contains_key(*key)).collect();
    for (key, definition) in after {
        let (kind, name) = said(key);
        match before.get(key) {
            Some(before) if before == definition => {}
            Some(before) => {
                let _ = write!(text, "{kind} {name} differs:\n{}", hunks(before, definition));
            }
            None => match gone.iter().position(|(other, before)| other.0 == key.0 && *before == definition) {
                Some(place) => {
                    let (_, before) = said(gone.remove(place).0);
                    let _ = writeln!(text, "{kind} {before} is called {name} now");
                }
                None => {
                    let _ = write!(text, "{kind} {name} is new:\n{}", hunks("", definition));
                }
            },
        }
    }
    for (key, _) in gone {
        let (kind, name) = said(key);
        let _ = writeln!(text, "{kind} {name} is gone");
    }
    text
}

fn said((kind, name): &(Described, String)) -> (&'static str, String) {
    (kind.word(), visible(name))
}

fn hunks(before: &str, after: &str) -> String {
    let diff = TextDiff::configure().timeout(SEARCH_TIME).diff_lines(before, after);
    diff.unified_diff().context_radius(CONTEXT).missing_newline_hint(false).to_string()
}

/// A line of text in which nothing hides: what is not seen, or turns the text around, is escaped as
/// in Rust, and so is the backslash.
pub fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' => shown.push_str("\\\\"),
            c if hides(c) => shown.extend(c.escape_unicode()),
            c => shown.push(c),
        }
    }
    shown
}

/// Whether a character shows nothing, or something that it is not: controls, spaces other than the
/// one of every keyboard, joiners, marks of direction, variation selectors, tags.
fn hides(c: char) -> bool {
    c.is_control()
        || (c.is_whitespace() && c != ' ')
        || matches!(u32::from(c),
            0xad | 0x34f | 0x61c | 0x115f..=0x1160 | 0x17b4..=0x17b5 | 0x180b..=0x180f | 0x200b..=0x200f
            | 0x202a..=0x202e | 0x2060..=0x206f | 0x2800 | 0x3164 | 0xe000..=0xf8ff | 0xfe00..=0xfe0f | 0xfeff | 0xffa0
            | 0xfff0..=0xfffb | 0x1_bca0..=0x1_bca3 | 0x1_d173..=0x1_d17a | 0xe_0000..=0x10_ffff)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tools(tools: &[(&str, &str)]) -> Definitions {
        tools.iter().map(|(name, text)| ((Described::Tool, (*name).to_owned()), (*text).to_owned())).collect()
    }

    #[test]
    fn each_kind_of_difference_is_told_in_its_way() {
        let before = tools(&[("a", "x: 1\ny: 2\n"), ("b", "b: 1\n"), ("c", "c: 1\n"), ("same", "s: 1\n")]);
        let after = tools(&[("a", "x: 1\ny: 3\n"), ("bb", "b: 1\n"), ("d", "d: 1\n"), ("same", "s: 1\n")]);
        let expected = "tool a differs:\n@@ -1,2 +1,2 @@\n x: 1\n-y: 2\n+y: 3\ntool b is called bb now\n\
             tool d is new:\n@@ -0,0 +1 @@\n+d: 1\ntool c is gone\n";
        assert_eq!(diff(&before, &after), expected);
        assert_eq!(diff(&after, &after), "");
    }

    #[test]
    fn nothing_hides_in_what_is_shown() {
        assert_eq!(visible("Größe 漢字 ≤ 3 it's"), "Größe 漢字 ≤ 3 it's");
        let hidden = "a\u{202e}b\u{200b}c\u{7}d\u{e0041}e\u{a0}f\\u{a0}\r\t\u{1b}[2J";
        let shown = visible(hidden);
        assert_eq!(shown, "a\\u{202e}b\\u{200b}c\\u{7}d\\u{e0041}e\\u{a0}f\\\\u{a0}\\u{d}\\u{9}\\u{1b}[2J");
    }
}
