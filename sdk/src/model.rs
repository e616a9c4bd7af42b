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
        self.converse(&Request::new(question).system(system))
    }

    /// One turn of a conversation.
    pub fn converse(&self, request: &Request) -> Result<Answer> {
        host::converse(&self.name, request)
    }

    /// About how many tokens a text has for this model. Contacts nothing.
    pub fn estimate(&self, text: &str) -> Result<u32> {
        host::estimate(&self.name, text)
    }

    /// About the longest beginning of a text that has no more than so many tokens: the whole
    /// text, if that fits. Contacts nothing.
    pub fn beginning<'text>(&self, text: &'text str, tokens_max: u32) -> Result<&'text str> {
        beginning(text, tokens_max, |text| self.estimate(text))
    }
}

/// A request is built around its question.
impl Request {
    /// One message of the user's, and the model's own defaults for all else.
    pub fn new(question: impl Into<String>) -> Self {
        Self {
            system: None,
            messages: vec![Message { role: Role::User, text: question.into() }],
            output_tokens_max: None,
            temperature: None,
            stop_sequences: Vec::new(),
        }
    }

    /// What the model is to know or be before the conversation.
    pub fn system(mut self, system: impl Into<String>) -> Self {
        self.system = Some(system.into());
        self
    }

    /// The model's answer, and what is said next.
    pub fn then(mut self, answer: impl Into<String>, question: impl Into<String>) -> Self {
        self.messages.push(Message { role: Role::Assistant, text: answer.into() });
        self.messages.push(Message { role: Role::User, text: question.into() });
        self
    }

    /// How many tokens the answer may have; the grant's limit if that is less.
    pub fn output_tokens_max(mut self, tokens: u32) -> Self {
        self.output_tokens_max = Some(tokens);
        self
    }

    /// From 0.0, always the likeliest word, to 1.0.
    pub fn temperature(mut self, temperature: f32) -> Self {
        self.temperature = Some(temperature);
        self
    }

    /// The answer ends before this; at most 4 of them.
    pub fn stop_sequence(mut self, stop: impl Into<String>) -> Self {
        self.stop_sequences.push(stop.into());
        self
    }
}

/// Cuts in proportion to the estimate, and a little more where that is not enough.
fn beginning(text: &str, tokens_max: u32, estimate: impl Fn(&str) -> Result<u32>) -> Result<&str> {
    let mut fitting = text;
    loop {
        let tokens = estimate(fitting)?;
        if tokens <= tokens_max || fitting.is_empty() {
            return Ok(fitting);
        }
        let characters = fitting.chars().count() as u64;
        let fewer = characters * u64::from(tokens_max) / u64::from(tokens);
        let fewer = usize::try_from(fewer.min(characters - 1)).unwrap_or(0);
        let end = fitting.char_indices().nth(fewer).map_or(0, |(end, _)| end);
        fitting = &fitting[..end];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_beginning_fits_and_wastes_little() {
        let quarter = |text: &str| Ok(text.chars().count().div_ceil(4) as u32);
        let text = "äöü xyz ".repeat(1_000);
        assert_eq!(beginning(&text, 5_000, quarter), Ok(text.as_str()));
        for tokens_max in [0, 1, 7, 500, 1_999] {
            let cut = beginning(&text, tokens_max, quarter).unwrap();
            let tokens = quarter(cut).unwrap();
            assert!(text.starts_with(cut) && tokens <= tokens_max && tokens + 1 >= tokens_max, "{tokens}");
        }
        // A model whose words differ in length is cut to what fits.
        let words = |text: &str| Ok(text.split_whitespace().count() as u32);
        let cut = beginning(&text, 10, words).unwrap();
        assert!((9..=10).contains(&words(cut).unwrap()), "{cut}");
        assert_eq!(beginning("x", 0, |_| Ok(1)), Ok(""));
    }

    #[test]
    fn a_request_is_built_around_its_question() {
        let request =
            Request::new("Why?").system("Be brief.").then("So.", "And?").output_tokens_max(5).stop_sequence("END");
        let said: Vec<_> = request.messages.iter().map(|message| (message.role, message.text.as_str())).collect();
        assert_eq!(said, [(Role::User, "Why?"), (Role::Assistant, "So."), (Role::User, "And?")]);
        assert_eq!(request.system.as_deref(), Some("Be brief."));
        assert_eq!((request.output_tokens_max, request.stop_sequences.len()), (Some(5), 1));
    }
}
