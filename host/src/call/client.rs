//! The client that made a call: what it can be told and asked while the call runs.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::{mpsc, oneshot};

use super::JsonObject;

/// What a client can be told and asked while its call runs.
#[derive(Debug, Clone, Default)]
pub struct Client {
    /// Where progress and lines of its log go, in their order; none if it wants neither.
    /// What does not fit the channel is dropped.
    pub notices: Option<mpsc::Sender<Notice>>,
    /// Whether it wants progress.
    pub wants_progress: bool,
    /// The least level of lines that it wants in its log; none if it wants no line.
    pub log_level: Option<Level>,
    /// What it can be asked.
    pub abilities: Abilities,
    /// Where it is asked; none if it came by a door where nothing can be asked.
    pub questions: Option<mpsc::Sender<Asked>>,
    /// Whether it took the call back.
    pub taken_back: TakenBack,
}

/// Whether a call was taken back, for a plugin that looks.
#[derive(Debug, Clone, Default)]
pub struct TakenBack(Arc<Looked>);

#[derive(Debug, Default)]
struct Looked {
    taken_back: AtomicBool,
    looked: AtomicBool,
}

impl TakenBack {
    /// Whether it was. From now on the plugin is one that looks.
    pub fn look(&self) -> bool {
        self.0.looked.store(true, Ordering::Relaxed);
        self.0.taken_back.load(Ordering::Relaxed)
    }

    /// Takes the call back. True if the plugin looks for it, and may tidy up.
    pub fn set(&self) -> bool {
        self.0.taken_back.store(true, Ordering::Relaxed);
        self.0.looked.load(Ordering::Relaxed)
    }
}

/// Something that a client is told while its call runs.
#[derive(Debug, Clone, PartialEq)]
pub enum Notice {
    /// How far the call has come.
    Progress(Progress),
    /// A line for the client's own log.
    Line(Line),
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

/// A line for the client's own log.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// How much it matters.
    pub level: Level,
    /// Which part of the plugin says it.
    pub logger: Option<String>,
    /// What it says.
    pub message: String,
}

/// How much a line matters, in the words of MCP and of syslog (RFC 5424), least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// For whoever mends the plugin.
    Debug,
    /// What happens in the ordinary course.
    Info,
    /// Ordinary, and worth a look.
    Notice,
    /// Something may go wrong.
    Warning,
    /// Something went wrong.
    Error,
    /// A part does not work.
    Critical,
    /// Somebody must act at once.
    Alert,
    /// Nothing works.
    Emergency,
}

/// What a client can be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Abilities {
    /// It shows forms to its user.
    pub forms: bool,
    /// It opens pages for its user.
    pub pages: bool,
    /// It lends its own model.
    pub model: bool,
    /// It tells the places that it works in.
    pub roots: bool,
}

/// Questions on their way. Whoever drops the other end of `replies` takes them back.
#[derive(Debug)]
pub struct Asked {
    /// What is asked, by keys that tell the questions of one call apart.
    pub questions: Vec<(String, Question)>,
    /// Where the replies go: one for each, in the same order.
    pub replies: oneshot::Sender<Result<Vec<Reply>, NoReply>>,
}

/// One question to a client.
#[derive(Debug, Clone, PartialEq)]
pub enum Question {
    /// A form for its user to fill in.
    Form {
        /// Why it is asked.
        message: String,
        /// JSON Schema of the answer: a flat object.
        schema: JsonObject,
    },
    /// A page for its user to open.
    Page {
        /// Why.
        message: String,
        /// Where it is.
        url: String,
    },
    /// A turn for the client's own model.
    Model(Turn),
    /// The places that the client works in.
    Roots,
}

/// A turn for the client's own model.
#[derive(Debug, Clone, PartialEq)]
pub struct Turn {
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
}

/// One message of a conversation with a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// Whether the model said it, in an earlier turn.
    pub by_model: bool,
    /// What was said.
    pub text: String,
}

/// What a client replied to a question. Nothing has held it against the question yet.
#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    /// The user filled in the form, or will open the page.
    Accepted(JsonObject),
    /// The user would not.
    Declined,
    /// The user went away.
    Cancelled,
    /// What the client's own model said.
    Said(SaidByModel),
    /// The places that the client works in.
    Roots(Vec<Root>),
}

/// What the client's own model said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SaidByModel {
    /// The text.
    pub text: String,
    /// Why it ended, in the words of MCP: `endTurn`, `maxTokens`, `stopSequence` or others.
    pub stop_reason: Option<String>,
    /// The model's name, as the client tells it.
    pub model: String,
}

/// A place that a client works in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Root {
    /// Where it is: a `file:` URI.
    pub uri: String,
    /// What it is called.
    pub name: Option<String>,
}

/// Why there is no reply to a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoReply {
    /// The client will reply by calling again: this call ends here.
    Later,
    /// The client would not take the question.
    Refused,
    /// It replied with something else than it was asked for.
    Strange,
    /// The client is gone.
    Gone,
}
