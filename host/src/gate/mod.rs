//! Who is asking, may they, how fast, and what was done: every call passes it on its way in
//! and on its way out.
//!
//! [`Gate::identify`] proves a request's caller. [`Gate::open`] begins the record of a call and
//! gives a [`Ticket`]; [`Ticket::admit`] lets the call pass, once it is known what it is for;
//! [`Ticket::see`] writes how it ended, whatever it was.
//!
//! Each part is made of the config, and made anew when another config is taken
//! ([`Gate::follow`]); what goes on from one to the next, a part hands over itself.

mod identity;

use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use arc_swap::{ArcSwap, ArcSwapOption};
use futures_util::FutureExt;
use tokio::sync::watch;

use self::identity::Identity;
pub use self::identity::{AwsUnusable, NewKey, ProtectedResource};
use crate::call::{Call, CallId, Caller, Challenge, Presented, Trace};
use crate::config::{Config, ConfigError};
use crate::fault::{Error, Fault, Kind};
use crate::policy::{Action, Decision, Policy, Request};

/// What stands before every call.
pub struct Gate {
    identity: ArcSwap<Identity>,
    /// Why the last config is not followed, if it is not.
    failure: ArcSwapOption<GateError>,
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
}

impl Gate {
    /// The gate of a config; contacts nobody.
    ///
    /// # Errors
    ///
    /// What is wrong with the config, and what to write instead.
    pub fn start(config: &Config) -> Result<Self, GateError> {
        let identity = Identity::open(config)?;
        Ok(Self { identity: ArcSwap::from_pointee(identity), failure: ArcSwapOption::empty() })
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
        Ok(())
    }

    /// Why the gate is not that of the config that was taken last, if it is not.
    pub fn failure(&self) -> Option<Arc<GateError>> {
        self.failure.load_full()
    }

    /// Whose request this is, proved.
    pub async fn identify(&self, presented: Presented<'_>) -> Result<Arc<Caller>, Challenge> {
        self.identity.load_full().identify(presented).await
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
    pub fn open<R>(&self, call: &Call<R>, method: &'static str, name: &str) -> Ticket {
        Ticket {
            id: call.id.clone(),
            method,
            name: name.to_owned(),
            caller: Arc::clone(&call.caller),
            identity: self.identity.load_full(),
            trace: call.trace.clone(),
            began: Instant::now(),
            ended: false,
        }
    }
}

/// What a call has of the gate while it goes on. One line in the log for every call, also for
/// one that was dropped half-way.
pub struct Ticket {
    id: CallId,
    method: &'static str,
    name: String,
    caller: Arc<Caller>,
    identity: Arc<Identity>,
    trace: Option<Trace>,
    began: Instant,
    ended: bool,
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
    pub arguments: Option<&'a crate::call::JsonObject>,
}

impl Ticket {
    /// Lets the call pass, if the caller's token is good for it and the policy allows it.
    pub fn admit(&mut self, aim: Aim<'_>, policy: &Policy) -> Result<(), Error> {
        let Aim { plugin, action, arguments, .. } = aim;
        // HTTP was told so before; nothing gets past it by looking like something else there.
        if let Err(challenge) = self.identity.check_scopes(&self.caller, plugin) {
            return Err(Error::new(Kind::Denied, challenge.message));
        }
        let now = SystemTime::now();
        let decision = policy.may_call(Request { caller: &self.caller, plugin, action, arguments, now });
        for failure in &decision.failures {
            tracing::warn!(call.id = %self.id, policy.failure = failure, "a policy could not be weighed, so the call is denied");
        }
        if decision.allowed { Ok(()) } else { Err(denied(&decision)) }
    }

    /// Sees the call through to its end, which is noted.
    pub async fn see<T>(mut self, call: impl AsyncFnOnce(&mut Self) -> Result<T, Error>) -> Result<T, Error> {
        // A panic of ours must be an answer too: the request would hang for ever without one.
        let outcome = AssertUnwindSafe(call(&mut self)).catch_unwind().await;
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
                    caller.name = self.caller.name,
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
        if !self.ended {
            self.log(Some(&Error::new(Kind::Cancelled, "the caller went away")));
        }
    }
}
