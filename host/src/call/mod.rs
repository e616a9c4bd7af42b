//! The nouns that every room shares: a call, what it asks for, and the outcome.

mod caller;
mod client;
mod content;
mod offer;
mod span;
mod trace;
mod uses;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::fault::{Error, Kind};

pub use self::caller::{Caller, Challenge, Presented};
pub use self::client::*;
pub use self::content::*;
pub use self::offer::*;
pub use self::span::Span;
pub use self::trace::Trace;
pub use self::uses::{Facts, Noted, Use, Uses};

/// A JSON object.
pub type JsonObject = Map<String, Value>;

/// One request to a plugin, whichever door it came in by.
#[derive(Debug)]
pub struct Call<R = UseTool> {
    /// Marks the call in logs.
    pub id: CallId,
    /// What is asked for.
    pub request: R,
    /// The full name of the tool that is used, once the request is parted from the call.
    pub tool: Option<String>,
    /// Who makes it.
    pub caller: Arc<Caller>,
    /// What the caller can be told and asked while the call runs.
    pub client: Client,
    /// The trace that it is part of.
    pub trace: Option<Trace>,
    /// What it does with its grants.
    pub uses: Uses,
}

/// A tool is to be used.
#[derive(Debug)]
pub struct UseTool {
    /// The full name, such as `crm__run_query`.
    pub name: String,
    /// The arguments, as they came; nothing has checked them yet.
    pub arguments: JsonObject,
}

/// A resource is to be read.
#[derive(Debug)]
pub struct ReadResource {
    /// What it is called.
    pub uri: String,
}

/// A prompt is to be written.
#[derive(Debug)]
pub struct GetPrompt {
    /// The full name, such as `review__code`.
    pub name: String,
    /// The arguments, as they came.
    pub arguments: JsonObject,
}

/// An argument is to be completed.
#[derive(Debug)]
pub struct Complete {
    /// Of what it is an argument.
    pub of: CompleteOf,
    /// Its name.
    pub argument: String,
    /// What has been typed of it.
    pub typed: String,
    /// The other arguments that are filled in, by name.
    pub others: Vec<(String, String)>,
}

impl Complete {
    /// All that is filled in, as arguments are.
    pub fn as_arguments(&self) -> JsonObject {
        let others = self.others.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str())));
        others.chain([(self.argument.clone(), Value::from(self.typed.as_str()))]).collect()
    }
}

/// What has an argument to be completed.
#[derive(Debug)]
pub enum CompleteOf {
    /// A prompt, by its full name.
    Prompt(String),
    /// A template, by itself.
    Template(String),
}

impl Call {
    /// A use of a tool from this machine, by a client that hears nothing until the outcome.
    pub fn new(tool: impl Into<String>, arguments: JsonObject) -> Self {
        Call::of(UseTool { name: tool.into(), arguments })
    }
}

impl<R> Call<R> {
    /// A call from this machine, by a client that hears nothing until the outcome.
    pub fn of(request: R) -> Self {
        let (caller, client) = (Arc::new(Caller::local()), Client::default());
        Self { id: CallId::new(), request, tool: None, caller, client, trace: None, uses: Uses::default() }
    }

    /// The call without its request, and the request.
    pub fn part(self) -> (Call<()>, R) {
        let Self { id, request, tool, caller, client, trace, uses } = self;
        (Call { id, request: (), tool, caller, client, trace, uses }, request)
    }
}

/// How a call ended, if nothing failed.
#[derive(Debug, Clone)]
pub enum Outcome<T = Answer> {
    /// It was answered.
    Done(T),
    /// It asked its client, who will reply by calling again.
    Asked,
}

impl<T> Outcome<T> {
    /// The answer, where nobody was there to be asked.
    pub fn done(self) -> Result<T, Error> {
        match self {
            Self::Done(answer) => Ok(answer),
            Self::Asked => Err(Error::new(Kind::Internal, "The call asked a client that was not there.")),
        }
    }
}

/// What a call told its host, whatever it answered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct News {
    /// Which descriptions of the plugin are out of date.
    pub changed: BTreeSet<Offer>,
    /// Which of its resources are not what they were.
    pub updated: Vec<String>,
}

/// What a plugin describes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Offer {
    /// Its tools.
    Tools,
    /// Its resources and templates.
    Resources,
    /// Its prompts.
    Prompts,
    /// Its skills.
    Skills,
}

/// A name for one call that sorts by time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallId(uuid::Uuid);

impl CallId {
    /// A name that no other call has.
    #[allow(clippy::new_without_default, reason = "a default that differs each time would surprise")]
    pub fn new() -> Self {
        Self(uuid::Uuid::now_v7())
    }
}

impl fmt::Display for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.simple().fmt(f)
    }
}
