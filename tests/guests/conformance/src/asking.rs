//! Tools that ask the client, or its user, while they run.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use toolhost_sdk::client::{self, Asked, Turn};
use toolhost_sdk::serde_json::Value;
use toolhost_sdk::{Result, json, tool};

#[derive(Deserialize, Serialize, JsonSchema)]
struct User {
    /// User's response
    username: String,
    /// User's email address
    email: String,
}

/// Asks the client's model.
#[tool]
pub(crate) fn test_sampling(
    /// What to say to it.
    prompt: String,
) -> Result<String> {
    let answer = client::model("llm", Turn::new(prompt).output_tokens_max(100)).ask()?.given()?;
    Ok(format!("LLM response: {answer}"))
}

/// Asks the user who they are.
#[tool]
pub(crate) fn test_elicitation(
    /// What to ask.
    message: String,
) -> Result<String> {
    let (action, content) = told(client::ask::<User>("user", message)?);
    Ok(format!("User response: <action: {action}, content: {content}>"))
}

/// Asks a client that may have nothing to answer with.
#[tool]
pub(crate) fn test_missing_capability() -> Result<String> {
    client::model("needed", "Say something.").ask()?.given()
}

/// Asks the user for a confirmation.
#[tool]
pub(crate) fn test_streaming_elicitation() -> Result<String> {
    let (action, _) = told(client::ask::<User>("user", "Who are you?")?);
    Ok(format!("Streaming elicitation completed: action={action}"))
}

/// Has the user open a page.
#[tool]
pub(crate) fn test_open_page() -> Result<&'static str> {
    client::page("connect", "Please connect your account.", "https://example.com/connect").ask()?.given()?;
    Ok("The page is open.")
}

/// What came of a form, in the words of the protocol.
pub(crate) fn told<T: Serialize>(asked: Asked<T>) -> (&'static str, Value) {
    match asked {
        Asked::Given(content) => ("accept", json!(content)),
        Asked::Declined => ("decline", json!({})),
        Asked::Cancelled => ("cancel", json!({})),
    }
}
