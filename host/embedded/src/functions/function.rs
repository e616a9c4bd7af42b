//! What every function is made of: a name, what it takes, what it gives, and how one row is computed.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::arrow::array::timezone::Tz;
use datafusion::arrow::array::{Array, ArrayRef, AsArray, new_empty_array};
use datafusion::arrow::datatypes::{
    DataType, Date32Type, DurationMillisecondType, Field, FieldRef, Float64Type, Int64Type, IntervalYearMonthType,
    TimestampMillisecondType,
};
use datafusion::common::ScalarValue;
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use crate::types::{self, DAY_TO_SECOND, JSON, TIMESTAMP, VARCHAR, YEAR_TO_MONTH};
use crate::{Error, moment};

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
            let common = alike.iter().try_fold(forms[*first].clone(), |common, place| super::alike(&common, &forms[*place]));
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
        let arrays = args.args.into_iter().map(|arg| arg.into_array(rows)).collect::<Result<Vec<_>>>()?;
        let gives = args.return_field.data_type().clone();
        let answer = (self.run)(&Args { arrays, rows, gives, attempt: self.attempt })?;
        Ok(match constant {
            true => ColumnarValue::Scalar(ScalarValue::try_from_array(&answer, 0)?),
            false => ColumnarValue::Array(answer),
        })
    }
}

impl Function {
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

/// The arguments of one batch.
pub(crate) struct Args {
    pub(crate) arrays: Vec<ArrayRef>,
    pub(crate) rows: usize,
    /// The type of the result.
    pub(crate) gives: DataType,
    /// Errors of a row give NULL: inside `TRY`.
    pub(crate) attempt: bool,
}

/// What one row gives; none is NULL.
pub(crate) type Answer = Result<Option<ScalarValue>>;

impl Args {
    /// Computes each row by itself; a NULL argument gives NULL. There is always a row.
    pub(crate) fn each(&self, mut row: impl FnMut(Row) -> Answer) -> Result<ArrayRef> {
        self.each_null(|own| if own.any_null() { Ok(None) } else { row(own) })
    }

    /// Computes each row by itself, those with NULL arguments too.
    pub(crate) fn each_null(&self, mut row: impl FnMut(Row) -> Answer) -> Result<ArrayRef> {
        let null = ScalarValue::try_from(&self.gives)?;
        let mut answers = Vec::with_capacity(self.rows);
        for place in 0..self.rows {
            match row(Row { arrays: &self.arrays, row: place }) {
                Ok(answer) => answers.push(answer.unwrap_or_else(|| null.clone())),
                Err(_) if self.attempt => answers.push(null.clone()),
                Err(error) => return Err(error),
            }
        }
        ScalarValue::iter_to_array(answers)
    }
}

/// The arguments of one row, by their places.
#[derive(Clone, Copy)]
pub(crate) struct Row<'a> {
    arrays: &'a [ArrayRef],
    row: usize,
}

impl<'a> Row<'a> {
    pub(crate) fn at(arrays: &'a [ArrayRef], row: usize) -> Self {
        Row { arrays, row }
    }

    pub(crate) fn count(&self) -> usize {
        self.arrays.len()
    }

    pub(crate) fn has(&self, place: usize) -> bool {
        place < self.arrays.len()
    }

    pub(crate) fn null(&self, place: usize) -> bool {
        let array = &self.arrays[place];
        array.data_type() == &DataType::Null || array.is_null(self.row)
    }

    fn any_null(&self) -> bool {
        (0..self.arrays.len()).any(|place| self.null(place))
    }

    pub(crate) fn array(&self, place: usize) -> (&'a ArrayRef, usize) {
        (&self.arrays[place], self.row)
    }

    pub(crate) fn held(&self, place: usize) -> &'a DataType {
        self.arrays[place].data_type()
    }

    /// varchar and json alike.
    pub(crate) fn text(&self, place: usize) -> &'a str {
        match self.held(place) {
            DataType::LargeUtf8 => self.arrays[place].as_string::<i64>().value(self.row),
            _ => self.arrays[place].as_string::<i32>().value(self.row),
        }
    }

    pub(crate) fn int(&self, place: usize) -> i64 {
        self.arrays[place].as_primitive::<Int64Type>().value(self.row)
    }

    pub(crate) fn double(&self, place: usize) -> f64 {
        self.arrays[place].as_primitive::<Float64Type>().value(self.row)
    }

    pub(crate) fn bytes(&self, place: usize) -> &'a [u8] {
        self.arrays[place].as_binary::<i32>().value(self.row)
    }

    pub(crate) fn days(&self, place: usize) -> i32 {
        self.arrays[place].as_primitive::<Date32Type>().value(self.row)
    }

    pub(crate) fn millis(&self, place: usize) -> i64 {
        match self.held(place) {
            DataType::Duration(_) => self.arrays[place].as_primitive::<DurationMillisecondType>().value(self.row),
            _ => self.arrays[place].as_primitive::<TimestampMillisecondType>().value(self.row),
        }
    }

    pub(crate) fn months(&self, place: usize) -> i32 {
        self.arrays[place].as_primitive::<IntervalYearMonthType>().value(self.row)
    }

    /// The zone of a timestamp with time zone.
    pub(crate) fn zone(&self, place: usize) -> Option<Tz> {
        match self.held(place) {
            DataType::Timestamp(_, Some(zone)) => moment::zone(zone),
            _ => None,
        }
    }

    /// The elements of an array.
    pub(crate) fn elements(&self, place: usize) -> ArrayRef {
        self.arrays[place].as_list::<i32>().value(self.row)
    }

    /// The keys and values of a map.
    pub(crate) fn entries(&self, place: usize) -> (ArrayRef, ArrayRef) {
        let entries = self.arrays[place].as_map().value(self.row);
        (entries.column(0).clone(), entries.column(1).clone())
    }

    pub(crate) fn value(&self, place: usize) -> Result<ScalarValue> {
        ScalarValue::try_from_array(&self.arrays[place], self.row)
    }
}

pub(crate) fn text(answer: impl Into<String>) -> Answer {
    Ok(Some(ScalarValue::Utf8(Some(answer.into()))))
}

pub(crate) fn json(answer: impl Into<String>) -> Answer {
    Ok(Some(ScalarValue::LargeUtf8(Some(answer.into()))))
}

pub(crate) fn int(answer: i64) -> Answer {
    Ok(Some(ScalarValue::Int64(Some(answer))))
}

pub(crate) fn double(answer: f64) -> Answer {
    Ok(Some(ScalarValue::Float64(Some(answer))))
}

pub(crate) fn boolean(answer: bool) -> Answer {
    Ok(Some(ScalarValue::Boolean(Some(answer))))
}

pub(crate) fn bytes(answer: Vec<u8>) -> Answer {
    Ok(Some(ScalarValue::Binary(Some(answer))))
}

pub(crate) fn date(days: i32) -> Answer {
    Ok(Some(ScalarValue::Date32(Some(days))))
}

/// A timestamp of this type, with or without a zone.
pub(crate) fn instant(millis: i64, held: &DataType) -> Answer {
    let zone = match held {
        DataType::Timestamp(_, zone) => zone.clone(),
        _ => None,
    };
    Ok(Some(ScalarValue::TimestampMillisecond(Some(millis), zone)))
}

pub(crate) fn span(millis: i64) -> Answer {
    Ok(Some(ScalarValue::DurationMillisecond(Some(millis))))
}

pub(crate) fn months(months: i32) -> Answer {
    Ok(Some(ScalarValue::IntervalYearMonth(Some(months))))
}

/// An array of these, all of one type.
pub(crate) fn array(elements: Vec<ScalarValue>, element: &DataType) -> Answer {
    Ok(Some(ScalarValue::List(ScalarValue::new_list(&elements, element, true))))
}

pub(crate) fn texts<'a>(elements: impl IntoIterator<Item = &'a str>) -> Answer {
    array(elements.into_iter().map(ScalarValue::from).collect(), &VARCHAR)
}

/// A value that cannot be worked with.
pub(crate) fn bad<T>(why: impl Into<String>) -> Result<T> {
    Err(Error::Value(why.into()).into())
}

/// Types that do not go together.
pub(crate) fn mistyped<T>(why: impl Into<String>) -> Result<T> {
    Err(Error::Type(why.into()).into())
}

/// The constant text at this place, which decides a type.
pub(crate) fn constant<'a>(constants: &[Option<&'a ScalarValue>], place: usize) -> Option<&'a str> {
    match constants.get(place).copied().flatten() {
        Some(ScalarValue::Utf8(Some(text))) => Some(text),
        _ => None,
    }
}

/// For comparing spans of months in a signature.
pub(crate) fn is_span(held: &DataType) -> bool {
    *held == DAY_TO_SECOND || *held == YEAR_TO_MONTH
}
