//! Casts to and from `json`.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, StructArray};
use datafusion::arrow::datatypes::{DataType, Fields};
use datafusion::common::ScalarValue;
use datafusion::error::Result;
use serde_json::Value;

use super::row::bad;
use super::{cast, maps};
use crate::render;
use crate::types::{self, JSON, VARCHAR};

/// One value as json.
pub(super) fn to_json(from: &ArrayRef, row: usize) -> ScalarValue {
    let mut out = String::new();
    render::json(from, row, &mut out);
    ScalarValue::LargeUtf8(Some(out))
}

/// One json value as a value of this type.
pub(super) fn from_json(text: &str, to: &DataType) -> Result<ScalarValue> {
    match serde_json::from_str(text) {
        Ok(value) => typed(&value, to),
        Err(_) => bad("the text is not JSON"),
    }
}

fn typed(value: &Value, to: &DataType) -> Result<ScalarValue> {
    let refused = || bad(format!("a json value cannot be cast to {}", types::name(to)));
    match (value, to) {
        (value, to) if *to == JSON => Ok(ScalarValue::LargeUtf8(Some(value.to_string()))),
        (Value::Null, _) => ScalarValue::try_from(to),
        (Value::String(text), to) if *to == VARCHAR => Ok(ScalarValue::from(text.as_str())),
        (Value::Bool(_) | Value::Number(_), to) if *to == VARCHAR => Ok(ScalarValue::from(value.to_string())),
        (Value::String(text), _) if !to.is_nested() => cast::from_text(text, to),
        (Value::Bool(flag), DataType::Boolean) => Ok(ScalarValue::from(*flag)),
        (Value::Bool(flag), _) if to.is_numeric() => ScalarValue::from(i64::from(*flag)).cast_to(to),
        (Value::Number(number), DataType::Boolean) => Ok(ScalarValue::from(number.as_f64() != Some(0.0))),
        (Value::Number(number), to) if to.is_integer() && !number.is_i64() => {
            let rounded = number.as_f64().unwrap_or(f64::NAN).round();
            cast::from_text(&format!("{rounded}"), to)
        }
        (Value::Number(number), to) if to.is_numeric() => cast::from_text(&number.to_string(), to),
        (Value::Array(elements), DataType::List(field)) => {
            let elements =
                elements.iter().map(|element| typed(element, field.data_type())).collect::<Result<Vec<_>>>()?;
            Ok(ScalarValue::List(ScalarValue::new_list(&elements, field.data_type(), true)))
        }
        (Value::Object(object), DataType::Map(entries, _)) => {
            let Some((key, held)) = types::entry_types(entries.data_type()) else { return refused() };
            let pairs =
                object.iter().map(|(name, value)| Ok((cast::from_text_or_same(name, key)?, typed(value, held)?)));
            maps::scalar(pairs.collect::<Result<Vec<_>>>()?, key, held)
        }
        (Value::Object(object), DataType::Struct(fields)) => {
            let find =
                |name: &str| object.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value);
            row(fields, |place| typed(find(fields[place].name()).unwrap_or(&Value::Null), fields[place].data_type()))
        }
        (Value::Array(elements), DataType::Struct(fields)) if elements.len() == fields.len() => {
            row(fields, |place| typed(&elements[place], fields[place].data_type()))
        }
        _ => refused(),
    }
}

fn row(fields: &Fields, value: impl Fn(usize) -> Result<ScalarValue>) -> Result<ScalarValue> {
    let columns = (0..fields.len()).map(|place| value(place)?.to_array_of_size(1)).collect::<Result<Vec<_>>>()?;
    Ok(ScalarValue::Struct(Arc::new(StructArray::try_new(fields.clone(), columns, None)?)))
}
