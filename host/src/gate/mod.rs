//! Who is asking, may they, how fast, and what was done: every call passes it on its way in
//! and on its way out.
//!
//! [`Gate::identify`] proves a request's caller. [`Gate::open`] begins the record of a call and
//! gives a [`Ticket`]; [`Ticket::admit`] lets the call pass, once it is known what it is for;
//! [`Ticket::see`] writes how it ended, whatever it was, before anybody hears of it.
//!
//! Each part is made of the config, and made anew when another config is taken
//! ([`Gate::follow`]); what goes on from one to the next, a part hands over itself.

pub mod audit;
mod identity;
mod metrics;
mod passing;
mod places;
mod rates;
mod record;
mod traces;

use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::{Instant, SystemTime};

use arc_swap::{ArcSwap, ArcSwapOption};
use futures_util::FutureExt;
use tokio::sync::watch;

use self::audit::Audit;
use self::identity::Identity;
pub use self::identity::{AwsUnusable, NewKey, ProtectedResource};
use self::metrics::Metrics;
pub use self::metrics::{CONTENT_TYPE, Now};
use self::passing::Passing;
use self::rates::Rates;
use self::record::{Ending, Plugin, Record, cut};
use self::traces::Traces;
pub use self::traces::TracesError;
use crate::call::{Call, Caller, Challenge, JsonObject, Outcome, Presented, Trace};
use crate::config::{Config, ConfigError};
use crate::fault::{Error, Fault, Kind};
use crate::policy::{Action, Decision, Policy, Request};

/// What stands before every call.
pub struct Gate {
    identity: ArcSwap<Identity>,
    rates: ArcSwap<Rates>,
    metrics: Arc<Metrics>,
    traces: Option<Traces>,
    /// Why the last config is not followed, if it is not.
    failure: ArcSwapOption<GateError>,
    /// None until somebody means to make calls.
    audit: OnceLock<Arc<Audit>>,
}

/// Why there is no gate of a config. The message says what to write instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GateError {
    /// Something is wrong with one of the config's files.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The file of API keys is not there.
    #[error("[callers] keys: {} is not there; `toolhost key new NAME` writes it", .0.display())]
    NoKeys(PathBuf),
    /// Nobody can know whom tokens must be for.
    #[error("[callers.oauth.{0}] needs [serve] url = \"https://...\": tokens are for the URL that clients reach")]
    NoUrl(String),
    /// A table of an authorization server cannot be followed.
    #[error("{0}")]
    Issuer(String),
    /// The table `[callers.aws]` cannot be used.
    #[error(transparent)]
    Aws(#[from] AwsUnusable),
    /// Callers would not be asked any more.
    #[error("[callers] is empty now: callers are identified until the next start")]
    Unguarded,
    /// Spans cannot be sent where they should be.
    #[error(transparent)]
    Traces(#[from] TracesError),
}

impl Gate {
    /// The gate of a config; contacts nobody.
    ///
    /// # Errors
    ///
    /// What is wrong with the config, and what to write instead.
    pub fn start(config: &Config) -> Result<Self, GateError> {
        let identity = Identity::open(config)?;
        let traces = Traces::open(&config.traces)?;
        Ok(Self {
            identity: ArcSwap::from_pointee(identity),
            rates: ArcSwap::from_pointee(Rates::new(&config.rates)),
            metrics: Arc::new(Metrics::new()),
            traces,
            failure: ArcSwapOption::empty(),
            audit: OnceLock::new(),
        })
    }

    /// Follows the configs that are taken. One that makes no gate leaves everything as it was.
    pub async fn follow(&self, mut configs: watch::Receiver<Arc<Config>>) -> Infallible {
        while configs.changed().await.is_ok() {
            let config = Arc::clone(&configs.borrow_and_update());
            let failure = self.take(&config).err().map(Arc::new);
            if let Some(failure) = failure.as_deref() {
                tracing::warn!(why = %failure, "the gate goes on as it was");
            }
            self.failure.store(failure);
        }
        // Nobody takes configs any more.
        std::future::pending().await
    }

    /// Puts parts of another config in the place of all that there are, or of none.
    fn take(&self, config: &Config) -> Result<(), GateError> {
        let identity = self.identity.load().reopen(config)?;
        self.identity.store(Arc::new(identity));
        if !self.rates.load().are_of(&config.rates) {
            self.rates.store(Arc::new(Rates::new(&config.rates)));
        }
        if let Some(audit) = self.audit.get() {
            audit.compare(&config.audit);
        }
        Ok(())
    }

    /// Why the gate is not that of the config that was taken last, if it is not.
    pub fn failure(&self) -> Option<Arc<GateError>> {
        self.failure.load_full()
    }

    /// Opens the audit trail; without it no call is made. Commands that make none leave it alone.
    ///
    /// # Errors
    ///
    /// The directory of the trail cannot be used.
    pub fn keep_trail(&self, config: &Config) -> Result<(), audit::OpenError> {
        let audit = Audit::open(&config.audit, &config.resolve(&config.audit.dir))?;
        // Whoever was first keeps it.
        let _ = self.audit.set(Arc::new(audit));
        Ok(())
    }

    /// Forces the audit trail to the disk, as the host ends.
    pub fn end_trail(&self) {
        if let Some(audit) = self.audit.get() {
            audit.end();
        }
    }

    /// Whether calls are written down, or why none is made just now.
    pub fn ready(&self) -> Result<(), Error> {
        self.audit.get().map_or(Ok(()), |audit| audit.ready())
    }

    /// Whose request this is, proved.
    pub async fn identify(&self, presented: Presented<'_>) -> Result<Arc<Caller>, Challenge> {
        let identified = self.identity.load_full().identify(presented).await;
        self.metrics.count_identification(match identified.as_ref().map_err(|challenge| challenge.status.as_u16()) {
            Ok(_) => "known",
            Err(401) => "unknown",
            Err(403) => "forbidden",
            Err(_) => "failed",
        });
        identified
    }

    /// Whether callers have to prove who they are.
    pub fn identifies(&self) -> bool {
        self.identity.load().is_asked()
    }

    /// In which ways callers prove who they are, for the operator; none if they do not.
    pub fn summary(&self) -> Option<String> {
        self.identity.load().summary()
    }

    /// What RFC 9728 has a client read; none if no authorization server is trusted.
    pub fn protected_resource(&self) -> Option<ProtectedResource> {
        self.identity.load().protected_resource()
    }

    /// Whether any plugin asks for scopes.
    pub fn asks_scopes(&self) -> bool {
        self.identity.load().asks_scopes()
    }

    /// Whether a caller's token is good for what a plugin offers.
    pub fn check_scopes(&self, caller: &Caller, plugin: &str) -> Result<(), Challenge> {
        self.identity.load().check_scopes(caller, plugin)
    }

    /// Begins the record of a call. `method` is what is asked for in MCP's words, whichever the door.
    /// Where the call is recorded for a collector of traces, it goes on in a span of its own.
    pub fn open<R>(&self, call: &mut Call<R>, method: &'static str, name: &str) -> Ticket {
        if let Some(traces) = &self.traces {
            call.trace = traces.begin(method, call.trace.take());
        }
        let passing = Passing::begin(call, method, self.rates.load_full(), Arc::clone(&self.metrics));
        let record = Record {
            id: call.id.clone(),
            trace: call.trace.clone(),
            caller: Arc::clone(&call.caller),
            method,
            name: cut(name).to_owned(),
            arguments: None,
            plugin: None,
            decision: None,
            uses: call.uses.clone(),
            began: Instant::now(),
        };
        let (identity, audit) = (self.identity.load_full(), self.audit.get().map(Arc::clone));
        Ticket { record, identity, passing, audit, has_ended: false }
    }

    /// What is counted, as Prometheus reads it.
    pub fn metrics(&self, now: &Now) -> String {
        self.metrics.text(now)
    }

    /// Sends what waits to be sent, for a limited time; it is for the end of the host. Blocks until then.
    pub fn flush(&self) {
        if let Some(traces) = &self.traces {
            traces.flush();
        }
    }
}

/// What a call has of the gate while it goes on. Every call has its line in the audit trail and in
/// the log, also one that was dropped half-way.
pub struct Ticket {
    record: Record,
    identity: Arc<Identity>,
    passing: Passing,
    audit: Option<Arc<Audit>>,
    has_ended: bool,
}

/// What a call is for, now that its plugin is found.
#[derive(Debug, Clone, Copy)]
pub struct Aim<'a> {
    /// The plugin's name.
    pub plugin: &'a str,
    /// SHA-256 of its component, in hexadecimal.
    pub digest: &'a str,
    /// What is to be done with which offer.
    pub action: Action<'a>,
    /// The arguments, where there are any.
    pub arguments: Option<&'a JsonObject>,
}

impl Ticket {
    /// Notes with which arguments the call is made: their digest.
    #[must_use]
    pub fn with(mut self, arguments: &JsonObject) -> Self {
        self.record.arguments = self.audit.as_ref().map(|audit| audit.digest(arguments));
        self
    }

    /// Lets the call pass, if the caller's token is good for it, the policy allows it, and it is not too much.
    pub async fn admit(&mut self, aim: Aim<'_>, policy: &Policy) -> Result<(), Error> {
        let Aim { plugin, digest, action, arguments } = aim;
        self.passing.aim(aim);
        self.record.plugin = Some(Plugin { name: plugin.to_owned(), digest: digest.to_owned() });
        // HTTP was told so before; nothing gets past it by looking like something else there.
        if let Err(challenge) = self.identity.check_scopes(&self.record.caller, plugin) {
            return Err(Error::new(Kind::Denied, challenge.message));
        }
        let now = SystemTime::now();
        let decision = policy.may_call(Request { caller: &self.record.caller, plugin, action, arguments, now });
        for failure in &decision.failures {
            let id = &self.record.id;
            tracing::warn!(call.id = %id, policy.failure = failure, "a policy could not be weighed, so the call is denied");
        }
        let refused = (!decision.allowed).then(|| denied(&decision));
        self.record.decision = Some(decision);
        match refused {
            Some(error) => Err(error),
            None => self.passing.pass(aim).await,
        }
    }

    /// Lets a call of a tool of the host's own pass, if it is not too much.
    pub fn admit_own(&mut self, tool: &str) -> Result<(), Error> {
        self.passing.pass_own(tool)
    }

    /// Sees the call through to its end, which is noted before anybody else hears of it: it is for callers who
    /// do not call too much.
    pub async fn see<T>(
        mut self,
        call: impl AsyncFnOnce(&mut Self) -> Result<Outcome<T>, Error>,
    ) -> Result<Outcome<T>, Error> {
        if let Err(error) = self.audit.as_ref().ok_or_else(no_trail).and_then(|audit| audit.admit()) {
            // It has no line, as none can be written; the next one counts it.
            self.has_ended = true;
            self.tell(&self.record.end(&Err::<Outcome<T>, _>(error.clone())));
            return Err(error);
        }
        let walk = async {
            self.passing.enter().await?;
            call(&mut self).await
        };
        // A panic of ours must be an answer too: the request would hang for ever without one.
        let outcome = AssertUnwindSafe(walk).catch_unwind().await;
        let failed = |_| Err(Error::new(Kind::Internal, "The host failed; its log says why."));
        let outcome = outcome.unwrap_or_else(failed);
        self.close(&outcome).await?;
        outcome
    }

    /// Writes down how the call ended. What cannot be written down is not answered.
    async fn close<T>(&mut self, outcome: &Result<Outcome<T>, Error>) -> Result<(), Error> {
        self.has_ended = true;
        let ending = self.record.end(outcome);
        self.tell(&ending);
        let written = match &self.audit {
            Some(audit) => audit.write(&self.record.line(&ending)).await,
            None => Err(no_trail()),
        };
        self.passing.count_line(written.is_ok());
        written
    }

    /// Tells those who watch how the call ended: by figures, by its span, and by a line in the log.
    fn tell(&self, ending: &Ending) {
        self.passing.end(ending);
        let Record { id, method, name, caller, trace, .. } = &self.record;
        let trace = trace.as_ref().map(Trace::id);
        let kind = if ending.fault.is_some() { ending.outcome } else { "none" };
        // The fields hold no argument and no text of an answer.
        macro_rules! line {
            ($level:ident, $message:literal) => {
                tracing::$level!(
                    call.id = %id,
                    trace.id = trace,
                    caller.name = caller.name,
                    call.method = method,
                    call.name = name,
                    call.us = ending.took.as_micros(),
                    error.kind = kind,
                    error.fault = ending.fault.map_or("none", Fault::as_str),
                    $message
                )
            };
        }
        match ending.fault {
            None => line!(info, "a call was answered"),
            Some(Fault::Caller) => line!(info, "a call was refused"),
            Some(Fault::Plugin | Fault::Upstream | Fault::Operator) => line!(warn, "a call failed"),
        }
    }
}

/// What a caller is told that may not do this. The names of policies are for its operator to find them by.
fn denied(decision: &Decision) -> Error {
    let names: Vec<String> = decision.policies.iter().map(|id| format!("`{id}`")).collect();
    let message = match (names.as_slice(), decision.failures.is_empty()) {
        (_, false) => "The policy could not be weighed, so it does not allow this.".to_owned(),
        ([], true) => "No policy allows this.".to_owned(),
        (names, true) => format!("The policy does not allow this; what forbids it: {}.", names.join(", ")),
    };
    Error::new(Kind::Denied, message)
        .next("Do without it, or ask the operator, whom `toolhost policy explain` tells why.")
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if self.has_ended {
            return;
        }
        let gone = Error::new(Kind::Cancelled, "the caller went away");
        let ending = self.record.end(&Err::<Outcome<()>, _>(gone));
        self.tell(&ending);
        if let Some(audit) = &self.audit {
            audit.leave(&self.record.line(&ending));
            self.passing.count_line(true);
        }
    }
}

fn no_trail() -> Error {
    Error::new(Kind::Internal, "This host was not started to make calls: it has no audit trail.")
}
