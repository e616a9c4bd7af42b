//! JSON Schema for arguments and results: what `schemars` says of a Rust type, less its noise.
//!
//! A model pays for every word of a tool's definition, so types are written in place
//! where they are used, without `$schema`, without titles, and without the names of
//! Rust's number types.

use schemars::generate::{SchemaGenerator, SchemaSettings};
use schemars::transform::transform_subschemas;
use schemars::{JsonSchema, Schema};
use serde::Serialize;
use serde_json::{Map, Value, json};

/// The schema of a tool's arguments, built parameter by parameter.
pub struct Parameters {
    generator: SchemaGenerator,
    properties: Map<String, Value>,
    required: Vec<Value>,
}

impl Parameters {
    /// No parameters yet.
    pub fn new() -> Self {
        Self {
            generator: generator(SchemaSettings::draft2020_12().for_deserialize()),
            properties: Map::new(),
            required: Vec::new(),
        }
    }

    /// Adds a parameter that must be given.
    pub fn required<T: JsonSchema>(mut self, name: &str, description: &str) -> Self {
        self.required.push(name.into());
        self.optional::<T>(name, description)
    }

    /// Adds a parameter that may be left out.
    pub fn optional<T: JsonSchema>(self, name: &str, description: &str) -> Self {
        self.add::<T>(name, description, None)
    }

    /// Adds a parameter that has a value when it is left out.
    pub fn default<T: JsonSchema + Serialize>(self, name: &str, description: &str, value: T) -> Self {
        // A default that is no JSON cannot be shown, and the tool still has it.
        let value = serde_json::to_value(value).ok();
        self.add::<T>(name, description, value)
    }

    fn add<T: JsonSchema>(mut self, name: &str, description: &str, default: Option<Value>) -> Self {
        let mut schema = self.generator.subschema_for::<T>();
        schema.insert("description".to_owned(), description.into());
        if let Some(default) = default {
            schema.insert("default".to_owned(), default);
        }
        self.properties.insert(name.to_owned(), clean(schema));
        self
    }

    /// Has clients send the parameter of that name as the HTTP header `Mcp-Param-<header>` too.
    pub fn header(mut self, name: &str, header: &str) -> Self {
        if let Some(property) = self.properties.get_mut(name).and_then(Value::as_object_mut) {
            property.insert("x-mcp-header".to_owned(), header.into());
        }
        self
    }

    /// The whole schema. Arguments that it does not name are refused.
    pub fn finish(mut self) -> Value {
        let mut schema = json!({ "type": "object", "properties": self.properties });
        if let Some(object) = schema.as_object_mut() {
            if !self.required.is_empty() {
                object.insert("required".to_owned(), self.required.into());
            }
            object.insert("additionalProperties".to_owned(), false.into());
            add_definitions(object, &mut self.generator);
        }
        schema
    }
}

impl Default for Parameters {
    fn default() -> Self {
        Self::new()
    }
}

/// The schema of a `T` as [`crate::Json`] answers it: always of an object.
pub(crate) fn output<T: JsonSchema>() -> Value {
    let mut generator = generator(SchemaSettings::draft2020_12().for_serialize());
    let schema = clean(generator.subschema_for::<T>());
    let mut object = match schema {
        Value::Object(object) if is_object(&object) => object,
        other => match other.get("type").and_then(Value::as_str) {
            Some(_) => Map::from_iter([
                ("type".to_owned(), json!("object")),
                ("properties".to_owned(), json!({ "result": other })),
                ("required".to_owned(), json!(["result"])),
            ]),
            // Now an object and now something else: all that is certain is the object around it.
            None => return json!({ "type": "object" }),
        },
    };
    object.insert("type".to_owned(), json!("object"));
    add_definitions(&mut object, &mut generator);
    Value::Object(object)
}

/// Whether every value that fits the schema is an object.
fn is_object(schema: &Map<String, Value>) -> bool {
    let is_branch_object = |branch: &Value| branch.as_object().is_some_and(is_object);
    match schema.get("type") {
        Some(kind) => kind == "object",
        None => ["oneOf", "anyOf"]
            .iter()
            .filter_map(|key| schema.get(*key)?.as_array())
            .any(|branches| branches.iter().all(is_branch_object)),
    }
}

pub(crate) fn generator(settings: SchemaSettings) -> SchemaGenerator {
    settings
        .with(|settings| {
            settings.meta_schema = None;
            settings.inline_subschemas = true;
        })
        .into_generator()
}

/// Only a type that contains itself has a definition; all others stand where they are used.
fn add_definitions(object: &mut Map<String, Value>, generator: &mut SchemaGenerator) {
    let definitions = generator.take_definitions(false);
    if definitions.is_empty() {
        return;
    }
    let clean = |(name, value): (String, Value)| match Schema::try_from(value) {
        Ok(schema) => (name, clean(schema)),
        Err(_) => (name, true.into()),
    };
    let definitions = definitions.into_iter().map(clean).collect();
    object.insert("$defs".to_owned(), Value::Object(definitions));
}

fn clean(mut schema: Schema) -> Value {
    remove_noise(&mut schema);
    schema.to_value()
}

fn remove_noise(schema: &mut Schema) {
    schema.remove("title");
    let is_number = matches!(schema.get("type").and_then(Value::as_str), Some("integer" | "number"));
    if is_number {
        schema.remove("format");
    }
    transform_subschemas(&mut remove_noise, schema);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(JsonSchema, Serialize)]
    struct Point {
        /// To the right.
        x: f64,
        label: Option<String>,
    }

    #[derive(JsonSchema, Serialize)]
    struct Tree {
        children: Vec<Tree>,
    }

    #[derive(JsonSchema, Serialize)]
    #[serde(tag = "kind")]
    #[expect(dead_code, reason = "only its schema is looked at")]
    enum Shape {
        Dot { at: Point },
        Nothing,
    }

    #[test]
    fn parameters_are_small_and_closed() {
        let schema = Parameters::new()
            .required::<u32>("limit", "How many.")
            .optional::<String>("source", "Which one.")
            .default("max", "At most.", 100_u32)
            .finish();
        assert_eq!(
            schema,
            json!({
                "type": "object",
                "properties": {
                    "limit": { "type": "integer", "minimum": 0, "description": "How many." },
                    "source": { "type": "string", "description": "Which one." },
                    "max": { "type": "integer", "minimum": 0, "description": "At most.", "default": 100 },
                },
                "required": ["limit"],
                "additionalProperties": false,
            })
        );
    }

    #[test]
    fn a_parameter_of_any_json_says_only_what_it_is_for() {
        let schema = Parameters::new().required::<Value>("payload", "Anything.").finish();
        assert_eq!(schema["properties"]["payload"], json!({ "description": "Anything." }));
    }

    #[test]
    fn a_struct_stands_where_it_is_used() {
        assert_eq!(
            output::<Point>(),
            json!({
                "type": "object",
                "properties": {
                    "x": { "type": "number", "description": "To the right." },
                    "label": { "type": ["string", "null"] },
                },
                "required": ["x", "label"],
            })
        );
    }

    #[test]
    fn a_type_that_contains_itself_is_defined_once() {
        let schema = output::<Tree>();
        let item = json!({ "$ref": "#/$defs/Tree" });
        assert_eq!(schema["properties"]["children"]["items"], item);
        assert_eq!(schema["$defs"]["Tree"]["properties"]["children"]["items"], item);
    }

    #[test]
    fn an_enum_of_objects_is_an_object() {
        let schema = output::<Shape>();
        assert_eq!(schema["type"], "object");
        assert_eq!(schema["oneOf"].as_array().map(Vec::len), Some(2));
    }

    #[test]
    fn json_of_any_shape_promises_no_more_than_an_object() {
        assert_eq!(output::<Value>(), json!({ "type": "object" }));
        assert_eq!(output::<Option<Point>>(), json!({ "type": "object" }));
    }
}
