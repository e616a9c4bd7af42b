//! AWS Signature Version 4, checked as the real service checks it: a client with the
//! wrong secret, region, service, clock or body gets nowhere.

use std::sync::Mutex;
use std::time::{Duration, SystemTime};

use aws_sigv4::sign::v4::{calculate_signature, generate_signing_key};
use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use axum::body::Bytes;
use http::HeaderMap;
use http::request::Parts;
use sha2::{Digest, Sha256};

use super::{REGION, Refusal, held};
use crate::mariadb;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// How far the clock of a client may be off.
const SKEW_MAX: Duration = Duration::from_secs(300);

/// The one key pair that an emulator knows, the region that it stands in and its service.
pub(crate) struct Credentials {
    pub(crate) access_key: String,
    pub(crate) secret_key: String,
    pub(crate) region: String,
    /// The service's name in a signature, such as `rds-data`.
    service: &'static str,
    /// The token of temporary credentials; long-term ones have none.
    pub(crate) session_token: Mutex<Option<String>>,
}

/// What the `Authorization` header says.
struct Claim<'a> {
    access_key: &'a str,
    scope: &'a str,
    signed_headers: &'a str,
    signature: &'a str,
}

impl Credentials {
    /// A key pair of its own for one emulator.
    pub(crate) fn new(service: &'static str) -> anyhow::Result<Self> {
        Ok(Self {
            access_key: format!("AKIA{}", mariadb::random()?.to_uppercase()),
            secret_key: mariadb::random()? + &mariadb::random()?,
            region: REGION.to_owned(),
            service,
            session_token: Mutex::default(),
        })
    }

    /// Errors unless the request was signed with this key, for this service and region,
    /// just now.
    pub(crate) fn verify(&self, request: &Parts, body: &Bytes) -> Result<(), Refusal> {
        let authorization = header(&request.headers, "authorization")
            .ok_or_else(|| Refusal::new(403, "MissingAuthenticationTokenException", "Missing Authentication Token"))?;
        let claim = claim(&authorization).ok_or_else(|| {
            Refusal::new(403, "IncompleteSignatureException", "Authorization header is not a Signature Version 4 one")
        })?;
        let token = header(&request.headers, "x-amz-security-token");
        if claim.access_key != self.access_key || token != *held(&self.session_token) {
            let message = "The security token included in the request is invalid.";
            return Err(Refusal::new(403, "UnrecognizedClientException", message));
        }
        let sent = header(&request.headers, "x-amz-date").unwrap_or_default();
        let time = date(&sent).ok_or_else(|| mismatch("Date in X-Amz-Date is missing or malformed."))?;
        let now = SystemTime::now();
        let skew = now.duration_since(time).or_else(|_| time.duration_since(now)).unwrap_or(SKEW_MAX);
        if skew >= SKEW_MAX {
            return Err(mismatch(format!("Signature expired or not yet current: {sent}")));
        }
        let day = sent.get(..8).unwrap_or_default();
        if claim.scope != format!("{day}/{}/{}/aws4_request", self.region, self.service) {
            return Err(mismatch(format!(
                "Credential should be scoped to a valid region, not '{}', and to service '{}'.",
                claim.scope, self.service
            )));
        }
        let canonical = canonical_request(request, body, claim.signed_headers)?;
        let to_sign = format!("{ALGORITHM}\n{sent}\n{}\n{}", claim.scope, digest(canonical.as_bytes()));
        let key = generate_signing_key(&self.secret_key, time, &self.region, self.service);
        if calculate_signature(key, to_sign.as_bytes()) != claim.signature {
            return Err(mismatch(
                "The request signature we calculated does not match the signature you provided. Check your AWS \
                 Secret Access Key and signing method. Consult the service documentation for details.",
            ));
        }
        Ok(())
    }
}

/// The request in the one form that both sides hash.
fn canonical_request(request: &Parts, body: &Bytes, signed_headers: &str) -> Result<String, Refusal> {
    let names: Vec<&str> = signed_headers.split(';').collect();
    if let Some(name) = ["host", "x-amz-date"].iter().find(|name| !names.contains(name)) {
        return Err(mismatch(format!("'{name}' must be a 'SignedHeader' in the AWS Authorization.")));
    }
    let mut headers = String::new();
    for name in &names {
        let value = header(&request.headers, name)
            .ok_or_else(|| mismatch(format!("'{name}' is signed, and not in the request.")))?;
        headers.push_str(&format!("{name}:{value}\n"));
    }
    // No operation of these APIs has a query. A path is signed with its encoding encoded.
    let path = encoded(request.uri.path());
    Ok(format!("{}\n{path}\n\n{headers}\n{signed_headers}\n{}", request.method, digest(body)))
}

/// A path with everything encoded that is not plain, `%` too.
fn encoded(path: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
    path.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

/// All values of a header, joined as the canonical form wants them.
fn header(headers: &HeaderMap, name: &str) -> Option<String> {
    let values: Vec<String> = headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .map(|value| value.split_ascii_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    (!values.is_empty()).then(|| values.join(","))
}

fn claim(authorization: &str) -> Option<Claim<'_>> {
    let members = authorization.strip_prefix(ALGORITHM)?.trim_start();
    let member = |name: &str| {
        let mut all = members.split(',').map(str::trim);
        all.find_map(|member| member.strip_prefix(name)?.strip_prefix('='))
    };
    let (access_key, scope) = member("Credential")?.split_once('/')?;
    Some(Claim { access_key, scope, signed_headers: member("SignedHeaders")?, signature: member("Signature")? })
}

/// `20260131T235959Z`.
pub(crate) fn date(date: &str) -> Option<SystemTime> {
    let part = |from, to| date.get(from..to);
    let (year, month, day, hour) = (part(0, 4)?, part(4, 6)?, part(6, 8)?, part(8, 11)?);
    let text = format!("{year}-{month}-{day}{hour}:{}:{}", part(11, 13)?, date.get(13..)?);
    SystemTime::try_from(DateTime::from_str(&text, Format::DateTime).ok()?).ok()
}

fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn mismatch(message: impl Into<String>) -> Refusal {
    Refusal::new(403, "InvalidSignatureException", message)
}
