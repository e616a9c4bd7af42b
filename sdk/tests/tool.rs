//! What `#[tool]` makes of a function, as the host sees it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, from_str, json};
use toolhost_sdk::raw::{Entry, TaskUse, call, describe};
use toolhost_sdk::{Error, ErrorKind, IntoOutcome as _, Json, Result, sql, tool};

/// Adds numbers.
///
/// All of them at once.
#[tool(read_only, idempotent, open_world = false, title = "Sum", name = "add-up")]
fn add(
    /// What to add.
    numbers: Vec<i64>,
    /// What to begin with.
    #[default(0)]
    start: i64,
    /// A word for the log.
    note: Option<String>,
    /// How to
    /// round it.
    #[default("up")]
    r#mod: String,
) -> Result<Json<i64>> {
    if note.is_some_and(|note| note == "refuse") {
        return Err(Error::denied("No."));
    }
    let sum: i64 = numbers.iter().sum();
    Ok(Json(start + if r#mod == "up" { sum } else { -sum }))
}

/// Says nothing.
#[tool(details = today)]
fn silence() {}

fn today() -> String {
    "It is quiet today.".to_owned()
}

/// Takes whatever stands where the macro's own words stand.
#[tool]
fn shadows(
    /// A name that the macro uses too.
    arguments: u8,
    /// A name that the macro uses too.
    call: u8,
) -> String {
    format!("{arguments} {call}")
}

/// Is called as the macro's own words are.
#[tool]
fn list() -> &'static str {
    "a list"
}

/// Runs a statement.
#[tool]
fn run(
    /// Values for it.
    parameters: Option<sql::Parameters>,
) -> String {
    format!("{} parameters", parameters.unwrap_or_default().0.len())
}

#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Point {
    /// To the right.
    x: i64,
}

/// Moves a point.
#[tool]
fn shift(
    /// Where it is.
    point: Point,
) -> Json<Point> {
    Json(Point { x: point.x + 1 })
}

/// Runs somewhere.
#[tool(task = at_once, keywords = ["deploy", "ship"], icon = "https://example.com/a.svg", meta = page)]
fn deploy(
    /// Where.
    #[header("Region")]
    region: Option<String>,
) -> String {
    region.unwrap_or_default()
}

fn page() -> Value {
    json!({ "ui": { "resourceUri": "ui://deploy" } })
}

/// Takes one thing of many.
#[tool(schema = either, task = required)]
fn choose(a: Option<u8>) -> Json<Option<u8>> {
    Json(a)
}

fn either() -> Value {
    json!({ "type": "object", "anyOf": [{ "required": ["a"] }, { "required": ["b"] }] })
}

const TOOLS: &[Entry] = &[
    Entry::of::<add>(),
    Entry::of::<silence>(),
    Entry::of::<shadows>(),
    Entry::of::<run>(),
    Entry::of::<shift>(),
    Entry::of::<deploy>(),
    Entry::of::<choose>(),
    Entry::of::<list>(),
];

fn structured(name: &str, arguments: Value) -> Value {
    let outcome = call(TOOLS, name, &arguments.to_string()).unwrap();
    from_str(&outcome.structured.unwrap()).unwrap()
}

fn error(name: &str, arguments: &str) -> Error {
    call(TOOLS, name, arguments).unwrap_err()
}

#[test]
fn a_tool_is_described_by_its_function() {
    let tools = describe(TOOLS).unwrap();
    let tool = &tools[0];
    assert_eq!((tool.name.as_str(), tool.title.as_deref()), ("add-up", Some("Sum")));
    assert_eq!(tool.description, "Adds numbers.\n\nAll of them at once.");
    let hints = tool.annotations;
    assert_eq!((hints.read_only, hints.destructive), (Some(true), None));
    assert_eq!((hints.idempotent, hints.open_world), (Some(true), Some(false)));
    assert_eq!(
        from_str::<Value>(&tool.input_schema).unwrap(),
        json!({
            "type": "object",
            "properties": {
                "numbers": { "type": "array", "items": { "type": "integer" }, "description": "What to add." },
                "start": { "type": "integer", "description": "What to begin with.", "default": 0 },
                "note": { "type": "string", "description": "A word for the log." },
                "mod": { "type": "string", "description": "How to\nround it.", "default": "up" },
            },
            "required": ["numbers"],
            "additionalProperties": false,
        })
    );
    assert_eq!(
        from_str::<Value>(tool.output_schema.as_deref().unwrap()).unwrap(),
        json!({ "type": "object", "properties": { "result": { "type": "integer" } }, "required": ["result"] })
    );
}

#[test]
fn details_are_added_when_the_host_asks() {
    let silence = &describe(TOOLS).unwrap()[1];
    assert_eq!(silence.description, "Says nothing.\n\nIt is quiet today.");
    assert_eq!(silence.output_schema, None);
    assert_eq!(
        from_str::<Value>(&silence.input_schema).unwrap(),
        json!({ "type": "object", "properties": {}, "additionalProperties": false })
    );
}

#[test]
fn what_is_left_out_has_its_default() {
    assert_eq!(structured("add-up", json!({ "numbers": [1, 2] })), json!({ "result": 3 }));
    let all = json!({ "numbers": [1, 2], "start": 10, "note": "x", "mod": "down" });
    assert_eq!(structured("add-up", all), json!({ "result": 7 }));
}

#[test]
fn an_error_of_the_tool_is_the_answer() {
    let denied = error("add-up", r#"{"numbers":[],"note":"refuse"}"#);
    assert_eq!((denied.kind, denied.message.as_str()), (ErrorKind::Denied, "No."));
}

#[test]
fn wrong_arguments_are_refused_by_name() {
    for (arguments, word) in [
        ("{}", "`numbers` is missing"),
        (r#"{"numbers":"1"}"#, "`numbers` is not right"),
        (r#"{"numbers":[],"begin":1}"#, "no argument `begin`"),
        ("[]", "not a JSON object"),
        ("{", "not a JSON object"),
    ] {
        let error = error("add-up", arguments);
        assert_eq!(error.kind, ErrorKind::Invalid, "{arguments}");
        assert!(error.message.contains(word), "{arguments}: {}", error.message);
    }
    assert!(error("silence", r#"{"x":1}"#).message.contains("takes none"));
}

#[test]
fn an_unknown_tool_is_not_found() {
    assert_eq!(error("add", "{}").kind, ErrorKind::NotFound);
}

#[test]
fn parameters_may_have_any_name() {
    let outcome = call(TOOLS, "shadows", r#"{"arguments":1,"call":2}"#).unwrap();
    assert_eq!(outcome, "1 2".into_outcome().unwrap());
}

#[test]
fn a_tool_may_have_any_name() {
    assert_eq!(call(TOOLS, "list", "{}").unwrap(), "a list".into_outcome().unwrap());
}

#[test]
fn parameters_of_a_statement_are_an_argument() {
    let outcome = call(TOOLS, "run", r#"{"parameters":{"a":1,"b":null}}"#).unwrap();
    assert_eq!(outcome, "2 parameters".into_outcome().unwrap());
    let description = &describe(TOOLS).unwrap()[3];
    let schema: Value = from_str(&description.input_schema).unwrap();
    let scalar = json!({ "type": ["string", "number", "boolean", "null"] });
    assert_eq!(
        schema["properties"]["parameters"]["anyOf"],
        json!([{ "type": "array", "items": scalar }, { "type": "object", "additionalProperties": scalar }])
    );
}

#[test]
fn types_of_ones_own_are_arguments_and_answers() {
    assert_eq!(structured("shift", json!({ "point": { "x": 1 } })), json!({ "x": 2 }));
    assert!(error("shift", r#"{"point":{"y":1}}"#).message.contains("`point` is not right"));
    let shift = &describe(TOOLS).unwrap()[4];
    let input: Value = from_str(&shift.input_schema).unwrap();
    assert_eq!(
        input["properties"]["point"],
        json!({
            "type": "object",
            "properties": { "x": { "type": "integer", "description": "To the right." } },
            "additionalProperties": false,
            "required": ["x"],
            "description": "Where it is.",
        })
    );
    let output: Value = from_str(shift.output_schema.as_deref().unwrap()).unwrap();
    assert_eq!(output["properties"]["x"]["type"], "integer");
}

#[test]
fn a_tool_says_how_it_is_found_and_how_it_runs() {
    let tools = describe(TOOLS).unwrap();
    let deploy = &tools[5];
    assert_eq!((deploy.task_use, deploy.keywords.join(" ")), (TaskUse::AtOnce, "deploy ship".to_owned()));
    assert_eq!(deploy.icons[0].src, "https://example.com/a.svg");
    assert_eq!(deploy.meta.as_deref(), Some(r#"{"ui":{"resourceUri":"ui://deploy"}}"#));
    let schema: Value = from_str(&deploy.input_schema).unwrap();
    let region = json!({ "type": "string", "description": "Where.", "x-mcp-header": "Region" });
    assert_eq!(schema["properties"]["region"], region);
    assert_eq!((tools[0].task_use, tools[0].keywords.len()), (TaskUse::WhenSlow, 0));
    assert_eq!((tools[0].icons.len(), tools[0].meta.as_deref()), (0, None));
}

#[test]
fn a_schema_by_hand_is_told_as_it_is() {
    let choose = &describe(TOOLS).unwrap()[6];
    assert_eq!(from_str::<Value>(&choose.input_schema).unwrap(), either());
    assert_eq!(choose.task_use, TaskUse::Required);
    assert_eq!(structured("choose", json!({ "a": 1, "b": 2 })), json!({ "result": 1 }));
}
