//! Functions on arrays. Places count from one; a NULL element equals no other, except for `array_distinct` and its like.

use std::cmp::Ordering;
use std::collections::HashSet;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, StructArray, new_null_array};
use datafusion::arrow::compute::concat;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::error::Result;

use super::function::{Function, Gives, Takes};
use super::moments;
use super::row::{Answer, Row, array, bad, boolean, date, instant, int, is_span, mistyped, room, size};
use super::text::joined;
use crate::types::{self, DAY_TO_SECOND, TIMESTAMP, YEAR_TO_MONTH};
use crate::{moment, render};

use Takes::{Alike, Any, Array as List, Int, Text};

/// The most elements that `sequence` and `repeat` make: Trino's own limit.
const MADE_MAX: i64 = 10_000;

pub(super) fn all() -> Vec<Function> {
    vec![
        Function::new("$array", &[Alike], Gives::Of(array_type), |args| {
            args.each_null(|row| {
                let elements = (0..row.count()).map(|place| row.value(place)).collect::<Result<Vec<_>>>()?;
                made(elements, &args.gives)
            })
        })
        .least(0)
        .many(),
        Function::new("contains", &[List, Any], Gives::Boolean, |args| args.each(contains)),
        Function::new("array_position", &[List, Any], Gives::Int, |args| {
            args.each(|row| {
                let (elements, wanted) = beside(row)?;
                int(elements
                    .iter()
                    .position(|element| *element == wanted && !element.is_null())
                    .map_or(0, |at| at as i64 + 1))
            })
        }),
        Function::new("array_remove", &[List, Any], Gives::Same(0), |args| {
            args.each(|row| {
                let (mut elements, wanted) = beside(row)?;
                elements.retain(|element| *element != wanted);
                made(elements, &args.gives)
            })
        }),
        Function::new("array_join", &[List, Text, Text], Gives::Text, |args| args.each(array_join)).least(2),
        Function::new("array_distinct", &[List], Gives::Same(0), |args| {
            args.each(|row| made(distinct(scalars(&row.elements(0))?), &args.gives))
        }),
        Function::new("array_sort", &[List], Gives::Same(0), |args| {
            args.each(|row| {
                let mut elements = scalars(&row.elements(0))?;
                elements.sort_by(|left, right| match (left.is_null(), right.is_null()) {
                    (false, false) => left.partial_cmp(right).unwrap_or(Ordering::Equal),
                    (left, right) => left.cmp(&right),
                });
                made(elements, &args.gives)
            })
        }),
        Function::new("array_max", &[List], Gives::Of(element_type), |args| {
            args.each(|row| extreme(row, Ordering::Greater))
        }),
        Function::new("array_min", &[List], Gives::Of(element_type), |args| {
            args.each(|row| extreme(row, Ordering::Less))
        }),
        Function::new("array_union", &[Alike, Alike], Gives::Same(0), |args| {
            args.each(|row| {
                let (mut left, right) = two(row)?;
                left.extend(right);
                made(distinct(left), &args.gives)
            })
        }),
        Function::new("array_intersect", &[Alike, Alike], Gives::Same(0), |args| {
            args.each(|row| {
                let (mut left, right) = two(row)?;
                let right: HashSet<_> = right.into_iter().collect();
                left.retain(|element| right.contains(element));
                made(distinct(left), &args.gives)
            })
        }),
        Function::new("array_except", &[Alike, Alike], Gives::Same(0), |args| {
            args.each(|row| {
                let (mut left, right) = two(row)?;
                let right: HashSet<_> = right.into_iter().collect();
                left.retain(|element| !right.contains(element));
                made(distinct(left), &args.gives)
            })
        }),
        Function::new("arrays_overlap", &[Alike, Alike], Gives::Boolean, |args| {
            args.each(|row| {
                let (left, right) = two(row)?;
                let unknown = left.iter().chain(&right).any(ScalarValue::is_null);
                let right: HashSet<_> = right.into_iter().collect();
                let shared = left.iter().any(|element| !element.is_null() && right.contains(element));
                if !shared && unknown { Ok(None) } else { boolean(shared) }
            })
        }),
        Function::new("flatten", &[List], Gives::Of(element_type), |args| args.each(|row| flattened(row, &args.gives))),
        Function::new("repeat", &[Any, Int], Gives::Of(array_type), |args| {
            args.each_null(|row| match row.null(1) {
                true => Ok(None),
                false if row.int(1) > MADE_MAX => bad("repeat makes 10000 elements at most"),
                false => {
                    let (value, times) = (row.value(0)?, usize::try_from(row.int(1)).unwrap_or(0));
                    room(size(&value).saturating_mul(times))?;
                    made(vec![value; times], &args.gives)
                }
            })
        }),
        Function::new("slice", &[List, Int, Int], Gives::Same(0), |args| args.each(slice)),
        Function::new("trim_array", &[List, Int], Gives::Same(0), |args| {
            args.each(|row| {
                let elements = row.elements(0);
                match usize::try_from(row.int(1)).ok().and_then(|cut| elements.len().checked_sub(cut)) {
                    Some(kept) => made(scalars(&elements.slice(0, kept))?, &args.gives),
                    None => bad("trim_array cuts off more than there is"),
                }
            })
        }),
        Function::new("sequence", &[Any, Any, Any], Gives::Of(sequence_type), |args| {
            args.each(|row| sequence(row, &args.gives))
        })
        .least(2),
        Function::new("$ordinals", &[Any], Gives::Of(|_, _| Ok(types::array_of(DataType::Int64))), |args| {
            args.each_null(|row| {
                let lengths = (0..row.count()).filter(|place| !row.null(*place)).map(|place| row.elements(place).len());
                let longest = lengths.max().unwrap_or(0) as i64;
                array((1..=longest).map(ScalarValue::from).collect(), &DataType::Int64)
            })
        })
        .many(),
        Function::new("zip", &[List], Gives::Of(zip_type), |args| args.each(|row| zip(row, &args.gives))).many(),
    ]
}

/// The elements of an array, one by one.
pub(super) fn scalars(elements: &ArrayRef) -> Result<Vec<ScalarValue>> {
    (0..elements.len()).map(|element| ScalarValue::try_from_array(elements, element)).collect()
}

/// An array of this type.
fn made(elements: Vec<ScalarValue>, held: &DataType) -> Answer {
    match held {
        DataType::List(field) => array(elements, field.data_type()),
        other => mistyped(format!("{} is no array", types::name(other))),
    }
}

fn array_type(given: &[DataType], _: &[Option<&ScalarValue>]) -> Result<DataType> {
    Ok(types::array_of(given.first().cloned().unwrap_or(DataType::Null)))
}

fn element_type(given: &[DataType], _: &[Option<&ScalarValue>]) -> Result<DataType> {
    match &given[0] {
        DataType::List(field) => Ok(field.data_type().clone()),
        other => mistyped(format!("{} is no array", types::name(other))),
    }
}

/// An array, and a value in the type of its elements.
fn beside(row: Row) -> Result<(Vec<ScalarValue>, ScalarValue)> {
    let elements = row.elements(0);
    let wanted = row.value(1)?;
    let wanted = if super::alike(elements.data_type(), &wanted.data_type()).is_some() {
        match wanted.cast_to(elements.data_type()) {
            Ok(same) if same.cast_to(&wanted.data_type())? == wanted => same,
            _ => wanted,
        }
    } else {
        return mistyped(format!(
            "an array of {} holds no {}",
            types::name(elements.data_type()),
            types::name(&wanted.data_type())
        ));
    };
    Ok((scalars(&elements)?, wanted))
}

fn two(row: Row) -> Result<(Vec<ScalarValue>, Vec<ScalarValue>)> {
    match (row.held(0), row.held(1)) {
        (DataType::List(_), DataType::List(_)) => Ok((scalars(&row.elements(0))?, scalars(&row.elements(1))?)),
        (left, right) => mistyped(format!("{} and {} are no arrays", types::name(left), types::name(right))),
    }
}

fn distinct(elements: Vec<ScalarValue>) -> Vec<ScalarValue> {
    let mut seen = HashSet::new();
    elements.into_iter().filter(|element| seen.insert(element.clone())).collect()
}

fn contains(row: Row) -> Answer {
    let (elements, wanted) = beside(row)?;
    if elements.contains(&wanted) {
        return boolean(true);
    }
    if elements.iter().any(ScalarValue::is_null) { Ok(None) } else { boolean(false) }
}

fn array_join(row: Row) -> Answer {
    let elements = row.elements(0);
    let mut parts = Vec::with_capacity(elements.len());
    for element in 0..elements.len() {
        match elements.is_null(element) {
            false => parts.push(render::text(&elements, element).unwrap_or_default()),
            true if row.has(2) => parts.push(row.text(2).to_owned()),
            true => {}
        }
    }
    joined(&parts, row.text(1))
}

fn extreme(row: Row, wanted: Ordering) -> Answer {
    let elements = scalars(&row.elements(0))?;
    if elements.iter().any(ScalarValue::is_null) {
        return Ok(None);
    }
    let further =
        |best: ScalarValue, next: ScalarValue| if next.partial_cmp(&best) == Some(wanted) { next } else { best };
    Ok(elements.into_iter().reduce(further))
}

fn flattened(row: Row, gives: &DataType) -> Answer {
    let outer = row.elements(0);
    let inner = outer.as_list_opt::<i32>();
    let Some(inner) = inner else { return mistyped("flatten takes an array of arrays") };
    let mut all = Vec::new();
    for list in inner.iter().flatten() {
        all.extend(scalars(&list)?);
    }
    made(all, gives)
}

fn slice(row: Row) -> Answer {
    let (elements, start, length) = (row.elements(0), row.int(1), row.int(2));
    let count = elements.len() as i64;
    let from = match start {
        0 => return bad("slice counts from one"),
        behind if behind < 0 => count + behind,
        place => place - 1,
    };
    if length < 0 {
        return bad("the length of a slice must not be negative");
    }
    let until = from.saturating_add(length).min(count);
    match from < 0 || from >= until {
        true => made(Vec::new(), row.held(0)),
        false => made(scalars(&elements.slice(from as usize, (until - from) as usize))?, row.held(0)),
    }
}

fn sequence_type(given: &[DataType], _: &[Option<&ScalarValue>]) -> Result<DataType> {
    let step = given.get(2);
    let fits = |wanted: fn(&DataType) -> bool| step.is_none_or(wanted);
    match (&given[0], &given[1]) {
        (start, stop) if start.is_integer() && stop.is_integer() && fits(DataType::is_integer) => {
            Ok(types::array_of(DataType::Int64))
        }
        (DataType::Date32, DataType::Date32) if fits(is_span) => Ok(types::array_of(DataType::Date32)),
        (DataType::Timestamp(_, None), DataType::Timestamp(_, None)) if step.is_some() && fits(is_span) => {
            Ok(types::array_of(TIMESTAMP))
        }
        _ => {
            let given: Vec<_> = given.iter().map(types::name).collect();
            mistyped(format!(
                "sequence does not take ({}); it takes two numbers and a step, or two dates or timestamps and an interval",
                given.join(", ")
            ))
        }
    }
}

fn sequence(row: Row, gives: &DataType) -> Answer {
    let whole = |place: usize| -> Result<i64> {
        let (array, at) = row.array(place);
        Ok(super::cast::ints(&array.slice(at, 1))?.value(0))
    };
    let held = row.held(0).clone();
    let bound = |place: usize| match held {
        DataType::Date32 => Ok(i64::from(row.days(place)) * moments::DAY_MS),
        DataType::Timestamp(..) => Ok(row.millis(place)),
        _ => whole(place),
    };
    let (start, stop) = (bound(0)?, bound(1)?);
    let month_step = row.has(2) && *row.held(2) == YEAR_TO_MONTH;
    let step = match row.has(2) {
        true if month_step => i64::from(row.months(2)),
        true if *row.held(2) == DAY_TO_SECOND => row.millis(2),
        true => whole(2)?,
        false if held == DataType::Date32 => moments::DAY_MS * if start > stop { -1 } else { 1 },
        false => {
            if start > stop {
                -1
            } else {
                1
            }
        }
    };
    if step == 0 || (step > 0 && stop < start) || (step < 0 && stop > start) {
        return bad("the step of a sequence must lead from its start to its stop");
    }
    let mut points = Vec::new();
    loop {
        let taken = points.len() as i64;
        let point = match month_step {
            true => moments::move_months(start, None, step * taken),
            false => step.checked_mul(taken).and_then(|by| start.checked_add(by)),
        };
        match point.filter(|point| if step > 0 { *point <= stop } else { *point >= stop }) {
            Some(_) if taken >= MADE_MAX => return bad("a sequence has 10000 elements at most"),
            Some(point) => points.push(point),
            None => break,
        }
    }
    let element = |point: i64| match held {
        DataType::Date32 => date(moment::clock(point).map_or(0, |clock| moment::days(clock.date()))),
        DataType::Timestamp(..) => instant(point, &held),
        _ => int(point),
    };
    let elements = points.into_iter().filter_map(|point| element(point).transpose()).collect::<Result<Vec<_>>>()?;
    made(elements, gives)
}

fn zip_type(given: &[DataType], known: &[Option<&ScalarValue>]) -> Result<DataType> {
    let fields = given
        .iter()
        .enumerate()
        .map(|(place, held)| Ok((format!("field{place}"), element_type(std::slice::from_ref(held), known)?)));
    Ok(types::array_of(types::row_of(fields.collect::<Result<Vec<_>>>()?)))
}

fn zip(row: Row, gives: &DataType) -> Answer {
    let lists: Vec<ArrayRef> = (0..row.count()).map(|place| row.elements(place)).collect();
    let longest = lists.iter().map(|list| list.len()).max().unwrap_or(0);
    let DataType::List(field) = gives else { return mistyped("zip gives an array") };
    let DataType::Struct(fields) = field.data_type() else { return mistyped("zip gives an array of rows") };
    let columns = lists.iter().map(|list| {
        let missing = new_null_array(list.data_type(), longest - list.len());
        concat(&[list.as_ref(), missing.as_ref()])
    });
    let columns = columns.collect::<std::result::Result<Vec<_>, _>>()?;
    let rows: ArrayRef = Arc::new(StructArray::try_new(fields.clone(), columns, None)?);
    made(scalars(&rows)?, gives)
}
