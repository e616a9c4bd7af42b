//! Aggregates that gather the values of a group and reckon with them at its end.
//!
//! What they hold counts against the statement's memory. Those that need only a few of the values (`keep`) let the rest go
//! as they come.

use std::collections::HashSet;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, ListArray, UInt32Array, new_empty_array};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::compute::{concat, take};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::ScalarValue;
use datafusion::error::Result;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::{AggregateOrderSensitivity, format_state_name};
use datafusion::logical_expr::{Accumulator, AggregateUDF, AggregateUDFImpl, ScalarUDFImpl, Signature};

use super::function::Function;
use super::row::Args;

/// So many parts of a group are held before they are joined.
const PARTS_MAX: usize = 64;

/// Which rows of the gathered ones are still needed.
type Keep = fn(&[ArrayRef]) -> Result<Vec<u32>>;

/// An aggregate: its function gets all rows of a group, and gives one.
#[derive(Clone)]
pub(super) struct Gather {
    function: Function,
    keep: Option<Keep>,
}

impl Gather {
    pub(super) fn new(function: Function) -> Self {
        Gather { function, keep: None }
    }

    pub(super) fn keep(mut self, keep: Keep) -> Self {
        self.keep = Some(keep);
        self
    }

    pub(super) fn udaf(self) -> (&'static str, Arc<AggregateUDF>) {
        (self.function.name(), Arc::new(AggregateUDF::new_from_impl(self)))
    }
}

impl std::fmt::Debug for Gather {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.function.fmt(f)
    }
}

impl PartialEq for Gather {
    fn eq(&self, other: &Self) -> bool {
        self.function == other.function
    }
}

impl Eq for Gather {}

impl Hash for Gather {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.function.hash(state);
    }
}

impl AggregateUDFImpl for Gather {
    fn name(&self) -> &str {
        self.function.name()
    }

    fn signature(&self) -> &Signature {
        self.function.signature()
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        self.function.coerce_types(given)
    }

    fn return_type(&self, given: &[DataType]) -> Result<DataType> {
        self.function.return_type(given)
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        let state = |(place, field): (usize, &FieldRef)| {
            let list = DataType::new_list(field.data_type().clone(), true);
            Arc::new(Field::new(format_state_name(args.name, &place.to_string()), list, true))
        };
        Ok(args.input_fields.iter().enumerate().map(state).collect())
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(Gathered {
            gather: self.clone(),
            types: args.expr_fields.iter().map(|field| field.data_type().clone()).collect(),
            gives: args.return_field.data_type().clone(),
            distinct: args.is_distinct,
            parts: Vec::new(),
            bytes: 0,
        }))
    }
}

/// The rows of one group.
#[derive(Debug)]
struct Gathered {
    gather: Gather,
    types: Vec<DataType>,
    gives: DataType,
    distinct: bool,
    parts: Vec<Vec<ArrayRef>>,
    bytes: usize,
}

impl Gathered {
    fn push(&mut self, part: Vec<ArrayRef>) -> Result<()> {
        if part.first().is_none_or(|column| column.is_empty()) {
            return Ok(());
        }
        self.bytes += size_of_part(&part);
        self.parts.push(part);
        if self.gather.keep.is_some() || self.parts.len() > PARTS_MAX {
            self.join()?;
        }
        Ok(())
    }

    /// Makes one part of all, without the rows that are not needed.
    fn join(&mut self) -> Result<Vec<ArrayRef>> {
        let column = |place: usize| -> Result<ArrayRef> {
            let parts: Vec<&dyn Array> = self.parts.iter().map(|part| part[place].as_ref()).collect();
            match parts.is_empty() {
                true => Ok(new_empty_array(&self.types[place])),
                false => Ok(concat(&parts)?),
            }
        };
        let mut columns = (0..self.types.len()).map(column).collect::<Result<Vec<_>>>()?;
        let kept = match (self.gather.keep, self.distinct) {
            (Some(keep), _) => Some(keep(&columns)?),
            (None, true) => Some(distinct(&columns)?),
            (None, false) => None,
        };
        if let Some(kept) = kept {
            let kept = UInt32Array::from(kept);
            columns = columns.iter().map(|column| take(column, &kept, None)).collect::<std::result::Result<_, _>>()?;
        }
        self.bytes = size_of_part(&columns);
        self.parts = if self.bytes == 0 { Vec::new() } else { vec![columns.clone()] };
        Ok(columns)
    }
}

fn size_of_part(part: &[ArrayRef]) -> usize {
    let held = |column: &ArrayRef| column.to_data().get_slice_memory_size().unwrap_or(0) + size_of::<ArrayRef>();
    part.iter().map(held).sum()
}

fn distinct(columns: &[ArrayRef]) -> Result<Vec<u32>> {
    let mut seen = HashSet::new();
    let mut kept = Vec::new();
    for row in 0..columns.first().map_or(0, |column| column.len()) {
        let values =
            columns.iter().map(|column| ScalarValue::try_from_array(column, row)).collect::<Result<Vec<_>>>()?;
        if seen.insert(values) {
            kept.push(row as u32);
        }
    }
    Ok(kept)
}

impl Accumulator for Gathered {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.push(values.to_vec())
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let lists: Vec<_> = states.iter().map(|state| state.as_list::<i32>()).collect();
        for row in 0..lists.first().map_or(0, |list| list.len()) {
            if lists.iter().all(|list| !list.is_null(row)) {
                self.push(lists.iter().map(|list| list.value(row)).collect())?;
            }
        }
        Ok(())
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let columns = self.join()?;
        let list = |column: ArrayRef| {
            let field = Arc::new(Field::new_list_field(column.data_type().clone(), true));
            let offsets = OffsetBuffer::from_lengths([column.len()]);
            let list = ListArray::try_new(field, offsets, column, None)?;
            Ok(ScalarValue::List(Arc::new(list)))
        };
        columns.into_iter().map(list).collect()
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let arrays = self.join()?;
        let rows = arrays.first().map_or(0, |column| column.len());
        let answer = self.gather.function.run(&Args { arrays, rows, gives: self.gives.clone(), attempt: false })?;
        ScalarValue::try_from_array(&answer, 0)
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.bytes
    }
}
