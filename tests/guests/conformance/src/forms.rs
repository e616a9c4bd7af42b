//! Forms with everything that a form can hold.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use toolhost_sdk::{Result, client, json, tool};

use crate::asking::told;

/// What a form shows filled in.
#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(default)]
struct Profile {
    /// User name
    name: String,
    /// User age
    age: i32,
    /// User score
    score: f64,
    /// User status
    status: Status,
    /// Verification status
    verified: bool,
}

#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Status {
    Active,
    Inactive,
    Pending,
}

impl Default for Profile {
    fn default() -> Self {
        Self { name: "John Doe".to_owned(), age: 30, score: 95.5, status: Status::Active, verified: true }
    }
}

/// Asks with a form that is filled in already.
#[tool]
pub(crate) fn test_elicitation_sep1034_defaults() -> Result<String> {
    let (action, content) = told(client::ask::<Profile>("profile", "Please review and update the form")?);
    Ok(format!("Elicitation completed: action={action}, content={content}"))
}

/// Asks with every form of choice.
#[tool]
pub(crate) fn test_elicitation_sep1330_enums() -> Result<String> {
    // One of them has no place in Rust's types: the names of a choice in a list of their own.
    let titled = |titles: [&str; 3]| {
        let choice = |(at, title)| json!({ "const": format!("value{}", at + 1), "title": title });
        json!(titles.into_iter().enumerate().map(choice).collect::<Vec<_>>())
    };
    let options = json!(["option1", "option2", "option3"]);
    let schema = json!({
        "type": "object",
        "properties": {
            "untitledSingle": { "type": "string", "description": "Select one option", "enum": options },
            "titledSingle": {
                "type": "string",
                "description": "Select one option with titles",
                "oneOf": titled(["First Option", "Second Option", "Third Option"]),
            },
            "legacyEnum": {
                "type": "string",
                "description": "Select one option (legacy)",
                "enum": ["opt1", "opt2", "opt3"],
                "enumNames": ["Option One", "Option Two", "Option Three"],
            },
            "untitledMulti": {
                "type": "array",
                "description": "Select multiple options",
                "items": { "type": "string", "enum": options },
            },
            "titledMulti": {
                "type": "array",
                "description": "Select multiple options with titles",
                "items": { "anyOf": titled(["First Choice", "Second Choice", "Third Choice"]) },
            },
        },
        "required": [],
    });
    let (action, content) = told(client::form_of("choices", "Please select options", &schema).ask()?);
    Ok(format!("Elicitation completed: action={action}, content={content}"))
}
