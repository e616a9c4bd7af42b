//! JSON Schemas that values are held against: those of tools, and of forms for users.

use jsonschema::error::ValidationErrorKind;
use jsonschema::{Draft, Validator};
use serde_json::Value;

use crate::call::JsonObject;

/// How many faults one answer names.
const FAULTS_MAX: usize = 5;

/// A JSON Schema (2020-12, unless it says otherwise) that values can be held against.
/// It never fetches anything: a reference to another document is refused.
pub struct Schema {
    validator: Validator,
    takes_any_object: bool,
}

impl Schema {
    /// Compiles a schema, or says what is wrong with it.
    pub fn compile(schema: &JsonObject) -> Result<Self, String> {
        let schema = Value::Object(schema.clone());
        let validator = jsonschema::options().with_draft(draft_of(&schema)).build(&schema);
        let validator = validator.map_err(|error| error.to_string())?;
        Ok(Self { validator, takes_any_object: takes_any_object(&schema) })
    }

    /// Whether it asks for an object, and for nothing else: what needs no look into the object.
    pub fn takes_any_object(&self) -> bool {
        self.takes_any_object
    }

    /// What is wrong with a value: the field and the rule, never the value itself.
    pub fn faults(&self, value: &Value) -> Option<String> {
        if self.validator.is_valid(value) {
            return None;
        }
        let faults: Vec<String> =
            self.validator.iter_errors(value).take(FAULTS_MAX).map(|error| fault(&error)).collect();
        Some(faults.join("; "))
    }
}

fn takes_any_object(schema: &Value) -> bool {
    let says = |(key, value): (&String, &Value)| match key.as_str() {
        "type" => value == "object",
        "$schema" | "title" | "description" => true,
        _ => false,
    };
    schema.as_object().is_some_and(|schema| schema.contains_key("type") && schema.iter().all(says))
}

fn draft_of(schema: &Value) -> Draft {
    let named = schema.get("$schema").and_then(Value::as_str);
    match named.and_then(|uri| uri.trim_end_matches('#').rsplit_once("//")) {
        Some((_, "json-schema.org/draft-07/schema")) => Draft::Draft7,
        Some((_, "json-schema.org/draft-06/schema")) => Draft::Draft6,
        Some((_, "json-schema.org/draft-04/schema")) => Draft::Draft4,
        Some((_, "json-schema.org/draft/2019-09/schema")) => Draft::Draft201909,
        _ => Draft::Draft202012,
    }
}

fn fault(error: &jsonschema::ValidationError<'_>) -> String {
    let path = error.instance_path().to_string();
    let field = path.trim_start_matches('/').replace('/', ".");
    let rule = match error.kind() {
        // Said by the library, the list would end after the second.
        ValidationErrorKind::Enum { options } => format!("its value is not one of {options}"),
        _ => error.masked_with("its value").to_string(),
    };
    if field.is_empty() { rule } else { format!("`{field}`: {rule}") }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn faults(schema: Value, value: Value) -> Option<String> {
        let Value::Object(schema) = schema else { panic!("a schema is an object") };
        Schema::compile(&schema).expect("compiles").faults(&value)
    }

    #[test]
    fn a_fault_names_the_field_and_the_rule_and_not_the_value() {
        let schema = json!({
            "type": "object",
            "properties": { "page": { "type": "object", "properties": { "size": { "type": "integer", "maximum": 10 } } } },
            "required": ["page"],
            "additionalProperties": false,
        });
        let said = |value| faults(schema.clone(), value).expect("is wrong");
        let wrong_type = said(json!({ "page": { "size": "s3cret" } }));
        assert!(wrong_type.contains("`page.size`") && wrong_type.contains("integer"), "{wrong_type}");
        assert!(!wrong_type.contains("s3cret"), "{wrong_type}");
        assert!(said(json!({})).contains("page"));
        assert!(said(json!({ "page": {}, "pgae": 1 })).contains("pgae"));
        assert!(said(json!({ "page": { "size": 11 } })).contains("10"));
        assert_eq!(faults(schema.clone(), json!({ "page": { "size": 10 } })), None);
        let severities = json!({ "type": "object", "properties": { "severity": { "enum": ["low", "normal", "high", "critical"] } } });
        let said = faults(severities, json!({ "severity": "s3cret" })).expect("is wrong");
        assert!(said.contains("critical") && !said.contains("s3cret"), "{said}");
    }

    #[test]
    fn a_schema_that_asks_for_any_object_is_told_from_one_that_asks_for_more() {
        let takes_any = |schema: Value| {
            let Value::Object(schema) = schema else { panic!("a schema is an object") };
            Schema::compile(&schema).expect("compiles").takes_any_object()
        };
        assert!(takes_any(json!({ "type": "object", "title": "Rows", "description": "Any." })));
        for more in [
            json!({}),
            json!({ "type": "array" }),
            json!({ "type": ["object"] }),
            json!({ "type": "object", "properties": {} }),
            json!({ "type": "object", "$ref": "#" }),
            json!({ "title": "object" }),
        ] {
            assert!(!takes_any(more.clone()), "{more}");
        }
    }

    #[test]
    fn a_schema_that_points_elsewhere_is_refused() {
        let schema = json!({ "$ref": "https://example.com/schema.json" });
        let Value::Object(schema) = schema else { panic!("a schema is an object") };
        assert!(Schema::compile(&schema).is_err());
    }
}
