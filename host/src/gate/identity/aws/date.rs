//! The dates that AWS's signatures are of.

use std::time::SystemTime;

use chrono::{DateTime, NaiveDateTime};

const BASIC: &str = "%Y%m%dT%H%M%SZ";

/// A time in whole seconds since 1970.
pub(super) fn seconds(time: SystemTime) -> i64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

/// `20260131T235959Z` in seconds since 1970; none if it is written in any other way, or before 1970.
pub(super) fn parse_basic(text: &str) -> Option<i64> {
    let date = NaiveDateTime::parse_from_str(text, BASIC).ok()?.and_utc().timestamp();
    (date >= 0 && basic(date) == text).then_some(date)
}

/// `Sat, 31 Jan 2026 23:59:59 GMT` in seconds since 1970.
pub(super) fn parse_http(text: &str) -> Option<i64> {
    let date = DateTime::parse_from_rfc2822(text).ok()?.timestamp();
    (date >= 0).then_some(date)
}

/// Seconds since 1970 as `20260131T235959Z`.
pub(super) fn basic(date: i64) -> String {
    DateTime::from_timestamp(date, 0).map(|date| date.format(BASIC).to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_read_as_it_is_written_and_in_no_other_way() {
        assert_eq!(parse_basic("20150830T123600Z"), Some(1_440_938_160));
        assert_eq!(basic(1_440_938_160), "20150830T123600Z");
        assert_eq!(parse_http("Sun, 30 Aug 2015 12:36:00 GMT"), Some(1_440_938_160));
        for other in
            ["", "20150830T123600", "2015-08-30T12:36:00Z", "20150830T123660Z", " 20150830T123600Z", "19690101T000000Z"]
        {
            assert_eq!(parse_basic(other), None, "{other}");
        }
        assert_eq!(parse_http("tomorrow"), None);
    }
}
