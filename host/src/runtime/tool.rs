//! A tool of a plugin: its calls are held against its schemas, both ways.

use serde_json::Value;

use super::offers::full_name;
use super::output::{self, Allowance};
use crate::call::{Answer, JsonObject, Structured, Tool};
use crate::fault::{Error, Kind};
use crate::schema::Schema;
use crate::wit::tools;

/// A tool, and what its calls are held against.
pub struct LoadedTool {
    /// The tool as agents see it.
    pub tool: Tool,
    pub(super) own_name: String,
    input: Schema,
    output: Option<Schema>,
}

impl LoadedTool {
    /// A tool as the guest described it, or what is wrong with it.
    pub(super) fn load(described: tools::Tool, prefix: &str) -> Result<Self, String> {
        let own_name = described.name.clone();
        let name = full_name(prefix, &own_name)?;
        let tool = output::tool(described, name).map_err(|error| error.message)?;
        if tool.input_schema.get("type").and_then(Value::as_str) != Some("object") {
            return Err("its input schema is not of type object".to_owned());
        }
        let input = Schema::compile(&tool.input_schema).map_err(|why| format!("its input schema is broken: {why}"))?;
        let output = tool.output_schema.as_deref().map(Schema::compile).transpose();
        let output = output.map_err(|why| format!("its output schema is broken: {why}"))?;
        Ok(Self { tool, own_name, input, output })
    }

    /// The arguments as JSON text, if they fit the input schema.
    pub(super) fn check_arguments(&self, arguments: JsonObject) -> Result<String, Error> {
        let arguments = Value::Object(arguments);
        match self.input.faults(&arguments) {
            None => serde_json::to_string(&arguments).map_err(|error| {
                Error::new(Kind::Internal, format!("The arguments cannot be written as JSON: {error}."))
            }),
            Some(faults) => Err(Error::new(Kind::InvalidArguments, format!("The arguments do not fit: {faults}."))
                .next(format!("See the input schema of `{}`.", self.tool.name))),
        }
    }

    /// What the guest answered, if it fits the output schema.
    pub(super) fn answer(&self, said: tools::Outcome, allowance: &Allowance) -> Result<Answer, Error> {
        // Nothing is to be found out about what begins like an object, where any will do.
        let is_object = said.structured.as_ref().is_some_and(|text| text.starts_with('{'));
        let is_read = self.output.as_ref().is_some_and(|schema| !(schema.takes_any_object() && is_object));
        let answer = output::answer(said, is_read, allowance)?;
        self.check_answer(&answer)?;
        Ok(answer)
    }

    fn check_answer(&self, answer: &Answer) -> Result<(), Error> {
        let Some(schema) = &self.output else { return Ok(()) };
        let faults = match &answer.structured {
            // It was not read, as nothing was to be found out.
            Some(Structured::Text(_)) => None,
            Some(Structured::Tree(structured)) => schema.faults(structured),
            None => Some("there is no structured outcome".to_owned()),
        };
        match faults {
            None => Ok(()),
            Some(faults) => {
                let message =
                    format!("The plugin is at fault: its answer does not fit its own output schema: {faults}.");
                Err(Error::new(Kind::BadOutput, message).next("Tell the operator; another tool may serve meanwhile."))
            }
        }
    }
}
