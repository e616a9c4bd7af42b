//! The collector of spans on the network: one address, no redirect, no proxy, and a word in the log
//! now and then while it is away.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Client, Url};
use tokio::runtime::Handle;

use super::TracesError;
use crate::config::SecretRef;

/// Where a collector takes spans, below its address.
const PATH: &str = "v1/traces";

/// How often it is said that spans are lost.
const SAY_EVERY: Duration = Duration::from_secs(60);

/// What is read of an answer, in bytes: it says how many spans were refused.
const ANSWER_BYTES_MAX: usize = 64 << 10;

/// A collector, and the connections to it.
pub(super) struct Collector {
    client: Client,
    url: Url,
    /// Spans are sent by a thread of the library's own, which has no reactor.
    runtime: Handle,
    said: Mutex<Option<Instant>>,
}

impl Collector {
    /// The collector at an address; contacts nobody.
    pub(super) fn open(
        endpoint: &str,
        headers: &BTreeMap<String, SecretRef>,
        time_max: Duration,
    ) -> Result<Self, TracesError> {
        let url = address(endpoint)?;
        let is_plain = url.scheme() == "http";
        if is_plain && !headers.is_empty() && !is_here(&url) {
            return Err(TracesError::Plaintext);
        }
        let mut builder = Client::builder()
            .user_agent(concat!("toolhost/", env!("CARGO_PKG_VERSION")))
            .no_proxy()
            .redirect(Policy::none())
            .referer(false)
            .default_headers(resolve(headers)?)
            .timeout(time_max);
        // Without TLS no authority is needed, and a machine without any can still serve.
        if is_plain {
            builder = builder.tls_certs_only([]);
        }
        let client = builder.build().map_err(|error| TracesError::Exporter(error.to_string()))?;
        Ok(Self { client, url, runtime: Handle::current(), said: Mutex::default() })
    }

    /// Where spans are sent.
    pub(super) fn url(&self) -> &str {
        self.url.as_str()
    }

    fn say(&self, why: &str) {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if said.is_none_or(|said| said.elapsed() >= SAY_EVERY) {
            *said = Some(Instant::now());
            tracing::warn!(why, "the collector of [traces] took no spans; they are lost, and calls go on");
        }
    }
}

/// What `endpoint` says, with the path; a credential has no place in it.
fn address(endpoint: &str) -> Result<Url, TracesError> {
    let mut url = Url::parse(endpoint).map_err(|_| TracesError::Endpoint)?;
    let is_http = ["http", "https"].contains(&url.scheme()) && url.has_host();
    if !is_http || !url.username().is_empty() || url.password().is_some() || url.query().is_some() {
        return Err(TracesError::Endpoint);
    }
    let path = format!("{}/{PATH}", url.path().trim_end_matches('/'));
    url.set_path(&path);
    Ok(url)
}

fn is_here(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn resolve(headers: &BTreeMap<String, SecretRef>) -> Result<HeaderMap, TracesError> {
    let mut resolved = HeaderMap::new();
    for (name, value) in headers {
        let secret = value.resolve().map_err(|error| TracesError::Secret(name.clone(), error))?;
        let wrong = || TracesError::Header(name.clone());
        let mut value = HeaderValue::from_str(secret.expose()).map_err(|_| wrong())?;
        value.set_sensitive(true);
        resolved.insert(HeaderName::try_from(name).map_err(|_| wrong())?, value);
    }
    Ok(resolved)
}

#[async_trait]
impl HttpClient for Collector {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let sending = self.client.post(self.url.clone()).headers(request.headers().clone()).body(request.into_body());
        let sent = self.runtime.spawn(async {
            let mut answer = sending.send().await?;
            let mut response = Response::new(Bytes::new());
            *response.status_mut() = answer.status();
            let mut body = Vec::new();
            while let Some(chunk) = answer.chunk().await? {
                if body.len() + chunk.len() > ANSWER_BYTES_MAX {
                    break;
                }
                body.extend_from_slice(&chunk);
            }
            *response.body_mut() = body.into();
            Ok::<_, reqwest::Error>(response)
        });
        match sent.await? {
            Ok(response) => {
                if !response.status().is_success() {
                    self.say(response.status().as_str());
                }
                Ok(response)
            }
            Err(error) => {
                self.say(if error.is_timeout() { "it does not answer in time" } else { "there is no connection" });
                // Where it is, is the operator's own business.
                Err(Box::new(error.without_url()))
            }
        }
    }
}

impl fmt::Debug for Collector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Collector")
    }
}
