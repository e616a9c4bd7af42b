//! When a request is sent again, and after how long.

use std::time::Duration;

use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::{Method, StatusCode};

use crate::wire::patience;

/// The first pause, before it is made uneven; each one more is twice as long.
const PAUSE: Duration = Duration::from_millis(200);

/// Whether doing it twice is as good as doing it once.
pub(super) fn is_idempotent(method: &Method) -> bool {
    [Method::GET, Method::HEAD, Method::OPTIONS, Method::PUT, Method::DELETE].contains(method)
}

/// Whether an upstream that answers so may answer better a little later.
pub(super) fn is_passing(status: StatusCode) -> bool {
    [
        StatusCode::TOO_MANY_REQUESTS,
        StatusCode::BAD_GATEWAY,
        StatusCode::SERVICE_UNAVAILABLE,
        StatusCode::GATEWAY_TIMEOUT,
    ]
    .contains(&status)
}

/// How long an upstream asks to be left alone; not at all if it does not say.
pub(super) fn asked_pause(headers: &HeaderMap) -> Duration {
    let asked = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()).and_then(patience::asked);
    asked.unwrap_or_default()
}

/// The pause before the attempt that follows `attempt` others.
pub(super) fn pause(attempt: u32) -> Duration {
    patience::uneven(PAUSE.saturating_mul(1 << attempt.saturating_sub(1).min(10)))
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;

    #[test]
    fn pauses_grow() {
        for attempt in 1..8 {
            let whole = PAUSE * (1 << (attempt - 1));
            let pause = pause(attempt);
            assert!(pause >= whole / 2 && pause <= whole, "{attempt}: {pause:?}");
        }
        assert!(pause(u32::MAX) <= PAUSE * 1024);
    }

    #[test]
    fn a_pause_that_is_asked_for_is_in_seconds() {
        let asked = |value| asked_pause(&HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from_static(value))]));
        assert_eq!(asked("3"), Duration::from_secs(3));
        assert_eq!(asked("Fri, 31 Dec 1999 23:59:59 GMT"), Duration::ZERO);
        assert_eq!(asked_pause(&HeaderMap::new()), Duration::ZERO);
    }

    #[test]
    fn what_is_done_twice_by_being_sent_twice_is_not_sent_twice() {
        assert!(is_idempotent(&Method::GET) && is_idempotent(&Method::PUT));
        assert!(!is_idempotent(&Method::POST) && !is_idempotent(&Method::PATCH));
    }
}
