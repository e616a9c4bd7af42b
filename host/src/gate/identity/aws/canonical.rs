//! A request in the one form that its signer and its verifier hash: the canonical request of
//! Signature Version 4, as all services but S3 have it.
//!
//! The crate that signs for the AWS SDKs cannot be told which headers exactly are signed, and a
//! client signs those that it likes; so the form is written here, and held against the vectors
//! that AWS publishes.

use http::{HeaderMap, Method, Uri};

use crate::call::Presented;
use crate::wire::redact::percent_encoded;

/// What of a request may be signed, as it came.
#[derive(Debug, Clone, Copy)]
pub(super) struct Message<'a> {
    pub(super) method: &'a str,
    pub(super) path: &'a str,
    pub(super) query: &'a str,
    /// The host of HTTP/2, which has no header for it.
    pub(super) authority: Option<&'a str>,
    pub(super) headers: &'a HeaderMap,
    pub(super) body: &'a [u8],
}

impl<'a> From<Presented<'a>> for Message<'a> {
    fn from(Presented { method, uri, headers, body }: Presented<'a>) -> Self {
        let (method, authority) = (Method::as_str(method), Uri::authority(uri).map(|authority| authority.as_str()));
        Self { method, path: uri.path(), query: uri.query().unwrap_or_default(), authority, headers, body }
    }
}

impl Message<'_> {
    /// The canonical request with these headers and this digest of the body; none if a header
    /// is not there, or the query is no text that a URL may hold.
    pub(super) fn canonical(&self, signed_headers: &str, body_digest: &str) -> Option<Vec<u8>> {
        let mut canonical = format!("{}\n{}\n{}\n", self.method, path(self.path), query(self.query)?).into_bytes();
        for name in signed_headers.split(';') {
            canonical.extend_from_slice(name.as_bytes());
            canonical.push(b':');
            canonical.extend_from_slice(&self.header(name)?);
            canonical.push(b'\n');
        }
        canonical.push(b'\n');
        canonical.extend_from_slice(signed_headers.as_bytes());
        canonical.push(b'\n');
        canonical.extend_from_slice(body_digest.as_bytes());
        Some(canonical)
    }

    /// All values of a header in their order, each without the spaces that mean nothing.
    fn header(&self, name: &str) -> Option<Vec<u8>> {
        let mut all = self.headers.get_all(name).iter().map(|value| value.as_bytes()).peekable();
        if all.peek().is_none() {
            return self.authority.filter(|_| name == "host").map(|authority| authority.as_bytes().to_vec());
        }
        let values: Vec<Vec<u8>> = all.map(without_idle_spaces).collect();
        Some(values.join(&b','))
    }
}

fn without_idle_spaces(value: &[u8]) -> Vec<u8> {
    let words = value.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(&b' ')
}

/// A path without steps that lead nowhere, with everything encoded that is not plain. What came
/// encoded is encoded twice by this, as it should be.
fn path(path: &str) -> String {
    let encoded = |segments: Vec<&str>| segments.into_iter().map(percent_encoded).collect::<Vec<_>>().join("/");
    if !path.contains('.') && !path.contains("//") {
        return encoded(path.split('/').collect());
    }
    let mut kept = vec![""];
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." if kept.len() > 1 => drop(kept.pop()),
            ".." => {}
            segment => kept.push(segment),
        }
    }
    if kept.len() == 1 || ["/", "/.", "/.."].iter().any(|end| path.ends_with(end)) {
        kept.push("");
    }
    encoded(kept)
}

/// The pairs of a query in the order of their encoded names, each with its `=`.
fn query(query: &str) -> Option<String> {
    let mut pairs = pairs(query)?;
    for (name, value) in &mut pairs {
        (*name, *value) = (percent_encoded(name), percent_encoded(value));
    }
    pairs.sort_unstable();
    Some(pairs.into_iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&"))
}

/// The names and values of a query, decoded, in their order; none if one is no encoded UTF-8. A `+` is
/// a plus sign: signers do not agree on any other meaning of it.
pub(super) fn pairs(query: &str) -> Option<Vec<(String, String)>> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Some((decoded(name)?, decoded(value)?))
        })
        .collect()
}

/// The text that a percent-encoded one stands for. A `%` that begins no escape is refused.
fn decoded(text: &str) -> Option<String> {
    let mut pieces = text.split('%');
    let mut bytes = pieces.next()?.as_bytes().to_vec();
    for piece in pieces {
        let (digits, rest) = piece.as_bytes().split_at_checked(2)?;
        let digits = std::str::from_utf8(digits).ok().filter(|_| digits.iter().all(u8::is_ascii_hexdigit))?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        bytes.extend_from_slice(rest);
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_freed_of_what_leads_nowhere_and_encoded_once_more() {
        for (written, canonical) in [
            ("/", "/"),
            ("", ""),
            ("//", "/"),
            ("/..", "/"),
            ("/../../x", "/x"),
            ("/a/../b", "/b"),
            ("/a/./b/", "/a/b/"),
            ("/a/b/..", "/a/"),
            ("/a//b", "/a/b"),
            ("/a/b.c", "/a/b.c"),
            ("/a%20b", "/a%2520b"),
            ("/a b:c", "/a%20b%3Ac"),
        ] {
            assert_eq!(path(written), canonical, "{written}");
        }
    }

    #[test]
    fn a_query_is_sorted_and_decoded_before_it_is_encoded() {
        assert_eq!(query("b=2&a=%7e&a=1&c&&d=a+b").as_deref(), Some("a=1&a=~&b=2&c=&d=a%2Bb"));
        assert_eq!(query("").as_deref(), Some(""));
        for broken in ["a=%", "a=%2", "a=%zz", "a=%+1", "%ff=1"] {
            assert_eq!(query(broken), None, "{broken}");
        }
    }
}
