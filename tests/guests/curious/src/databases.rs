//! Every function of the database interface, called wrongly on purpose.

use toolhost_sdk::raw::sql::sql::{self, Parameter, Request};
use toolhost_sdk::sql::named;

use crate::seen;

/// Names of sources that no operator grants.
const NAMES: [&str; 8] = ["", "nobody-granted-this", "CRM", "crm ", "../crm", "sql.crm", "crm\0", "*"];

/// Statements that no grant to read lets through, or that say too much when they fail.
const STATEMENTS: [&str; 12] = [
    "",
    "select",
    "select 1; select 2",
    "select * from there_is_no_such_table",
    "select ?",
    "select load_file('/etc/passwd')",
    "select * from mysql.user",
    "select user(), current_user(), @@hostname, @@datadir",
    "attach database '/etc/passwd' as p",
    "pragma database_list",
    "show grants",
    "drop table support_tickets",
];

/// What was done, and what came of it.
pub(crate) fn misuse() -> Vec<(String, String)> {
    let sources = sql::list();
    let mut doors = vec![("list".to_owned(), seen(&sources))];
    for name in NAMES.into_iter().filter(|name| sources.iter().all(|source| source.name != *name)) {
        doors.extend(every_function(name, "select 1", &[]));
    }
    for source in &sources {
        for statement in STATEMENTS {
            doors.extend(every_function(&source.name, statement, &[]));
        }
        let wrong = [named("a", 1), Parameter::from(2)];
        doors.extend(every_function(&source.name, "select :b", &wrong));
    }
    doors
}

fn every_function(name: &str, statement: &str, parameters: &[Parameter]) -> Vec<(String, String)> {
    let request = || Request {
        source: name.to_owned(),
        statement: statement.to_owned(),
        parameters: parameters.to_vec(),
        rows_max: Some(u32::MAX),
    };
    let requests: Vec<_> = (0..20).map(|_| request()).collect();
    let cursor = sql::open(name, statement, parameters).and_then(|cursor| cursor.next(u32::MAX));
    let transaction = sql::begin(name).map(|transaction| {
        let rows = transaction.query(statement, parameters, None);
        let effect = transaction.execute(statement, parameters);
        // Left open on purpose: the host must roll it back.
        (rows, effect)
    });
    let results = [
        ("query", seen(sql::query(name, statement, parameters, Some(0)))),
        ("query-many", seen(sql::query_many(&requests))),
        ("open", seen(cursor)),
        ("execute", seen(sql::execute(name, statement, parameters))),
        ("execute-batch", seen(sql::execute_batch(name, statement, &[parameters.to_vec(), Vec::new()]))),
        ("begin", seen(transaction)),
        ("tables", seen(sql::tables(name))),
        ("describe", seen(sql::describe(name, statement))),
    ];
    let call = |(function, seen)| (format!("{function}({name:?}, {statement:?})"), seen);
    results.into_iter().map(call).collect()
}
