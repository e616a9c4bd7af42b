//! DataFusion's own functions by Trino's names, and what brings their results into Trino's types.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, ListArray, MapArray, StructArray};
use datafusion::arrow::compute;
use datafusion::arrow::datatypes::DataType;
use datafusion::error::Result;
use datafusion::functions::core;
use datafusion::functions_aggregate as theirs;
use datafusion::functions_nested as nested;
use datafusion::functions_window as window;
use datafusion::logical_expr::{AggregateUDF, HigherOrderUDF, ScalarUDF, WindowUDF};

use super::cast;
use super::function::{Function, Gives, Takes};
use super::row::mistyped;
use crate::types;

/// What the planner wraps around DataFusion's functions.
pub(super) fn own() -> Vec<Function> {
    vec![
        Function::new(
            "row",
            &[Takes::Any],
            Gives::Of(|given, _| {
                let field = |(place, held): (usize, &DataType)| (format!("field{place}"), held.clone());
                Ok(types::row_of(given.iter().enumerate().map(field)))
            }),
            |args| match &args.gives {
                DataType::Struct(fields) => {
                    Ok(Arc::new(StructArray::try_new(fields.clone(), args.arrays.clone(), None)?) as ArrayRef)
                }
                other => mistyped(format!("row gives no {}", types::name(other))),
            },
        )
        .many(),
        // A column of a file in the engine's form of its type.
        Function::new("$file", &[Takes::Any], Gives::Of(|given, _| Ok(types::canonical(&given[0]))), |args| {
            own_form(&args.arrays[0], &args.gives)
        }),
        // row_number() and its like count in unsigned numbers.
        Function::new("$whole", &[Takes::Int], Gives::Int, |args| Ok(args.arrays[0].clone())),
        // A sum of decimals has every digit that a decimal may have.
        Function::new(
            "$sum",
            &[Takes::Any],
            Gives::Of(|given, _| {
                Ok(match &given[0] {
                    DataType::Decimal128(_, scale) => DataType::Decimal128(types::PRECISION_MAX, *scale),
                    other => other.clone(),
                })
            }),
            |args| cast::convert(&args.arrays[0], &args.gives, None, false),
        ),
        // DataFusion gives an average four digits more than its decimals have.
        Function::new(
            "$average",
            &[Takes::Any],
            Gives::Of(|given, _| {
                Ok(match &given[0] {
                    DataType::Decimal128(precision, scale) => {
                        DataType::Decimal128(precision.saturating_sub(4).max(1), scale.saturating_sub(4).max(0))
                    }
                    other => other.clone(),
                })
            }),
            |args| cast::convert(&args.arrays[0], &args.gives, None, false),
        ),
    ]
}

/// The same values in the engine's form: fields keep their places, and text is text.
fn own_form(from: &ArrayRef, to: &DataType) -> Result<ArrayRef> {
    match (from.data_type(), to) {
        (held, to) if held == to => Ok(from.clone()),
        (DataType::Struct(_), DataType::Struct(fields)) => {
            let row = from.as_struct();
            let columns = row.columns().iter().zip(fields).map(|(column, field)| own_form(column, field.data_type()));
            let columns = columns.collect::<Result<Vec<_>>>()?;
            Ok(Arc::new(StructArray::try_new(fields.clone(), columns, row.nulls().cloned())?))
        }
        (DataType::LargeList(field) | DataType::FixedSizeList(field, _), DataType::List(_)) => {
            own_form(&compute::cast(from, &DataType::List(field.clone()))?, to)
        }
        (DataType::List(_), DataType::List(field)) => {
            let list = from.as_list::<i32>();
            let values = own_form(list.values(), field.data_type())?;
            Ok(Arc::new(ListArray::try_new(field.clone(), list.offsets().clone(), values, list.nulls().cloned())?))
        }
        (DataType::Map(..), DataType::Map(field, ordered)) => {
            let map = from.as_map();
            let entries: ArrayRef = Arc::new(map.entries().clone());
            let entries = own_form(&entries, field.data_type())?.as_struct().clone();
            let nulls = map.nulls().cloned();
            Ok(Arc::new(MapArray::try_new(field.clone(), map.offsets().clone(), entries, nulls, *ordered)?))
        }
        _ => Ok(compute::cast(from, to)?),
    }
}

pub(super) fn scalars() -> Vec<(&'static str, Arc<ScalarUDF>)> {
    vec![("coalesce", core::coalesce()), ("$field", core::get_field())]
}

pub(super) fn lambdas() -> Vec<(&'static str, Arc<HigherOrderUDF>)> {
    vec![
        ("transform", nested::array_transform::array_transform_higher_order_function()),
        ("filter", nested::array_filter::array_filter_higher_order_function()),
        ("any_match", nested::array_any_match::array_any_match_higher_order_function()),
    ]
}

pub(super) fn windows() -> Vec<(&'static str, Arc<WindowUDF>)> {
    vec![
        ("row_number", window::row_number::row_number_udwf()),
        ("rank", window::rank::rank_udwf()),
        ("dense_rank", window::rank::dense_rank_udwf()),
        ("percent_rank", window::rank::percent_rank_udwf()),
        ("cume_dist", window::cume_dist::cume_dist_udwf()),
        ("ntile", window::ntile::ntile_udwf()),
        ("lag", window::lead_lag::lag_udwf()),
        ("lead", window::lead_lag::lead_udwf()),
        ("first_value", window::nth_value::first_value_udwf()),
        ("last_value", window::nth_value::last_value_udwf()),
        ("nth_value", window::nth_value::nth_value_udwf()),
    ]
}

pub(super) fn aggregates() -> Vec<(&'static str, Arc<AggregateUDF>)> {
    vec![
        ("count", theirs::count::count_udaf()),
        ("sum", theirs::sum::sum_udaf()),
        ("avg", theirs::average::avg_udaf()),
        ("min", theirs::min_max::min_udaf()),
        ("max", theirs::min_max::max_udaf()),
        ("array_agg", theirs::array_agg::array_agg_udaf()),
        ("string_agg", theirs::string_agg::string_agg_udaf()),
        ("arbitrary", theirs::any_value::any_value_udaf()),
        ("any_value", theirs::any_value::any_value_udaf()),
        ("bool_and", theirs::bool_and_or::bool_and_udaf()),
        ("every", theirs::bool_and_or::bool_and_udaf()),
        ("bool_or", theirs::bool_and_or::bool_or_udaf()),
        ("bitwise_and_agg", theirs::bit_and_or_xor::bit_and_udaf()),
        ("bitwise_or_agg", theirs::bit_and_or_xor::bit_or_udaf()),
        ("bitwise_xor_agg", theirs::bit_and_or_xor::bit_xor_udaf()),
        ("stddev", theirs::stddev::stddev_udaf()),
        ("stddev_samp", theirs::stddev::stddev_udaf()),
        ("stddev_pop", theirs::stddev::stddev_pop_udaf()),
        ("variance", theirs::variance::var_samp_udaf()),
        ("var_samp", theirs::variance::var_samp_udaf()),
        ("var_pop", theirs::variance::var_pop_udaf()),
        ("corr", theirs::correlation::corr_udaf()),
        ("covar_samp", theirs::covariance::covar_samp_udaf()),
        ("covar_pop", theirs::covariance::covar_pop_udaf()),
        ("regr_slope", theirs::regr::regr_slope_udaf()),
        ("regr_intercept", theirs::regr::regr_intercept_udaf()),
        ("grouping", theirs::grouping::grouping_udaf()),
        ("first_value", theirs::first_last::first_value_udaf()),
        ("last_value", theirs::first_last::last_value_udaf()),
        ("nth_value", theirs::nth_value::nth_value_udaf()),
    ]
}
