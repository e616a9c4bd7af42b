//! The engine inside the host: Athena's SQL over a folder of files.

use std::path::Path;

use toolhost_embedded::{
    Column as EngineColumn, Engine, Error as EngineError, Limits as EngineLimits, Value as EngineValue,
};

use super::backend::EmbeddedConfig;
use super::local::{Answer, Job};
use super::statement::Statement;
use super::values::{from_text, kind};
use super::{Limits, OpenError};
use crate::wit::rows::{Column, ColumnKind, Value};
use crate::wit::{Error, ErrorKind};

/// How many tables, and columns of each, agents are told of beforehand.
const INTRODUCED_MAX: usize = 50;

/// One folder as one database.
pub(super) struct Embedded(Engine);

impl Embedded {
    /// Looks which tables the folder has; reads none of them.
    pub(super) fn open(config: EmbeddedConfig, dir: &Path, limits: Limits) -> Result<Self, OpenError> {
        let limits = EngineLimits {
            memory_bytes: config.memory_bytes_max.get_usize(),
            time: limits.time_max,
            ..EngineLimits::default()
        };
        let engine = Engine::open(&dir.join(&config.dir), &config.database, limits);
        engine.map(Self).map_err(|error| OpenError::Invalid(error.to_string()))
    }

    pub(super) fn database(&self) -> &str {
        self.0.database()
    }

    /// Begins a statement, in a task of its own.
    pub(super) fn start(&self, statement: Statement) -> Job {
        let engine = self.0.clone();
        Job::start(async move {
            let values: Vec<EngineValue> = statement.values.into_iter().map(value_in).collect();
            let explain = |error| explain(&error, statement.shows, engine.database());
            let mut rows = engine.run(&statement.text, &values).await.map_err(explain)?;
            let columns: Vec<Column> = rows.columns().iter().map(column).collect();
            let mut answer = Answer::new(columns.clone(), Some(rows.bytes_scanned()));
            while let Some(batch) = rows.next().await.map_err(explain)? {
                let row = |row: Vec<EngineValue>| {
                    row.into_iter().zip(&columns).map(|(value, column)| value_out(value, column.kind)).collect()
                };
                if !answer.push(batch.into_iter().map(row)) {
                    break;
                }
            }
            Ok(answer)
        })
    }

    /// The tables with their columns, a line each.
    pub(super) async fn tables(&self) -> Result<Vec<String>, Error> {
        let mut lines = Vec::new();
        let engine = self.0.clone();
        // A folder takes as long to read as its disk does.
        let tables = tokio::task::spawn_blocking(move || engine.tables()).await;
        let tables = tables.map_err(|_| Error::new(ErrorKind::Failed, "the folder of tables was not read"))?;
        let tables = tables.map_err(|error| explain(&error, true, self.database()))?;
        for table in tables.into_iter().take(INTRODUCED_MAX) {
            let columns = self.0.describe(&table).await.map_err(|error| explain(&error, true, self.database()))?;
            let names: Vec<_> = columns.iter().take(INTRODUCED_MAX).map(|column| column.name.as_str()).collect();
            lines.push(format!("{table} ({})", names.join(", ")));
        }
        Ok(lines)
    }

    pub(super) fn summary(&self) -> String {
        format!("the engine inside the host, database {}", self.0.database())
    }
}

fn column(column: &EngineColumn) -> Column {
    Column { name: column.name.clone(), kind: kind(&column.declared), declared: column.declared.clone() }
}

fn value_in(value: Value) -> EngineValue {
    match value {
        Value::Null => EngineValue::Null,
        Value::Boolean(truth) => EngineValue::Boolean(truth),
        Value::Integer(number) => EngineValue::Integer(number),
        Value::Float(number) => EngineValue::Float(number),
        Value::Decimal(text) => EngineValue::Decimal(text),
        Value::Text(text) => EngineValue::Text(text),
        Value::Bytes(bytes) => EngineValue::Bytes(bytes),
        Value::Date(text) => EngineValue::Date(text),
        Value::Time(text) => EngineValue::Time(text),
        Value::Timestamp(text) => EngineValue::Timestamp(text),
    }
}

fn value_out(value: EngineValue, kind: ColumnKind) -> Value {
    match value {
        EngineValue::Null => Value::Null,
        EngineValue::Boolean(truth) => Value::Boolean(truth),
        EngineValue::Integer(number) => Value::Integer(number),
        EngineValue::Float(number) => Value::Float(number),
        EngineValue::Bytes(bytes) => Value::Bytes(bytes),
        EngineValue::Decimal(text)
        | EngineValue::Text(text)
        | EngineValue::Date(text)
        | EngineValue::Time(text)
        | EngineValue::Timestamp(text) => from_text(kind, text),
    }
}

/// The engine's error, in the kinds of the contract. `shows` tells a statement about the catalogue.
fn explain(error: &EngineError, shows: bool, database: &str) -> Error {
    let kind = match error {
        // All tables of a database: there is but one.
        EngineError::UnknownTable { name, .. } if name.ends_with(".*") => {
            let message = format!("there is no such database; the databases: {database}");
            return Error::new(ErrorKind::NotFound, message);
        }
        EngineError::UnknownTable { .. } if shows => ErrorKind::NotFound,
        EngineError::Syntax { .. }
        | EngineError::Unsupported { .. }
        | EngineError::UnknownTable { .. }
        | EngineError::UnknownColumn { .. }
        | EngineError::UnknownFunction { .. }
        | EngineError::Type(_)
        | EngineError::Parameters { .. } => ErrorKind::Invalid,
        EngineError::Value(_) => {
            let message = "a value made the statement fail, such as a division by zero or a text that is no number: \
                           guard it with TRY or TRY_CAST";
            return Error::new(ErrorKind::Invalid, message);
        }
        EngineError::NotARead(_) => ErrorKind::Denied,
        EngineError::Memory { .. } | EngineError::TooLarge { .. } | EngineError::Time { .. } => ErrorKind::Limited,
        _ => ErrorKind::Failed,
    };
    Error::new(kind, error.to_string())
}
