//! Where an authorization server's public keys are, and how they are had: by the same rules as every
//! request that leaves the house.

use std::time::Duration;

use jsonwebtoken::jwk::Jwk;
use reqwest::header::{ACCEPT, HeaderValue};
use reqwest::{Certificate, Client, StatusCode, Url};
use serde::Deserialize;
use serde_json::Value;
use tokio::time::timeout;

use super::key_set::Key;
use crate::config::Issuer;
use crate::wire::egress::address::Range;
use crate::wire::egress::{self, Unread, resolver};

/// The largest answer that is read, in bytes.
const ANSWER_BYTES_MAX: usize = 256 << 10;

/// Where keys are had.
pub(super) struct Source {
    client: Client,
    /// As the config writes it: what the server must call itself.
    issuer: String,
    issuer_url: Url,
    /// Where the keys are, if the operator knows.
    keys: Option<Url>,
    /// What is open inside.
    named: Vec<Range>,
    time_max: Duration,
    keys_max: usize,
}

/// What a server says of itself, as far as it matters here.
#[derive(Deserialize)]
struct Metadata {
    issuer: String,
    jwks_uri: String,
}

#[derive(Deserialize)]
struct Set {
    keys: Vec<Value>,
}

impl Source {
    /// Opens a source; contacts nobody. An error is the key of the config, and what is wrong with it.
    pub(super) fn open(config: &Issuer) -> Result<Self, (&'static str, String)> {
        let issuer_url = url(&config.issuer).map_err(|why| ("issuer", why.to_owned()))?;
        let keys = config.jwks.as_deref().map(url).transpose().map_err(|why| ("jwks", why.to_owned()))?;
        let allowed: Result<Vec<Range>, String> = config.allow_private.iter().map(|text| Range::parse(text)).collect();
        let allowed = allowed.map_err(|why| ("allow_private", why))?;
        let (key, asked) = keys.as_ref().map_or(("issuer", &issuer_url), |keys| ("jwks", keys));
        let named = egress::named(asked, &allowed).ok_or_else(|| {
            (key, "it has an address that must be named in `allow_private`, or none that can be used".to_owned())
        })?;
        let authorities = authorities(config).map_err(|why| ("ca", why))?;
        let dns = (resolver::system(), named.as_slice());
        let client = egress::client(asked.scheme() == "http", authorities, dns).build();
        let client =
            client.map_err(|_| ("ca", "no TLS client can be made of the certificates there are".to_owned()))?;
        Ok(Self {
            client,
            issuer: config.issuer.clone(),
            issuer_url,
            keys,
            named,
            time_max: Duration::from_millis(config.time_max_ms.get()),
            keys_max: config.keys_max.get_usize(),
        })
    }

    /// The keys as they are now; or why they cannot be had, for the operator.
    pub(super) async fn ask(&self) -> Result<Vec<Key>, String> {
        let too_slow = |_| format!("no answer within the {} ms of `time_max_ms`", self.time_max.as_millis());
        timeout(self.time_max, self.ask_now()).await.map_err(too_slow)?
    }

    async fn ask_now(&self) -> Result<Vec<Key>, String> {
        let found;
        let keys = match &self.keys {
            Some(keys) => keys,
            None => {
                found = self.discover().await?;
                &found
            }
        };
        let answer = self.get(keys).await?.ok_or_else(|| format!("{keys} is not there"))?;
        let set: Set = serde_json::from_slice(&answer).map_err(|_| format!("{keys} is no JSON with `keys`"))?;
        if set.keys.len() > self.keys_max {
            return Err(format!("{keys} has more than the {} keys of `keys_max`", self.keys_max));
        }
        // One that cannot be read is not used; the others may be good.
        let keys = set.keys.into_iter().filter_map(|key| Key::new(&serde_json::from_value::<Jwk>(key).ok()?));
        Ok(keys.collect())
    }

    /// Where the server says that its keys are.
    async fn discover(&self) -> Result<Url, String> {
        for place in places(&self.issuer_url) {
            let Some(answer) = self.get(&place).await? else { continue };
            let metadata: Metadata = serde_json::from_slice(&answer)
                .map_err(|_| format!("{place} is no JSON with `issuer` and `jwks_uri`"))?;
            if metadata.issuer != self.issuer {
                return Err(format!("{place} is of an issuer that calls itself otherwise than `issuer` here"));
            }
            let keys = url(&metadata.jwks_uri).map_err(|why| format!("`jwks_uri` of {place}: {why}"))?;
            if !egress::may_go(&keys, &self.named) {
                return Err(format!("`jwks_uri` of {place} has an address that is not named in `allow_private`"));
            }
            return Ok(keys);
        }
        Err(format!("{} is found by neither RFC 8414 nor OpenID discovery; set `jwks`", self.issuer_url))
    }

    /// What is there; none if nothing is.
    async fn get(&self, url: &Url) -> Result<Option<Vec<u8>>, String> {
        let asking = self.client.get(url.clone()).header(ACCEPT, HeaderValue::from_static("application/json"));
        let mut answer = asking.send().await.map_err(|error| format!("{url} cannot be reached: {}", root(&error)))?;
        match answer.status() {
            StatusCode::OK => {}
            StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED | StatusCode::GONE => return Ok(None),
            status => return Err(format!("{url} answered with status {}", status.as_u16())),
        }
        let read = egress::read(&mut answer, ANSWER_BYTES_MAX).await;
        read.map(Some).map_err(|unread| match unread {
            Unread::TooLarge => format!("{url} answered more than {} KiB", ANSWER_BYTES_MAX >> 10),
            Unread::BrokeOff => format!("{url} broke off"),
        })
    }
}

/// The last of the causes, which says what happened.
fn root(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}

fn authorities(config: &Issuer) -> Result<Vec<Certificate>, String> {
    let Some(ca) = &config.ca else { return Ok(Vec::new()) };
    let pem = ca.resolve().map_err(|error| error.to_string())?;
    let found = Certificate::from_pem_bundle(pem.expose().as_bytes()).unwrap_or_default();
    if found.is_empty() { Err("it holds no certificate as PEM".to_owned()) } else { Ok(found) }
}

/// A URL that keys may be had from. No message repeats it.
fn url(text: &str) -> Result<Url, &'static str> {
    let url = Url::parse(text).map_err(|_| "it is no URL: write `https://login.example.com`")?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("it holds a user: keys are public, so leave it out");
    }
    if url.fragment().is_some() || url.host_str().is_none() {
        return Err("it is no URL of a server");
    }
    match url.scheme() {
        "https" => Ok(url),
        "http" if egress::is_here(&url) => Ok(url),
        _ => Err("it begins with `https://`; without TLS, only this machine is trusted"),
    }
}

/// Where a server may tell of itself: as MCP has it, RFC 8414 first, then OpenID Connect.
fn places(issuer: &Url) -> Vec<Url> {
    let path = issuer.path().trim_end_matches('/');
    let mut paths = vec![
        format!("/.well-known/oauth-authorization-server{path}"),
        format!("/.well-known/openid-configuration{path}"),
    ];
    if !path.is_empty() {
        paths.push(format!("{path}/.well-known/openid-configuration"));
    }
    let place = |path: String| {
        let mut place = issuer.clone();
        place.set_query(None);
        place.set_path(&path);
        place
    };
    paths.into_iter().map(place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_looked_for_where_the_standards_say() {
        let places = |text: &str| -> Vec<String> {
            super::places(&Url::parse(text).expect("is a URL")).iter().map(Url::to_string).collect()
        };
        assert_eq!(
            places("https://a.example/tenant/"),
            [
                "https://a.example/.well-known/oauth-authorization-server/tenant",
                "https://a.example/.well-known/openid-configuration/tenant",
                "https://a.example/tenant/.well-known/openid-configuration",
            ]
        );
        assert_eq!(places("https://a.example").len(), 2);
    }

    #[test]
    fn keys_come_by_tls_or_from_this_machine() {
        for good in ["https://a.example/x", "http://127.0.0.1:1", "http://localhost/x"] {
            assert!(url(good).is_ok(), "{good}");
        }
        for bad in ["http://a.example", "ftp://a.example", "https://u:p@a.example", "a.example", "https://a.example/#x"]
        {
            assert!(url(bad).is_err_and(|why| !why.contains("u:p")), "{bad}");
        }
    }
}
