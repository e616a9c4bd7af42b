//! All that a host function may see of the call it serves, and [`CallState::permit`],
//! the only way from there to a backend.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use wasmtime::ResourceLimiter;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::p2::pipe::MemoryOutputPipe;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use super::asking::Questions;
use super::client::Told;
use super::clock::Clock;
use super::log::CallLog;
use super::permit::{self, Permit};
use super::{Capability, PluginGrants};
use crate::call::{Call, CallId, Caller, Client, Facts, News, Trace, Use, Uses};
use crate::config::Limits;
use crate::fault;
use crate::policy::{Decision, Policy, Usage};
use crate::seal::Seal;
use crate::wit::{self, Error, ErrorKind, Failure};

/// What a plugin's standard error may hold, in bytes: room for a panic message.
const STDERR_BYTES_MAX: usize = 4 << 10;

/// What every call of one plugin shares.
pub struct Scope {
    /// The plugin's name in the config.
    pub plugin: String,
    /// What it was granted.
    pub grants: PluginGrants,
    /// What the operator wrote for it, by key.
    pub settings: Vec<(String, String)>,
    /// What a call may use.
    pub limits: Limits,
    /// Marks what agents bring back.
    pub seal: Seal,
}

/// The state of one call: made for it, dropped with it.
pub struct CallState {
    pub(super) id: CallId,
    pub(super) caller: Arc<Caller>,
    /// The full name of the tool that was called; none if it was something else.
    tool: Option<String>,
    pub(super) client: Client,
    pub(super) trace: Option<Trace>,
    pub(super) scope: Arc<Scope>,
    pub(super) uses: Uses,
    policy: Arc<Policy>,
    /// Things with a lifetime that host functions handed out: cursors, transactions.
    pub(super) table: ResourceTable,
    pub(super) log: CallLog,
    pub(super) told: Told,
    pub(super) questions: Questions,
    pub(super) clock: Clock,
    pub(super) news: News,
    memory: Memory,
    host_calls: u64,
    wasi: WasiCtx,
    stderr: MemoryOutputPipe,
}

impl CallState {
    /// The state of a call that is about to begin.
    pub fn new(call: Call<()>, scope: Arc<Scope>, policy: Arc<Policy>, clock: Clock) -> Self {
        let Call { id, tool, caller, client, trace, uses, request: () } = call;
        let stderr = MemoryOutputPipe::new(STDERR_BYTES_MAX);
        // Nothing is inherited: no environment, arguments, directories or sockets.
        let wasi = WasiCtx::builder().stderr(stderr.clone()).build();
        let memory = Memory { bytes: 0, bytes_max: scope.limits.memory_bytes(), refused: false };
        Self {
            log: CallLog::new(id.clone(), Arc::clone(&scope)),
            id,
            tool,
            caller,
            client,
            trace,
            scope,
            uses,
            policy,
            table: ResourceTable::new(),
            told: Told::default(),
            questions: Questions::default(),
            clock,
            news: News::default(),
            memory,
            host_calls: 0,
            wasi,
            stderr,
        }
    }

    /// The only key: the grant of that name, if this plugin has it and the policy lets its caller use
    /// it so. Every host function of a granted capability begins with this line.
    ///
    /// `facts` says of what the use would be, as far as the grant can tell.
    pub fn permit<C: Capability>(
        &mut self,
        name: &str,
        action: &'static str,
        facts: impl FnOnce(&C) -> Facts,
    ) -> Result<Permit<C>, Failure> {
        self.count_host_call()?;
        let Some(grant) = self.scope.grants.get::<C>(name) else {
            permit::begin::<C>(self.trace.as_ref(), None, action, &Facts::default(), false);
            self.note::<C>(name, action, Facts::default(), false, Decision::default());
            return Err(self.not_granted::<C>(name).into());
        };
        let facts = facts(&grant);
        let decision = self.policy.may_use(Usage {
            caller: &self.caller,
            plugin: &self.scope.plugin,
            tool: self.tool.as_deref(),
            capability: C::NAME,
            grant: name,
            action,
            facts: &facts,
            now: SystemTime::now(),
        });
        let allowed = decision.allowed;
        let trace = permit::begin::<C>(self.trace.as_ref(), Some(name), action, &facts, allowed);
        self.note::<C>(name, action, facts, true, decision);
        if allowed { Ok(Permit::new(grant, trace)) } else { Err(not_allowed::<C>(name, action).into()) }
    }

    fn note<C: Capability>(&self, name: &str, action: &'static str, facts: Facts, granted: bool, decision: Decision) {
        let Decision { allowed, policies, failures } = decision;
        for failure in failures {
            tracing::warn!(call.id = %self.id, policy.failure = failure, "a policy could not be weighed, so the use is denied");
        }
        tracing::debug!(
            call.id = %self.id,
            caller.name = self.caller.name,
            plugin.name = self.scope.plugin,
            grant.name = format_args!("{}.{name}", C::NAME),
            grant.action = format_args!("{}.{action}", C::NAME),
            grant.permitted = allowed,
            "a plugin asked to use a grant",
        );
        self.uses.note(Use { capability: C::NAME, grant: name.to_owned(), action, facts, granted, allowed, policies });
    }

    /// The grants of one capability that this plugin may name.
    pub fn granted<C: Capability>(&mut self) -> wasmtime::Result<Vec<(String, Arc<C>)>> {
        self.count_host_call()?;
        Ok(self.scope.grants.of::<C>().map(|(name, grant)| (name.to_owned(), grant)).collect())
    }

    /// How long the call may still take, about: for host functions that would rather give up
    /// and say why than be stopped with the plugin.
    pub(super) fn time_left(&self) -> Duration {
        self.clock.left()
    }

    /// Counts one request to the host, and ends the call when there were too many.
    pub(super) fn count_host_call(&mut self) -> wasmtime::Result<()> {
        let max = self.scope.limits.host_calls.get();
        self.host_calls += 1;
        if self.host_calls > max {
            return Err(TooManyHostCalls(max).into());
        }
        Ok(())
    }

    fn not_granted<C: Capability>(&self, name: &str) -> Error {
        let (capability, plugin) = (C::NAME, &self.scope.plugin);
        if self.scope.grants.is_unusable::<C>(name) {
            let message =
                format!("the grant `{capability}.{name}` cannot be used until the operator mends it; /ready says why");
            return Error::new(ErrorKind::Unavailable, message);
        }
        let names: Vec<_> = self.scope.grants.of::<C>().map(|(name, _)| name).collect();
        let has = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        let message = format!(
            "`{name}` is no {capability} grant of this plugin; it has: {has}. \
             To grant one: [plugins.{plugin}] grants = [\"{capability}.{name}\"]"
        );
        Error::new(ErrorKind::Denied, message)
    }

    /// What the plugin told beside its answer.
    pub fn take_news(&mut self) -> News {
        std::mem::take(&mut self.news)
    }

    /// The error of a call that failed when its client could not be asked.
    pub fn lacking_ability(&self) -> Option<fault::Error> {
        self.questions.lacking.map(fault::Error::lacks)
    }

    /// Whether the guest was refused memory.
    pub fn memory_refused(&self) -> bool {
        self.memory.refused
    }

    /// What the guest wrote to its standard error, for the operator's log.
    pub fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.stderr.contents()).trim().to_owned()
    }

    /// What limits the guest's memory and tables.
    pub fn limiter(&mut self) -> &mut dyn ResourceLimiter {
        &mut self.memory
    }
}

impl wit::types::Host for CallState {
    fn convert_error(&mut self, failure: Failure) -> wasmtime::Result<Error> {
        failure.into_answer()
    }
}

impl WasiView for CallState {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

fn not_allowed<C: Capability>(name: &str, action: &str) -> Error {
    let message = format!("the policy does not let this caller do `{0}.{action}` on `{0}.{name}`", C::NAME);
    Error::new(ErrorKind::Denied, message)
}

/// The guest asked the host too often.
#[derive(Debug, thiserror::Error)]
#[error("the plugin asked the host more than {0} times in one call")]
pub struct TooManyHostCalls(pub u64);

/// Counts the memory of all of a guest's linear memories together.
struct Memory {
    bytes: usize,
    bytes_max: usize,
    refused: bool,
}

impl ResourceLimiter for Memory {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let bytes = self.bytes.saturating_add(desired.saturating_sub(current));
        if bytes > self.bytes_max {
            // A trap, not a failed growth: an allocator that gives up would panic with
            // a message about something else.
            self.refused = true;
            return Err(wasmtime::Error::msg("the plugin's memory limit is reached"));
        }
        self.bytes = bytes;
        Ok(true)
    }

    fn table_growing(&mut self, _: usize, _: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        // Tables have a fixed place in the pool, which is limit enough.
        Ok(true)
    }
}
