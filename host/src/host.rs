//! The host: what is loaded, and the walk of a call through it.

use std::convert::Infallible;
use std::sync::Arc;

use tokio::sync::{Notify, broadcast};

use crate::call::{
    Call, Caller, Challenge, Complete, CompleteOf, Contents, Conversation, GetPrompt, JsonObject, Outcome, Presented,
    ReadResource, Suggestions, UseTool,
};
use crate::config::Config;
use crate::fault::{Error, Kind};
pub use crate::gate::CONTENT_TYPE as METRICS_TYPE;
use crate::gate::{Aim, Gate, GateError, Now, ProtectedResource, Ticket, audit};
use crate::instructions::Instructions;
use crate::policy::Action;
use crate::registry::{Event, Registry, Snapshot};
use crate::runtime::{Cache, Completed, EngineError, Plugin, Runtime};
use crate::seal::Seal;
use crate::tasks::Tasks;

/// Everything that serves calls, whichever door they come in by.
pub struct Host {
    registry: Registry,
    gate: Gate,
    instructions: Instructions,
    seal: Seal,
    tasks: Tasks,
}

/// Why a host does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The machine does not run plugins.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The config says of callers, or of what is kept of them, what cannot be done.
    #[error(transparent)]
    Gate(#[from] GateError),
}

impl Host {
    /// Opens the gate and the grants, and loads the plugins. A grant or a plugin that fails is
    /// noted, and harms nothing else.
    pub async fn start(config: &Config, cache: Cache) -> Result<Self, StartError> {
        let gate = Gate::start(config)?;
        let runtime = Runtime::new(config.serve.calls.get_usize(), cache)?;
        let seal = runtime.seal.clone();
        let registry = Registry::start(config, runtime).await;
        let store = config.serve.tasks.store.as_ref().map(|path| config.resolve(path));
        let tasks = Tasks::new(config.serve.tasks.clone(), store);
        Ok(Self { registry, gate, instructions: Instructions::default(), seal, tasks })
    }

    /// Opens the audit trail, without which no call is made.
    pub fn keep_trail(&self, config: &Config) -> Result<(), audit::OpenError> {
        self.gate.keep_trail(config)
    }

    /// Forces the audit trail to the disk: the last thing that a host does.
    pub fn end_trail(&self) {
        self.gate.end_trail();
    }

    /// Whether calls are made, or why none is just now.
    pub fn ready(&self) -> Result<(), Error> {
        self.gate.ready()
    }

    /// Takes in what changes in the config's files and the plugin directory, and looks at once
    /// when it is asked to. Calls go on meanwhile.
    pub async fn watch(&self, asked: &Notify) -> Infallible {
        tokio::select! {
            never = self.registry.watch(asked) => never,
            never = self.gate.follow(self.registry.configs()) => never,
        }
    }

    /// Why the gate is not that of the config that was taken last, if it is not; for the operator.
    pub fn gate_failure(&self) -> Option<String> {
        self.gate.failure().map(|failure| failure.to_string())
    }

    /// Whose request this is, proved; or what it is told instead of being served.
    pub async fn identify(&self, presented: Presented<'_>) -> Result<Arc<Caller>, Challenge> {
        self.gate.identify(presented).await
    }

    /// Whether callers have to prove who they are.
    pub fn identifies(&self) -> bool {
        self.gate.identifies()
    }

    /// In which ways callers prove who they are, for the operator; none if they do not.
    pub fn ways_in(&self) -> Option<String> {
        self.gate.summary()
    }

    /// What RFC 9728 has a client read; none if no authorization server is trusted.
    pub fn protected_resource(&self) -> Option<ProtectedResource> {
        self.gate.protected_resource()
    }

    /// Whether what a caller may ask depends on the scopes of its token.
    pub fn asks_scopes_of(&self, caller: &Caller) -> bool {
        caller.scopes.is_some() && self.gate.asks_scopes()
    }

    /// Whether a caller's token is good for a request, before it is looked at any further: `method` and
    /// `name` as MCP has them.
    pub fn check_scopes(&self, caller: &Caller, method: &str, name: &str) -> Result<(), Challenge> {
        let plugins = self.registry.snapshot();
        let plugin = match method {
            "tools/call" => plugins.tool(name).map(|(plugin, _)| plugin),
            "prompts/get" => plugins.prompt(name).map(|(plugin, _)| plugin),
            _ => plugins.skill_file(name).map(|(plugin, _, _)| plugin).or_else(|| plugins.reader(name)),
        };
        plugin.map_or(Ok(()), |plugin| self.gate.check_scopes(caller, &plugin.name))
    }

    /// One call, from the door to the plugin and back. Dropping the future stops the
    /// guest within one tick of the engine.
    pub async fn call(&self, mut call: Call) -> Result<Outcome, Error> {
        let name = call.request.name.clone();
        let ticket = self.gate.open(&mut call, "tools/call", &name).with(&call.request.arguments);
        ticket.see(async |ticket| self.walk(call, ticket).await).await
    }

    async fn walk(&self, call: Call, ticket: &mut Ticket) -> Result<Outcome, Error> {
        let plugins = self.registry.snapshot();
        let UseTool { name, arguments } = &call.request;
        if plugins.is_own_tool(name) {
            ticket.admit_own(name)?;
        }
        if let Some(answer) = plugins.own_tool(&call.caller, name, arguments) {
            return answer.map(Outcome::Done);
        }
        let absent = || unknown_tool(&plugins, &call.caller, name);
        let (plugin, tool) = plugins.tool(name).ok_or_else(absent)?;
        let aim = aim(plugin, Action::Call(name), Some(arguments));
        admit(ticket, &plugins, &call.caller, aim, absent).await?;
        let (outcome, news) = plugin.run(tool, call, plugins.policy()).await;
        self.registry.take(plugin, news).await;
        outcome
    }

    /// Reads a resource, as [`Host::call`] calls a tool.
    pub async fn read(&self, mut call: Call<ReadResource>) -> Result<Outcome<Vec<Contents>>, Error> {
        let uri = call.request.uri.clone();
        let ticket = self.gate.open(&mut call, "resources/read", &uri);
        let reading = async |ticket: &mut Ticket| {
            let (plugins, uri) = (self.registry.snapshot(), &call.request.uri);
            let file = plugins.skill_file(uri);
            let plugin = file.map(|(plugin, ..)| plugin).or_else(|| plugins.reader(uri));
            let absent = || unknown("resource", uri);
            let plugin = plugin.ok_or_else(absent)?;
            let aim = aim(plugin, Action::Read(uri), None);
            admit(ticket, &plugins, &call.caller, aim, absent).await?;
            if let Some((.., file)) = file {
                let contents = file.contents(uri);
                call.uses.note_bytes(contents.bytes());
                return Ok(Outcome::Done(vec![contents]));
            }
            let (outcome, news) = plugin.read(call, plugins.policy()).await;
            self.registry.take(plugin, news).await;
            outcome
        };
        ticket.see(reading).await
    }

    /// Writes a prompt, as [`Host::call`] calls a tool.
    pub async fn prompt(&self, mut call: Call<GetPrompt>) -> Result<Outcome<Conversation>, Error> {
        let name = call.request.name.clone();
        let ticket = self.gate.open(&mut call, "prompts/get", &name).with(&call.request.arguments);
        let writing = async |ticket: &mut Ticket| {
            let plugins = self.registry.snapshot();
            let GetPrompt { name, arguments } = &call.request;
            let absent = || unknown("prompt", name);
            let (plugin, prompt) = plugins.prompt(name).ok_or_else(absent)?;
            let aim = aim(plugin, Action::Prompt(name), Some(arguments));
            admit(ticket, &plugins, &call.caller, aim, absent).await?;
            let (outcome, news) = plugin.render(prompt, call, plugins.policy()).await;
            self.registry.take(plugin, news).await;
            outcome
        };
        ticket.see(writing).await
    }

    /// Suggests values for an argument, as [`Host::call`] calls a tool.
    pub async fn complete(&self, mut call: Call<Complete>) -> Result<Outcome<Suggestions>, Error> {
        let name = match &call.request.of {
            CompleteOf::Prompt(name) | CompleteOf::Template(name) => name.clone(),
        };
        let ticket = self.gate.open(&mut call, "completion/complete", &name).with(&call.request.as_arguments());
        let completing = async |ticket: &mut Ticket| {
            let plugins = self.registry.snapshot();
            let found = match &call.request.of {
                CompleteOf::Prompt(_) => plugins
                    .prompt(&name)
                    .map(|(plugin, prompt)| (plugin, Completed::Prompt(prompt), Action::Prompt(&name))),
                CompleteOf::Template(_) => plugins
                    .template(&name)
                    .map(|(plugin, template)| (plugin, Completed::Template(template), Action::Read(&name))),
            };
            let absent = || unknown("prompt or template", &name);
            let (plugin, of, action) = found.ok_or_else(absent)?;
            let aim = aim(plugin, action, None);
            admit(ticket, &plugins, &call.caller, aim, absent).await?;
            let (outcome, news) = plugin.complete(of, call, plugins.policy()).await;
            self.registry.take(plugin, news).await;
            outcome
        };
        ticket.see(completing).await
    }

    /// What happens to the plugins from now on.
    pub fn events(&self) -> broadcast::Receiver<Event> {
        self.registry.events()
    }

    /// The plugins, tools and grants as they are now.
    pub fn plugins(&self) -> Arc<Snapshot> {
        self.registry.snapshot()
    }

    /// What is counted, as Prometheus reads it; `sessions` are those that are open.
    pub fn metrics(&self, sessions: usize) -> String {
        let plugins = self.registry.snapshot();
        let (places_used, places_max) = self.registry.places();
        self.gate.metrics(&Now {
            plugins_served: plugins.plugins().len(),
            plugins_failed: plugins.failures().len(),
            grants_open: plugins.grants().iter().count(),
            grants_failed: plugins.grants().failures().len(),
            places_used,
            places_max,
            sessions,
            tasks_running: self.tasks.running_count(),
        })
    }

    /// Sends what waits to be sent, for a limited time; it is for the end of the host.
    pub async fn flush(self: &Arc<Self>) {
        let host = Arc::clone(self);
        // An error means that it panicked, which the log tells.
        let _ = tokio::task::spawn_blocking(move || host.gate.flush()).await;
    }

    /// What marks the things that a caller brings back.
    pub fn seal(&self) -> &Seal {
        &self.seal
    }

    /// The calls that go on after their request.
    pub fn tasks(&self) -> &Tasks {
        &self.tasks
    }

    /// What an agent should know before its first call: the sources that its tools reach, and their rules.
    pub async fn instructions(&self, caller: &Arc<Caller>) -> String {
        self.instructions.of(&self.registry.snapshot(), caller).await
    }
}

fn aim<'a>(plugin: &'a Plugin, action: Action<'a>, arguments: Option<&'a JsonObject>) -> Aim<'a> {
    Aim { plugin: &plugin.name, digest: &plugin.digest, action, arguments }
}

/// Lets a call pass the gate. What its caller may not even see is as absent as what is not there.
async fn admit(
    ticket: &mut Ticket,
    plugins: &Snapshot,
    caller: &Caller,
    aim: Aim<'_>,
    absent: impl FnOnce() -> Error,
) -> Result<(), Error> {
    ticket.admit(aim, plugins.policy()).await.map_err(|error| match error.kind {
        Kind::Denied if !plugins.policy().may_see(caller, aim.plugin, aim.action) => absent(),
        _ => error,
    })
}

fn unknown_tool(plugins: &Snapshot, caller: &Arc<Caller>, name: &str) -> Error {
    let error = Error::new(Kind::UnknownTool, format!("There is no tool `{name}`."));
    match plugins.seen_by(caller).nearest(name) {
        Some(near) => error.next(format!("Did you mean `{near}`?")),
        None => error.next("List the tools."),
    }
}

fn unknown(kind: &str, name: &str) -> Error {
    // A client may send anything as a name.
    let name: String = name.chars().filter(|c| !c.is_control()).take(200).collect();
    Error::new(Kind::NotFound, format!("There is no {kind} `{name}`.")).next("List what there is.")
}
