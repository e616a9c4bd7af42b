//! API keys: 256 random bits each, of which the host keeps the SHA-256 alone. A key cannot be
//! guessed, so nothing slower is needed to keep it from being found out by its digest.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::SystemTime;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use chrono::{DateTime, Utc};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::Refusal;
use crate::call::Caller;
use crate::config::{Config, Key};
use crate::gate::GateError;

/// What every key begins with, so that scanners for lost secrets know one.
pub(super) const PREFIX: &str = "thk_";

/// A key that was just made: what it is shown as, once, and what is kept.
pub struct NewKey {
    /// The whole key.
    pub text: Zeroizing<String>,
    /// SHA-256 of it.
    pub sha256: [u8; 32],
}

impl NewKey {
    /// A key that nobody has.
    ///
    /// # Errors
    ///
    /// The system gives no random numbers.
    pub fn make() -> Result<Self, getrandom::Error> {
        let mut bits = Zeroizing::new([0; 32]);
        getrandom::fill(&mut *bits)?;
        let encoded = Zeroizing::new(BASE64.encode(*bits));
        let text = Zeroizing::new([PREFIX, &encoded].concat());
        let sha256 = digest(&text);
        Ok(Self { text, sha256 })
    }
}

/// The keys that are taken, by digest.
pub(super) struct Keys {
    by_digest: HashMap<[u8; 32], Known>,
    /// Whether keys are taken at all.
    are_taken: bool,
}

struct Known {
    digest: [u8; 32],
    caller: Arc<Caller>,
    expires: Option<DateTime<Utc>>,
    is_revoked: bool,
}

impl Keys {
    /// The keys of a config.
    pub(super) fn open(config: &Config) -> Result<Self, GateError> {
        let keys = match (&config.callers.keys, &config.keys) {
            (Some(path), None) => return Err(GateError::NoKeys(config.resolve(path))),
            (_, keys) => keys.iter().flat_map(|keys| keys.iter()),
        };
        let by_digest = keys.map(|key| (key.sha256, Known::of(key))).collect();
        Ok(Self { by_digest, are_taken: config.callers.keys.is_some() })
    }

    /// How many there are, for the operator; none if keys are not taken.
    pub(super) fn summary(&self) -> Option<String> {
        let good = self.by_digest.values().filter(|known| !known.is_revoked).count();
        self.are_taken.then(|| format!("by API key ({good} known)"))
    }

    /// Whose key this is.
    pub(super) fn find(&self, key: &str) -> Result<Arc<Caller>, Refusal> {
        let invalid = |why: &str| Err(Refusal::Invalid(why.to_owned()));
        let digest = digest(key);
        let known = self.by_digest.get(&digest);
        // The map compares as fast as it can; this says yes.
        let Some(known) = known.filter(|known| verify_slices_are_equal(&known.digest, &digest).is_ok()) else {
            return invalid("The API key is not known here; ask the operator for another.");
        };
        if known.is_revoked {
            return invalid("The API key was revoked; ask the operator for another.");
        }
        if known.expires.is_some_and(|end| end <= DateTime::<Utc>::from(SystemTime::now())) {
            return invalid("The API key has expired; ask the operator for another.");
        }
        Ok(Arc::clone(&known.caller))
    }
}

impl Known {
    fn of(key: &Key) -> Self {
        let caller = Caller {
            groups: key.groups.clone(),
            attributes: key.attributes.clone(),
            ..Caller::named(key.caller.clone())
        };
        let is_revoked = key.revoked.is_some();
        Self { digest: key.sha256, caller: Arc::new(caller), expires: key.expires, is_revoked }
    }
}

fn digest(key: &str) -> [u8; 32] {
    Sha256::digest(key.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_long_and_no_two_are_the_same() {
        let (one, other) = (NewKey::make().expect("random numbers"), NewKey::make().expect("random numbers"));
        assert!(one.text.starts_with(PREFIX) && one.text.len() == PREFIX.len() + 43, "{}", one.text.len());
        assert!(one.text != other.text && one.sha256 != other.sha256);
    }

    fn keys(times: &[(&str, Option<&str>, bool)]) -> Keys {
        let time = |text: &str| DateTime::parse_from_rfc3339(text).expect("is a time").to_utc();
        let known = times.iter().map(|(key, expires, is_revoked)| {
            let caller = Arc::new(Caller::named(*key));
            let known = Known { digest: digest(key), caller, expires: expires.map(time), is_revoked: *is_revoked };
            (known.digest, known)
        });
        Keys { by_digest: known.collect(), are_taken: true }
    }

    #[test]
    fn a_key_is_good_until_it_ends_and_another_never_was() {
        let keys = keys(&[
            ("thk_good", Some("2999-01-01T00:00:00Z"), false),
            ("thk_old", Some("2001-01-01T00:00:00Z"), false),
            ("thk_taken", None, true),
        ]);
        assert_eq!(keys.find("thk_good").map(|caller| caller.name.clone()), Ok("thk_good".to_owned()));
        for (key, says) in
            [("thk_old", "expired"), ("thk_taken", "revoked"), ("thk_other", "not known"), ("", "not known")]
        {
            let Err(Refusal::Invalid(why)) = keys.find(key) else { panic!("{key} is taken") };
            assert!(why.contains(says) && !why.contains("thk_"), "{why}");
        }
    }
}
