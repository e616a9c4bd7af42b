//! Athena's types and Arrow's: one name each way.
//!
//! Inside the engine every type has one form: `varchar` is Utf8, `json` is LargeUtf8 (so that it cannot be mixed up with
//! text), timestamps count milliseconds, `interval day to second` is a Duration, and `interval year to month` an Interval.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, Fields, IntervalUnit, TimeUnit};

use crate::Kind;

pub(crate) const VARCHAR: DataType = DataType::Utf8;
pub(crate) const JSON: DataType = DataType::LargeUtf8;
pub(crate) const TIMESTAMP: DataType = DataType::Timestamp(TimeUnit::Millisecond, None);
pub(crate) const TIME: DataType = DataType::Time32(TimeUnit::Millisecond);
pub(crate) const DAY_TO_SECOND: DataType = DataType::Duration(TimeUnit::Millisecond);
pub(crate) const YEAR_TO_MONTH: DataType = DataType::Interval(IntervalUnit::YearMonth);
/// The largest precision that a decimal may have.
pub(crate) const PRECISION_MAX: u8 = 38;

/// A timestamp with time zone, in this zone.
pub(crate) fn zoned(zone: &str) -> DataType {
    DataType::Timestamp(TimeUnit::Millisecond, Some(zone.into()))
}

pub(crate) fn array_of(element: DataType) -> DataType {
    DataType::new_list(element, true)
}

pub(crate) fn map_of(key: DataType, value: DataType) -> DataType {
    let entry = Fields::from(vec![Field::new("key", key, false), Field::new("value", value, true)]);
    DataType::Map(Arc::new(Field::new("entries", DataType::Struct(entry), false)), false)
}

pub(crate) fn row_of(fields: impl IntoIterator<Item = (String, DataType)>) -> DataType {
    DataType::Struct(fields.into_iter().map(|(name, held)| Field::new(name, held, true)).collect())
}

/// The form that this type of a file has inside the engine.
pub(crate) fn canonical(held: &DataType) -> DataType {
    match held {
        DataType::Utf8 | DataType::Utf8View | DataType::LargeUtf8 | DataType::Null => VARCHAR,
        DataType::UInt8 => DataType::Int16,
        DataType::UInt16 => DataType::Int32,
        DataType::UInt32 => DataType::Int64,
        DataType::UInt64 => DataType::Decimal128(20, 0),
        DataType::Float16 => DataType::Float32,
        DataType::Decimal32(precision, scale)
        | DataType::Decimal64(precision, scale)
        | DataType::Decimal128(precision, scale)
        | DataType::Decimal256(precision, scale) => {
            DataType::Decimal128((*precision).min(PRECISION_MAX), (*scale).max(0))
        }
        DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => DataType::Binary,
        DataType::Date64 => DataType::Date32,
        DataType::Time32(_) | DataType::Time64(_) => TIME,
        DataType::Timestamp(_, zone) => DataType::Timestamp(TimeUnit::Millisecond, zone.clone()),
        DataType::Duration(_) => DAY_TO_SECOND,
        DataType::Dictionary(_, value) => canonical(value),
        DataType::List(element) | DataType::LargeList(element) | DataType::FixedSizeList(element, _) => {
            array_of(canonical(element.data_type()))
        }
        DataType::Struct(fields) => {
            row_of(fields.iter().map(|field| (field.name().to_lowercase(), canonical(field.data_type()))))
        }
        DataType::Map(entries, _) => match entry_types(entries.data_type()) {
            Some((key, value)) => map_of(canonical(key), canonical(value)),
            None => held.clone(),
        },
        other => other.clone(),
    }
}

/// The types of a map's keys and values, from the type of its entries.
pub(crate) fn entry_types(entries: &DataType) -> Option<(&DataType, &DataType)> {
    match entries {
        DataType::Struct(fields) if fields.len() == 2 => Some((fields[0].data_type(), fields[1].data_type())),
        _ => None,
    }
}

/// The name that Athena gives to a type.
pub(crate) fn name(held: &DataType) -> String {
    match held {
        DataType::Boolean => "boolean".into(),
        DataType::Int8 => "tinyint".into(),
        DataType::Int16 | DataType::UInt8 => "smallint".into(),
        DataType::Int32 | DataType::UInt16 => "integer".into(),
        DataType::Int64 | DataType::UInt32 | DataType::UInt64 => "bigint".into(),
        DataType::Float16 | DataType::Float32 => "real".into(),
        DataType::Float64 => "double".into(),
        DataType::Decimal32(precision, scale)
        | DataType::Decimal64(precision, scale)
        | DataType::Decimal128(precision, scale)
        | DataType::Decimal256(precision, scale) => format!("decimal({precision},{scale})"),
        DataType::Utf8 | DataType::Utf8View => "varchar".into(),
        DataType::LargeUtf8 => "json".into(),
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
            "varbinary".into()
        }
        DataType::Date32 | DataType::Date64 => "date".into(),
        DataType::Time32(_) | DataType::Time64(_) => "time(3)".into(),
        DataType::Timestamp(_, None) => "timestamp(3)".into(),
        DataType::Timestamp(_, Some(_)) => "timestamp(3) with time zone".into(),
        DataType::Interval(IntervalUnit::YearMonth) => "interval year to month".into(),
        DataType::Duration(_) | DataType::Interval(_) => "interval day to second".into(),
        DataType::Null => "unknown".into(),
        DataType::Dictionary(_, value) => name(value),
        DataType::List(element) | DataType::LargeList(element) | DataType::FixedSizeList(element, _) => {
            format!("array({})", name(element.data_type()))
        }
        DataType::Map(entries, _) => match entry_types(entries.data_type()) {
            Some((key, value)) => format!("map({}, {})", name(key), name(value)),
            None => "map".into(),
        },
        DataType::Struct(fields) => {
            let fields: Vec<_> =
                fields.iter().map(|field| format!("{} {}", field.name(), name(field.data_type()))).collect();
            format!("row({})", fields.join(", "))
        }
        other => other.to_string().to_lowercase(),
    }
}

/// Which kind of value a column of this type holds.
pub(crate) fn kind(held: &DataType) -> Kind {
    match held {
        DataType::Null => Kind::Unknown,
        DataType::Boolean => Kind::Boolean,
        DataType::Decimal32(..) | DataType::Decimal64(..) | DataType::Decimal128(..) | DataType::Decimal256(..) => {
            Kind::Decimal
        }
        DataType::Float16 | DataType::Float32 | DataType::Float64 => Kind::Float,
        DataType::Date32 | DataType::Date64 => Kind::Date,
        DataType::Timestamp(..) => Kind::Timestamp,
        DataType::Time32(_) | DataType::Time64(_) | DataType::Interval(_) | DataType::Duration(_) => Kind::Time,
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => Kind::Bytes,
        whole if whole.is_integer() => Kind::Integer,
        DataType::Dictionary(_, value) => kind(value),
        _ => Kind::Text,
    }
}

/// A type as a statement writes it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Written {
    pub(crate) held: DataType,
    /// The `n` of `varchar(n)` and `char(n)`.
    pub(crate) length: Option<usize>,
}

/// Reads a type as a statement writes it: `array(row(a bigint, b varchar(3)))`. None if there is no such type.
pub(crate) fn parse(text: &str) -> Option<Written> {
    let mut parser = TypeParser { rest: text.trim(), depth: 0 };
    let written = parser.written()?;
    parser.rest.trim().is_empty().then_some(written)
}

/// How deep types may stand in each other.
const DEPTH_MAX: usize = 32;

struct TypeParser<'a> {
    rest: &'a str,
    depth: usize,
}

impl TypeParser<'_> {
    fn word(&mut self) -> Option<String> {
        self.rest = self.rest.trim_start();
        if let Some(quoted) = self.rest.strip_prefix('"') {
            let (word, rest) = quoted.split_once('"')?;
            self.rest = rest;
            return Some(word.to_lowercase());
        }
        let end = self.rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        (!word.is_empty()).then(|| word.to_lowercase())
    }

    fn takes(&mut self, mark: char) -> bool {
        match self.rest.trim_start().strip_prefix(mark) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn takes_words(&mut self, words: &[&str]) -> bool {
        let before = self.rest;
        let all = words.iter().all(|word| self.word().as_deref() == Some(word));
        if !all {
            self.rest = before;
        }
        all
    }

    /// The numbers in `(10, 2)`, or none.
    fn numbers(&mut self) -> Option<Vec<usize>> {
        let mut numbers = Vec::new();
        if self.takes('(') {
            loop {
                numbers.push(self.word()?.parse().ok()?);
                if !self.takes(',') {
                    break;
                }
            }
            self.takes(')').then_some(())?;
        }
        Some(numbers)
    }

    fn held(&mut self) -> Option<DataType> {
        self.written().map(|written| written.held)
    }

    fn written(&mut self) -> Option<Written> {
        let plain = |held| Some(Written { held, length: None });
        match self.word()?.as_str() {
            "boolean" => plain(DataType::Boolean),
            "tinyint" => plain(DataType::Int8),
            "smallint" => plain(DataType::Int16),
            "int" | "integer" => plain(DataType::Int32),
            "bigint" => plain(DataType::Int64),
            "real" | "float" => plain(DataType::Float32),
            "double" => {
                self.takes_words(&["precision"]);
                plain(DataType::Float64)
            }
            "varchar" | "char" | "string" => {
                let length = self.numbers()?.first().copied();
                Some(Written { held: VARCHAR, length })
            }
            "json" => plain(JSON),
            "varbinary" | "binary" => plain(DataType::Binary),
            "date" => plain(DataType::Date32),
            "time" => {
                self.numbers()?;
                plain(TIME)
            }
            "timestamp" => {
                self.numbers()?;
                let with_zone = self.takes_words(&["with", "time", "zone"]);
                self.takes_words(&["without", "time", "zone"]);
                plain(if with_zone { zoned("UTC") } else { TIMESTAMP })
            }
            "decimal" | "numeric" => {
                let numbers = self.numbers()?;
                let precision = u8::try_from(numbers.first().copied().unwrap_or(38)).ok()?;
                let scale = i8::try_from(numbers.get(1).copied().unwrap_or(0)).ok()?;
                let fits = (1..=PRECISION_MAX).contains(&precision) && scale as u8 <= precision;
                fits.then_some(())?;
                plain(DataType::Decimal128(precision, scale))
            }
            "interval" if self.takes_words(&["day", "to", "second"]) => plain(DAY_TO_SECOND),
            "interval" if self.takes_words(&["year", "to", "month"]) => plain(YEAR_TO_MONTH),
            "array" => self.within(|own| own.held().map(array_of)),
            "map" => self.within(|own| {
                let key = own.held()?;
                own.takes(',').then_some(())?;
                Some(map_of(key, own.held()?))
            }),
            "row" => self.within(Self::fields),
            _ => None,
        }
    }

    fn within(&mut self, inner: impl FnOnce(&mut Self) -> Option<DataType>) -> Option<Written> {
        let close = if self.takes('(') { ')' } else { self.takes('<').then_some('>')? };
        self.depth += 1;
        let held = if self.depth > DEPTH_MAX { None } else { inner(self) }?;
        self.depth -= 1;
        self.takes(close).then_some(Written { held, length: None })
    }

    /// `a bigint, b varchar`, or `bigint, varchar` for fields without names.
    fn fields(&mut self) -> Option<DataType> {
        let mut fields = Vec::new();
        loop {
            let before = self.rest;
            let named = self.word().and_then(|field| self.held().map(|held| (field, held)));
            fields.push(match named {
                Some(named) => named,
                None => {
                    self.rest = before;
                    (format!("field{}", fields.len()), self.held()?)
                }
            });
            if !self.takes(',') {
                return Some(row_of(fields));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_written_type_comes_back_by_its_name() {
        for text in [
            "boolean",
            "bigint",
            "double",
            "varchar",
            "json",
            "date",
            "decimal(10,2)",
            "timestamp(3) with time zone",
            "array(row(a bigint, b array(varchar)))",
            "map(varchar, array(double))",
            "row(field0 integer, field1 varchar)",
        ] {
            assert_eq!(parse(text).map(|written| name(&written.held)).as_deref(), Some(text));
        }
        assert_eq!(
            parse("ROW(integer, varchar)").map(|w| name(&w.held)).as_deref(),
            Some("row(field0 integer, field1 varchar)")
        );
        assert_eq!(parse("varchar(3)").and_then(|written| written.length), Some(3));
    }

    #[test]
    fn what_is_no_type_is_none() {
        for text in ["", "money", "decimal(39,0)", "array", "array(bigint", "bigint bigint", "decimal(2,3)"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
