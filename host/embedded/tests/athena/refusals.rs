//! Parameters, files and folders: what is let in, what is kept out, and what the refusals tell.

use std::fs;

use toolhost_embedded::{Engine, Error, Kind, Limits, Value};

use crate::files;

#[tokio::test]
async fn parameters_take_the_place_of_question_marks_by_their_types() {
    let folder = files::folder();
    let engine = files::open(&folder);
    let parameters = [
        Value::Integer(-7),
        Value::Float(1.5),
        Value::Decimal("12.90".into()),
        Value::Text("it's; DROP TABLE x --".into()),
        Value::Date("2026-01-31".into()),
        Value::Timestamp("2026-01-31T10:00:00".into()),
        Value::Timestamp("2026-01-31 10:00:00.000 UTC".into()),
        Value::Boolean(true),
        Value::Null,
        Value::Bytes(vec![0, 255]),
        Value::Time("10:11:12".into()),
    ];
    let (columns, rows) =
        files::all(&engine, "SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, '?'", &parameters).await.unwrap();
    let shown: Vec<_> = rows[0].iter().map(files::shown).collect();
    assert_eq!(
        shown,
        [
            "-7",
            "1.5",
            "12.90",
            "it's; DROP TABLE x --",
            "2026-01-31",
            "2026-01-31 10:00:00.000",
            "2026-01-31 10:00:00.000 UTC",
            "true",
            "NULL",
            "00ff",
            "10:11:12.000",
            "?"
        ]
    );
    assert_eq!(columns[2].declared, "decimal(4,2)");
    assert_eq!(columns[8].kind, Kind::Unknown);

    let limited = "SELECT name FROM customers WHERE plan = ? AND age < ? ORDER BY id LIMIT ?";
    let parameters = [Value::Text("basic".into()), Value::Integer(40), Value::Integer(1)];
    let (_, rows) = files::all(&engine, limited, &parameters).await.unwrap();
    assert_eq!(rows, [[Value::Text("Ann".into())]]);
}

#[tokio::test]
async fn parameters_that_do_not_fit_the_question_marks_are_refused() {
    let folder = files::folder();
    let engine = files::open(&folder);
    for (statement, parameters) in
        [("SELECT ?, ?", vec![Value::Null]), ("SELECT 1", vec![Value::Null]), ("SELECT ?", vec![])]
    {
        assert!(matches!(engine.run(statement, &parameters).await, Err(Error::Parameters { .. })), "{statement}");
    }
    assert!(engine.run("SELECT * FROM ?", &[Value::Text("orders".into())]).await.is_err());
    assert!(engine.run("SELECT ?", &[Value::Decimal("1 OR 1".into())]).await.is_err());
}

#[tokio::test]
async fn a_syntax_error_tells_its_line_and_column() {
    let folder = files::folder();
    let engine = files::open(&folder);
    match engine.run("SELECT name\nFROM customers\nWHRE name = 1", &[]).await {
        Err(error @ Error::Syntax { line: 3, .. }) => assert!(error.to_string().starts_with("line 3:"), "{error}"),
        other => panic!("{other:?}"),
    }
    for empty in ["", "  ", ";", "-- nothing"] {
        assert!(matches!(engine.run(empty, &[]).await, Err(Error::Syntax { .. })), "{empty:?}");
    }
}

#[tokio::test]
async fn an_unknown_table_and_an_unknown_column_tell_what_there_is() {
    let folder = files::folder();
    let engine = files::open(&folder);
    match engine.run("SELECT * FROM costumers", &[]).await {
        Err(Error::UnknownTable { name, there_are }) => {
            assert_eq!((name.as_str(), there_are.join(" ").as_str()), ("costumers", "case_summary customers orders"));
        }
        other => panic!("{other:?}"),
    }
    match engine.run("SELECT nmae FROM customers", &[]).await {
        Err(Error::UnknownColumn { name, there_are }) => {
            assert_eq!(name, "nmae");
            assert!(there_are.iter().any(|column| column == "customers.name"), "{there_are:?}");
        }
        other => panic!("{other:?}"),
    }
}

#[cfg(unix)]
#[tokio::test]
async fn nothing_outside_of_the_folder_is_served() {
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("secret.csv"), "a\n1\n").unwrap();
    let folder = files::folder();
    let link = |from: &std::path::Path, name: &str| std::os::unix::fs::symlink(from, folder.path().join(name)).unwrap();
    link(&outside.path().join("secret.csv"), "secret.csv");
    link(outside.path(), "outside");
    link(&folder.path().join("Customers.csv"), "clients.csv");
    std::os::unix::fs::symlink(outside.path().join("secret.csv"), folder.path().join("orders/c.parquet")).unwrap();
    let engine = files::open(&folder);
    assert_eq!(engine.tables().unwrap(), ["case_summary", "clients", "customers", "orders"]);
    assert!(matches!(engine.run("SELECT * FROM secret", &[]).await, Err(Error::UnknownTable { .. })));
    assert_eq!(files::shown(&files::all(&engine, "SELECT count(*) FROM clients", &[]).await.unwrap().1[0][0]), "3");
    assert_eq!(files::shown(&files::all(&engine, "SELECT count(*) FROM orders", &[]).await.unwrap().1[0][0]), "4");
}

#[tokio::test]
async fn what_is_put_into_the_folder_is_served_at_the_next_statement() {
    let folder = files::folder();
    let engine = files::open(&folder);
    assert!(engine.run("SELECT * FROM fresh", &[]).await.is_err());
    fs::write(folder.path().join("fresh.json"), "{\"a\": 1}\n").unwrap();
    assert_eq!(files::all(&engine, "SELECT a FROM fresh", &[]).await.unwrap().1, [[Value::Integer(1)]]);
    fs::write(folder.path().join("fresh.json"), "{\"a\": \"x\", \"b\": 2}\n").unwrap();
    assert_eq!(
        files::all(&engine, "SELECT a, b FROM fresh", &[]).await.unwrap().1,
        [[Value::Text("x".into()), Value::Integer(2)]]
    );
    fs::remove_file(folder.path().join("fresh.json")).unwrap();
    assert!(matches!(engine.run("SELECT * FROM fresh", &[]).await, Err(Error::UnknownTable { .. })));
}

#[tokio::test]
async fn a_damaged_file_is_told_without_its_path_and_harms_no_other() {
    let folder = files::folder();
    fs::write(folder.path().join("broken.parquet"), "no parquet").unwrap();
    fs::write(folder.path().join("torn.jsonl"), "{\"a\": 1}\n{\"a\": \n").unwrap();
    fs::write(folder.path().join("ragged.csv"), "a,b\n1,2\n1,2,3\n").unwrap();
    fs::create_dir(folder.path().join("mixed_headers")).unwrap();
    fs::write(folder.path().join("mixed_headers/1.csv"), "a,b\n1,2\n").unwrap();
    fs::write(folder.path().join("mixed_headers/2.csv"), "b,a\n1,2\n").unwrap();
    let mut late = String::from("n\n");
    (0..20_000).for_each(|n| late.push_str(&format!("{n}\n")));
    fs::write(folder.path().join("late.csv"), late + "not a number\n").unwrap();
    let engine = files::open(&folder);
    let path = folder.path().file_name().unwrap().to_string_lossy().into_owned();
    for table in ["broken", "torn", "ragged", "mixed_headers", "late"] {
        let error = files::all(
            &engine,
            &format!("SELECT sum(length(cast(t AS varchar))) FROM (SELECT * FROM {table}) AS t"),
            &[],
        )
        .await;
        let plain = files::all(&engine, &format!("SELECT * FROM {table}"), &[]).await.unwrap_err().to_string();
        assert!(error.is_err());
        assert!(!plain.contains(&path) && !plain.contains("/tmp"), "{table}: {plain}");
        assert!(!plain.contains("not a number"), "{table}: {plain}");
    }
    assert!(files::all(&engine, "SELECT * FROM customers", &[]).await.is_ok());
}

#[test]
fn a_folder_that_does_not_tell_which_file_is_which_table_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(Engine::open(&folder.path().join("none"), "x", Limits::default()), Err(Error::Folder(_))));
    fs::write(folder.path().join("a.csv"), "x\n").unwrap();
    fs::write(folder.path().join("A.jsonl"), "{}\n").unwrap();
    let error = Engine::open(folder.path(), "x", Limits::default()).unwrap_err().to_string();
    assert!(error.contains("two files or folders are named a"), "{error}");
    assert!(!error.contains("/tmp"), "{error}");
}

#[tokio::test]
async fn describe_and_bytes_scanned_tell_of_the_files() {
    let folder = files::folder();
    let engine = files::open(&folder);
    assert_eq!(engine.database(), "support");
    let columns = engine.describe("Customers").await.unwrap();
    assert_eq!(
        (columns[0].name.as_str(), columns[0].kind, columns[0].declared.as_str()),
        ("id", Kind::Integer, "bigint")
    );
    assert!(matches!(engine.describe("nothing").await, Err(Error::UnknownTable { .. })));
    let size = fs::metadata(folder.path().join("Customers.csv")).unwrap().len();
    assert_eq!(engine.run("SELECT id FROM customers", &[]).await.unwrap().bytes_scanned(), size);
    assert_eq!(engine.run("SHOW TABLES", &[]).await.unwrap().bytes_scanned(), 0);
}
