//! Parts of a URL, and its escapes.

use super::function::{Function, Gives, Takes};
use super::row::{Answer, Row, bad, int, text};

use Takes::Text;

/// A URL in its parts, each without its mark.
struct Parts<'a> {
    protocol: &'a str,
    host: &'a str,
    port: Option<i64>,
    path: &'a str,
    query: &'a str,
    fragment: &'a str,
}

pub(super) fn all() -> Vec<Function> {
    let part = |name, take: fn(&Parts) -> String| {
        Function::new(name, &[Text], Gives::Text, move |args| {
            args.each(|row| parts(row.text(0)).map_or(Ok(None), |parts| text(take(&parts))))
        })
    };
    vec![
        part("url_extract_protocol", |parts| parts.protocol.to_owned()),
        part("url_extract_host", |parts| parts.host.to_owned()),
        part("url_extract_path", |parts| decoded(parts.path, false).unwrap_or_default()),
        part("url_extract_query", |parts| decoded(parts.query, false).unwrap_or_default()),
        part("url_extract_fragment", |parts| decoded(parts.fragment, false).unwrap_or_default()),
        Function::new("url_extract_port", &[Text], Gives::Int, |args| {
            args.each(|row| parts(row.text(0)).and_then(|parts| parts.port).map_or(Ok(None), int))
        }),
        Function::new("url_extract_parameter", &[Text, Text], Gives::Text, |args| args.each(parameter)),
        Function::new("url_encode", &[Text], Gives::Text, |args| args.each(|row| text(encoded(row.text(0))))),
        Function::new("url_decode", &[Text], Gives::Text, |args| {
            args.each(|row| decoded(row.text(0), true).map_or_else(|| bad("the text is no escaped URL"), text))
        }),
    ]
}

/// None if it holds what no URL may hold.
fn parts(url: &str) -> Option<Parts<'_>> {
    if url.contains(|letter: char| letter.is_whitespace() || "<>\"{}|\\^`".contains(letter)) {
        return None;
    }
    let (rest, fragment) = url.split_once('#').unwrap_or((url, ""));
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (protocol, rest) = match rest.split_once(':') {
        Some((protocol, rest)) if protocol.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c)) => {
            (protocol, rest)
        }
        _ => ("", rest),
    };
    let Some(rest) = rest.strip_prefix("//") else {
        return Some(Parts { protocol, host: "", port: None, path: rest, query, fragment });
    };
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port.parse().ok()),
        _ => (authority, None),
    };
    Some(Parts { protocol, host, port, path, query, fragment })
}

fn parameter(row: Row) -> Answer {
    let Some(parts) = parts(row.text(0)) else { return Ok(None) };
    for pair in parts.query.split('&') {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        if decoded(name, true).as_deref() == Some(row.text(1)) {
            return decoded(value, true).map_or(Ok(None), text);
        }
    }
    Ok(None)
}

fn encoded(plain: &str) -> String {
    let mut out = String::new();
    for byte in plain.bytes() {
        match byte {
            b' ' => out.push('+'),
            plain if plain.is_ascii_alphanumeric() || b"-_.*".contains(&plain) => out.push(char::from(plain)),
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out
}

fn decoded(escaped: &str, plus_is_blank: bool) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = escaped.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'%' => {
                let digits = [rest.next()?, rest.next()?];
                bytes.push(u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?);
            }
            b'+' if plus_is_blank => bytes.push(b' '),
            byte => bytes.push(byte),
        }
    }
    String::from_utf8(bytes).ok()
}
