//! The ground that every AWS client of the host stands on: region, credentials, endpoint.

use std::error::Error;
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::{SecretError, SecretRef};

/// How long a connection to a service may take.
const CONNECT_MAX: Duration = Duration::from_secs(5);

/// AWS credentials, by where they are: `env:NAME` or `file:PATH`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CredentialRefs {
    /// The id of an access key.
    access_key_id: SecretRef,
    /// Its secret half.
    secret_access_key: SecretRef,
    /// The token that comes with temporary credentials.
    session_token: Option<SecretRef>,
}

impl CredentialRefs {
    /// Fetches them.
    ///
    /// # Errors
    ///
    /// A reference that leads nowhere.
    pub fn resolve(&self) -> Result<Credentials, SecretError> {
        let token = self.session_token.as_ref().map(SecretRef::resolve).transpose()?;
        let (id, secret) = (self.access_key_id.resolve()?, self.secret_access_key.resolve()?);
        let token = token.map(|token| token.expose().to_owned());
        Ok(Credentials::new(id.expose(), secret.expose(), token, None, "toolhost.toml"))
    }
}

/// Where one AWS service is asked, and as whom.
pub struct Endpoint {
    /// Such as `eu-central-1`.
    pub region: String,
    /// Where the service is, if not where AWS has it.
    pub url: Option<String>,
    /// None for those that the AWS SDK finds by itself, such as the role of the machine.
    pub credentials: Option<Credentials>,
    /// How long one attempt of a call may take.
    pub call_max: Duration,
}

impl Endpoint {
    /// What a client of any service is made from; it sends nothing twice unless told so.
    /// Reads no more than the AWS configuration, and contacts nothing.
    pub async fn load(&self) -> SdkConfig {
        let timeouts =
            TimeoutConfig::builder().connect_timeout(CONNECT_MAX).operation_attempt_timeout(self.call_max).build();
        let mut loader = aws_config::defaults(BehaviorVersion::v2026_01_12())
            .region(Region::new(self.region.clone()))
            .timeout_config(timeouts)
            .retry_config(RetryConfig::disabled());
        if let Some(credentials) = &self.credentials {
            // A token of the environment, which some services take instead, is not what was configured.
            loader = loader.credentials_provider(credentials.clone()).auth_scheme_preference(vec!["sigv4".into()]);
        }
        if let Some(url) = &self.url {
            loader = loader.endpoint_url(url);
        }
        // The SDK's futures take tens of kilobytes each.
        Box::pin(loader.load()).await
    }
}

/// How often a call that changes nothing is sent: `attempts` times at most, with a pause that
/// begins at 100 ms and doubles.
pub fn patiently(attempts: u32) -> RetryConfig {
    RetryConfig::standard().with_max_attempts(attempts).with_initial_backoff(Duration::from_millis(100))
}

/// Whether a service may be asked at `url`: what is sent there is signed, but only TLS hides it.
pub fn is_private(url: &str) -> bool {
    let local = ["http://127.0.0.1", "http://localhost", "http://[::1]"];
    let rest = local.iter().find_map(|prefix| url.strip_prefix(prefix));
    url.starts_with("https://") || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with([':', '/']))
}

/// Whether a call failed because the host has nothing to sign it with.
pub fn lacks_credentials(error: &dyn Error) -> bool {
    std::iter::successors(error.source(), |&error| error.source()).any(|error| error.is::<CredentialsError>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_signed_travels_under_tls_or_not_at_all() {
        for url in ["https://athena.eu-central-1.amazonaws.com", "http://127.0.0.1:8080", "http://localhost/x"] {
            assert!(is_private(url), "{url}");
        }
        for url in ["http://127.0.0.1.evil.example", "http://example.com", "ftp://127.0.0.1", ""] {
            assert!(!is_private(url), "{url}");
        }
    }
}
