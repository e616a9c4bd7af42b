//! Language models, each known to the plugin by the name of its grant.
//!
//! ```no_run
//! use toolhost_sdk::{Result, model};
//!
//! fn in_one_sentence(text: &str) -> Result<String> {
//!     let answer = model::source()?.ask("Sum the text up in one sentence.", text)?;
//!     Ok(answer.text)
//! }
//! ```

use crate::Result;
use crate::granted::{self, Granted};
use crate::wit::toolhost::model::model as host;
pub use crate::wit::toolhost::model::model::{
    Answer, Message, Request, Role, Source, StopReason, Usage, list as sources,
};

/// The only model that this plugin was granted.
///
/// `not-found` if it was granted none; `invalid`, with their names, if it was granted
/// more than one: ask for one by [`source_named`].
pub fn source() -> Result<Source> {
    granted::only(sources())
}

/// The granted model of that name. `not-found`, with the names there are, otherwise.
pub fn source_named(name: &str) -> Result<Source> {
    granted::named(sources(), name)
}

impl Granted for Source {
    const WHAT: &'static str = "model";

    fn name(&self) -> &str {
        &self.name
    }
}

/// A granted model is what is asked.
///
/// The errors are those of the contract: `invalid`, `limited` (too long, too slow, throttled,
/// or the budget is used up), `unavailable` and `failed`.
impl Source {
    /// One question with an instruction before it, and the answer.
    pub fn ask(&self, system: &str, question: &str) -> Result<Answer> {
        self.converse(&Request {
            system: Some(system.to_owned()),
            messages: vec![Message { role: Role::User, text: question.to_owned() }],
            output_tokens_max: None,
            temperature: None,
            stop_sequences: Vec::new(),
        })
    }

    /// One turn of a conversation.
    pub fn converse(&self, request: &Request) -> Result<Answer> {
        host::converse(&self.name, request)
    }

    /// About how many tokens a text has for this model. Contacts nothing.
    pub fn estimate(&self, text: &str) -> Result<u32> {
        host::estimate(&self.name, text)
    }
}
