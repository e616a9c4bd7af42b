//! Lets a plugin's request through, or says what is wrong with it. No credential is attached
//! yet, and nothing was sent.

use std::collections::BTreeSet;

use reqwest::Method;
use reqwest::header::HeaderMap;

use super::headers::Settable;
use super::path::{self, Pattern};
use crate::wit::http::Request;
use crate::wit::{Error, ErrorKind};

/// What a query may hold beside what a path may.
const QUERY_ALSO: &[u8] = b"?[]";

/// The rules of one grant.
pub(super) struct Rules {
    /// The methods, in capitals.
    pub(super) methods: BTreeSet<String>,
    /// The paths, below the base URL.
    pub(super) paths: Vec<Pattern>,
    /// The headers that plugins may set.
    pub(super) headers: Settable,
    /// The query parameter that holds the credential.
    pub(super) parameter: Option<String>,
    /// Most bytes of a whole request.
    pub(super) bytes_max: usize,
}

/// A request that may be sent.
pub(super) struct Checked {
    pub(super) method: Method,
    /// What follows the base URL.
    pub(super) path_and_query: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

impl Rules {
    /// Checks a request.
    pub(super) fn check(&self, request: Request) -> Result<Checked, Error> {
        self.check_size(&request)?;
        let method = self.check_method(&request.method)?;
        self.check_path(&request.path_and_query)?;
        let headers = self.headers.check(&request.headers)?;
        Ok(Checked { method, path_and_query: request.path_and_query, headers, body: request.body })
    }

    fn check_size(&self, request: &Request) -> Result<(), Error> {
        let headers: usize = request.headers.iter().map(|header| header.name.len() + header.value.len()).sum();
        let bytes = request.path_and_query.len() + headers + request.body.len();
        if bytes <= self.bytes_max {
            return Ok(());
        }
        let max = self.bytes_max;
        let message = format!("the request is larger than the {max} bytes of the grant's `request_bytes_max`");
        Err(Error::new(ErrorKind::Limited, message))
    }

    fn check_method(&self, method: &str) -> Result<Method, Error> {
        let known = Method::from_bytes(method.as_bytes());
        match (known, self.methods.contains(method)) {
            (Ok(method), true) => Ok(method),
            (Err(_), _) => Err(Error::new(ErrorKind::Invalid, "the method is no word in capitals")),
            (Ok(_), false) => {
                let has = listed(self.methods.iter());
                let message = format!(
                    "the method is not granted for this upstream, which has {has}; the operator grants one in `methods`"
                );
                Err(Error::new(ErrorKind::Denied, message))
            }
        }
    }

    fn check_path(&self, path_and_query: &str) -> Result<(), Error> {
        let (path, query) = path_and_query.split_once('?').unwrap_or((path_and_query, ""));
        match path::may_ask(path, &self.paths) {
            Err(why) => return Err(Error::new(ErrorKind::Invalid, why)),
            Ok(true) => {}
            Ok(false) => {
                let has = listed(self.paths.iter());
                let message = format!(
                    "the path is not granted for this upstream, which has {has}; the operator grants one in `paths`"
                );
                return Err(Error::new(ErrorKind::Denied, message));
            }
        }
        if !path::is_encoded(query, QUERY_ALSO) {
            let message = "the query holds a character that must be percent-encoded";
            return Err(Error::new(ErrorKind::Invalid, message));
        }
        let is_credential = |pair: &str| {
            let name = pair.split('=').next().unwrap_or_default().replace('+', " ");
            // What decodes to no text cannot be the name either.
            path::decoded(&name).is_some_and(|name| Some(name.trim().to_lowercase()) == self.parameter)
        };
        if self.parameter.is_some() && query.split(['&', ';']).any(is_credential) {
            let message = "the query holds the parameter that the host itself sets for this upstream";
            return Err(Error::new(ErrorKind::Denied, message));
        }
        Ok(())
    }
}

/// A few of the things there are.
fn listed(things: impl Iterator<Item = impl std::fmt::Display>) -> String {
    const SHOWN: usize = 8;
    let mut things: Vec<String> = things.take(SHOWN + 1).map(|thing| thing.to_string()).collect();
    if things.len() > SHOWN {
        things.truncate(SHOWN);
        things.push("and more".to_owned());
    }
    things.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wit::http::Header;

    #[derive(serde::Deserialize)]
    struct Paths {
        paths: Vec<Pattern>,
    }

    fn rules() -> Rules {
        let Paths { paths } = toml::from_str("paths = [\"/api/**\"]").expect("parses");
        Rules {
            methods: ["GET", "POST"].map(str::to_owned).into(),
            paths,
            headers: Settable::new(&[], &[]).unwrap_or_else(|error| panic!("{error}")),
            parameter: Some("key".to_owned()),
            bytes_max: 100,
        }
    }

    fn refusal(method: &str, path_and_query: &str, body: usize) -> Option<ErrorKind> {
        let request = Request {
            method: method.to_owned(),
            path_and_query: path_and_query.to_owned(),
            headers: vec![Header { name: "accept".to_owned(), value: "*/*".to_owned() }],
            body: vec![0; body],
        };
        rules().check(request).err().map(|error| error.kind)
    }

    #[test]
    fn a_request_goes_through_whole_or_not_at_all() {
        assert_eq!(refusal("GET", "/api/x?q=a%20b&match[]=c", 0), None);
        assert_eq!(refusal("DELETE", "/api/x", 0), Some(ErrorKind::Denied));
        assert_eq!(refusal("get", "/api/x", 0), Some(ErrorKind::Denied));
        assert_eq!(refusal("GE T", "/api/x", 0), Some(ErrorKind::Invalid));
        assert_eq!(refusal("", "/api/x", 0), Some(ErrorKind::Invalid));
        assert_eq!(refusal("GET", "/admin", 0), Some(ErrorKind::Denied));
        assert_eq!(refusal("GET", "/api/../admin", 0), Some(ErrorKind::Invalid));
        assert_eq!(refusal("GET", "http://other/api/x", 0), Some(ErrorKind::Invalid));
        assert_eq!(refusal("GET", "@other/api/x", 0), Some(ErrorKind::Invalid));
        for query in ["q=a b", "q=a#b", "q=\"", "q=%", "q=%f", "q=é", "q=a\r\nb", "q=\\", "q=<"] {
            assert_eq!(refusal("GET", &format!("/api/x?{query}"), 0), Some(ErrorKind::Invalid), "{query}");
        }
        assert_eq!(refusal("POST", "/api/x", 50), None);
        assert_eq!(refusal("POST", "/api/x", 100), Some(ErrorKind::Limited));
    }

    #[test]
    fn the_parameter_of_the_credential_is_the_hosts_alone() {
        for query in ["key=1", "a=1&key=2", "%6bey=1", "KEY=1", "a;key=1", "key", "+key=1", "a=b&%4B%45%59="] {
            assert_eq!(refusal("GET", &format!("/api/x?{query}"), 0), Some(ErrorKind::Denied), "{query}");
        }
        assert_eq!(refusal("GET", "/api/x?keys=1&a=key", 0), None);
    }
}
