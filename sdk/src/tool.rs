//! From functions to the plugin's tools: what `#[tool]` and `plugin!` write down.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

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
    fn call(arguments: Arguments) -> Result<Outcome>;
}

/// One line of a plugin's list of tools.
#[derive(Clone, Copy)]
pub struct Entry {
    name: &'static str,
    describe: fn() -> tools::Tool,
    call: fn(Arguments) -> Result<Outcome>,
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
    (tool.call)(Arguments::parse(arguments)?)
}

/// The arguments of one call, taken out one by one. Each stays text until its type is
/// known, so that no tree of it is built on the way.
#[derive(Debug)]
pub struct Arguments(BTreeMap<String, Box<RawValue>>);

impl Arguments {
    /// Reads a JSON object.
    fn parse(text: &str) -> Result<Self> {
        match serde_json::from_str(text) {
            Ok(object) => Ok(Self(object)),
            Err(error) => Err(Error::invalid(format!("The arguments are not a JSON object: {error}."))),
        }
    }

    /// Refuses arguments that the tool does not know.
    pub fn known(self, names: &[&str]) -> Result<Self> {
        match self.0.keys().find(|key| !names.contains(&key.as_str())) {
            Some(unknown) if names.is_empty() => {
                let message = format!("There is no argument `{unknown}`: this tool takes none.");
                Err(Error::invalid(message))
            }
            Some(unknown) => {
                let names = names.join("`, `");
                let message = format!("There is no argument `{unknown}`: this tool takes `{names}`.");
                Err(Error::invalid(message))
            }
            None => Ok(self),
        }
    }

    /// An argument that must be there.
    pub fn required<T: DeserializeOwned>(&mut self, name: &str) -> Result<T> {
        let missing = || Error::invalid(format!("The argument `{name}` is missing."));
        self.optional(name)?.ok_or_else(missing)
    }

    /// An argument that may be missing.
    pub fn optional<T: DeserializeOwned>(&mut self, name: &str) -> Result<Option<T>> {
        let Some(value) = self.0.remove(name) else {
            return Ok(None);
        };
        let wrong = |error| Error::invalid(format!("The argument `{name}` is not right: {error}."));
        serde_json::from_str(value.get()).map(Some).map_err(wrong)
    }

    /// An argument that has a value when it is missing.
    pub fn or<T: DeserializeOwned>(&mut self, name: &str, default: T) -> Result<T> {
        Ok(self.optional(name)?.unwrap_or(default))
    }
}
