//! The schema of a form: what `schemars` says of a Rust type, in the few words that a form may use.
//!
//! A client draws a field for each property, so a property is one flat thing: no `null` beside
//! the value, no reference, and a choice as a list of `const` and `title`.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use crate::schema::generator;

/// What the protocol lets stand in a field.
const WORDS: [&str; 15] = [
    "type",
    "title",
    "description",
    "default",
    "enum",
    "oneOf",
    "anyOf",
    "items",
    "format",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
];

/// The formats of text that a client knows.
const FORMATS: [&str; 4] = ["email", "uri", "date", "date-time"];

/// The schema of a form with the fields of `T`, as JSON text.
pub(super) fn schema<T: JsonSchema>() -> String {
    let mut generator = generator(SchemaSettings::draft2020_12().for_deserialize());
    let mut schema = generator.subschema_for::<T>().to_value();
    let mut form = Map::from_iter([("type".to_owned(), json!("object"))]);
    let mut properties = Map::new();
    if let Some(Value::Object(fields)) = schema.get_mut("properties").map(Value::take) {
        properties.extend(fields.into_iter().map(|(name, mut field)| {
            flatten(&mut field);
            (name, field)
        }));
    }
    form.insert("properties".to_owned(), properties.into());
    if let Some(required) = schema.get_mut("required") {
        form.insert("required".to_owned(), required.take());
    }
    Value::Object(form).to_string()
}

/// Makes one field flat. What no form can hold stays as it is, and the host names it.
fn flatten(field: &mut Value) {
    unwrap_optional(field);
    let Some(object) = field.as_object_mut() else { return };
    object.retain(|word, value| WORDS.contains(&word.as_str()) && !value.is_null());
    if object.get("format").and_then(Value::as_str).is_some_and(|format| !FORMATS.contains(&format)) {
        object.remove("format");
    }
    if let Some(choices) = object.get("oneOf").and_then(choices) {
        object.insert("type".to_owned(), json!("string"));
        object.insert("oneOf".to_owned(), choices);
    }
    if let Some(items) = object.get_mut("items").and_then(Value::as_object_mut) {
        match items.get("oneOf").and_then(choices) {
            Some(choices) => *items = Map::from_iter([("anyOf".to_owned(), choices)]),
            None => items.retain(|word, _| word == "type" || word == "enum"),
        }
    }
}

/// A field that may be left empty is not required, and otherwise what it is when it is filled in.
fn unwrap_optional(field: &mut Value) {
    let Some(object) = field.as_object_mut() else { return };
    if let Some(kinds) = object.get("type").and_then(Value::as_array) {
        let kinds: Vec<Value> = kinds.iter().filter(|kind| *kind != "null").cloned().collect();
        if let [kind] = kinds.as_slice() {
            object.insert("type".to_owned(), kind.clone());
        }
    }
    if let Some(values) = object.get_mut("enum").and_then(Value::as_array_mut) {
        values.retain(|value| !value.is_null());
    }
    let is_null = |branch: &Value| branch.get("type").is_some_and(|kind| kind == "null");
    if let Some(Value::Array(mut branches)) = object.get("anyOf").cloned() {
        branches.retain(|branch| !is_null(branch));
        if let [Value::Object(only)] = branches.as_slice() {
            object.remove("anyOf");
            for (word, value) in only {
                object.entry(word.clone()).or_insert_with(|| value.clone());
            }
        }
    }
}

/// The choices of an enum whose variants have doc comments: each with what is shown for it.
fn choices(branches: &Value) -> Option<Value> {
    let mut choices = Vec::new();
    for branch in branches.as_array()? {
        let values = match (branch.get("const"), branch.get("enum")) {
            (Some(value), _) => vec![value.clone()],
            (None, Some(values)) => values.as_array()?.clone(),
            (None, None) => return None,
        };
        for value in values {
            let title = branch.get("title").or_else(|| branch.get("description")).unwrap_or(&value);
            choices.push(json!({ "const": value, "title": title }));
        }
    }
    Some(choices.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Not to be seen.
    #[derive(JsonSchema)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only its schema is looked at")]
    struct Person {
        /// What to call you.
        name: String,
        #[schemars(email)]
        mail: Option<String>,
        #[serde(default = "thirty")]
        age: u32,
        score: Option<f64>,
        verified: bool,
        colour: Colour,
        /// Any of them.
        sizes: Vec<Size>,
        size: Option<Size>,
        other: Option<Colour>,
    }

    fn thirty() -> u32 {
        30
    }

    #[derive(JsonSchema)]
    #[serde(rename_all = "lowercase")]
    #[expect(dead_code, reason = "only its schema is looked at")]
    enum Colour {
        Red,
        Blue,
    }

    #[derive(JsonSchema)]
    #[expect(dead_code, reason = "only its schema is looked at")]
    enum Size {
        /// Small
        S,
        /// Large
        L,
        Other,
    }

    #[test]
    fn a_form_has_flat_fields() {
        let sizes = json!([
            { "const": "Other", "title": "Other" },
            { "const": "S", "title": "Small" },
            { "const": "L", "title": "Large" },
        ]);
        assert_eq!(
            serde_json::from_str::<Value>(&schema::<Person>()).unwrap(),
            json!({
                "type": "object",
                "properties": {
                    "name": { "type": "string", "description": "What to call you." },
                    "mail": { "type": "string", "format": "email" },
                    "age": { "type": "integer", "minimum": 0, "default": 30 },
                    "score": { "type": "number" },
                    "verified": { "type": "boolean" },
                    "colour": { "type": "string", "enum": ["red", "blue"] },
                    "sizes": { "type": "array", "description": "Any of them.", "items": { "anyOf": sizes } },
                    "size": { "type": "string", "oneOf": sizes },
                    "other": { "type": "string", "enum": ["red", "blue"] },
                },
                "required": ["name", "verified", "colour", "sizes"],
            })
        );
    }

    #[test]
    fn a_form_shows_what_its_type_has_by_default() {
        #[derive(JsonSchema, serde::Serialize)]
        #[serde(default)]
        struct Profile {
            score: f64,
            verified: bool,
        }

        impl Default for Profile {
            fn default() -> Self {
                Self { score: 95.5, verified: true }
            }
        }

        assert_eq!(
            serde_json::from_str::<Value>(&schema::<Profile>()).unwrap(),
            json!({
                "type": "object",
                "properties": {
                    "score": { "type": "number", "default": 95.5 },
                    "verified": { "type": "boolean", "default": true },
                },
            })
        );
    }
}
