//! `run_query` of the native server: the driver that toolhost has too, on connections that are
//! kept, and nothing between it and the statement.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use mysql_async::prelude::Queryable as _;
use rmcp::model::{CallToolResult, ContentBlock};
use rmcp::schemars::{self, JsonSchema};
use rusqlite::types::ValueRef;
use serde::Deserialize;
use serde_json::{Value, json};

/// One statement, whose values are whole numbers.
#[derive(Deserialize, JsonSchema)]
pub(super) struct Query {
    sql: String,
    parameters: Vec<i64>,
}

/// A database, and its idle connections.
#[derive(Clone)]
pub(super) enum Database {
    Sqlite { path: String, idle: Arc<Mutex<Vec<rusqlite::Connection>>> },
    MySql(mysql_async::Pool),
}

/// What a statement answers: the names of its columns, and their values.
type Answer = (Vec<String>, Vec<Vec<Value>>);

impl Database {
    pub(super) fn sqlite(path: &str) -> Self {
        Self::Sqlite { path: path.to_owned(), idle: Arc::default() }
    }

    pub(super) fn mysql(url: &str) -> Result<Self> {
        Ok(Self::MySql(mysql_async::Pool::from_url(url)?))
    }

    /// Rows in the form in which the `sql` plugin answers with them.
    pub(super) async fn answer(self, query: Query) -> Result<CallToolResult> {
        let (columns, rows) = match self {
            Self::Sqlite { path, idle } => {
                tokio::task::spawn_blocking(move || from_sqlite(&path, &idle, &query)).await??
            }
            Self::MySql(pool) => from_mysql(&pool, query).await?,
        };
        let mut result = CallToolResult::success(vec![ContentBlock::text(table(&columns, &rows)?)]);
        let columns: Vec<Value> = columns.into_iter().map(|name| json!({ "name": name })).collect();
        result.structured_content = Some(json!({ "columns": columns, "row_count": rows.len(), "rows": rows }));
        Ok(result)
    }
}

fn from_sqlite(path: &str, idle: &Mutex<Vec<rusqlite::Connection>>, query: &Query) -> Result<Answer> {
    let kept = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
    let connection = match kept {
        Some(connection) => connection,
        None => rusqlite::Connection::open(path)?,
    };
    let answer = read(&connection, query)?;
    idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
    Ok(answer)
}

fn read(connection: &rusqlite::Connection, query: &Query) -> Result<Answer> {
    let mut statement = connection.prepare(&query.sql)?;
    let columns: Vec<String> = statement.column_names().map(str::to_owned).collect();
    let value = |value: ValueRef<'_>| match value {
        ValueRef::Integer(number) => json!(number),
        ValueRef::Real(number) => json!(number),
        ValueRef::Text(text) | ValueRef::Blob(text) => json!(String::from_utf8_lossy(text)),
        ValueRef::Null => Value::Null,
    };
    let width = columns.len();
    let rows = statement.query_map(rusqlite::params_from_iter(&query.parameters), |row| {
        (0..width).map(|column| row.get_ref(column).map(value)).collect::<Result<Vec<Value>, _>>()
    })?;
    let rows = rows.collect::<Result<Vec<_>, _>>()?;
    Ok((columns, rows))
}

async fn from_mysql(pool: &mysql_async::Pool, Query { sql, parameters }: Query) -> Result<Answer> {
    let mut connection = pool.get_conn().await?;
    let answer = connection.exec_iter(sql, parameters).await?;
    let columns = answer.columns_ref().iter().map(|column| column.name_str().into_owned()).collect();
    let value = |value| match value {
        mysql_async::Value::Int(number) => json!(number),
        mysql_async::Value::UInt(number) => json!(number),
        mysql_async::Value::Double(number) => json!(number),
        mysql_async::Value::Bytes(text) => json!(String::from_utf8_lossy(&text)),
        _ => Value::Null,
    };
    let rows = answer.map_and_drop(|row: mysql_async::Row| row.unwrap().into_iter().map(value).collect()).await?;
    Ok((columns, rows))
}

/// What a model reads.
fn table(columns: &[String], rows: &[Vec<Value>]) -> Result<String> {
    let mut text = columns.join(" | ");
    for row in rows {
        text.push('\n');
        for (place, value) in row.iter().enumerate() {
            text.push_str(if place == 0 { "" } else { " | " });
            match value {
                Value::String(value) => text.push_str(value),
                value => write!(text, "{value}")?,
            }
        }
    }
    Ok(text)
}
