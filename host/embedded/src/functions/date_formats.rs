//! Moments by a pattern: MySQL's (`date_format`, `date_parse`) and Joda's (`format_datetime`, `parse_datetime`).

use chrono::format::{Item, Numeric, Pad, Parsed, StrftimeItems};
use chrono::{NaiveDateTime, NaiveTime};
use datafusion::error::Result;

use super::dates::offset_text;
use super::function::{Function, Gives, Takes};
use super::row::{Answer, Row, bad, instant, text};
use crate::moment;

use Takes::{Instant, Text};

pub(super) fn all() -> Vec<Function> {
    vec![
        Function::new("date_format", &[Instant, Text], Gives::Text, |args| {
            args.each(|row| formatted(row, &mysql(row.text(1))?))
        }),
        Function::new("date_parse", &[Text, Text], Gives::Timestamp, |args| {
            args.each(|row| match parsed(row.text(0), &mysql(row.text(1))?) {
                Some((clock, _)) => instant(moment::millis(clock), &args.gives),
                None => bad("the text does not fit the format of date_parse"),
            })
        }),
        Function::new("format_datetime", &[Instant, Text], Gives::Text, |args| {
            args.each(|row| formatted(row, &joda(row.text(1))?))
        }),
        Function::new("parse_datetime", &[Text, Text], Gives::Zoned, |args| {
            args.each(|row| match parsed(row.text(0), &joda(row.text(1))?) {
                Some((clock, ahead)) => instant(moment::millis(clock) - i64::from(ahead) * 1000, &args.gives),
                None => bad("the text does not fit the format of parse_datetime"),
            })
        }),
    ]
}

/// One piece of a pattern.
enum Piece {
    Plain(String),
    /// One of chrono's own, such as `%Y`.
    Chrono(&'static str),
    /// A number of chrono's, with leading zeros or without.
    Number(Numeric, Pad),
    /// The fraction of a second, to so many digits.
    Fraction(usize),
    /// `+02:00`, `+0200`, or the name of the zone.
    Offset(&'static str),
}

/// MySQL's pattern: `%Y-%m-%d %H:%i:%s`.
fn mysql(pattern: &str) -> Result<Vec<Piece>> {
    let mut pieces = Vec::new();
    let mut rest = pattern.chars();
    while let Some(next) = rest.next() {
        if next != '%' {
            pieces.push(Piece::Plain(next.into()));
            continue;
        }
        pieces.push(match rest.next() {
            Some('a') => Piece::Chrono("%a"),
            Some('b') => Piece::Chrono("%b"),
            Some('c') => Piece::Number(Numeric::Month, Pad::None),
            Some('d') => Piece::Chrono("%d"),
            Some('e') => Piece::Number(Numeric::Day, Pad::None),
            Some('f') => Piece::Fraction(6),
            Some('H') => Piece::Chrono("%H"),
            Some('h' | 'I') => Piece::Chrono("%I"),
            Some('i') => Piece::Chrono("%M"),
            Some('j') => Piece::Chrono("%j"),
            Some('k') => Piece::Number(Numeric::Hour, Pad::None),
            Some('l') => Piece::Number(Numeric::Hour12, Pad::None),
            Some('M') => Piece::Chrono("%B"),
            Some('m') => Piece::Chrono("%m"),
            Some('p') => Piece::Chrono("%p"),
            Some('r') => Piece::Chrono("%I:%M:%S %p"),
            Some('S' | 's') => Piece::Chrono("%S"),
            Some('T') => Piece::Chrono("%H:%M:%S"),
            Some('v') => Piece::Chrono("%V"),
            Some('W') => Piece::Chrono("%A"),
            Some('x') => Piece::Chrono("%G"),
            Some('Y') => Piece::Chrono("%Y"),
            Some('y') => Piece::Chrono("%y"),
            Some('%') => Piece::Plain("%".into()),
            Some(other @ ('D' | 'U' | 'u' | 'V' | 'w' | 'X')) => {
                return bad(format!("%{other} is not supported in a date format"));
            }
            Some(other) => Piece::Plain(other.into()),
            None => return bad("a date format ends with %"),
        });
    }
    Ok(pieces)
}

/// Joda's pattern: `yyyy-MM-dd'T'HH:mm:ss.SSSZZ`.
fn joda(pattern: &str) -> Result<Vec<Piece>> {
    let mut pieces = Vec::new();
    let chars: Vec<char> = pattern.chars().collect();
    let mut at = 0;
    while at < chars.len() {
        let letter = chars[at];
        let run = chars[at..].iter().take_while(|other| **other == letter).count();
        if letter == '\'' {
            let end = chars[at + 1..].iter().position(|other| *other == '\'');
            let Some(end) = end else { return bad("a quote of the date pattern does not end") };
            let quoted: String = if end == 0 { "'".into() } else { chars[at + 1..at + 1 + end].iter().collect() };
            pieces.push(Piece::Plain(quoted));
            at += end + 2;
            continue;
        }
        let pad = if run > 1 { Pad::Zero } else { Pad::None };
        pieces.push(match letter {
            'y' | 'Y' if run == 2 => Piece::Chrono("%y"),
            'y' | 'Y' => Piece::Number(Numeric::Year, if run >= 4 { Pad::Zero } else { Pad::None }),
            'x' => Piece::Chrono("%G"),
            'M' if run >= 4 => Piece::Chrono("%B"),
            'M' if run == 3 => Piece::Chrono("%b"),
            'M' => Piece::Number(Numeric::Month, pad),
            'd' => Piece::Number(Numeric::Day, pad),
            'D' => Piece::Number(Numeric::Ordinal, if run >= 3 { Pad::Zero } else { Pad::None }),
            'E' if run >= 4 => Piece::Chrono("%A"),
            'E' => Piece::Chrono("%a"),
            'e' => Piece::Number(Numeric::WeekdayFromMon, Pad::None),
            'w' => Piece::Number(Numeric::IsoWeek, pad),
            'H' => Piece::Number(Numeric::Hour, pad),
            'h' => Piece::Number(Numeric::Hour12, pad),
            'm' => Piece::Number(Numeric::Minute, pad),
            's' => Piece::Number(Numeric::Second, pad),
            'S' => Piece::Fraction(run),
            'a' => Piece::Chrono("%p"),
            'Z' if run == 1 => Piece::Offset("+0000"),
            'Z' if run == 2 => Piece::Offset("+00:00"),
            'Z' | 'z' => Piece::Offset("zone"),
            letter if letter.is_ascii_alphabetic() => {
                return bad(format!("{letter} is not supported in a date pattern"));
            }
            letter => Piece::Plain(std::iter::repeat_n(letter, run).collect()),
        });
        at += run;
    }
    Ok(pieces)
}

impl Piece {
    fn items(&self) -> Vec<Item<'_>> {
        match self {
            Piece::Plain(plain) => vec![Item::Literal(plain)],
            Piece::Chrono(pattern) => StrftimeItems::new(pattern).collect(),
            Piece::Number(number, pad) => vec![Item::Numeric(number.clone(), *pad)],
            Piece::Fraction(_) | Piece::Offset(_) => Vec::new(),
        }
    }
}

fn formatted(row: Row, pieces: &[Piece]) -> Answer {
    let (millis, zone) = (row.millis(0), row.zone(0));
    let Some(clock) = moment::clock_in(millis, zone) else { return Ok(None) };
    let ahead = zone.map_or(0, |zone| moment::offset_seconds(millis, zone));
    let mut out = String::new();
    for piece in pieces {
        match piece {
            Piece::Fraction(digits) => {
                let shown = format!("{:03}{:0<12}", millis.rem_euclid(1000), "");
                out.push_str(&shown[..(*digits).min(12)]);
            }
            Piece::Offset("zone") => out.push_str(&zone.map_or("UTC".into(), |zone| zone.to_string())),
            Piece::Offset("+0000") => out.push_str(&offset_text(ahead).replace(':', "")),
            Piece::Offset(_) => out.push_str(&offset_text(ahead)),
            piece => out.push_str(&clock.format_with_items(piece.items().into_iter()).to_string()),
        }
    }
    text(out)
}

/// The clock that the text shows, and how far it is ahead of UTC in seconds.
fn parsed(written: &str, pieces: &[Piece]) -> Option<(NaiveDateTime, i32)> {
    let mut found = Parsed::new();
    let (mut rest, mut ahead) = (written, 0);
    for piece in pieces {
        match piece {
            Piece::Fraction(_) => {
                let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
                found.set_nanosecond(i64::from(moment::fraction_millis(&rest[..digits])?) * 1_000_000).ok()?;
                rest = &rest[digits..];
            }
            Piece::Offset(_) => {
                let end = rest.find([' ', ')']).unwrap_or(rest.len());
                let zone = moment::zone(&rest[..end])?;
                ahead = moment::offset_seconds(0, zone);
                rest = &rest[end..];
            }
            piece => {
                let items = piece.items();
                rest = chrono::format::parse_and_remainder(&mut found, rest, items.iter()).ok()?;
            }
        }
    }
    if !rest.is_empty() {
        return None;
    }
    Some((assembled(&mut found)?, ahead))
}

/// What a pattern leaves out is the start of 1970.
fn assembled(found: &mut Parsed) -> Option<NaiveDateTime> {
    let date = match found.to_naive_date() {
        Ok(date) => date,
        Err(_) => {
            if found.year().is_none() && found.year_mod_100().is_none() && found.isoyear().is_none() {
                found.set_year(1970).ok()?;
            }
            let by_week = found.isoyear().is_some() || found.isoweek().is_some();
            if by_week && found.weekday().is_none() {
                found.set_weekday(chrono::Weekday::Mon).ok()?;
            } else if !by_week && found.ordinal().is_none() {
                if found.month().is_none() {
                    found.set_month(1).ok()?;
                }
                if found.day().is_none() {
                    found.set_day(1).ok()?;
                }
            }
            found.to_naive_date().ok()?
        }
    };
    let hours = match (found.hour_div_12(), found.hour_mod_12()) {
        (None, None) => 0,
        (half, hour) => half.unwrap_or(0) * 12 + hour.unwrap_or(0),
    };
    let (minute, second) = (found.minute().unwrap_or(0), found.second().unwrap_or(0));
    let millis = found.nanosecond().unwrap_or(0) / 1_000_000;
    Some(date.and_time(NaiveTime::from_hms_milli_opt(hours, minute, second, millis)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reads(written: &str, pieces: Result<Vec<Piece>>) -> Option<String> {
        parsed(written, &pieces.ok()?).map(|(clock, ahead)| format!("{} {ahead}", clock.format("%FT%T%.3f")))
    }

    #[test]
    fn patterns_read_what_they_write() {
        let mysql = |written, pattern| reads(written, mysql(pattern));
        let joda = |written, pattern| reads(written, joda(pattern));
        assert_eq!(mysql("2022/10/20/05", "%Y/%m/%d/%H").as_deref(), Some("2022-10-20T05:00:00.000 0"));
        assert_eq!(mysql("Jan 5 2026 3:07 PM", "%b %e %Y %l:%i %p").as_deref(), Some("2026-01-05T15:07:00.000 0"));
        assert_eq!(
            mysql("2026-01-05 10:11:12.5", "%Y-%m-%d %H:%i:%s.%f").as_deref(),
            Some("2026-01-05T10:11:12.500 0")
        );
        assert_eq!(mysql("2026-01-05x", "%Y-%m-%d"), None);
        assert_eq!(joda("1960/01/22 03:04", "yyyy/MM/dd HH:mm").as_deref(), Some("1960-01-22T03:04:00.000 0"));
        assert_eq!(
            joda("05 Jan 2026 10:00:00 +0200", "dd MMM yyyy HH:mm:ss Z").as_deref(),
            Some("2026-01-05T10:00:00.000 7200")
        );
    }
}
