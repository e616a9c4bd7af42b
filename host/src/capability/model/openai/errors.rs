//! What a plugin is told of an error of a server that speaks OpenAI's protocol: never its own
//! words, nor where it is, for a server may repeat whatever it was sent.

use std::time::Duration;

use reqwest::header::{HeaderMap, RETRY_AFTER};
use serde::Deserialize;

use super::super::retry::Setback;
use crate::wire::patience;
use crate::wit::{Error, ErrorKind};

/// `{"error": {"code": ..., "type": ..., "message": ...}}`, of which only known words are used.
#[derive(Default, Deserialize)]
struct Body {
    #[serde(default)]
    error: Said,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Said {
    code: serde_json::Value,
    message: String,
}

/// The error for a plugin, of an answer that is no success, and whether asking again may help.
pub(super) fn explain(status: u16, body: &[u8], wait: Option<Duration>, model: &str) -> Setback {
    let said = serde_json::from_slice::<Body>(body).unwrap_or_default().error;
    let (code, message) = (said.code.as_str().unwrap_or_default(), said.message.to_lowercase());
    let last = |kind, message: &str| Setback::Final(Error::new(kind, message));
    let busy = |kind, message: &str| Setback::Busy(Error::new(kind, message), wait);
    let too_long = code == "context_length_exceeded"
        || ["context length", "context window", "too many tokens", "prompt is too long"]
            .iter()
            .any(|words| message.contains(words));
    match status {
        300..400 => last(
            ErrorKind::Unavailable,
            "the model's server sends callers elsewhere, which is not followed: the operator must check `base_url`",
        ),
        401 | 403 => last(
            ErrorKind::Unavailable,
            "the model's server did not accept the host's key: the operator must check `key` of this model",
        ),
        404 => last(
            ErrorKind::Unavailable,
            &format!("the model's server has no {model}, or no chat completions: check `model` and `base_url`"),
        ),
        413 => last(ErrorKind::Limited, TOO_LONG),
        400 | 422 if too_long => last(ErrorKind::Limited, TOO_LONG),
        429 if code == "insufficient_quota" => last(
            ErrorKind::Unavailable,
            "the account behind this model has no quota left: the operator must see to its plan",
        ),
        429 => busy(ErrorKind::Limited, "the model's server is asked too often; try again later"),
        503 => busy(ErrorKind::Limited, "the model's server has no room for this model just now; try again later"),
        408 | 500.. => busy(ErrorKind::Unavailable, "the model's server itself failed; try again"),
        _ => last(ErrorKind::Failed, "the model's server refused the request"),
    }
}

const TOO_LONG: &str = "the request is larger than the model takes: send less; a lower `input_tokens_max` of the grant \
                        makes tools cut in time";

/// What a server that cannot be talked to is called. The library's own words hold its URL.
pub(super) fn unreachable(error: &reqwest::Error) -> Setback {
    tracing::debug!(connect = error.is_connect(), timeout = error.is_timeout(), "the model's server did not answer");
    let message = "the model's server cannot be reached, or broke off; if that lasts, the operator must check `base_url` \
                   and the host's network";
    Setback::Final(Error::new(ErrorKind::Unavailable, message))
}

/// An answer that is none.
pub(super) fn no_completion() -> Error {
    let message = "the model's server answered with something else than a chat completion: check `base_url`";
    Error::new(ErrorKind::Failed, message)
}

/// How long a server asks to be left alone, if it says so in seconds.
pub(super) fn wait(headers: &HeaderMap) -> Option<Duration> {
    patience::asked(headers.get(RETRY_AFTER)?.to_str().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(status: u16, body: &str) -> (ErrorKind, String, bool) {
        match explain(status, body.as_bytes(), None, "m") {
            Setback::Final(error) => (error.kind, error.message, false),
            Setback::Busy(error, _) => (error.kind, error.message, true),
        }
    }

    #[test]
    fn every_status_has_its_kind_and_nothing_of_its_body() {
        let long = r#"{"error":{"code":"context_length_exceeded","message":"secret"}}"#;
        let vllm = r#"{"error":{"code":400,"message":"secret: maximum context length is 8192 tokens"}}"#;
        let quota = r#"{"error":{"code":"insufficient_quota","message":"secret"}}"#;
        for (status, body, kind, again, says) in [
            (302, "secret", ErrorKind::Unavailable, false, "`base_url`"),
            (401, "secret", ErrorKind::Unavailable, false, "`key`"),
            (404, "secret", ErrorKind::Unavailable, false, "`model` and `base_url`"),
            (400, long, ErrorKind::Limited, false, "`input_tokens_max`"),
            (400, vllm, ErrorKind::Limited, false, "`input_tokens_max`"),
            (400, r#"{"error":"secret"}"#, ErrorKind::Failed, false, "refused"),
            (413, "", ErrorKind::Limited, false, "`input_tokens_max`"),
            (429, quota, ErrorKind::Unavailable, false, "plan"),
            (429, "secret", ErrorKind::Limited, true, "too often"),
            (500, "secret", ErrorKind::Unavailable, true, "failed"),
            (503, "secret", ErrorKind::Limited, true, "no room"),
            (418, "secret", ErrorKind::Failed, false, "refused"),
        ] {
            let (found, message, more) = told(status, body);
            assert_eq!((found, more), (kind, again), "{status} {body}");
            assert!(message.contains(says) && !message.contains("secret"), "{message}");
        }
    }

    #[test]
    fn a_wait_in_seconds_is_kept() {
        let headers = |wait: &'static str| HeaderMap::from_iter([(RETRY_AFTER, wait.parse().expect("a header"))]);
        assert_eq!(wait(&headers("7")), Some(Duration::from_secs(7)));
        assert_eq!(wait(&headers("Wed, 21 Oct 2026 07:28:00 GMT")), None);
        assert_eq!(wait(&HeaderMap::new()), None);
    }
}
