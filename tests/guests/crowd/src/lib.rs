//! A plugin with as many tools as its setting `tools` says, each of which is an `echo`.

use toolhost_sdk::raw::{Entry, Guest, Tool, call, describe};
use toolhost_sdk::serde_json::{Map, Value};
use toolhost_sdk::{Error, Json, Outcome, Result, json, plugin, settings, tool};

const TOOLS: &[Entry] = &[Entry::of::<echo>()];

struct Crowd;

impl Guest for Crowd {
    fn describe() -> Result<Vec<Tool>> {
        let count = settings::get("tools").unwrap_or_else(|| "1".to_owned());
        let count: usize = count.parse().map_err(|_| Error::invalid("The setting `tools` is a number."))?;
        let mut tools = describe(TOOLS)?;
        if let Some(first) = tools.first().cloned() {
            tools.extend((1..count).map(|number| Tool { name: format!("echo_{number}"), ..first.clone() }));
        }
        Ok(tools)
    }

    fn call(_: String, arguments: String) -> Result<Outcome> {
        call(TOOLS, "echo", &arguments)
    }
}

plugin! { raw: Crowd }

/// Answers with what it was given.
#[tool(read_only, idempotent, open_world = false, title = "Echo")]
fn echo(
    /// The text of the answer.
    message: String,
    /// Any object, to be given back beside it.
    payload: Option<Map<String, Value>>,
) -> (String, Json<Value>) {
    let mut answer = json!({ "message": message });
    if let (Some(payload), Some(answer)) = (payload, answer.as_object_mut()) {
        answer.insert("payload".to_owned(), payload.into());
    }
    (message, Json(answer))
}
