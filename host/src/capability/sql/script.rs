//! Answers written down beforehand, for the `calls.toml` of plugins: no database at all.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value as Json;

use super::OpenError;
use super::rows::RowStream;
use super::statement::Statement;
use crate::guard::Dialect;
use crate::wit::rows::{Column, ColumnKind, Row, Value};
use crate::wit::sql::{Effect, Table, TableColumn, TableDescription, TableKind};
use crate::wit::{Error, ErrorKind};

/// `[sql.<grant>.script]`: what each statement answers.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Config {
    /// The SQL that the guard reads: `mysql` or `sqlite`.
    dialect: ScriptDialect,
    /// The statements that are known. Any other one is an error.
    #[serde(default)]
    answer: Vec<Answer>,
    /// The tables that are known.
    #[serde(default)]
    table: Vec<ScriptTable>,
}

#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum ScriptDialect {
    Mysql,
    Sqlite,
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
    /// For a statement that writes: how many rows it changes.
    rows_affected: Option<u64>,
    /// An error instead of rows.
    error: Option<ScriptError>,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
enum ScriptColumn {
    Name(String),
    Typed { name: String, kind: ScriptKind },
}

#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum ScriptKind {
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
struct ScriptError {
    /// `denied`, `invalid`, `not-found`, `limited`, `unavailable` or `failed`.
    kind: ScriptErrorKind,
    message: String,
}

#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum ScriptErrorKind {
    Denied,
    Invalid,
    NotFound,
    Limited,
    Unavailable,
    Failed,
}

/// A table of the catalogue.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ScriptTable {
    name: String,
    /// What its author wrote about it.
    comment: Option<String>,
    columns: Vec<ScriptTableColumn>,
    #[serde(default)]
    primary_key: Vec<String>,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ScriptTableColumn {
    name: String,
    /// Its type in the words of the database.
    declared: String,
    #[serde(default)]
    nullable: bool,
    comment: Option<String>,
}

/// A script that is ready to answer.
pub(super) struct Script {
    dialect: Dialect,
    answers: BTreeMap<String, Vec<Answer>>,
    tables: Vec<ScriptTable>,
}

/// A transaction of a script: the same answers, and nothing to commit.
pub(super) struct Transaction(BTreeMap<String, Vec<Answer>>);

impl Script {
    pub(super) fn open(config: Config) -> Result<Self, OpenError> {
        let dialect = match config.dialect {
            ScriptDialect::Mysql => Dialect::Mysql,
            ScriptDialect::Sqlite => Dialect::Sqlite,
        };
        let mut answers: BTreeMap<String, Vec<Answer>> = BTreeMap::new();
        for answer in config.answer {
            let width = answer.columns.len();
            if let Some(row) = answer.rows.iter().find(|row| row.len() != width) {
                let message = format!("`{}`: a row has {} values for {width} columns", answer.statement, row.len());
                return Err(OpenError::Invalid(message));
            }
            answers.entry(folded(&answer.statement)).or_default().push(answer);
        }
        Ok(Self { dialect, answers, tables: config.table })
    }

    pub(super) fn dialect(&self) -> Dialect {
        self.dialect
    }

    pub(super) fn read(&self, statement: &Statement) -> Result<RowStream, Error> {
        read(&self.answers, statement)
    }

    pub(super) fn begin(&self) -> Transaction {
        Transaction(self.answers.clone())
    }

    pub(super) fn tables(&self) -> Vec<Table> {
        self.tables.iter().map(ScriptTable::head).collect()
    }

    pub(super) fn describe(&self, name: &str) -> Result<TableDescription, Error> {
        let table = self.tables.iter().find(|table| table.name == name);
        let table =
            table.ok_or_else(|| Error::new(ErrorKind::NotFound, format!("the script has no table `{name}`")))?;
        let column = |column: &ScriptTableColumn| TableColumn {
            name: column.name.clone(),
            declared: column.declared.clone(),
            nullable: column.nullable,
            default_value: None,
            comment: column.comment.clone(),
        };
        Ok(TableDescription {
            table: table.head(),
            columns: table.columns.iter().map(column).collect(),
            primary_key: table.primary_key.clone(),
            indexes: Vec::new(),
            foreign_keys: Vec::new(),
        })
    }
}

impl Transaction {
    pub(super) fn read(&self, statement: &Statement) -> Result<RowStream, Error> {
        read(&self.0, statement)
    }

    pub(super) fn write(&self, statement: &Statement) -> Result<Effect, Error> {
        let answer = find(&self.0, &statement.text, &statement.values)?;
        Ok(Effect { rows_affected: answer.rows_affected.unwrap_or(1), inserted_id: None })
    }
}

impl ScriptTable {
    fn head(&self) -> Table {
        Table { name: self.name.clone(), kind: TableKind::Table, comment: self.comment.clone() }
    }
}

fn read(answers: &BTreeMap<String, Vec<Answer>>, statement: &Statement) -> Result<RowStream, Error> {
    let answer = find(answers, &statement.text, &statement.values)?;
    let columns: Vec<Column> = answer.columns.iter().map(column).collect();
    let row = |row: &Vec<Json>| -> Row {
        row.iter().zip(&columns).map(|(value, column)| typed(value, column.kind)).collect()
    };
    let rows = answer.rows.iter().map(row).collect();
    Ok(RowStream::ready(columns, rows))
}

fn find<'a>(answers: &'a BTreeMap<String, Vec<Answer>>, text: &str, values: &[Value]) -> Result<&'a Answer, Error> {
    let fits = |answer: &&Answer| {
        answer.parameters.len() == values.len()
            && answer.parameters.iter().zip(values).all(|(expected, value)| same(expected, value))
    };
    let Some(answer) = answers.get(&folded(text)).and_then(|known| known.iter().find(fits)) else {
        let message = format!("the script has no answer for `{}` with these {} parameters", folded(text), values.len());
        return Err(Error::new(ErrorKind::Failed, message));
    };
    match &answer.error {
        None => Ok(answer),
        Some(error) => Err(Error::new(error.kind.into(), error.message.clone())),
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

fn folded(statement: &str) -> String {
    statement.split_whitespace().collect::<Vec<_>>().join(" ")
}
