//! Moments and steps, as people and models write them.

use schemars::JsonSchema;
use serde::Deserialize;
use toolhost_sdk::{Error, Result};

/// The most points that Prometheus answers for one series.
const POINTS_MAX: u64 = 11_000;

/// A moment: RFC 3339, such as `2026-01-31T12:00:00Z`, or seconds since 1970.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum Moment {
    Seconds(f64),
    Text(String),
}

/// A length of time: `60s`, `5m`, `1h30m`, or seconds.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum Step {
    Seconds(f64),
    Text(String),
}

/// A range and its steps, in milliseconds since 1970, such that Prometheus will answer.
#[derive(Debug)]
pub(crate) struct Range {
    pub(crate) start: i64,
    pub(crate) end: i64,
    pub(crate) step: i64,
}

impl Moment {
    /// Milliseconds since 1970.
    pub(crate) fn milliseconds(&self, name: &str) -> Result<i64> {
        let read = match self {
            Moment::Seconds(seconds) => milliseconds(*seconds),
            Moment::Text(text) => text.parse().ok().and_then(milliseconds).or_else(|| rfc_3339(text)),
        };
        let wrong =
            format!("`{name}` is no moment: write RFC 3339, such as 2026-01-31T12:00:00Z, or seconds since 1970.");
        read.ok_or_else(|| Error::invalid(wrong))
    }
}

impl Step {
    fn milliseconds(&self) -> Result<i64> {
        let read = match self {
            Step::Seconds(seconds) => milliseconds(*seconds),
            Step::Text(text) => text.parse().ok().and_then(milliseconds).or_else(|| duration(text)),
        };
        let wrong = "`step` is no length of time above zero: write `60s`, `5m`, `1h30m`, or seconds.";
        read.filter(|step| *step > 0).ok_or_else(|| Error::invalid(wrong))
    }
}

impl Range {
    pub(crate) fn new(start: &Moment, end: &Moment, step: &Step) -> Result<Self> {
        let range =
            Self { start: start.milliseconds("start")?, end: end.milliseconds("end")?, step: step.milliseconds()? };
        if range.start > range.end {
            return Err(Error::invalid("`start` is after `end`: exchange them."));
        }
        let length = range.start.abs_diff(range.end);
        let points = length / range.step.unsigned_abs() + 1;
        if points > POINTS_MAX {
            let smallest = match length / POINTS_MAX + 1 {
                few @ ..1_000 => format!("{few}ms"),
                many => format!("{}s", many.div_ceil(1_000)),
            };
            return Err(Error::invalid(format!(
                "The range would have {points} points for each series, and {POINTS_MAX} is the most: \
                 the smallest step that fits is `{smallest}`."
            )));
        }
        Ok(range)
    }
}

/// Milliseconds as the seconds that Prometheus reads.
pub(crate) fn seconds(milliseconds: i64) -> String {
    match milliseconds % 1_000 {
        0 => (milliseconds / 1_000).to_string(),
        _ => format!("{}.{:03}", milliseconds / 1_000, milliseconds % 1_000),
    }
}

/// Milliseconds since 1970 as RFC 3339.
pub(crate) fn written(milliseconds: i64) -> String {
    let (day, time) = (milliseconds.div_euclid(86_400_000), milliseconds.rem_euclid(86_400_000));
    // Days are counted in eras of 400 years that begin on 1 March of year 0.
    let (era, day) = ((day + 719_468).div_euclid(146_097), (day + 719_468).rem_euclid(146_097));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year + era * 400 + i64::from(month <= 2);
    let (hour, minute, second) = (time / 3_600_000, time / 60_000 % 60, time / 1_000 % 60);
    let fraction = if time % 1_000 == 0 { String::new() } else { format!(".{:03}", time % 1_000) };
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}Z")
}

/// A number of seconds, if it can be a moment or a length at all: from 0 to the year 9999.
#[expect(clippy::cast_possible_truncation, reason = "it is within the range of years")]
fn milliseconds(seconds: f64) -> Option<i64> {
    (0.0..253_402_300_800.0).contains(&seconds).then(|| (seconds * 1_000.0).round() as i64)
}

/// `2026-01-31T12:00:00[.5](Z|+01:00)`.
fn rfc_3339(text: &str) -> Option<i64> {
    let number = |from: usize, to: usize| -> Option<i64> {
        let digits = text.get(from..to)?;
        digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
    };
    let is = |at: usize, signs: &str| text.get(at..=at).is_some_and(|sign| signs.contains(sign));
    if !(is(4, "-") && is(7, "-") && is(10, "Tt ") && is(13, ":") && is(16, ":")) {
        return None;
    }
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    let rest = text.get(19..)?;
    let zone_at = rest.find(['Z', 'z', '+', '-'])?;
    let (fraction, zone) = rest.split_at(zone_at);
    let fraction = match fraction.strip_prefix('.') {
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => fraction.parse::<f64>().ok()?,
        None if fraction.is_empty() => 0.0,
        _ => return None,
    };
    let offset = match zone.split_at_checked(1)? {
        ("Z" | "z", "") => 0,
        (sign, rest) => {
            let (hours, minutes) = rest.split_once(':')?;
            let minutes = two_digits(hours, 23)? * 60 + two_digits(minutes, 59)?;
            if sign == "-" { -minutes } else { minutes }
        }
    };
    let fits = (1..=12).contains(&month) && (1..=31).contains(&day) && hour < 24 && minute < 60 && second < 61;
    let seconds = days(year, month, day) * 86_400 + hour * 3_600 + (minute - offset) * 60 + second;
    fits.then(|| milliseconds(seconds as f64 + fraction))?
}

fn two_digits(text: &str, max: i64) -> Option<i64> {
    let fits = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
    fits.then(|| text.parse().ok())?.filter(|number| *number <= max)
}

/// The days from 1970 to a date; the other way round in [`written`].
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// `1h30m`, with the units that Prometheus knows, in milliseconds.
fn duration(text: &str) -> Option<i64> {
    let mut rest = text;
    let mut total = 0_i64;
    while !rest.is_empty() {
        let (digits, after) = rest.split_at(rest.find(|c: char| !c.is_ascii_digit())?);
        let (unit, after) = after.split_at(after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len()));
        let factor = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            "w" => 604_800_000,
            "y" => 31_536_000_000,
            _ => return None,
        };
        total = total.checked_add(digits.parse::<i64>().ok()?.checked_mul(factor)?)?;
        rest = after;
    }
    Some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(text: &str) -> Option<i64> {
        Moment::Text(text.to_owned()).milliseconds("time").ok()
    }

    fn range(start: f64, end: f64, step: &str) -> Result<Range> {
        Range::new(&Moment::Seconds(start), &Moment::Seconds(end), &Step::Text(step.to_owned()))
    }

    #[test]
    fn moments_are_read_in_every_form_and_written_in_one() {
        for (text, milliseconds) in [
            ("2026-01-31T12:00:00Z", 1_769_860_800_000),
            ("2026-01-31T13:30:00+01:30", 1_769_860_800_000),
            ("2026-01-31t11:00:00.250-01:00", 1_769_860_800_250),
            ("1769860800", 1_769_860_800_000),
            ("1769860800.25", 1_769_860_800_250),
            ("2000-02-29T00:00:00Z", 951_782_400_000),
            ("1970-01-01T00:00:00Z", 0),
        ] {
            assert_eq!(moment(text), Some(milliseconds), "{text}");
            assert_eq!(moment(&written(milliseconds)), Some(milliseconds), "{text}");
        }
        for wrong in
            ["", "now", "-1h", "2026-01-31", "2026-13-01T00:00:00Z", "2026-01-31T12:00:00", "NaN", "inf", "1e300"]
        {
            assert_eq!(moment(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn steps_are_durations_or_seconds_and_above_zero() {
        let step = |text: &str| Step::Text(text.to_owned()).milliseconds().ok();
        assert_eq!((step("60s"), step("5m"), step("1h30m")), (Some(60_000), Some(300_000), Some(5_400_000)));
        assert_eq!((step("15"), step("0.5"), step("250ms")), (Some(15_000), Some(500), Some(250)));
        for wrong in ["", "0", "0s", "-5s", "5 m", "m", "1x", "5m3"] {
            assert_eq!(step(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_range_of_too_many_points_is_told_the_smallest_step_that_fits() {
        assert!(range(0.0, 10_999.0, "1s").is_ok());
        for (end, step, fits) in [(11_000.0, "1s", "2s"), (3_600.0, "100ms", "328ms"), (31_536_000.0, "5m", "2867s")] {
            let error = range(0.0, end, step).expect_err("has too many");
            assert!(error.message.contains(&format!("`{fits}`")), "{}", error.message);
            assert!(range(0.0, end, fits).is_ok(), "{fits}");
        }
        assert!(range(2.0, 1.0, "1s").is_err_and(|error| error.message.contains("after")));
    }
}
