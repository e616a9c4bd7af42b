//! The promises of the guard, each on the statements of the corpora.

use super::*;
use super::{corpus_athena, corpus_harm, corpus_reads};

fn judge(statement: &str, dialect: Dialect) -> Result<Verdict, Refusal> {
    classify(statement, dialect, &BTreeSet::new())
}

fn tables(statement: &str, dialect: Dialect) -> Vec<String> {
    judge(statement, dialect).unwrap().tables
}

/// A verdict or a refusal as the corpus writes it.
fn word(outcome: &Result<Verdict, Refusal>) -> String {
    match outcome {
        Ok(verdict) => verdict.class.word().to_owned(),
        Err(refusal) => {
            let name = format!("{refusal:?}");
            format!("!{}", name.split([' ', '{', '(']).next().unwrap())
        }
    }
}

#[test]
fn every_read_that_people_write_passes() {
    let mut wrong = Vec::new();
    for (dialect, corpus) in [
        (Dialect::Mysql, corpus_reads::MYSQL),
        (Dialect::Sqlite, corpus_reads::SQLITE),
        (Dialect::Athena, corpus_athena::READS),
    ] {
        for statement in corpus {
            let outcome = judge(statement, dialect);
            match &outcome {
                Ok(verdict) if verdict.class == Class::Read && verdict.reason.is_empty() => {}
                _ => wrong.push(format!("{dialect:?}: {statement}\n    {outcome:?}")),
            }
        }
    }
    assert!(wrong.is_empty(), "{} reads did not pass:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn everything_else_has_its_class_and_a_reason() {
    let mut wrong = Vec::new();
    for (dialect, corpus) in [
        (Dialect::Mysql, corpus_harm::MYSQL),
        (Dialect::Sqlite, corpus_harm::SQLITE),
        (Dialect::Athena, corpus_athena::HARM),
    ] {
        for (statement, expected) in corpus {
            let outcome = judge(statement, dialect);
            let silent = matches!(&outcome, Ok(verdict) if verdict.class != Class::Read && verdict.reason.is_empty());
            if word(&outcome) != *expected || silent {
                wrong.push(format!("{dialect:?}: {statement}\n    expected {expected}, is {outcome:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{} are wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn legal_reads_that_the_parser_does_not_know_say_so() {
    for statement in ["SELECT * FROM (a, b) JOIN c ON a.id = c.id", "SELECT a SOUNDS LIKE b FROM t"] {
        let refusal = judge(statement, Dialect::Mysql).unwrap_err();
        assert!(refusal.to_string().starts_with("not understood by the guard: "), "{refusal}");
    }
    for statement in ["SELECT * FROM (VALUES 1, 2) AS t (n)", "SELECT 1 = ANY (VALUES (1), (2))"] {
        let refusal = judge(statement, Dialect::Athena).unwrap_err();
        assert!(refusal.to_string().starts_with("not understood by the guard: "), "{refusal}");
    }
}

#[test]
fn a_refusal_tells_the_place_and_not_the_text() {
    let refusal = judge("SELECT *\nFROM t WHERE 'secret' 42", Dialect::Sqlite).unwrap_err().to_string();
    assert_eq!(refusal, "not understood by the guard: expected the end of the statement at line 2, column 23");
    let refusal = judge("SELECT * FROM 'secret' WHERE )", Dialect::Sqlite).unwrap_err().to_string();
    assert!(!refusal.contains("secret"), "{refusal}");
    assert!(refusal.contains("line 1, column 30"), "{refusal}");
}

#[test]
fn a_verdict_names_every_table_once_and_without_quotes() {
    let my = Dialect::Mysql;
    assert_eq!(
        tables("SELECT * FROM `crm`.`Orders` o, t JOIN t AS u ON 1 WHERE EXISTS (SELECT 1 FROM v)", my),
        ["crm.Orders", "t", "v"]
    );
    assert_eq!(tables("TABLE a UNION TABLE b", my), ["a", "b"]);
    assert_eq!(tables("INSERT INTO a SELECT * FROM b", my), ["a", "b"]);
    assert_eq!(tables("DELETE a FROM a JOIN b USING (id)", my), ["a", "b"]);
    assert_eq!(tables("UPDATE a JOIN b USING (id) SET a.x = (SELECT MAX(x) FROM c)", my), ["a", "b", "c"]);
    assert_eq!(tables("SHOW INDEX FROM orders FROM crm", my), ["crm.orders"]);
    assert_eq!(tables("DESCRIBE crm.orders total", my), ["crm.orders"]);
    assert_eq!(tables("EXPLAIN SELECT * FROM a", my), ["a"]);
    assert_eq!(tables("SHOW TABLES WHERE (SELECT COUNT(*) FROM a)", my), ["a"]);
    assert_eq!(tables("SELECT * FROM [a b], json_each(x)", Dialect::Sqlite), ["a b"]);
    let athena = Dialect::Athena;
    assert_eq!(
        tables("SELECT * FROM awsdatacatalog.\"cases\".t, UNNEST(t.a) AS u (b) WHERE 1 IN (TABLE v)", athena),
        ["awsdatacatalog.cases.t", "v"]
    );
    assert_eq!(tables("SHOW COLUMNS FROM t IN cases", athena), ["cases.t"]);
    assert_eq!(tables("DESCRIBE `cases`.t a.b", athena), ["cases.t"]);
}

#[test]
fn names_of_a_with_are_left_out_only_where_they_cannot_be_tables() {
    let my = Dialect::Mysql;
    assert_eq!(tables("WITH a AS (SELECT * FROM t), b AS (SELECT * FROM a) SELECT * FROM a, b", my), ["t"]);
    assert_eq!(
        tables("WITH RECURSIVE n AS (SELECT 1 UNION SELECT * FROM n) SELECT * FROM n", my),
        Vec::<String>::new()
    );
    assert_eq!(tables("WITH secret AS (SELECT * FROM secret) SELECT * FROM secret", my), ["secret"]);
    assert_eq!(tables("WITH a AS (SELECT * FROM b), b AS (SELECT 1) SELECT * FROM b", my), ["b"]);
    assert_eq!(tables("SELECT * FROM (WITH a AS (SELECT 1) SELECT * FROM a) x, a", my), ["a"]);
    assert_eq!(tables("WITH a AS (SELECT 1) SELECT * FROM a, crm.a", my), ["crm.a"]);
    assert_eq!(tables("WITH a AS (SELECT 1) SELECT (SELECT * FROM a) FROM A", my), ["A"]);
    assert_eq!(tables("WITH t AS (SELECT 1) DELETE FROM t", Dialect::Sqlite), ["t"]);
}

#[test]
fn the_operator_can_allow_unknown_functions_and_no_harmful_ones() {
    let allowed = BTreeSet::from(["margin".to_owned(), "Crm.Rate".to_owned(), "sleep".to_owned(), "user".to_owned()]);
    let class = |statement| classify(statement, Dialect::Mysql, &allowed).unwrap().class;
    assert_eq!(class("SELECT margin(1), MARGIN(2), `margin`(3), crm.rate(4)"), Class::Read);
    assert_eq!(class("SELECT other.margin(1)"), Class::Procedure);
    assert_eq!(class("SELECT rate(1)"), Class::Procedure);
    assert_eq!(class("SELECT SLEEP(1)"), Class::Procedure);
    assert_eq!(class("SELECT USER()"), Class::Admin);
}

#[test]
fn a_lambda_runs_only_if_the_operator_vouches_for_it_by_its_own_name() {
    let class = |statement: &str, functions: &[&str]| {
        let functions = functions.iter().map(|&name| name.to_owned()).collect();
        classify(statement, Dialect::Athena, &functions).unwrap().class
    };
    let one = "USING EXTERNAL FUNCTION f(a varchar, b array(row(c int))) RETURNS decimal(10, 2) LAMBDA 'margin' \
               SELECT F(a, b), abs(1) FROM t";
    assert_eq!(class(one, &["lambda:margin"]), Class::Read);
    // What the statement calls it says nothing.
    for functions in [&["f"][..], &["margin"], &["lambda:other"], &[]] {
        assert_eq!(class(one, functions), Class::Procedure, "{functions:?}");
    }
    let two = one.replace("SELECT F", ", EXTERNAL FUNCTION g(a int) RETURNS int LAMBDA 'other' SELECT F");
    assert_eq!(class(&two, &["lambda:margin"]), Class::Procedure);
    assert_eq!(class(&two, &["lambda:margin", "lambda:other"]), Class::Read);
    assert_eq!(class(&one.replace("abs(", "g("), &["lambda:margin"]), Class::Procedure);
    assert_eq!(class(&one.replace("SELECT F(a, b), abs(1) FROM", "DELETE FROM"), &["lambda:margin"]), Class::Write);
}

#[test]
fn reasons_are_for_people() {
    let reason = |statement| judge(statement, Dialect::Mysql).unwrap().reason;
    assert_eq!(reason("SELECT `sleep`(1)"), "the function `sleep` waits");
    assert_eq!(reason("SELECT f(1)"), "unknown function `f`; the operator can allow it in `functions`");
    assert_eq!(reason("DELETE FROM t"), "it deletes rows");
    assert_eq!(reason("CALL p()"), "`CALL` runs code that cannot be seen from here");
    assert_eq!(reason("SELECT @@hostname"), "the system variable `@@hostname` is not one of those that may be read");
}

#[test]
fn the_words_of_the_classes_do_not_change() {
    let classes = [
        (Class::Read, "read"),
        (Class::Lock, "lock"),
        (Class::Write, "write"),
        (Class::Ddl, "ddl"),
        (Class::Session, "session"),
        (Class::Admin, "admin"),
        (Class::FileIo, "file-io"),
        (Class::Procedure, "procedure"),
        (Class::Unknown, "unknown"),
    ];
    for (class, word) in classes {
        assert_eq!(class.to_string(), word);
    }
    assert!(classes.is_sorted(), "from harmless to unknown");
}

#[test]
fn long_and_deep_statements_are_refused_and_do_no_harm() {
    let long = format!("SELECT '{}'", "a".repeat(STATEMENT_BYTES_MAX));
    assert_eq!(judge(&long, Dialect::Mysql), Err(Refusal::TooLong { bytes: long.len() }));
    let room = STATEMENT_BYTES_MAX - 100;
    let around =
        |open: &str, close: &str, times: usize| format!("SELECT {}1{}", open.repeat(times), close.repeat(times));
    for (unit, text) in [
        ("+1", "SELECT 1"),
        (" DIV 1", "SELECT 1"),
        (" IS NULL", "SELECT 1"),
        (" UNION SELECT 1", "SELECT 1"),
        (" JOIN a", "SELECT 1 FROM a"),
        (" AND NOT 1", "SELECT 1"),
        ("NOT ", "SELECT "),
        ("- ", "SELECT "),
        ("CASE WHEN ", "SELECT "),
    ] {
        let statement = format!("{text}{}", unit.repeat(room / unit.len()));
        assert_eq!(judge(&statement, Dialect::Mysql), Err(Refusal::TooComplex), "{unit}");
    }
    for statement in [
        around("(", ")", 150),
        around("abs(", ")", 150),
        around("(SELECT ", ")", 150),
        around("CASE WHEN ", " THEN 1 END", 150),
        around("1 IN (SELECT ", ")", 150),
        format!("{}SELECT 1{}", "(".repeat(150), ")".repeat(150)),
    ] {
        let outcome = judge(&statement, Dialect::Mysql);
        assert!(matches!(outcome, Err(Refusal::TooComplex | Refusal::NotUnderstood { .. })), "{outcome:?}");
    }
}

#[test]
fn wide_statements_pass() {
    let ids = vec!["12345"; 8000].join(", ");
    let columns = (0..300).map(|n| format!("t.c{n} AS d{n}")).collect::<Vec<_>>().join(", ");
    let conditions = vec!["id = 1"; 1000].join(" OR ");
    let unions = vec!["SELECT a, b FROM t"; 200].join(" UNION ALL ");
    let joins = (0..60).map(|n| format!(" JOIN t{n} ON t{n}.id = t.id")).collect::<Vec<_>>().concat();
    for statement in [
        format!("SELECT * FROM t WHERE id IN ({ids})"),
        format!("SELECT {columns} FROM t"),
        format!("SELECT * FROM t WHERE {conditions}"),
        unions,
        format!("SELECT * FROM t{joins}"),
        format!("SELECT {}1{}", "coalesce(a, ".repeat(20), ")".repeat(20)),
    ] {
        for dialect in [Dialect::Mysql, Dialect::Sqlite, Dialect::Athena] {
            let outcome = judge(&statement, dialect);
            let class = outcome.as_ref().map(|verdict| verdict.class);
            assert_eq!(class, Ok(Class::Read), "{dialect:?}: {statement:.60}... {outcome:?}");
        }
    }
}

#[test]
fn a_policy_is_told_the_class_and_the_tables_of_any_text() {
    let told = |statement: &str| facts(statement, Dialect::Mysql, &BTreeSet::new());
    let tables = |tables: &[&str]| tables.iter().map(|&table| table.to_owned()).collect::<Vec<_>>();
    let read = "WITH t AS (SELECT * FROM CRM.Orders) SELECT * FROM t JOIN `Orders` USING (id) JOIN orders o USING (id)";
    assert_eq!(told(read), ("read", tables(&["crm.orders", "orders"])));
    assert_eq!(told("INSERT INTO notes SELECT * FROM secrets"), ("write", tables(&["notes", "secrets"])));
    assert_eq!(told("UPDATE notes SET text = 'x'"), ("write", tables(&["notes"])));
    assert_eq!(told("DELETE FROM notes WHERE id = 1"), ("delete", tables(&["notes"])));
    assert_eq!(told("DROP TABLE notes").0, "ddl");
    for no_statement in ["", "SELECT 1; SELECT 2", "SELECT 'open", "SELECT FROM WHERE"] {
        assert_eq!(told(no_statement), ("unknown", Vec::new()), "{no_statement}");
    }
}
