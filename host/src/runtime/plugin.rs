//! A plugin: a component that was checked, compiled, and asked for its tools.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinError;
use tokio_util::task::AbortOnDropHandle;

use super::cache::Binary;
use super::code::{Code, check_granted};
use super::exports::Exports;
use super::instance::Guest;
use super::offers::{Completed, LoadedPrompt, Offers};
use super::output::Allowance;
use super::tool::LoadedTool;
use super::{EngineError, Needs, NotAPlugin, Runtime, output};
use crate::call::{
    Answer, Call, Complete, Contents, Conversation, GetPrompt, News, Outcome, ReadResource, Suggestions, UseTool,
};
use crate::capability::PluginGrants;
use crate::capability::state::Scope;
use crate::config::Limits;
use crate::fault::{Error, Kind};
use crate::policy::Policy;
use crate::wit::{self, completion};

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
    /// It needs an engine that cannot start.
    #[error(transparent)]
    NoEngine(#[from] EngineError),
    /// It did not say what it offers of one kind.
    #[error("it did not describe its {0}s: {1}")]
    Undescribed(&'static str, Error),
    /// Something that it offers is wrong: of which kind, its name, and why.
    #[error("its {0} `{1}` is refused: {2}")]
    Offer(&'static str, String, String),
}

impl LoadError {
    /// Whether the host was at fault and may do better soon.
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Undescribed(_, error) if error.kind == Kind::Busy)
    }

    pub(super) fn unrunnable(error: &wasmtime::Error) -> Self {
        Self::Unrunnable(format!("{error:#}"))
    }
}

/// A component that is ready for calls.
pub struct Plugin {
    /// The name in the config.
    pub name: String,
    /// SHA-256 of the component, in hexadecimal.
    pub digest: String,
    /// What it imports.
    pub needs: Needs,
    /// What it offers.
    pub offers: Offers,
    prefix: String,
    guest: Arc<Guest>,
}

impl Plugin {
    /// Checks, compiles and describes a component.
    pub async fn load(runtime: &Runtime, spec: PluginSpec, binary: Binary) -> Result<Self, LoadError> {
        let runtime = runtime.clone();
        // On its own, so that those which are loaded at once have all processors.
        let load = tokio::spawn(async move {
            let (its_runtime, its_spec) = (runtime.clone(), spec.clone());
            // It takes a thread for as long as it lasts: not one that serves calls.
            let code = tokio::task::spawn_blocking(move || Code::of(&its_runtime, &its_spec, binary)).await;
            Self::made_of(code.map_err(crashed)??, &runtime, spec).await
        });
        AbortOnDropHandle::new(load).await.map_err(crashed)?
    }

    /// The same component, otherwise granted, set or named: nothing is compiled again.
    pub async fn under(&self, spec: PluginSpec) -> Result<Self, LoadError> {
        check_granted(&self.needs, &spec)?;
        Self::made_of(self.guest.code.clone(), &self.guest.runtime, spec).await
    }

    async fn made_of(code: Code, runtime: &Runtime, spec: PluginSpec) -> Result<Self, LoadError> {
        let exports = Exports::of(&code.pre, &code.needs).map_err(|error| LoadError::unrunnable(&error))?;
        let PluginSpec { name, prefix, grants, settings, limits, .. } = spec;
        let scope = Arc::new(Scope { plugin: name.clone(), grants, settings, limits, seal: runtime.seal.clone() });
        let (digest, needs) = (code.digest.clone(), code.needs.clone());
        let guest = Arc::new(Guest { runtime: runtime.clone(), code, exports, scope });
        let offers = Offers::of(&guest.apart().await, &prefix).await?;
        Ok(Self { name, prefix, digest, needs, offers, guest })
    }

    /// Whether it was made with the same grants, settings, limits and names.
    pub fn has_spec(&self, spec: &PluginSpec) -> bool {
        let scope = &self.guest.scope;
        self.name == spec.name
            && self.prefix == spec.prefix
            && scope.grants == spec.grants
            && scope.settings == spec.settings
            && scope.limits == spec.limits
    }

    /// Whether both came of one load, and differ in how they described themselves at most.
    pub fn is_of_same_load(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.guest, &other.guest)
    }

    /// The same plugin, which has described itself anew.
    pub async fn described_anew(&self) -> Result<Self, LoadError> {
        let offers = Offers::of(&self.guest.apart().await, &self.prefix).await?;
        let Self { name, prefix, digest, needs, guest, .. } = self;
        let (name, prefix, digest, needs) = (name.clone(), prefix.clone(), digest.clone(), needs.clone());
        Ok(Self { name, prefix, digest, needs, offers, guest: Arc::clone(guest) })
    }

    /// Runs one of its tools. Dropping the future stops the guest.
    pub async fn run(&self, tool: &LoadedTool, call: Call, policy: &Arc<Policy>) -> Visit<Answer> {
        let (call, UseTool { name, arguments }) = call.part();
        let call = Call { tool: Some(name), ..call };
        let allowance = self.allowance(&call);
        let arguments = match tool.check_arguments(arguments) {
            Ok(arguments) => arguments,
            Err(error) => return (Err(error), News::default()),
        };
        let own_name = tool.own_name.clone();
        let visit = self.guest.visit(call, Arc::clone(policy), self.deadline(), |visited, store| {
            Box::pin(async move { visited.tools(&mut *store)?.call_call(store, &own_name, &arguments).await })
        });
        finish(visit.await, |said| tool.answer(said, &allowance))
    }

    /// Reads one of its resources, or one that a template of it makes.
    pub async fn read(&self, call: Call<ReadResource>, policy: &Arc<Policy>) -> Visit<Vec<Contents>> {
        let (call, ReadResource { uri }) = call.part();
        let allowance = self.allowance(&call);
        let visit = self.guest.visit(call, Arc::clone(policy), self.deadline(), |visited, store| {
            Box::pin(async move {
                let Some(resources) = visited.resources(store)? else { return Ok(Err(not_offered())) };
                resources.call_read(store, &uri).await
            })
        });
        finish(visit.await, |contents| output::contents(contents, &allowance))
    }

    /// Writes one of its prompts.
    pub async fn render(
        &self,
        prompt: &LoadedPrompt,
        call: Call<GetPrompt>,
        policy: &Arc<Policy>,
    ) -> Visit<Conversation> {
        let (call, GetPrompt { arguments, .. }) = call.part();
        let allowance = self.allowance(&call);
        let arguments = match prompt.check_arguments(arguments) {
            Ok(arguments) => arguments,
            Err(error) => return (Err(error), News::default()),
        };
        let own_name = prompt.own_name.clone();
        let visit = self.guest.visit(call, Arc::clone(policy), self.deadline(), |visited, store| {
            Box::pin(async move {
                let Some(prompts) = visited.prompts(store)? else { return Ok(Err(not_offered())) };
                prompts.call_render(store, &own_name, &arguments).await
            })
        });
        finish(visit.await, |conversation| output::conversation(conversation, &allowance))
    }

    /// Suggests values for an argument of one of its prompts, or of one of its templates.
    pub async fn complete(&self, of: Completed<'_>, call: Call<Complete>, policy: &Arc<Policy>) -> Visit<Suggestions> {
        let (call, Complete { argument, typed, others, .. }) = call.part();
        let uses = call.uses.clone();
        if !of.completes(&argument) {
            return (Ok(Outcome::Done(Suggestions::default())), News::default());
        }
        let typed = completion::Typed { argument, value: typed, others };
        let visit = match of {
            Completed::Prompt(prompt) => {
                let name = prompt.own_name.clone();
                self.guest
                    .visit(call, Arc::clone(policy), self.deadline(), |visited, store| {
                        Box::pin(async move {
                            let Some(prompts) = visited.prompts(store)? else { return Ok(Err(not_offered())) };
                            prompts.call_complete(store, &name, &typed).await
                        })
                    })
                    .await
            }
            Completed::Template(template) => {
                let name = template.template.uri_template.clone();
                self.guest
                    .visit(call, Arc::clone(policy), self.deadline(), |visited, store| {
                        Box::pin(async move {
                            let Some(resources) = visited.resources(store)? else { return Ok(Err(not_offered())) };
                            resources.call_complete(store, &name, &typed).await
                        })
                    })
                    .await
            }
        };
        finish(visit, |suggestions| Ok(output::suggestions(suggestions, &uses)))
    }

    /// What it was granted.
    pub fn grants(&self) -> &PluginGrants {
        &self.guest.scope.grants
    }

    fn deadline(&self) -> Duration {
        self.guest.scope.limits.deadline()
    }

    /// What the answer of a call may have.
    fn allowance(&self, call: &Call<()>) -> Allowance {
        Allowance { bytes_max: self.guest.scope.limits.output_bytes(), uses: call.uses.clone() }
    }
}

/// What a visit of a plugin ends with: the outcome, and what the plugin told beside it.
pub type Visit<T> = (Result<Outcome<T>, Error>, News);

/// Turns what the guest said into the shared nouns.
fn finish<G, T>((outcome, news): Visit<G>, turn: impl FnOnce(G) -> Result<T, Error>) -> Visit<T> {
    let outcome = outcome.and_then(|outcome| match outcome {
        Outcome::Done(said) => turn(said).map(Outcome::Done),
        Outcome::Asked => Ok(Outcome::Asked),
    });
    (outcome, news)
}

/// Of an export that the plugin does not have; the registry asks no plugin for one.
fn not_offered() -> wit::Error {
    wit::Error::new(wit::ErrorKind::NotFound, "this plugin has none")
}

fn crashed(error: JoinError) -> LoadError {
    LoadError::Unrunnable(error.to_string())
}
