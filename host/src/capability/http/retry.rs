//! When a request is sent again, and after how long.

use std::time::Duration;

use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::{Method, StatusCode};

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

/// How long an upstream asks to be left alone. A date counts as nothing said.
pub(super) fn asked_pause(headers: &HeaderMap) -> Option<Duration> {
    headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}

/// The pause before the attempt that follows `attempt` others: from half of it to the whole, so
/// that many who failed together do not come back together.
pub(super) fn pause(attempt: u32) -> Duration {
    let whole = PAUSE.saturating_mul(1 << attempt.saturating_sub(1).min(10));
    let mut random = [0; 1];
    // Without random bytes the pause is even, and still one.
    let _ = getrandom::fill(&mut random);
    let [random] = random;
    whole / 2 + whole.saturating_mul(u32::from(random)) / 512
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_are_uneven() {
        for attempt in 1..8 {
            let whole = PAUSE * (1 << (attempt - 1));
            for _ in 0..20 {
                let pause = pause(attempt);
                assert!(pause >= whole / 2 && pause <= whole, "{attempt}: {pause:?}");
            }
        }
        let different: std::collections::BTreeSet<_> = (0..20).map(|_| pause(3)).collect();
        assert!(different.len() > 1);
    }

    #[test]
    fn a_pause_that_is_asked_for_is_in_seconds() {
        let asked = |value| asked_pause(&HeaderMap::from_iter([(RETRY_AFTER, value)]));
        assert_eq!(asked(reqwest::header::HeaderValue::from_static("3")), Some(Duration::from_secs(3)));
        assert_eq!(asked(reqwest::header::HeaderValue::from_static("Fri, 31 Dec 1999 23:59:59 GMT")), None);
        assert_eq!(asked(reqwest::header::HeaderValue::from_static("-1")), None);
    }

    #[test]
    fn what_is_done_twice_by_being_sent_twice_is_not_sent_twice() {
        assert!(is_idempotent(&Method::GET) && is_idempotent(&Method::PUT));
        assert!(!is_idempotent(&Method::POST) && !is_idempotent(&Method::PATCH));
    }
}
