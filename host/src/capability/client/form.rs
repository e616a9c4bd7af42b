//! A form for a client's user: a flat object, as MCP's elicitation allows it, and what a
//! filled-in one is held against.

use serde_json::Value;

use crate::call::JsonObject;
use crate::schema::Schema;

/// The most fields of a form.
const FIELDS_MAX: usize = 50;

/// A form, ready to be held against.
pub(super) struct Form {
    schema: Schema,
    fields: Vec<String>,
}

impl Form {
    /// Reads a form's JSON Schema, or says why no client could show it.
    pub(super) fn read(text: &str) -> Result<(Self, JsonObject), String> {
        let schema: JsonObject =
            serde_json::from_str(text).map_err(|error| format!("the schema of a form is no JSON object: {error}"))?;
        if schema.get("type").and_then(Value::as_str) != Some("object") {
            return Err("the schema of a form is of type `object`".to_owned());
        }
        let no_fields = JsonObject::new();
        let properties = schema.get("properties").and_then(Value::as_object).unwrap_or(&no_fields);
        if properties.len() > FIELDS_MAX {
            return Err(format!("a form has at most {FIELDS_MAX} fields"));
        }
        if let Some((name, _)) = properties.iter().find(|(_, field)| !is_plain(field)) {
            return Err(format!(
                "the field `{name}` of a form is none of: a string, a number, an integer, a boolean, a choice of \
                 strings, a list of such choices"
            ));
        }
        let fields = properties.keys().cloned().collect();
        let compiled = Schema::compile(&schema).map_err(|why| format!("the schema of a form is broken: {why}"))?;
        Ok((Self { schema: compiled, fields }, schema))
    }

    /// The fields of a filled-in form as JSON text, if they fit; what else the client sent
    /// is left out.
    pub(super) fn take(&self, mut content: JsonObject) -> Option<String> {
        content.retain(|name, _| self.fields.contains(name));
        let content = Value::Object(content);
        self.schema.faults(&content).is_none().then(|| content.to_string())
    }
}

/// Whether a field is of the kinds that the protocol knows.
fn is_plain(field: &Value) -> bool {
    let kind = |field: &Value| field.get("type").and_then(Value::as_str).map(str::to_owned);
    let refers = field.get("$ref").is_some() || field.get("properties").is_some();
    match kind(field).as_deref() {
        Some("string" | "number" | "integer" | "boolean") => !refers,
        Some("array") => field.get("items").is_some_and(|items| {
            items.get("anyOf").is_some() || (kind(items).as_deref() == Some("string") && items.get("enum").is_some())
        }),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_form_is_flat() {
        let read =
            |fields: Value| Form::read(&json!({ "type": "object", "properties": fields }).to_string()).map(|_| ());
        for right in [
            json!({ "name": { "type": "string", "default": "Ann" }, "age": { "type": "integer", "minimum": 0 } }),
            json!({ "one": { "type": "string", "enum": ["a", "b"], "enumNames": ["A", "B"] } }),
            json!({ "one": { "type": "string", "oneOf": [{ "const": "a", "title": "A" }] } }),
            json!({ "some": { "type": "array", "items": { "type": "string", "enum": ["a"] } } }),
            json!({ "some": { "type": "array", "items": { "anyOf": [{ "const": "a", "title": "A" }] } } }),
            json!({}),
        ] {
            assert_eq!(read(right), Ok(()));
        }
        for wrong in [
            json!({ "who": { "type": "object", "properties": {} } }),
            json!({ "who": { "$ref": "#/$defs/who" } }),
            json!({ "some": { "type": "array", "items": { "type": "object" } } }),
            json!({ "who": { "type": ["string", "null"] } }),
        ] {
            assert!(read(wrong.clone()).expect_err("is refused").contains("none of"), "{wrong}");
        }
        assert!(Form::read("[]").is_err() && Form::read("{\"type\":\"string\"}").is_err());
    }

    #[test]
    fn what_was_not_asked_is_left_out_and_what_does_not_fit_is_not_taken() {
        let schema = json!({ "type": "object", "properties": { "n": { "type": "integer" } }, "required": ["n"] });
        let (form, _) = Form::read(&schema.to_string()).expect("is right");
        let take = |content: Value| form.take(content.as_object().expect("an object").clone());
        assert_eq!(take(json!({ "n": 1, "x": 2 })).as_deref(), Some("{\"n\":1}"));
        assert_eq!(take(json!({ "n": "1" })), None);
        assert_eq!(take(json!({})), None);
    }
}
