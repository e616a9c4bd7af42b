//! From functions to prompts: what `#[prompt]` and `plugin!` write down.

use serde_json::Value;

use crate::part::{Part, object};
pub use crate::wit::prompts::exports::toolhost::plugin::prompts::{Conversation, Message};
use crate::wit::prompts::exports::toolhost::plugin::prompts::{Prompt, Role};
use crate::words::Words;
use crate::{Error, Result, Suggestions, Typed};

/// What a prompt may return: a value that knows how to become a [`Conversation`].
///
/// Implemented for text and a [`Part`], which the user says; for one [`Message`] or several, a
/// [`Conversation`], and a `Result` of any of them.
#[diagnostic::on_unimplemented(
    message = "a prompt cannot return `{Self}`",
    label = "not something that is said",
    note = "return `String`, `Part`, `Vec<Message>`, `Conversation`, or a `Result` of one of them"
)]
pub trait IntoConversation {
    /// Becomes the conversation.
    fn into_conversation(self) -> Result<Conversation>;
}

impl IntoConversation for Conversation {
    fn into_conversation(self) -> Result<Conversation> {
        Ok(self)
    }
}

impl IntoConversation for Vec<Message> {
    fn into_conversation(self) -> Result<Conversation> {
        Ok(Conversation { messages: self, ..Conversation::new() })
    }
}

impl IntoConversation for Message {
    fn into_conversation(self) -> Result<Conversation> {
        vec![self].into_conversation()
    }
}

impl IntoConversation for Part {
    fn into_conversation(self) -> Result<Conversation> {
        Message::user(self).into_conversation()
    }
}

impl IntoConversation for String {
    fn into_conversation(self) -> Result<Conversation> {
        Message::user(self).into_conversation()
    }
}

impl IntoConversation for &'static str {
    fn into_conversation(self) -> Result<Conversation> {
        Message::user(self).into_conversation()
    }
}

impl<T: IntoConversation, E: Into<Error>> IntoConversation for Result<T, E> {
    fn into_conversation(self) -> Result<Conversation> {
        self.map_err(Into::into)?.into_conversation()
    }
}

/// What is said, by whom. Text becomes a [`Part`] by itself.
impl Message {
    /// The person says it.
    pub fn user(part: impl Into<Part>) -> Self {
        Self { role: Role::User, part: part.into() }
    }

    /// The model says it.
    pub fn assistant(part: impl Into<Part>) -> Self {
        Self { role: Role::Assistant, part: part.into() }
    }
}

/// A conversation is built message by message.
///
/// ```
/// use toolhost_sdk::{Conversation, Part};
///
/// let conversation = Conversation::new()
///     .user(Part::image(vec![0x89, b'P', b'N', b'G'], "image/png"))
///     .user("What does the chart show?")
///     .assistant("Let me first read its axes.");
/// assert_eq!(conversation.messages.len(), 3);
/// ```
impl Conversation {
    /// Nothing is said yet.
    pub fn new() -> Self {
        Self { description: None, messages: Vec::new(), meta: None }
    }

    /// The person says something.
    pub fn user(self, part: impl Into<Part>) -> Self {
        self.message(Message::user(part))
    }

    /// The model says something.
    pub fn assistant(self, part: impl Into<Part>) -> Self {
        self.message(Message::assistant(part))
    }

    /// Adds a message.
    pub fn message(mut self, message: Message) -> Self {
        self.messages.push(message);
        self
    }

    /// Says what the conversation is for.
    pub fn description(mut self, description: impl Into<String>) -> Self {
        self.description = Some(description.into());
        self
    }

    /// Sets the protocol's `_meta` of the result.
    pub fn meta<'a>(mut self, entries: impl IntoIterator<Item = (&'a str, Value)>) -> Self {
        self.meta = Some(object(entries));
        self
    }
}

impl Default for Conversation {
    fn default() -> Self {
        Self::new()
    }
}

/// One prompt, as `#[prompt]` writes it down beside its function.
#[diagnostic::on_unimplemented(message = "`{Self}` is no prompt", note = "mark the function with `#[prompt]`")]
pub trait Function {
    /// Its name within the plugin.
    const NAME: &'static str;

    /// What it is.
    fn describe() -> Prompt;

    /// Writes the conversation.
    fn render(arguments: Words) -> Result<Conversation>;

    /// Suggests values for an argument.
    fn complete(typed: &Typed) -> Result<Suggestions>;
}

/// One line of a plugin's list of prompts.
#[derive(Clone, Copy)]
pub struct Entry {
    name: &'static str,
    describe: fn() -> Prompt,
    render: fn(Words) -> Result<Conversation>,
    complete: fn(&Typed) -> Result<Suggestions>,
}

impl Entry {
    /// The entry of one prompt.
    pub const fn of<T: Function>() -> Self {
        Self { name: T::NAME, describe: T::describe, render: T::render, complete: T::complete }
    }
}

/// Describes every prompt of a list, in its order.
pub fn describe(prompts: &[Entry]) -> Result<Vec<Prompt>> {
    Ok(prompts.iter().map(|prompt| (prompt.describe)()).collect())
}

/// Writes the conversation of the prompt of that name. `not-found` if there is none;
/// `invalid`, naming the argument, if the arguments do not fit the function.
pub fn render(prompts: &[Entry], name: &str, arguments: Vec<(String, String)>) -> Result<Conversation> {
    (named(prompts, name)?.render)(Words(arguments))
}

/// Suggests values for an argument of the prompt of that name. `not-found` if there is none.
pub fn complete(prompts: &[Entry], name: &str, typed: &Typed) -> Result<Suggestions> {
    (named(prompts, name)?.complete)(typed)
}

fn named<'a>(prompts: &'a [Entry], name: &str) -> Result<&'a Entry> {
    let none = || Error::not_found(format!("This plugin has no prompt `{name}`."));
    prompts.iter().find(|prompt| prompt.name == name).ok_or_else(none)
}
