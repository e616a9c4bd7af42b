//! STS, as it is asked: one GET, no redirect, no more than its answer can be long.

use std::error::Error as _;
use std::time::Duration;

use reqwest::header::{ACCEPT, ACCEPT_ENCODING, HOST, HeaderValue};
use reqwest::{Client, StatusCode, Url};

use super::presigned::SERVER_HEADER;
use crate::wire::egress::address::Range;
use crate::wire::egress::{self, Unread, resolver};

/// STS's answer has about 500 bytes.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// Where STS is asked, and as which server.
///
/// The names are the operator's, and TLS proves who answers. So they may lead to a private address, as they do
/// inside a network that has an endpoint of its own for STS.
pub(super) struct Service {
    client: Client,
    /// Where it is, if not at the host that was signed for; without a slash at its end.
    endpoint: Option<String>,
    server_id: HeaderValue,
    /// How long one question may take.
    pub(super) time_max: Duration,
}

/// Why there is no answer. What STS wrote about it is not told: it repeats what was signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    /// STS does not accept the signature.
    Refused,
    /// STS is away, or its answer is none.
    Away(&'static str),
}

impl Service {
    /// Contacts nothing. An error is the key of the config, and what is wrong with it.
    pub(super) fn open(
        endpoint: Option<String>,
        allow_private: &[String],
        server_id: HeaderValue,
        time_max: Duration,
    ) -> Result<Self, (&'static str, String)> {
        let allowed: Result<Vec<Range>, String> = allow_private.iter().map(|text| Range::parse(text)).collect();
        let allowed = allowed.map_err(|why| ("allow_private", why))?;
        let named = match &endpoint {
            Some(url) => {
                let url = Url::parse(url).map_err(|_| ("endpoint", "it is no URL".to_owned()))?;
                let why = "it has an address that must be named in `allow_private`, or none that can be used";
                egress::named(&url, &allowed).ok_or(("endpoint", why.to_owned()))?
            }
            None => allowed,
        };
        let plain = endpoint.as_ref().is_some_and(|url| url.starts_with("http://"));
        // The name of the host is under the signature, and HTTP/2 would take it from the address.
        let client = egress::client(plain, Vec::new(), (resolver::system(), &named)).http1_only().build();
        let client = client.map_err(|_| ("endpoint", "no TLS client can be made on this machine".to_owned()))?;
        Ok(Self { client, endpoint, server_id, time_max })
    }

    /// What STS answers to a query that was signed for this host of it.
    pub(super) async fn ask(&self, host: &str, query: &str) -> Result<String, Trouble> {
        let base = self.endpoint.clone().unwrap_or_else(|| format!("https://{host}"));
        let asking = self.client.get(format!("{base}/?{query}")).header(HOST, host);
        let asking = asking.header(SERVER_HEADER, &self.server_id).header(ACCEPT, "text/xml");
        let asking = asking.header(ACCEPT_ENCODING, "identity");
        let mut answer = asking.send().await.map_err(|error| unreachable(&error))?;
        match answer.status() {
            StatusCode::OK => {}
            StatusCode::TOO_MANY_REQUESTS => return Err(Trouble::Away("it is asked too much")),
            status if status.is_client_error() => return Err(Trouble::Refused),
            _ => return Err(Trouble::Away("it failed")),
        }
        let body = egress::read(&mut answer, ANSWER_BYTES_MAX).await.map_err(|unread| match unread {
            Unread::TooLarge => Trouble::Away("its answer is too long"),
            Unread::BrokeOff => Trouble::Away("it broke off"),
        })?;
        String::from_utf8(body).map_err(|_| Trouble::Away("its answer is no text"))
    }
}

/// The operator is told the cause alone: the error itself would repeat the URL, and the signature in it.
fn unreachable(error: &reqwest::Error) -> Trouble {
    let cause = std::iter::successors(error.source(), |&cause| cause.source()).last().map(ToString::to_string);
    tracing::warn!(why = cause, "STS cannot be reached, to say who a caller is; see [callers.aws.sts]");
    Trouble::Away("it cannot be reached")
}
