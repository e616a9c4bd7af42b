//! Functions on numbers.

use std::cmp::Ordering;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};

use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use datafusion::arrow::datatypes::{DataType, Decimal128Type};
use datafusion::common::ScalarValue;
use datafusion::error::Result;

use super::cast;
use super::function::{Function, Gives, Takes};
use super::row::{Answer, Args, Row, bad, boolean, double, int, mistyped, text};

use Takes::{Alike, Any, Double, Int, Number, Text};

type OfOne = (&'static str, fn(f64) -> f64);

/// The functions from double to double.
const OF_ONE: [OfOne; 17] = [
    ("sqrt", f64::sqrt),
    ("cbrt", f64::cbrt),
    ("exp", f64::exp),
    ("ln", f64::ln),
    ("log2", f64::log2),
    ("log10", f64::log10),
    ("sin", f64::sin),
    ("cos", f64::cos),
    ("tan", f64::tan),
    ("asin", f64::asin),
    ("acos", f64::acos),
    ("atan", f64::atan),
    ("sinh", f64::sinh),
    ("cosh", f64::cosh),
    ("tanh", f64::tanh),
    ("degrees", f64::to_degrees),
    ("radians", f64::to_radians),
];

type OfTwo = (&'static str, fn(f64, f64) -> f64);

const OF_TWO: [OfTwo; 4] =
    [("power", f64::powf), ("pow", f64::powf), ("log", |base, number| number.ln() / base.ln()), ("atan2", f64::atan2)];

type Bits = (&'static str, fn(i64, i64) -> i64);

const BITS: [Bits; 5] = [
    ("bitwise_and", |left, right| left & right),
    ("bitwise_or", |left, right| left | right),
    ("bitwise_xor", |left, right| left ^ right),
    ("bitwise_left_shift", |value, by| u32::try_from(by).ok().and_then(|by| value.checked_shl(by)).unwrap_or(0)),
    ("bitwise_right_shift", |value, by| {
        u32::try_from(by).ok().and_then(|by| (value as u64).checked_shr(by)).unwrap_or(0) as i64
    }),
];

/// How a number is brought to fewer digits.
#[derive(Clone, Copy)]
enum Towards {
    Nearest,
    Zero,
    Up,
    Down,
}

pub(super) fn all() -> Vec<Function> {
    let one = OF_ONE.map(|(name, of)| {
        Function::new(name, &[Double], Gives::Double, move |args| args.each(|row| double(of(row.double(0)))))
    });
    let two = OF_TWO.map(|(name, of)| {
        Function::new(name, &[Double, Double], Gives::Double, move |args| {
            args.each(|row| double(of(row.double(0), row.double(1))))
        })
    });
    let bits = BITS.map(|(name, of)| {
        Function::new(name, &[Int, Int], Gives::Int, move |args| args.each(|row| int(of(row.int(0), row.int(1)))))
    });
    let shortened = [
        ("ceil", Towards::Up),
        ("ceiling", Towards::Up),
        ("floor", Towards::Down),
        ("round", Towards::Nearest),
        ("truncate", Towards::Zero),
    ]
    .map(|(name, towards)| {
        Function::new(name, &[Number, Int], Gives::Of(shortened_type), move |args| shortened(args, towards)).least(1)
    });
    let constants =
        [("pi", std::f64::consts::PI), ("e", std::f64::consts::E), ("nan", f64::NAN), ("infinity", f64::INFINITY)]
            .map(|(name, value)| Function::new(name, &[], Gives::Double, move |args| args.each(|_| double(value))));
    let mut all = others();
    all.extend(one.into_iter().chain(two).chain(bits).chain(shortened).chain(constants));
    all
}

fn others() -> Vec<Function> {
    vec![
        Function::new("abs", &[Number], Gives::Same(0), |args| args.each(abs)),
        Function::new("sign", &[Number], Gives::Same(0), |args| {
            args.each(|row| {
                let zero = ScalarValue::new_zero(row.held(0))?;
                let sign = row.value(0)?.partial_cmp(&zero).map_or(0, |order| order as i64);
                ScalarValue::from(sign).cast_to(row.held(0)).map(Some)
            })
        }),
        Function::new("is_nan", &[Double], Gives::Boolean, |args| args.each(|row| boolean(row.double(0).is_nan()))),
        Function::new("is_finite", &[Double], Gives::Boolean, |args| {
            args.each(|row| boolean(row.double(0).is_finite()))
        }),
        Function::new("is_infinite", &[Double], Gives::Boolean, |args| {
            args.each(|row| boolean(row.double(0).is_infinite()))
        }),
        Function::new("bitwise_not", &[Int], Gives::Int, |args| args.each(|row| int(!row.int(0)))),
        Function::new("greatest", &[Alike], Gives::Same(0), |args| args.each(|row| extreme(row, true))).many(),
        Function::new("least", &[Alike], Gives::Same(0), |args| args.each(|row| extreme(row, false))).many(),
        Function::new("width_bucket", &[Double, Any, Double, Int], Gives::Int, |args| args.each(width_bucket)).least(2),
        Function::new("random", &[Int, Int], Gives::Of(random_type), random).least(0).volatile(),
        Function::new("rand", &[Int, Int], Gives::Of(random_type), random).least(0).volatile(),
        Function::new("from_base", &[Text, Int], Gives::Int, |args| {
            args.each(|row| match radix(row.int(1)).map(|radix| i64::from_str_radix(row.text(0), radix)) {
                Some(Ok(value)) => int(value),
                Some(Err(_)) => bad("the text is no number of this base"),
                None => bad("a base lies between 2 and 36"),
            })
        }),
        Function::new("to_base", &[Int, Int], Gives::Text, |args| {
            args.each(|row| match radix(row.int(1)) {
                Some(radix) => text(to_base(row.int(0), radix)),
                None => bad("a base lies between 2 and 36"),
            })
        }),
    ]
}

fn abs(row: Row) -> Answer {
    let value = row.value(0)?;
    let zero = ScalarValue::new_zero(row.held(0))?;
    if value.partial_cmp(&zero) != Some(Ordering::Less) {
        return Ok(Some(value));
    }
    value.arithmetic_negate().map(Some).or_else(|_| bad("bigint overflow"))
}

fn extreme(row: Row, greatest: bool) -> Answer {
    let values = (0..row.count()).map(|place| row.value(place)).collect::<Result<Vec<_>>>()?;
    let further = |best: ScalarValue, next: ScalarValue| {
        let wanted = if greatest { Ordering::Greater } else { Ordering::Less };
        if next.partial_cmp(&best) == Some(wanted) { next } else { best }
    };
    Ok(values.into_iter().reduce(further))
}

/// Whole numbers and doubles stay what they are; a decimal loses its scale, unless digits are named.
fn shortened_type(given: &[DataType], _: &[Option<&ScalarValue>]) -> Result<DataType> {
    Ok(match &given[0] {
        DataType::Decimal128(precision, scale) if given.len() == 1 => {
            let digits = (i16::from(*precision) - i16::from(*scale) + i16::from((*scale > 0) as u8)).max(1);
            DataType::Decimal128(digits as u8, 0)
        }
        other => other.clone(),
    })
}

fn shortened(args: &Args, towards: Towards) -> Result<ArrayRef> {
    match args.arrays[0].data_type() {
        whole if whole.is_integer() && args.arrays.len() == 1 => Ok(args.arrays[0].clone()),
        DataType::Decimal128(_, scale) => {
            let scale = i32::from(*scale);
            args.each(|row| {
                let digits = if row.has(1) { row.int(1).clamp(-38, 38) as i32 } else { 0 };
                let (array, at) = row.array(0);
                let value = array.as_primitive::<Decimal128Type>().value(at);
                let short = digits_of(value, scale - digits, towards);
                let DataType::Decimal128(precision, given) = args.gives else {
                    return mistyped("round gives a decimal");
                };
                let kept = if row.has(1) { short } else { short / 10i128.pow(scale as u32) };
                Ok(Some(ScalarValue::Decimal128(Some(kept), precision, given)))
            })
        }
        whole if whole.is_integer() => args.each(|row| {
            let value = row.value(0)?.cast_to(&DataType::Int64)?;
            let ScalarValue::Int64(Some(value)) = value else { return Ok(None) };
            let short = digits_of(i128::from(value), -row.int(1).clamp(-38, 38) as i32, towards);
            let Ok(short) = i64::try_from(short) else { return bad("bigint overflow") };
            ScalarValue::from(short).cast_to(row.held(0)).map(Some)
        }),
        held => {
            let held = held.clone();
            let doubles = cast::doubles(&args.arrays[0])?;
            args.each(|row| {
                let number = doubles.value(row.array(0).1);
                let digits = if row.has(1) { row.int(1).clamp(-300, 300) as i32 } else { 0 };
                let short = match (towards, digits) {
                    (Towards::Nearest, 0) => number.round(),
                    (Towards::Up, _) => number.ceil(),
                    (Towards::Down, _) => number.floor(),
                    (Towards::Zero, 0) => number.trunc(),
                    (towards, digits) => short_double(number, digits, towards),
                };
                ScalarValue::from(short).cast_to(&held).map(Some)
            })
        }
    }
}

/// A double with so many digits after its point, as its shortest text has them: 1.005 is 1.01 to two digits.
fn short_double(number: f64, digits: i32, towards: Towards) -> f64 {
    let written = format!("{number:e}");
    let Some((mantissa, power)) = written.split_once('e') else { return number };
    let after_point = mantissa.split_once('.').map_or(0, |(_, fraction)| fraction.len() as i32);
    let (Ok(unscaled), Ok(power)) = (mantissa.replace('.', "").parse::<i128>(), power.parse::<i32>()) else {
        return number;
    };
    let drop = after_point - power - digits;
    if drop <= 0 {
        return number;
    }
    if drop > 30 {
        return 0.0;
    }
    let kept = digits_of(unscaled, drop, towards);
    format!("{kept}e{}", power - after_point).parse().unwrap_or(number)
}

/// A whole number with its last digits made zero.
fn digits_of(value: i128, drop: i32, towards: Towards) -> i128 {
    if drop <= 0 {
        return value;
    }
    let Some(unit) = 10i128.checked_pow(drop as u32) else { return 0 };
    let (whole, rest) = (value.div_euclid(unit), value.rem_euclid(unit));
    let up = match towards {
        Towards::Nearest if value >= 0 => rest * 2 >= unit,
        Towards::Nearest => rest * 2 > unit,
        Towards::Zero => value < 0 && rest > 0,
        Towards::Up => rest > 0,
        Towards::Down => false,
    };
    (whole + i128::from(up)) * unit
}

fn width_bucket(row: Row) -> Answer {
    let number = row.double(0);
    if let DataType::List(_) = row.held(1) {
        let bins = cast::doubles(&row.elements(1))?;
        return int((0..bins.len()).filter(|bin| bins.value(*bin) <= number).count() as i64);
    }
    if !row.has(3) {
        return mistyped("width_bucket takes two bounds and a count, or an array of bounds");
    }
    let (array, at) = row.array(1);
    let low = cast::doubles(&array.slice(at, 1))?.value(0);
    let (high, count) = (row.double(2), row.int(3));
    if count <= 0 || low == high || !low.is_finite() || !high.is_finite() || number.is_nan() {
        return bad("width_bucket takes two different bounds and a positive count");
    }
    let share = (number - low) / (high - low);
    int(match share {
        below if below < 0.0 => 0,
        above if above >= 1.0 => count + 1,
        within => (within * count as f64) as i64 + 1,
    })
}

fn random_type(given: &[DataType], _: &[Option<&ScalarValue>]) -> Result<DataType> {
    Ok(if given.is_empty() { DataType::Float64 } else { DataType::Int64 })
}

/// `random()`, `random(stop)` and `random(start, stop)`.
fn random(args: &Args) -> Result<ArrayRef> {
    args.each(|row| {
        let bits = RandomState::new().build_hasher().finish();
        let share = (bits >> 11) as f64 / (1u64 << 53) as f64;
        if row.count() == 0 {
            return double(share);
        }
        let (start, stop) = if row.has(1) { (row.int(0), row.int(1)) } else { (0, row.int(0)) };
        match stop.checked_sub(start) {
            Some(width) if width > 0 => int(start + (share * width as f64) as i64),
            _ => bad("random needs a bound above its start"),
        }
    })
}

fn radix(base: i64) -> Option<u32> {
    u32::try_from(base).ok().filter(|base| (2..=36).contains(base))
}

fn to_base(value: i64, radix: u32) -> String {
    let mut rest = value.unsigned_abs();
    let mut digits = Vec::new();
    loop {
        digits.push(char::from_digit((rest % u64::from(radix)) as u32, radix).unwrap_or('?'));
        rest /= u64::from(radix);
        if rest == 0 {
            break;
        }
    }
    if value < 0 {
        digits.push('-');
    }
    digits.iter().rev().collect()
}
