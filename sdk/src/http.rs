//! HTTP APIs, each known to the plugin by the name of its grant.
//!
//! The host holds the base URL and the credential, and lets through the methods and paths
//! that the operator listed.
//!
//! ```no_run
//! use toolhost_sdk::{Result, http, serde_json::Value};
//!
//! fn ready(component: &str) -> Result<Value> {
//!     let path = http::path(["api", "v1", "components", component], [("verbose", "true")]);
//!     http::upstream()?.get(&path)?.success()?.json()
//! }
//! ```

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::granted::{self, Granted};
use crate::wit::toolhost::http::http as host;
pub use crate::wit::toolhost::http::http::{
    Header, Outgoing, Request, Response, Upstream, list as upstreams, send_many,
};
use crate::{Error, Result};

/// The only upstream that this plugin was granted.
///
/// `not-found` if it was granted none; `invalid`, with their names, if it was granted
/// more than one: ask for one by [`upstream_named`].
pub fn upstream() -> Result<Upstream> {
    granted::only(upstreams())
}

/// The granted upstream of that name. `not-found`, with the names there are, otherwise.
pub fn upstream_named(name: &str) -> Result<Upstream> {
    granted::named(upstreams(), name)
}

impl Granted for Upstream {
    const WHAT: &'static str = "HTTP upstream";

    fn name(&self) -> &str {
        &self.name
    }
}

/// A path of these segments and a query of these pairs, with everything encoded that needs
/// to be: no value can add a segment or a parameter.
///
/// ```
/// # use toolhost_sdk::http;
/// assert_eq!(http::path(["label", "a/b", "values"], [("match[]", "up & down")]),
///     "/label/a%2Fb/values?match%5B%5D=up%20%26%20down");
/// assert_eq!(http::path(["health"], http::NO_QUERY), "/health");
/// ```
pub fn path<'a>(
    segments: impl IntoIterator<Item = &'a str>,
    query: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> String {
    let mut path = String::new();
    for segment in segments {
        path.push('/');
        encode(segment, &mut path);
    }
    for (i, (name, value)) in query.into_iter().enumerate() {
        path.push(if i == 0 { '?' } else { '&' });
        encode(name, &mut path);
        path.push('=');
        encode(value, &mut path);
    }
    path
}

/// For a [`path`] without a query.
pub const NO_QUERY: [(&str, &str); 0] = [];

fn encode(text: &str, out: &mut String) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let digit = |half: u8| char::from_digit(u32::from(half), 16).unwrap_or('0').to_ascii_uppercase();
            out.extend(['%', digit(byte >> 4), digit(byte & 15)]);
        }
    }
}

/// A granted upstream is what requests are sent to.
///
/// The errors are those of the contract: `denied` (method or path is not granted), `invalid`
/// (the request is malformed), `limited` (too large, too slow, too many) and `unavailable`.
/// A status such as 404 is no error of these: see [`Response::success`].
impl Upstream {
    /// Sends a `GET`.
    pub fn get(&self, path_and_query: &str) -> Result<Response> {
        self.send(&get(path_and_query))
    }

    /// Sends a `POST` of JSON.
    pub fn post_json(&self, path_and_query: &str, body: &impl Serialize) -> Result<Response> {
        let header = Header { name: "content-type".to_owned(), value: "application/json".to_owned() };
        self.send(&Request {
            method: "POST".to_owned(),
            path_and_query: path_and_query.to_owned(),
            headers: vec![header],
            body: serde_json::to_vec(body)?,
        })
    }

    /// Sends any request.
    pub fn send(&self, request: &Request) -> Result<Response> {
        host::send(&self.name, request)
    }

    /// A `GET` of this upstream for [`send_many`], which sends up to 16 at the same time.
    pub fn request(&self, path_and_query: &str) -> Outgoing {
        Outgoing { upstream: self.name.clone(), request: get(path_and_query) }
    }
}

fn get(path_and_query: &str) -> Request {
    Request {
        method: "GET".to_owned(),
        path_and_query: path_and_query.to_owned(),
        headers: Vec::new(),
        body: Vec::new(),
    }
}

impl Response {
    /// The response, if its status is one of success; `failed`, with the status, otherwise.
    pub fn success(self) -> Result<Self> {
        if (200..300).contains(&self.status) {
            return Ok(self);
        }
        Err(Error::failed(format!("The upstream answered with the status {}.", self.status)))
    }

    /// The body, read as JSON.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_slice(&self.body)
            .map_err(|_| Error::failed("The upstream answered with something that is not the expected JSON."))
    }

    /// The first header of that name.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name))?;
        Some(&found.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_stays_inside_its_place() {
        assert_eq!(path(["a", "../b?c#d"], [("q", "1&x=2"), ("é", "+")]), "/a/..%2Fb%3Fc%23d?q=1%26x%3D2&%C3%A9=%2B");
    }

    #[test]
    fn a_status_of_failure_is_told_without_the_body() {
        let response = |status| Response { status, headers: Vec::new(), body: b"secret".to_vec() };
        assert!(response(204).success().is_ok());
        let error = response(500).success().unwrap_err();
        assert!(error.message.contains("500") && !error.message.contains("secret"), "{}", error.message);
    }
}
