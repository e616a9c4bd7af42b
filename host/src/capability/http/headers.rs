//! Which headers pass the host: going out only those that say how to answer, coming back all
//! but those that carry a credential or a cookie, or say where something is.

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

use super::OpenError;
use crate::call::Trace;
use crate::wit::http::Header;
use crate::wit::{Error, ErrorKind};

/// How many headers a plugin may set in one request.
const HEADERS_MAX: usize = 100;

/// What every plugin may set. There are too many headers that some proxy or server takes for
/// an identity or another path to list those that it may not.
const PLAIN: &[&str] = &[
    "accept",
    "accept-language",
    "content-language",
    "content-type",
    "idempotency-key",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "prefer",
    "range",
];

/// What no operator can let a plugin set: it names a connection, a host, an identity or
/// another request than the one that was checked.
const NEVER: &[&str] = &[
    "accept-encoding",
    "authorization",
    "connection",
    "content-length",
    "cookie",
    "cookie2",
    "expect",
    "forwarded",
    "host",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
    "x-forwarded",
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
    "x-original-url",
    "x-real-ip",
    "x-rewrite-url",
];

/// The same, by how their names begin.
const NEVER_PREFIXES: &[&str] = &["proxy-", "x-amz-", "x-forwarded-", "sec-", ":"];

/// What the host alone writes, even where the operator adds headers of his own.
const OF_THE_HOST: &[&str] = &[
    "accept-encoding",
    "connection",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// What no plugin is told.
const HIDDEN: &[&str] = &[
    "alt-svc",
    "authentication-info",
    "connection",
    "content-encoding",
    "content-length",
    "content-location",
    "keep-alive",
    "link",
    "location",
    "proxy-authenticate",
    "proxy-authentication-info",
    "proxy-connection",
    "refresh",
    "set-cookie",
    "set-cookie2",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
    "www-authenticate",
];

/// The headers that the plugins of one grant may set.
pub(super) struct Settable {
    also: Vec<HeaderName>,
}

impl Settable {
    /// Those of every plugin and those that the operator adds, less those that the host
    /// sets itself for this grant.
    pub(super) fn new(also: &[String], of_host: &[&HeaderName]) -> Result<Self, OpenError> {
        let check = |name: &String| {
            let name = parse(name)?;
            if is_never(name.as_str()) || of_host.contains(&&name) {
                let message = format!("`plugin_headers`: no plugin can be let set `{name}`");
                return Err(OpenError::Invalid(message));
            }
            Ok(name)
        };
        Ok(Self { also: also.iter().map(check).collect::<Result<_, _>>()? })
    }

    /// The headers of a request, if each may be set and is well formed.
    pub(super) fn check(&self, headers: &[Header]) -> Result<HeaderMap, Error> {
        if headers.len() > HEADERS_MAX {
            return Err(Error::new(ErrorKind::Limited, format!("a request may have {HEADERS_MAX} headers")));
        }
        let mut checked = HeaderMap::new();
        for header in headers {
            let invalid = |what: &str| Error::new(ErrorKind::Invalid, format!("a header has no valid {what}"));
            let name = HeaderName::from_bytes(header.name.as_bytes()).map_err(|_| invalid("name"))?;
            let value = HeaderValue::from_str(&header.value).map_err(|_| invalid("value"))?;
            if !PLAIN.contains(&name.as_str()) && !self.also.contains(&name) {
                let can = if is_never(name.as_str()) { "" } else { "; the operator can list it in `plugin_headers`" };
                let message = format!("the header `{name}` may not be set by a plugin{can}");
                return Err(Error::new(ErrorKind::Denied, message));
            }
            checked.append(name, value);
        }
        Ok(checked)
    }
}

/// A header that the operator sets for every request.
pub(super) fn of_operator(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), OpenError> {
    let (name, value) = (of_host(name)?, HeaderValue::from_str(value));
    if ["authorization", "cookie", "proxy-authorization"].contains(&name.as_str()) {
        let message = format!("`headers`: `{name}` is a credential: write it as `bearer`, `basic` or `header`");
        return Err(OpenError::Invalid(message));
    }
    let value = value.map_err(|_| OpenError::Invalid(format!("`headers`: `{name}` has no valid value")))?;
    Ok((name, value))
}

/// The name of a header that the host sets.
pub(super) fn of_host(name: &str) -> Result<HeaderName, OpenError> {
    let name = parse(name)?;
    if OF_THE_HOST.contains(&name.as_str()) {
        return Err(OpenError::Invalid(format!("the header `{name}` is the host's own")));
    }
    Ok(name)
}

/// Says in the headers of a request which trace it is part of. What else the caller said
/// beside its trace is not for upstreams.
pub(super) fn carry_on(headers: &mut HeaderMap, trace: &Trace) {
    // Both were checked when they came.
    if let Ok(parent) = HeaderValue::from_str(&trace.child()) {
        headers.insert("traceparent", parent);
    }
    match trace.state().map(HeaderValue::from_str) {
        Some(Ok(state)) => drop(headers.insert("tracestate", state)),
        _ => drop(headers.remove("tracestate")),
    }
}

/// Whether a plugin may be told a header of an answer.
pub(super) fn may_be_told(name: &HeaderName) -> bool {
    !HIDDEN.contains(&name.as_str())
}

fn is_never(name: &str) -> bool {
    NEVER.contains(&name) || NEVER_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

fn parse(name: &str) -> Result<HeaderName, OpenError> {
    HeaderName::from_bytes(name.as_bytes()).map_err(|_| OpenError::Invalid(format!("`{name}` is no name of a header")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(name: &str, value: &str) -> Header {
        Header { name: name.to_owned(), value: value.to_owned() }
    }

    fn kind(settable: &Settable, name: &str, value: &str) -> Option<ErrorKind> {
        settable.check(&[header(name, value)]).err().map(|error| error.kind)
    }

    #[test]
    fn what_names_a_host_an_identity_or_another_request_is_never_set_by_a_plugin() {
        let settable = Settable::new(&[], &[]).unwrap_or_else(|error| panic!("{error}"));
        let names = NEVER.iter().copied().chain([
            "Host",
            "AUTHORIZATION",
            "Proxy-Authorization",
            "x-forwarded-for",
            "X-Amz-Target",
            "X-WebAuth-User",
            "Impersonate-User",
            "X-Scope-OrgID",
            "X-Api-Key",
            "sec-fetch-site",
        ]);
        for name in names {
            assert_eq!(kind(&settable, name, "x"), Some(ErrorKind::Denied), "{name}");
        }
        for name in PLAIN {
            assert_eq!(kind(&settable, name, "x"), None, "{name}");
        }
    }

    #[test]
    fn a_header_cannot_begin_another_one() {
        let settable = Settable::new(&[], &[]).unwrap_or_else(|error| panic!("{error}"));
        for (name, value) in
            [("accept", "a\r\nhost: b"), ("accept", "a\nb"), ("accept", "a\0"), ("a b", "c"), ("", "c")]
        {
            assert_eq!(kind(&settable, name, value), Some(ErrorKind::Invalid), "{name:?} {value:?}");
        }
        assert_eq!(kind(&settable, "host\r\naccept", "x"), Some(ErrorKind::Invalid));
        let many: Vec<Header> = (0..=HEADERS_MAX).map(|_| header("accept", "x")).collect();
        assert_eq!(settable.check(&many).err().map(|error| error.kind), Some(ErrorKind::Limited));
    }

    #[test]
    fn an_operator_adds_names_but_not_those() {
        let tenant = HeaderName::from_static("x-scope-orgid");
        let settable = Settable::new(&["X-Trace".to_owned()], &[&tenant]).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(kind(&settable, "x-trace", "1"), None);
        assert_eq!(kind(&settable, "X-Scope-OrgID", "2"), Some(ErrorKind::Denied));
        for name in ["Host", "cookie", "X-Forwarded-For", "x-scope-orgid", "a b"] {
            assert!(Settable::new(&[name.to_owned()], &[&tenant]).is_err(), "{name}");
        }
    }

    #[test]
    fn an_operator_writes_no_credential_into_the_file_and_no_host() {
        assert!(of_operator("X-Scope-OrgID", "team-a").is_ok());
        for name in ["Authorization", "cookie", "Host", "Content-Length", "transfer-encoding", "a b"] {
            assert!(of_operator(name, "x").is_err(), "{name}");
        }
    }
}
