//! Reckoning with days and instants: the parts of a moment, moving by units, and the units between two moments.

use chrono::{Datelike, Days, Months, NaiveDate, NaiveDateTime, NaiveTime, Timelike};
use datafusion::arrow::array::timezone::Tz;
use datafusion::error::Result;

use super::row::bad;
use crate::moment;

/// A unit of `date_add`, `date_diff` and `date_trunc`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Unit {
    /// So many milliseconds.
    Millis(i64),
    /// So many days.
    Days(i64),
    /// So many months.
    Months(i64),
}

pub(super) const DAY_MS: i64 = 86_400_000;

impl Unit {
    pub(super) fn named(name: &str) -> Result<Unit> {
        Ok(match name.to_lowercase().as_str() {
            "millisecond" => Unit::Millis(1),
            "second" => Unit::Millis(1000),
            "minute" => Unit::Millis(60_000),
            "hour" => Unit::Millis(3_600_000),
            "day" => Unit::Days(1),
            "week" => Unit::Days(7),
            "month" => Unit::Months(1),
            "quarter" => Unit::Months(3),
            "year" => Unit::Months(12),
            _ => {
                return bad(
                    "there is no such unit; there are: millisecond, second, minute, hour, day, week, month, quarter, year",
                );
            }
        })
    }

    /// The same for dates, which have no hours.
    pub(super) fn of_days(name: &str) -> Result<Unit> {
        match Unit::named(name)? {
            Unit::Millis(_) => bad("a date has no such unit; there are: day, week, month, quarter, year"),
            unit => Ok(unit),
        }
    }
}

/// The same day of another month, or its last day if it is shorter.
pub(super) fn add_months(day: Option<NaiveDate>, months: i64) -> Option<NaiveDate> {
    let by = Months::new(u32::try_from(months.unsigned_abs()).ok()?);
    if months < 0 { day?.checked_sub_months(by) } else { day?.checked_add_months(by) }
}

pub(super) fn move_months(millis: i64, zone: Option<Tz>, months: i64) -> Option<i64> {
    let clock = moment::clock_in(millis, zone)?;
    let day = add_months(Some(clock.date()), months)?;
    Some(moment::millis_in(day.and_time(clock.time()), zone))
}

pub(super) fn move_days(millis: i64, zone: Option<Tz>, days: i64) -> Option<i64> {
    let clock = moment::clock_in(millis, zone)?;
    let by = Days::new(days.unsigned_abs());
    let moved = if days < 0 { clock.checked_sub_days(by) } else { clock.checked_add_days(by) };
    moved.map(|clock| moment::millis_in(clock, zone))
}

/// An instant moved by so many units.
pub(super) fn moved(millis: i64, zone: Option<Tz>, unit: Unit, amount: i64) -> Result<i64> {
    let moved = match unit {
        Unit::Millis(each) => amount.checked_mul(each).and_then(|by| millis.checked_add(by)),
        Unit::Days(each) => amount.checked_mul(each).and_then(|by| move_days(millis, zone, by)),
        Unit::Months(each) => amount.checked_mul(each).and_then(|by| move_months(millis, zone, by)),
    };
    moved.map_or_else(|| bad("the calendar does not reach that far"), Ok)
}

/// How many whole units lie between two instants.
pub(super) fn between(from: i64, to: i64, zone: Option<Tz>, unit: Unit) -> Result<i64> {
    let (Some(start), Some(end)) = (moment::clock_in(from, zone), moment::clock_in(to, zone)) else {
        return bad("the calendar does not reach that far");
    };
    Ok(match unit {
        Unit::Millis(each) => (to - from) / each,
        Unit::Days(each) => (moment::millis(end) - moment::millis(start)) / (each * DAY_MS),
        Unit::Months(each) => months_between(start, end) / each,
    })
}

fn months_between(start: NaiveDateTime, end: NaiveDateTime) -> i64 {
    let count = |clock: NaiveDateTime| i64::from(clock.year()) * 12 + i64::from(clock.month0());
    let months = count(end) - count(start);
    let reached = |months: i64| add_months(Some(start.date()), months).map(|day| day.and_time(start.time()));
    match reached(months) {
        Some(at) if months > 0 && at > end => months - 1,
        Some(at) if months < 0 && at < end => months + 1,
        _ => months,
    }
}

/// The first day of the unit that holds this day.
pub(super) fn first_day(day: NaiveDate, unit: &str) -> Result<NaiveDate> {
    let first = match unit.to_lowercase().as_str() {
        "day" => Some(day),
        "week" => day.checked_sub_days(Days::new(u64::from(day.weekday().num_days_from_monday()))),
        "month" => day.with_day(1),
        "quarter" => NaiveDate::from_ymd_opt(day.year(), day.month0() / 3 * 3 + 1, 1),
        "year" => NaiveDate::from_ymd_opt(day.year(), 1, 1),
        _ => return bad("there is no such unit; there are: second, minute, hour, day, week, month, quarter, year"),
    };
    first.map_or_else(|| bad("the calendar does not reach that far"), Ok)
}

/// The start of the unit that holds this moment.
pub(super) fn truncated(clock: NaiveDateTime, unit: &str) -> Result<NaiveDateTime> {
    let (hour, minute, second) = (clock.hour(), clock.minute(), clock.second());
    let time = match unit.to_lowercase().as_str() {
        "millisecond" => return Ok(clock),
        "second" => NaiveTime::from_hms_opt(hour, minute, second),
        "minute" => NaiveTime::from_hms_opt(hour, minute, 0),
        "hour" => NaiveTime::from_hms_opt(hour, 0, 0),
        _ => return Ok(first_day(clock.date(), unit)?.and_time(NaiveTime::MIN)),
    };
    Ok(clock.date().and_time(time.unwrap_or(NaiveTime::MIN)))
}

/// One part of a moment, by the name of its function: `year`, `day_of_week`. None if there is no such part.
pub(super) fn part(name: &str, clock: NaiveDateTime) -> Option<i64> {
    Some(i64::from(match name {
        "year" => clock.year(),
        "quarter" => clock.month0() as i32 / 3 + 1,
        "month" => clock.month() as i32,
        "week" | "week_of_year" => clock.iso_week().week() as i32,
        "day" | "day_of_month" => clock.day() as i32,
        "day_of_week" | "dow" => clock.weekday().number_from_monday() as i32,
        "day_of_year" | "doy" => clock.ordinal() as i32,
        "year_of_week" | "yow" => clock.iso_week().year(),
        "hour" => clock.hour() as i32,
        "minute" => clock.minute() as i32,
        "second" => clock.second() as i32,
        "millisecond" => (clock.nanosecond() / 1_000_000) as i32,
        _ => return None,
    }))
}
