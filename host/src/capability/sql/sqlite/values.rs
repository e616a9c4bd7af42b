//! SQLite's values and the contract's: a declared type says how a value is to be read.

use rusqlite::ToSql;
use rusqlite::types::{ToSqlOutput, ValueRef};

use crate::wit::rows::{Column, ColumnKind, Row, Value};

/// The columns of a prepared statement.
pub(super) fn columns(statement: &rusqlite::Statement<'_>) -> Vec<Column> {
    let column = |column: rusqlite::Column<'_>| {
        let declared = column.decl_type().unwrap_or_default().to_lowercase();
        Column { name: column.name().to_owned(), kind: kind(&declared), declared }
    };
    statement.columns().map(column).collect()
}

/// SQLite's own rules of affinity, after the types that it has no storage for.
fn kind(declared: &str) -> ColumnKind {
    let word = declared.split(['(', ' ']).next().unwrap_or_default();
    match word {
        "" => ColumnKind::Unknown,
        "bool" | "boolean" => ColumnKind::Boolean,
        "date" => ColumnKind::Date,
        "time" => ColumnKind::Time,
        "datetime" | "timestamp" => ColumnKind::Timestamp,
        "decimal" | "numeric" => ColumnKind::Decimal,
        _ if word.contains("int") => ColumnKind::Integer,
        _ if ["char", "clob", "text", "enum"].iter().any(|text| word.contains(text)) => ColumnKind::Text,
        _ if word.contains("blob") => ColumnKind::Bytes,
        _ if ["real", "floa", "doub"].iter().any(|float| word.contains(float)) => ColumnKind::Float,
        _ => ColumnKind::Unknown,
    }
}

/// How the values of one column are read.
pub(super) struct Reading {
    kind: ColumnKind,
    /// Digits after the point of a decimal.
    scale: Option<usize>,
}

impl Reading {
    pub(super) fn of(column: &Column) -> Self {
        let digits = column.declared.split_once(',').map(|(_, rest)| rest.trim_end_matches(')').trim());
        Self { kind: column.kind, scale: digits.and_then(|digits| digits.parse().ok()).filter(|scale| *scale <= 30) }
    }

    fn read(&self, value: ValueRef<'_>) -> Value {
        match (value, self.kind) {
            (ValueRef::Null, _) => Value::Null,
            (ValueRef::Integer(number @ (0 | 1)), ColumnKind::Boolean) => Value::Boolean(number == 1),
            (ValueRef::Integer(number), ColumnKind::Decimal) => match self.scale {
                Some(scale) if scale > 0 => Value::Decimal(format!("{number}.{:0scale$}", 0)),
                _ => Value::Decimal(number.to_string()),
            },
            (ValueRef::Integer(number), _) => Value::Integer(number),
            // SQLite keeps decimals as binary numbers; the declared scale restores their digits.
            (ValueRef::Real(number), ColumnKind::Decimal) => match self.scale {
                Some(scale) => Value::Decimal(format!("{number:.scale$}")),
                None => Value::Decimal(number.to_string()),
            },
            (ValueRef::Real(number), _) => Value::Float(number),
            (ValueRef::Text(bytes), kind) => match std::str::from_utf8(bytes) {
                Ok(text) => textual(text, kind),
                Err(_) => Value::Bytes(bytes.to_vec()),
            },
            (ValueRef::Blob(bytes), _) => Value::Bytes(bytes.to_vec()),
        }
    }
}

/// Text of a column that may be declared as something else. What does not look like
/// what was declared stays text, for SQLite stores anything anywhere.
fn textual(text: &str, kind: ColumnKind) -> Value {
    let shaped = |shape: &str| {
        text.len() >= shape.len()
            && shape.bytes().zip(text.bytes()).all(|(shape, byte)| match shape {
                b'0' => byte.is_ascii_digit(),
                b' ' => byte == b' ' || byte == b'T',
                other => byte == other,
            })
    };
    match kind {
        ColumnKind::Date if text.len() == 10 && shaped("0000-00-00") => Value::Date(text.to_owned()),
        ColumnKind::Time if shaped("00:00:00") => Value::Time(text.to_owned()),
        ColumnKind::Timestamp if shaped("0000-00-00 00:00:00") => Value::Timestamp(text.replacen(' ', "T", 1)),
        ColumnKind::Decimal if text.parse::<f64>().is_ok_and(f64::is_finite) => Value::Decimal(text.to_owned()),
        _ => Value::Text(text.to_owned()),
    }
}

/// The values of one row.
pub(super) fn row(row: &rusqlite::Row<'_>, columns: &[Reading]) -> rusqlite::Result<Row> {
    columns.iter().enumerate().map(|(place, reading)| Ok(reading.read(row.get_ref(place)?))).collect()
}

/// A value on its way into a statement.
pub(super) struct Bound<'a>(pub(super) &'a Value);

impl ToSql for Bound<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        let text = |text: &'_ str| -> rusqlite::Result<ToSqlOutput<'_>> { Ok(ToSqlOutput::from(text.to_owned())) };
        match self.0 {
            Value::Null => Ok(ToSqlOutput::from(rusqlite::types::Null)),
            Value::Boolean(truth) => Ok(ToSqlOutput::from(*truth)),
            Value::Integer(number) => Ok(ToSqlOutput::from(*number)),
            Value::Float(number) => Ok(ToSqlOutput::from(*number)),
            Value::Decimal(number) | Value::Text(number) => text(number),
            Value::Date(day) | Value::Time(day) => text(day),
            Value::Timestamp(time) => text(&time.replacen('T', " ", 1)),
            Value::Bytes(bytes) => Ok(ToSqlOutput::from(bytes.as_slice())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reads(declared: &str, value: ValueRef<'_>) -> Value {
        let declared = declared.to_owned();
        Reading::of(&Column { name: String::new(), kind: kind(&declared), declared }).read(value)
    }

    #[test]
    fn a_declared_type_says_how_a_value_is_read() {
        assert_eq!(reads("decimal(10,2)", ValueRef::Real(12.9)), Value::Decimal("12.90".into()));
        assert_eq!(reads("decimal(10,2)", ValueRef::Integer(7)), Value::Decimal("7.00".into()));
        assert_eq!(reads("boolean", ValueRef::Integer(1)), Value::Boolean(true));
        assert_eq!(reads("boolean", ValueRef::Integer(2)), Value::Integer(2));
        assert_eq!(reads("date", ValueRef::Text(b"2026-01-31")), Value::Date("2026-01-31".into()));
        assert_eq!(
            reads("timestamp", ValueRef::Text(b"2026-01-31 10:00:00.5")),
            Value::Timestamp("2026-01-31T10:00:00.5".into())
        );
    }

    #[test]
    fn what_does_not_look_as_declared_stays_what_it_is() {
        assert_eq!(reads("date", ValueRef::Text(b"tomorrow")), Value::Text("tomorrow".into()));
        assert_eq!(reads("integer", ValueRef::Text(b"12")), Value::Text("12".into()));
        assert_eq!(reads("text", ValueRef::Text(&[0xff, 0xfe])), Value::Bytes(vec![0xff, 0xfe]));
    }
}
