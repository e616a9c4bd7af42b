//! What a hostile or broken plugin can do to the house: nothing. One test for each row of
//! the table of promises.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde_json::Value;

#[path = "security/answers.rs"]
mod answers;
#[path = "security/arguments.rs"]
mod arguments;
#[path = "security/cancel.rs"]
mod cancel;
#[path = "security/crashes.rs"]
mod crashes;
#[path = "security/limits.rs"]
mod limits;
#[path = "security/loading.rs"]
mod loading;
#[path = "security/sandbox.rs"]
mod sandbox;

/// The stable word of an answer that is an error; nothing if it is none.
fn kind(answer: &Value) -> &str {
    answer["_meta"]["toolhost/error"]["kind"].as_str().unwrap_or_default()
}

/// What an error says.
fn message(answer: &Value) -> &str {
    answer["_meta"]["toolhost/error"]["message"].as_str().unwrap_or_default()
}

/// The text of an answer's first part.
fn text(answer: &Value) -> &str {
    answer["content"][0]["text"].as_str().unwrap_or_default()
}

/// Looks again and again until something holds; fails if it does not in half a minute.
async fn until(what: &str, mut holds: impl FnMut() -> Result<bool>) -> Result<()> {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !holds()? {
        ensure!(Instant::now() < deadline, "it was never so: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}
