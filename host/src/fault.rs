//! What can go wrong with a call, whose fault it is, and how each door says so: one table.

use std::fmt;
use std::time::Duration;

/// A call that did not answer. Everything in it may be shown to the agent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    /// The stable word that programs match on.
    pub kind: Kind,
    /// What happened, in one or two sentences: no credential, value, host name or backtrace.
    pub message: String,
    /// What to do next, if there is something.
    pub next: Option<String>,
    /// How long to wait before trying again, if it is known.
    pub retry_after: Option<Duration>,
    /// What the client would have to be able to do.
    pub lacks: Option<Ability>,
}

/// What a client may be able to do beyond calling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ability {
    /// It shows forms to its user.
    Forms,
    /// It opens pages for its user.
    Pages,
    /// It lends its own model.
    Model,
    /// It tells the places that it works in.
    Roots,
    /// It polls for calls that go on as tasks.
    Tasks,
}

impl Error {
    /// An error with no advice; [`Error::next`] adds some.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), next: None, retry_after: None, lacks: None }
    }

    /// Adds what to do next.
    #[must_use]
    pub fn next(mut self, next: impl Into<String>) -> Self {
        self.next = Some(next.into());
        self
    }

    /// Adds how long to wait before trying again.
    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// A call that needs more of its client than that can do.
    pub fn lacks(ability: Ability) -> Self {
        let needed = match ability {
            Ability::Forms => "shows forms to its user (MCP's `elicitation`)",
            Ability::Pages => "opens pages for its user (MCP's `elicitation`, mode `url`)",
            Ability::Model => "lends its own model (MCP's `sampling`)",
            Ability::Roots => "tells its roots (MCP's `roots`)",
            Ability::Tasks => "polls for tasks (MCP's extension `io.modelcontextprotocol/tasks`)",
        };
        let error = Self::new(Kind::ClientLacks, "The client cannot do what this needs.");
        Self { lacks: Some(ability), ..error }.next(format!("Call with a client that {needed}."))
    }

    /// The whole of it in one line, as an agent reads it: `denied: … Next: …`.
    pub fn sentence(&self) -> String {
        match &self.next {
            Some(next) => format!("{}: {} Next: {next}", self.kind, self.message),
            None => format!("{}: {}", self.kind, self.message),
        }
    }
}

/// Who can mend it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Whoever called: the request was wrong, or too much.
    Caller,
    /// The plugin's author.
    Plugin,
    /// Whoever runs this host.
    Operator,
    /// A system behind a grant.
    Upstream,
}

impl Fault {
    /// The word in logs, metrics and answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Fault::Caller => "caller",
            Fault::Plugin => "plugin",
            Fault::Operator => "operator",
            Fault::Upstream => "upstream",
        }
    }
}

/// What went wrong, in a word that does not change from release to release.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// No tool has that name.
    UnknownTool,
    /// The arguments do not fit the tool's input schema.
    InvalidArguments,
    /// The plugin says that the request is wrong.
    Invalid,
    /// It was not granted, or is forbidden.
    Denied,
    /// The thing that was named does not exist.
    NotFound,
    /// A limit on size, count or rate was reached.
    Limited,
    /// The request is larger than the host takes.
    TooLarge,
    /// The client cannot do what the call needs of it.
    ClientLacks,
    /// The caller went away, or took the call back.
    Cancelled,
    /// The system behind a grant could not be reached, or did not answer in time.
    Unavailable,
    /// The system behind a grant answered with an error.
    Failed,
    /// The plugin trapped: a panic, an exit, a stack overflow.
    Crashed,
    /// The plugin was stopped at its deadline.
    Deadline,
    /// The plugin was stopped at its memory limit.
    Memory,
    /// The plugin went over a limit of its own: output, host calls, bytes passed at once.
    OverLimit,
    /// The plugin's answer is broken: it does not fit the tool's output schema, or is no JSON.
    BadOutput,
    /// Every place for a call was taken.
    Busy,
    /// The host itself failed.
    Internal,
}

impl Kind {
    /// Every kind there is.
    pub const ALL: [Self; 18] = [
        Kind::UnknownTool,
        Kind::InvalidArguments,
        Kind::Invalid,
        Kind::Denied,
        Kind::NotFound,
        Kind::Limited,
        Kind::TooLarge,
        Kind::ClientLacks,
        Kind::Cancelled,
        Kind::Unavailable,
        Kind::Failed,
        Kind::Crashed,
        Kind::Deadline,
        Kind::Memory,
        Kind::OverLimit,
        Kind::BadOutput,
        Kind::Busy,
        Kind::Internal,
    ];

    /// The table: word, fault, HTTP status.
    fn row(self) -> (&'static str, Fault, u16) {
        match self {
            Kind::UnknownTool => ("unknown-tool", Fault::Caller, 404),
            Kind::InvalidArguments => ("invalid-arguments", Fault::Caller, 400),
            Kind::Invalid => ("invalid", Fault::Caller, 400),
            Kind::Denied => ("denied", Fault::Caller, 403),
            Kind::NotFound => ("not-found", Fault::Caller, 404),
            Kind::Limited => ("limited", Fault::Caller, 429),
            Kind::TooLarge => ("too-large", Fault::Caller, 413),
            Kind::ClientLacks => ("client-lacks", Fault::Caller, 400),
            Kind::Cancelled => ("cancelled", Fault::Caller, 499),
            Kind::Unavailable => ("unavailable", Fault::Upstream, 503),
            Kind::Failed => ("failed", Fault::Upstream, 502),
            Kind::Crashed => ("crashed", Fault::Plugin, 500),
            Kind::Deadline => ("deadline", Fault::Plugin, 504),
            Kind::Memory => ("memory", Fault::Plugin, 500),
            Kind::OverLimit => ("over-limit", Fault::Plugin, 500),
            Kind::BadOutput => ("bad-output", Fault::Plugin, 502),
            Kind::Busy => ("busy", Fault::Operator, 503),
            Kind::Internal => ("internal", Fault::Operator, 500),
        }
    }

    /// The word in answers, logs and metrics.
    pub fn as_str(self) -> &'static str {
        self.row().0
    }

    /// Who can mend it.
    pub fn fault(self) -> Fault {
        self.row().1
    }

    /// The HTTP status that the REST door answers with.
    pub fn http_status(self) -> u16 {
        self.row().2
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
