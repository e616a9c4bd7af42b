//! The tools of every SQL source that the operator grants: query it, and see what is in it.
//!
//! What a statement may do is for the host to judge. Nothing here guards anything.

use std::fmt::Write as _;

use toolhost_sdk::sql::{Access, Column, ColumnKind, Effect, Source, TableDescription, Value};
use toolhost_sdk::{ErrorKind, Json, Result, plugin, sql, tool};

/// Runs one SQL statement and answers with its rows, or with how many rows it changed.
///
/// Write values as placeholders, never into the statement. Ask for the columns of a table
/// with get_table_schema before using it for the first time.
#[tool(read_only = only_read(), open_world = false, details = granted)]
fn run_query(
    /// One statement in the dialect of the source, with `?` or `:name` for each value.
    sql: String,
    /// The values: an array for `?`, or an object for `:name`.
    parameters: Option<sql::Parameters>,
    /// How many rows to return at most.
    #[default(100)]
    max_rows: u32,
    /// The name of the source; may be left out if there is only one.
    source: Option<String>,
) -> Result<sql::Rows> {
    let source = chosen(source)?;
    let parameters = parameters.unwrap_or_default().0;
    if source.access == Access::Read {
        return source.query_at_most(max_rows, &sql, &parameters);
    }
    match first_word(&sql).to_ascii_lowercase().as_str() {
        "insert" | "update" | "delete" | "replace" => Ok(changed(&source.execute(&sql, &parameters)?)),
        // It may end in any of them; the host tells a read from a write, and does neither by mistake.
        "with" => source.query_at_most(max_rows, &sql, &parameters).or_else(|error| match error.kind {
            ErrorKind::Invalid => source.execute(&sql, &parameters).map(|effect| changed(&effect)).map_err(|_| error),
            _ => Err(error),
        }),
        _ => source.query_at_most(max_rows, &sql, &parameters),
    }
}

/// Tells the columns, keys and indexes of one table or view, with what its author wrote about them.
#[tool(read_only, idempotent, open_world = false, details = granted)]
fn get_table_schema(
    /// The name of the table or view.
    table: String,
    /// The name of the source; may be left out if there is only one.
    source: Option<String>,
) -> Result<(String, Json<TableDescription>)> {
    let description = chosen(source)?.describe(&table)?;
    Ok((text(&description), Json(description)))
}

/// Lists the tables and views of a source.
#[tool(read_only, idempotent, open_world = false, details = granted)]
fn list_tables(
    /// The name of the source; may be left out if there is only one.
    source: Option<String>,
) -> Result<Json<Vec<sql::Table>>> {
    Ok(Json(chosen(source)?.tables()?))
}

/// Lists the sources that can be queried: name, SQL dialect, whether statements may write, and notes.
#[tool(read_only, idempotent, open_world = false)]
fn list_servers() -> Json<Vec<Source>> {
    Json(sql::sources())
}

plugin! { tools: [run_query, get_table_schema, list_tables, list_servers] }

fn chosen(name: Option<String>) -> Result<Source> {
    match name {
        Some(name) => sql::source_named(&name),
        None => sql::source(),
    }
}

/// Whether no statement can write: then clients need not ask a person before each query.
fn only_read() -> bool {
    sql::sources().iter().all(|source| source.access == Access::Read)
}

/// The sources as the model reads them at the end of a description.
fn granted() -> String {
    let words = |source: &Source| {
        let access = if source.access == Access::Write { "read and write" } else { "read only" };
        format!("{} ({}, {access})", source.name, source.dialect)
    };
    let sources: Vec<_> = sql::sources().iter().map(words).collect();
    if sources.is_empty() { "No source is granted.".to_owned() } else { format!("Sources: {}.", sources.join(", ")) }
}

/// The word that a statement begins with, after any comments: models like to begin with one.
/// A statement that is taken for the wrong kind is refused by the host, and nothing has happened.
fn first_word(statement: &str) -> &str {
    let mut rest = statement.trim_start();
    while let Some((_, after)) = match rest.get(..2) {
        Some("--") => rest.split_once('\n'),
        Some("/*") => rest.split_once("*/"),
        _ => None,
    } {
        rest = after.trim_start();
    }
    rest.split(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default()
}

/// What a statement changed, in the one shape that this tool answers in.
fn changed(effect: &Effect) -> sql::Rows {
    let integer = |name: &str| Column { name: name.into(), kind: ColumnKind::Integer, declared: String::new() };
    let values = vec![Value::from(effect.rows_affected), effect.inserted_id.into()];
    sql::Rows { columns: vec![integer("rows_affected"), integer("inserted_id")], rows: vec![values], truncated: false }
}

/// A table as text: a line for each thing in it. Writing to a `String` cannot fail.
fn text(description: &TableDescription) -> String {
    let comment = |comment: &Option<String>| comment.as_ref().map(|c| format!(" -- {c}")).unwrap_or_default();
    let mut text = format!("{}{}", description.table.name, comment(&description.table.comment));
    for column in &description.columns {
        let null = if column.nullable { "" } else { " not null" };
        let default = column.default_value.as_ref().map(|value| format!(" default {value}")).unwrap_or_default();
        let _ = write!(text, "\n{} {}{null}{default}{}", column.name, column.declared, comment(&column.comment));
    }
    if !description.primary_key.is_empty() {
        let _ = write!(text, "\nprimary key ({})", description.primary_key.join(", "));
    }
    for index in &description.indexes {
        let unique = if index.unique { "unique " } else { "" };
        let _ = write!(text, "\n{unique}index {} ({})", index.name, index.columns.join(", "));
    }
    for key in &description.foreign_keys {
        let (columns, others) = (key.columns.join(", "), key.references_columns.join(", "));
        let _ = write!(text, "\nforeign key ({columns}) references {} ({others})", key.references_table);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::first_word;

    #[test]
    fn the_first_word_comes_after_the_comments() {
        for (statement, word) in [
            ("insert into t values (1)", "insert"),
            ("-- x\n/* y */ Delete from t", "Delete"),
            ("REPLACE\ninto t", "REPLACE"),
            ("insertion", "insertion"),
            ("-- insert", ""),
            ("/* update", ""),
            ("", ""),
            ("é", ""),
        ] {
            assert_eq!(first_word(statement), word, "{statement}");
        }
    }
}
