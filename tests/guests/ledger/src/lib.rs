//! A plugin that plays out what a test has in mind for its SQL sources: every function of the
//! contract is a step, and the test says in which order.

use std::hint::black_box;
use std::thread::sleep;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;
use toolhost_sdk::serde_json::Value;
use toolhost_sdk::sql::{Cursor, Effect, Parameter, Rows, Source, Transaction};
use toolhost_sdk::{Error, ErrorKind, Json, Result, json, log, plugin, sql, tool};

/// How long to wait between two looks at a source.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// One thing to do. Where it names no source, it is about what was begun or opened last and
/// has not ended yet.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Step {
    /// Begins a transaction at a source.
    Begin(String),
    /// Runs a statement in the transaction.
    Inside(String),
    /// Commits the transaction.
    Commit,
    /// Rolls the transaction back.
    Rollback,
    /// Drops the transaction.
    Drop,
    /// Leaves the transaction to whatever ends the call.
    Forget,
    /// Runs a statement at a source, in no transaction of this plugin's.
    Outside(String, String),
    /// Runs a statement at a source, once for each set of parameters: values, or for named
    /// ones objects such as `{"name": 1}`, in the order in which the host is to get them.
    Batch(String, String, Vec<Vec<Value>>),
    /// Runs several statements, each at its source, at the same time.
    Many(Vec<(String, String)>),
    /// Opens a cursor: a source and its statement.
    Open(String, String),
    /// Tells the names of the cursor's columns.
    Columns,
    /// Takes at most so many rows from the cursor.
    Next(u32),
    /// Takes all the rows that are left in the cursor, and answers how many.
    Drain,
    /// Drops the cursor.
    Close,
    /// Waits until a statement at a source answers with a number above 0.
    Until(String, String),
    /// Panics.
    Panic,
    /// Computes for ever.
    Spin,
    /// Sleeps for ever.
    Wait,
}

/// What is open.
#[derive(Default)]
struct Books {
    transactions: Vec<Transaction>,
    cursors: Vec<Cursor>,
}

/// Takes one step after the other, also after one that fails, and answers what became of each.
#[tool]
fn play(
    /// The steps.
    steps: Vec<Step>,
) -> Json<Vec<Value>> {
    let mut books = Books::default();
    let mut answers = Vec::with_capacity(steps.len());
    for (number, step) in (1..).zip(steps) {
        // So that whoever watches from outside knows how far it is.
        log::info(&format!("takes step {number}"), &[]);
        answers.push(books.take(step).unwrap_or_else(|error| told(&error)));
    }
    Json(answers)
}

plugin! { tools: [play] }

impl Books {
    fn take(&mut self, step: Step) -> Result<Value> {
        match step {
            Step::Begin(source) => self.transactions.push(named(&source)?.begin()?),
            Step::Inside(statement) => {
                let transaction = self.transactions.last().ok_or_else(nothing_open)?;
                return if reads(&statement) {
                    transaction.query(&statement, &[], None).map(rows)
                } else {
                    transaction.execute(&statement, &[]).map(effect)
                };
            }
            Step::Commit => Transaction::commit(self.transactions.pop().ok_or_else(nothing_open)?)?,
            Step::Rollback => Transaction::rollback(self.transactions.pop().ok_or_else(nothing_open)?)?,
            Step::Drop => drop(self.transactions.pop().ok_or_else(nothing_open)?),
            Step::Forget => std::mem::forget(self.transactions.pop().ok_or_else(nothing_open)?),
            Step::Outside(source, statement) => return outside(&named(&source)?, &statement),
            Step::Batch(source, statement, sets) => {
                let set = |set: Vec<Value>| set.into_iter().map(parameter).collect::<Result<Vec<_>>>();
                let sets = sets.into_iter().map(set).collect::<Result<Vec<_>>>()?;
                return named(&source)?.execute_batch(&statement, &sets).map(effect);
            }
            Step::Many(requests) => {
                let request =
                    |(source, statement): (String, String)| Ok(named(&source)?.request(statement, Vec::new()));
                let requests = requests.into_iter().map(request).collect::<Result<Vec<_>>>()?;
                let answers = sql::query_many(&requests).into_iter();
                return Ok(answers.map(|answer| answer.map_or_else(|error| told(&error), rows)).collect());
            }
            Step::Open(source, statement) => self.cursors.push(named(&source)?.open(&statement, &[])?),
            Step::Columns => {
                let columns = self.cursors.last().ok_or_else(nothing_open)?.columns().into_iter();
                return Ok(columns.map(|column| column.name).collect());
            }
            Step::Next(rows_max) => return Ok(json!(self.cursors.last().ok_or_else(nothing_open)?.next(rows_max)?)),
            Step::Drain => return drain(self.cursors.last().ok_or_else(nothing_open)?),
            Step::Close => drop(self.cursors.pop().ok_or_else(nothing_open)?),
            Step::Until(source, statement) => until(&named(&source)?, &statement)?,
            Step::Panic => panic!("a step says so"),
            Step::Spin => while black_box(true) {},
            Step::Wait => {
                while black_box(true) {
                    sleep(Duration::from_secs(3_600));
                }
            }
        }
        Ok(json!("done"))
    }
}

/// A source by its name. Whether it was granted is for the host to say, so nobody is asked.
fn named(name: &str) -> Result<Source> {
    let any = sql::sources().into_iter().next().ok_or_else(|| Error::not_found("no source is granted"))?;
    Ok(Source { name: name.to_owned(), ..any })
}

fn parameter(value: Value) -> Result<Parameter> {
    match value {
        Value::Object(one) => {
            let (name, value) = one.into_iter().next().ok_or_else(|| Error::invalid("a value without a name"))?;
            Ok(sql::named(name, sql::Value::try_from(value)?))
        }
        value => Ok(sql::Value::try_from(value)?.into()),
    }
}

fn reads(statement: &str) -> bool {
    statement.starts_with("SELECT") || statement.starts_with("WITH")
}

fn outside(source: &Source, statement: &str) -> Result<Value> {
    if reads(statement) { source.query(statement, &[]).map(rows) } else { source.execute(statement, &[]).map(effect) }
}

fn drain(cursor: &Cursor) -> Result<Value> {
    let mut count = 0;
    loop {
        match cursor.next(1_000)?.len() {
            0 => return Ok(json!(count)),
            more => count += more,
        }
    }
}

fn until(source: &Source, statement: &str) -> Result<()> {
    loop {
        let answer = source.query(statement, &[])?;
        match answer.rows.first().and_then(|row| row.first()) {
            Some(sql::Value::Integer(count)) if *count > 0 => return Ok(()),
            _ => sleep(LOOK_AGAIN),
        }
    }
}

fn rows(rows: Rows) -> Value {
    json!(rows.rows)
}

fn effect(effect: Effect) -> Value {
    json!(effect)
}

fn told(error: &Error) -> Value {
    let kind = match error.kind {
        ErrorKind::Denied => "denied",
        ErrorKind::Invalid => "invalid",
        ErrorKind::NotFound => "not-found",
        ErrorKind::Limited => "limited",
        ErrorKind::Unavailable => "unavailable",
        ErrorKind::Failed => "failed",
    };
    json!({ "error": kind, "message": error.message })
}

fn nothing_open() -> Error {
    Error::invalid("nothing is open")
}
