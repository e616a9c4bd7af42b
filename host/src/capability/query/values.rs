//! What an engine answers in text, as values of the contract: the same for every backend.

use crate::wit::rows::{ColumnKind, Value};

/// What a column of this type holds, the type as Athena names it: `bigint`, `decimal(10,2)`,
/// `timestamp(3) with time zone`.
///
/// A time with a zone stays a text, as does whatever has no kind of its own: arrays, maps,
/// rows, JSON, intervals.
pub(super) fn kind(declared: &str) -> ColumnKind {
    let declared = declared.to_ascii_lowercase();
    let word = declared.split(['(', ' ', '<']).next().unwrap_or_default();
    match word {
        "boolean" => ColumnKind::Boolean,
        "tinyint" | "smallint" | "integer" | "int" | "bigint" => ColumnKind::Integer,
        "real" | "float" | "double" => ColumnKind::Float,
        "decimal" => ColumnKind::Decimal,
        "date" => ColumnKind::Date,
        "time" | "timestamp" if declared.ends_with("with time zone") => ColumnKind::Text,
        "time" => ColumnKind::Time,
        "timestamp" => ColumnKind::Timestamp,
        "varbinary" | "binary" => ColumnKind::Bytes,
        "unknown" => ColumnKind::Unknown,
        _ => ColumnKind::Text,
    }
}

/// A value of a column of this kind. A text that is none of its kind stays a text.
pub(super) fn from_text(kind: ColumnKind, text: String) -> Value {
    match kind {
        ColumnKind::Boolean => text.parse().map_or(Value::Text(text), Value::Boolean),
        ColumnKind::Integer => text.parse().map_or(Value::Text(text), Value::Integer),
        ColumnKind::Float => text.parse().map_or(Value::Text(text), Value::Float),
        ColumnKind::Decimal => Value::Decimal(text),
        ColumnKind::Date => Value::Date(text),
        ColumnKind::Time => Value::Time(without_zeros(text)),
        ColumnKind::Timestamp => Value::Timestamp(without_zeros(text).replacen(' ', "T", 1)),
        ColumnKind::Bytes => bytes(&text).map_or(Value::Text(text), Value::Bytes),
        ColumnKind::Text | ColumnKind::Unknown => Value::Text(text),
    }
}

/// A time without a fraction that says nothing.
fn without_zeros(text: String) -> String {
    match text.rsplit_once('.') {
        Some((time, fraction)) if fraction.bytes().all(|byte| byte == b'0') => time.to_owned(),
        _ => text,
    }
}

/// Athena prints bytes as pairs of digits with spaces between them.
fn bytes(text: &str) -> Option<Vec<u8>> {
    text.split_whitespace().map(|pair| u8::from_str_radix(pair, 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_holds_what_its_type_says() {
        for (declared, expected) in [
            ("BOOLEAN", ColumnKind::Boolean),
            ("bigint", ColumnKind::Integer),
            ("double", ColumnKind::Float),
            ("decimal(10,2)", ColumnKind::Decimal),
            ("timestamp(3)", ColumnKind::Timestamp),
            ("timestamp(3) with time zone", ColumnKind::Text),
            ("timestamp with time zone", ColumnKind::Text),
            ("time", ColumnKind::Time),
            ("varbinary", ColumnKind::Bytes),
            ("varchar(10)", ColumnKind::Text),
            ("array(integer)", ColumnKind::Text),
            ("interval day to second", ColumnKind::Text),
            ("unknown", ColumnKind::Unknown),
        ] {
            assert_eq!(kind(declared), expected, "{declared}");
        }
    }

    #[test]
    fn texts_become_values_and_keep_their_digits() {
        let value = |kind, text: &str| from_text(kind, text.to_owned());
        assert_eq!(value(ColumnKind::Boolean, "true"), Value::Boolean(true));
        assert_eq!(value(ColumnKind::Integer, "-9223372036854775808"), Value::Integer(i64::MIN));
        assert_eq!(value(ColumnKind::Float, "1.0E10"), Value::Float(1e10));
        assert_eq!(value(ColumnKind::Float, "-Infinity"), Value::Float(f64::NEG_INFINITY));
        assert_eq!(value(ColumnKind::Decimal, "12.90"), Value::Decimal("12.90".into()));
        let at = |text: &str| Value::Timestamp(text.into());
        assert_eq!(value(ColumnKind::Timestamp, "2026-01-31 23:59:59.000"), at("2026-01-31T23:59:59"));
        assert_eq!(value(ColumnKind::Timestamp, "2026-01-31 23:59:59.120"), at("2026-01-31T23:59:59.120"));
        assert_eq!(value(ColumnKind::Time, "10:00:00.000"), Value::Time("10:00:00".into()));
        assert_eq!(value(ColumnKind::Bytes, "00 ff"), Value::Bytes(vec![0, 255]));
        assert_eq!(value(ColumnKind::Bytes, ""), Value::Bytes(Vec::new()));
        assert_eq!(value(ColumnKind::Integer, "many"), Value::Text("many".into()));
    }
}
