//! `[callers]`: how callers prove who they are.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde::{Deserialize, Deserializer, de};

use super::{AwsCallers, Bounded, SecretRef};

/// The table `[callers]`. With nothing in it callers are not identified.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Callers {
    /// The file of API keys, relative to this one; `toolhost key` writes it, and a change of it is taken in while the
    /// host serves.
    pub keys: Option<PathBuf>,
    /// Whose OAuth access tokens are taken, by names that callers' own begin with: `corp:ann`.
    #[serde(deserialize_with = "issuers")]
    pub oauth: BTreeMap<String, Issuer>,
    /// Those who prove themselves with AWS credentials; nobody does if not set.
    pub aws: Option<AwsCallers>,
}

/// `[callers.oauth.<name>]`: one authorization server whose JWT access tokens are taken.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Issuer {
    /// What the server calls itself: the `iss` of its tokens, such as `https://login.example.com`. `http://` is for
    /// this machine alone.
    pub issuer: String,
    /// Whom its tokens are for: their `aud`; `[serve] url` and `/mcp` if not set.
    pub audience: Option<String>,
    /// Where its public keys are; found by RFC 8414 or OpenID discovery at the issuer if not set.
    pub jwks: Option<String>,
    /// What its tokens may be signed with: RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384 or EdDSA.
    #[serde(default = "algorithms")]
    pub algorithms: BTreeSet<Algorithm>,
    /// The claim that names the caller. A claim inside others is written as a path: `/realm_access/roles`.
    #[serde(default = "name_claim")]
    pub name_claim: String,
    /// The claim that holds the caller's groups: a list of texts, or one.
    #[serde(default = "groups_claim")]
    pub groups_claim: String,
    /// What else is known of the caller: attribute = "claim".
    #[serde(default)]
    pub attributes: BTreeMap<String, String>,
    /// Scopes that every token must have. What single plugins need too is in `[plugins.<name>] scopes`.
    #[serde(default, deserialize_with = "scopes")]
    pub scopes: BTreeSet<String>,
    /// By how many seconds the server's clock may differ from this one.
    #[serde(default)]
    pub leeway_s: Bounded<0, 300, 60>,
    /// How long the server may take to give its keys, in milliseconds.
    #[serde(default)]
    pub time_max_ms: Bounded<100, 60_000, 5_000>,
    /// The most keys that it may have.
    #[serde(default)]
    pub keys_max: Bounded<1, 1_000, 100>,
    /// After how many seconds the keys are asked for again, while tokens come.
    #[serde(default)]
    pub keys_age_s: Bounded<1, 86_400, 3_600>,
    /// For how many seconds the keys are not asked for again, whatever unknown keys tokens name.
    #[serde(default)]
    pub keys_again_s: Bounded<1, 3_600, 30>,
    /// Addresses of private networks that the server may have: `["10.0.0.0/8"]`. One that is written into `issuer` or
    /// `jwks` needs no entry.
    #[serde(default)]
    pub allow_private: Vec<String>,
    /// The authorities that its certificate may be of, as PEM, in place of those of the machine.
    pub ca: Option<SecretRef>,
}

/// What a token may be signed with. Neither `none` nor a shared secret is among them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[allow(missing_docs, reason = "the names of RFC 7518 and RFC 8037")]
pub enum Algorithm {
    RS256,
    RS384,
    RS512,
    PS256,
    PS384,
    PS512,
    ES256,
    ES384,
    EdDSA,
}

impl Callers {
    /// Whether callers have to prove who they are.
    pub fn are_identified(&self) -> bool {
        // Each by name, so that a new way has to be decided on.
        let Self { keys, oauth, aws } = self;
        keys.is_some() || !oauth.is_empty() || aws.is_some()
    }
}

/// Whether a text can be shown to people as it is: it has no character that they would not see,
/// that breaks a line, or that turns the text after it round.
pub fn is_visible(text: &str) -> bool {
    let hidden = |c: char| {
        c.is_control()
            || (c.is_whitespace() && c != ' ')
            || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' |
                '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
    };
    !text.is_empty() && text.trim() == text && !text.chars().any(hidden)
}

fn algorithms() -> BTreeSet<Algorithm> {
    use Algorithm::{ES256, ES384, EdDSA, PS256, RS256};
    BTreeSet::from([RS256, PS256, ES256, ES384, EdDSA])
}

fn name_claim() -> String {
    "sub".to_owned()
}

fn groups_claim() -> String {
    "groups".to_owned()
}

fn issuers<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, Issuer>, D::Error> {
    let issuers = BTreeMap::<String, Issuer>::deserialize(deserializer)?;
    let mut known = BTreeSet::new();
    for (name, issuer) in &issuers {
        super::check_name(name).map_err(de::Error::custom)?;
        if name == "aws" {
            return Err(de::Error::custom(
                "the names of callers whom AWS vouches for begin with `aws:`; take another one",
            ));
        }
        if !known.insert(&issuer.issuer) {
            let message = "two tables have the same `issuer`: a token would be of both";
            return Err(de::Error::custom(message));
        }
        if issuer.algorithms.is_empty() {
            return Err(de::Error::custom(format!("[callers.oauth.{name}] algorithms is empty: no token would fit")));
        }
    }
    Ok(issuers)
}

/// Scopes, in the characters that RFC 6749 gives them: they are written between quotes, parted by spaces.
pub(super) fn scopes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeSet<String>, D::Error> {
    let scopes = BTreeSet::<String>::deserialize(deserializer)?;
    let is_scope = |scope: &&String| {
        !scope.is_empty() && scope.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"\\".contains(&byte))
    };
    match scopes.iter().find(|scope| !is_scope(scope)) {
        None => Ok(scopes),
        Some(_) => Err(de::Error::custom("a scope is one word without quotes, such as \"crm.write\"")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Callers, String> {
        toml::from_str(text).map_err(|error| error.message().to_owned())
    }

    #[test]
    fn an_issuer_alone_is_enough() {
        let callers = read("[oauth.corp]\nissuer = \"https://login.example.com\"\n").expect("parses");
        assert!(callers.are_identified() && !Callers::default().are_identified());
        let issuer = callers.oauth.get("corp").expect("is there");
        assert!(issuer.algorithms.contains(&Algorithm::ES256) && issuer.scopes.is_empty());
        assert_eq!((issuer.leeway_s.get(), issuer.keys_again_s.get()), (60, 30));
    }

    #[test]
    fn what_would_let_anybody_in_cannot_be_written() {
        let issuer = |line: &str| read(&format!("[oauth.corp]\nissuer = \"https://a\"\n{line}")).expect_err(line);
        for algorithm in ["none", "HS256", "RS1"] {
            assert!(issuer(&format!("algorithms = [\"{algorithm}\"]")).contains("RS256"), "{algorithm}");
        }
        assert!(issuer("algorithms = []").contains("no token would fit"));
        assert!(issuer("scopes = [\"a b\"]").contains("one word"));
        assert!(issuer("leeway_s = 301").contains("from 0 to 300"));
        let error =
            read("[oauth.a]\nissuer = \"https://a\"\n[oauth.b]\nissuer = \"https://a\"\n").expect_err("is refused");
        assert!(error.contains("same `issuer`"), "{error}");
        assert!(read("[oauth.aws]\nissuer = \"https://a\"\n").expect_err("is refused").contains("`aws:`"));
        assert!(read("[oauth.\"a:b\"]\nissuer = \"https://a\"\n").expect_err("is refused").contains("no name"));
    }

    #[test]
    fn what_nobody_would_see_is_seen() {
        for good in ["ann", "Ann Müller", "ann@example.com", "村田"] {
            assert!(is_visible(good), "{good}");
        }
        for bad in ["", " ann", "ann\n", "a\tb", "a\u{202e}b", "a\u{200b}b", "a\u{7}b", "a\u{85}b", "\u{feff}ann"] {
            assert!(!is_visible(bad), "{bad:?}");
        }
    }
}
