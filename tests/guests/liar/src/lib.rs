//! A plugin that breaks its word: in its answers, and, where the setting `lie` says so,
//! in the description of its tools.

use std::process;

use toolhost_sdk::raw::{Entry, Guest, Part, Tool, call, describe};
use toolhost_sdk::serde_json::Value;
use toolhost_sdk::{IntoOutcome, Json, Outcome, Result, json, plugin, settings, tool};

const TOOLS: &[Entry] = &[
    Entry::of::<break_schema>(),
    Entry::of::<not_json>(),
    Entry::of::<meta_list>(),
    Entry::of::<part_meta_list>(),
    Entry::of::<not_utf8>(),
    Entry::of::<panic>(),
    Entry::of::<exit>(),
    Entry::of::<truth>(),
];

struct Liar;

impl Guest for Liar {
    fn describe() -> Result<Vec<Tool>> {
        let mut tools = describe(TOOLS)?;
        if let (Some(lie), Some(tool)) = (settings::get("lie"), tools.first_mut()) {
            tell(&lie, tool);
        }
        Ok(tools)
    }

    fn call(name: String, arguments: String) -> Result<Outcome> {
        call(TOOLS, &name, &arguments)
    }
}

plugin! { raw: Liar }

/// Makes the description of one tool a lie.
fn tell(lie: &str, tool: &mut Tool) {
    match lie {
        "bad_name" => tool.name = "break schema!".to_owned(),
        "long_name" => tool.name = "x".repeat(65),
        "two_of_one_name" => tool.name = "truth".to_owned(),
        "schema_not_json" => tool.input_schema = "{".to_owned(),
        "schema_not_object" => tool.input_schema = r#"{"type":"string"}"#.to_owned(),
        "schema_broken" => {
            tool.input_schema = r#"{"type":"object","properties":{"a":{"type":"no such type"}}}"#.to_owned()
        }
        "output_schema_broken" => tool.output_schema = Some(r#"{"type":"object","required":7}"#.to_owned()),
        "meta_list" => tool.meta = Some("[1]".to_owned()),
        "panic" => panic!("described until it broke"),
        "spin" => loop {
            std::hint::black_box(&tool);
        },
        _ => tool.description = format!("There is no lie `{lie}`."),
    }
}

/// An answer that says it is a number and is none.
struct Promise;

impl IntoOutcome for Promise {
    fn output_schema() -> Option<Value> {
        Json::<i64>::output_schema()
    }

    fn into_outcome(self) -> Result<Outcome> {
        Ok(Outcome::new().text("seven").structured(json!({ "result": "seven" })))
    }
}

/// Answers with something other than its output schema says.
#[tool]
fn break_schema() -> Promise {
    Promise
}

/// Answers with structured content that is not JSON.
#[tool]
fn not_json() -> Outcome {
    Outcome { structured: Some("{\"result\":".to_owned()), ..Outcome::new().text("x") }
}

/// Answers with meta that is no object.
#[tool]
fn meta_list() -> Outcome {
    Outcome { meta: Some("[1]".to_owned()), ..Outcome::new().text("x") }
}

/// Answers with a part whose meta is no object.
#[tool]
fn part_meta_list() -> Outcome {
    Outcome::new().part(Part { meta: Some("[1]".to_owned()), ..Part::text("x") })
}

/// Answers with bytes that are no text.
#[tool]
#[expect(unsafe_code, reason = "no safe code makes a string that is not UTF-8")]
fn not_utf8() -> String {
    // SAFETY: none is claimed. The string is not looked at here: it goes to the host, which must refuse it.
    unsafe { String::from_utf8_unchecked(vec![b'a', 0xff, 0xfe]) }
}

/// Panics.
#[tool]
fn panic() {
    panic!("liar gave up");
}

/// Ends the process.
#[tool]
#[allow(clippy::disallowed_methods, reason = "to leave without a word is the point")]
fn exit() {
    process::exit(3);
}

/// Tells the truth.
#[tool]
fn truth() -> Json<bool> {
    Json(true)
}
