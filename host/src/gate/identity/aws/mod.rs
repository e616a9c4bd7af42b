//! Callers who prove themselves with AWS credentials, in one of two ways: by signing each
//! request with a key that the operator wrote down (`sigv4.rs`), or by showing a request to STS
//! that they signed in advance (`sts.rs`), for which the host shares no secret with them.

mod canonical;
mod date;
mod identity;
mod open;
mod presigned;
mod seen;
mod service;
mod sigv4;
mod sts;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use http::StatusCode;
use http::header::AUTHORIZATION;

pub use self::open::Unusable;
use self::sigv4::Signed;
use self::sts::Sts;
use crate::call::{Caller, Challenge, Presented};

/// The callers whom AWS credentials prove.
pub(super) struct Aws {
    signed: Signed,
    sts: Option<Sts>,
}

impl Aws {
    /// Whether a value of `Authorization` is one for this: a signature, or a token for STS.
    pub(in crate::gate) fn is_meant(authorization: &str) -> bool {
        authorization.starts_with(sigv4::ALGORITHM) || token(authorization).is_some()
    }

    /// Whose request this is, at the time `now`.
    ///
    /// # Errors
    ///
    /// 401 for what proves nothing, with the reason; 403 for somebody whom AWS knows and the operator did not let
    /// in; 503 if STS cannot be asked, or no more requests can be remembered.
    pub(in crate::gate) async fn identify(
        &self,
        presented: Presented<'_>,
        now: SystemTime,
    ) -> Result<Arc<Caller>, Challenge> {
        let now = date::seconds(now);
        let authorization = presented.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        match authorization.and_then(token) {
            Some(token) => self.identify_token(token, now).await,
            None => self.signed.identify(presented.into(), now).map_err(|flaw| self.unsigned(flaw)),
        }
    }

    async fn identify_token(&self, token: &str, now: i64) -> Result<Arc<Caller>, Challenge> {
        let Some(sts) = &self.sts else {
            let message = "This host takes no pre-signed requests to STS. The operator can: [callers.aws.sts].";
            return Err(refused_token(message.to_owned()));
        };
        sts.identify(token, now).await.map_err(|flaw| match flaw {
            sts::Flaw::Token(_) | sts::Flaw::Refused => refused_token(flaw.to_string()),
            sts::Flaw::NotAllowed => challenge(StatusCode::FORBIDDEN, None, flaw.to_string()),
            sts::Flaw::Unknown(_) => challenge(StatusCode::SERVICE_UNAVAILABLE, None, flaw.to_string()),
        })
    }

    /// How callers prove who they are, for the operator.
    pub(in crate::gate) fn summary(&self) -> String {
        let ways = [(!self.signed.keys.is_empty(), "AWS signature"), (self.sts.is_some(), "AWS identity")];
        let ways: Vec<&str> = ways.into_iter().filter(|(is_taken, _)| *is_taken).map(|(_, way)| way).collect();
        format!("by {}", ways.join(" and "))
    }

    /// What a request may be signed for, as a challenge of `WWW-Authenticate`; none if no signature is taken.
    pub(in crate::gate) fn invitation(&self) -> Option<String> {
        let Signed { region, service, keys, .. } = &self.signed;
        let words = || format!("{} region=\"{region}\", service=\"{service}\"", sigv4::ALGORITHM);
        (!keys.is_empty()).then(words)
    }

    /// The answer to a request whose signature proves nothing.
    fn unsigned(&self, flaw: sigv4::Flaw) -> Challenge {
        match flaw {
            sigv4::Flaw::Full => challenge(StatusCode::SERVICE_UNAVAILABLE, None, flaw.to_string()),
            flaw => challenge(StatusCode::UNAUTHORIZED, self.invitation(), flaw.to_string()),
        }
    }
}

/// The token for STS that a value of `Authorization` holds.
fn token(authorization: &str) -> Option<&str> {
    let (scheme, token) = authorization.split_once(' ')?;
    let token = token.trim_matches(' ');
    (scheme.eq_ignore_ascii_case("bearer") && token.starts_with(presigned::PREFIX)).then_some(token)
}

fn refused_token(message: String) -> Challenge {
    challenge(StatusCode::UNAUTHORIZED, Some("Bearer error=\"invalid_token\"".to_owned()), message)
}

fn challenge(status: StatusCode, authenticate: Option<String>, message: String) -> Challenge {
    Challenge { status, authenticate: authenticate.into_iter().collect(), message }
}

impl fmt::Debug for Aws {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Aws").field("keys", &self.signed.keys.len()).field("sts", &self.sts.is_some()).finish()
    }
}
