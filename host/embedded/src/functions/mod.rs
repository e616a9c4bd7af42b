//! Trino's functions, by theme. A name with `$` in front is an operator or a form of the grammar: the statement's rewriting
//! calls it, and refuses such names in a statement.

mod aggregates;
mod arithmetic;
mod arrays;
mod bytes;
mod cast;
mod date_formats;
mod dates;
mod function;
mod gather;
mod json;
mod json_cast;
mod maps;
mod maths;
mod moments;
mod native;
mod regex;
pub(crate) mod row;
mod text;
mod url;

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use datafusion::arrow::datatypes::{DataType, TimeUnit};
use datafusion::logical_expr::{AggregateUDF, HigherOrderUDF, ScalarUDF, WindowUDF};

use crate::types;

pub(crate) use dates::PARTS;

/// Every function, by its name in lower case.
#[derive(Debug)]
pub(crate) struct Functions {
    pub(crate) scalars: HashMap<&'static str, Arc<ScalarUDF>>,
    /// The same as `TRY` calls them: a row's error is NULL.
    pub(crate) attempts: HashMap<&'static str, Arc<ScalarUDF>>,
    pub(crate) aggregates: HashMap<&'static str, Arc<AggregateUDF>>,
    pub(crate) windows: HashMap<&'static str, Arc<WindowUDF>>,
    /// Those that take a lambda.
    pub(crate) lambdas: HashMap<&'static str, Arc<HigherOrderUDF>>,
}

/// All functions of the engine.
pub(crate) static FUNCTIONS: LazyLock<Functions> = LazyLock::new(|| {
    let themes = [
        arithmetic::all(),
        arrays::all(),
        bytes::all(),
        cast::all(),
        date_formats::all(),
        dates::all(),
        json::all(),
        maps::all(),
        maths::all(),
        regex::all(),
        text::all(),
        url::all(),
        native::own(),
    ];
    let own: Vec<_> = themes.into_iter().flatten().collect();
    let named = |attempt: bool| own.iter().cloned().map(move |function| (function.name(), function.udf(attempt)));
    Functions {
        scalars: named(false).chain(native::scalars()).collect(),
        attempts: named(true).chain(native::scalars()).collect(),
        aggregates: native::aggregates()
            .into_iter()
            .chain(aggregates::gathering().into_iter().map(gather::Gather::udaf))
            .collect(),
        windows: native::windows().into_iter().collect(),
        lambdas: native::lambdas().into_iter().collect(),
    }
});

impl Functions {
    /// True if a statement may call it.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.scalars.contains_key(name)
            || self.aggregates.contains_key(name)
            || self.windows.contains_key(name)
            || self.lambdas.contains_key(name)
    }

    /// Every name that a statement may call.
    pub(crate) fn names(&self) -> impl Iterator<Item = &'static str> {
        let all =
            self.scalars.keys().chain(self.aggregates.keys()).chain(self.windows.keys()).chain(self.lambdas.keys());
        all.copied().filter(|name| !name.starts_with('$'))
    }
}

/// The type that two values share without a cast that the statement would have to write; none if they share none.
pub(crate) fn alike(left: &DataType, right: &DataType) -> Option<DataType> {
    use DataType::{Date32, Decimal128, Float32, Float64, List, Null, Struct, Timestamp};
    let exact = |held: &DataType| match held {
        Decimal128(precision, scale) => Some((*precision, *scale)),
        DataType::Int8 => Some((3, 0)),
        DataType::Int16 => Some((5, 0)),
        DataType::Int32 => Some((10, 0)),
        DataType::Int64 => Some((19, 0)),
        _ => None,
    };
    match (left, right) {
        (left, right) if left == right => Some(left.clone()),
        (Null, other) | (other, Null) => Some(other.clone()),
        (left, right) if left.is_integer() && right.is_integer() => {
            Some(if left.primitive_width() >= right.primitive_width() { left.clone() } else { right.clone() })
        }
        (Float64, other) | (other, Float64) if other.is_numeric() => Some(Float64),
        (Float32, other) | (other, Float32) if other.is_numeric() => Some(Float32),
        (Date32, Timestamp(..)) => Some(right.clone()),
        (Timestamp(..), Date32) => Some(left.clone()),
        (Timestamp(_, zone), Timestamp(_, None)) | (Timestamp(_, None), Timestamp(_, zone)) => {
            Some(Timestamp(TimeUnit::Millisecond, zone.clone()))
        }
        (Timestamp(_, Some(_)), Timestamp(_, Some(_))) => Some(types::zoned("UTC")),
        (List(left), List(right)) => alike(left.data_type(), right.data_type()).map(types::array_of),
        (Struct(left), Struct(right)) if left.len() == right.len() => {
            let fields = left.iter().zip(right).map(|(left, right)| {
                alike(left.data_type(), right.data_type()).map(|held| (left.name().clone(), held))
            });
            fields.collect::<Option<Vec<_>>>().map(types::row_of)
        }
        (left, right) => {
            let ((p1, s1), (p2, s2)) = (exact(left)?, exact(right)?);
            let scale = s1.max(s2);
            let whole = (i16::from(p1) - i16::from(s1)).max(i16::from(p2) - i16::from(s2));
            let precision = (whole + i16::from(scale)).min(i16::from(types::PRECISION_MAX));
            Some(Decimal128(precision as u8, scale))
        }
    }
}
