//! The host: what is loaded, and the walk of a call through it.

use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use futures_util::FutureExt;
use tokio::sync::{Notify, broadcast};

use crate::call::{
    Call, CallId, Complete, CompleteOf, Contents, Conversation, GetPrompt, Outcome, ReadResource, Suggestions, Trace,
};
use crate::config::Config;
use crate::fault::{Error, Fault, Kind};
use crate::instructions::Instructions;
use crate::registry::{Event, Registry, Snapshot};
use crate::runtime::{Cache, Completed, EngineError, Runtime};
use crate::seal::Seal;
use crate::tasks::Tasks;

/// Everything that serves calls, whichever door they come in by.
pub struct Host {
    registry: Registry,
    instructions: Instructions,
    seal: Seal,
    tasks: Tasks,
}

impl Host {
    /// Opens the grants and loads the plugins. What fails is noted, and harms nothing else.
    pub async fn start(config: &Config, cache: Cache) -> Result<Self, EngineError> {
        let runtime = Runtime::new(config.serve.calls.get_usize(), cache)?;
        let seal = runtime.seal.clone();
        let registry = Registry::start(config, runtime).await;
        let store = config.serve.tasks.store.as_ref().map(|path| config.resolve(path));
        let tasks = Tasks::new(config.serve.tasks.clone(), store);
        Ok(Self { registry, instructions: Instructions::default(), seal, tasks })
    }

    /// Takes in what changes in the config file and the plugin directory, and looks at once
    /// when it is asked to. Calls go on meanwhile.
    pub async fn watch(&self, asked: &Notify) -> Infallible {
        self.registry.watch(asked).await
    }

    /// One call, from the door to the plugin and back. Dropping the future stops the
    /// guest within one tick of the engine.
    pub async fn call(&self, call: Call) -> Result<Outcome, Error> {
        let record = Record::begin(&call, "tools/call", call.request.name.clone());
        record.of(self.walk(call)).await
    }

    async fn walk(&self, call: Call) -> Result<Outcome, Error> {
        let plugins = self.registry.snapshot();
        let name = &call.request.name;
        if let Some(answer) = plugins.own_tool(name, &call.request.arguments) {
            return answer.map(Outcome::Done);
        }
        let (plugin, tool) = plugins.tool(name).ok_or_else(|| unknown_tool(&plugins, name))?;
        let (outcome, news) = plugin.run(tool, call).await;
        self.registry.take(plugin, news).await;
        outcome
    }

    /// Reads a resource, as [`Host::call`] calls a tool.
    pub async fn read(&self, call: Call<ReadResource>) -> Result<Outcome<Vec<Contents>>, Error> {
        let record = Record::begin(&call, "resources/read", call.request.uri.clone());
        let reading = async {
            let (plugins, uri) = (self.registry.snapshot(), &call.request.uri);
            if let Some((_, file)) = plugins.skill_file(uri) {
                return Ok(Outcome::Done(vec![file.contents(uri)]));
            }
            let plugin = plugins.reader(uri).ok_or_else(|| unknown("resource", uri))?;
            let (outcome, news) = plugin.read(call).await;
            self.registry.take(plugin, news).await;
            outcome
        };
        record.of(reading).await
    }

    /// Writes a prompt, as [`Host::call`] calls a tool.
    pub async fn prompt(&self, call: Call<GetPrompt>) -> Result<Outcome<Conversation>, Error> {
        let record = Record::begin(&call, "prompts/get", call.request.name.clone());
        let writing = async {
            let (plugins, name) = (self.registry.snapshot(), &call.request.name);
            let (plugin, prompt) = plugins.prompt(name).ok_or_else(|| unknown("prompt", name))?;
            let (outcome, news) = plugin.render(prompt, call).await;
            self.registry.take(plugin, news).await;
            outcome
        };
        record.of(writing).await
    }

    /// Suggests values for an argument, as [`Host::call`] calls a tool.
    pub async fn complete(&self, call: Call<Complete>) -> Result<Outcome<Suggestions>, Error> {
        let name = match &call.request.of {
            CompleteOf::Prompt(name) | CompleteOf::Template(name) => name.clone(),
        };
        let record = Record::begin(&call, "completion/complete", name.clone());
        let completing = async {
            let plugins = self.registry.snapshot();
            let (plugin, of) = match &call.request.of {
                CompleteOf::Prompt(_) => {
                    plugins.prompt(&name).map(|(plugin, prompt)| (plugin, Completed::Prompt(prompt)))
                }
                CompleteOf::Template(_) => {
                    plugins.template(&name).map(|(plugin, template)| (plugin, Completed::Template(template)))
                }
            }
            .ok_or_else(|| unknown("prompt or template", &name))?;
            let (outcome, news) = plugin.complete(of, call).await;
            self.registry.take(plugin, news).await;
            outcome
        };
        record.of(completing).await
    }

    /// What happens to the plugins from now on.
    pub fn events(&self) -> broadcast::Receiver<Event> {
        self.registry.events()
    }

    /// The plugins, tools and grants as they are now.
    pub fn plugins(&self) -> Arc<Snapshot> {
        self.registry.snapshot()
    }

    /// What marks the things that a caller brings back.
    pub fn seal(&self) -> &Seal {
        &self.seal
    }

    /// The calls that go on after their request.
    pub fn tasks(&self) -> &Tasks {
        &self.tasks
    }

    /// What an agent should know before its first call: the sources, and their rules.
    pub async fn instructions(&self) -> Arc<str> {
        self.instructions.of(&self.registry.snapshot()).await
    }
}

fn unknown_tool(plugins: &Snapshot, name: &str) -> Error {
    let error = Error::new(Kind::UnknownTool, format!("There is no tool `{name}`."));
    match plugins.nearest(name) {
        Some(near) => error.next(format!("Did you mean `{near}`?")),
        None => error.next("List the tools."),
    }
}

fn unknown(kind: &str, name: &str) -> Error {
    // A client may send anything as a name.
    let name: String = name.chars().filter(|c| !c.is_control()).take(200).collect();
    Error::new(Kind::NotFound, format!("There is no {kind} `{name}`.")).next("List what there is.")
}

/// One line in the log for every call, also for one that was dropped half-way.
struct Record {
    id: CallId,
    /// What was asked for, in MCP's words whichever the door.
    method: &'static str,
    name: String,
    trace: Option<Trace>,
    began: Instant,
    ended: bool,
}

impl Record {
    fn begin<R>(call: &Call<R>, method: &'static str, name: String) -> Self {
        Self { id: call.id.clone(), method, name, trace: call.trace.clone(), began: Instant::now(), ended: false }
    }

    /// The end of the call, which is noted.
    async fn of<T>(mut self, call: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        // A panic of ours must be an answer too: the request would hang for ever without one.
        let outcome = AssertUnwindSafe(call).catch_unwind().await;
        let failed = |_| Err(Error::new(Kind::Internal, "The host failed; its log says why."));
        let outcome = outcome.unwrap_or_else(failed);
        self.ended = true;
        self.log(outcome.as_ref().err());
        outcome
    }

    fn log(&self, error: Option<&Error>) {
        let Self { id, method, name, began, .. } = self;
        let trace = self.trace.as_ref().map(Trace::id);
        let (kind, fault) = error.map_or(("none", "none"), |error| (error.kind.as_str(), error.kind.fault().as_str()));
        let us = began.elapsed().as_micros();
        // The fields hold no argument and no text of an answer.
        macro_rules! line {
            ($level:ident, $message:literal) => {
                tracing::$level!(
                    call.id = %id,
                    trace.id = trace,
                    call.method = method,
                    call.name = name,
                    call.us = us,
                    error.kind = kind,
                    error.fault = fault,
                    $message
                )
            };
        }
        match error.map(|error| error.kind.fault()) {
            None => line!(info, "a call was answered"),
            Some(Fault::Caller) => line!(info, "a call was refused"),
            Some(Fault::Plugin | Fault::Upstream | Fault::Operator) => line!(warn, "a call failed"),
        }
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        if !self.ended {
            self.log(Some(&Error::new(Kind::Cancelled, "the caller went away")));
        }
    }
}
