//! The arguments of a function, row by row, and what one row gives.

use datafusion::arrow::array::timezone::Tz;
use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use datafusion::arrow::datatypes::{
    DataType, Date32Type, DurationMillisecondType, Float64Type, Int64Type, IntervalYearMonthType,
    TimestampMillisecondType,
};
use datafusion::common::ScalarValue;
use datafusion::error::Result;

use crate::types::{DAY_TO_SECOND, VARCHAR, YEAR_TO_MONTH};
use crate::{Error, moment};

/// The largest text or binary value that a function builds, in bytes.
const VALUE_MAX: usize = 16 << 20;

/// The most that a function builds for the rows of one batch, in bytes: what it builds is not yet
/// counted against the statement's memory.
pub(crate) const BATCH_MAX: usize = 256 << 20;

/// The most elements that a text is divided into.
const PARTS_MAX: usize = 1_000_000;

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
        let mut bytes = 0;
        for place in 0..self.rows {
            match row(Row { arrays: &self.arrays, row: place }) {
                Ok(answer) => {
                    bytes += answer.as_ref().map_or(0, size);
                    batch_room(bytes)?;
                    answers.push(answer.unwrap_or_else(|| null.clone()));
                }
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
    let elements: Vec<_> = elements.into_iter().take(PARTS_MAX + 1).map(ScalarValue::from).collect();
    if elements.len() > PARTS_MAX {
        return bad(format!("a text is divided into {PARTS_MAX} parts at most"));
    }
    array(elements, &VARCHAR)
}

/// Refuses to build a value of so many bytes: before it is built, if they can be told.
pub(crate) fn room(bytes: usize) -> Result<()> {
    within(bytes, "values", VALUE_MAX)
}

/// Refuses to hold so many bytes for the rows of one batch.
pub(crate) fn batch_room(bytes: usize) -> Result<()> {
    within(bytes, "values for the rows of one batch", BATCH_MAX)
}

fn within(bytes: usize, what: &'static str, limit_bytes: usize) -> Result<()> {
    if bytes > limit_bytes { Err(Error::TooLarge { what, limit_bytes }.into()) } else { Ok(()) }
}

/// About how many bytes a value holds; of what is shared with others, only its own part.
pub(crate) fn size(value: &ScalarValue) -> usize {
    match value {
        ScalarValue::Utf8(Some(text)) | ScalarValue::LargeUtf8(Some(text)) => text.len(),
        ScalarValue::Binary(Some(bytes)) => bytes.len(),
        ScalarValue::List(list) if !list.values().data_type().is_nested() => {
            list.values().to_data().get_slice_memory_size().unwrap_or(0)
        }
        ScalarValue::List(list) => size_of::<u64>() * list.values().len(),
        _ => size_of::<u64>(),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_function_builds_for_one_batch_has_a_limit() {
        let long = "x".repeat(VALUE_MAX);
        let built = |rows| {
            let args = Args { arrays: Vec::new(), rows, gives: VARCHAR, attempt: false };
            args.each_null(|_| text(long.as_str())).map_err(|error| error.to_string())
        };
        assert_eq!(built(1).map(|array| array.len()), Ok(1));
        let error = built(BATCH_MAX / VALUE_MAX + 1).expect_err("is too much");
        assert!(error.contains("for the rows of one batch of 256 MiB at most"), "{error}");
    }
}
