//! Whose request it is: proved by what it shows, or by nothing where the operator asks for none.

mod aws;
mod challenge;
mod keys;
mod oauth;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::SystemTime;

use http::HeaderMap;
use http::header::AUTHORIZATION;

use self::aws::Aws;
pub use self::aws::Unusable as AwsUnusable;
use self::challenge::Challenges;
use self::keys::Keys;
pub use self::keys::NewKey;
use self::oauth::OAuth;
pub use self::oauth::ProtectedResource;
use super::GateError;
use crate::call::{Caller, Challenge, Presented};
use crate::config::Config;

/// How callers prove who they are.
pub(super) struct Identity {
    /// Whoever comes, where nobody has to prove anything.
    local: Option<Arc<Caller>>,
    keys: Keys,
    oauth: OAuth,
    aws: Option<Aws>,
    challenges: Challenges,
    /// What a token must be good for, by plugin.
    scopes: BTreeMap<String, BTreeSet<String>>,
    /// Where clients reach the host; it holds until the next start.
    url: Option<String>,
}

/// What a request shows of its caller.
enum Shown<'a> {
    Nothing,
    /// An API key.
    Key(&'a str),
    /// An access token of an authorization server.
    Token(&'a str),
    /// A signature of AWS's kind, or a token for STS.
    Aws,
    /// Something that is taken nowhere here.
    Unknown,
}

/// Why a request's caller is not known.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Refusal {
    /// What it shows proves nothing; why.
    Invalid(String),
    /// It is good, and lacks some of these scopes.
    Scopes(BTreeSet<String>),
    /// Nobody can tell just now; why.
    Unavailable(String),
}

impl Identity {
    /// The ways of a config; contacts nobody.
    pub(super) fn open(config: &Config) -> Result<Self, GateError> {
        Self::made(config, config.serve.url.clone(), OAuth::default(), None)
    }

    /// The ways of another config, with what is known already.
    pub(super) fn reopen(&self, config: &Config) -> Result<Self, GateError> {
        if self.is_asked() && !config.callers.are_identified() {
            return Err(GateError::Unguarded);
        }
        Self::made(config, self.url.clone(), self.oauth.clone(), self.aws.as_ref())
    }

    fn made(config: &Config, url: Option<String>, known: OAuth, aws: Option<&Aws>) -> Result<Self, GateError> {
        let callers = &config.callers;
        let oauth = known.reopen(config, url.as_deref())?;
        let aws = callers.aws.as_ref().map(|table| Aws::open(table, aws, SystemTime::now())).transpose()?;
        let with_scopes = config.plugins.iter().filter(|(_, plugin)| !plugin.scopes.is_empty());
        Ok(Self {
            local: (!callers.are_identified()).then(|| Arc::new(Caller::local())),
            keys: Keys::open(config)?,
            challenges: Challenges::new(oauth.metadata_url(), oauth.scopes()),
            oauth,
            aws,
            scopes: with_scopes.map(|(name, plugin)| (name.clone(), plugin.scopes.clone())).collect(),
            url,
        })
    }

    /// Whether callers have to prove who they are.
    pub(super) fn is_asked(&self) -> bool {
        self.local.is_none()
    }

    /// In which ways they do, for the operator; none if they do not.
    pub(super) fn summary(&self) -> Option<String> {
        let ways: Vec<String> = [self.keys.summary(), self.oauth.summary(), self.aws.as_ref().map(Aws::summary)]
            .into_iter()
            .flatten()
            .collect();
        self.is_asked().then(|| ways.join(", or "))
    }

    /// What RFC 9728 has a client read; none if no authorization server is trusted.
    pub(super) fn protected_resource(&self) -> Option<ProtectedResource> {
        self.oauth.protected_resource()
    }

    /// Whose request this is, proved.
    pub(super) async fn identify(&self, presented: Presented<'_>) -> Result<Arc<Caller>, Challenge> {
        if let Some(local) = &self.local {
            return Ok(Arc::clone(local));
        }
        let found = match (shown(presented.headers), &self.aws) {
            (Shown::Aws, Some(aws)) => return aws.identify(presented, SystemTime::now()).await,
            (Shown::Nothing, aws) => {
                let mut challenge = self.challenges.nothing_shown();
                challenge.authenticate.extend(aws.as_ref().and_then(Aws::invitation));
                return Err(challenge);
            }
            (Shown::Key(key), _) => self.keys.find(key),
            (Shown::Token(token), _) => self.oauth.identify(token).await,
            (Shown::Aws | Shown::Unknown, _) => {
                Err(Refusal::Invalid("The credential is of no kind that is taken here.".to_owned()))
            }
        };
        found.map_err(|refusal| self.challenges.of(refusal))
    }

    /// Whether any plugin asks for scopes.
    pub(super) fn asks_scopes(&self) -> bool {
        !self.scopes.is_empty()
    }

    /// Whether a caller's token is good for what a plugin offers.
    pub(super) fn check_scopes(&self, caller: &Caller, plugin: &str) -> Result<(), Challenge> {
        let (Some(has), Some(needs)) = (&caller.scopes, self.scopes.get(plugin)) else { return Ok(()) };
        if needs.is_subset(has) {
            return Ok(());
        }
        // All that this needs at once: whoever asks for these alone must get through.
        let all = needs.union(self.oauth.scopes_of(caller)).cloned().collect();
        Err(self.challenges.of(Refusal::Scopes(all)))
    }
}

/// What stands in the one header that credentials come in.
fn shown(headers: &HeaderMap) -> Shown<'_> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let (first, more) = (values.next(), values.next());
    let Some(value) = first else { return Shown::Nothing };
    let (Ok(value), None) = (value.to_str(), more) else { return Shown::Unknown };
    let (scheme, rest) = value.split_once(' ').unwrap_or((value, ""));
    if Aws::is_meant(value) {
        return Shown::Aws;
    }
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Shown::Unknown;
    }
    match rest.trim() {
        "" => Shown::Nothing,
        key if key.starts_with(keys::PREFIX) => Shown::Key(key),
        token if token.matches('.').count() == 2 => Shown::Token(token),
        _ => Shown::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn kind(values: &[&'static str]) -> &'static str {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(AUTHORIZATION, HeaderValue::from_static(value));
        }
        match shown(&headers) {
            Shown::Nothing => "nothing",
            Shown::Key(_) => "key",
            Shown::Token(_) => "token",
            Shown::Aws => "aws",
            Shown::Unknown => "unknown",
        }
    }

    #[test]
    fn a_credential_is_told_by_its_looks() {
        for (values, is) in [
            (&[][..], "nothing"),
            (&["Bearer"], "nothing"),
            (&["bearer thk_abc"], "key"),
            (&["Bearer a.b.c"], "token"),
            (&["AWS4-HMAC-SHA256 Credential=x"], "aws"),
            (&["bearer toolhost-aws-v1.abc"], "aws"),
            (&["Bearer a.b"], "unknown"),
            (&["Basic YTpi"], "unknown"),
            (&["Bearer thk_abc", "Bearer a.b.c"], "unknown"),
        ] {
            assert_eq!(kind(values), is, "{values:?}");
        }
    }

    fn identity(text: &str) -> Result<Identity, String> {
        let config =
            Config::parse(text, std::path::Path::new("toolhost.toml"), &[]).map_err(|error| error.to_string())?;
        Identity::open(&config).map_err(|error| error.to_string())
    }

    const ISSUER: &str =
        "[serve]\nurl = \"https://tools.example.com\"\n[callers.oauth.corp]\nissuer = \"https://login.example.com\"\n";

    #[test]
    fn a_token_needs_the_scopes_of_a_plugin_and_other_callers_need_none() {
        let identity = identity(&format!("{ISSUER}scopes = [\"tools\"]\n[plugins.crm]\nscopes = [\"crm.write\"]\n"));
        let identity = identity.unwrap_or_else(|error| panic!("{error}"));
        let with = |scopes: &[&str]| Caller {
            scopes: Some(scopes.iter().map(|scope| (*scope).to_owned()).collect()),
            ..Caller::named("corp:ann")
        };
        assert!(identity.asks_scopes());
        assert_eq!(identity.check_scopes(&Caller::named("ann"), "crm"), Ok(()));
        assert_eq!(identity.check_scopes(&with(&["crm.write", "x"]), "crm"), Ok(()));
        assert_eq!(identity.check_scopes(&with(&[]), "other"), Ok(()));
        let challenge = identity.check_scopes(&with(&["tools"]), "crm").expect_err("is refused");
        assert_eq!(challenge.status, http::StatusCode::FORBIDDEN);
        let said = challenge.authenticate.join(" ");
        assert!(said.contains("error=\"insufficient_scope\"") && said.contains("scope=\"crm.write tools\""), "{said}");
    }

    #[test]
    fn callers_once_asked_are_asked_until_the_next_start() {
        let identity = identity(ISSUER).unwrap_or_else(|error| panic!("{error}"));
        let config = Config::parse("", std::path::Path::new("toolhost.toml"), &[]).expect("parses");
        assert_eq!(identity.reopen(&config).err(), Some(GateError::Unguarded));
    }

    #[test]
    fn what_tokens_are_for_must_be_known() {
        let error =
            identity("[callers.oauth.corp]\nissuer = \"https://login.example.com\"\n").err().expect("is refused");
        assert!(error.contains("[serve] url"), "{error}");
        for (issuer, says) in [
            ("http://login.example.com", "https://"),
            ("https://169.254.169.254", "allow_private"),
            ("https://user:word@login.example.com", "user"),
            ("nonsense", "no URL"),
        ] {
            let error = identity(&ISSUER.replace("https://login.example.com", issuer)).err().expect("is refused");
            assert!(error.contains("[callers.oauth.corp] issuer") && error.contains(says), "{error}");
            assert!(!error.contains("word@"), "{error}");
        }
    }

    #[test]
    fn a_file_of_keys_that_is_not_there_is_said() {
        let error = identity("[callers]\nkeys = \"no-such-file.toml\"\n").err().expect("is refused");
        assert!(error.contains("no-such-file.toml") && error.contains("toolhost key new"), "{error}");
    }
}
