//! Answers written down beforehand, for the `calls.toml` of plugins: no database at all.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value as Json;

use super::OpenError;
use super::rows::RowStream;
use super::statement::Statement;
use crate::capability::scripted::{self, ScriptColumn, ScriptError, folded};
use crate::guard::Dialect;
use crate::wit::rows::Value;
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
            scripted::check_width(&answer.statement, &answer.columns, &answer.rows)?;
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
    let (columns, rows) = scripted::rows(&answer.columns, &answer.rows);
    Ok(RowStream::ready(columns, rows))
}

fn find<'a>(answers: &'a BTreeMap<String, Vec<Answer>>, text: &str, values: &[Value]) -> Result<&'a Answer, Error> {
    let known = answers.get(&folded(text)).into_iter().flatten();
    let answer = known.into_iter().find(|answer| scripted::fits(&answer.parameters, values));
    let answer = answer.ok_or_else(|| scripted::no_answer(text, values))?;
    answer.error.as_ref().map_or(Ok(answer), |error| Err(error.into()))
}
