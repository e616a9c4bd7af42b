//! Requests that their caller signed for this host with an AWS access key.
//!
//! A request is served once. Two equal requests that one key signs within one second have equal
//! signatures, since the date is in seconds; they cannot be told from a request that somebody
//! recorded and sends again, so the second one is refused, whatever its method: a listing
//! that is sent again tells the recorder what it lists. A client that means it signs one more
//! header with a value of its own choice, such as `X-Amz-Toolhost-Nonce`: the host does not look
//! at it, and needs not to, for it changes the signature. Calls of MCP differ by their ids.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_sigv4::sign::v4::{calculate_signature, generate_signing_key};
use http::HeaderMap;
use http::header::{AUTHORIZATION, DATE};
use sha2::{Digest, Sha256};

use super::canonical::Message;
use super::date::{basic, parse_basic, parse_http};
use super::seen::{Seen, Unfit};
use crate::call::Caller;
use crate::config::Secret;

/// What the `Authorization` header of a signed request begins with.
pub(super) const ALGORITHM: &str = "AWS4-HMAC-SHA256";

const DIGEST: &str = "x-amz-content-sha256";
const TIME: &str = "x-amz-date";
const TOKEN: &str = "x-amz-security-token";

/// The keys that requests may be signed with, and what they are signed for.
pub(super) struct Signed {
    pub(super) region: String,
    pub(super) service: String,
    /// How far a client's clock may be off, in seconds.
    pub(super) skew_s: i64,
    /// How many requests are remembered for each key.
    pub(super) replays_max: usize,
    /// By the ids of the keys.
    pub(super) keys: HashMap<String, Key>,
}

/// One access key.
pub(super) struct Key {
    pub(super) secret: Secret,
    pub(super) session_token: Option<Secret>,
    pub(super) caller: Arc<Caller>,
    pub(super) seen: Arc<Mutex<Seen>>,
}

/// Why a signed request is not served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Flaw {
    #[error(
        "The Authorization header is no signature of version 4. Write `AWS4-HMAC-SHA256 Credential=..., \
         SignedHeaders=..., Signature=...`, each once, with the signed headers in lower case and sorted."
    )]
    Malformed,
    #[error("The request has the header `{0}` more than once. Send it once.")]
    Twice(&'static str),
    #[error("The header `{0}` is in the request, and is not signed. Sign it.")]
    NotSigned(&'static str),
    #[error("The request has no date that is signed. Send `x-amz-date`, such as 20260131T235959Z, and sign it.")]
    NoDate,
    #[error("The request is signed for another service, region or day than this host's and its own date.")]
    Scope,
    #[error("The request's date is too far from this host's time. Set the clock, and sign the request again.")]
    Stale,
    #[error("The request is dated before this host began to keep watch. Sign it again.")]
    Forgotten,
    #[error("The body of the request is not signed. Sign it whole: no UNSIGNED-PAYLOAD, no chunks signed one by one.")]
    BodyNotSigned,
    #[error(
        "The signature does not match the request, or its access key is not known. Check the access key, its secret \
         and its session token, and that nothing on the way changes path, query, headers or body."
    )]
    Mismatch,
    #[error("The body is not the one that was signed.")]
    BodyAltered,
    #[error(
        "The request was served before. Sign it again: a second later, or with a header `X-Amz-Toolhost-Nonce` of a \
         new random value among the signed ones."
    )]
    Again,
    #[error(
        "The host can remember no more requests of this access key just now. Sign the request again in a minute; the \
         operator can raise `replays_max` in [callers.aws]."
    )]
    Full,
}

impl Signed {
    /// Whose request this is.
    pub(super) fn identify(&self, request: Message<'_>, now: i64) -> Result<Arc<Caller>, Flaw> {
        let headers = request.headers;
        let authorization = once(headers, AUTHORIZATION.as_str())?.ok_or(Flaw::Malformed)?;
        let claim = Claim::parse(authorization).ok_or(Flaw::Malformed)?;
        let date = claim.date(headers)?;
        self.check_scope(&claim, date)?;
        if now.abs_diff(date) > self.skew_s.unsigned_abs() {
            return Err(Flaw::Stale);
        }
        let actual = hex(&Sha256::digest(request.body));
        let digest = claim.signed_once(headers, DIGEST)?.unwrap_or(&actual);
        if !is_digest(digest) {
            return Err(Flaw::BodyNotSigned);
        }
        let canonical = request.canonical(claim.signed_headers, digest).ok_or(Flaw::Mismatch)?;
        let key = self.keys.get(claim.access_key);
        // An unknown key takes as long as a known one whose secret is another.
        let secret = key.map_or("", |key| key.secret.expose());
        let scope = claim.scope;
        let to_sign = format!("{ALGORITHM}\n{}\n{scope}\n{}", basic(date), hex(&Sha256::digest(&canonical)));
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(date.unsigned_abs());
        let signing_key = generate_signing_key(secret, time, &self.region, &self.service);
        let expected = calculate_signature(signing_key, to_sign.as_bytes());
        let matches = verify_slices_are_equal(expected.as_bytes(), claim.signature.as_bytes()).is_ok();
        let key = key.filter(|_| matches).ok_or(Flaw::Mismatch)?;
        key.check_token(claim.signed_once(headers, TOKEN)?)?;
        if digest != actual {
            return Err(Flaw::BodyAltered);
        }
        key.take(date, &expected, now - self.skew_s, self.replays_max)?;
        Ok(Arc::clone(&key.caller))
    }

    fn check_scope(&self, claim: &Claim<'_>, date: i64) -> Result<(), Flaw> {
        let day = basic(date);
        let day = day.get(..8).unwrap_or_default();
        let expected = [day, &self.region, &self.service, "aws4_request"];
        if claim.scope.split('/').eq(expected) { Ok(()) } else { Err(Flaw::Scope) }
    }
}

impl Key {
    fn check_token(&self, sent: Option<&str>) -> Result<(), Flaw> {
        let expected = self.session_token.as_ref().map(Secret::expose);
        match (expected, sent) {
            (None, None) => Ok(()),
            (Some(expected), Some(sent)) => {
                verify_slices_are_equal(expected.as_bytes(), sent.as_bytes()).map_err(|_| Flaw::Mismatch)
            }
            _ => Err(Flaw::Mismatch),
        }
    }

    fn take(&self, date: i64, signature: &str, oldest: i64, max: usize) -> Result<(), Flaw> {
        // Half of the digest: nobody finds two requests that share it.
        let half = signature.get(..32).and_then(|half| u128::from_str_radix(half, 16).ok()).ok_or(Flaw::Mismatch)?;
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.take(date, half, oldest, max).map_err(|unfit| match unfit {
            Unfit::Again => Flaw::Again,
            Unfit::Forgotten => Flaw::Forgotten,
            Unfit::Full => Flaw::Full,
        })
    }
}

/// What the `Authorization` header says.
struct Claim<'a> {
    access_key: &'a str,
    /// `<day>/<region>/<service>/aws4_request`
    scope: &'a str,
    signed_headers: &'a str,
    signature: &'a str,
}

impl<'a> Claim<'a> {
    fn parse(authorization: &'a str) -> Option<Self> {
        let members = authorization.strip_prefix(ALGORITHM)?.strip_prefix(' ')?;
        let (mut credential, mut signed_headers, mut signature) = (None, None, None);
        for member in members.split(',') {
            let (name, value) = member.trim_matches(' ').split_once('=')?;
            let place = match name {
                "Credential" => &mut credential,
                "SignedHeaders" => &mut signed_headers,
                "Signature" => &mut signature,
                _ => return None,
            };
            if place.replace(value).is_some() {
                return None;
            }
        }
        let (access_key, scope) = credential?.split_once('/')?;
        let signed_headers = signed_headers.filter(|names| are_sorted(names))?;
        Some(Self { access_key, scope, signed_headers, signature: signature.filter(|text| is_digest(text))? })
    }

    fn signs(&self, name: &str) -> bool {
        self.signed_headers.split(';').any(|signed| signed == name)
    }

    /// A header that must be signed if it is there.
    fn signed_once<'h>(&self, headers: &'h HeaderMap, name: &'static str) -> Result<Option<&'h str>, Flaw> {
        let value = once(headers, name)?;
        if value.is_some() && !self.signs(name) { Err(Flaw::NotSigned(name)) } else { Ok(value) }
    }

    /// When the request was signed, in seconds since 1970.
    fn date(&self, headers: &HeaderMap) -> Result<i64, Flaw> {
        once(headers, "host")?;
        if !self.signs("host") {
            return Err(Flaw::NotSigned("host"));
        }
        if let Some(date) = self.signed_once(headers, TIME)? {
            return parse_basic(date).ok_or(Flaw::NoDate);
        }
        let date = self.signed_once(headers, DATE.as_str())?.ok_or(Flaw::NoDate)?;
        parse_basic(date).or_else(|| parse_http(date)).ok_or(Flaw::NoDate)
    }
}

/// The value of a header that may be there once.
fn once<'h>(headers: &'h HeaderMap, name: &'static str) -> Result<Option<&'h str>, Flaw> {
    let mut all = headers.get_all(name).iter();
    let first = all.next();
    if all.next().is_some() {
        return Err(Flaw::Twice(name));
    }
    first.map(|value| value.to_str().map_err(|_| Flaw::Malformed)).transpose()
}

/// Whether these are names of headers in lower case, each once, in their order.
fn are_sorted(names: &str) -> bool {
    let names: Vec<&str> = names.split(';').collect();
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_.".contains(&byte);
    names.iter().all(|name| !name.is_empty() && name.bytes().all(plain)) && names.is_sorted_by(|a, b| a < b)
}

fn is_digest(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

fn hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from_digit(u32::from(value), 16).unwrap_or_default();
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 0xf)]).collect()
}
