//! What every function is made of: a name, what it takes, what it gives, and how a batch is computed.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, new_empty_array};
use datafusion::arrow::compute::concat;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::ScalarValue;
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use super::row::{Args, BATCH_MAX, batch_room, size};
use crate::Error;
use crate::types::{self, DAY_TO_SECOND, JSON, TIMESTAMP, VARCHAR};

/// What one argument may be; it arrives in the form that stands beside it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Takes {
    /// varchar: Utf8.
    Text,
    /// Any whole number: Int64.
    Int,
    /// Any number: Float64.
    Double,
    /// Any number, as it is.
    Number,
    /// varbinary: Binary.
    Bytes,
    /// date or timestamp, with or without zone: Timestamp(ms).
    Instant,
    /// date or timestamp, as it is.
    Temporal,
    /// interval day to second: Duration(ms).
    Span,
    /// json: LargeUtf8.
    Json,
    /// json or varchar, as it is.
    JsonOrText,
    /// An array, as it is.
    Array,
    /// A map, as it is.
    Map,
    /// An array or a map, as it is.
    Collection,
    /// Anything, as it is.
    Any,
    /// Anything; all arguments that say so get one type.
    Alike,
}

impl Takes {
    /// The form in which an argument of this type arrives; none if it may not come.
    fn form(self, given: &DataType) -> Option<DataType> {
        let number = given.is_numeric();
        let temporal = matches!(given, DataType::Timestamp(..) | DataType::Date32);
        let null = *given == DataType::Null;
        match self {
            Takes::Text => (null || *given == VARCHAR).then_some(VARCHAR),
            Takes::Int => (null || given.is_integer()).then_some(DataType::Int64),
            Takes::Double => (null || number).then_some(DataType::Float64),
            Takes::Number if null => Some(DataType::Float64),
            Takes::Number => number.then(|| given.clone()),
            Takes::Bytes => (null || *given == DataType::Binary).then_some(DataType::Binary),
            Takes::Instant if null || *given == DataType::Date32 => Some(TIMESTAMP),
            Takes::Temporal if null => Some(TIMESTAMP),
            Takes::Instant | Takes::Temporal => temporal.then(|| given.clone()),
            Takes::Span => (null || *given == DAY_TO_SECOND).then_some(DAY_TO_SECOND),
            Takes::Json => (null || *given == JSON).then_some(JSON),
            Takes::JsonOrText if null => Some(VARCHAR),
            Takes::JsonOrText => matches!(given, DataType::Utf8 | DataType::LargeUtf8).then(|| given.clone()),
            Takes::Array if null => Some(types::array_of(DataType::Null)),
            Takes::Array => matches!(given, DataType::List(_)).then(|| given.clone()),
            Takes::Map => matches!(given, DataType::Map(..)).then(|| given.clone()),
            Takes::Collection => matches!(given, DataType::List(_) | DataType::Map(..)).then(|| given.clone()),
            Takes::Any | Takes::Alike => Some(given.clone()),
        }
    }

    fn word(self) -> &'static str {
        match self {
            Takes::Text => "varchar",
            Takes::Int => "bigint",
            Takes::Double => "double",
            Takes::Number => "number",
            Takes::Bytes => "varbinary",
            Takes::Instant | Takes::Temporal => "date or timestamp",
            Takes::Span => "interval day to second",
            Takes::Json => "json",
            Takes::JsonOrText => "json or varchar",
            Takes::Array => "array",
            Takes::Map => "map",
            Takes::Collection => "array or map",
            Takes::Any | Takes::Alike => "any",
        }
    }
}

/// The type of a result, from the types of the arguments and the values of those that are constant.
pub(crate) type Typed = fn(&[DataType], &[Option<&ScalarValue>]) -> Result<DataType>;

/// What a function gives.
#[derive(Clone, Copy)]
pub(crate) enum Gives {
    /// varchar.
    Text,
    /// bigint.
    Int,
    /// double.
    Double,
    /// boolean.
    Boolean,
    /// varbinary.
    Bytes,
    /// date.
    Date,
    /// timestamp(3).
    Timestamp,
    /// timestamp(3) with time zone, in UTC.
    Zoned,
    /// json.
    Json,
    /// array(varchar).
    Texts,
    /// The type of the argument at this place.
    Same(usize),
    /// What this tells.
    Of(Typed),
}

/// How a batch is computed.
type Run = dyn Fn(&Args) -> Result<ArrayRef> + Send + Sync;

/// One function.
#[derive(Clone)]
pub(crate) struct Function {
    name: &'static str,
    takes: &'static [Takes],
    /// How many arguments must be there; more than `takes` has are as its last.
    least: usize,
    many: bool,
    gives: Gives,
    run: Arc<Run>,
    /// Errors of a row give NULL: inside `TRY`.
    attempt: bool,
    signature: Signature,
}

impl Function {
    pub(crate) fn new(
        name: &'static str,
        takes: &'static [Takes],
        gives: Gives,
        run: impl Fn(&Args) -> Result<ArrayRef> + Send + Sync + 'static,
    ) -> Self {
        let signature = Signature::user_defined(Volatility::Immutable);
        Function { name, takes, least: takes.len(), many: false, gives, run: Arc::new(run), attempt: false, signature }
    }

    /// The last arguments may be left out, down to this many.
    pub(crate) fn least(mut self, least: usize) -> Self {
        self.least = least;
        self
    }

    /// The last argument may come again and again.
    pub(crate) fn many(mut self) -> Self {
        self.many = true;
        self
    }

    /// Each row gets an answer of its own: `random()`.
    pub(crate) fn volatile(mut self) -> Self {
        self.signature.volatility = Volatility::Volatile;
        self
    }

    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    pub(crate) fn udf(self, attempt: bool) -> Arc<ScalarUDF> {
        Arc::new(ScalarUDF::new_from_impl(Function { attempt, ..self }))
    }

    /// Computes one batch.
    pub(crate) fn run(&self, args: &Args) -> Result<ArrayRef> {
        (self.run)(args)
    }

    fn misused(&self, given: &[DataType]) -> DataFusionError {
        let given: Vec<_> = given.iter().map(types::name).collect();
        let takes: Vec<_> = self.takes.iter().map(|takes| takes.word()).collect();
        let optional = if self.many { ", ..." } else { "" };
        let what = self.name.strip_prefix('$').map_or(format!("function {}", self.name), |inner| inner.to_owned());
        Error::Type(format!("{what} does not take ({}); it takes ({}{optional})", given.join(", "), takes.join(", ")))
            .into()
    }
}

impl std::fmt::Debug for Function {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

impl PartialEq for Function {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.attempt == other.attempt
    }
}

impl Eq for Function {}

impl Hash for Function {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.name, self.attempt).hash(state);
    }
}

impl ScalarUDFImpl for Function {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        let fits = given.len() >= self.least && (self.many || given.len() <= self.takes.len());
        let last = self.takes.last().copied().unwrap_or(Takes::Any);
        let takes = |place: usize| self.takes.get(place).copied().unwrap_or(last);
        let forms: Option<Vec<_>> = given.iter().enumerate().map(|(place, held)| takes(place).form(held)).collect();
        let Some(mut forms) = forms.filter(|_| fits) else { return Err(self.misused(given)) };
        let alike: Vec<_> = (0..forms.len()).filter(|place| takes(*place) == Takes::Alike).collect();
        if let Some(first) = alike.first() {
            let common =
                alike.iter().try_fold(forms[*first].clone(), |common, place| super::alike(&common, &forms[*place]));
            let common = common.ok_or_else(|| self.misused(given))?;
            alike.iter().for_each(|place| forms[*place] = common.clone());
        }
        Ok(forms)
    }

    fn return_type(&self, given: &[DataType]) -> Result<DataType> {
        self.typed(given, &vec![None; given.len()])
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        let given: Vec<_> = args.arg_fields.iter().map(|field| field.data_type().clone()).collect();
        Ok(Arc::new(Field::new(self.name, self.typed(&given, args.scalar_arguments)?, true)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let volatile = self.signature.volatility == Volatility::Volatile;
        let constant = !volatile && args.args.iter().all(|arg| matches!(arg, ColumnarValue::Scalar(_)));
        let rows = if constant { 1 } else { args.number_rows };
        if rows == 0 {
            return Ok(ColumnarValue::Array(new_empty_array(args.return_field.data_type())));
        }
        let answer = self.in_pieces(&args, rows)?;
        Ok(match constant {
            true => ColumnarValue::Scalar(ScalarValue::try_from_array(&answer, 0)?),
            false => ColumnarValue::Array(answer),
        })
    }
}

impl Function {
    /// Computes so many rows. A constant becomes a column for them: of a long one, for few rows at a time.
    fn in_pieces(&self, args: &ScalarFunctionArgs, rows: usize) -> Result<ArrayRef> {
        let constants = args.args.iter().map(|arg| match arg {
            ColumnarValue::Scalar(value) => size(value),
            ColumnarValue::Array(_) => 0,
        });
        let at_once = (BATCH_MAX / constants.sum::<usize>().max(1)).clamp(1, rows);
        let (mut pieces, mut bytes) = (Vec::new(), 0);
        for from in (0..rows).step_by(at_once) {
            let count = at_once.min(rows - from);
            let arrays = args.args.iter().map(|arg| match arg {
                ColumnarValue::Scalar(value) => value.to_array_of_size(count),
                ColumnarValue::Array(array) => Ok(array.slice(from, count)),
            });
            let (arrays, gives) = (arrays.collect::<Result<Vec<_>>>()?, args.return_field.data_type().clone());
            let piece = self.run(&Args { arrays, rows: count, gives, attempt: self.attempt })?;
            if at_once == rows {
                return Ok(piece);
            }
            bytes += piece.to_data().get_slice_memory_size().unwrap_or(0);
            batch_room(bytes)?;
            pieces.push(piece);
        }
        Ok(concat(&pieces.iter().map(|piece| piece.as_ref()).collect::<Vec<_>>())?)
    }

    fn typed(&self, given: &[DataType], constants: &[Option<&ScalarValue>]) -> Result<DataType> {
        Ok(match self.gives {
            Gives::Text => VARCHAR,
            Gives::Int => DataType::Int64,
            Gives::Double => DataType::Float64,
            Gives::Boolean => DataType::Boolean,
            Gives::Bytes => DataType::Binary,
            Gives::Date => DataType::Date32,
            Gives::Timestamp => TIMESTAMP,
            Gives::Zoned => types::zoned("UTC"),
            Gives::Json => JSON,
            Gives::Texts => types::array_of(VARCHAR),
            Gives::Same(place) => given.get(place).cloned().unwrap_or(DataType::Null),
            Gives::Of(typed) => typed(given, constants)?,
        })
    }
}
