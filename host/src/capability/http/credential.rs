//! How the host shows an upstream who it is, and what of that may never come back.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use reqwest::Url;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use schemars::JsonSchema;
use serde::Deserialize;
use zeroize::Zeroizing;

use super::{OpenError, headers};
use crate::config::{Secret, SecretRef};
use crate::wire::redact::{Spellings, percent_encoded};

/// A shorter credential could not be told from ordinary text in an answer.
const SECRET_BYTES_MIN: usize = 4;

/// `bearer`: a token, sent as `Authorization: Bearer`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Bearer {
    /// The token.
    token: SecretRef,
}

/// `basic`: a user and a password.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Basic {
    /// The user's name, without `:`.
    user: String,
    /// The password.
    password: SecretRef,
}

/// `header` and `query_parameter`: a credential under a name of the upstream's choice.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Named {
    /// The name of the header or the parameter.
    name: String,
    /// The whole of its value.
    value: SecretRef,
}

/// What is added to each request, and how answers are cleaned of it.
pub(super) struct Credential {
    kind: Kind,
    spellings: Spellings,
}

enum Kind {
    None,
    Header(HeaderName, HeaderValue),
    /// Name and value, both encoded.
    Parameter(String, Zeroizing<String>),
}

impl Credential {
    /// No credential at all.
    pub(super) fn none() -> Self {
        Self { kind: Kind::None, spellings: Spellings::default() }
    }

    /// A bearer token.
    pub(super) fn bearer(config: &Bearer) -> Result<Self, OpenError> {
        let token = secret(&config.token)?;
        let value = header_value(&Zeroizing::new(format!("Bearer {}", token.expose())))?;
        Ok(Self { kind: Kind::Header(AUTHORIZATION, value), spellings: Spellings::of(token.expose()) })
    }

    /// A user's name and password.
    pub(super) fn basic(config: &Basic) -> Result<Self, OpenError> {
        if config.user.contains(':') {
            return Err(OpenError::Invalid("`basic`: a user's name holds no `:`".to_owned()));
        }
        let password = secret(&config.password)?;
        let pair = Zeroizing::new(format!("{}:{}", config.user, password.expose()));
        let encoded = Zeroizing::new(BASE64_STANDARD.encode(pair.as_bytes()));
        let value = header_value(&Zeroizing::new(format!("Basic {}", *encoded)))?;
        let mut spellings = Spellings::of(password.expose());
        spellings.add_base64(&pair);
        Ok(Self { kind: Kind::Header(AUTHORIZATION, value), spellings })
    }

    /// A header of any name.
    pub(super) fn header(config: &Named) -> Result<Self, OpenError> {
        let (name, value) = (headers::of_host(&config.name)?, secret(&config.value)?);
        let mut spellings = Spellings::of(value.expose());
        // Of `Token abc` the second word alone is as good as the whole.
        if let Some((_, word)) = value.expose().split_once(' ')
            && word.len() >= SECRET_BYTES_MIN
        {
            spellings.add(word.to_owned());
        }
        Ok(Self { kind: Kind::Header(name, header_value(value.expose())?), spellings })
    }

    /// A parameter of the query.
    pub(super) fn query_parameter(config: &Named) -> Result<Self, OpenError> {
        if config.name.trim().is_empty() {
            return Err(OpenError::Invalid("`query_parameter`: the parameter has no name".to_owned()));
        }
        let value = secret(&config.value)?;
        let encoded = Zeroizing::new(percent_encoded(value.expose()));
        let kind = Kind::Parameter(config.name.clone(), encoded);
        Ok(Self { kind, spellings: Spellings::of(value.expose()) })
    }

    /// The name of the header that it is in.
    pub(super) fn header_name(&self) -> Option<&HeaderName> {
        match &self.kind {
            Kind::Header(name, _) => Some(name),
            Kind::None | Kind::Parameter(..) => None,
        }
    }

    /// The name of the query parameter that it is in.
    pub(super) fn parameter_name(&self) -> Option<&str> {
        match &self.kind {
            Kind::Parameter(name, _) => Some(name),
            Kind::None | Kind::Header(..) => None,
        }
    }

    /// Adds it to a request that was checked.
    pub(super) fn attach(&self, url: &mut Url, headers: &mut HeaderMap) {
        match &self.kind {
            Kind::None => {}
            Kind::Header(name, value) => {
                headers.insert(name.clone(), value.clone());
            }
            Kind::Parameter(name, value) => {
                let query = url.query().filter(|query| !query.is_empty()).map(|query| format!("{query}&"));
                let query = query.unwrap_or_default() + &percent_encoded(name) + "=" + value;
                url.set_query(Some(&query));
            }
        }
    }

    /// How answers may spell it; in no way if there is no credential.
    pub(super) fn spellings(&self) -> &Spellings {
        &self.spellings
    }

    /// What it is, in a word for the operator.
    pub(super) fn summary(&self) -> &'static str {
        match &self.kind {
            Kind::None => "without a credential",
            Kind::Header(..) => "with a credential in a header",
            Kind::Parameter(..) => "with a credential in the query",
        }
    }
}

fn secret(reference: &SecretRef) -> Result<Secret, OpenError> {
    let secret = reference.resolve()?;
    if secret.expose().len() < SECRET_BYTES_MIN {
        let message = format!("the secret at `{reference}` is shorter than {SECRET_BYTES_MIN} bytes");
        return Err(OpenError::Invalid(message));
    }
    Ok(secret)
}

/// A value that logs leave out.
fn header_value(text: &str) -> Result<HeaderValue, OpenError> {
    let message = || OpenError::Invalid("the secret holds a character that no header may hold".to_owned());
    let mut value = HeaderValue::from_str(text).map_err(|_| message())?;
    value.set_sensitive(true);
    Ok(value)
}
