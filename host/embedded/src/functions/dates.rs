//! Days and instants: parts, units, ISO 8601 and zones.

use chrono::{Datelike, NaiveDate, NaiveTime};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::error::Result;

use super::cast;
use super::function::{Function, Gives, Takes};
use super::moments::{self, Unit};
use super::row::{Answer, Row, bad, constant, date, double, instant, int, mistyped, months, span, text};
use crate::moment;
use crate::types::{DAY_TO_SECOND, TIMESTAMP, YEAR_TO_MONTH, zoned};

use Takes::{Any, Double, Instant, Int, Span, Temporal, Text};

/// The parts of a moment; each is a function, and a field of `EXTRACT`.
pub(crate) const PARTS: [&str; 17] = [
    "year",
    "quarter",
    "month",
    "week",
    "week_of_year",
    "day",
    "day_of_month",
    "day_of_week",
    "dow",
    "day_of_year",
    "doy",
    "year_of_week",
    "yow",
    "hour",
    "minute",
    "second",
    "millisecond",
];

pub(super) fn all() -> Vec<Function> {
    let parts = PARTS
        .into_iter()
        .map(|name| Function::new(name, &[Instant], Gives::Int, move |args| args.each(|row| part(row, name))));
    let functions = [
        Function::new("$interval", &[Text, Text, Text], Gives::Of(interval_type), |args| args.each(interval)).least(2),
        Function::new("$timestamp", &[Text], Gives::Of(literal_type), |args| {
            args.each(|row| cast::from_text(row.text(0), &args.gives).map(Some))
        }),
        Function::new("date", &[Any], Gives::Date, |args| {
            cast::convert(&args.arrays[0], &DataType::Date32, None, args.attempt)
        }),
        Function::new("date_add", &[Text, Int, Temporal], Gives::Same(2), |args| args.each(date_add)),
        Function::new("date_diff", &[Text, Temporal, Temporal], Gives::Int, |args| args.each(date_diff)),
        Function::new("date_trunc", &[Text, Temporal], Gives::Same(1), |args| args.each(date_trunc)),
        Function::new("last_day_of_month", &[Instant], Gives::Date, |args| args.each(last_day_of_month)),
        Function::new("from_iso8601_timestamp", &[Text], Gives::Zoned, |args| {
            args.each(|row| match iso_instant(row.text(0)) {
                Some(millis) => instant(millis, &args.gives),
                None => bad("the text is no ISO 8601 timestamp"),
            })
        }),
        Function::new("from_iso8601_date", &[Text], Gives::Date, |args| {
            args.each(|row| match iso_day(row.text(0)) {
                Some(day) => date(moment::days(day)),
                None => bad("the text is no ISO 8601 date"),
            })
        }),
        Function::new("to_iso8601", &[Temporal], Gives::Text, |args| args.each(to_iso8601)),
        Function::new("from_unixtime", &[Double, Text], Gives::Of(|_, known| zone_at(known, 1)), |args| {
            args.each(|row| instant((row.double(0) * 1000.0).round() as i64, &args.gives))
        })
        .least(1),
        Function::new("to_unixtime", &[Instant], Gives::Double, |args| {
            args.each(|row| double(row.millis(0) as f64 / 1000.0))
        }),
        Function::new("at_timezone", &[Instant, Text], Gives::Of(|_, known| zone_at(known, 1)), |args| {
            args.each(|row| instant(row.millis(0), &args.gives))
        }),
        Function::new("with_timezone", &[Instant, Text], Gives::Of(|_, known| zone_at(known, 1)), |args| {
            args.each(|row| match moment::clock(row.millis(0)) {
                Some(clock) => instant(moment::millis_in(clock, moment::zone(row.text(1))), &args.gives),
                None => Ok(None),
            })
        }),
        Function::new("timezone_hour", &[Instant], Gives::Int, |args| args.each(|row| int(offset_minutes(row) / 60))),
        Function::new("timezone_minute", &[Instant], Gives::Int, |args| args.each(|row| int(offset_minutes(row) % 60))),
        Function::new("current_timezone", &[], Gives::Text, |args| args.each(|_| text("UTC"))),
        Function::new("to_milliseconds", &[Span], Gives::Int, |args| args.each(|row| int(row.millis(0)))),
        Function::new("human_readable_seconds", &[Double], Gives::Text, |args| {
            args.each(|row| text(readable(row.double(0).round() as i64)))
        }),
    ];
    parts.chain(functions).collect()
}

fn part(row: Row, name: &str) -> Answer {
    let clock = moment::clock_in(row.millis(0), row.zone(0));
    Ok(clock.and_then(|clock| moments::part(name, clock)).map(ScalarValue::from))
}

/// The zone that a constant names.
fn zone_at(known: &[Option<&ScalarValue>], place: usize) -> Result<DataType> {
    match known.get(place) {
        None => Ok(zoned("UTC")),
        Some(_) => match constant(known, place) {
            Some(name) if moment::zone(name).is_some() => Ok(zoned(name)),
            Some(name) => mistyped(format!("there is no time zone {name}")),
            None => mistyped("a time zone must be a constant here"),
        },
    }
}

fn literal_type(_: &[DataType], known: &[Option<&ScalarValue>]) -> Result<DataType> {
    match constant(known, 0).map(moment::parse_instant) {
        Some(Some((_, Some(zone)))) => Ok(zoned(&zone)),
        Some(Some((_, None))) => Ok(TIMESTAMP),
        _ => mistyped("the text after TIMESTAMP is no timestamp"),
    }
}

fn interval_type(_: &[DataType], known: &[Option<&ScalarValue>]) -> Result<DataType> {
    match constant(known, 1) {
        Some("year" | "month") => Ok(YEAR_TO_MONTH),
        Some("day" | "hour" | "minute" | "second") => Ok(DAY_TO_SECOND),
        _ => mistyped("an interval counts years, months, days, hours, minutes or seconds"),
    }
}

/// `INTERVAL '2' DAY`, `INTERVAL '1-6' YEAR TO MONTH`, `INTERVAL '2 10:30' DAY TO MINUTE`.
fn interval(row: Row) -> Answer {
    let (written, unit) = (row.text(0).trim(), row.text(1));
    let (sign, digits) = match written.strip_prefix(['-', '+']) {
        Some(rest) => (if written.starts_with('-') { -1.0 } else { 1.0 }, rest),
        None => (1.0, written),
    };
    let sizes: &[(&str, f64)] = match unit {
        "year" | "month" => &[("year", 12.0), ("month", 1.0)],
        _ => &[("day", 86_400_000.0), ("hour", 3_600_000.0), ("minute", 60_000.0), ("second", 1000.0)],
    };
    let start = sizes.iter().position(|(name, _)| *name == unit).unwrap_or(0);
    let numbers: Vec<Option<f64>> = digits.split(['-', ' ', ':']).map(|number| number.parse().ok()).collect();
    let fits = numbers.len() <= sizes.len() - start && (row.has(2) || numbers.len() == 1);
    let total: Option<f64> =
        numbers.iter().zip(&sizes[start..]).map(|(number, (_, size))| number.map(|n| n * size)).sum();
    match (total.filter(|_| fits), sizes[0].0) {
        (Some(total), "year") => months((sign * total) as i32),
        (Some(total), _) => span((sign * total) as i64),
        (None, _) => bad("the text after INTERVAL does not fit its unit"),
    }
}

fn date_add(row: Row) -> Answer {
    let amount = row.int(1);
    match row.held(2) {
        DataType::Date32 => {
            let unit = Unit::of_days(row.text(0))?;
            let millis = moments::moved(i64::from(row.days(2)) * moments::DAY_MS, None, unit, amount)?;
            date((millis / moments::DAY_MS) as i32)
        }
        held => instant(moments::moved(row.millis(2), row.zone(2), Unit::named(row.text(0))?, amount)?, held),
    }
}

fn date_diff(row: Row) -> Answer {
    let both_days = row.held(1) == &DataType::Date32 && row.held(2) == &DataType::Date32;
    let unit = if both_days { Unit::of_days(row.text(0))? } else { Unit::named(row.text(0))? };
    let millis = |place: usize| match row.held(place) {
        DataType::Date32 => i64::from(row.days(place)) * moments::DAY_MS,
        _ => row.millis(place),
    };
    int(moments::between(millis(1), millis(2), row.zone(1).or(row.zone(2)), unit)?)
}

fn date_trunc(row: Row) -> Answer {
    let too_far = || bad("the calendar does not reach that far");
    match row.held(1) {
        DataType::Date32 => match moment::day(row.days(1)) {
            Some(day) => date(moment::days(moments::first_day(day, row.text(0))?)),
            None => too_far(),
        },
        held => match moment::clock_in(row.millis(1), row.zone(1)) {
            Some(clock) => instant(moment::millis_in(moments::truncated(clock, row.text(0))?, row.zone(1)), held),
            None => too_far(),
        },
    }
}

fn last_day_of_month(row: Row) -> Answer {
    let day = moment::clock_in(row.millis(0), row.zone(0)).map(|clock| clock.date());
    let next = moments::add_months(day.and_then(|day| day.with_day(1)), 1).and_then(|day| day.pred_opt());
    next.map_or(Ok(None), |day| date(moment::days(day)))
}

fn to_iso8601(row: Row) -> Answer {
    if row.held(0) == &DataType::Date32 {
        return text(moment::day_text(row.days(0)));
    }
    let zone = row.zone(0);
    let Some(clock) = moment::clock_in(row.millis(0), zone) else { return Ok(None) };
    let shown = clock.format("%Y-%m-%dT%H:%M:%S%.3f").to_string();
    text(match zone.map(|zone| moment::offset_seconds(row.millis(0), zone)) {
        None => shown,
        Some(0) => shown + "Z",
        Some(ahead) => shown + &offset_text(ahead),
    })
}

/// `+02:00`.
pub(super) fn offset_text(seconds: i32) -> String {
    let sign = if seconds < 0 { '-' } else { '+' };
    format!("{sign}{:02}:{:02}", seconds.abs() / 3600, seconds.abs() / 60 % 60)
}

fn offset_minutes(row: Row) -> i64 {
    row.zone(0).map_or(0, |zone| i64::from(moment::offset_seconds(row.millis(0), zone) / 60))
}

/// `1 day, 2 hours, 3 minutes, 4 seconds`.
fn readable(seconds: i64) -> String {
    let sizes = [("week", 604_800), ("day", 86_400), ("hour", 3600), ("minute", 60), ("second", 1)];
    let mut rest = seconds;
    let mut parts = Vec::new();
    for (name, size) in sizes {
        let count = rest / size;
        rest %= size;
        if count > 0 || (size == 1 && parts.is_empty()) {
            parts.push(format!("{count} {name}{}", if count == 1 { "" } else { "s" }));
        }
    }
    parts.join(", ")
}

/// `2026-01-31`, `2026-01`, `2026`, `2026-W05-6`, `2026-W05`, `2026-031`.
fn iso_day(written: &str) -> Option<NaiveDate> {
    let parts: Vec<&str> = written.split('-').collect();
    if !parts.iter().all(|part| !part.is_empty() && part.len() <= 9) {
        return None;
    }
    let year = number(parts[0])?;
    match parts[1..] {
        [] => NaiveDate::from_ymd_opt(year, 1, 1),
        [week] if week.starts_with('W') => week_day(year, week, 1),
        [week, day] if week.starts_with('W') => week_day(year, week, number(day)?),
        [ordinal] if ordinal.len() == 3 => NaiveDate::from_yo_opt(year, number(ordinal)?),
        [month] => NaiveDate::from_ymd_opt(year, number(month)?, 1),
        [month, day] => NaiveDate::from_ymd_opt(year, number(month)?, number(day)?),
        _ => None,
    }
}

fn number<N: std::str::FromStr>(digits: &str) -> Option<N> {
    digits.bytes().all(|digit| digit.is_ascii_digit()).then(|| digits.parse().ok()).flatten()
}

fn week_day(year: i32, week: &str, day: u32) -> Option<NaiveDate> {
    let day = chrono::Weekday::try_from(u8::try_from(day).ok()?.checked_sub(1)?).ok()?;
    NaiveDate::from_isoywd_opt(year, number(week.strip_prefix('W')?)?, day)
}

/// A day as above, and after `T` a time and an offset, each of which may be missing.
fn iso_instant(written: &str) -> Option<i64> {
    let (day, rest) = match written.split_once('T') {
        Some((day, rest)) => (iso_day(day)?, rest),
        None => (iso_day(written)?, ""),
    };
    let end = rest.find(['Z', '+', '-']).unwrap_or(rest.len());
    let (time, offset) = rest.split_at(end);
    let time = match time {
        "" => NaiveTime::MIN,
        hour if hour.len() == 2 => NaiveTime::from_hms_opt(number(hour)?, 0, 0)?,
        time => moment::parse_time(time)?,
    };
    let zone = match offset {
        "" => None,
        offset => Some(moment::zone(offset)?),
    };
    Some(moment::millis_in(day.and_time(time), zone))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_iso_8601_that_trino_reads_is_read() {
        let millis = |written: &str| iso_instant(written).map(|millis| moment::instant_text(millis, None));
        for (written, read) in [
            ("2020-05-11", "2020-05-11 00:00:00.000"),
            ("2020-05-11T11:15", "2020-05-11 11:15:00.000"),
            ("2020-05-11T11:15:05.055", "2020-05-11 11:15:05.055"),
            ("2020-05-11T11:15:05Z", "2020-05-11 11:15:05.000"),
            ("2020-05-11T11:15:05.055+01:00", "2020-05-11 10:15:05.055"),
            ("2020-W10-3", "2020-03-04 00:00:00.000"),
            ("2020-123", "2020-05-02 00:00:00.000"),
            ("2020-02", "2020-02-01 00:00:00.000"),
        ] {
            assert_eq!(millis(written).as_deref(), Some(read), "{written}");
        }
        for wrong in ["", "yesterday", "2020-13-01", "2020-05-11 11:15:05", "2020-05-11T25:00", "2020-05-11T11:15:05X"]
        {
            assert_eq!(millis(wrong), None, "{wrong}");
        }
    }
}
