//! The tools of every Athena database that the operator grants: query it now, or in the
//! background, and see what is in it.
//!
//! What a statement may do is for the host to judge. Nothing here guards anything.

mod answers;

use toolhost_sdk::query::{self, Source};
use toolhost_sdk::{Error, Json, Result, plugin, tool};

use answers::{Answer, Described, Names, Progress};

/// Runs one query to its end and answers with its rows.
///
/// For a query that may take longer than half a minute, use start_query. Ask for the columns of a
/// table with describe_table before using it for the first time.
#[tool(read_only, open_world = false, details = granted)]
fn query_athena(
    /// One statement in Athena's SQL (Trino) that reads.
    query: String,
    /// How many rows to return at most.
    #[default(100)]
    max_results: u32,
    /// The name of the source; may be left out if there is only one.
    source: Option<String>,
) -> Result<(String, Json<Answer>)> {
    let execution = chosen(source)?.submit(&query, &[])?;
    let status = execution.success()?;
    let (rows, cursor) = execution.rows_from(None, max_results)?;
    // What is left is fetched by a later call; without it, the statement ends with this one.
    let id = cursor.is_some().then(|| query::Execution::detach(execution));
    Ok(Answer { rows, cursor, query_execution_id: id, status: Some(status) }.told())
}

/// Starts one query in the background and answers at once with its id, for get_query_status,
/// get_query_results and stop_query.
#[tool(read_only, open_world = false, details = granted)]
fn start_query(
    /// One statement in Athena's SQL (Trino) that reads.
    query: String,
    /// The name of the source; may be left out if there is only one.
    source: Option<String>,
) -> Result<(String, Json<Progress>)> {
    let execution = chosen(source)?.submit(&query, &[])?;
    let status = execution.wait(0)?;
    Ok(Progress::new(query::Execution::detach(execution), status).told())
}

/// Tells how far a query has come that was started in the background.
#[tool(read_only, idempotent, open_world = false)]
fn get_query_status(
    /// The id that start_query answered with.
    query_execution_id: String,
    /// The name of the source; may be left out if there is only one.
    source: Option<String>,
) -> Result<(String, Json<Progress>)> {
    let status = chosen(source)?.inspect(&query_execution_id)?;
    Ok(Progress::new(query_execution_id, status).told())
}

/// Fetches rows of a query that was started in the background and has succeeded.
#[tool(read_only, idempotent, open_world = false)]
fn get_query_results(
    /// The id that start_query or query_athena answered with.
    query_execution_id: String,
    /// The cursor that came with the rows before these; none for the first.
    cursor: Option<String>,
    /// How many rows to return at most.
    #[default(100)]
    max_results: u32,
    /// The name of the source; may be left out if there is only one.
    source: Option<String>,
) -> Result<(String, Json<Answer>)> {
    let (rows, cursor) = chosen(source)?.rows_from(&query_execution_id, cursor.as_deref(), max_results)?;
    Ok(Answer { rows, cursor, query_execution_id: Some(query_execution_id), status: None }.told())
}

/// Stops a query that was started in the background.
#[tool(read_only, idempotent, open_world = false)]
fn stop_query(
    /// The id that start_query answered with.
    query_execution_id: String,
    /// The name of the source; may be left out if there is only one.
    source: Option<String>,
) -> Result<(String, Json<Progress>)> {
    let source = chosen(source)?;
    source.stop(&query_execution_id)?;
    let status = source.inspect(&query_execution_id)?;
    Ok(Progress::new(query_execution_id, status).told())
}

/// Lists the databases.
#[tool(read_only, idempotent, open_world = false, details = granted)]
fn list_databases(
    /// The name of the source; may be left out if there is only one.
    source: Option<String>,
) -> Result<Json<Names>> {
    names(&chosen(source)?, "SHOW DATABASES")
}

/// Lists the tables and views of a database.
#[tool(read_only, idempotent, open_world = false, details = granted)]
fn list_tables(
    /// The database; that of the source if left out.
    database: Option<String>,
    /// The name of the source; may be left out if there is only one.
    source: Option<String>,
) -> Result<Json<Names>> {
    let of = database.map(|name| identifier(&name).map(|name| format!(" IN {name}"))).transpose()?;
    names(&chosen(source)?, &format!("SHOW TABLES{}", of.unwrap_or_default()))
}

/// Tells the columns of one table, with their types, comments, and which are partition keys.
#[tool(read_only, idempotent, open_world = false, details = granted)]
fn describe_table(
    /// The table or view.
    table: String,
    /// Its database; that of the source if left out.
    database: Option<String>,
    /// The name of the source; may be left out if there is only one.
    source: Option<String>,
) -> Result<(String, Json<Described>)> {
    let table = identifier(&table)?;
    let of = database.map(|name| identifier(&name).map(|name| format!("{name}."))).transpose()?;
    let statement = format!("DESCRIBE {}{table}", of.unwrap_or_default());
    let rows = chosen(source)?.run(&statement, &[], answers::NAMES_MAX)?;
    Ok(Described::new(&table, &rows).told())
}

plugin! {
    tools: [
        query_athena, start_query, get_query_status, get_query_results, stop_query,
        list_databases, list_tables, describe_table,
    ]
}

fn chosen(name: Option<String>) -> Result<Source> {
    match name {
        Some(name) => query::source_named(&name),
        None => query::source(),
    }
}

fn names(source: &Source, statement: &str) -> Result<Json<Names>> {
    source.run(statement, &[], answers::NAMES_MAX).map(|rows| Json(Names::new(&rows)))
}

/// A name as it may stand in SHOW and DESCRIBE, which take no placeholders.
fn identifier(name: &str) -> Result<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if (1..=255).contains(&name.len()) && name.chars().all(plain) {
        return Ok(name.to_owned());
    }
    Err(Error::invalid("A database or table is named by letters, digits and `_` alone, without quotes or dots."))
}

/// The sources as the model reads them at the end of a description.
fn granted() -> String {
    let words = |source: &Source| format!("{} (database {})", source.name, source.database);
    let sources: Vec<_> = query::sources().iter().map(words).collect();
    if sources.is_empty() { "No source is granted.".to_owned() } else { format!("Sources: {}.", sources.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::identifier;

    #[test]
    fn a_name_is_made_of_letters_digits_and_underscores() {
        for name in ["case_summary", "T1", "_hidden", "7days"] {
            assert!(identifier(name).is_ok_and(|plain| plain == name));
        }
        for name in ["", "a b", "a.b", "a`", "a; DROP TABLE b", "a--", "'a'", "ä", &"a".repeat(256)] {
            assert!(identifier(name).is_err(), "{name}");
        }
    }
}
