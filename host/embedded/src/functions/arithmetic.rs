//! `+ - * / %` and negation: whole numbers do not overflow, decimals keep Trino's scales, days and spans add up.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Decimal128Array, new_null_array};
use datafusion::arrow::compute::{concat, kernels::numeric};
use datafusion::arrow::datatypes::{DataType, Date32Type, Decimal128Type, Time32MillisecondType, i256};
use datafusion::arrow::error::ArrowError;
use datafusion::common::ScalarValue;
use datafusion::error::Result;

use super::cast::convert;
use super::function::{Function, Gives, Takes};
use super::moments;
use super::row::{self, Answer, Args, Row, bad, is_span, mistyped};
use crate::types::{self, DAY_TO_SECOND, PRECISION_MAX, TIME, YEAR_TO_MONTH};

const DAY_MS: i64 = 86_400_000;
const BOTH: &[Takes] = &[Takes::Any, Takes::Any];

pub(super) fn all() -> Vec<Function> {
    vec![
        Function::new("$add", BOTH, Gives::Of(|given, known| typed('+', given, known)), |args| run('+', args)),
        Function::new("$subtract", BOTH, Gives::Of(|given, known| typed('-', given, known)), |args| run('-', args)),
        Function::new("$multiply", BOTH, Gives::Of(|given, known| typed('*', given, known)), |args| run('*', args)),
        Function::new("$divide", BOTH, Gives::Of(|given, known| typed('/', given, known)), |args| run('/', args)),
        Function::new("$modulo", BOTH, Gives::Of(|given, known| typed('%', given, known)), |args| run('%', args)),
        Function::new("mod", BOTH, Gives::Of(|given, known| typed('%', given, known)), |args| run('%', args)),
        Function::new("$negate", &[Takes::Any], Gives::Of(negated), |args| match args.gives == YEAR_TO_MONTH {
            true => args.each(|row| row::months(-row.months(0))),
            false => Ok(numeric::neg(&args.arrays[0])?),
        }),
    ]
}

fn negated(given: &[DataType], _: &[Option<&ScalarValue>]) -> Result<DataType> {
    match &given[0] {
        held if held.is_numeric() || is_span(held) || *held == DataType::Null => Ok(held.clone()),
        other => mistyped(format!("cannot apply operator: -{}", types::name(other))),
    }
}

/// The precision and scale of a number beside a decimal.
fn exact(held: &DataType, known: Option<&ScalarValue>) -> Option<(i16, i16)> {
    let whole = |digits| Some((digits, 0));
    match held {
        DataType::Decimal128(precision, scale) => Some((i16::from(*precision), i16::from(*scale))),
        DataType::Int8 => whole(3),
        DataType::Int16 => whole(5),
        DataType::Int32 => whole(10),
        DataType::Int64 => match known {
            // A literal that fits is an `integer` in Trino.
            Some(ScalarValue::Int64(Some(literal))) if i32::try_from(*literal).is_ok() => whole(10),
            _ => whole(19),
        },
        _ => None,
    }
}

/// The type of a sum, difference, product, quotient or remainder.
fn typed(operator: char, given: &[DataType], known: &[Option<&ScalarValue>]) -> Result<DataType> {
    let (left, right) = (&given[0], &given[1]);
    let constant = |place: usize| known.get(place).copied().flatten();
    let answer = match (left, right) {
        (DataType::Null, DataType::Null) => Some(DataType::Int64),
        (DataType::Null, other) | (other, DataType::Null) if other.is_numeric() => Some(other.clone()),
        (left, right) if left.is_integer() && right.is_integer() => {
            Some(if left.primitive_width() >= right.primitive_width() { left.clone() } else { right.clone() })
        }
        (DataType::Float32, DataType::Float32) => Some(DataType::Float32),
        (left, right) if left.is_floating() && right.is_numeric() || left.is_numeric() && right.is_floating() => {
            Some(DataType::Float64)
        }
        _ => {
            exact(left, constant(0)).zip(exact(right, constant(1))).map(|(left, right)| decimal(operator, left, right))
        }
    };
    match answer.or_else(|| temporal(operator, left, right)) {
        Some(answer) => Ok(answer),
        None => mistyped(format!("cannot apply operator: {} {operator} {}", types::name(left), types::name(right))),
    }
}

fn decimal(operator: char, (p1, s1): (i16, i16), (p2, s2): (i16, i16)) -> DataType {
    let scale = s1.max(s2);
    let (precision, scale) = match operator {
        '*' => (p1 + p2, s1 + s2),
        '/' => (p1 + s2 + (s2 - s1).max(0), scale),
        '%' => ((p1 - s1).min(p2 - s2) + scale, scale),
        _ => ((p1 - s1).max(p2 - s2) + scale + 1, scale),
    };
    let precision = precision.clamp(1, i16::from(PRECISION_MAX));
    DataType::Decimal128(precision as u8, scale.min(precision) as i8)
}

fn temporal(operator: char, left: &DataType, right: &DataType) -> Option<DataType> {
    let moment = |held: &DataType| matches!(held, DataType::Date32 | DataType::Timestamp(..)) || *held == TIME;
    match operator {
        '+' | '-' if moment(left) && is_span(right) => Some(left.clone()),
        '+' if is_span(left) && moment(right) => Some(right.clone()),
        '+' | '-' if is_span(left) && left == right => Some(left.clone()),
        '-' if moment(left) && moment(right) && *left != TIME && *right != TIME => Some(DAY_TO_SECOND),
        '*' if is_span(left) && right.is_numeric() => Some(left.clone()),
        '*' if left.is_numeric() && is_span(right) => Some(right.clone()),
        '/' if is_span(left) && right.is_numeric() => Some(left.clone()),
        _ => None,
    }
}

fn run(operator: char, args: &Args) -> Result<ArrayRef> {
    let (left, right) = (&args.arrays[0], &args.arrays[1]);
    match &args.gives {
        _ if left.data_type() == &DataType::Null || right.data_type() == &DataType::Null => {
            Ok(new_null_array(&args.gives, args.rows))
        }
        DataType::Decimal128(..) => decimals(operator, args),
        number if number.is_numeric() => {
            let answer = numbers(operator, left, right, number);
            if answer.is_ok() || !args.attempt {
                return answer;
            }
            let one = |row| {
                numbers(operator, &left.slice(row, 1), &right.slice(row, 1), number)
                    .unwrap_or_else(|_| new_null_array(number, 1))
            };
            let rows: Vec<_> = (0..args.rows).map(one).collect();
            Ok(concat(&rows.iter().map(|row| row.as_ref()).collect::<Vec<_>>())?)
        }
        _ => args.each(|row| moving(operator, row, &args.gives)),
    }
}

fn numbers(operator: char, left: &ArrayRef, right: &ArrayRef, held: &DataType) -> Result<ArrayRef> {
    let (left, right) = (convert(left, held, None, false)?, convert(right, held, None, false)?);
    let answer = match operator {
        '+' => numeric::add(&left, &right),
        '-' => numeric::sub(&left, &right),
        '*' => numeric::mul(&left, &right),
        '/' => numeric::div(&left, &right),
        _ => numeric::rem(&left, &right),
    };
    answer.or_else(|error| match error {
        ArrowError::DivideByZero => bad("division by zero"),
        ArrowError::ArithmeticOverflow(_) => bad(format!("{} overflow", types::name(held))),
        other => Err(other.into()),
    })
}

fn decimals(operator: char, args: &Args) -> Result<ArrayRef> {
    let DataType::Decimal128(precision, scale) = args.gives else { return bad("not a decimal") };
    let exact = |place: usize| -> Result<(Decimal128Array, i32)> {
        let array = &args.arrays[place];
        let (precision, scale) = match array.data_type() {
            DataType::Decimal128(precision, scale) => (*precision, *scale),
            _ => (19, 0),
        };
        let array = convert(array, &DataType::Decimal128(precision, scale), None, false)?;
        Ok((array.as_primitive::<Decimal128Type>().clone(), i32::from(scale)))
    };
    let ((left, s1), (right, s2)) = (exact(0)?, exact(1)?);
    let bound = 10i128.pow(u32::from(precision));
    let one = |row: usize| -> Result<Option<i128>> {
        if left.is_null(row) || right.is_null(row) {
            return Ok(None);
        }
        if "/%".contains(operator) && right.value(row) == 0 {
            return bad("division by zero");
        }
        let sides = (i256::from_i128(left.value(row)), i256::from_i128(right.value(row)));
        let answer = reckon(operator, sides, (s1, s2), i32::from(scale)).and_then(i256::to_i128);
        match answer.filter(|answer| answer.abs() < bound) {
            Some(answer) => Ok(Some(answer)),
            None => bad("decimal overflow"),
        }
    };
    let rows = (0..args.rows).map(|row| one(row).or_else(|error| if args.attempt { Ok(None) } else { Err(error) }));
    let answer = rows.collect::<Result<Decimal128Array>>()?;
    Ok(Arc::new(answer.with_precision_and_scale(precision, scale)?))
}

fn reckon(operator: char, (left, right): (i256, i256), (s1, s2): (i32, i32), scale: i32) -> Option<i256> {
    let shifted =
        |value: i256, places: i32| value.checked_mul(i256::from_i128(10).checked_pow(u32::try_from(places).ok()?)?);
    let common = s1.max(s2);
    match operator {
        '*' => left.checked_mul(right),
        '/' => {
            let left = shifted(left, scale + s2 - s1)?;
            let (whole, rest) = (left.checked_div(right)?, left.checked_rem(right)?);
            let away = shifted(rest.wrapping_abs(), 0)?.checked_mul(i256::from_i128(2))? >= right.wrapping_abs();
            let negative = left.is_negative() != right.is_negative();
            let step = i256::from_i128(if negative { -1 } else { 1 });
            if away { whole.checked_add(step) } else { Some(whole) }
        }
        operator => {
            let (left, right) = (shifted(left, common - s1)?, shifted(right, common - s2)?);
            match operator {
                '+' => left.checked_add(right),
                '-' => left.checked_sub(right),
                _ => left.checked_rem(right),
            }
        }
    }
}

/// Days, instants and spans.
fn moving(operator: char, row: Row, gives: &DataType) -> Answer {
    let sign: i64 = if operator == '-' { -1 } else { 1 };
    let (moment, amount) =
        if operator == '+' && is_span(row.held(0)) && !is_span(row.held(1)) { (1, 0) } else { (0, 1) };
    let too_far = || bad("the calendar does not reach that far");
    match (row.held(moment), row.held(amount)) {
        (held, by) if is_span(held) && is_span(by) && *held == YEAR_TO_MONTH => {
            let months = i64::from(row.months(0)) + sign * i64::from(row.months(1));
            i32::try_from(months).map_or_else(|_| too_far(), row::months)
        }
        (held, by) if is_span(held) && is_span(by) => {
            later(row.millis(0), sign, row.millis(1)).map_or_else(too_far, row::span)
        }
        (held, by) if held.is_numeric() || by.is_numeric() => stretched(operator, row, gives),
        (DataType::Date32, by) if *by == DAY_TO_SECOND => match row.millis(amount) % DAY_MS {
            0 => {
                let days = i64::from(row.days(moment)) + sign * (row.millis(amount) / DAY_MS);
                i32::try_from(days).map_or_else(|_| too_far(), row::date)
            }
            _ => bad("hours, minutes and seconds cannot be added to a date"),
        },
        (DataType::Date32, by) if *by == YEAR_TO_MONTH => {
            let day = moments::add_months(crate::moment::day(row.days(moment)), sign * i64::from(row.months(amount)));
            day.map_or_else(too_far, |day| row::date(crate::moment::days(day)))
        }
        (DataType::Timestamp(..), by) if *by == DAY_TO_SECOND => {
            let moved = later(row.millis(moment), sign, row.millis(amount));
            moved.map_or_else(too_far, |millis| row::instant(millis, gives))
        }
        (DataType::Timestamp(..), by) if *by == YEAR_TO_MONTH => {
            let moved =
                moments::move_months(row.millis(moment), row.zone(moment), sign * i64::from(row.months(amount)));
            moved.map_or_else(too_far, |millis| row::instant(millis, gives))
        }
        (held, by) if *held == TIME && *by == DAY_TO_SECOND => {
            let (array, at) = row.array(moment);
            let millis = i64::from(array.as_primitive::<Time32MillisecondType>().value(at));
            let millis = (millis + sign * (row.millis(amount) % DAY_MS)).rem_euclid(DAY_MS);
            Ok(Some(ScalarValue::Time32Millisecond(Some(millis as i32))))
        }
        (held, by) if *held == TIME || *by == TIME => bad("a time has no years and months"),
        _ => {
            let millis = |place: usize| match row.held(place) {
                DataType::Date32 => {
                    let (array, at) = row.array(place);
                    i64::from(array.as_primitive::<Date32Type>().value(at)) * DAY_MS
                }
                _ => row.millis(place),
            };
            row::span(millis(0) - millis(1))
        }
    }
}

fn later(millis: i64, sign: i64, by: i64) -> Option<i64> {
    millis.checked_add(sign.checked_mul(by)?)
}

/// A span times or by a number.
fn stretched(operator: char, row: Row, gives: &DataType) -> Answer {
    let (span, factor) = if is_span(row.held(0)) { (0, 1) } else { (1, 0) };
    let (array, at) = row.array(factor);
    let factor = convert(&array.slice(at, 1), &DataType::Float64, None, false)?;
    let factor = Row::at(&[factor], 0).double(0);
    if operator == '/' && factor == 0.0 {
        return bad("division by zero");
    }
    let stretch = |length: f64| if operator == '/' { length / factor } else { length * factor };
    match *gives == YEAR_TO_MONTH {
        true => row::months(stretch(f64::from(row.months(span))) as i32),
        false => row::span(stretch(row.millis(span) as f64) as i64),
    }
}
