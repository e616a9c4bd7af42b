//! A plugin that asks engines in every wrong way, and leaves what it began.

use std::fmt::Debug;

use toolhost_sdk::query::Execution;
use toolhost_sdk::raw::query::query;
use toolhost_sdk::rows::{Rows, Value};
use toolhost_sdk::{Result, plugin, tool};

/// Names of sources that no operator grants.
const NAMES: [&str; 6] = ["", "nobody-granted-this", "cases ", "../cases", "query.cases", "*"];

/// Statements that no grant lets through, or that say too much when they fail.
const STATEMENTS: [&str; 9] = [
    "",
    "select",
    "select 1; select 2",
    "select * from there_is_no_such_table",
    "select ?",
    "select current_user",
    "drop table case_summary",
    "unload (select 1) to 's3://elsewhere/'",
    "select * from table(other.system.query(query => 'delete from t'))",
];

/// Ids and cursors that nobody handed out.
const MADE_UP: [&str; 5] = ["", "~", "0199f6d2-0000-7000-8000-000000000000", "0:~AAAA", "../../etc/passwd"];

/// Calls every function of the query interface wrongly on purpose: a line for each.
#[tool]
fn misuse_query() -> String {
    let sources = query::list();
    let mut lines = vec![seen("list", &sources)];
    for name in NAMES {
        lines.push(seen(name, query::submit(name, "select 1", &[]).map(drop)));
    }
    for source in &sources {
        let name = &source.name;
        for statement in STATEMENTS {
            let execution = query::submit(name, statement, &[]);
            lines.push(seen(statement, execution.and_then(|execution| execution.fetch(Some("0:"), u32::MAX))));
        }
        lines.push(seen("values", query::submit(name, "select 1", &[Value::Null]).map(drop)));
        for id in MADE_UP {
            lines.push(seen(id, query::inspect(name, id)));
            lines.push(seen(id, query::fetch(name, id, Some(id), 0)));
            lines.push(seen(id, query::stop(name, id)));
        }
    }
    lines.join("\n")
}

/// Submits a statement, and crashes.
#[tool]
fn crash(
    /// The statement.
    query: String,
) -> Result<()> {
    let _execution = submit(&query)?;
    panic!("on purpose");
}

/// Submits a statement, and forgets about it.
#[tool]
fn forget(
    /// The statement.
    query: String,
) -> Result<()> {
    std::mem::forget(submit(&query)?);
    Ok(())
}

/// Submits as many statements as it can hold; answers with how many those were, and why no more.
#[tool]
fn hoard(
    /// The statement.
    query: String,
) -> String {
    let mut held = Vec::new();
    loop {
        match submit(&query) {
            Ok(execution) => held.push(execution),
            Err(error) => return format!("{} held: {}", held.len(), error.message),
        }
    }
}

/// Asks for a value of each kind, passed through placeholders.
#[tool]
fn ask_with_values() -> Result<Rows> {
    let nasty = "né'; DROP TABLE case_summary; -- ? \\";
    let values = [
        true.into(),
        i64::MIN.into(),
        0.1.into(),
        Value::Decimal("12.90".to_owned()),
        nasty.into(),
        Value::Date("2026-01-31".to_owned()),
        Value::Timestamp("2026-01-31T23:59:59".to_owned()),
        vec![0_u8, 255].into(),
        Value::Null,
    ];
    let statement = "SELECT ? AS a, ? AS b, ? AS c, ? AS d, ? AS e, ? AS f, ? AS g, ? AS h, CAST(? AS varchar) AS i";
    toolhost_sdk::query::source()?.run(statement, &values, 10)
}

plugin! { tools: [misuse_query, crash, forget, hoard, ask_with_values] }

fn submit(statement: &str) -> Result<Execution> {
    toolhost_sdk::query::source()?.submit(statement, &[])
}

fn seen(door: &str, what: impl Debug) -> String {
    format!("{door}: {what:?}")
}
