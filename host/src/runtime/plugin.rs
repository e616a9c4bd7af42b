//! A plugin: a component that was checked, compiled, and asked for its tools.

use std::sync::Arc;

use serde_json::Value;
use wasmtime::component::{HasSelf, Linker};

use super::cache::digest;
use super::instance::Guest;
use super::schema::Schema;
use super::{Needs, NotAPlugin, Runtime, output};
use crate::call::{Call, Outcome, Tool};
use crate::capability::state::Scope;
use crate::capability::{CallState, Entry, PluginGrants};
use crate::config::Limits;
use crate::fault::{Error, Kind};
use crate::wit::{self, PluginPre, tools};

/// The longest tool name that every model API accepts.
const NAME_BYTES_MAX: usize = 64;

/// The most tools one plugin may have.
const TOOLS_MAX: usize = 1_000;

/// How a component becomes a plugin: its name, and what it is granted.
#[derive(Clone)]
pub struct PluginSpec {
    /// The name in the config.
    pub name: String,
    /// What its tools' names begin with, before two underscores; nothing if empty.
    pub prefix: String,
    /// What it may use.
    pub grants: PluginGrants,
    /// The operator's words for it, by key.
    pub settings: Vec<(String, String)>,
    /// What a call may use.
    pub limits: Limits,
    /// Whether an import that is not granted refuses it, as it does everywhere but in `inspect`.
    pub grants_required: bool,
}

/// Why a component did not become a plugin. The message is for the operator.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file is something else.
    #[error(transparent)]
    NotAPlugin(#[from] NotAPlugin),
    /// It imports what it may not have.
    #[error("{0}")]
    Ungranted(String),
    /// It does not compile, or does not fit the pool of instances.
    #[error("it cannot be run here: {0}")]
    Unrunnable(String),
    /// It did not say which tools it has.
    #[error("it did not describe its tools: {0}")]
    Undescribed(Error),
    /// A tool is wrong.
    #[error("its tool `{0}` is refused: {1}")]
    Tool(String, String),
}

/// A component that is ready for calls.
pub struct Plugin {
    /// The name in the config.
    pub name: String,
    /// SHA-256 of the component, in hexadecimal.
    pub digest: String,
    /// What it imports.
    pub needs: Needs,
    /// Its tools, in its own order.
    pub tools: Vec<LoadedTool>,
    guest: Arc<Guest>,
}

/// A tool, and what its calls are held against.
pub struct LoadedTool {
    /// The tool as agents see it.
    pub tool: Tool,
    own_name: String,
    input: Schema,
    output: Option<Schema>,
}

impl Plugin {
    /// Checks, compiles and describes a component.
    pub async fn load(runtime: &Runtime, spec: PluginSpec, bytes: Vec<u8>) -> Result<Self, LoadError> {
        let needs = Needs::read(&bytes)?;
        let mut unmet = needs.unmet(&spec.name, &spec.grants);
        unmet.retain(|_| spec.grants_required || !needs.unknown.is_empty());
        if !unmet.is_empty() {
            return Err(LoadError::Ungranted(unmet.join("; ")));
        }
        let digest = digest(&bytes);
        let pre = compile(runtime, &needs, bytes).await.map_err(|error| LoadError::Unrunnable(format!("{error:#}")))?;
        let PluginSpec { name, prefix, grants, settings, limits, .. } = spec;
        let scope = Arc::new(Scope { plugin: name.clone(), grants, settings, limits, seal: runtime.seal.clone() });
        let guest = Arc::new(Guest { runtime: runtime.clone(), pre, scope });
        let described = guest.describe().await.map_err(LoadError::Undescribed)?;
        let tools = load_tools(described, &prefix)?;
        Ok(Self { name, digest, needs, tools, guest })
    }

    /// Runs one of its tools. Dropping the future stops the guest.
    pub async fn run(&self, tool: &LoadedTool, call: Call) -> Result<Outcome, Error> {
        let arguments = tool.check_arguments(call.arguments)?;
        let guest = self.guest.call(call.id, call.caller, call.client, tool.own_name.clone(), arguments).await?;
        let outcome = output::outcome(guest, self.guest.scope.limits.output_bytes())?;
        tool.check_outcome(&outcome)?;
        Ok(outcome)
    }

    /// What it was granted.
    pub fn grants(&self) -> &PluginGrants {
        &self.guest.scope.grants
    }
}

impl LoadedTool {
    /// The arguments as JSON text, if they fit the input schema.
    fn check_arguments(&self, arguments: crate::call::JsonObject) -> Result<String, Error> {
        let arguments = Value::Object(arguments);
        match self.input.faults(&arguments) {
            None => serde_json::to_string(&arguments).map_err(|error| {
                Error::new(Kind::Internal, format!("The arguments cannot be written as JSON: {error}."))
            }),
            Some(faults) => Err(Error::new(Kind::InvalidArguments, format!("The arguments do not fit: {faults}."))
                .next(format!("See the input schema of `{}`.", self.tool.name))),
        }
    }

    fn check_outcome(&self, outcome: &Outcome) -> Result<(), Error> {
        let Some(schema) = &self.output else { return Ok(()) };
        let faults = match &outcome.structured {
            Some(structured) => schema.faults(structured),
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

/// Compiles a component and links what it imports, and nothing else.
async fn compile(runtime: &Runtime, needs: &Needs, bytes: Vec<u8>) -> wasmtime::Result<PluginPre<CallState>> {
    let Runtime { engine, cache, .. } = runtime.clone();
    let compiled = tokio::task::spawn_blocking(move || cache.component(&engine, &bytes)).await;
    let component = compiled.map_err(|error| wasmtime::Error::msg(error.to_string()))??;
    let mut linker = Linker::<CallState>::new(&runtime.engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    wit::types::add_to_linker::<_, HasSelf<_>>(&mut linker, |state| state)?;
    for capability in needs.capabilities.iter().filter_map(|name| Entry::named(name)) {
        (capability.link)(&mut linker)?;
    }
    PluginPre::new(linker.instantiate_pre(&component)?)
}

fn load_tools(described: Vec<tools::Tool>, prefix: &str) -> Result<Vec<LoadedTool>, LoadError> {
    if described.len() > TOOLS_MAX {
        let error = Error::new(Kind::OverLimit, format!("it has more than {TOOLS_MAX} of them"));
        return Err(LoadError::Undescribed(error));
    }
    let mut loaded: Vec<LoadedTool> = Vec::with_capacity(described.len());
    for tool in described {
        let own_name = tool.name.clone();
        let refused = |why: String| LoadError::Tool(own_name.escape_debug().to_string(), why);
        if loaded.iter().any(|other| other.own_name == own_name) {
            return Err(refused("two tools have this name".to_owned()));
        }
        loaded.push(load_tool(tool, prefix).map_err(refused)?);
    }
    Ok(loaded)
}

fn load_tool(described: tools::Tool, prefix: &str) -> Result<LoadedTool, String> {
    let own_name = described.name.clone();
    if own_name.is_empty() || !own_name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte)) {
        return Err("a tool's name is made of A-Z a-z 0-9 _ -".to_owned());
    }
    let name = if prefix.is_empty() { own_name.clone() } else { format!("{prefix}__{own_name}") };
    if name.len() > NAME_BYTES_MAX {
        return Err(format!("its full name `{name}` is longer than {NAME_BYTES_MAX}; set a shorter `prefix`"));
    }
    let tool = output::tool(described, name).map_err(|error| error.message)?;
    if tool.input_schema.get("type").and_then(Value::as_str) != Some("object") {
        return Err("its input schema is not of type object".to_owned());
    }
    let input = Schema::compile(&tool.input_schema).map_err(|why| format!("its input schema is broken: {why}"))?;
    let output = tool.output_schema.as_deref().map(Schema::compile).transpose();
    let output = output.map_err(|why| format!("its output schema is broken: {why}"))?;
    Ok(LoadedTool { tool, own_name, input, output })
}
