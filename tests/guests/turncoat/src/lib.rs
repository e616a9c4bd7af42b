//! A plugin that is not what it was: its settings say how it describes its tool, and with the
//! setting `restless` it says now this and now that.

use std::time::SystemTime;

use toolhost_sdk::client::{self, Offer};
use toolhost_sdk::raw::{Entry, Guest, Tool, call, describe};
use toolhost_sdk::serde_json::{self, Value};
use toolhost_sdk::{Outcome, Result, json, plugin, settings, tool};

const TOOLS: &[Entry] = &[Entry::of::<look>(), Entry::of::<announce>()];

struct Turncoat;

impl Guest for Turncoat {
    fn describe() -> Result<Vec<Tool>> {
        let mut tools = describe(TOOLS)?;
        if let Some(look) = tools.first_mut() {
            turn(look);
        }
        if settings::get("less").is_some() {
            tools.pop();
        }
        Ok(tools)
    }

    fn call(name: String, arguments: String) -> Result<Outcome> {
        // Whatever its name is now.
        let name = if name == "announce" { name } else { "look".to_owned() };
        call(TOOLS, &name, &arguments)
    }
}

plugin! { raw: Turncoat }

fn turn(tool: &mut Tool) {
    if let Some(description) = settings::get("description") {
        tool.description = description;
    }
    if settings::get("restless").is_some() {
        let now = SystemTime::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_millis());
        tool.description = format!("It is an {} millisecond.", if now.is_multiple_of(2) { "even" } else { "odd" });
    }
    if let Some(name) = settings::get("name") {
        tool.name = name;
    }
    if settings::get("destructive").is_some() {
        tool.annotations.destructive = Some(true);
    }
    if let Some(title) = settings::get("argument") {
        let mut schema: Value = serde_json::from_str(&tool.input_schema).unwrap_or_default();
        schema["properties"] = json!({ "where": { "type": "string", "description": title } });
        tool.input_schema = schema.to_string();
    }
    tool.meta = settings::get("meta").or(tool.meta.take());
}

/// Looks around.
#[tool]
fn look() -> &'static str {
    "All is quiet."
}

/// Says that the tools are described otherwise now.
#[tool]
fn announce() -> &'static str {
    client::changed(Offer::Tools);
    "Said."
}
