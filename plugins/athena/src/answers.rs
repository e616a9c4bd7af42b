//! What the tools answer: JSON for programs, and for the model the same in words.

use std::fmt::Write as _;

use schemars::JsonSchema;
use serde::Serialize;
use toolhost_sdk::Json;
use toolhost_sdk::query::{State, Statistics, Status};
use toolhost_sdk::rows::{Row, Rows, Value};

/// How many names are listed at most.
pub(crate) const NAMES_MAX: u32 = 1_000;

/// Rows, and how to get those after them.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Answer {
    #[serde(flatten)]
    pub(crate) rows: Rows,
    /// What get_query_results fetches the rest by, with `cursor`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) query_execution_id: Option<String>,
    /// Where the rows after these begin; none after the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cursor: Option<String>,
    /// What the query has used.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "used", rename = "statistics")]
    #[schemars(with = "Option<Statistics>")]
    pub(crate) status: Option<Status>,
}

fn used<S: serde::Serializer>(status: &Option<Status>, serializer: S) -> Result<S::Ok, S::Error> {
    status.as_ref().map(|status| &status.statistics).serialize(serializer)
}

impl Answer {
    /// The answer with its words.
    pub(crate) fn told(self) -> (String, Json<Self>) {
        let mut text = Rows { truncated: false, ..self.rows.clone() }.to_text();
        if let (Some(id), Some(cursor)) = (&self.query_execution_id, &self.cursor) {
            let _ = write!(
                text,
                "\nThere are more rows: raise max_results, narrow the query, or call get_query_results with \
                 query_execution_id {id} and cursor {cursor}"
            );
        }
        (text, Json(self))
    }
}

/// How far a query has come.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Progress {
    /// What get_query_status, get_query_results and stop_query take.
    query_execution_id: String,
    /// `queued`, `running`, `succeeded`, `failed` or `cancelled`.
    state: State,
    /// Why it failed or was stopped.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    /// What it has used so far.
    statistics: Statistics,
    /// Athena's own id of it, for people to find it by; no tool takes it.
    engine_id: String,
}

impl Progress {
    /// The status of the query of this id.
    pub(crate) fn new(query_execution_id: String, status: Status) -> Self {
        let Status { engine_id, state, error, statistics } = status;
        Self { query_execution_id, state, error: error.map(|error| error.message), statistics, engine_id }
    }

    /// The status with its words.
    pub(crate) fn told(self) -> (String, Json<Self>) {
        let id = &self.query_execution_id;
        let text = match (self.state, &self.error) {
            (State::Queued, _) => format!("Query {id} waits for its turn."),
            (State::Running, _) => format!("Query {id} runs."),
            (State::Succeeded, _) => format!("Query {id} has succeeded: fetch its rows with get_query_results."),
            (State::Failed, Some(why)) => format!("Query {id} failed: {why}"),
            (State::Failed, None) => format!("Query {id} failed."),
            (State::Cancelled, Some(why)) => format!("Query {id} was stopped: {why}"),
            (State::Cancelled, None) => format!("Query {id} was stopped."),
        };
        (text, Json(self))
    }
}

/// A list of names.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Names {
    names: Vec<String>,
    /// Whether there are more than these.
    truncated: bool,
}

impl Names {
    /// The first value of each row.
    pub(crate) fn new(rows: &Rows) -> Self {
        Self { names: rows.rows.iter().map(|row| text(row, 0)).collect(), truncated: rows.truncated }
    }
}

/// One table.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Described {
    table: String,
    columns: Vec<TableColumn>,
}

#[derive(Serialize, JsonSchema)]
struct TableColumn {
    name: String,
    /// Its type in Athena's words.
    r#type: String,
    /// What its author wrote about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    comment: Option<String>,
    /// Whether it tells partitions apart: a condition on it saves reading.
    partition_key: bool,
}

impl Described {
    /// What `DESCRIBE` answers: a row for each column; then, under a line that begins with `#`, those
    /// of the partition keys once more.
    pub(crate) fn new(table: &str, rows: &Rows) -> Self {
        let mut columns: Vec<TableColumn> = Vec::new();
        let mut keys = false;
        for row in &rows.rows {
            let name = text(row, 0);
            keys |= name.starts_with('#');
            if name.is_empty() || name.starts_with('#') {
                continue;
            }
            match columns.iter_mut().find(|column| keys && column.name == name) {
                Some(column) => column.partition_key = true,
                None => {
                    let comment = Some(text(row, 2)).filter(|comment| !comment.is_empty());
                    columns.push(TableColumn { name, r#type: text(row, 1), comment, partition_key: keys });
                }
            }
        }
        Self { table: table.to_owned(), columns }
    }

    /// The table with a line for each column.
    pub(crate) fn told(self) -> (String, Json<Self>) {
        let mut text = self.table.clone();
        for TableColumn { name, r#type, comment, partition_key } in &self.columns {
            let key = if *partition_key { " (partition key)" } else { "" };
            let comment = comment.as_ref().map(|comment| format!(" -- {comment}")).unwrap_or_default();
            let _ = write!(text, "\n{name} {}{key}{comment}", r#type);
        }
        (text, Json(self))
    }
}

fn text(row: &Row, place: usize) -> String {
    match row.get(place) {
        None | Some(Value::Null) => String::new(),
        Some(value) => value.to_string(),
    }
}
