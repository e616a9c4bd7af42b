//! Callers without a key that the host shares: they show a request to STS that they signed in
//! advance (`presigned.rs`), the host sends it, and STS says who signed it.
//!
//! Such a token is a bearer token: until it expires it may be shown again and again, and STS
//! is asked once. It is bound to this host by the header `x-toolhost-id`, whose value the host
//! sends itself: a token for another server has another value under its signature.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use sha2::{Digest as _, Sha256};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

use super::identity::{Allowed, Identity};
use super::presigned::{self, Presigned, Rules};
use super::service::{Service, Trouble};
use crate::call::Caller;

/// Where tokens are proved, and whom they let in.
pub(super) struct Sts {
    pub(super) hosts: Vec<String>,
    pub(super) life_max_s: i64,
    pub(super) skew_s: i64,
    pub(super) cached_max: usize,
    pub(super) allowed: Vec<Allowed>,
    pub(super) service: Service,
    /// So many ask STS at once.
    pub(super) asking: Semaphore,
    pub(super) proved: Mutex<HashMap<Digest, Proved>>,
}

/// SHA-256 of a token.
type Digest = [u8; 32];

/// A token that STS has been asked about.
pub(super) struct Proved {
    expires: i64,
    caller: Arc<Caller>,
}

/// Why a token is worth nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Flaw {
    #[error(transparent)]
    Token(#[from] presigned::Flaw),
    #[error(
        "STS refused the token. Sign another one with credentials that are valid, with the header `x-toolhost-id` and \
         the `server_id` of this host, and with no more than a few minutes between signing and showing it."
    )]
    Refused,
    #[error(
        "AWS knows this caller, and this host does not let it in. The operator can: [[callers.aws.sts.allow]] arn."
    )]
    NotAllowed,
    #[error("STS cannot be asked just now who signed the token: {0}. Try again in a few seconds.")]
    Unknown(&'static str),
}

impl Sts {
    /// Whose token this is.
    pub(super) async fn identify(&self, token: &str, now: i64) -> Result<Arc<Caller>, Flaw> {
        let digest = Sha256::digest(token).into();
        if let Some(caller) = self.proved(&digest, now) {
            return Ok(caller);
        }
        let rules = Rules { hosts: &self.hosts, life_max_s: self.life_max_s, skew_s: self.skew_s };
        let presigned = Presigned::parse(token, rules, now)?;
        let deadline = Instant::now() + self.service.time_max;
        // A flood of tokens is not passed on to STS.
        let Ok(Ok(_permit)) = timeout_at(deadline, self.asking.acquire()).await else {
            return Err(Flaw::Unknown("too many callers are asked about at once"));
        };
        // Meanwhile somebody may have asked about the same one.
        if let Some(caller) = self.proved(&digest, now) {
            return Ok(caller);
        }
        let answer = timeout_at(deadline, self.service.ask(presigned.host, &presigned.query)).await;
        let answer = answer.unwrap_or(Err(Trouble::Away("it takes too long"))).map_err(|trouble| match trouble {
            Trouble::Refused => Flaw::Refused,
            Trouble::Away(why) => Flaw::Unknown(why),
        })?;
        let identity = Identity::parse(&answer).ok_or(Flaw::Unknown("its answer is not what STS answers"))?;
        let caller = self.allowed.iter().find_map(|allowed| allowed.caller(&identity)).ok_or(Flaw::NotAllowed)?;
        self.keep(digest, Proved { expires: presigned.expires, caller: Arc::clone(&caller) }, now);
        Ok(caller)
    }

    fn proved(&self, digest: &Digest, now: i64) -> Option<Arc<Caller>> {
        let proved = self.proved.lock().unwrap_or_else(PoisonError::into_inner);
        proved.get(digest).filter(|proved| now < proved.expires).map(|proved| Arc::clone(&proved.caller))
    }

    /// Keeps what STS said. What is forgotten for it costs one more question.
    fn keep(&self, digest: Digest, one: Proved, now: i64) {
        let mut proved = self.proved.lock().unwrap_or_else(PoisonError::into_inner);
        if proved.len() >= self.cached_max {
            proved.retain(|_, proved| now < proved.expires);
        }
        if proved.len() >= self.cached_max
            && let Some(first) = proved.iter().min_by_key(|(_, proved)| proved.expires).map(|(digest, _)| *digest)
        {
            proved.remove(&first);
        }
        proved.insert(digest, one);
    }
}
