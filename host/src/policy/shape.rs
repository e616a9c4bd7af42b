//! Arguments as Cedar's values, typed by the tool's input schema.
//!
//! Text, whole numbers, booleans, numbers with up to four decimals, lists and objects have a type
//! there; what has none is left out, and no policy can speak of it. An argument that does not
//! fit its schema is left out, too: the schema refuses the call. One that fits, and cannot be said
//! in Cedar (1.00001), ends the question, if a policy looks at it.

use std::collections::BTreeMap;

use cedar_policy::RestrictedExpression;
use serde_json::{Map, Value, json};

use crate::call::JsonObject;

/// How deep objects and lists are followed.
const DEPTH_MAX: usize = 4;

/// How many `$ref`s and the like are followed on the way to one type.
const STEPS_MAX: usize = 8;

/// Beyond it, not every whole number is one of the 64-bit numbers with a point.
const EXACT_MAX: f64 = 9_007_199_254_740_992.0;

/// Within it, four decimals are exact in a number of 64 bits with a point.
const DECIMAL_MAX: f64 = 100_000_000_000.0;

/// Cedar's type of an argument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Shape {
    Text,
    Whole,
    Truth,
    Decimal,
    List(Box<Shape>),
    Object(Shapes),
}

/// The types of an object's fields, each of which may be absent.
pub(super) type Shapes = BTreeMap<String, Shape>;

/// Why a value is not said in Cedar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unsaid {
    /// It is not of the type, which the tool's schema refuses.
    Unfit,
    /// It is of the type in JSON, and too large or too fine in Cedar.
    TooFine,
}

/// The types of a tool's arguments.
pub(super) fn shapes(schema: &JsonObject) -> Shapes {
    fields(schema, schema, 0)
}

fn fields(root: &JsonObject, schema: &JsonObject, depth: usize) -> Shapes {
    let fields = schema.get("properties").and_then(Value::as_object).into_iter().flatten();
    fields.filter_map(|(name, schema)| Some((name.clone(), shape(root, schema, depth)?))).collect()
}

fn shape(root: &JsonObject, schema: &Value, depth: usize) -> Option<Shape> {
    let schema = resolved(root, schema)?;
    if depth >= DEPTH_MAX {
        return None;
    }
    match type_of(schema)? {
        "string" => Some(Shape::Text),
        "integer" => Some(Shape::Whole),
        "boolean" => Some(Shape::Truth),
        "number" => Some(Shape::Decimal),
        "array" if !schema.contains_key("prefixItems") => {
            Some(Shape::List(Box::new(shape(root, schema.get("items")?, depth + 1)?)))
        }
        "object" => Some(Shape::Object(fields(root, schema, depth + 1))),
        _ => None,
    }
}

/// The one type of a schema beside `null`.
fn type_of(schema: &Map<String, Value>) -> Option<&str> {
    match schema.get("type") {
        Some(Value::String(one)) => Some(one),
        Some(Value::Array(several)) => {
            let mut others = several.iter().filter_map(Value::as_str).filter(|one| *one != "null");
            others.next().filter(|_| others.next().is_none())
        }
        Some(_) => None,
        None => {
            let words = schema.get("enum")?.as_array()?;
            (!words.is_empty() && words.iter().all(Value::is_string)).then_some("string")
        }
    }
}

/// The schema behind `$ref`, and behind "this or null".
fn resolved<'a>(root: &'a JsonObject, schema: &'a Value) -> Option<&'a Map<String, Value>> {
    let mut schema = schema;
    for _ in 0..STEPS_MAX {
        let fields = schema.as_object()?;
        if let Some(Value::String(place)) = fields.get("$ref") {
            schema = root.get("$defs")?.get(place.strip_prefix("#/$defs/")?)?;
            continue;
        }
        let several = ["anyOf", "oneOf", "allOf"].into_iter().find_map(|key| fields.get(key)?.as_array());
        let Some(several) = several.filter(|_| !fields.contains_key("type")) else { return Some(fields) };
        let is_null = |schema: &&Value| schema.get("type").and_then(Value::as_str) == Some("null");
        let mut others = several.iter().filter(|schema| !is_null(schema));
        schema = others.next().filter(|_| others.next().is_none())?;
    }
    None
}

impl Shape {
    /// The type in the words of Cedar's schema.
    pub(super) fn in_schema(&self) -> Value {
        match self {
            Self::Text => json!({ "type": "String" }),
            Self::Whole => json!({ "type": "Long" }),
            Self::Truth => json!({ "type": "Boolean" }),
            Self::Decimal => json!({ "type": "Extension", "name": "decimal" }),
            Self::List(of) => json!({ "type": "Set", "element": of.in_schema() }),
            Self::Object(fields) => record(fields),
        }
    }

    /// A value of this type.
    pub(super) fn said(&self, value: &Value) -> Result<RestrictedExpression, Unsaid> {
        match (self, value) {
            (Self::Text, Value::String(text)) => Ok(RestrictedExpression::new_string(text.clone())),
            (Self::Truth, Value::Bool(truth)) => Ok(RestrictedExpression::new_bool(*truth)),
            (Self::Whole, Value::Number(number)) => whole(number).map(RestrictedExpression::new_long),
            (Self::Decimal, Value::Number(number)) => decimal(number).map(RestrictedExpression::new_decimal),
            (Self::List(of), Value::Array(values)) => {
                let said: Result<Vec<_>, _> = values.iter().map(|value| of.said(value)).collect();
                Ok(RestrictedExpression::new_set(said?))
            }
            (Self::Object(shapes), Value::Object(fields)) => said(shapes, fields, |_| true),
            _ => Err(Unsaid::Unfit),
        }
    }
}

/// An object's type in the words of Cedar's schema.
pub(super) fn record(shapes: &Shapes) -> Value {
    let attributes: Map<String, Value> = shapes
        .iter()
        .map(|(name, shape)| {
            let mut attribute = shape.in_schema();
            if let Value::Object(attribute) = &mut attribute {
                attribute.insert("required".to_owned(), json!(false));
            }
            (name.clone(), attribute)
        })
        .collect();
    json!({ "type": "Record", "attributes": attributes })
}

/// Those of an object's fields that are wanted and fit.
pub(super) fn said(
    shapes: &Shapes,
    fields: &JsonObject,
    wanted: impl Fn(&str) -> bool,
) -> Result<RestrictedExpression, Unsaid> {
    let mut said = Vec::new();
    for (name, value) in fields.iter().filter(|(name, _)| wanted(name)) {
        match shapes.get(name).map(|shape| shape.said(value)) {
            Some(Ok(value)) => said.push((name.clone(), value)),
            Some(Err(Unsaid::TooFine)) => return Err(Unsaid::TooFine),
            Some(Err(Unsaid::Unfit)) | None => {}
        }
    }
    // Names of an object are different ones.
    RestrictedExpression::new_record(said).map_err(|_| Unsaid::Unfit)
}

fn whole(number: &serde_json::Number) -> Result<i64, Unsaid> {
    match (number.as_i64(), number.as_f64()) {
        (Some(whole), _) => Ok(whole),
        // JSON Schema takes 5.0 for a whole number.
        (None, Some(float)) if float.fract() == 0.0 && float.abs() <= EXACT_MAX => {
            #[allow(clippy::cast_possible_truncation, reason = "it is a whole number of 54 bits")]
            let whole = float as i64;
            Ok(whole)
        }
        (None, Some(float)) if float.fract() != 0.0 => Err(Unsaid::Unfit),
        _ => Err(Unsaid::TooFine),
    }
}

fn decimal(number: &serde_json::Number) -> Result<String, Unsaid> {
    let float = number.as_f64().filter(|float| float.abs() < DECIMAL_MAX).ok_or(Unsaid::TooFine)?;
    let text = format!("{float:.4}");
    if text.parse() == Ok(float) { Ok(text) } else { Err(Unsaid::TooFine) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(value: Value) -> JsonObject {
        value.as_object().cloned().expect("an object")
    }

    fn schema() -> JsonObject {
        object(json!({
            "type": "object",
            "$defs": { "Order": { "enum": ["up", "down"] } },
            "properties": {
                "sql": { "type": "string" },
                "limit": { "type": ["integer", "null"] },
                "order": { "anyOf": [{ "$ref": "#/$defs/Order" }, { "type": "null" }] },
                "price": { "type": "number" },
                "tags": { "type": "array", "items": { "type": "string" } },
                "place": { "type": "object", "properties": { "deep": { "type": "boolean" } } },
                "pair": { "type": "array", "prefixItems": [{ "type": "string" }], "items": { "type": "integer" } },
                "either": { "type": ["string", "integer"] },
                "any": {},
                "loop": { "$ref": "#/$defs/Loop" },
            },
        }))
    }

    #[test]
    fn what_has_one_type_is_typed_and_the_rest_is_left_out() {
        let shapes = shapes(&schema());
        let names: Vec<&str> = shapes.keys().map(String::as_str).collect();
        assert_eq!(names, ["limit", "order", "place", "price", "sql", "tags"]);
        assert_eq!(shapes["order"], Shape::Text);
        assert_eq!(record(&shapes)["attributes"]["limit"], json!({ "type": "Long", "required": false }));
    }

    #[test]
    fn a_schema_without_end_is_followed_to_some_depth_alone() {
        let recursive = object(json!({
            "properties": { "tree": { "$ref": "#/$defs/Tree" } },
            "$defs": { "Tree": { "type": "object", "properties": { "child": { "$ref": "#/$defs/Tree" } } } },
        }));
        let shapes = shapes(&recursive);
        assert!(matches!(shapes.get("tree"), Some(Shape::Object(_))));
        let round = object(json!({
            "properties": { "a": { "$ref": "#/$defs/A" } },
            "$defs": { "A": { "$ref": "#/$defs/A" } },
        }));
        assert_eq!(super::shapes(&round), Shapes::new());
    }

    #[test]
    fn a_number_is_exact_or_ends_the_question() {
        let said = |value: Value| Shape::Decimal.said(&value).map(|_| ());
        assert_eq!(said(json!(0.1)), Ok(()));
        assert_eq!(said(json!(1000)), Ok(()));
        assert_eq!(said(json!(1000.00001)), Err(Unsaid::TooFine));
        assert_eq!(said(json!(1e300)), Err(Unsaid::TooFine));
        let said = |value: Value| Shape::Whole.said(&value).map(|_| ());
        assert_eq!(said(json!(5.0)), Ok(()));
        assert_eq!(said(json!(u64::MAX)), Err(Unsaid::TooFine));
        assert_eq!(said(json!(5.5)), Err(Unsaid::Unfit));
        assert_eq!(said(json!("5")), Err(Unsaid::Unfit));
    }

    #[test]
    fn what_does_not_fit_is_left_out_and_what_is_too_fine_is_not() {
        let shapes = shapes(&schema());
        let say = |fields: Value, wanted: &str| said(&shapes, &object(fields), |name| name == wanted).map(|_| ());
        assert_eq!(say(json!({ "sql": 5, "price": 1.000_01 }), "sql"), Ok(()));
        assert_eq!(say(json!({ "sql": 5, "price": 1.000_01 }), "price"), Err(Unsaid::TooFine));
    }
}
