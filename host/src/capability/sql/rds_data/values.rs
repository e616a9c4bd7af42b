//! The Data API's values and the contract's, both ways.
//!
//! The service decides what a column holds: `TINYINT(1)` and `BIT` come as booleans.

use aws_sdk_rdsdata::primitives::Blob;
use aws_sdk_rdsdata::types::{ColumnMetadata, Field, SqlParameter, TypeHint};

use crate::wit::rows::{Column, ColumnKind, Row, Value};
use crate::wit::{Error, ErrorKind};

/// Values for the placeholders `:p1`, `:p2` and so on.
pub(super) fn parameters(values: Vec<Value>) -> Vec<SqlParameter> {
    let parameter = |(index, value)| {
        let (field, hint) = field(value);
        SqlParameter::builder().name(format!("p{}", index + 1)).value(field).set_type_hint(hint).build()
    };
    values.into_iter().enumerate().map(parameter).collect()
}

/// A value on its way, and what its text stands for where the API has a word for it.
fn field(value: Value) -> (Field, Option<TypeHint>) {
    match value {
        Value::Null => (Field::IsNull(true), None),
        Value::Boolean(value) => (Field::BooleanValue(value), None),
        Value::Integer(number) => (Field::LongValue(number), None),
        Value::Float(number) => (Field::DoubleValue(number), None),
        Value::Decimal(text) => (Field::StringValue(text), Some(TypeHint::Decimal)),
        Value::Text(text) => (Field::StringValue(text), None),
        Value::Bytes(bytes) => (Field::BlobValue(Blob::new(bytes)), None),
        Value::Date(text) => (Field::StringValue(text), Some(TypeHint::Date)),
        // The API takes times of day only; MySQL itself reads a span from plain text.
        Value::Time(text) => {
            let of_day = text.split_once(':').is_some_and(|(hours, _)| hours.parse().is_ok_and(|hours: u8| hours < 24));
            (Field::StringValue(text), of_day.then_some(TypeHint::Time))
        }
        Value::Timestamp(text) => (Field::StringValue(text.replacen('T', " ", 1)), Some(TypeHint::Timestamp)),
    }
}

/// A column of an answer.
pub(super) fn column(metadata: &ColumnMetadata) -> Column {
    let declared = metadata.type_name().unwrap_or_default().to_lowercase();
    let word = declared.split([' ', '(']).next().unwrap_or_default().to_owned();
    let sized = match word.as_str() {
        "decimal" => format!("decimal({},{})", metadata.precision(), metadata.scale()),
        "char" | "varchar" | "binary" | "varbinary" => format!("{word}({})", metadata.precision()),
        _ => word.clone(),
    };
    let unsigned = if declared.ends_with(" unsigned") && word != "year" { " unsigned" } else { "" };
    let name = metadata.label().or(metadata.name()).unwrap_or_default().to_owned();
    Column { name, kind: kind(&word), declared: sized + unsigned }
}

fn kind(word: &str) -> ColumnKind {
    match word {
        "bit" | "boolean" => ColumnKind::Boolean,
        "tinyint" | "smallint" | "mediumint" | "int" | "integer" | "bigint" | "year" => ColumnKind::Integer,
        "float" | "double" | "real" => ColumnKind::Float,
        "decimal" | "numeric" => ColumnKind::Decimal,
        "date" => ColumnKind::Date,
        "time" => ColumnKind::Time,
        "datetime" | "timestamp" => ColumnKind::Timestamp,
        "char" | "varchar" | "tinytext" | "text" | "mediumtext" | "longtext" | "enum" | "set" | "json" => {
            ColumnKind::Text
        }
        "binary" | "varbinary" | "tinyblob" | "blob" | "mediumblob" | "longblob" | "geometry" => ColumnKind::Bytes,
        _ => ColumnKind::Unknown,
    }
}

/// The values of one row.
pub(super) fn row(columns: &[Column], fields: Vec<Field>) -> Result<Row, Error> {
    columns.iter().zip(fields).map(|(column, field)| value(column.kind, field)).collect()
}

fn value(kind: ColumnKind, field: Field) -> Result<Value, Error> {
    Ok(match field {
        Field::IsNull(_) => Value::Null,
        Field::BooleanValue(value) => Value::Boolean(value),
        Field::LongValue(number) => Value::Integer(number),
        Field::DoubleValue(number) => Value::Float(number),
        Field::BlobValue(bytes) => Value::Bytes(bytes.into_inner()),
        Field::StringValue(text) => from_text(kind, text),
        _ => {
            return Err(Error::new(
                ErrorKind::Failed,
                "the Data API answered with a value of a kind that is not known here",
            ));
        }
    })
}

fn from_text(kind: ColumnKind, text: String) -> Value {
    // No calendar has a month or a day 0, which MySQL may hold.
    let is_zero = |text: &str| text.get(5..7) == Some("00") || text.get(8..10) == Some("00");
    match kind {
        ColumnKind::Decimal => Value::Decimal(text),
        ColumnKind::Integer => integer(text),
        ColumnKind::Float => text.parse().map_or(Value::Text(text), Value::Float),
        ColumnKind::Date | ColumnKind::Timestamp if is_zero(&text) => Value::Text(text.replacen(' ', "T", 1)),
        ColumnKind::Date => Value::Date(text),
        ColumnKind::Time => Value::Time(text),
        ColumnKind::Timestamp => {
            // `.0` is how Java writes that there is no fraction.
            let text = text.strip_suffix(".0").unwrap_or(&text);
            Value::Timestamp(text.replacen(' ', "T", 1))
        }
        _ => Value::Text(text),
    }
}

/// An integer that came as text: one beyond 64 bits with a sign, or a year as its first day.
fn integer(text: String) -> Value {
    let number = text.strip_suffix("-01-01").unwrap_or(&text);
    match number.parse() {
        Ok(number) => Value::Integer(number),
        Err(_) if number.bytes().all(|byte| byte.is_ascii_digit()) => Value::Decimal(text),
        Err(_) => Value::Text(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn back(kind: ColumnKind, text: &str) -> Option<Value> {
        value(kind, Field::StringValue(text.into())).ok()
    }

    #[test]
    fn placeholders_are_named_in_their_order() {
        let sent = parameters(vec![Value::Null, Value::Timestamp("2026-01-31T23:59:59".into())]);
        assert_eq!(sent.iter().map(SqlParameter::name).collect::<Vec<_>>(), [Some("p1"), Some("p2")]);
        let last = sent.last().and_then(SqlParameter::value);
        assert_eq!(last, Some(&Field::StringValue("2026-01-31 23:59:59".into())));
    }

    #[test]
    fn a_span_goes_as_text_and_a_time_of_day_as_such() {
        let hint = |text: &str| field(Value::Time(text.into())).1;
        assert_eq!(hint("23:59:59.5"), Some(TypeHint::Time));
        assert_eq!((hint("-01:00:00"), hint("100:59:59")), (None, None));
    }

    #[test]
    fn texts_come_back_as_what_their_column_holds() {
        assert_eq!(back(ColumnKind::Decimal, "12.90"), Some(Value::Decimal("12.90".into())));
        assert_eq!(
            back(ColumnKind::Integer, "18446744073709551615"),
            Some(Value::Decimal("18446744073709551615".into()))
        );
        assert_eq!(back(ColumnKind::Integer, "2026-01-01"), Some(Value::Integer(2026)));
        assert_eq!(
            back(ColumnKind::Timestamp, "2026-01-31 23:59:59.0"),
            Some(Value::Timestamp("2026-01-31T23:59:59".into()))
        );
        assert_eq!(back(ColumnKind::Date, "0000-00-00"), Some(Value::Text("0000-00-00".into())));
    }

    #[test]
    fn a_column_says_its_type_as_a_table_would() {
        let metadata = |name: &str| ColumnMetadata::builder().label("l").type_name(name).precision(10).scale(2).build();
        let declared = |name: &str| column(&metadata(name)).declared;
        assert_eq!(declared("DECIMAL"), "decimal(10,2)");
        assert_eq!(declared("BIGINT UNSIGNED"), "bigint unsigned");
        assert_eq!(declared("DECIMAL UNSIGNED"), "decimal(10,2) unsigned");
    }
}
