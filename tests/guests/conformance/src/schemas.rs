//! Tools whose arguments say more than Rust's types do.

use toolhost_sdk::serde_json::Value;
use toolhost_sdk::{Json, json, tool};

/// Takes what a schema of JSON Schema 2020-12 lets through.
#[tool(read_only, schema = contact)]
pub(crate) fn json_schema_2020_12_tool(name: Option<String>, address: Option<Value>) -> Json<Value> {
    Json(json!({ "name": name, "address": address }))
}

fn contact() -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "$defs": {
            "address": {
                "$anchor": "addressDef",
                "type": "object",
                "properties": { "street": { "type": "string" }, "city": { "type": "string" } },
            },
        },
        "properties": {
            "name": { "type": "string" },
            "address": { "$ref": "#/$defs/address" },
            "contactMethod": { "type": "string", "enum": ["phone", "email"] },
            "phone": { "type": "string" },
            "email": { "type": "string" },
        },
        "allOf": [{ "anyOf": [{ "required": ["phone"] }, { "required": ["email"] }] }],
        "if": { "properties": { "contactMethod": { "const": "phone" } }, "required": ["contactMethod"] },
        "then": { "required": ["phone"] },
        "else": { "required": ["email"] },
        "additionalProperties": false,
    })
}

/// Takes an argument that clients send as a header too.
#[tool(read_only)]
pub(crate) fn test_custom_header(
    /// A word.
    #[header("Value")]
    value: String,
) -> String {
    format!("Received: {value}")
}
