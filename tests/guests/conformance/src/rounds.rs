//! Tools that are asked again and again until they have all answers: multi-round-trip requests.

use schemars::JsonSchema;
use serde::Deserialize;
use toolhost_sdk::client::{self, Ability, Turn};
use toolhost_sdk::{Error, Result, tool};

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Name {
    pub(crate) name: String,
}

#[derive(Deserialize, JsonSchema)]
struct Colour {
    color: String,
}

#[derive(Deserialize, JsonSchema)]
struct Confirmation {
    ok: bool,
}

/// Asks the user for a name.
#[tool]
pub(crate) fn test_input_required_result_elicitation() -> Result<String> {
    let Name { name } = client::ask("user_name", "What is your name?")?.given()?;
    Ok(format!("Hello, {name}!"))
}

/// Asks the client's model for a capital.
#[tool]
pub(crate) fn test_input_required_result_sampling() -> Result<String> {
    let question = Turn::new("What is the capital of France?").output_tokens_max(100);
    client::model("capital_question", question).ask()?.given()
}

/// Asks the client where it works.
#[tool]
pub(crate) fn test_input_required_result_list_roots() -> Result<String> {
    let roots = client::roots("client_roots").ask()?.given()?;
    let names: Vec<String> = roots.into_iter().map(|root| root.name.unwrap_or(root.uri)).collect();
    Ok(format!("Roots: {}", names.join(", ")))
}

/// Asks the user to confirm.
#[tool]
pub(crate) fn test_input_required_result_request_state() -> Result<String> {
    let Confirmation { ok } = client::ask("confirm", "Please confirm")?.given()?;
    Ok(format!("state-ok: {ok}"))
}

/// Asks the user to confirm, and is not fooled.
#[tool]
pub(crate) fn test_input_required_result_tampered_state() -> Result<String> {
    test_input_required_result_request_state()
}

/// Asks the user, the model and the client at once.
#[tool]
pub(crate) fn test_input_required_result_multiple_inputs() -> Result<String> {
    let (user, greeting, roots) = client::ask_all((
        client::form::<Name>("user_name", "What is your name?"),
        client::model("greeting", Turn::new("Generate a greeting").output_tokens_max(50)),
        client::roots("client_roots"),
    ))?;
    let (user, greeting, roots) = (user.given()?, greeting.given()?, roots.given()?);
    Ok(format!("{greeting}, {}! You have {} roots.", user.name, roots.len()))
}

/// Asks one thing after another.
#[tool]
pub(crate) fn test_input_required_result_multi_round() -> Result<String> {
    let Name { name } = client::ask("step1", "Step 1: What is your name?")?.given()?;
    let Colour { color } = client::ask("step2", "Step 2: What is your favorite color?")?.given()?;
    Ok(format!("{name} likes {color}."))
}

/// Asks what the client can answer, and nothing else.
#[tool]
pub(crate) fn test_input_required_result_capabilities() -> Result<String> {
    let abilities = client::abilities();
    if abilities.contains(Ability::FORMS) {
        return test_input_required_result_elicitation();
    }
    if abilities.contains(Ability::MODEL) {
        return test_input_required_result_sampling();
    }
    Err(Error::unavailable("This client can be asked nothing."))
}
