//! What the scripts of several capabilities share: rows, values and errors as the `calls.toml` of
//! plugins writes them.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value as Json;

use super::OpenError;
use crate::wit::rows::{Column, ColumnKind, Row, Value};
use crate::wit::{Error, ErrorKind};

/// A column: its name, or its name and its kind.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum ScriptColumn {
    Name(String),
    Typed { name: String, kind: ScriptKind },
}

#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum ScriptKind {
    Boolean,
    Integer,
    Float,
    Decimal,
    Text,
    Date,
    Time,
    Timestamp,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ScriptError {
    /// `denied`, `invalid`, `not-found`, `limited`, `unavailable` or `failed`.
    kind: ScriptErrorKind,
    message: String,
}

#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum ScriptErrorKind {
    Denied,
    Invalid,
    NotFound,
    Limited,
    Unavailable,
    Failed,
}

impl From<&ScriptError> for Error {
    fn from(error: &ScriptError) -> Self {
        Self::new(error.kind.into(), error.message.clone())
    }
}

impl From<ScriptErrorKind> for ErrorKind {
    fn from(kind: ScriptErrorKind) -> Self {
        match kind {
            ScriptErrorKind::Denied => Self::Denied,
            ScriptErrorKind::Invalid => Self::Invalid,
            ScriptErrorKind::NotFound => Self::NotFound,
            ScriptErrorKind::Limited => Self::Limited,
            ScriptErrorKind::Unavailable => Self::Unavailable,
            ScriptErrorKind::Failed => Self::Failed,
        }
    }
}

/// Refuses a script whose rows are not as wide as their heads.
pub(super) fn check_width(statement: &str, columns: &[ScriptColumn], rows: &[Vec<Json>]) -> Result<(), OpenError> {
    let width = columns.len();
    match rows.iter().find(|row| row.len() != width) {
        None => Ok(()),
        Some(row) => {
            let message = format!("`{statement}`: a row has {} values for {width} columns", row.len());
            Err(OpenError::Invalid(message))
        }
    }
}

/// The rows of a script as those of a source.
pub(super) fn rows(columns: &[ScriptColumn], rows: &[Vec<Json>]) -> (Vec<Column>, Vec<Row>) {
    let columns: Vec<Column> = columns.iter().map(column).collect();
    let row = |row: &Vec<Json>| -> Row {
        row.iter().zip(&columns).map(|(value, column)| typed(value, column.kind)).collect()
    };
    let rows = rows.iter().map(row).collect();
    (columns, rows)
}

/// Whether the values of a call are those that the script expects.
pub(super) fn fits(expected: &[Json], values: &[Value]) -> bool {
    expected.len() == values.len() && expected.iter().zip(values).all(|(expected, value)| same(expected, value))
}

/// The error for a statement that no script knows.
pub(super) fn no_answer(statement: &str, values: &[Value]) -> Error {
    let statement = folded(statement);
    let message = format!("the script has no answer for `{statement}` with these {} parameters", values.len());
    Error::new(ErrorKind::Failed, message)
}

/// A statement with each run of white space as one space.
pub(super) fn folded(statement: &str) -> String {
    statement.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn column(column: &ScriptColumn) -> Column {
    let (name, kind) = match column {
        ScriptColumn::Name(name) => (name, ColumnKind::Unknown),
        ScriptColumn::Typed { name, kind } => (
            name,
            match kind {
                ScriptKind::Boolean => ColumnKind::Boolean,
                ScriptKind::Integer => ColumnKind::Integer,
                ScriptKind::Float => ColumnKind::Float,
                ScriptKind::Decimal => ColumnKind::Decimal,
                ScriptKind::Text => ColumnKind::Text,
                ScriptKind::Date => ColumnKind::Date,
                ScriptKind::Time => ColumnKind::Time,
                ScriptKind::Timestamp => ColumnKind::Timestamp,
            },
        ),
    };
    Column { name: name.clone(), kind, declared: String::new() }
}

/// A value of the script as a value of a column of this kind.
fn typed(value: &Json, kind: ColumnKind) -> Value {
    match (value, kind) {
        (Json::Object(_), _) => Value::Null,
        (Json::Bool(truth), _) => Value::Boolean(*truth),
        (Json::Number(number), _) => match number.as_i64() {
            Some(number) => Value::Integer(number),
            None => Value::Float(number.as_f64().unwrap_or_default()),
        },
        (Json::String(text), ColumnKind::Decimal) => Value::Decimal(text.clone()),
        (Json::String(text), ColumnKind::Date) => Value::Date(text.clone()),
        (Json::String(text), ColumnKind::Time) => Value::Time(text.clone()),
        (Json::String(text), ColumnKind::Timestamp) => Value::Timestamp(text.clone()),
        (Json::String(text), _) => Value::Text(text.clone()),
        (other, _) => Value::Text(other.to_string()),
    }
}

/// Whether a parameter is the one that the script expects.
fn same(expected: &Json, value: &Value) -> bool {
    match (expected, value) {
        (Json::Object(_), Value::Null) => true,
        (Json::Bool(expected), Value::Boolean(value)) => expected == value,
        (Json::Number(expected), Value::Integer(value)) => expected.as_i64() == Some(*value),
        (Json::Number(expected), Value::Float(value)) => expected.as_f64() == Some(*value),
        (Json::String(expected), Value::Text(value) | Value::Decimal(value)) => expected == value,
        (Json::String(expected), Value::Date(value) | Value::Time(value) | Value::Timestamp(value)) => {
            expected == value
        }
        _ => false,
    }
}
