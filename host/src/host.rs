//! The host: what is loaded, and the walk of a call through it.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use futures_util::FutureExt;

use crate::call::{Call, CallId, Outcome};
use crate::capability::Grants;
use crate::config::Config;
use crate::fault::{Error, Fault, Kind};
use crate::instructions::Instructions;
use crate::registry::{self, Registry, Snapshot};
use crate::runtime::{Cache, EngineError, Runtime};

/// Everything that serves calls, whichever door they come in by.
pub struct Host {
    registry: Registry,
    grants: Grants,
    instructions: Instructions,
}

impl Host {
    /// Opens the grants and loads the plugins. What fails is noted, and harms nothing else.
    pub async fn start(config: &Config, cache: Cache) -> Result<Self, EngineError> {
        let runtime = Runtime::new(config.serve.calls.get_usize(), cache)?;
        let grants = Grants::open(config);
        let registry = Registry::new(registry::load(config, &grants, &runtime).await);
        Ok(Self { registry, grants, instructions: Instructions::default() })
    }

    /// One call, from the door to the plugin and back. Dropping the future stops the
    /// guest within one tick of the engine.
    pub async fn call(&self, call: Call) -> Result<Outcome, Error> {
        let record = Record::begin(&call);
        // A panic of ours must be an answer too: the request would hang for ever without one.
        let outcome = AssertUnwindSafe(self.walk(call)).catch_unwind().await;
        record.close(outcome.unwrap_or_else(|_| Err(Error::new(Kind::Internal, "The host failed; its log says why."))))
    }

    async fn walk(&self, call: Call) -> Result<Outcome, Error> {
        let plugins = self.registry.snapshot();
        let (plugin, tool) = plugins.tool(&call.tool).ok_or_else(|| unknown_tool(&plugins, &call.tool))?;
        plugin.run(tool, call).await
    }

    /// The plugins and tools as they are now.
    pub fn plugins(&self) -> Arc<Snapshot> {
        self.registry.snapshot()
    }

    /// The operator's grants.
    pub fn grants(&self) -> &Grants {
        &self.grants
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

/// One line in the log for every call, also for one that was dropped half-way.
struct Record {
    id: CallId,
    tool: String,
    began: Instant,
    ended: bool,
}

impl Record {
    fn begin(call: &Call) -> Self {
        Self { id: call.id.clone(), tool: call.tool.clone(), began: Instant::now(), ended: false }
    }

    fn close(mut self, outcome: Result<Outcome, Error>) -> Result<Outcome, Error> {
        self.ended = true;
        self.log(outcome.as_ref().err());
        outcome
    }

    fn log(&self, error: Option<&Error>) {
        let Self { id, tool, began, .. } = self;
        let (kind, fault) = error.map_or(("none", "none"), |error| (error.kind.as_str(), error.kind.fault().as_str()));
        let us = began.elapsed().as_micros();
        // The fields hold no argument and no text of an answer.
        macro_rules! line {
            ($level:ident, $message:literal) => {
                tracing::$level!(call.id = %id, tool.name = tool, call.us = us, error.kind = kind, error.fault = fault, $message)
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
