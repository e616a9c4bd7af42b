//! `search_tools`: the host's own tool, by which an agent finds the right one of many.

use std::sync::{Arc, OnceLock};

use serde_json::{Value, json};

use super::{Document, Index, QUERY_BYTES_MAX};
use crate::call::{Annotations, Answer, Content, JsonObject, Part, Structured, TaskUse, Tool};
use crate::fault::{Error, Kind};

/// Its name. No plugin's tool may have it while it is there.
pub const NAME: &str = "search_tools";

/// With more tools than this it is there by itself.
pub const MANY: usize = 40;

/// How many tools one answer holds at most, and if nothing is said.
const LIMIT_MAX: u64 = 20;
const LIMIT: u64 = 5;

/// The tool, and what it knows of the others once it has been asked.
pub struct Search {
    tool: Tool,
    index: OnceLock<Index>,
}

impl Default for Search {
    fn default() -> Self {
        Self { tool: describe(), index: OnceLock::new() }
    }
}

impl Search {
    /// The tool as agents see it.
    pub fn tool(&self) -> &Tool {
        &self.tool
    }

    /// The tools that fit, best first, with all that the next call needs to know: those at an
    /// allowed place of `tools`, which are always the same, in the same order.
    pub fn answer(
        &self,
        tools: &[&Tool],
        arguments: &JsonObject,
        allowed: impl Fn(usize) -> bool,
    ) -> Result<Answer, Error> {
        let (query, limit) = read(arguments)?;
        let index = self.index.get_or_init(|| Index::new(tools.iter().map(|tool| document(tool))));
        let best = index.best(query, limit, allowed);
        let found: Vec<Value> = best.into_iter().filter_map(|place| tools.get(place)).map(|tool| shown(tool)).collect();
        let structured = json!({ "tools": found });
        let text = if found.is_empty() {
            "No tool fits these words; use others, or list all tools.".to_owned()
        } else {
            structured.to_string()
        };
        let part = Part { content: Content::Text(text), annotations: None, meta: None };
        Ok(Answer { content: vec![part], structured: Some(Structured::Tree(structured)), meta: None })
    }
}

fn read(arguments: &JsonObject) -> Result<(&str, usize), Error> {
    let wrong = |why: String| Error::new(Kind::InvalidArguments, format!("The arguments do not fit: {why}."));
    if let Some(unknown) = arguments.keys().find(|key| !matches!(key.as_str(), "query" | "limit")) {
        let unknown: String = unknown.chars().filter(|c| !c.is_control()).take(64).collect();
        return Err(wrong(format!("`{unknown}` is unknown; `{NAME}` takes `query` and `limit`")));
    }
    let query = match arguments.get("query") {
        Some(Value::String(query)) if query.len() <= QUERY_BYTES_MAX => query.as_str(),
        Some(Value::String(_)) => return Err(wrong(format!("`query` is longer than {QUERY_BYTES_MAX} bytes"))),
        _ => return Err(wrong("`query` must be there, and text".to_owned())),
    };
    let limit = match arguments.get("limit") {
        None => LIMIT,
        Some(limit) => match limit.as_u64().filter(|limit| (1..=LIMIT_MAX).contains(limit)) {
            Some(limit) => limit,
            None => return Err(wrong(format!("`limit` must be a whole number from 1 to {LIMIT_MAX}"))),
        },
    };
    Ok((query, usize::try_from(limit).unwrap_or(usize::MAX)))
}

fn document(tool: &Tool) -> Document<'_> {
    Document {
        name: &tool.name,
        title: tool.title.as_deref(),
        description: &tool.description,
        input_schema: &tool.input_schema,
        keywords: &tool.keywords,
    }
}

/// A tool, as far as a caller needs it.
fn shown(tool: &Tool) -> Value {
    let mut shown = json!({ "name": tool.name, "description": tool.description, "inputSchema": *tool.input_schema });
    if let (Value::Object(fields), Some(title)) = (&mut shown, &tool.title) {
        fields.insert("title".to_owned(), json!(title));
    }
    shown
}

fn describe() -> Tool {
    let schema = |value: Value| Arc::new(value.as_object().cloned().unwrap_or_default());
    Tool {
        name: NAME.to_owned(),
        title: Some("Search tools".to_owned()),
        description: "Finds the tools of this server that fit a task, best first, with their input schemas: the next \
                      call can be one of them. Ask here before reading the whole list of tools."
            .to_owned(),
        input_schema: schema(json!({
            "type": "object",
            "properties": {
                "query": { "type": "string", "description": "What is to be done, in a few words.", "maxLength": QUERY_BYTES_MAX },
                "limit": {
                    "type": "integer", "minimum": 1, "maximum": LIMIT_MAX, "default": LIMIT,
                    "description": "How many tools to show.",
                },
            },
            "required": ["query"],
            "additionalProperties": false,
        })),
        mirrors_arguments: false,
        output_schema: Some(schema(json!({
            "type": "object",
            "properties": {
                "tools": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "properties": {
                            "name": { "type": "string" },
                            "title": { "type": "string" },
                            "description": { "type": "string" },
                            "inputSchema": { "type": "object" },
                        },
                        "required": ["name", "description", "inputSchema"],
                    },
                },
            },
            "required": ["tools"],
        }))),
        annotations: Annotations {
            read_only: Some(true),
            destructive: Some(false),
            idempotent: Some(true),
            open_world: Some(false),
        },
        task_use: TaskUse::WhenSlow,
        keywords: Vec::new(),
        icons: Vec::new(),
        meta: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tool(name: &str, description: &str) -> Tool {
        Tool { name: name.to_owned(), title: None, description: description.to_owned(), ..describe() }
    }

    fn ask(arguments: Value) -> Result<Vec<String>, Error> {
        let tools = [
            tool("crm__run_query", "Runs SQL."),
            tool("mail__send", "Sends a letter to somebody."),
            tool("mail__burn", "Burns letters."),
        ];
        let arguments = arguments.as_object().expect("an object");
        let answer = Search::default().answer(&[&tools[0], &tools[1], &tools[2]], arguments, |place| place != 2)?;
        let structured = answer.structured.expect("is structured").into_value();
        let found = structured["tools"].as_array().expect("a list").clone();
        assert!(found.iter().all(|tool| tool["inputSchema"]["type"] == "object"));
        Ok(found.iter().map(|tool| tool["name"].as_str().expect("a name").to_owned()).collect())
    }

    #[test]
    fn the_answer_holds_what_the_next_call_needs() {
        assert_eq!(ask(json!({ "query": "send letters" })), Ok(vec!["mail__send".to_owned()]));
        assert_eq!(ask(json!({ "query": "weather in Lisbon" })), Ok(Vec::new()));
    }

    #[test]
    fn wrong_arguments_are_refused_by_name() {
        for (arguments, named) in [
            (json!({}), "`query`"),
            (json!({ "query": 1 }), "`query`"),
            (json!({ "query": "a", "limit": 0 }), "`limit`"),
            (json!({ "query": "a", "limit": 21 }), "`limit`"),
            (json!({ "query": "a", "lmit": 2 }), "`lmit`"),
            (json!({ "query": "a".repeat(QUERY_BYTES_MAX + 1) }), "`query`"),
        ] {
            let error = ask(arguments).expect_err("is refused");
            assert_eq!(error.kind, Kind::InvalidArguments);
            assert!(error.message.contains(named), "{}", error.message);
        }
    }
}
