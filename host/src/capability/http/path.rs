//! Which paths a grant lets through. A path is compared as the upstream may come to read
//! it: decoded, and with encoded slashes as slashes; what could be read as a way up is refused.

use std::fmt;

use serde::{Deserialize, Deserializer, de};

/// What paths look like that may be asked for: `/api/v1/query`, `/d/*`, `/api/**`.
#[derive(Debug, Clone)]
pub(super) struct Pattern {
    text: String,
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Literal(String),
    /// `*`: one segment, whatever it is.
    One,
    /// `**`: any number of segments, none included.
    Many,
}

/// Whether a path may be asked for. `Err` says why nobody may ask for such a path.
pub(super) fn may_ask(path: &str, patterns: &[Pattern]) -> Result<bool, &'static str> {
    let strict = segments(path)?;
    // An upstream that decodes before it divides sees these instead.
    let loose: Vec<String> = strict.iter().flat_map(|one| one.split(['/', '\\']).map(str::to_owned)).collect();
    check_segments(&loose)?;
    let allows = |segments: &[String]| patterns.iter().any(|pattern| matches(&pattern.pieces, segments));
    Ok(allows(&strict) && allows(&loose))
}

/// Whether every byte is one that stands for itself, or part of an escape.
pub(super) fn is_encoded(text: &str, also: &[u8]) -> bool {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/".contains(byte) || also.contains(byte);
    let mut pieces = text.split('%');
    let first = pieces.next().unwrap_or_default();
    first.bytes().all(|byte| plain(&byte))
        && pieces.all(|piece| {
            let (escape, rest) = piece.as_bytes().split_at(piece.len().min(2));
            escape.len() == 2 && escape.iter().all(u8::is_ascii_hexdigit) && rest.iter().all(plain)
        })
}

/// The text that an escaped one stands for; none if it is not UTF-8.
pub(super) fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let escape = after.get(..2).filter(|_| *first == b'%').and_then(|digits| std::str::from_utf8(digits).ok());
        match escape.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8(bytes).ok()
}

/// The decoded segments of a path.
fn segments(path: &str) -> Result<Vec<String>, &'static str> {
    let Some(below) = path.strip_prefix('/') else { return Err("the path does not begin with `/`") };
    if !is_encoded(path, b"") {
        return Err("the path holds a character that must be percent-encoded");
    }
    let segments: Option<Vec<String>> = below.split('/').map(decoded).collect();
    let segments = segments.ok_or("the path is no percent-encoded UTF-8")?;
    check_segments(&segments)?;
    Ok(segments)
}

/// Refuses what one upstream takes for a name, and another one for a way.
fn check_segments(segments: &[String]) -> Result<(), &'static str> {
    for (place, segment) in segments.iter().enumerate() {
        // A trailing slash is an empty segment at the end.
        if segment.is_empty() && place + 1 < segments.len() {
            return Err("the path holds an empty segment");
        }
        if segment.chars().any(char::is_control) {
            return Err("the path holds a control character");
        }
        // Some upstreams cut off what follows `;`, and spaces.
        let name = segment.split(';').next().unwrap_or_default().trim();
        if !name.is_empty() && name.bytes().all(|byte| byte == b'.') {
            return Err("the path holds a segment of dots");
        }
        let is_odd = |c: char| c.is_control() || matches!(c, '.' | '/' | '\\' | '%');
        // What is no text when it is decoded again may be overlong dots.
        if decoded(segment).is_none_or(|twice| twice != *segment && twice.chars().any(is_odd)) {
            return Err("the path is encoded twice");
        }
    }
    Ok(())
}

/// Whether segments fit a pattern. After a dead end it goes back to the last `**` only, so the
/// time grows with the product of the lengths.
fn matches(pieces: &[Piece], segments: &[String]) -> bool {
    let (mut piece, mut segment) = (0, 0);
    let mut back: Option<(usize, usize)> = None;
    while let Some(name) = segments.get(segment) {
        let fits = match pieces.get(piece) {
            Some(Piece::Many) => {
                back = Some((piece, segment));
                piece += 1;
                continue;
            }
            Some(Piece::One) => !name.is_empty(),
            Some(Piece::Literal(literal)) => literal == name,
            None => false,
        };
        match (fits, back) {
            (true, _) => (piece, segment) = (piece + 1, segment + 1),
            (false, Some((many, from))) => {
                back = Some((many, from + 1));
                (piece, segment) = (many + 1, from + 1);
            }
            (false, None) => return false,
        }
    }
    pieces.get(piece..).unwrap_or_default().iter().all(|piece| *piece == Piece::Many)
}

impl Pattern {
    fn parse(text: String) -> Result<Self, String> {
        let wrong = |why: &str| format!("`{text}` is no pattern of paths: {why}");
        let below = text.strip_prefix('/').ok_or_else(|| wrong("it begins with `/`"))?;
        if text.contains(['%', '?', '#', '\\']) {
            return Err(wrong("write the path plainly, without query and escapes"));
        }
        let names: Vec<String> = below.split('/').map(str::to_owned).collect();
        check_segments(&names).map_err(wrong)?;
        let mut pieces = Vec::with_capacity(names.len());
        for name in names {
            pieces.push(match name.as_str() {
                "*" => Piece::One,
                "**" => Piece::Many,
                other if other.contains('*') => return Err(wrong("`*` and `**` stand for whole segments")),
                _ => Piece::Literal(name),
            });
        }
        Ok(Self { text, pieces })
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text.fmt(f)
    }
}

impl<'de> Deserialize<'de> for Pattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(String::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asks(path: &str, patterns: &[&str]) -> Result<bool, &'static str> {
        let parse = |text: &&str| Pattern::parse((*text).to_owned()).expect("is a pattern");
        may_ask(path, &patterns.iter().map(parse).collect::<Vec<_>>())
    }

    #[test]
    fn a_star_is_one_segment_and_two_are_any_number() {
        let rows = [
            ("/api/v1/query", "/api/v1/query", true),
            ("/api/v1/query/x", "/api/v1/query", false),
            ("/api/v1/query/", "/api/v1/query", false),
            ("/api/v1/label/job/values", "/api/v1/label/*/values", true),
            ("/api/v1/label//values", "/api/v1/label/*/values", false),
            ("/api/v1/label/a/b/values", "/api/v1/label/*/values", false),
            ("/api", "/api/**", true),
            ("/api/", "/api/**", true),
            ("/api/a/b/c", "/api/**", true),
            ("/apis", "/api/**", false),
            ("/a/x/y/b/z/b", "/a/**/b", true),
            ("/a/x/y/b/z", "/a/**/b", false),
            ("/", "/", true),
            ("/", "/**", true),
            ("/", "/*", false),
            ("/caf%C3%A9", "/café", true),
            ("/%61pi", "/api", true),
        ];
        for (path, pattern, expected) in rows {
            assert_eq!(asks(path, &[pattern]).unwrap_or(false), expected, "{path} {pattern}");
        }
    }

    #[test]
    fn no_spelling_of_a_way_up_gets_out_of_a_pattern() {
        let ways = "/api/../admin /api/./x /api/%2e%2e/admin /api/%2E./admin /api/.%2e/admin /api/..%2fadmin \
             /api/x%2f..%2f..%2fadmin /api/..%5cadmin /api/..\\admin /api/%252e%252e/admin /api/%252fadmin \
             /api/%25252e /api//admin //admin /api/..;/admin /api/..;x=1/admin /api/.. /api/... /api/..%20/admin \
             /api/%c0%ae%c0%ae/admin /api/%25c0%25ae%25c0%25ae/admin /api/%00 /api/%0d%0aHost:x /api/a%2f%2fb /api/%2fadmin /api/a?b /api/a#b /api/a%zz \
             /api/a% /api/é api/x /api/a%2F..;y";
        for path in ways.split_whitespace() {
            assert!(asks(path, &["/api/**"]).is_err(), "{path}");
        }
        for path in ["", "/api/a b", "/api/a\tb", "/api/a\nb", "/api/\u{0}"] {
            assert!(asks(path, &["/api/**"]).is_err(), "{path:?}");
        }
    }

    #[test]
    fn an_encoded_slash_must_be_allowed_as_a_name_and_as_a_slash() {
        assert_eq!(asks("/label/a%2Fb/values", &["/label/*/values"]), Ok(false));
        assert_eq!(asks("/label/a%2Fb/values", &["/label/*/*/values"]), Ok(false));
        assert_eq!(asks("/label/a%2Fb/values", &["/label/**"]), Ok(true));
        assert_eq!(asks("/label/a%5Cb/values", &["/label/*/values"]), Ok(false));
    }

    #[test]
    fn an_ordinary_path_is_none_of_that() {
        for path in
            ["/api/v1/a.b", "/api/.well-known", "/api/a..b", "/api/a;v=1", "/api/x:batch", "/api/100%25", "/api/"]
        {
            assert_eq!(asks(path, &["/api/**"]), Ok(true), "{path}");
        }
    }

    #[test]
    fn a_pattern_that_cannot_mean_what_it_says_is_refused() {
        for wrong in ["api", "", "/a*", "/a/***", "/a/../b", "/a//b", "/a?b", "/%61", "/a#b"] {
            assert!(Pattern::parse(wrong.to_owned()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn many_stars_cost_no_time() {
        let path = "/a".repeat(2_000) + "/b";
        assert_eq!(asks(&path, &["/**/a/**/a/**/a/**/a/**/a/**/c"]), Ok(false));
    }
}
