//! A well-behaved plugin: every form of answer and every free interface, used as meant.

use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::sleep;
use std::time::Duration;

use toolhost_sdk::serde_json::{Map, Value};
use toolhost_sdk::{
    Audience, EmbeddedResource, Error, Json, Outcome, Part, ResourceBody, ResourceLink, Result, client, json, log,
    plugin, settings, tool,
};

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

/// Adds two whole numbers.
#[tool(read_only, idempotent, open_world = false)]
fn add(
    /// One number.
    a: i64,
    /// The other.
    b: i64,
) -> Result<Json<i64>> {
    let sum = a.checked_add(b).ok_or_else(|| Error::invalid("The sum does not fit in 64 bits."))?;
    Ok(Json(sum))
}

/// Waits, and then answers.
#[tool(read_only)]
fn sleep_ms(
    /// How long, in milliseconds.
    milliseconds: u64,
) -> String {
    sleep(Duration::from_millis(milliseconds));
    format!("slept {milliseconds} ms")
}

/// Works in steps and reports each.
#[tool(read_only)]
fn steps(
    /// How many steps.
    count: u32,
    /// How long each takes, in milliseconds.
    #[default(60)]
    pause_ms: u64,
) -> String {
    for step in 1..=count {
        sleep(Duration::from_millis(pause_ms));
        client::progress(step.into(), Some(count.into()), Some(&format!("step {step}")));
    }
    format!("{count} steps")
}

/// Counts the calls that this instance has seen: never more than this one.
#[tool]
fn remember() -> Json<u32> {
    static CALLS: AtomicU32 = AtomicU32::new(0);
    Json(CALLS.fetch_add(1, Ordering::Relaxed) + 1)
}

/// Answers with every kind of content.
#[tool(read_only, idempotent)]
fn every_content() -> Outcome {
    let link = ResourceLink {
        title: Some("A file".to_owned()),
        description: Some("Not there.".to_owned()),
        mime_type: Some("text/plain".to_owned()),
        size: Some(3),
        ..ResourceLink::new("file:///a.txt", "a.txt")
    };
    let resource = |uri: &str, mime_type: &str, body| EmbeddedResource {
        uri: uri.to_owned(),
        mime_type: Some(mime_type.to_owned()),
        body,
    };
    let text = Part::text("for both")
        .audience(&[Audience::User, Audience::Assistant])
        .priority(0.5)
        .last_modified("2026-01-31T12:00:00Z")
        .meta([("example.com/part", json!(1))]);
    Outcome::new()
        .part(text)
        .image(vec![0x89, b'P', b'N', b'G'], "image/png")
        .audio(b"RIFF".to_vec(), "audio/wav")
        .link(link)
        .resource(resource("demo:text", "text/plain", ResourceBody::Text("inside".to_owned())))
        .resource(resource("demo:bytes", "application/octet-stream", ResourceBody::Blob(vec![0, 255])))
        .structured(json!({ "parts": 6 }))
        .meta([("example.com/whole", json!({ "a": [1, 2] }))])
}

/// Fails in the way it is told.
#[tool]
fn fail(
    /// denied, invalid, not-found, limited, unavailable or failed.
    kind: String,
) -> Result<()> {
    let message = format!("You asked for {kind}.");
    Err(match kind.as_str() {
        "denied" => Error::denied(message),
        "invalid" => Error::invalid(message),
        "not-found" => Error::not_found(message),
        "limited" => Error::limited(message).retry_after_ms(1_500),
        "unavailable" => Error::unavailable(message).retry_after_ms(250),
        "failed" => Error::failed(message),
        _ => Error::invalid(format!("There is no kind of error `{kind}`.")),
    })
}

/// Writes one line of each level to the operator's log.
#[tool]
fn note(
    /// What the lines say.
    message: String,
) {
    let details: &[log::Detail<'_>] = &[("message.chars", &message.chars().count())];
    log::debug(&message, details);
    log::info(&message, details);
    log::warn(&message, details);
    log::error(&message, details);
}

/// Tells a setting of this plugin.
#[tool(read_only)]
fn setting(
    /// Its key.
    key: String,
) -> Result<String> {
    settings::get(&key).ok_or_else(|| Error::not_found(format!("The setting `{key}` is not set.")))
}

/// Works until its call is taken back, and tells the operator's log when it begins and ends.
#[tool]
fn work_until_taken_back() -> String {
    log::info("the work begins", &[]);
    while !client::cancelled() {
        sleep(Duration::from_millis(5));
    }
    log::info("the work is tidied up", &[]);
    "taken back".to_owned()
}

plugin! {
    tools: [echo, add, sleep_ms, steps, remember, every_content, fail, note, setting, work_until_taken_back]
}
