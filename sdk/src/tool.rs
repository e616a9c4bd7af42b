//! From functions to the plugin's tools: what `#[tool]` and `plugin!` write down.

use crate::arguments::Arguments;
use crate::wit::exports::toolhost::plugin::tools;
use crate::{Error, Outcome, Result};

/// One tool, as `#[tool]` writes it down beside its function.
#[diagnostic::on_unimplemented(message = "`{Self}` is no tool", note = "mark the function with `#[tool]`")]
pub trait Tool {
    /// Its name within the plugin.
    const NAME: &'static str;

    /// What it is.
    fn describe() -> tools::Tool;

    /// Runs it.
    fn call(arguments: Arguments<'_>) -> Result<Outcome>;
}

/// One line of a plugin's list of tools.
#[derive(Clone, Copy)]
pub struct Entry {
    name: &'static str,
    describe: fn() -> tools::Tool,
    call: fn(Arguments<'_>) -> Result<Outcome>,
}

impl Entry {
    /// The entry of one tool.
    pub const fn of<T: Tool>() -> Self {
        Self { name: T::NAME, describe: T::describe, call: T::call }
    }
}

/// Describes every tool of a list, in its order.
pub fn describe(tools: &[Entry]) -> Result<Vec<tools::Tool>> {
    Ok(tools.iter().map(|tool| (tool.describe)()).collect())
}

/// Runs the tool of that name with a JSON object as text. `not-found` if there is none;
/// `invalid`, naming the argument, if the arguments do not fit the function.
pub fn call(tools: &[Entry], name: &str, arguments: &str) -> Result<Outcome> {
    let Some(tool) = tools.iter().find(|tool| tool.name == name) else {
        let message = format!("This plugin has no tool `{name}`.");
        return Err(Error::not_found(message));
    };
    (tool.call)(Arguments::of(arguments))
}
