//! OAuth: access tokens of authorization servers that the operator trusts. This host is what
//! OAuth 2.1 calls a resource server: it checks tokens, and gives out and passes on none.

mod claims;
mod issuer;
mod key_set;
mod source;

use std::collections::BTreeSet;
use std::sync::Arc;

use self::issuer::Issuer;
use super::Refusal;
use crate::call::Caller;
use crate::config::Config;
use crate::gate::GateError;

/// The longest token, in bytes.
const TOKEN_BYTES_MAX: usize = 16 << 10;

/// The authorization servers that are trusted.
#[derive(Clone, Default)]
pub(super) struct OAuth {
    /// What tokens are for: the URL of this host's MCP.
    resource: Option<String>,
    /// Where clients read about it.
    metadata_url: Option<String>,
    issuers: Vec<Arc<Issuer>>,
}

/// What RFC 9728 has a client read of this host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProtectedResource {
    /// What tokens are for.
    pub resource: String,
    /// Whose tokens are taken.
    pub authorization_servers: Vec<String>,
    /// What every token must be good for.
    pub scopes: BTreeSet<String>,
}

impl OAuth {
    /// The servers of a config; those that were there before keep the keys that are known of them.
    pub(super) fn reopen(&self, config: &Config, url: Option<&str>) -> Result<Self, GateError> {
        let servers = &config.callers.oauth;
        let Some(first) = servers.keys().next() else { return Ok(Self::default()) };
        let Some(url) = url.map(|url| url.trim_end_matches('/')) else {
            return Err(GateError::NoUrl(first.clone()));
        };
        let resource = format!("{url}/mcp");
        let mut issuers = Vec::new();
        for (name, server) in servers {
            let known = self.issuers.iter().find(|known| known.is_of(name, server));
            issuers.push(match known {
                Some(known) => Arc::clone(known),
                None => Arc::new(Issuer::open(name, server, &resource)?),
            });
        }
        let metadata_url = Some(format!("{url}/.well-known/oauth-protected-resource/mcp"));
        Ok(Self { resource: Some(resource), metadata_url, issuers })
    }

    /// Where clients read about it; none if no server is trusted.
    pub(super) fn metadata_url(&self) -> Option<String> {
        self.metadata_url.clone()
    }

    /// What a client should ask for to begin with.
    pub(super) fn scopes(&self) -> BTreeSet<String> {
        self.issuers.iter().flat_map(|issuer| issuer.scopes().iter().cloned()).collect()
    }

    /// What the server that vouches for a caller must grant every token.
    pub(super) fn scopes_of(&self, caller: &Caller) -> &BTreeSet<String> {
        static NONE: BTreeSet<String> = BTreeSet::new();
        self.issuers.iter().find(|issuer| issuer.vouches_for(caller)).map_or(&NONE, |issuer| issuer.scopes())
    }

    /// Whose tokens are taken, for the operator; none if nobody's.
    pub(super) fn summary(&self) -> Option<String> {
        let names: Vec<&str> = self.issuers.iter().map(|issuer| issuer.name()).collect();
        (!names.is_empty()).then(|| format!("by OAuth token of {}", names.join(", ")))
    }

    /// What RFC 9728 has a client read; none if no server is trusted.
    pub(super) fn protected_resource(&self) -> Option<ProtectedResource> {
        let authorization_servers = self.issuers.iter().map(|issuer| issuer.url().to_owned()).collect();
        let resource = self.resource.clone()?;
        Some(ProtectedResource { resource, authorization_servers, scopes: self.scopes() })
    }

    /// Whose token this is.
    pub(super) async fn identify(&self, token: &str) -> Result<Arc<Caller>, Refusal> {
        if token.len() > TOKEN_BYTES_MAX {
            let kib = TOKEN_BYTES_MAX >> 10;
            return Err(Refusal::Invalid(format!("The token is larger than {kib} KiB.")));
        }
        let issuer = claims::issuer(token).and_then(|url| self.issuers.iter().find(|issuer| issuer.url() == url));
        match issuer {
            Some(issuer) => issuer.identify(token).await.map(Arc::new),
            None => Err(Refusal::Invalid("The token is of no issuer that is trusted here.".to_owned())),
        }
    }
}
