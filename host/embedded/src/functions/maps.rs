//! Functions on maps, and looking up elements of arrays and maps.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, MapArray, StructArray, new_empty_array};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::common::ScalarValue;
use datafusion::error::Result;

use super::arrays::scalars;
use super::function::{Function, Gives, Takes};
use super::row::{Answer, Row, array, bad, mistyped};
use crate::types;

use Takes::{Any, Array as List, Collection, Map};

pub(super) fn all() -> Vec<Function> {
    vec![
        Function::new("$map", &[List, List], Gives::Of(map_type), |args| args.each(|row| map(row, &args.gives)))
            .least(0),
        Function::new("map_keys", &[Map], Gives::Of(|given, _| Ok(types::array_of(sides(&given[0])?.0))), |args| {
            args.each(|row| array(scalars(&row.entries(0).0)?, row.entries(0).0.data_type()))
        }),
        Function::new("map_values", &[Map], Gives::Of(|given, _| Ok(types::array_of(sides(&given[0])?.1))), |args| {
            args.each(|row| array(scalars(&row.entries(0).1)?, row.entries(0).1.data_type()))
        }),
        Function::new("map_entries", &[Map], Gives::Of(entries_type), |args| {
            args.each(|row| {
                let (keys, values) = row.entries(0);
                let DataType::List(field) = &args.gives else { return mistyped("map_entries gives an array") };
                let DataType::Struct(fields) = field.data_type() else { return mistyped("map_entries gives rows") };
                let rows: ArrayRef = Arc::new(StructArray::try_new(fields.clone(), vec![keys, values], None)?);
                array(scalars(&rows)?, field.data_type())
            })
        }),
        Function::new("map_from_entries", &[List], Gives::Of(from_entries_type), |args| {
            args.each(|row| {
                let rows = row.elements(0);
                let rows = rows.as_struct();
                let pairs = scalars(rows.column(0))?.into_iter().zip(scalars(rows.column(1))?).collect();
                typed_unique(pairs, &args.gives)
            })
        }),
        Function::new("map_concat", &[Map], Gives::Same(0), |args| {
            args.each(|row| {
                let mut pairs: Vec<(ScalarValue, ScalarValue)> = Vec::new();
                let mut places: HashMap<ScalarValue, usize> = HashMap::new();
                for place in 0..row.count() {
                    let (keys, values) = row.entries(place);
                    for (key, value) in scalars(&keys)?.into_iter().zip(scalars(&values)?) {
                        match places.get(&key).and_then(|known| pairs.get_mut(*known)) {
                            Some(known) => known.1 = value,
                            None => {
                                places.insert(key.clone(), pairs.len());
                                pairs.push((key, value));
                            }
                        }
                    }
                }
                typed_unique(pairs, &args.gives)
            })
        })
        .many(),
        Function::new("element_at", &[Collection, Any], Gives::Of(value_type), |args| {
            args.each(|row| looked_up(row, false))
        }),
        Function::new("$subscript", &[Collection, Any], Gives::Of(value_type), |args| {
            args.each(|row| looked_up(row, true))
        }),
    ]
}

/// The types of a map's keys and values.
fn sides(held: &DataType) -> Result<(DataType, DataType)> {
    match held {
        DataType::Map(entries, _) => match types::entry_types(entries.data_type()) {
            Some((key, value)) => Ok((key.clone(), value.clone())),
            None => mistyped("the map has no keys and values"),
        },
        other => mistyped(format!("{} is no map", types::name(other))),
    }
}

fn element(held: &DataType) -> Result<DataType> {
    match held {
        DataType::List(field) => Ok(field.data_type().clone()),
        other => mistyped(format!("{} is no array", types::name(other))),
    }
}

fn map_type(given: &[DataType], _: &[Option<&ScalarValue>]) -> Result<DataType> {
    match given {
        [keys, values] => Ok(types::map_of(element(keys)?, element(values)?)),
        [] => Ok(types::map_of(types::VARCHAR, types::VARCHAR)),
        _ => mistyped("map takes two arrays"),
    }
}

fn entries_type(given: &[DataType], _: &[Option<&ScalarValue>]) -> Result<DataType> {
    let (key, value) = sides(&given[0])?;
    Ok(types::array_of(types::row_of([("field0".to_owned(), key), ("field1".to_owned(), value)])))
}

fn from_entries_type(given: &[DataType], _: &[Option<&ScalarValue>]) -> Result<DataType> {
    match element(&given[0])? {
        DataType::Struct(fields) if fields.len() == 2 => {
            Ok(types::map_of(fields[0].data_type().clone(), fields[1].data_type().clone()))
        }
        other => mistyped(format!("map_from_entries takes an array of rows of two, not of {}", types::name(&other))),
    }
}

fn value_type(given: &[DataType], _: &[Option<&ScalarValue>]) -> Result<DataType> {
    match &given[0] {
        DataType::Map(..) => Ok(sides(&given[0])?.1),
        list => match given[1].is_integer() || given[1] == DataType::Null {
            true => element(list),
            false => mistyped(format!("an array has no element at a {}", types::name(&given[1]))),
        },
    }
}

fn map(row: Row, gives: &DataType) -> Answer {
    if !row.has(1) {
        return typed_unique(Vec::new(), gives);
    }
    let (keys, values) = (scalars(&row.elements(0))?, scalars(&row.elements(1))?);
    match keys.len() == values.len() {
        true => typed_unique(keys.into_iter().zip(values).collect(), gives),
        false => bad("map takes as many keys as values"),
    }
}

fn typed_unique(pairs: Vec<(ScalarValue, ScalarValue)>, gives: &DataType) -> Answer {
    let (key, value) = sides(gives)?;
    unique(pairs, &key, &value)
}

/// A map of these; a key that is NULL or repeats is an error.
pub(super) fn unique(pairs: Vec<(ScalarValue, ScalarValue)>, key: &DataType, value: &DataType) -> Answer {
    let mut seen = HashSet::new();
    if pairs.iter().any(|(key, _)| key.is_null()) {
        return bad("a map key is NULL");
    }
    if !pairs.iter().all(|(key, _)| seen.insert(key)) {
        return bad("a map key repeats");
    }
    scalar(pairs, key, value).map(Some)
}

/// A map of these, as they are.
pub(super) fn scalar(pairs: Vec<(ScalarValue, ScalarValue)>, key: &DataType, value: &DataType) -> Result<ScalarValue> {
    let count = pairs.len();
    let (keys, values): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
    let column = |held: Vec<ScalarValue>, kind: &DataType| match held.is_empty() {
        true => Ok(new_empty_array(kind)),
        false => ScalarValue::iter_to_array(held),
    };
    let fields = vec![Field::new("key", key.clone(), false), Field::new("value", value.clone(), true)];
    let columns = vec![column(keys, key)?, column(values, value)?];
    let entries = StructArray::try_new(fields.into(), columns, None)?;
    let field = Arc::new(Field::new("entries", entries.data_type().clone(), false));
    let map = MapArray::try_new(field, OffsetBuffer::from_lengths([count]), entries, None, false)?;
    Ok(ScalarValue::Map(Arc::new(map)))
}

fn looked_up(row: Row, strict: bool) -> Answer {
    if let DataType::Map(..) = row.held(0) {
        let (keys, values) = row.entries(0);
        let (array, at) = row.array(1);
        let wanted = super::cast::convert(&array.slice(at, 1), keys.data_type(), None, false)?;
        let wanted = ScalarValue::try_from_array(&wanted, 0)?;
        return match scalars(&keys)?.iter().position(|key| *key == wanted) {
            Some(found) => present(&values, found),
            None if strict => bad("the map has no such key"),
            None => Ok(None),
        };
    }
    let elements = row.elements(0);
    let (array, at) = row.array(1);
    let place = super::cast::ints(&array.slice(at, 1))?.value(0);
    let found = match place {
        0 => return bad("an array counts from one"),
        behind if behind < 0 && strict => return bad("an array counts from one"),
        behind if behind < 0 => elements.len() as i64 + behind,
        place => place - 1,
    };
    match usize::try_from(found).ok().filter(|found| *found < elements.len()) {
        Some(found) => present(&elements, found),
        None if strict => bad("the array has no element at this place"),
        None => Ok(None),
    }
}

fn present(values: &ArrayRef, at: usize) -> Answer {
    Ok((!values.is_null(at)).then_some(ScalarValue::try_from_array(values, at)?))
}
