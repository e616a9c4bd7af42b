//! One authorization server: its keys, and the check of a token that says it is its.

use std::collections::BTreeSet;
use std::sync::Arc;

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, Header, Validation, decode, decode_header};
use serde_json::Value;

use super::claims;
use super::key_set::{KeySet, NoKey};
use super::source::Source;
use crate::call::Caller;
use crate::config;
use crate::gate::GateError;
use crate::gate::identity::Refusal;

/// An authorization server that is trusted.
pub(super) struct Issuer {
    name: String,
    config: config::Issuer,
    algorithms: BTreeSet<config::Algorithm>,
    validation: Validation,
    keys: Arc<KeySet>,
}

impl Issuer {
    /// A server whose tokens are for `resource`, unless the config says otherwise. Contacts nobody.
    pub(super) fn open(name: &str, config: &config::Issuer, resource: &str) -> Result<Self, GateError> {
        let wrong = |(key, why): (&str, String)| GateError::Issuer(format!("[callers.oauth.{name}] {key}: {why}"));
        let source = Source::open(config).map_err(wrong)?;
        let mut validation = Validation::new(Algorithm::RS256);
        validation.leeway = config.leeway_s.get();
        validation.validate_nbf = true;
        validation.set_audience(&[config.audience.as_deref().unwrap_or(resource)]);
        validation.set_issuer(&[&config.issuer]);
        validation.set_required_spec_claims(&["exp", "iss", "aud"]);
        Ok(Self {
            name: name.to_owned(),
            config: config.clone(),
            algorithms: config.algorithms.clone(),
            validation,
            keys: KeySet::new(name, source, config),
        })
    }

    /// Whether it was made of this.
    pub(super) fn is_of(&self, name: &str, config: &config::Issuer) -> bool {
        self.name == name && self.config == *config
    }

    /// What it is called in the config.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// What it calls itself.
    pub(super) fn url(&self) -> &str {
        &self.config.issuer
    }

    /// What every token of its must be good for.
    pub(super) fn scopes(&self) -> &BTreeSet<String> {
        &self.config.scopes
    }

    /// Whether a caller is known by a token of its.
    pub(super) fn vouches_for(&self, caller: &Caller) -> bool {
        caller.name.split_once(':').is_some_and(|(issuer, _)| issuer == self.name)
    }

    /// Whose token this is.
    pub(super) async fn identify(&self, token: &str) -> Result<Caller, Refusal> {
        let invalid = |why: &str| Refusal::Invalid(why.to_owned());
        // `none` is no algorithm to the library: such a header cannot be read.
        let header = decode_header(token).map_err(|_| invalid("The token's header is none that is taken here."))?;
        self.check(&header).map_err(invalid)?;
        let key = self.keys.find(header.kid.as_deref(), header.alg).await.map_err(|error| match error {
            NoKey::Unknown => invalid("The token is signed with a key that its issuer does not have."),
            NoKey::Unfit => invalid("The token's algorithm does not fit the key that it names."),
            NoKey::Unnamed => invalid("The token names no key (`kid`), and its issuer has several."),
            NoKey::Unreachable => {
                Refusal::Unavailable("The issuer's keys cannot be had just now; try again in a moment.".to_owned())
            }
        })?;
        let validation = Validation { algorithms: vec![header.alg], ..self.validation.clone() };
        let claims =
            decode::<Value>(token, key.public(), &validation).map_err(|error| invalid(why(error.kind())))?.claims;
        let caller = claims::caller(&self.name, &self.config, &claims).map_err(Refusal::Invalid)?;
        match &caller.scopes {
            Some(has) if !self.config.scopes.is_subset(has) => Err(Refusal::Scopes(self.config.scopes.clone())),
            _ => Ok(caller),
        }
    }

    /// What a header must say before any key is looked for.
    fn check(&self, header: &Header) -> Result<(), &'static str> {
        let allowed = named(header.alg).is_some_and(|algorithm| self.algorithms.contains(&algorithm));
        if !allowed {
            return Err("The token is signed in a way that is not taken here.");
        }
        let is_token = |typ: &str| ["jwt", "at+jwt", "application/at+jwt"].contains(&typ.to_ascii_lowercase().as_str());
        if !header.typ.as_deref().is_none_or(is_token) {
            return Err("The token's `typ` is not that of an access token.");
        }
        // What a token calls critical and nobody here understands makes it no token.
        if header.crit.is_some() {
            return Err("The token's header has critical extensions, and none is known here.");
        }
        Ok(())
    }
}

/// The config's name of an algorithm; none for those that no config can allow.
pub(super) fn named(algorithm: Algorithm) -> Option<config::Algorithm> {
    use config::Algorithm as Named;
    Some(match algorithm {
        Algorithm::RS256 => Named::RS256,
        Algorithm::RS384 => Named::RS384,
        Algorithm::RS512 => Named::RS512,
        Algorithm::PS256 => Named::PS256,
        Algorithm::PS384 => Named::PS384,
        Algorithm::PS512 => Named::PS512,
        Algorithm::ES256 => Named::ES256,
        Algorithm::ES384 => Named::ES384,
        Algorithm::EdDSA => Named::EdDSA,
        _ => return None,
    })
}

/// Why a token is not good, in words that repeat nothing of it.
fn why(error: &ErrorKind) -> &'static str {
    match error {
        ErrorKind::ExpiredSignature => "The token has expired; ask its issuer for another.",
        ErrorKind::ImmatureSignature => "The token is not valid yet (`nbf`).",
        ErrorKind::InvalidAudience => "The token is for somebody else: its `aud` is not this host.",
        ErrorKind::InvalidIssuer => "The token is of no issuer that is trusted here.",
        ErrorKind::InvalidSignature => "The token's signature is wrong.",
        ErrorKind::MissingRequiredClaim(_) => "The token lacks one of `exp`, `iss` and `aud`.",
        _ => "The token is no JWT that can be read here.",
    }
}
