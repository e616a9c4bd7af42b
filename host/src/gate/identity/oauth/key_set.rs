//! The public keys of one authorization server, as they were had last. They are asked for when a
//! token names one that is not among them, and when they have grown old; never too often, and
//! while they cannot be had, those that are known go on being good.

use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, KeyOperations, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use tokio::sync::Mutex;

use super::source::Source;
use crate::config;

/// How soon keys are asked for again that were never had.
const FIRST_AGAIN: Duration = Duration::from_secs(1);

/// One public key.
pub(super) struct Key {
    id: Option<String>,
    /// What it can have signed.
    algorithms: Vec<Algorithm>,
    public: DecodingKey,
}

/// The keys of one server.
pub(super) struct KeySet {
    /// What the server is called in the config.
    issuer: String,
    source: Source,
    known: ArcSwapOption<Known>,
    /// Held by whoever asks for them.
    asked: Mutex<Asked>,
    again: Duration,
    age_max: Duration,
}

struct Known {
    keys: Vec<Arc<Key>>,
    since: Instant,
}

#[derive(Default)]
struct Asked {
    last: Option<Instant>,
    failed: bool,
}

/// Why there is no key for a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoKey {
    /// The server has none of that name.
    Unknown,
    /// The key of that name signs otherwise.
    Unfit,
    /// The token names none, and there are several.
    Unnamed,
    /// The server does not say which keys it has.
    Unreachable,
}

impl KeySet {
    /// The keys of a server; asks it for nothing yet.
    pub(super) fn new(issuer: &str, source: Source, config: &config::Issuer) -> Arc<Self> {
        Arc::new(Self {
            issuer: issuer.to_owned(),
            source,
            known: ArcSwapOption::empty(),
            asked: Mutex::default(),
            again: Duration::from_secs(config.keys_again_s.get()),
            age_max: Duration::from_secs(config.keys_age_s.get()),
        })
    }

    /// The key that a token names.
    pub(super) async fn find(self: &Arc<Self>, id: Option<&str>, algorithm: Algorithm) -> Result<Arc<Key>, NoKey> {
        let look = |known: &Known| find(&known.keys, id, algorithm);
        if let Some(known) = self.known.load_full() {
            match look(&known) {
                Err(NoKey::Unknown) => {}
                found => {
                    if known.since.elapsed() > self.age_max {
                        self.renew();
                    }
                    return found;
                }
            }
        }
        // To its end, even if whoever waits for it goes away: it is for all.
        let asking = tokio::spawn(Arc::clone(self).ask());
        let reached = asking.await.unwrap_or(false);
        match self.known.load_full().map(|known| look(&known)) {
            Some(Err(NoKey::Unknown)) | None if !reached => Err(NoKey::Unreachable),
            Some(found) => found,
            None => Err(NoKey::Unreachable),
        }
    }

    /// Asks for the keys beside what is under way, if nobody does and nobody did just now.
    fn renew(self: &Arc<Self>) {
        if self.asked.try_lock().is_ok_and(|asked| self.may_ask(&asked)) {
            tokio::spawn(Arc::clone(self).ask());
        }
    }

    /// Asks for the keys, unless somebody just did. False if the server did not give them.
    async fn ask(self: Arc<Self>) -> bool {
        let mut asked = self.asked.lock().await;
        if !self.may_ask(&asked) {
            return !asked.failed;
        }
        let keys = self.source.ask().await;
        *asked = Asked { last: Some(Instant::now()), failed: keys.is_err() };
        match keys {
            Ok(keys) => {
                tracing::debug!(issuer.name = self.issuer, keys = keys.len(), "an issuer's keys were had");
                let keys = keys.into_iter().map(Arc::new).collect();
                self.known.store(Some(Arc::new(Known { keys, since: Instant::now() })));
                true
            }
            Err(why) => {
                tracing::warn!(issuer.name = self.issuer, why, "an issuer's keys cannot be had");
                false
            }
        }
    }

    fn may_ask(&self, asked: &Asked) -> bool {
        let pause = if self.known.load().is_none() { self.again.min(FIRST_AGAIN) } else { self.again };
        asked.last.is_none_or(|last| last.elapsed() >= pause)
    }
}

fn find(keys: &[Arc<Key>], id: Option<&str>, algorithm: Algorithm) -> Result<Arc<Key>, NoKey> {
    let key = match (id, keys) {
        (Some(id), keys) => keys.iter().find(|key| key.id.as_deref() == Some(id)).ok_or(NoKey::Unknown)?,
        (None, [key]) => key,
        (None, []) => return Err(NoKey::Unknown),
        (None, _) => return Err(NoKey::Unnamed),
    };
    if key.algorithms.contains(&algorithm) { Ok(Arc::clone(key)) } else { Err(NoKey::Unfit) }
}

impl Key {
    /// A key that checks signatures; none if it is for something else, or of a kind that is not known here.
    pub(super) fn new(jwk: &Jwk) -> Option<Self> {
        use Algorithm::{ES256, ES384, EdDSA, PS256, PS384, PS512, RS256, RS384, RS512};
        let fits: &[Algorithm] = match &jwk.algorithm {
            AlgorithmParameters::RSA(_) => &[RS256, RS384, RS512, PS256, PS384, PS512],
            AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => &[ES256],
            AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P384 => &[ES384],
            AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => &[EdDSA],
            // A secret that everybody may read is none.
            _ => return None,
        };
        let common = &jwk.common;
        let is_for_signatures = common.public_key_use.as_ref().is_none_or(|it| *it == PublicKeyUse::Signature)
            && common.key_operations.as_ref().is_none_or(|all| all.contains(&KeyOperations::Verify));
        let says = |algorithm: Algorithm| common.key_algorithm.is_none_or(|said| said == KeyAlgorithm::from(algorithm));
        let algorithms: Vec<Algorithm> = fits.iter().copied().filter(|algorithm| says(*algorithm)).collect();
        if !is_for_signatures || algorithms.is_empty() {
            return None;
        }
        let public = DecodingKey::from_jwk(jwk).ok()?;
        Some(Self { id: common.key_id.clone(), algorithms, public })
    }

    /// What signatures are checked with.
    pub(super) fn public(&self) -> &DecodingKey {
        &self.public
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn key(json: Value) -> Option<Arc<Key>> {
        Key::new(&serde_json::from_value(json).ok()?).map(Arc::new)
    }

    fn rsa(id: &str) -> Arc<Key> {
        key(json!({ "kty": "RSA", "kid": id, "n": "AQAB", "e": "AQAB" })).expect("is a key")
    }

    #[test]
    fn a_key_is_good_for_what_its_kind_and_its_words_say() {
        let ec = |more: (&str, Value)| {
            let mut json = json!({ "kty": "EC", "crv": "P-256", "x": "AQAB", "y": "AQAB", "kid": "a" });
            json[more.0] = more.1;
            key(json).map(|key| key.algorithms.clone())
        };
        assert_eq!(ec(("alg", json!("ES256"))), Some(vec![Algorithm::ES256]));
        assert_eq!(ec(("crv", json!("P-384"))), Some(vec![Algorithm::ES384]));
        assert_eq!(ec(("use", json!("sig"))), Some(vec![Algorithm::ES256]));
        for (name, value) in [
            ("use", json!("enc")),
            ("key_ops", json!(["sign"])),
            ("alg", json!("RS256")),
            ("alg", json!("HS256")),
            ("crv", json!("P-521")),
            ("kty", json!("oct")),
        ] {
            assert_eq!(ec((name, value.clone())), None, "{name}: {value}");
        }
        assert_eq!(key(json!({ "kty": "oct", "k": "AQAB", "kid": "a" })).map(|key| key.algorithms.clone()), None);
        assert_eq!(rsa("a").algorithms.len(), 6);
    }

    #[test]
    fn a_token_names_its_key_unless_there_is_one_alone() {
        let several = [rsa("a"), rsa("b")];
        let find = |keys: &[Arc<Key>], id, algorithm| find(keys, id, algorithm).map(|key| key.id.clone());
        assert_eq!(find(&several, Some("b"), Algorithm::RS256), Ok(Some("b".to_owned())));
        assert_eq!(find(&several, Some("c"), Algorithm::RS256), Err(NoKey::Unknown));
        assert_eq!(find(&several, Some("a"), Algorithm::ES256), Err(NoKey::Unfit));
        assert_eq!(find(&several, Some("a"), Algorithm::HS256), Err(NoKey::Unfit));
        assert_eq!(find(&several, None, Algorithm::RS256), Err(NoKey::Unnamed));
        assert_eq!(find(&several[..1], None, Algorithm::RS256), Ok(Some("a".to_owned())));
        assert_eq!(find(&[], None, Algorithm::RS256), Err(NoKey::Unknown));
    }
}
