//! The aggregates that DataFusion lacks. All of them gather: exact ones, where Trino's are approximate.

use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};

use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::error::Result;

use super::arrays::scalars;
use super::function::{Function, Gives, Takes};
use super::gather::Gather;
use super::row::{Args, array, bad, mistyped};
use super::{cast, maps};
use crate::types;

use Takes::{Any, Double, Int, Number};

/// Those that gather.
pub(super) fn gathering() -> Vec<Gather> {
    vec![
        Gather::new(
            Function::new("max_by", &[Any, Any, Int], Gives::Of(by_type), |args| by(args, Ordering::Greater)).least(2),
        )
        .keep(|columns| best_rows(columns, Ordering::Greater)),
        Gather::new(
            Function::new("min_by", &[Any, Any, Int], Gives::Of(by_type), |args| by(args, Ordering::Less)).least(2),
        )
        .keep(|columns| best_rows(columns, Ordering::Less)),
        Gather::new(
            Function::new("approx_percentile", &[Number, Any, Any], Gives::Of(percentile_type), percentile).least(2),
        ),
        Gather::new(Function::new("map_agg", &[Any, Any], Gives::Of(map_type), map_agg)),
        Gather::new(Function::new("multimap_agg", &[Any, Any], Gives::Of(multimap_type), multimap_agg)),
        Gather::new(Function::new("histogram", &[Any], Gives::Of(histogram_type), histogram)),
        Gather::new(Function::new("geometric_mean", &[Double], Gives::Double, |args| {
            let numbers = cast::doubles(&args.arrays[0])?;
            let logs: Vec<f64> = numbers.iter().flatten().map(f64::ln).collect();
            let mean = logs.iter().sum::<f64>() / logs.len() as f64;
            one((!logs.is_empty()).then(|| ScalarValue::from(mean.exp())), args)
        })),
        Gather::new(Function::new(
            "set_agg",
            &[Any],
            Gives::Of(|given, _| Ok(types::array_of(given[0].clone()))),
            |args| {
                let mut seen = HashSet::new();
                let distinct: Vec<_> =
                    scalars(&args.arrays[0])?.into_iter().filter(|value| seen.insert(value.clone())).collect();
                match distinct.is_empty() {
                    true => one(None, args),
                    false => one(array(distinct, args.arrays[0].data_type())?, args),
                }
            },
        )),
    ]
}

/// The one row of an aggregate.
fn one(answer: Option<ScalarValue>, args: &Args) -> Result<ArrayRef> {
    answer.map_or_else(|| ScalarValue::try_from(&args.gives), Ok)?.to_array_of_size(1)
}

fn by_type(given: &[DataType], _: &[Option<&ScalarValue>]) -> Result<DataType> {
    Ok(if given.len() == 3 { types::array_of(given[0].clone()) } else { given[0].clone() })
}

/// How many rows `max_by(value, key, count)` gives; one without a count.
fn wanted(columns: &[ArrayRef]) -> Result<usize> {
    match columns.get(2) {
        Some(counts) if !counts.is_empty() => match usize::try_from(cast::ints(counts)?.value(0)) {
            Ok(count) if (1..=10_000).contains(&count) => Ok(count),
            _ => bad("the third argument of max_by and min_by lies between 1 and 10000"),
        },
        _ => Ok(1),
    }
}

fn best_rows(columns: &[ArrayRef], wanted_order: Ordering) -> Result<Vec<u32>> {
    let keys = scalars(&columns[1])?;
    let mut rows: Vec<u32> = (0..keys.len() as u32).filter(|row| !keys[*row as usize].is_null()).collect();
    rows.sort_by(|left, right| {
        let order = keys[*left as usize].partial_cmp(&keys[*right as usize]).unwrap_or(Ordering::Equal);
        if wanted_order == Ordering::Greater { order.reverse() } else { order }
    });
    rows.truncate(wanted(columns)?);
    Ok(rows)
}

fn by(args: &Args, wanted_order: Ordering) -> Result<ArrayRef> {
    let rows = best_rows(&args.arrays, wanted_order)?;
    let values = rows.iter().map(|row| ScalarValue::try_from_array(&args.arrays[0], *row as usize));
    let mut values = values.collect::<Result<Vec<_>>>()?;
    match args.arrays.len() {
        3 if !values.is_empty() => one(array(values, args.arrays[0].data_type())?, args),
        3 => one(None, args),
        _ => one(values.pop(), args),
    }
}

fn percentile_type(given: &[DataType], _: &[Option<&ScalarValue>]) -> Result<DataType> {
    match given.last() {
        Some(DataType::List(_)) => Ok(types::array_of(given[0].clone())),
        Some(share) if share.is_numeric() => Ok(given[0].clone()),
        _ => mistyped("approx_percentile takes a number, an optional weight, and one share or an array of them"),
    }
}

/// Exact: the value below which that share of the rows lies.
fn percentile(args: &Args) -> Result<ArrayRef> {
    let weighted = args.arrays.len() == 3;
    let last = &args.arrays[args.arrays.len() - 1];
    let weights = if weighted { Some(cast::doubles(&args.arrays[1])?) } else { None };
    let values = scalars(&args.arrays[0])?;
    let weight = |row: usize| weights.as_ref().map_or(1.0, |weights| weights.value(row));
    let mut rows: Vec<usize> = (0..values.len()).filter(|row| !values[*row].is_null()).collect();
    rows.sort_by(|left, right| values[*left].partial_cmp(&values[*right]).unwrap_or(Ordering::Equal));
    let total: f64 = rows.iter().map(|row| weight(*row)).sum();
    let at = |share: f64| -> Result<ScalarValue> {
        if !(0.0..=1.0).contains(&share) {
            return bad("a percentile lies between 0 and 1");
        }
        let mut passed = 0.0;
        let found = rows.iter().find(|row| {
            passed += weight(**row);
            passed >= share * total && passed > 0.0 && (share * total < passed || share == 1.0)
        });
        Ok(found.or(rows.last()).map_or(ScalarValue::Null, |row| values[*row].clone()))
    };
    if rows.is_empty() {
        return one(None, args);
    }
    match last.data_type() {
        DataType::List(_) => {
            let shares = cast::doubles(&last.as_list::<i32>().value(0))?;
            let found = shares.iter().flatten().map(at).collect::<Result<Vec<_>>>()?;
            one(array(found, args.arrays[0].data_type())?, args)
        }
        _ => one(Some(at(cast::doubles(last)?.value(0))?), args),
    }
}

fn map_type(given: &[DataType], _: &[Option<&ScalarValue>]) -> Result<DataType> {
    Ok(types::map_of(given[0].clone(), given[1].clone()))
}

fn multimap_type(given: &[DataType], _: &[Option<&ScalarValue>]) -> Result<DataType> {
    Ok(types::map_of(given[0].clone(), types::array_of(given[1].clone())))
}

fn histogram_type(given: &[DataType], _: &[Option<&ScalarValue>]) -> Result<DataType> {
    Ok(types::map_of(given[0].clone(), DataType::Int64))
}

/// The values of each key, in the order in which the keys first came.
fn grouped(keys: &ArrayRef, values: Option<&ArrayRef>) -> Result<Vec<(ScalarValue, Vec<ScalarValue>)>> {
    let mut places: HashMap<ScalarValue, usize> = HashMap::new();
    let mut groups: Vec<(ScalarValue, Vec<ScalarValue>)> = Vec::new();
    for (row, key) in scalars(keys)?.into_iter().enumerate().filter(|(_, key)| !key.is_null()) {
        let value = values.map_or(Ok(ScalarValue::Null), |values| ScalarValue::try_from_array(values, row))?;
        let place = *places.entry(key.clone()).or_insert_with(|| {
            groups.push((key, Vec::new()));
            groups.len() - 1
        });
        groups[place].1.push(value);
    }
    Ok(groups)
}

fn map_agg(args: &Args) -> Result<ArrayRef> {
    let groups = grouped(&args.arrays[0], Some(&args.arrays[1]))?;
    if groups.is_empty() {
        return one(None, args);
    }
    let pairs = groups.into_iter().map(|(key, mut values)| (key, values.swap_remove(0))).collect();
    one(Some(maps::scalar(pairs, args.arrays[0].data_type(), args.arrays[1].data_type())?), args)
}

fn multimap_agg(args: &Args) -> Result<ArrayRef> {
    let held = args.arrays[1].data_type();
    let groups = grouped(&args.arrays[0], Some(&args.arrays[1]))?;
    if groups.is_empty() {
        return one(None, args);
    }
    let list = |values: Vec<ScalarValue>| ScalarValue::List(ScalarValue::new_list(&values, held, true));
    let pairs = groups.into_iter().map(|(key, values)| (key, list(values))).collect();
    one(Some(maps::scalar(pairs, args.arrays[0].data_type(), &types::array_of(held.clone()))?), args)
}

fn histogram(args: &Args) -> Result<ArrayRef> {
    let groups = grouped(&args.arrays[0], None)?;
    if groups.is_empty() {
        return one(None, args);
    }
    let pairs = groups.into_iter().map(|(key, values)| (key, ScalarValue::from(values.len() as i64))).collect();
    one(Some(maps::scalar(pairs, args.arrays[0].data_type(), &DataType::Int64)?), args)
}
