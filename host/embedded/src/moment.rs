//! Days, instants and spans as text, the way Athena writes and reads them.
//!
//! A day is counted from 1970-01-01, an instant in milliseconds from its midnight, in UTC if it has a zone.

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Offset, TimeZone, Timelike};
use datafusion::arrow::array::timezone::Tz;

const DAY_MS: i64 = 86_400_000;

/// The day of this number, if the calendar has it.
pub(crate) fn day(days: i32) -> Option<NaiveDate> {
    NaiveDate::from_epoch_days(days)
}

/// The number of this day.
pub(crate) fn days(day: NaiveDate) -> i32 {
    day.to_epoch_days()
}

/// What clocks without a zone show at this instant.
pub(crate) fn clock(millis: i64) -> Option<NaiveDateTime> {
    DateTime::from_timestamp_millis(millis).map(|instant| instant.naive_utc())
}

/// What clocks of this zone show at this instant.
pub(crate) fn clock_in(millis: i64, zone: Option<Tz>) -> Option<NaiveDateTime> {
    let utc = clock(millis)?;
    Some(match zone {
        Some(zone) => zone.from_utc_datetime(&utc).naive_local(),
        None => utc,
    })
}

/// The instant at which clocks without a zone show this.
pub(crate) fn millis(clock: NaiveDateTime) -> i64 {
    clock.and_utc().timestamp_millis()
}

/// The instant at which clocks of this zone show this; the hour that a change to summer time leaves out counts from before it.
pub(crate) fn millis_in(clock: NaiveDateTime, zone: Option<Tz>) -> i64 {
    let Some(zone) = zone else { return millis(clock) };
    match zone.from_local_datetime(&clock).earliest() {
        Some(instant) => instant.timestamp_millis(),
        None => {
            let before = zone.offset_from_utc_datetime(&(clock - chrono::Duration::hours(2)));
            millis(clock) - i64::from(before.fix().local_minus_utc()) * 1000
        }
    }
}

/// A zone by its name or offset: `UTC`, `Europe/Berlin`, `+02:00`.
pub(crate) fn zone(name: &str) -> Option<Tz> {
    match name {
        "Z" | "z" => "UTC".parse().ok(),
        _ => name.parse().ok(),
    }
}

/// How far the zone's clocks are ahead of UTC at this instant, in seconds.
pub(crate) fn offset_seconds(millis: i64, zone: Tz) -> i32 {
    clock(millis).map_or(0, |utc| zone.offset_from_utc_datetime(&utc).fix().local_minus_utc())
}

/// `2026-01-31`.
pub(crate) fn day_text(days: i32) -> String {
    day(days).map_or_else(|| days.to_string(), |day| day.format("%Y-%m-%d").to_string())
}

/// `2026-01-31 23:59:59.000`, with the zone's name after it if there is one.
pub(crate) fn instant_text(millis: i64, zone_name: Option<&str>) -> String {
    let shown = clock_in(millis, zone_name.and_then(zone));
    let text = shown.map_or_else(|| millis.to_string(), |clock| clock.format("%Y-%m-%d %H:%M:%S%.3f").to_string());
    match zone_name {
        Some(name) => format!("{text} {name}"),
        None => text,
    }
}

/// `23:59:59.000`.
pub(crate) fn time_text(millis: i32) -> String {
    let millis = i64::from(millis);
    format!("{:02}:{:02}:{:02}.{:03}", millis / 3_600_000, millis / 60_000 % 60, millis / 1000 % 60, millis % 1000)
}

/// `2 00:00:00.000`.
pub(crate) fn span_text(millis: i64) -> String {
    let (sign, span) = (if millis < 0 { "-" } else { "" }, millis.unsigned_abs());
    let (days, rest) = (span / DAY_MS as u64, (span % DAY_MS as u64) as i32);
    format!("{sign}{days} {}", time_text(rest))
}

/// `1-2`: a year and two months.
pub(crate) fn months_text(months: i32) -> String {
    let (sign, count) = (if months < 0 { "-" } else { "" }, months.unsigned_abs());
    format!("{sign}{}-{}", count / 12, count % 12)
}

/// Reads `2026-01-31`.
pub(crate) fn parse_day(text: &str) -> Option<NaiveDate> {
    let text = text.trim();
    let (year, rest) = text.strip_prefix('-').unwrap_or(text).split_once('-')?;
    let (month, day) = rest.split_once('-')?;
    let year: i32 = digits(year, 9)?;
    let year = if text.starts_with('-') { -year } else { year };
    NaiveDate::from_ymd_opt(year, digits(month, 2)?, digits(day, 2)?)
}

/// Reads `23:59`, `23:59:59` and `23:59:59.123`.
pub(crate) fn parse_time(text: &str) -> Option<NaiveTime> {
    let mut parts = text.trim().split(':');
    let (hour, minute) = (digits(parts.next()?, 2)?, digits(parts.next()?, 2)?);
    let (second, fraction) = match parts.next() {
        Some(last) => last.split_once(['.', ',']).map_or((last, ""), |split| split),
        None => ("00", ""),
    };
    if parts.next().is_some() {
        return None;
    }
    NaiveTime::from_hms_milli_opt(hour, minute, digits(second, 2)?, fraction_millis(fraction)?)
}

/// The first three digits after the point.
pub(crate) fn fraction_millis(digits: &str) -> Option<u32> {
    if digits.len() > 12 || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    format!("{digits:0<3}").get(..3)?.parse().ok()
}

fn digits<N: std::str::FromStr>(text: &str, longest: usize) -> Option<N> {
    let fits = (1..=longest).contains(&text.len()) && text.bytes().all(|digit| digit.is_ascii_digit());
    fits.then(|| text.parse().ok()).flatten()
}

/// Reads a timestamp, with the zone that it names: `2026-01-31 23:59:59.123 Europe/Berlin`, `2026-01-31T23:59Z`.
pub(crate) fn parse_instant(text: &str) -> Option<(NaiveDateTime, Option<String>)> {
    let text = text.trim();
    let (day, rest) = match text.find([' ', 'T']) {
        Some(at) => (&text[..at], text[at + 1..].trim_start()),
        None => (text, ""),
    };
    let day = parse_day(day)?;
    let end = rest.find(|c: char| !c.is_ascii_digit() && !":.,".contains(c)).unwrap_or(rest.len());
    let (time, zone_name) = (rest[..end].trim(), rest[end..].trim());
    let time = if time.is_empty() { NaiveTime::MIN } else { parse_time(time)? };
    let zone_name = match zone_name {
        "" => None,
        "Z" | "z" => Some("UTC".to_owned()),
        name => zone(name).map(|_| Some(name.to_owned()))?,
    };
    Some((day.and_time(time), zone_name))
}

/// The milliseconds since midnight.
pub(crate) fn time_millis(time: NaiveTime) -> i32 {
    (time.num_seconds_from_midnight() * 1000 + time.nanosecond() / 1_000_000) as i32
}
