//! Who may send requests through a browser: nobody whom the operator did not name.
//!
//! A web page can make its visitor's browser send requests to a server on the visitor's
//! own machine, under a foreign `Host` (DNS rebinding) or from a foreign `Origin`.

use axum::http::header::{HOST, ORIGIN};
use axum::http::{HeaderMap, Uri};

use crate::config::Serve;
use crate::fault::{Error, Kind};

const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

/// The names and origins that requests may carry.
#[derive(Debug, Clone, Default)]
pub(super) struct Allowed {
    /// Host names beside those of loopback, without a port, in any case.
    pub(super) hosts: Vec<String>,
    /// Whole origins beside those of loopback, such as `https://console.example.com`.
    pub(super) origins: Vec<String>,
}

impl Allowed {
    /// Those of the config.
    pub(super) fn by(config: &Serve) -> Self {
        Self { hosts: config.hosts.clone(), origins: config.origins.clone() }
    }

    /// Refuses a request with a foreign `Host` or `Origin`.
    pub(super) fn check(&self, headers: &HeaderMap, uri: &Uri) -> Result<(), Error> {
        let Some((header, key)) = self.refusal(headers, uri) else { return Ok(()) };
        let message = format!("This request's {header} is not allowed here.");
        Err(Error::new(Kind::Denied, message).next(format!("The operator can name it: [serve] {key}.")))
    }

    /// The header that is foreign, and the config key that could allow it.
    fn refusal(&self, headers: &HeaderMap, uri: &Uri) -> Option<(&'static str, &'static str)> {
        // HTTP/2 has the host in the URI.
        let host = match headers.get(HOST) {
            Some(host) => host.to_str().ok(),
            None => uri.authority().map(|authority| authority.as_str()),
        };
        if !host.is_some_and(|host| self.allows_host(host)) {
            return Some(("Host", "hosts"));
        }
        let mut origins = headers.get_all(ORIGIN).iter();
        if !origins.all(|origin| origin.to_str().is_ok_and(|origin| self.allows_origin(origin))) {
            return Some(("Origin", "origins"));
        }
        None
    }

    fn allows_host(&self, host: &str) -> bool {
        let name = without_port(host);
        let is = |allowed: &str| allowed.eq_ignore_ascii_case(name);
        LOOPBACK.into_iter().any(is) || self.hosts.iter().any(|allowed| is(allowed))
    }

    fn allows_origin(&self, origin: &str) -> bool {
        let loopback = ["http://", "https://"].iter().find_map(|scheme| origin.strip_prefix(scheme));
        loopback.is_some_and(|host| LOOPBACK.contains(&without_port(host)))
            || self.origins.iter().any(|allowed| allowed == origin)
    }
}

/// `name` of `name:port`; an IPv6 address keeps its brackets.
fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn refused(host: &str, origin: Option<&str>) -> Option<&'static str> {
        let allowed =
            Allowed { hosts: vec!["tools.example.com".into()], origins: vec!["https://console.example.com".into()] };
        let mut headers = HeaderMap::new();
        headers.insert(HOST, HeaderValue::from_str(host).expect("a header"));
        if let Some(origin) = origin {
            headers.insert(ORIGIN, HeaderValue::from_str(origin).expect("a header"));
        }
        allowed.refusal(&headers, &Uri::from_static("/mcp")).map(|(header, _)| header)
    }

    #[test]
    fn loopback_and_what_the_operator_named_may_call() {
        for host in ["localhost", "127.0.0.1:8000", "[::1]:8000", "LOCALHOST:1", "tools.example.com"] {
            assert_eq!(refused(host, None), None, "{host}");
        }
        for origin in ["http://localhost:3000", "https://127.0.0.1", "http://[::1]:8000", "https://console.example.com"]
        {
            assert_eq!(refused("localhost", Some(origin)), None, "{origin}");
        }
    }

    #[test]
    fn everybody_else_may_not() {
        for host in ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example:80", "localhost:80@evil", ""] {
            assert_eq!(refused(host, None), Some("Host"), "{host}");
        }
        for origin in
            ["https://evil.example", "http://localhost.evil.example", "null", "file://", "http://localhost@evil"]
        {
            assert_eq!(refused("localhost", Some(origin)), Some("Origin"), "{origin}");
        }
    }
}
