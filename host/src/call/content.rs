//! What calls answer with: parts for the model, JSON for programs, contents of resources,
//! conversations. The words are those of MCP; see `wit/`.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::JsonObject;

/// What a tool answered.
#[derive(Debug, Clone, Default)]
pub struct Answer {
    /// For the model to read, in order.
    pub content: Vec<Part>,
    /// For programs to read; fits the tool's output schema.
    pub structured: Option<Structured>,
    /// The protocol's `_meta` of the result.
    pub meta: Option<JsonObject>,
}

/// JSON for programs to read. Most of it goes from the plugin to the caller as it is: nobody
/// between reads it where no schema is to be held against it.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub enum Structured {
    /// As the plugin wrote it: JSON on one line.
    Text(Box<RawValue>),
    /// As it was read.
    Tree(Value),
}

impl Structured {
    /// The value that it is.
    pub fn value(&self) -> Cow<'_, Value> {
        match self {
            // It is JSON, and nested no deeper than is read.
            Self::Text(text) => Cow::Owned(serde_json::from_str(text.get()).unwrap_or_default()),
            Self::Tree(value) => Cow::Borrowed(value),
        }
    }

    /// The value that it is.
    pub fn into_value(self) -> Value {
        match self {
            Self::Tree(value) => value,
            text @ Self::Text(_) => text.value().into_owned(),
        }
    }
}

/// One part of an answer.
#[derive(Debug, Clone)]
pub struct Part {
    /// What it is.
    pub content: Content,
    /// Hints about it.
    pub annotations: Option<PartAnnotations>,
    /// The protocol's `_meta` of the part.
    pub meta: Option<JsonObject>,
}

/// What one part of an answer is.
#[derive(Debug, Clone)]
pub enum Content {
    /// Text for the model.
    Text(String),
    /// A picture.
    Image(Media),
    /// A sound.
    Audio(Media),
    /// A pointer to something the client may read by itself.
    ResourceLink {
        /// Where it is.
        uri: String,
        /// Its name.
        name: String,
        /// A name for people.
        title: Option<String>,
        /// What it is.
        description: Option<String>,
        /// Its media type.
        mime_type: Option<String>,
        /// Its size in bytes.
        size: Option<u64>,
    },
    /// A resource inside the answer.
    Resource {
        /// What it is called.
        uri: String,
        /// Its media type.
        mime_type: Option<String>,
        /// What it holds.
        body: ResourceBody,
    },
}

/// A picture or a sound.
#[derive(Debug, Clone)]
pub struct Media {
    /// The bytes, as they are.
    pub data: Vec<u8>,
    /// Such as `image/png`.
    pub mime_type: String,
}

/// What a resource holds.
#[derive(Debug, Clone)]
pub enum ResourceBody {
    /// Text.
    Text(String),
    /// Bytes, as they are.
    Blob(Vec<u8>),
}

/// Hints about one part of an answer, or about a resource.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PartAnnotations {
    /// It is for people.
    pub for_user: bool,
    /// It is for the model.
    pub for_assistant: bool,
    /// From 0.0, may be left out, to 1.0, must be read.
    pub priority: Option<f64>,
    /// An ISO 8601 timestamp.
    pub last_modified: Option<String>,
}

/// What was read of a resource.
#[derive(Debug, Clone)]
pub struct Contents {
    /// What it is called.
    pub uri: String,
    /// Its media type.
    pub mime_type: Option<String>,
    /// What it holds.
    pub body: ResourceBody,
    /// The protocol's `_meta` of the contents.
    pub meta: Option<JsonObject>,
}

impl Contents {
    /// What it holds, in bytes.
    pub fn bytes(&self) -> usize {
        match &self.body {
            ResourceBody::Text(text) => text.len(),
            ResourceBody::Blob(bytes) => bytes.len(),
        }
    }
}

/// A prompt, ready for the model.
#[derive(Debug, Clone)]
pub struct Conversation {
    /// What it is for.
    pub description: Option<String>,
    /// The messages, oldest first.
    pub messages: Vec<Message>,
    /// The protocol's `_meta` of the result.
    pub meta: Option<JsonObject>,
}

/// One message of a conversation.
#[derive(Debug, Clone)]
pub struct Message {
    /// Whether the model says it; else the person does.
    pub by_model: bool,
    /// What is said.
    pub part: Part,
}

/// What an argument may become, best first.
#[derive(Debug, Clone, Default)]
pub struct Suggestions {
    /// At most [`Suggestions::MAX`] of them.
    pub values: Vec<String>,
    /// How many there are in all, if it is known.
    pub total: Option<u32>,
    /// Whether there are more than these.
    pub more: bool,
}

impl Suggestions {
    /// As many as the protocol lets pass.
    pub const MAX: usize = 100;
}
