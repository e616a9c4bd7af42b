//! `CAST` and `TRY_CAST`, as Trino casts: text as it prints it, halves rounded away from zero, no silent overflow.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, Float64Array, Int64Array, ListArray, MapArray, StringArray, StructArray, new_null_array,
};
use datafusion::arrow::compute::{CastOptions, cast_with_options, concat};
use datafusion::arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Float64Type, Int64Type, Time32MillisecondType, TimestampMillisecondType, i256,
};
use datafusion::common::ScalarValue;
use datafusion::error::Result;

use super::function::{Function, Gives, Takes};
use super::json_cast;
use super::row::{Row, bad, constant, instant, is_span, mistyped};
use crate::types::{self, JSON, TIME, VARCHAR, Written};
use crate::{moment, render};

/// The second argument is the type as the statement wrote it: the parser's own types do not know Trino's rows.
pub(super) fn all() -> Vec<Function> {
    vec![Function::new("$cast", &[Takes::Any, Takes::Text], Gives::Of(target), |args| {
        let written = written(Row::at(&args.arrays, 0).text(1))?;
        convert(&args.arrays[0], &written.held, written.length, args.attempt)
    })]
}

fn written(text: &str) -> Result<Written> {
    types::parse(text).map_or_else(|| mistyped(format!("there is no type {text}")), Ok)
}

fn target(given: &[DataType], constants: &[Option<&ScalarValue>]) -> Result<DataType> {
    let to = written(constant(constants, 1).unwrap_or_default())?.held;
    match castable(&given[0], &to) {
        true => Ok(to),
        false => mistyped(format!("{} cannot be cast to {}", types::name(&given[0]), types::name(&to))),
    }
}

fn is_time(held: &DataType) -> bool {
    matches!(held, DataType::Date32 | DataType::Timestamp(..) | DataType::Time32(_))
}

fn castable(from: &DataType, to: &DataType) -> bool {
    if from == to || *from == DataType::Null {
        return true;
    }
    match (from, to) {
        (DataType::List(from), DataType::List(to)) => castable(from.data_type(), to.data_type()),
        (DataType::Struct(from), DataType::Struct(to)) => {
            from.len() == to.len() && from.iter().zip(to).all(|(from, to)| castable(from.data_type(), to.data_type()))
        }
        (DataType::Map(from, _), DataType::Map(to, _)) => castable(from.data_type(), to.data_type()),
        (from, _) if *from == JSON => !is_time(to) && *to != DataType::Binary && !is_span(to),
        (_, to) if *to == JSON => *from != DataType::Binary && !is_span(from),
        (from, to) if from.is_nested() || to.is_nested() => false,
        (DataType::Binary, _) | (_, DataType::Binary) => false,
        (from, to) if is_span(from) || is_span(to) => *to == VARCHAR,
        (from, to) if is_time(from) && is_time(to) => {
            !matches!((from, to), (DataType::Date32, DataType::Time32(_)) | (DataType::Time32(_), DataType::Date32))
        }
        (from, to) if is_time(from) => *to == VARCHAR,
        (from, to) if is_time(to) => *from == VARCHAR,
        _ => true,
    }
}

/// Casts a whole column. With `attempt`, what cannot be cast is NULL.
pub(super) fn convert(from: &ArrayRef, to: &DataType, length: Option<usize>, attempt: bool) -> Result<ArrayRef> {
    if attempt && (from.data_type().is_nested() || to.is_nested()) {
        return by_row(from, to);
    }
    match (from.data_type(), to) {
        (held, _) if held == to && length.is_none() => Ok(from.clone()),
        (DataType::Null, _) => Ok(new_null_array(to, from.len())),
        (DataType::List(_), DataType::List(field)) => {
            let list = from.as_list::<i32>();
            let values = convert(list.values(), field.data_type(), None, false)?;
            Ok(Arc::new(ListArray::try_new(field.clone(), list.offsets().clone(), values, list.nulls().cloned())?))
        }
        (DataType::Struct(_), DataType::Struct(fields)) => {
            let row = from.as_struct();
            let columns =
                row.columns().iter().zip(fields).map(|(column, field)| convert(column, field.data_type(), None, false));
            let columns = columns.collect::<Result<Vec<_>>>()?;
            Ok(Arc::new(StructArray::try_new(fields.clone(), columns, row.nulls().cloned())?))
        }
        (DataType::Map(..), DataType::Map(field, ordered)) => {
            let map = from.as_map();
            let entries: ArrayRef = Arc::new(map.entries().clone());
            let entries = convert(&entries, field.data_type(), None, false)?;
            let entries = entries.as_struct().clone();
            let nulls = map.nulls().cloned();
            Ok(Arc::new(MapArray::try_new(field.clone(), map.offsets().clone(), entries, nulls, *ordered)?))
        }
        (held, _) if *held == JSON => {
            each(from, to, attempt, |row| json_cast::from_json(from.as_string::<i64>().value(row), to))
        }
        (_, to) if *to == JSON => each(from, to, attempt, |row| Ok(json_cast::to_json(from, row))),
        (_, to) if *to == VARCHAR => Ok(to_text(from, length)),
        (held, _) if *held == VARCHAR => {
            each(from, to, attempt, |row| from_text(from.as_string::<i32>().value(row), to))
        }
        (held, _) if is_time(held) => each(from, to, attempt, |row| between_times(from, row, to)),
        _ => numbers(from, to, attempt),
    }
}

fn by_row(from: &ArrayRef, to: &DataType) -> Result<ArrayRef> {
    let one = |row| convert(&from.slice(row, 1), to, None, false).unwrap_or_else(|_| new_null_array(to, 1));
    let rows: Vec<_> = (0..from.len()).map(one).collect();
    match rows.is_empty() {
        true => Ok(new_null_array(to, 0)),
        false => Ok(concat(&rows.iter().map(|row| row.as_ref()).collect::<Vec<_>>())?),
    }
}

fn each(from: &ArrayRef, to: &DataType, attempt: bool, one: impl Fn(usize) -> Result<ScalarValue>) -> Result<ArrayRef> {
    let null = ScalarValue::try_from(to)?;
    let cast = |row| match from.is_null(row) {
        true => Ok(null.clone()),
        false => one(row).or_else(|error| if attempt { Ok(null.clone()) } else { Err(error) }),
    };
    let values = (0..from.len()).map(cast).collect::<Result<Vec<_>>>()?;
    if values.is_empty() { Ok(new_null_array(to, 0)) } else { ScalarValue::iter_to_array(values) }
}

fn to_text(from: &ArrayRef, length: Option<usize>) -> ArrayRef {
    let one = |row: usize| {
        let text = if from.is_null(row) { None } else { render::text(from, row) };
        match length {
            Some(length) => text.map(|text| text.chars().take(length).collect()),
            None => text,
        }
    };
    Arc::new((0..from.len()).map(one).collect::<StringArray>())
}

fn uncastable<T>(to: &DataType) -> Result<T> {
    bad(format!("a varchar value cannot be cast to {}", types::name(to)))
}

/// Casts one text, to text too.
pub(super) fn from_text_or_same(text: &str, to: &DataType) -> Result<ScalarValue> {
    if *to == VARCHAR { Ok(ScalarValue::from(text)) } else { from_text(text, to) }
}

/// Casts one text.
pub(super) fn from_text(text: &str, to: &DataType) -> Result<ScalarValue> {
    let zone = match to {
        DataType::Timestamp(_, zone) => zone.clone(),
        _ => None,
    };
    let cast = match to {
        DataType::Boolean => match text.to_lowercase().as_str() {
            "true" | "t" | "1" => Some(ScalarValue::from(true)),
            "false" | "f" | "0" => Some(ScalarValue::from(false)),
            _ => None,
        },
        DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::Int64 => {
            text.parse::<i64>().ok().and_then(|whole| ScalarValue::from(whole).cast_to(to).ok())
        }
        DataType::Float32 => text.trim().parse().ok().map(|number: f32| ScalarValue::from(number)),
        DataType::Float64 => text.trim().parse().ok().map(|number: f64| ScalarValue::from(number)),
        DataType::Decimal128(precision, scale) => decimal(text.trim(), *precision, *scale),
        DataType::Date32 => moment::parse_day(text).map(|day| ScalarValue::Date32(Some(moment::days(day)))),
        DataType::Time32(_) => {
            moment::parse_time(text).map(|time| ScalarValue::Time32Millisecond(Some(moment::time_millis(time))))
        }
        DataType::Timestamp(..) => moment::parse_instant(text).and_then(|(clock, named)| {
            let named = named.map(|name| moment::zone(&name));
            let millis = match (named, zone.is_some()) {
                (Some(_), false) => return None,
                (named, _) => moment::millis_in(clock, named.flatten()),
            };
            Some(ScalarValue::TimestampMillisecond(Some(millis), zone))
        }),
        _ => None,
    };
    cast.map_or_else(|| uncastable(to), Ok)
}

/// Reads `-12.345`, rounding halves away from zero.
pub(super) fn decimal(text: &str, precision: u8, scale: i8) -> Option<ScalarValue> {
    let (digits, power) = match text.split_once(['e', 'E']) {
        Some((digits, power)) => (digits, power.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (sign, digits) = match digits.strip_prefix(['-', '+']) {
        Some(rest) => (if text.starts_with('-') { -1 } else { 1 }, rest),
        None => (1, digits),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all = format!("{whole}{fraction}");
    if all.is_empty() || all.len() > 76 || !all.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let unscaled = i256::from_string(&all)?;
    let shift = power.saturating_add(i32::from(scale) - fraction.len() as i32);
    let ten = i256::from_i128(10);
    let value = if shift >= 0 {
        unscaled.checked_mul(ten.checked_pow(shift.unsigned_abs())?)?
    } else if shift < -76 {
        i256::ZERO
    } else {
        let divisor = ten.checked_pow(shift.unsigned_abs())?;
        let half = divisor.checked_div(i256::from_i128(2))?;
        unscaled.checked_add(half)?.checked_div(divisor)?
    };
    let value = value.to_i128()?.checked_mul(sign)?;
    (value.unsigned_abs() < 10u128.pow(u32::from(precision)))
        .then(|| ScalarValue::Decimal128(Some(value), precision, scale))
}

fn between_times(from: &ArrayRef, row: usize, to: &DataType) -> Result<ScalarValue> {
    let clock = match from.data_type() {
        DataType::Date32 => {
            let days = from.as_primitive::<Date32Type>().value(row);
            moment::day(days).map(|day| day.and_time(chrono::NaiveTime::MIN))
        }
        DataType::Time32(_) => {
            let millis = from.as_primitive::<Time32MillisecondType>().value(row);
            moment::clock(i64::from(millis))
        }
        DataType::Timestamp(_, zone) => {
            let millis = from.as_primitive::<TimestampMillisecondType>().value(row);
            if matches!(to, DataType::Timestamp(_, Some(_))) {
                return Ok(instant(millis, to)?.unwrap_or(ScalarValue::Null));
            }
            moment::clock_in(millis, zone.as_deref().and_then(moment::zone))
        }
        _ => None,
    };
    let Some(clock) = clock else { return bad("the calendar does not reach that far") };
    Ok(match to {
        DataType::Date32 => ScalarValue::Date32(Some(moment::days(clock.date()))),
        held if *held == TIME => ScalarValue::Time32Millisecond(Some(moment::time_millis(clock.time()))),
        DataType::Timestamp(_, zone) => {
            let held = zone.as_deref().and_then(moment::zone);
            ScalarValue::TimestampMillisecond(Some(moment::millis_in(clock, held)), zone.clone())
        }
        _ => return mistyped(format!("there is no cast to {}", types::name(to))),
    })
}

fn numbers(from: &ArrayRef, to: &DataType, attempt: bool) -> Result<ArrayRef> {
    let options = CastOptions { safe: true, ..Default::default() };
    let mut source = from.clone();
    if to.is_integer() {
        source = match from.data_type() {
            DataType::Float32 | DataType::Float64 => {
                let doubles = cast_with_options(from, &DataType::Float64, &options)?;
                let rounded = doubles.as_primitive::<Float64Type>().unary::<_, Float64Type>(f64::round);
                Arc::new(rounded) as ArrayRef
            }
            DataType::Decimal128(precision, _) => {
                cast_with_options(from, &DataType::Decimal128(*precision, 0), &options)?
            }
            _ => source,
        };
    }
    let mut answer = cast_with_options(&source, to, &options)?;
    if let (DataType::Decimal128(precision, _), true) = (to, from.data_type().is_integer()) {
        let bound = 10i128.checked_pow(u32::from(*precision)).unwrap_or(i128::MAX);
        let checked = answer
            .as_primitive::<Decimal128Type>()
            .unary_opt::<_, Decimal128Type>(|value| (value.abs() < bound).then_some(value));
        answer = Arc::new(checked.with_data_type(to.clone()));
    }
    let lost = (0..from.len()).any(|row| answer.is_null(row) && !from.is_null(row));
    if lost && !attempt {
        return bad(format!("a {} value is out of the range of {}", types::name(from.data_type()), types::name(to)));
    }
    Ok(answer)
}

/// Every element as a double, for functions that reckon with arrays of numbers.
pub(super) fn doubles(array: &ArrayRef) -> Result<Float64Array> {
    Ok(convert(array, &DataType::Float64, None, false)?.as_primitive::<Float64Type>().clone())
}

/// Every element as a bigint.
pub(super) fn ints(array: &ArrayRef) -> Result<Int64Array> {
    Ok(convert(array, &DataType::Int64, None, false)?.as_primitive::<Int64Type>().clone())
}
