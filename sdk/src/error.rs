//! Why a tool could not do what it was asked: the contract's one error, made easy to make.

pub use crate::wit::toolhost::types::types::{Error, ErrorKind};

/// What a tool answers with when it can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// One constructor for each kind. The message is one or two sentences for the model:
/// what happened, and what to do next.
impl Error {
    /// It was not granted, or a rule forbids it; trying again does not help.
    pub fn denied(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Denied, message)
    }

    /// The request itself is wrong: a bad argument, an unknown parameter.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Invalid, message)
    }

    /// The thing that was named does not exist.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::NotFound, message)
    }

    /// A limit was reached: rate, size, time or count.
    pub fn limited(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Limited, message)
    }

    /// The other side could not be reached; trying again may help.
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Unavailable, message)
    }

    /// Anything else.
    pub fn failed(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Failed, message)
    }

    /// The same error, with how long to wait before trying again.
    pub fn retry_after_ms(mut self, milliseconds: u64) -> Self {
        self.retry_after_ms = Some(milliseconds);
        self
    }

    fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), retry_after_ms: None }
    }
}

/// JSON that a tool made or received and could not read or write. A call's arguments
/// do not come here: what is wrong with them is `invalid`, and names the argument.
impl From<serde_json::Error> for Error {
    fn from(error: serde_json::Error) -> Self {
        Self::failed(format!("JSON could not be read or written: {error}."))
    }
}
