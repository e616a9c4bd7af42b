//! The contract of `wit/` as Rust types: the only `bindgen!` of the host.
//!
//! A room of `capability/` implements the `Host` trait of its interface and hands that
//! interface's `add_to_linker` to a plugin's linker. Nothing else links anything.

#![allow(missing_docs, reason = "generated: the documentation is in wit/")]

wasmtime::component::bindgen!({
    path: "../wit",
    world: "everything",
    imports: { default: async | trappable },
    exports: { default: async },
    trappable_error_type: { "toolhost:types/types.error" => Failure },
    additional_derives: [PartialEq],
});

pub use self::exports::toolhost::plugin::{prompts, resources, skills, tools};
pub use self::toolhost::types::types::{Error, ErrorKind};
pub use self::toolhost::types::{completion, content, rows, types};
pub use self::toolhost::{
    client::client, http::http, kv::kv, log::log, model::model, query::query, settings::settings, sql::sql,
};

/// Why a host function gave no answer: an error for the plugin, or the end of the call.
#[derive(Debug)]
pub enum Failure {
    /// The plugin is told, and may go on.
    Answer(Error),
    /// The plugin is stopped.
    Trap(wasmtime::Error),
}

impl Failure {
    /// The error as the plugin gets it, or the trap that ends the call.
    pub fn into_answer(self) -> wasmtime::Result<Error> {
        match self {
            Failure::Answer(error) => Ok(error),
            Failure::Trap(trap) => Err(trap),
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Failure::Answer(error)
    }
}

impl From<wasmtime::Error> for Failure {
    fn from(trap: wasmtime::Error) -> Self {
        Failure::Trap(trap)
    }
}

impl Error {
    /// An error of a kind, with the sentence that the plugin's author will read.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), retry_after_ms: None }
    }
}

/// About what a row takes as text, in bytes.
pub fn row_bytes(row: &rows::Row) -> usize {
    use rows::Value;
    row.iter()
        .map(|value| match value {
            Value::Null | Value::Boolean(_) => 4,
            Value::Integer(_) | Value::Float(_) => 8,
            Value::Decimal(text) | Value::Text(text) => text.len(),
            Value::Date(text) | Value::Time(text) | Value::Timestamp(text) => text.len(),
            Value::Bytes(bytes) => bytes.len(),
        })
        .sum::<usize>()
        + row.len()
}
