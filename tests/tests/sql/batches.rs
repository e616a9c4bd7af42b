//! One statement for many sets of values: all of them or none.

use anyhow::Result;
use mysql_async::prelude::Queryable as _;
use serde_json::{Value, json};

use crate::bench::{SOURCES, until_running};
use crate::ledger::{AFTER, BEFORE, Books, GIVE, Play, TAKE, kind, kinds, message, play};

const NOTE: &str = "INSERT INTO notes VALUES (?)";

/// So many sets of one value each, all different.
fn texts(count: usize) -> Vec<Value> {
    (0..count).map(|number| json!([format!("note {number}")])).collect()
}

#[tokio::test]
async fn a_batch_tells_the_rows_affected_in_all() -> Result<()> {
    let books = Books::new().await?;
    let host = books.host(books.grants(), "").await?;
    for source in SOURCES {
        books.reset().await?;
        let answers = play(
            &host,
            json!([
                { "batch": [source, "INSERT INTO notes VALUES (?), (?)", [["a", "b"], ["c", "d"], ["e", "f"]]] },
                // Two rows, one row, none.
                { "batch": [source, "UPDATE notes SET text = ? WHERE text >= ?", [["f2", "f"], ["e2", "e3"], ["-", "z"]]] },
                { "batch": [source, "DELETE FROM notes WHERE text < ?", [["c"], ["c"], ["d"]]] },
                // Rows that were found count, whether they look different now or not.
                { "batch": [source, "UPDATE notes SET text = text WHERE text < ?", [["z"]]] },
            ]),
        )
        .await?;
        let affected: Vec<_> = answers.iter().map(|answer| &answer["rows_affected"]).collect();
        assert_eq!(affected, [6, 2, 3, 3], "{source}: {answers:?}");
        assert_eq!(books.notes(source).await?, 3, "{source}");
    }
    books.until_nothing_is_open().await
}

#[tokio::test]
async fn one_set_that_fails_leaves_nothing_of_the_others() -> Result<()> {
    let books = Books::new().await?;
    let host = books.host(books.grants(), "").await?;
    for source in SOURCES {
        books.reset().await?;
        let with_at = |at: usize, set: Value| {
            let mut sets = texts(400);
            sets[at] = set;
            json!({ "batch": [source, NOTE, sets] })
        };
        let answers = play(
            &host,
            json!([
                // A row that is there already; no value, or one too many; a value that must not be null.
                with_at(1, json!(["note 0"])),
                with_at(399, json!(["note 0"])),
                with_at(399, json!([])),
                with_at(399, json!(["a", "b"])),
                with_at(399, json!([null])),
                { "batch": [source, "UPDATE accounts SET balance = balance + ? WHERE name = ?", [[30, "bob"], [-130, "ann"]]] },
            ]),
        )
        .await?;
        assert_eq!(kinds(&answers), ["invalid"; 6], "{source}: {answers:?}");
        assert!(!message(&answers[0]).contains("note 0"), "{source}: it quotes a row: {answers:?}");
        assert_eq!((books.notes(source).await?, books.balances(source).await?), (0, BEFORE), "{source}");
        books.until_nothing_is_open().await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_batch_has_between_one_set_and_a_thousand() -> Result<()> {
    let books = Books::new().await?;
    let host = books.host(books.grants(), "").await?;
    for source in SOURCES {
        books.reset().await?;
        let sets = |count| json!([{ "batch": [source, NOTE, texts(count)] }]);
        let none = play(&host, sets(0)).await?;
        assert_eq!(kind(&none[0]), "invalid", "{source}: {none:?}");
        assert!(message(&none[0]).contains("no set of parameters"), "{source}: {none:?}");
        let too_many = play(&host, sets(1_001)).await?;
        assert_eq!(kind(&too_many[0]), "limited", "{source}: {too_many:?}");
        assert!(message(&too_many[0]).contains("at most 1000 sets"), "{source}: {too_many:?}");
        assert_eq!(books.notes(source).await?, 0, "{source}");
        let most = play(&host, sets(1_000)).await?;
        assert_eq!(most[0]["rows_affected"], 1_000, "{source}: {most:?}");
        assert_eq!(books.notes(source).await?, 1_000, "{source}");
    }
    books.until_nothing_is_open().await
}

/// The sets of a program need not list their names in one order.
#[tokio::test]
async fn values_go_where_their_names_say_in_every_set() -> Result<()> {
    let books = Books::new().await?;
    books.three.execute("CREATE TABLE pairs (a VARCHAR(9), b VARCHAR(9), c VARCHAR(9))").await?;
    let sets = json!([
        [{ "x": "x1" }, { "y": "y1" }],
        [{ "y": "y2" }, { "x": "x2" }],
        [{ "y": "y3" }, { "x": "x3" }],
    ]);
    let host = books.host(books.grants(), "").await?;
    for source in SOURCES {
        books.three.execute("DELETE FROM pairs").await?;
        let answers = play(
            &host,
            json!([
                { "batch": [source, "INSERT INTO pairs VALUES (:y, :x, :y)", sets] },
                { "outside": [source, "SELECT a, b, c FROM pairs ORDER BY a"] },
            ]),
        )
        .await?;
        assert_eq!(answers[1], json!([["y1", "x1", "y1"], ["y2", "x2", "y2"], ["y3", "x3", "y3"]]), "{source}");
    }
    Ok(())
}

#[tokio::test]
async fn a_batch_neither_reads_nor_changes_tables() -> Result<()> {
    let books = Books::new().await?;
    let host = books.host(books.grants(), "").await?;
    for source in SOURCES {
        let batch = |statement: &str| json!({ "batch": [source, statement, [[], []]] });
        let steps = [
            batch("SELECT 1"),
            batch("DROP TABLE notes"),
            batch("COMMIT"),
            batch("DELETE FROM notes; COMMIT"),
            batch("DELETE FROM notse"),
        ];
        let answers = play(&host, json!(steps)).await?;
        assert_eq!(kinds(&answers), ["invalid", "denied", "denied", "invalid", "invalid"], "{source}: {answers:?}");
        assert!(message(&answers[0]).contains("must use `query`"), "{source}: {answers:?}");
    }
    books.until_nothing_is_open().await
}

#[tokio::test]
async fn a_batch_whose_caller_hangs_up_is_undone() -> Result<()> {
    let books = Books::new().await?;
    let host = books.host(books.grants(), "").await?;
    let move_all = "UPDATE accounts SET balance = balance + ? WHERE name = ?";
    for source in SOURCES {
        books.reset().await?;
        // Somebody else holds bob, or all of the file, so that the batch stops half-way.
        let file = books.file()?;
        let mut server = books.three.database.connect().await?;
        if source == "file" {
            file.execute_batch("BEGIN IMMEDIATE")?;
        } else {
            server.query_drop("BEGIN").await?;
            server.query_drop("UPDATE accounts SET balance = 1 WHERE name = 'bob'").await?;
        }
        let steps = json!([{ "batch": [source, move_all, [[-30, "ann"], [30, "bob"]]] }]);
        let call = Play::begin(&host, &steps)?;
        call.reaches(1).await?;
        if source != "file" {
            until_running(&books.three.database, 1).await?;
        }
        call.hang_up().await?;
        drop((file, server));
        books.until_nothing_is_open().await?;
        assert_eq!(books.balances(source).await?, BEFORE, "{source}");
        // And the next one finds nothing in its way.
        let again = play(&host, json!([{ "outside": [source, TAKE] }, { "outside": [source, GIVE] }])).await?;
        assert_eq!(kinds(&again), ["ok"; 2], "{source}: {again:?}");
        assert_eq!(books.balances(source).await?, AFTER, "{source}");
    }
    Ok(())
}

/// Each table counts its own keys, and two may count to the same.
#[tokio::test]
async fn the_key_that_was_made_is_told_whatever_was_inserted_before() -> Result<()> {
    let books = Books::new().await?;
    books.file()?.execute_batch(
        "CREATE TABLE a (id INTEGER PRIMARY KEY, text TEXT); CREATE TABLE b (id INTEGER PRIMARY KEY, text TEXT);
         CREATE TABLE log (id INTEGER PRIMARY KEY, text TEXT); INSERT INTO log VALUES (7, 'x');
         CREATE TRIGGER noted AFTER UPDATE ON a BEGIN INSERT INTO log (text) VALUES (new.text); END",
    )?;
    let tables = "CREATE TABLE a (id INT AUTO_INCREMENT PRIMARY KEY, text VARCHAR(9)); \
                  CREATE TABLE b (id INT AUTO_INCREMENT PRIMARY KEY, text VARCHAR(9))";
    books.three.database.execute(tables).await?;
    let host = books.host(books.grants(), "").await?;
    for (source, first) in [("file", 1), ("server", 1), ("cluster", 2)] {
        let statements = [
            "INSERT INTO a (text) VALUES ('x')",
            "INSERT INTO b (text) VALUES ('x')",
            "UPDATE a SET text = 'y' WHERE id = 1",
            "DELETE FROM b WHERE id = 99",
        ];
        let steps: Vec<_> = statements.iter().map(|statement| json!({ "outside": [source, statement] })).collect();
        let answers = play(&host, json!(steps)).await?;
        let made: Vec<_> = answers.iter().map(|answer| answer["inserted_id"].as_i64()).collect();
        assert_eq!(made, [Some(first), Some(first), None, None], "{source}: {answers:?}");
    }
    Ok(())
}
