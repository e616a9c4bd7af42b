//! An upstream on the network: attaches the credential, sends, and reads the answer no
//! further than the limit. It follows no redirect and knows no proxy.

use std::error::Error as _;
use std::time::Duration;

use reqwest::header::{ACCEPT_ENCODING, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Certificate, Client, Identity, Response as Answer, Url};
use tokio::time::{Instant, sleep, timeout_at};

use super::check::Checked;
use super::credential::Credential;
use super::{OpenError, headers, retry, searchable};
use crate::wire::egress::address::Range;
use crate::wire::egress::resolver::{Forbidden, Lookup};
use crate::wire::egress::{self, Unread};
use crate::wit::http::{Header, Response};
use crate::wit::{Error, ErrorKind};

/// How much one answer, and one request with all its attempts, may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) response_bytes_max: usize,
    pub(super) time_max: Duration,
    /// How often a request is sent again.
    pub(super) retries: u32,
}

/// Whom to trust, and how to be trusted, below the credential.
pub(super) struct Tls {
    /// The only authorities that are trusted; those of the machine if there are none.
    pub(super) authorities: Vec<Certificate>,
    pub(super) identity: Option<Identity>,
}

/// One upstream, with its connections.
pub(super) struct Network {
    /// The name of the grant.
    name: String,
    client: Client,
    base: Url,
    credential: Credential,
    headers: Vec<(HeaderName, HeaderValue)>,
    limits: Limits,
}

/// Why an attempt gave no answer.
enum Trouble {
    /// There is no connection: nothing was sent.
    NotSent(&'static str),
    /// The connection ended before the answer began.
    NotAnswered,
    /// Sending it again would end the same way.
    Final(Error),
}

impl Network {
    /// A client for one upstream, which the log knows by the `name` of its grant; contacts nothing.
    pub(super) fn open(
        name: &str,
        base: Url,
        tls: Tls,
        credential: Credential,
        headers: Vec<(HeaderName, HeaderValue)>,
        dns: (Lookup, &[Range]),
        limits: Limits,
    ) -> Result<Self, OpenError> {
        let mut builder = egress::client(base.scheme() == "http", tls.authorities, dns);
        if let Some(identity) = tls.identity {
            builder = builder.identity(identity);
        }
        let client = builder.build().map_err(|error| {
            let why = error.source().map(ToString::to_string).unwrap_or_default();
            OpenError::Invalid(format!("no TLS client can be made of the certificates there are: {why}"))
        })?;
        Ok(Self { name: name.to_owned(), client, base, credential, headers, limits })
    }

    /// Sends a request, again if that may help, and answers within the time of the grant.
    pub(super) async fn send(&self, request: Checked) -> Result<Response, Error> {
        let deadline = Instant::now() + self.limits.time_max;
        let sent = timeout_at(deadline, self.send_repeatedly(&request, deadline)).await;
        sent.unwrap_or_else(|_| Err(self.too_slow()))
    }

    async fn send_repeatedly(&self, request: &Checked, deadline: Instant) -> Result<Response, Error> {
        let mut attempt = 0;
        loop {
            attempt += 1;
            let sent = self.send_once(request).await;
            let repeats = attempt <= self.limits.retries && retry::is_idempotent(&request.method);
            let pause = match &sent {
                Ok(answer) if retry::is_passing(answer.status()) => {
                    Some(retry::pause(attempt).max(retry::asked_pause(answer.headers())))
                }
                Err(Trouble::NotSent(_) | Trouble::NotAnswered) => Some(retry::pause(attempt)),
                Ok(_) | Err(Trouble::Final(_)) => None,
            };
            // What would come too late is not waited for.
            match pause.filter(|pause| repeats && Instant::now() + *pause < deadline) {
                Some(pause) => {
                    drop(sent);
                    sleep(pause).await;
                }
                None => return self.read(sent?).await,
            }
        }
    }

    async fn send_once(&self, request: &Checked) -> Result<Answer, Trouble> {
        let mut url = self.url(&request.path_and_query)?;
        let mut headers = request.headers.clone();
        for (name, value) in &self.headers {
            headers.insert(name.clone(), value.clone());
        }
        // What is compressed could not be searched for the credential, nor be limited by its size.
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        self.credential.attach(&mut url, &mut headers);
        let mut sending = self.client.request(request.method.clone(), url).headers(headers);
        if !request.body.is_empty() {
            sending = sending.body(request.body.clone());
        }
        sending.send().await.map_err(|error| {
            let trouble = trouble(&error);
            if matches!(trouble, Trouble::NotSent(_) | Trouble::NotAnswered) {
                self.note(&error);
            }
            trouble
        })
    }

    /// Tells the operator why an attempt gave no answer. Only the last cause, most often the system's own words: the
    /// sentences before it hold the URL.
    fn note(&self, error: &reqwest::Error) {
        let cause = causes(error).last().map_or_else(|| "unknown".to_owned(), ToString::to_string);
        tracing::warn!(
            grant.name = format_args!("http.{}", self.name),
            server.port = self.base.port_or_known_default(),
            error = cause,
            "an upstream gave no answer",
        );
    }

    /// The base URL, and what the plugin wrote below it. It was checked as text; a URL
    /// that reads differently would be another one than was checked.
    fn url(&self, path_and_query: &str) -> Result<Url, Trouble> {
        let mut url = self.base.clone();
        let (path, query) = path_and_query.split_once('?').unwrap_or((path_and_query, ""));
        let path = self.base.path().trim_end_matches('/').to_owned() + path;
        url.set_path(&path);
        url.set_query(Some(query).filter(|query| !query.is_empty()));
        if url.path() == path {
            return Ok(url);
        }
        Err(Trouble::Final(Error::new(ErrorKind::Invalid, "the path cannot be sent as it is written")))
    }

    /// Reads an answer, as far as it may go, and cleans it.
    async fn read(&self, mut answer: Answer) -> Result<Response, Error> {
        let max = self.limits.response_bytes_max;
        let too_large = || {
            let message = format!("the answer is larger than the {max} bytes of the grant's `response_bytes_max`");
            Error::new(ErrorKind::Limited, message)
        };
        let mut body = egress::read(&mut answer, max).await.map_err(|unread| match unread {
            Unread::TooLarge => too_large(),
            Unread::BrokeOff => {
                Error::new(ErrorKind::Unavailable, "the upstream broke off in the middle of its answer")
            }
        })?;
        let spellings = self.credential.spellings();
        let wide = !spellings.is_empty() && searchable::is_wide(answer.headers());
        let odd = wide || searchable::is_compressed(answer.headers());
        if odd && !body.is_empty() {
            let message = "the upstream answered compressed, though not asked to, or in wide characters: such an answer \
                 cannot be searched for the credential";
            return Err(Error::new(ErrorKind::Failed, message));
        }
        if let Some(cut) = spellings.cut(&body) {
            // What stands for a short credential is longer than it.
            if cut.len() > max {
                return Err(too_large());
            }
            body = cut;
        }
        let status = answer.status().as_u16();
        Ok(Response { status, headers: self.told(answer.headers()), body })
    }

    /// The headers that a plugin may be told, without the credential.
    fn told(&self, headers: &HeaderMap) -> Vec<Header> {
        let spellings = self.credential.spellings();
        let told = |(name, value): (&HeaderName, &HeaderValue)| {
            if !headers::may_be_told(name) || spellings.cut(name.as_str().as_bytes()).is_some() {
                return None;
            }
            let value = spellings.cut(value.as_bytes()).unwrap_or_else(|| value.as_bytes().to_vec());
            Some(Header { name: name.to_string(), value: String::from_utf8_lossy(&value).into_owned() })
        };
        headers.iter().filter_map(told).collect()
    }

    fn too_slow(&self) -> Error {
        let time = self.limits.time_max.as_millis();
        let message = format!("the upstream did not answer within the {time} ms of the grant's `time_max_ms`");
        Error::new(ErrorKind::Limited, message)
    }

    /// Asks for a path below the base URL, as an operator: the status.
    pub(super) async fn ask(&self, path: &str) -> Result<u16, String> {
        let request = Checked {
            method: reqwest::Method::GET,
            path_and_query: path.to_owned(),
            headers: HeaderMap::new(),
            body: Vec::new(),
        };
        let sent = timeout_at(Instant::now() + self.limits.time_max, self.send_once(&request)).await;
        let answer = sent.map_err(|_| self.too_slow().message)?;
        answer.map(|answer| answer.status().as_u16()).map_err(|trouble| Error::from(trouble).message)
    }

    /// What it is, in a few words for the operator: no host.
    pub(super) fn summary(&self) -> String {
        format!("{} {}", self.base.scheme(), self.credential.summary())
    }
}

/// What led to an error, the nearest first.
fn causes(error: &reqwest::Error) -> impl Iterator<Item = &(dyn std::error::Error + 'static)> {
    std::iter::successors(error.source(), |&cause| cause.source())
}

/// What went wrong, in words that name no host. Sentences of the library do.
fn trouble(error: &reqwest::Error) -> Trouble {
    if causes(error).any(|cause| cause.is::<Forbidden>()) {
        let message = "the upstream's name leads to an address that this grant may not connect to; the operator can \
             name it in `allow_private`";
        return Trouble::Final(Error::new(ErrorKind::Denied, message));
    }
    let says = |word: &str| causes(error).any(|cause| cause.to_string().to_lowercase().contains(word));
    if says("certificate") {
        let message = "TLS with the upstream failed over a certificate; for one of a private authority the operator \
             sets `ca`, and one of ours is set by `client_certificate`";
        return Trouble::Final(Error::new(ErrorKind::Unavailable, message));
    }
    if !error.is_connect() {
        return Trouble::NotAnswered;
    }
    Trouble::NotSent(if error.is_dns() { "its name has no address" } else { "no connection can be made" })
}

impl From<Trouble> for Error {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::NotSent(why) => {
                Self::new(ErrorKind::Unavailable, format!("the upstream cannot be reached: {why}"))
            }
            Trouble::NotAnswered => Self::new(ErrorKind::Unavailable, "the upstream broke off before it answered"),
            Trouble::Final(error) => error,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;
    use std::sync::Arc;

    use super::*;

    /// What a request comes to when the name of the upstream leads to these addresses.
    async fn send(addresses: &[&str], named: &[Range]) -> Error {
        let found: Vec<IpAddr> = addresses.iter().map(|text| text.parse().expect("is an address")).collect();
        let lookup: Lookup = Arc::new(move |_| {
            let found = found.clone();
            Box::pin(async move { Ok(found) })
        });
        let base = Url::parse("http://upstream.example:1").expect("is a URL");
        let tls = Tls { authorities: Vec::new(), identity: None };
        let limits = Limits { response_bytes_max: 1_000, time_max: Duration::from_secs(5), retries: 2 };
        let network = Network::open("up", base, tls, Credential::none(), Vec::new(), (lookup, named), limits);
        let request = Checked {
            method: reqwest::Method::GET,
            path_and_query: "/".to_owned(),
            headers: HeaderMap::new(),
            body: Vec::new(),
        };
        network.unwrap_or_else(|error| panic!("{error}")).send(request).await.expect_err("nothing answers")
    }

    #[tokio::test]
    async fn a_name_that_leads_inside_is_the_operators_to_allow() {
        for inside in ["127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "::ffff:169.254.169.254"] {
            let error = send(&[inside], &[]).await;
            assert_eq!(error.kind, ErrorKind::Denied, "{}", error.message);
            assert!(error.message.contains("`allow_private`") && !error.message.contains(inside), "{}", error.message);
        }
        // Where it may lead, nothing listens.
        let error = send(&["127.0.0.1"], &[Range::single(IpAddr::from([127, 0, 0, 1]))]).await;
        assert_eq!(error.kind, ErrorKind::Unavailable, "{}", error.message);
        assert!(
            !error.message.contains("127.0.0.1") && !error.message.contains("upstream.example"),
            "{}",
            error.message
        );
    }

    #[tokio::test]
    async fn a_name_without_any_address_is_not_one_that_is_forbidden() {
        let error = send(&[], &[]).await;
        assert_eq!(error.kind, ErrorKind::Unavailable, "{}", error.message);
    }
}
