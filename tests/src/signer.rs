//! Requests and tokens that are signed as the AWS SDK for Rust signs them.

use std::time::{Duration, SystemTime};

use anyhow::Result;
use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, SignableBody, SignableRequest, SignatureLocation, SigningInstructions, SigningSettings, sign,
};
use aws_sigv4::sign::v4::SigningParams;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

use crate::http::{self, Response};

/// Who signs, for what and when.
#[derive(Debug, Clone)]
pub struct Signer {
    /// The id of an access key.
    pub access_key: String,
    /// Its secret half.
    pub secret_key: String,
    /// The token of temporary credentials.
    pub token: Option<String>,
    /// Such as `eu-central-1`.
    pub region: String,
    /// Such as `toolhost`.
    pub service: String,
    /// The date of the signature.
    pub time: SystemTime,
    /// Whether the body's digest is sent in a header of its own, as some SDKs do.
    pub digest_header: bool,
}

/// A request that is ready to be sent, once or more often.
#[derive(Debug, Clone)]
pub struct Signed {
    /// Such as `POST`.
    pub method: String,
    /// The whole URL.
    pub url: String,
    /// All headers but `host`.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Signed {
    /// Sends it.
    pub async fn send(&self) -> Result<Response> {
        let headers: Vec<(&str, &str)> =
            self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        http::request(&self.method, &self.url, &headers, self.body.clone()).await
    }

    /// Puts another value in the place of a header's.
    pub fn set(&mut self, name: &str, value: &str) {
        self.headers.retain(|(other, _)| !other.eq_ignore_ascii_case(name));
        self.headers.push((name.to_owned(), value.to_owned()));
    }

    /// A header's value; empty if it is not there.
    pub fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(other, _)| other.eq_ignore_ascii_case(name));
        found.map_or("", |(_, value)| value)
    }
}

impl Signer {
    /// Signs a request, with all headers that are given.
    pub fn sign(&self, method: &str, url: &str, headers: &[(&str, &str)], body: &[u8]) -> Result<Signed> {
        self.sign_body(method, url, headers, body, SignableBody::Bytes(body))
    }

    /// The same, with a signature that is of no body, or of some other one.
    pub fn sign_body(
        &self,
        method: &str,
        url: &str,
        headers: &[(&str, &str)],
        body: &[u8],
        signed_body: SignableBody<'_>,
    ) -> Result<Signed> {
        let mut settings = SigningSettings::default();
        if self.digest_header {
            settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        }
        let request = SignableRequest::new(method, url, headers.iter().copied(), signed_body)?;
        let signed = self.instructions(settings, request)?;
        let own = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        let headers = headers.iter().copied().chain(signed.headers()).map(own).collect();
        Ok(Signed { method: method.to_owned(), url: url.to_owned(), headers, body: body.to_vec() })
    }

    /// Signs a `GET` in advance, as a URL that is good for so long.
    pub fn presign(&self, url: &str, headers: &[(&str, &str)], life: Duration) -> Result<String> {
        let mut settings = SigningSettings::default();
        settings.signature_location = SignatureLocation::QueryParams;
        settings.expires_in = Some(life);
        let request = SignableRequest::new("GET", url, headers.iter().copied(), SignableBody::empty())?;
        let mut request_out = ::http::Request::builder().uri(url).body(())?;
        self.instructions(settings, request)?.apply_to_request_http1x(&mut request_out);
        Ok(request_out.uri().to_string())
    }

    fn instructions(&self, settings: SigningSettings, request: SignableRequest<'_>) -> Result<SigningInstructions> {
        let identity = Credentials::new(&self.access_key, &self.secret_key, self.token.clone(), None, "test").into();
        let params = SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name(&self.service)
            .time(self.time)
            .settings(settings)
            .build()?
            .into();
        Ok(sign(request, &params)?.into_parts().0)
    }
}

/// A token as callers show it: a URL that they signed in advance.
pub fn token(url: &str) -> String {
    format!("toolhost-aws-v1.{}", BASE64_URL_SAFE_NO_PAD.encode(url))
}
