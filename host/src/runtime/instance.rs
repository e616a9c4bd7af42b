//! One call, one instance: made, asked once, dropped, whatever it did.

use std::pin::Pin;
use std::str::Utf8Error;
use std::sync::Arc;
use std::time::Duration;

use wasmtime::{PoolConcurrencyLimitError, Store, UpdateDeadline};

use super::code::Code;
use super::exports::{Exports, Visited};
use super::lane::TickUsed;
use super::{Runtime, output};
use crate::call::{Call, News, Outcome};
use crate::capability::state::{Scope, TooManyHostCalls};
use crate::capability::{AsksLater, CallState, Clock};
use crate::fault::{Error, Kind};
use crate::policy::Policy;
use crate::wit;

/// What may pass between guest and host at once, in bytes: wasmtime's own limit is 128 MiB.
const BYTES_AT_ONCE: usize = 8 << 20;

/// What instances of one plugin are made from.
pub(super) struct Guest {
    pub(super) runtime: Runtime,
    pub(super) code: Code,
    pub(super) exports: Exports,
    pub(super) scope: Arc<Scope>,
}

/// What an instance answers, once it has been asked.
pub(super) type Answering<'a, T> = Pin<Box<dyn Future<Output = wasmtime::Result<Result<T, wit::Error>>> + Send + 'a>>;

impl Guest {
    /// The same on code of its own, for what is rare and touches much memory; or this very one, where no code is kept.
    ///
    /// What an instance touched stays in its place, and is cleaned after each later call there (`engine.rs`), though
    /// that needs little of it. Where the code is dropped, it is given back.
    pub(super) async fn apart(self: &Arc<Self>) -> Arc<Self> {
        let guest = Arc::clone(self);
        let apart = tokio::task::spawn_blocking(move || {
            let code = guest.code.again(&guest.runtime)?;
            let exports = Exports::of(&code.pre, &code.needs).ok()?;
            Some(Self { runtime: guest.runtime.clone(), code, exports, scope: Arc::clone(&guest.scope) })
        });
        apart.await.ok().flatten().map_or_else(|| Arc::clone(self), Arc::new)
    }

    /// Makes an instance, asks it once, and drops it. Dropping the future stops it.
    ///
    /// `time` is what it may take; while it waits for its client, time stands still.
    pub(super) async fn visit<T: Send + 'static>(
        self: &Arc<Self>,
        call: Call<()>,
        policy: Arc<Policy>,
        time: Duration,
        ask: impl for<'a> FnOnce(Visited<'a>, &'a mut Store<CallState>) -> Answering<'a, T> + Send + 'static,
    ) -> (Result<Outcome<T>, Error>, News) {
        let place = match self.runtime.place().await {
            Ok(place) => place,
            Err(error) => return (Err(error), News::default()),
        };
        let (guest, tick_used, clock) = (Arc::clone(self), TickUsed::default(), Clock::start(time));
        let mut store = self.store(call, policy, &tick_used, clock.clone());
        let visit = async move {
            let _place = place;
            let answer = clock.within(async {
                let instance = guest.code.pre.instantiate_async(&mut store).await?;
                ask(guest.exports.within(instance), &mut store).await
            });
            let answer = answer.await;
            let outcome = guest.conclude(&mut store, time, answer);
            (outcome, store.data_mut().take_news())
        };
        self.runtime.lane.run(tick_used, visit).await
    }

    fn store(&self, call: Call<()>, policy: Arc<Policy>, tick_used: &TickUsed, clock: Clock) -> Store<CallState> {
        let state = CallState::new(call, Arc::clone(&self.scope), policy, clock);
        let mut store = Store::new(self.code.pre.engine(), state);
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
        store: &mut Store<CallState>,
        time: Duration,
        answer: Option<wasmtime::Result<Result<T, wit::Error>>>,
    ) -> Result<Outcome<T>, Error> {
        let trap = match answer {
            Some(Ok(Ok(answer))) => return Ok(Outcome::Done(answer)),
            Some(Ok(Err(error))) => {
                let error = output::error(error);
                // That it could not ask is the client's to mend, whatever the plugin made of it.
                return Err(store.data_mut().lacking_ability().unwrap_or(error));
            }
            Some(Err(trap)) if trap.is::<AsksLater>() => return Ok(Outcome::Asked),
            Some(Err(trap)) => trap,
            None => {
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
