//! Answers written down beforehand, for the `calls.toml` of plugins: no engine at all.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value as Json;
use tokio::time::sleep;

use super::OpenError;
use super::local::{Answer as LocalAnswer, Job};
use super::statement::Statement;
use crate::capability::scripted::{self, ScriptColumn, ScriptError, folded};
use crate::config::Bounded;
use crate::wit::Error;

/// `[query.<grant>.script]`: what each statement answers.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Config {
    /// The database that statements start from.
    database: String,
    /// The statements that are known. Any other one is an error.
    #[serde(default)]
    answer: Vec<Answer>,
}

/// One statement and what it answers.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Answer {
    /// The statement, with `?` for its placeholders; runs of white space count as one space.
    statement: String,
    /// The values that it must come with.
    #[serde(default)]
    parameters: Vec<Json>,
    /// The columns: names, or tables of `name` and `kind`.
    #[serde(default)]
    columns: Vec<ScriptColumn>,
    /// The rows. An empty table `{}` stands for NULL.
    #[serde(default)]
    rows: Vec<Vec<Json>>,
    /// How many bytes it says that it read.
    bytes_scanned: Option<u64>,
    /// How long it runs, in milliseconds.
    #[serde(default)]
    runs_ms: Bounded<0, 600_000, 0>,
    /// An error instead of rows.
    error: Option<ScriptError>,
}

/// A script that is ready to answer.
pub(super) struct Script(Config);

impl Script {
    pub(super) fn open(config: Config) -> Result<Self, OpenError> {
        for answer in &config.answer {
            scripted::check_width(&answer.statement, &answer.columns, &answer.rows)?;
        }
        Ok(Self(config))
    }

    pub(super) fn database(&self) -> &str {
        &self.0.database
    }

    pub(super) fn start(&self, statement: &Statement) -> Result<Job, Error> {
        let text = folded(&statement.text);
        let fits = |answer: &&Answer| {
            folded(&answer.statement) == text && scripted::fits(&answer.parameters, &statement.values)
        };
        let answer = self.0.answer.iter().find(fits);
        let answer = answer.ok_or_else(|| scripted::no_answer(&statement.text, &statement.values))?.clone();
        Ok(Job::start(async move {
            sleep(Duration::from_millis(answer.runs_ms.get())).await;
            if let Some(error) = &answer.error {
                return Err(error.into());
            }
            let (columns, rows) = scripted::rows(&answer.columns, &answer.rows);
            let mut kept = LocalAnswer::new(columns, answer.bytes_scanned);
            kept.push(rows);
            Ok(kept)
        }))
    }
}
