//! MySQL's values and the contract's, both ways, digit by digit.
//!
//! `TINYINT(1)` and `BIT(1)` are booleans, as MySQL's own drivers read them. A date that no
//! calendar has, such as `0000-00-00`, comes as text.

use mysql_async::consts::{ColumnFlags, ColumnType};
use mysql_async::{Column as Source, Value as Wire};

use crate::wit::rows::{Column, ColumnKind, Value};
use crate::wit::{Error, ErrorKind};

/// The number of the character set of what is bytes and no text.
const BINARY: u16 = 63;

/// The most bytes that a character takes on our connections, which speak utf8mb4.
const CHARACTER_BYTES: u32 = 4;

/// A value on its way to a placeholder.
pub(super) fn to_wire(value: Value) -> Result<Wire, Error> {
    Ok(match value {
        Value::Null => Wire::NULL,
        Value::Boolean(value) => Wire::Int(value.into()),
        Value::Integer(number) => Wire::Int(number),
        Value::Float(number) => Wire::Double(number),
        Value::Decimal(text) | Value::Text(text) => Wire::Bytes(text.into_bytes()),
        Value::Bytes(bytes) => Wire::Bytes(bytes),
        Value::Date(text) => date(&text).ok_or_else(|| unfit("date", "2026-01-31"))?,
        Value::Time(text) => time(&text).ok_or_else(|| unfit("time", "23:59:59[.ffffff]"))?,
        Value::Timestamp(text) => timestamp(&text).ok_or_else(|| unfit("timestamp", "2026-01-31T23:59:59[.ffffff]"))?,
    })
}

fn unfit(kind: &str, form: &str) -> Error {
    Error::new(ErrorKind::Invalid, format!("a parameter of kind `{kind}` is not of the form `{form}`"))
}

fn date(text: &str) -> Option<Wire> {
    let mut parts = text.splitn(3, '-');
    let (year, month, day) = (number(parts.next()?, 4)?, number(parts.next()?, 2)?, number(parts.next()?, 2)?);
    let known = (1..=12).contains(&month) && (1..=31).contains(&day);
    known.then_some(Wire::Date(
        u16::try_from(year).ok()?,
        u8::try_from(month).ok()?,
        u8::try_from(day).ok()?,
        0,
        0,
        0,
        0,
    ))
}

fn time(text: &str) -> Option<Wire> {
    let (negative, text) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (hours, rest) = text.split_once(':')?;
    let hours = number(hours, hours.len().clamp(2, 3))?;
    let (minutes, seconds, micros) = clock(rest)?;
    Some(Wire::Time(negative, hours / 24, u8::try_from(hours % 24).ok()?, minutes, seconds, micros))
}

fn timestamp(text: &str) -> Option<Wire> {
    let (day, time) = text.split_once('T')?;
    let (hours, rest) = time.split_once(':')?;
    let hours = u8::try_from(number(hours, 2)?).ok().filter(|hours| *hours < 24)?;
    let (minutes, seconds, micros) = clock(rest)?;
    match date(day)? {
        Wire::Date(year, month, day, ..) => Some(Wire::Date(year, month, day, hours, minutes, seconds, micros)),
        _ => None,
    }
}

/// `mm:ss[.ffffff]`
fn clock(text: &str) -> Option<(u8, u8, u32)> {
    let (minutes, rest) = text.split_once(':')?;
    let (seconds, fraction) = rest.split_once('.').unwrap_or((rest, "0"));
    let sixty = |text| u8::try_from(number(text, 2)?).ok().filter(|number| *number < 60);
    if !(1..=6).contains(&fraction.len()) {
        return None;
    }
    Some((sixty(minutes)?, sixty(seconds)?, number(&format!("{fraction:0<6}"), 6)?))
}

/// A number of exactly so many digits.
fn number(text: &str, digits: usize) -> Option<u32> {
    let fits = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
    fits.then(|| text.parse().ok()).flatten()
}

/// A column of an answer.
pub(super) fn column(source: &Source) -> Column {
    Column { name: source.name_str().into_owned(), kind: kind(source), declared: declared(source) }
}

fn kind(source: &Source) -> ColumnKind {
    use ColumnType::*;
    match source.column_type() {
        _ if is_boolean(source) => ColumnKind::Boolean,
        MYSQL_TYPE_TINY | MYSQL_TYPE_SHORT | MYSQL_TYPE_INT24 | MYSQL_TYPE_LONG | MYSQL_TYPE_LONGLONG => {
            ColumnKind::Integer
        }
        MYSQL_TYPE_YEAR | MYSQL_TYPE_BIT => ColumnKind::Integer,
        MYSQL_TYPE_FLOAT | MYSQL_TYPE_DOUBLE => ColumnKind::Float,
        MYSQL_TYPE_DECIMAL | MYSQL_TYPE_NEWDECIMAL => ColumnKind::Decimal,
        MYSQL_TYPE_DATE | MYSQL_TYPE_NEWDATE => ColumnKind::Date,
        MYSQL_TYPE_TIME | MYSQL_TYPE_TIME2 => ColumnKind::Time,
        MYSQL_TYPE_DATETIME | MYSQL_TYPE_DATETIME2 => ColumnKind::Timestamp,
        MYSQL_TYPE_TIMESTAMP | MYSQL_TYPE_TIMESTAMP2 => ColumnKind::Timestamp,
        MYSQL_TYPE_NULL => ColumnKind::Unknown,
        MYSQL_TYPE_JSON => ColumnKind::Text,
        MYSQL_TYPE_GEOMETRY => ColumnKind::Bytes,
        _ if source.character_set() == BINARY => ColumnKind::Bytes,
        _ => ColumnKind::Text,
    }
}

fn is_boolean(source: &Source) -> bool {
    let tiny = source.column_type() == ColumnType::MYSQL_TYPE_TINY && !is_unsigned(source);
    (tiny || source.column_type() == ColumnType::MYSQL_TYPE_BIT) && source.column_length() == 1
}

fn is_unsigned(source: &Source) -> bool {
    source.flags().contains(ColumnFlags::UNSIGNED_FLAG)
}

/// The type as `CREATE TABLE` would write it, as far as an answer tells.
fn declared(source: &Source) -> String {
    use ColumnType::*;
    let length = source.column_length();
    let unsigned = if is_unsigned(source) { " unsigned" } else { "" };
    let fraction = match source.decimals() {
        digits @ 1..=6 => format!("({digits})"),
        _ => String::new(),
    };
    match source.column_type() {
        MYSQL_TYPE_TINY if is_boolean(source) => "tinyint(1)".to_owned(),
        MYSQL_TYPE_TINY => format!("tinyint{unsigned}"),
        MYSQL_TYPE_SHORT => format!("smallint{unsigned}"),
        MYSQL_TYPE_INT24 => format!("mediumint{unsigned}"),
        MYSQL_TYPE_LONG => format!("int{unsigned}"),
        MYSQL_TYPE_LONGLONG => format!("bigint{unsigned}"),
        MYSQL_TYPE_BIT => format!("bit({length})"),
        MYSQL_TYPE_YEAR => "year".to_owned(),
        MYSQL_TYPE_FLOAT => format!("float{unsigned}"),
        MYSQL_TYPE_DOUBLE => format!("double{unsigned}"),
        MYSQL_TYPE_DECIMAL | MYSQL_TYPE_NEWDECIMAL => {
            // The length is that of the longest text: its sign and its point count.
            let scale = source.decimals();
            let digits = length.saturating_sub(u32::from(!is_unsigned(source)) + u32::from(scale > 0));
            format!("decimal({digits},{scale}){unsigned}")
        }
        MYSQL_TYPE_DATE | MYSQL_TYPE_NEWDATE => "date".to_owned(),
        MYSQL_TYPE_TIME | MYSQL_TYPE_TIME2 => format!("time{fraction}"),
        MYSQL_TYPE_DATETIME | MYSQL_TYPE_DATETIME2 => format!("datetime{fraction}"),
        MYSQL_TYPE_TIMESTAMP | MYSQL_TYPE_TIMESTAMP2 => format!("timestamp{fraction}"),
        MYSQL_TYPE_NULL => String::new(),
        MYSQL_TYPE_JSON => "json".to_owned(),
        MYSQL_TYPE_GEOMETRY => "geometry".to_owned(),
        _ => declared_string(source),
    }
}

fn declared_string(source: &Source) -> String {
    use ColumnType::*;
    let flags = source.flags();
    let binary = source.character_set() == BINARY;
    let length = if binary { source.column_length() } else { source.column_length() / CHARACTER_BYTES };
    let size = match length {
        0..=0xff => "tiny",
        0x100..=0xffff => "",
        0x1_0000..=0xff_ffff => "medium",
        _ => "long",
    };
    match source.column_type() {
        _ if flags.contains(ColumnFlags::ENUM_FLAG) => "enum".to_owned(),
        _ if flags.contains(ColumnFlags::SET_FLAG) => "set".to_owned(),
        MYSQL_TYPE_STRING if binary => format!("binary({length})"),
        MYSQL_TYPE_STRING => format!("char({length})"),
        MYSQL_TYPE_VAR_STRING | MYSQL_TYPE_VARCHAR if binary => format!("varbinary({length})"),
        MYSQL_TYPE_VAR_STRING | MYSQL_TYPE_VARCHAR => format!("varchar({length})"),
        _ if binary => format!("{size}blob"),
        _ => format!("{size}text"),
    }
}

/// A value of a column of an answer.
pub(super) fn from_wire(source: &Source, value: Wire) -> Value {
    match value {
        Wire::NULL => Value::Null,
        // A TINYINT(1) may hold 7, which no boolean tells.
        Wire::Int(number @ (0 | 1)) if is_boolean(source) => Value::Boolean(number == 1),
        Wire::Int(number) => Value::Integer(number),
        Wire::UInt(number) => unsigned(number),
        // By way of the shortest text that stands for it: 1.1, not 1.100000023841858.
        Wire::Float(number) => Value::Float(number.to_string().parse().unwrap_or(f64::from(number))),
        Wire::Double(number) => Value::Float(number),
        Wire::Date(year, month, day, hours, minutes, seconds, micros) => {
            let date = format!("{year:04}-{month:02}-{day:02}");
            let whole = kind(source) == ColumnKind::Date;
            let time = format!("{hours:02}:{minutes:02}:{seconds:02}{}", fraction(source, micros));
            match (month == 0 || day == 0, whole) {
                (true, true) => Value::Text(date),
                (true, false) => Value::Text(format!("{date}T{time}")),
                (false, true) => Value::Date(date),
                (false, false) => Value::Timestamp(format!("{date}T{time}")),
            }
        }
        Wire::Time(negative, days, hours, minutes, seconds, micros) => {
            let sign = if negative { "-" } else { "" };
            let hours = days.saturating_mul(24).saturating_add(hours.into());
            Value::Time(format!("{sign}{hours:02}:{minutes:02}:{seconds:02}{}", fraction(source, micros)))
        }
        Wire::Bytes(bytes) => from_bytes(source, bytes),
    }
}

fn from_bytes(source: &Source, bytes: Vec<u8>) -> Value {
    if source.column_type() == ColumnType::MYSQL_TYPE_BIT {
        let bits = bytes.iter().fold(0, |bits: u64, byte| bits << 8 | u64::from(*byte));
        return if is_boolean(source) { Value::Boolean(bits == 1) } else { unsigned(bits) };
    }
    let kind = kind(source);
    if kind == ColumnKind::Bytes {
        return Value::Bytes(bytes);
    }
    match String::from_utf8(bytes) {
        Ok(text) if kind == ColumnKind::Decimal => Value::Decimal(text),
        Ok(text) => Value::Text(text),
        Err(error) => Value::Bytes(error.into_bytes()),
    }
}

fn unsigned(number: u64) -> Value {
    i64::try_from(number).map_or_else(|_| Value::Decimal(number.to_string()), Value::Integer)
}

/// The fraction of a second, with as many digits as the column has.
fn fraction(source: &Source, micros: u32) -> String {
    match usize::from(source.decimals()) {
        0 if micros == 0 => String::new(),
        digits @ 1..=5 => format!(".{micros:06}").chars().take(digits + 1).collect(),
        _ => format!(".{micros:06}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn there(value: Value) -> Option<Wire> {
        to_wire(value).ok()
    }

    #[test]
    fn days_and_times_go_out_as_such_or_not_at_all() {
        assert_eq!(there(Value::Date("2026-01-31".into())), Some(Wire::Date(2026, 1, 31, 0, 0, 0, 0)));
        assert_eq!(there(Value::Time("-838:59:59.5".into())), Some(Wire::Time(true, 34, 22, 59, 59, 500_000)));
        assert_eq!(
            there(Value::Timestamp("2026-01-31T23:59:58.000001".into())),
            Some(Wire::Date(2026, 1, 31, 23, 59, 58, 1))
        );
        for wrong in ["", "2026-1-31", "2026-13-01", "2026-01-31x", "+026-01-31", "31.01.2026"] {
            assert_eq!(there(Value::Date(wrong.into())), None, "{wrong}");
        }
        for wrong in ["1:00:00", "00:60:00", "00:00", "00:00:00.", "00:00:00.1234567", "00:00:00Z"] {
            assert_eq!(there(Value::Time(wrong.into())), None, "{wrong}");
        }
        for wrong in ["2026-01-31", "2026-01-31 23:59:59", "2026-01-31T24:00:00", "2026-01-31T23:59:59Z"] {
            assert_eq!(there(Value::Timestamp(wrong.into())), None, "{wrong}");
        }
    }

    fn back(source: &Source, value: Wire) -> Value {
        from_wire(source, value)
    }

    #[test]
    fn no_digit_is_lost_on_the_way_back() {
        let bigint = Source::new(ColumnType::MYSQL_TYPE_LONGLONG).with_flags(ColumnFlags::UNSIGNED_FLAG);
        assert_eq!(back(&bigint, Wire::UInt(u64::MAX)), Value::Decimal("18446744073709551615".into()));
        assert_eq!(back(&bigint, Wire::UInt(7)), Value::Integer(7));
        let float = Source::new(ColumnType::MYSQL_TYPE_FLOAT);
        assert_eq!(back(&float, Wire::Float(1.1)), Value::Float(1.1));
        let tiny = Source::new(ColumnType::MYSQL_TYPE_TINY).with_column_length(1);
        assert_eq!((back(&tiny, Wire::Int(1)), back(&tiny, Wire::Int(7))), (Value::Boolean(true), Value::Integer(7)));
        let bit = Source::new(ColumnType::MYSQL_TYPE_BIT).with_column_length(12);
        assert_eq!(back(&bit, Wire::Bytes(vec![1, 2])), Value::Integer(258));
    }

    #[test]
    fn days_and_times_come_in_the_words_of_the_contract() {
        let stamp = Source::new(ColumnType::MYSQL_TYPE_TIMESTAMP).with_decimals(3);
        assert_eq!(
            back(&stamp, Wire::Date(2026, 1, 31, 9, 5, 0, 7_000)),
            Value::Timestamp("2026-01-31T09:05:00.007".into())
        );
        let date = Source::new(ColumnType::MYSQL_TYPE_DATE);
        assert_eq!(back(&date, Wire::Date(2026, 1, 31, 0, 0, 0, 0)), Value::Date("2026-01-31".into()));
        assert_eq!(back(&date, Wire::Date(0, 0, 0, 0, 0, 0, 0)), Value::Text("0000-00-00".into()));
        let time = Source::new(ColumnType::MYSQL_TYPE_TIME);
        assert_eq!(back(&time, Wire::Time(true, 2, 3, 4, 5, 0)), Value::Time("-51:04:05".into()));
    }

    #[test]
    fn bytes_are_told_from_text_by_the_character_set() {
        let blob = Source::new(ColumnType::MYSQL_TYPE_BLOB).with_character_set(BINARY).with_column_length(65_535);
        let text = Source::new(ColumnType::MYSQL_TYPE_BLOB).with_character_set(45).with_column_length(4 * 65_535);
        assert_eq!(back(&blob, Wire::Bytes(b"a".to_vec())), Value::Bytes(vec![97]));
        assert_eq!(back(&text, Wire::Bytes(b"a".to_vec())), Value::Text("a".into()));
        assert_eq!((declared(&blob), declared(&text)), ("blob".into(), "text".into()));
    }
}
