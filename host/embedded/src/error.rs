//! Why a statement got no answer, in words for the one who wrote it.

use std::time::Duration;

/// Why a statement got no answer. No text names a path of this machine.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The folder cannot be served: it is not there, or two files claim one table.
    #[error("the folder of tables cannot be opened: {0}")]
    Folder(String),
    /// The statement does not parse.
    #[error("line {line}:{column}: {message}")]
    Syntax {
        /// What the parser expected, and what it found.
        message: String,
        /// Counted from one; zero if the parser could not tell.
        line: u64,
        /// Counted from one; zero if the parser could not tell.
        column: u64,
    },
    /// The statement is Athena's, but this engine lacks a part of it.
    #[error("this engine does not support {construct}")]
    Unsupported {
        /// The construct, as the statement writes it.
        construct: String,
    },
    /// The statement is not one that reads.
    #[error("only statements that read are allowed: {0}")]
    NotARead(String),
    /// A table, or a schema, that is not there.
    #[error("table '{name}' does not exist; there are: {}", listed(.there_are))]
    UnknownTable {
        /// As the statement named it.
        name: String,
        /// Every table of the database.
        there_are: Vec<String>,
    },
    /// A column that no table of the statement has.
    #[error("column '{name}' cannot be resolved; there are: {}", listed(.there_are))]
    UnknownColumn {
        /// As the statement named it.
        name: String,
        /// The columns in reach at that place.
        there_are: Vec<String>,
    },
    /// A function that this engine does not have.
    #[error("function '{name}' is not registered{}", meant(.nearest))]
    UnknownFunction {
        /// As the statement named it.
        name: String,
        /// The name that it looks like, if any.
        nearest: Option<String>,
    },
    /// Types that do not go together: `varchar >= date`.
    #[error("{0}")]
    Type(String),
    /// The parameters do not fit the `?` of the statement.
    #[error("the statement has {wanted} parameters and {given} were given")]
    Parameters {
        /// How many `?` stand in the statement.
        wanted: usize,
        /// How many values came with it.
        given: usize,
    },
    /// A value made the statement fail: a division by zero, a cast of text that is no number.
    #[error("{0}")]
    Value(String),
    /// The statement needed more memory than `Limits::memory_bytes`.
    #[error("the statement needs more memory than its limit of {} MiB; select fewer rows or group by fewer values", .limit_bytes >> 20)]
    Memory {
        /// The limit.
        limit_bytes: usize,
    },
    /// A function would build more than it may.
    #[error("a function builds {what} of {} MiB at most; ask for less", .limit_bytes >> 20)]
    TooLarge {
        /// One value, or those of several rows.
        what: &'static str,
        /// The limit.
        limit_bytes: usize,
    },
    /// The statement ran longer than `Limits::time`.
    #[error("the statement ran longer than its limit of {} ms; select fewer rows", .limit.as_millis())]
    Time {
        /// The limit.
        limit: Duration,
    },
    /// Anything else, such as a file that does not hold what its name says.
    #[error("{0}")]
    Failed(String),
}

fn listed(names: &[String]) -> String {
    if names.is_empty() { "none".into() } else { names.join(", ") }
}

fn meant(nearest: &Option<String>) -> String {
    nearest.as_ref().map(|name| format!("; did you mean '{name}'?")).unwrap_or_default()
}

impl From<Error> for datafusion::error::DataFusionError {
    fn from(error: Error) -> Self {
        datafusion::error::DataFusionError::External(Box::new(error))
    }
}
