//! Values in rows: how Rust's and JSON's become the source's, and back.

use std::borrow::Cow;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer};

use super::Value;
use crate::Error;

/// `value_from! { Rust types => variant }`: types that the variant's own type holds without loss.
macro_rules! value_from {
    ($($($rust:ty),+ => $variant:ident;)+) => {$($(
        impl From<$rust> for Value {
            fn from(value: $rust) -> Self {
                Self::$variant(value.into())
            }
        }
    )+)+};
}

value_from! {
    bool => Boolean;
    i8, i16, i32, i64, u8, u16, u32 => Integer;
    f32, f64 => Float;
    &str, String => Text;
    Vec<u8>, &[u8] => Bytes;
}

/// Beyond the range of 64 signed bits the number travels as an exact decimal.
impl From<u64> for Value {
    fn from(value: u64) -> Self {
        match i64::try_from(value) {
            Ok(integer) => Self::Integer(integer),
            Err(_) => Self::Decimal(value.to_string()),
        }
    }
}

impl From<usize> for Value {
    fn from(value: usize) -> Self {
        Self::from(value as u64)
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// A JSON scalar as a value. `invalid` for an array or an object.
impl TryFrom<serde_json::Value> for Value {
    type Error = Error;

    fn try_from(json: serde_json::Value) -> Result<Self, Error> {
        Ok(match json {
            serde_json::Value::Null => Self::Null,
            serde_json::Value::Bool(boolean) => boolean.into(),
            serde_json::Value::String(text) => text.into(),
            serde_json::Value::Number(number) => match (number.as_u64(), number.as_i64(), number.as_f64()) {
                (Some(unsigned), _, _) => unsigned.into(),
                (_, Some(signed), _) => signed.into(),
                (_, _, Some(float)) => float.into(),
                _ => Self::Decimal(number.to_string()),
            },
            serde_json::Value::Array(_) | serde_json::Value::Object(_) => {
                return Err(Error::invalid("A parameter is a string, a number, a boolean or null."));
            }
        })
    }
}

/// As JSON: exact numbers, dates and times as strings, bytes as base64, NULL as null.
impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Boolean(boolean) => serializer.serialize_bool(*boolean),
            Self::Integer(integer) => serializer.serialize_i64(*integer),
            Self::Float(float) => serializer.serialize_f64(*float),
            Self::Bytes(bytes) => serializer.serialize_str(&BASE64.encode(bytes)),
            Self::Decimal(text) | Self::Text(text) | Self::Date(text) | Self::Time(text) | Self::Timestamp(text) => {
                serializer.serialize_str(text)
            }
        }
    }
}

impl JsonSchema for Value {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "SqlValue".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "number", "boolean", "null"] })
    }
}

/// As text for the model to read: what JSON says, without quotation marks.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("NULL"),
            Self::Boolean(boolean) => boolean.fmt(f),
            Self::Integer(integer) => integer.fmt(f),
            Self::Float(float) => float.fmt(f),
            Self::Bytes(bytes) => f.write_str(&BASE64.encode(bytes)),
            Self::Decimal(text) | Self::Text(text) | Self::Date(text) | Self::Time(text) | Self::Timestamp(text) => {
                f.write_str(text)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn rust_values_become_values_of_rows() {
        let values: [Value; 6] =
            [7_u32.into(), "seven".into(), true.into(), None::<i64>.into(), Some(0.5).into(), vec![0_u8, 255].into()];
        assert_eq!(
            values,
            [
                Value::Integer(7),
                Value::Text("seven".to_owned()),
                Value::Boolean(true),
                Value::Null,
                Value::Float(0.5),
                Value::Bytes(vec![0, 255]),
            ]
        );
    }

    #[test]
    fn a_number_beyond_64_signed_bits_stays_exact() {
        assert_eq!(Value::from(i64::MAX as u64), Value::Integer(i64::MAX));
        assert_eq!(Value::from(u64::MAX), Value::Decimal("18446744073709551615".to_owned()));
        assert_eq!(Value::try_from(json!(u64::MAX)).unwrap(), Value::from(u64::MAX));
        assert_eq!(Value::try_from(json!(-3)).unwrap(), Value::Integer(-3));
    }

    #[test]
    fn json_is_exact_where_a_json_number_is_not() {
        let values = [
            Value::Decimal("12.90".to_owned()),
            Value::Bytes(vec![1, 2, 3]),
            Value::Null,
            Value::Integer(i64::MIN),
            Value::Float(1.5),
            Value::Date("2026-01-31".to_owned()),
        ];
        assert_eq!(
            serde_json::to_string(&values).unwrap(),
            r#"["12.90","AQID",null,-9223372036854775808,1.5,"2026-01-31"]"#
        );
    }
}
