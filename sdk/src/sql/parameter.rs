//! What takes the place of a placeholder.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer};

use super::{Parameter, Value};
use crate::Error;

/// A value for the placeholder `:name`; a plain value is for the next `?`.
///
/// ```
/// use toolhost_sdk::sql::named;
///
/// let parameters = [named("customer", "CUST_000001"), named("limit", 5)];
/// assert_eq!(parameters[1].name.as_deref(), Some("limit"));
/// ```
pub fn named(name: impl Into<String>, value: impl Into<Value>) -> Parameter {
    Parameter { name: Some(name.into()), value: value.into() }
}

impl<T: Into<Value>> From<T> for Parameter {
    fn from(value: T) -> Self {
        Self { name: None, value: value.into() }
    }
}

/// The parameters of a statement as an argument of a tool: a JSON array for `?`, or a
/// JSON object for `:name`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Parameters(
    /// In the order in which they were given.
    pub Vec<Parameter>,
);

impl<'de> Deserialize<'de> for Parameters {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let parameter = |name, json| {
            let value = Value::try_from(json).map_err(|error: Error| serde::de::Error::custom(error.message))?;
            Ok(Parameter { name, value })
        };
        let parameters = match serde_json::Value::deserialize(deserializer)? {
            serde_json::Value::Array(values) => values.into_iter().map(|value| parameter(None, value)).collect(),
            serde_json::Value::Object(values) => {
                values.into_iter().map(|(name, value)| parameter(Some(name), value)).collect()
            }
            _ => Err(serde::de::Error::custom("it must be an array or an object")),
        };
        parameters.map(Self)
    }
}

impl JsonSchema for Parameters {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "SqlParameters".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let value = generator.subschema_for::<Value>();
        json_schema!({
            "anyOf": [
                { "type": "array", "items": value },
                { "type": "object", "additionalProperties": value },
            ],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_array_is_for_question_marks_and_an_object_for_names() {
        let Parameters(parameters) = serde_json::from_value(json!(["open", 3])).unwrap();
        assert_eq!(parameters, ["open".into(), 3.into()]);
        let Parameters(parameters) = serde_json::from_value(json!({ "status": "open" })).unwrap();
        assert_eq!(parameters, [named("status", "open")]);
    }

    #[test]
    fn parameters_are_scalars() {
        assert!(serde_json::from_value::<Parameters>(json!([["nested"]])).is_err());
        assert!(serde_json::from_value::<Parameters>(json!("open")).is_err());
    }
}
