//! How long to wait before something is sent again.

use std::time::Duration;

/// An upstream may ask for any number of seconds; more than a day is a day, which a clock can still add.
const ASKED_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// From half of a pause to the whole of it, so that many who were refused together do not
/// come back together.
pub fn uneven(pause: Duration) -> Duration {
    // Without random bytes it is even, and still a pause.
    let share = getrandom::u32().map_or(0.5, |random| f64::from(random) / f64::from(u32::MAX));
    pause.mul_f64(0.5 + share / 2.0)
}

/// What a header `Retry-After` asks for. A date counts as nothing said.
pub fn asked(retry_after: &str) -> Option<Duration> {
    let seconds = retry_after.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).min(ASKED_MAX))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_pause_keeps_within_half_and_whole_and_is_seldom_the_same() {
        let whole = Duration::from_secs(8);
        let pauses: BTreeSet<Duration> = (0..1_000).map(|_| uneven(whole)).collect();
        assert!(pauses.iter().all(|pause| *pause >= whole / 2 && *pause <= whole), "{pauses:?}");
        assert!(pauses.len() > 1);
    }

    #[test]
    fn a_wait_that_is_asked_for_is_in_seconds_and_no_clock_breaks_over_it() {
        assert_eq!(asked("3"), Some(Duration::from_secs(3)));
        assert_eq!(asked(" 0 "), Some(Duration::ZERO));
        assert_eq!(asked(&u64::MAX.to_string()), Some(ASKED_MAX));
        for nothing in ["", "-1", "1.5", "Fri, 31 Dec 1999 23:59:59 GMT", "18446744073709551616"] {
            assert_eq!(asked(nothing), None, "{nothing}");
        }
    }
}
