//! Tools whose calls become tasks: work that goes on while the client polls for it.

use std::thread::sleep;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;
use toolhost_sdk::{Error, Result, client, tool};

use crate::rounds::Name;

#[derive(Deserialize, JsonSchema)]
struct Confirmation {
    /// Whether to go on.
    confirm: bool,
}

/// Greets at once.
#[tool(read_only)]
pub(crate) fn greet(
    /// Whom.
    name: String,
) -> String {
    format!("Hello, {name}!")
}

/// Works for a while.
#[tool(read_only, task = at_once)]
pub(crate) fn slow_compute(
    /// How long, in seconds.
    seconds: f64,
    /// A word for the answer.
    #[default("work")]
    label: String,
) -> Result<String> {
    let time = Duration::try_from_secs_f64(seconds).map_err(|error| Error::invalid(format!("`seconds`: {error}.")))?;
    sleep(time);
    Ok(format!("Computed {label} in {seconds} s"))
}

/// Fails after a while.
#[tool(task = required)]
pub(crate) fn failing_job() -> Result<()> {
    sleep(Duration::from_secs(1));
    Err(Error::failed("The job failed, as it was meant to."))
}

/// Breaks after a while: no error is answered at all.
#[tool(task = at_once)]
pub(crate) fn protocol_error_job() {
    sleep(Duration::from_millis(500));
    panic!("The job broke, as it was meant to.");
}

/// Deletes nothing, and asks before.
#[tool(task = at_once)]
pub(crate) fn confirm_delete(
    /// What not to delete.
    filename: String,
) -> Result<String> {
    let answer: Confirmation = client::ask("confirm", format!("Delete {filename}?"))?.given()?;
    Ok(format!("{} {filename}", if answer.confirm { "Deleted" } else { "Kept" }))
}

/// Asks two things at once.
#[tool(task = at_once)]
pub(crate) fn multi_input() -> Result<String> {
    let name = client::form::<Name>("name", "What is your name?");
    let confirmation = client::form::<Confirmation>("confirm", "Shall it go on?");
    let (name, confirmation) = client::ask_all((name, confirmation))?;
    let (name, confirmation) = (name.given()?.name, confirmation.given()?.confirm);
    Ok(format!("{name} said {}", if confirmation { "yes" } else { "no" }))
}

/// Asks first, and works then for as long as makes it a task.
#[tool]
pub(crate) fn test_tool_with_task() -> Result<String> {
    let Name { name } = client::ask("user_name", "What is your name?")?.given()?;
    sleep(Duration::from_secs(3));
    Ok(format!("Hello, {name}! The task is done."))
}
