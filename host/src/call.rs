//! The nouns that every room shares: a call, the tool it names, and the outcome.

use std::fmt;
use std::sync::Arc;

use serde_json::{Map, Value};
use tokio::sync::{mpsc, oneshot};

/// A JSON object.
pub type JsonObject = Map<String, Value>;

/// One tool call, whichever door it came in by.
#[derive(Debug)]
pub struct Call {
    /// Marks the call in logs.
    pub id: CallId,
    /// The tool's full name, such as `crm__run_query`.
    pub tool: String,
    /// The arguments, as they came; nothing has checked them yet.
    pub arguments: JsonObject,
    /// Who makes it.
    pub caller: Caller,
    /// What the caller can be told and asked while the call runs.
    pub client: Client,
}

impl Call {
    /// A call from this machine, by a client that hears nothing until the outcome.
    pub fn new(tool: impl Into<String>, arguments: JsonObject) -> Self {
        let (caller, client) = (Caller::default(), Client::default());
        Self { id: CallId::new(), tool: tool.into(), arguments, caller, client }
    }
}

/// Who makes a call. What a call leaves behind for a later one (a cursor, a detached query,
/// a key of a caller's own store) opens to the same caller alone.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Caller {
    /// Tells callers apart; no two have the same.
    pub name: String,
}

impl Default for Caller {
    /// Whoever reaches the host without being asked who they are: today, everybody.
    fn default() -> Self {
        Self { name: "local".to_owned() }
    }
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

/// What a client can be told and asked while its call runs.
#[derive(Debug, Clone, Default)]
pub struct Client {
    /// Where progress goes; none if the client did not ask for it. Reports that do
    /// not fit the channel are dropped.
    pub progress: Option<mpsc::Sender<Progress>>,
    /// Whether its own model can be asked.
    pub model: OwnModel,
}

/// The model that a client may lend to the tools it calls.
#[derive(Debug, Clone, Default)]
pub enum OwnModel {
    /// It is asked here.
    Lent(mpsc::Sender<Question>),
    /// The client lends none, or came by a door where none can be lent.
    #[default]
    NotLent,
    /// The client's revision of the protocol has no way to ask while a call runs.
    CannotBeAsked,
}

/// A turn for the client's own model. Whoever drops the other end of `answer` takes it back.
#[derive(Debug)]
pub struct Question {
    /// What the model is to know or be before the conversation.
    pub system: Option<String>,
    /// The conversation, oldest first.
    pub said: Vec<Said>,
    /// How many tokens the answer may have.
    pub output_tokens_max: u32,
    /// From 0.0 to 1.0; the model's own default if none.
    pub temperature: Option<f32>,
    /// The answer ends before any of these.
    pub stop_sequences: Vec<String>,
    /// Where the answer goes.
    pub answer: oneshot::Sender<Result<Answered, NoAnswer>>,
}

/// One message of a conversation with a model.
#[derive(Debug)]
pub struct Said {
    /// Whether the model said it, in an earlier turn.
    pub by_model: bool,
    /// What was said.
    pub text: String,
}

/// What the client's own model answered.
#[derive(Debug)]
pub struct Answered {
    /// What it said.
    pub text: String,
    /// Why it ended, in the words of MCP: `endTurn`, `maxTokens`, `stopSequence` or others.
    pub stop_reason: Option<String>,
    /// The model's name, as the client tells it.
    pub model: String,
}

/// Why the client's own model did not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoAnswer {
    /// The client, or the person who uses it, would not ask it.
    Declined,
    /// It answered with something else than text.
    NoText,
    /// The client is gone.
    Gone,
}

/// How far a call has come, in a unit of the plugin's choice.
#[derive(Debug, Clone, PartialEq)]
pub struct Progress {
    /// Grows from report to report.
    pub done: f64,
    /// The end, if it is known.
    pub total: Option<f64>,
    /// What is being done, for people to read.
    pub message: Option<String>,
}

/// One tool as agents see it. The words are those of MCP; see `wit/world.wit`.
#[derive(Debug, Clone)]
pub struct Tool {
    /// The full name: the plugin's prefix, two underscores, the tool's own name.
    pub name: String,
    /// A name for people.
    pub title: Option<String>,
    /// What the model reads.
    pub description: String,
    /// JSON Schema (2020-12) of the arguments.
    pub input_schema: Arc<JsonObject>,
    /// Whether clients must mirror some argument in a header: `x-mcp-header` in the input schema.
    pub mirrors_arguments: bool,
    /// JSON Schema (2020-12) of the structured outcome.
    pub output_schema: Option<Arc<JsonObject>>,
    /// Hints for clients.
    pub annotations: Annotations,
    /// Pictures for clients.
    pub icons: Vec<Icon>,
    /// The protocol's `_meta`.
    pub meta: Option<JsonObject>,
}

/// What a tool does to the world; hints, on which nothing here relies.
#[derive(Debug, Clone, Copy, Default)]
pub struct Annotations {
    /// It changes nothing.
    pub read_only: Option<bool>,
    /// What it changes may be lost.
    pub destructive: Option<bool>,
    /// A second call changes nothing more.
    pub idempotent: Option<bool>,
    /// It reaches beyond the host's sources.
    pub open_world: Option<bool>,
}

/// A picture for a client to show.
#[derive(Debug, Clone)]
pub struct Icon {
    /// An `https:` or `data:` URL.
    pub src: String,
    /// Its media type.
    pub mime_type: Option<String>,
    /// Such as `48x48` or `any`.
    pub sizes: Vec<String>,
}

/// What a call answered.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// For the model to read, in order.
    pub content: Vec<Part>,
    /// For programs to read; fits the tool's output schema.
    pub structured: Option<Value>,
    /// The protocol's `_meta` of the result.
    pub meta: Option<JsonObject>,
}

/// One part of an outcome.
#[derive(Debug, Clone)]
pub struct Part {
    /// What it is.
    pub content: Content,
    /// Hints about it.
    pub annotations: Option<PartAnnotations>,
    /// The protocol's `_meta` of the part.
    pub meta: Option<JsonObject>,
}

/// What one part of an outcome is.
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

/// What an embedded resource holds.
#[derive(Debug, Clone)]
pub enum ResourceBody {
    /// Text.
    Text(String),
    /// Bytes, as they are.
    Blob(Vec<u8>),
}

/// Hints about one part of an outcome.
#[derive(Debug, Clone, Default)]
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
