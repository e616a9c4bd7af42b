//! One call, one instance: made, asked once, dropped, whatever it did.

use std::str::Utf8Error;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::error::Elapsed;
use tokio::time::timeout;
use wasmtime::{PoolConcurrencyLimitError, Store, UpdateDeadline};

use super::lane::TickUsed;
use super::{Runtime, output};
use crate::call::{CallId, Caller, Client};
use crate::capability::CallState;
use crate::capability::state::{Scope, TooManyHostCalls};
use crate::fault::{Error, Kind};
use crate::wit::{self, PluginPre, tools};

/// What may pass between guest and host at once, in bytes: wasmtime's own limit is 128 MiB.
const BYTES_AT_ONCE: usize = 8 << 20;

/// How long a plugin may take to say which tools it has.
const DESCRIBE_TIME: Duration = Duration::from_secs(5);

/// What instances of one plugin are made from.
pub(super) struct Guest {
    pub(super) runtime: Runtime,
    pub(super) pre: PluginPre<CallState>,
    pub(super) scope: Arc<Scope>,
}

impl Guest {
    /// Asks which tools there are.
    pub(super) async fn describe(self: &Arc<Self>) -> Result<Vec<tools::Tool>, Error> {
        let place = self.runtime.place().await?;
        let (guest, tick_used) = (Arc::clone(self), TickUsed::default());
        let mut store = self.store(CallId::new(), Caller::default(), Client::default(), &tick_used);
        let call = async move {
            let _place = place;
            let answer = timeout(DESCRIBE_TIME, async {
                let instance = guest.pre.instantiate_async(&mut store).await?;
                instance.toolhost_plugin_tools().call_describe(&mut store).await
            });
            let answer = answer.await;
            guest.conclude(&store, DESCRIBE_TIME, answer)
        };
        self.runtime.lane.run(tick_used, call).await
    }

    /// Runs one tool, by its name within the plugin. Dropping the future stops the guest.
    pub(super) async fn call(
        self: &Arc<Self>,
        id: CallId,
        caller: Caller,
        client: Client,
        tool: String,
        arguments: String,
    ) -> Result<tools::Outcome, Error> {
        let place = self.runtime.place().await?;
        let (guest, tick_used) = (Arc::clone(self), TickUsed::default());
        let mut store = self.store(id, caller, client, &tick_used);
        let deadline = self.scope.limits.deadline();
        let call = async move {
            let _place = place;
            let answer = timeout(deadline, async {
                let instance = guest.pre.instantiate_async(&mut store).await?;
                instance.toolhost_plugin_tools().call_call(&mut store, &tool, &arguments).await
            });
            let answer = answer.await;
            guest.conclude(&store, deadline, answer)
        };
        self.runtime.lane.run(tick_used, call).await
    }

    fn store(&self, id: CallId, caller: Caller, client: Client, tick_used: &TickUsed) -> Store<CallState> {
        let state = CallState::new(id, caller, client, Arc::clone(&self.scope));
        let mut store = Store::new(&self.runtime.engine, state);
        store.limiter(CallState::limiter);
        store.set_hostcall_fuel(BYTES_AT_ONCE);
        // At each tick the guest gives way, so that none holds a thread and a dropped
        // or overdue call ends within one tick.
        store.set_epoch_deadline(1);
        let tick_used = tick_used.clone();
        store.epoch_deadline_callback(move |_| {
            tick_used.set();
            Ok(UpdateDeadline::Yield(1))
        });
        store
    }

    /// The guest's answer; or, for an end without one, whose fault it was. Why it ended
    /// goes to the operator's log alone.
    fn conclude<T>(
        &self,
        store: &Store<CallState>,
        time: Duration,
        answer: Result<wasmtime::Result<Result<T, wit::Error>>, Elapsed>,
    ) -> Result<T, Error> {
        let trap = match answer {
            Ok(Ok(answer)) => return answer.map_err(output::error),
            Ok(Err(trap)) => trap,
            Err(Elapsed { .. }) => {
                let message = format!("The plugin was stopped at its deadline of {} ms.", time.as_millis());
                return Err(Error::new(Kind::Deadline, message).next("Ask for less at once, or try again later."));
            }
        };
        let error = explain(&trap, store.data());
        tracing::warn!(
            plugin.name = self.scope.plugin,
            error.kind = error.kind.as_str(),
            guest.trap = format!("{trap:?}"),
            guest.stderr = store.data().stderr(),
            "a plugin was stopped",
        );
        Err(error)
    }
}

/// What an agent is told of a trap.
fn explain(trap: &wasmtime::Error, state: &CallState) -> Error {
    if state.memory_refused() {
        return Error::new(Kind::Memory, "The plugin was stopped at its memory limit.").next("Ask for less at once.");
    }
    if let Some(over) = trap.downcast_ref::<TooManyHostCalls>() {
        return Error::new(Kind::OverLimit, format!("The plugin was stopped: {over}."));
    }
    if trap.is::<PoolConcurrencyLimitError>() {
        return Error::new(Kind::Busy, "Every place for a plugin is taken.").next("Wait a second and call again.");
    }
    if trap.root_cause().is::<Utf8Error>() {
        return Error::new(Kind::BadOutput, "The plugin is at fault: it passed text that is not UTF-8.");
    }
    // wasmtime keeps this error's type to itself.
    if trap.root_cause().to_string().contains("fuel allocated for hostcalls") {
        let message = format!("The plugin was stopped: it passed more than {} MiB at once.", BYTES_AT_ONCE >> 20);
        return Error::new(Kind::OverLimit, message).next("Ask for less at once.");
    }
    Error::new(Kind::Crashed, "The plugin failed in the middle of the call; nothing of it is left.")
        .next("Other calls are not affected; if it happens again, tell the operator, whose log says why.")
}
