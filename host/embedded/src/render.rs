//! From Arrow's columns to values.

use datafusion::arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, DurationMillisecondType, Float32Type, Float64Type, Int64Type, IntervalUnit,
    IntervalYearMonthType, Schema, Time32MillisecondType, TimeUnit, TimestampMillisecondType,
};
use datafusion::error::Result;

use crate::types::{self, DAY_TO_SECOND, TIME};
use crate::{Column, Value, moment};

/// The columns of this schema, by these labels.
pub(crate) fn columns(schema: &Schema, labels: &[String]) -> Vec<Column> {
    let column = |(label, held): (&String, &DataType)| Column {
        name: label.clone(),
        kind: types::kind(held),
        declared: types::name(held),
    };
    labels.iter().zip(schema.fields().iter().map(|field| field.data_type())).map(column).collect()
}

/// The rows of a batch.
pub(crate) fn rows(batch: &RecordBatch) -> Result<Vec<Vec<Value>>> {
    let columns = batch.columns().iter().map(plain).collect::<Result<Vec<_>>>()?;
    Ok((0..batch.num_rows()).map(|row| columns.iter().map(|column| value(column, row)).collect()).collect())
}

/// The same column with the few types that `value` knows.
fn plain(column: &ArrayRef) -> Result<ArrayRef> {
    let held = match column.data_type() {
        whole if whole.is_integer() => DataType::Int64,
        DataType::Utf8View | DataType::LargeUtf8 => DataType::Utf8,
        DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => DataType::Binary,
        DataType::Float16 => DataType::Float32,
        DataType::Date64 => DataType::Date32,
        DataType::Time32(_) | DataType::Time64(_) => TIME,
        DataType::Timestamp(_, zone) => DataType::Timestamp(TimeUnit::Millisecond, zone.clone()),
        DataType::Duration(_) => DAY_TO_SECOND,
        DataType::Dictionary(_, value) => value.as_ref().clone(),
        _ => return Ok(column.clone()),
    };
    if held == *column.data_type() {
        return Ok(column.clone());
    }
    Ok(cast(column, &held)?)
}

fn value(column: &ArrayRef, row: usize) -> Value {
    if column.is_null(row) {
        return Value::Null;
    }
    match column.data_type() {
        DataType::Null => Value::Null,
        DataType::Boolean => Value::Boolean(column.as_boolean().value(row)),
        DataType::Int64 => Value::Integer(column.as_primitive::<Int64Type>().value(row)),
        DataType::Float32 => Value::Float(f64::from(column.as_primitive::<Float32Type>().value(row))),
        DataType::Float64 => Value::Float(column.as_primitive::<Float64Type>().value(row)),
        DataType::Binary => Value::Bytes(column.as_binary::<i32>().value(row).to_vec()),
        DataType::Utf8 => Value::Text(column.as_string::<i32>().value(row).to_owned()),
        held => match (types::kind(held), text(column, row)) {
            (crate::Kind::Decimal, Some(text)) => Value::Decimal(text),
            (crate::Kind::Date, Some(text)) => Value::Date(text),
            (crate::Kind::Timestamp, Some(text)) => Value::Timestamp(text),
            (crate::Kind::Time, Some(text)) => Value::Time(text),
            _ => {
                let mut out = String::new();
                json(column, row, &mut out);
                Value::Text(out)
            }
        },
    }
}

/// A scalar as `CAST(... AS varchar)` writes it; none for arrays, maps, rows and bytes.
pub(crate) fn text(column: &ArrayRef, row: usize) -> Option<String> {
    Some(match column.data_type() {
        DataType::Boolean => column.as_boolean().value(row).to_string(),
        DataType::Utf8 => column.as_string::<i32>().value(row).to_owned(),
        DataType::LargeUtf8 => column.as_string::<i64>().value(row).to_owned(),
        DataType::Float32 => real_text(column.as_primitive::<Float32Type>().value(row)),
        DataType::Float64 => double_text(column.as_primitive::<Float64Type>().value(row)),
        DataType::Decimal128(_, _) => column.as_primitive::<Decimal128Type>().value_as_string(row),
        DataType::Date32 => moment::day_text(column.as_primitive::<Date32Type>().value(row)),
        DataType::Time32(TimeUnit::Millisecond) => {
            moment::time_text(column.as_primitive::<Time32MillisecondType>().value(row))
        }
        DataType::Timestamp(TimeUnit::Millisecond, zone) => {
            moment::instant_text(column.as_primitive::<TimestampMillisecondType>().value(row), zone.as_deref())
        }
        DataType::Duration(TimeUnit::Millisecond) => {
            moment::span_text(column.as_primitive::<DurationMillisecondType>().value(row))
        }
        DataType::Interval(IntervalUnit::YearMonth) => {
            moment::months_text(column.as_primitive::<IntervalYearMonthType>().value(row))
        }
        whole if whole.is_integer() => {
            let one = cast(&column.slice(row, 1), &DataType::Int64).ok()?;
            one.as_primitive::<Int64Type>().value(0).to_string()
        }
        _ => return None,
    })
}

/// `1.0`, `1.5E10`, `NaN`, `Infinity`: as Java writes them.
pub(crate) fn double_text(number: f64) -> String {
    if number.is_nan() || number.is_infinite() || number == 0.0 {
        return special(number);
    }
    java(number.abs() >= 1e-3 && number.abs() < 1e7, format!("{number:?}"), format!("{number:E}"))
}

fn real_text(number: f32) -> String {
    if number.is_nan() || number.is_infinite() || number == 0.0 {
        return special(f64::from(number));
    }
    java(number.abs() >= 1e-3 && number.abs() < 1e7, format!("{number:?}"), format!("{number:E}"))
}

fn special(number: f64) -> String {
    match number {
        nan if nan.is_nan() => "NaN".into(),
        zero if zero == 0.0 => if zero.is_sign_negative() { "-0.0" } else { "0.0" }.into(),
        above if above > 0.0 => "Infinity".into(),
        _ => "-Infinity".into(),
    }
}

fn java(short: bool, plain: String, scientific: String) -> String {
    match scientific.split_once('E') {
        Some((digits, power)) if !short => {
            format!("{digits}{}E{power}", if digits.contains('.') { "" } else { ".0" })
        }
        _ => plain,
    }
}

/// Writes one value as JSON.
pub(crate) fn json(column: &ArrayRef, row: usize, out: &mut String) {
    if column.is_null(row) || column.data_type() == &DataType::Null {
        return out.push_str("null");
    }
    match column.data_type() {
        DataType::List(_) => {
            let elements = column.as_list::<i32>().value(row);
            enclosed('[', ']', 0..elements.len(), out, |element, out| json(&elements, element, out));
        }
        DataType::Struct(fields) => {
            let held = column.as_struct();
            enclosed('{', '}', 0..fields.len(), out, |field, out| {
                quoted(fields[field].name(), out);
                out.push(':');
                json(held.column(field), row, out);
            });
        }
        DataType::Map(_, _) => {
            let entries = column.as_map().value(row);
            enclosed('{', '}', 0..entries.len(), out, |entry, out| {
                quoted(&text(entries.column(0), entry).unwrap_or_default(), out);
                out.push(':');
                json(entries.column(1), entry, out);
            });
        }
        DataType::LargeUtf8 => out.push_str(column.as_string::<i64>().value(row)),
        DataType::Float32 | DataType::Float64 | DataType::Boolean | DataType::Decimal128(_, _) => {
            let written = text(column, row).unwrap_or_default();
            let number = !written.ends_with("NaN") && !written.ends_with("Infinity");
            if number { out.push_str(&written) } else { quoted(&written, out) }
        }
        whole if whole.is_integer() => out.push_str(&text(column, row).unwrap_or_default()),
        _ => quoted(&text(column, row).unwrap_or_default(), out),
    }
}

fn enclosed(
    open: char,
    close: char,
    items: std::ops::Range<usize>,
    out: &mut String,
    write: impl Fn(usize, &mut String),
) {
    out.push(open);
    for item in items {
        if item > 0 {
            out.push(',');
        }
        write(item, out);
    }
    out.push(close);
}

/// Writes text as a JSON string.
pub(crate) fn quoted(text: &str, out: &mut String) {
    out.push_str(&serde_json::Value::from(text).to_string());
}
