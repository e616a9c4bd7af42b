//! What a request that is not served is told to try, in the words of RFC 6750, RFC 9728 and MCP.

use std::collections::BTreeSet;

use http::StatusCode;

use super::Refusal;
use crate::call::Challenge;

/// Makes challenges for the ways that callers have.
pub(super) struct Challenges {
    /// Where a client reads which authorization servers are trusted; none if there are none.
    metadata: Option<String>,
    /// What every token must be good for.
    scopes: BTreeSet<String>,
}

impl Challenges {
    pub(super) fn new(metadata: Option<String>, scopes: BTreeSet<String>) -> Self {
        Self { metadata, scopes }
    }

    /// For a request that shows nothing: by RFC 6750, that is no error.
    pub(super) fn nothing_shown(&self) -> Challenge {
        let message = "Say who you are: send `Authorization: Bearer` with a key or token that the operator of this host \
             knows.";
        self.challenge(StatusCode::UNAUTHORIZED, None, &self.scopes, message.to_owned())
    }

    /// For a request that shows something that is not enough.
    pub(super) fn of(&self, refusal: Refusal) -> Challenge {
        match refusal {
            Refusal::Invalid(why) => self.challenge(StatusCode::UNAUTHORIZED, Some("invalid_token"), &self.scopes, why),
            Refusal::Scopes(scopes) => {
                let message = "The token is good for less than this needs; ask for one with the scopes named here.";
                self.challenge(StatusCode::FORBIDDEN, Some("insufficient_scope"), &scopes, message.to_owned())
            }
            Refusal::Unavailable(message) => {
                Challenge { status: StatusCode::SERVICE_UNAVAILABLE, authenticate: Vec::new(), message }
            }
        }
    }

    fn challenge(
        &self,
        status: StatusCode,
        error: Option<&str>,
        scopes: &BTreeSet<String>,
        message: String,
    ) -> Challenge {
        let mut parts = Vec::new();
        match (&self.metadata, error) {
            (None, None) => parts.push("realm=\"toolhost\"".to_owned()),
            (Some(url), _) => parts.push(format!("resource_metadata=\"{url}\"")),
            (None, Some(_)) => {}
        }
        if let Some(error) = error {
            parts.push(format!("error=\"{error}\", error_description=\"{}\"", message.replace(['"', '\\'], "'")));
        }
        if !scopes.is_empty() {
            let scopes: Vec<&str> = scopes.iter().map(String::as_str).collect();
            parts.push(format!("scope=\"{}\"", scopes.join(" ")));
        }
        Challenge { status, authenticate: vec![format!("Bearer {}", parts.join(", "))], message }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_says_what_to_try_and_an_error_where_there_is_one() {
        let url = "https://tools.example.com/.well-known/oauth-protected-resource/mcp";
        let challenges = Challenges::new(Some(url.to_owned()), ["tools".to_owned()].into());
        let said = |challenge: Challenge| (challenge.status.as_u16(), challenge.authenticate.join("; "));
        assert_eq!(
            said(challenges.nothing_shown()),
            (401, format!("Bearer resource_metadata=\"{url}\", scope=\"tools\""))
        );
        assert_eq!(
            said(challenges.of(Refusal::Invalid("It is \"old\".".to_owned()))),
            (
                401,
                format!(
                    "Bearer resource_metadata=\"{url}\", error=\"invalid_token\", error_description=\"It is 'old'.\", \
                     scope=\"tools\""
                )
            )
        );
        let (status, said) = said(challenges.of(Refusal::Scopes(["a".to_owned(), "b".to_owned()].into())));
        assert!(
            status == 403 && said.contains("error=\"insufficient_scope\"") && said.ends_with("scope=\"a b\""),
            "{said}"
        );
    }

    #[test]
    fn without_an_authorization_server_there_is_nothing_to_read() {
        let challenges = Challenges::new(None, BTreeSet::new());
        assert_eq!(challenges.nothing_shown().authenticate, ["Bearer realm=\"toolhost\""]);
        let unavailable = challenges.of(Refusal::Unavailable("later".to_owned()));
        assert_eq!((unavailable.status.as_u16(), unavailable.authenticate.len()), (503, 0));
    }
}
