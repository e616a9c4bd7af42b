//! A cursor hands out a long answer page by page, no more than the grant allows, and leaves
//! nothing running when it is dropped.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use crate::bench::{SOURCES, until_running};
use crate::ledger::{BELL, Books, Play, RUNG, kind, kinds, message, play};

/// 250 rows.
const RATINGS: &str = "SELECT rating_id FROM content_ratings ORDER BY rating_id";

/// More rows than anybody waits for, and more bytes than any buffer on the way holds.
const WIDE: &str =
    "SELECT a.*, b.*, c.*, d.* FROM content_ratings a, content_ratings b, content_ratings c, content_ratings d";

/// How many rows a page has; none if it is an error.
fn size(answer: &Value) -> Option<usize> {
    Some(answer.as_array()?.len())
}

fn open_and(source: &str, statement: &str, rest: impl IntoIterator<Item = Value>) -> Value {
    [json!({ "open": [source, statement] })].into_iter().chain(rest).collect()
}

#[tokio::test]
async fn pages_come_in_order_as_large_as_asked_and_the_last_one_is_empty() -> Result<()> {
    let books = Books::new().await?;
    let all: Vec<(String,)> = books.three.database.rows(RATINGS).await?;
    let all: Vec<Value> = all.into_iter().map(|(id,)| json!([id])).collect();
    let host = books.host(books.grants(), "").await?;
    for source in SOURCES {
        let rest = [1, 100, 7, 4_000_000_000_u32, 10, 1].map(|rows| json!({ "next": rows }));
        let answers = play(&host, open_and(source, RATINGS, [json!("columns")].into_iter().chain(rest))).await?;
        assert_eq!(answers[1], json!(["rating_id"]), "{source}");
        let pages: Vec<_> = answers[2..].iter().map(size).collect();
        assert_eq!(pages, [Some(1), Some(100), Some(7), Some(142), Some(0), Some(0)], "{source}: {answers:?}");
        let rows: Vec<_> = answers[2..].iter().filter_map(Value::as_array).flatten().cloned().collect();
        assert_eq!(rows, all, "{source}");
        let none = play(&host, open_and(source, "SELECT 1 FROM notes", [json!({ "next": 1 })])).await?;
        assert_eq!(none, [json!("done"), json!([])], "{source}");
    }
    books.until_nothing_is_open().await
}

#[tokio::test]
async fn a_page_of_no_rows_cannot_be_asked_for_as_it_would_look_like_the_end() -> Result<()> {
    let books = Books::new().await?;
    let host = books.host(books.grants(), "").await?;
    for source in SOURCES {
        let answers = play(&host, open_and(source, RATINGS, [0, 1].map(|rows| json!({ "next": rows })))).await?;
        assert_eq!(kind(&answers[1]), "invalid", "{source}: {answers:?}");
        assert_eq!(size(&answers[2]), Some(1), "{source}: {answers:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_page_is_cut_before_it_has_more_bytes_than_the_grant_allows() -> Result<()> {
    let books = Books::new().await?;
    for number in 0..5 {
        books.three.execute(&format!("INSERT INTO notes VALUES ('{number}{}')", "x".repeat(400))).await?;
    }
    books.three.execute(&format!("INSERT INTO notes VALUES ('6{}'), ('7')", "x".repeat(1_200))).await?;
    let host = books.host(books.grants().map(|grant| grant.with("bytes_max = 1024")), "").await?;
    let notes = "SELECT text FROM notes ORDER BY text";
    for source in SOURCES {
        let answers = play(&host, open_and(source, notes, vec![json!({ "next": 100 }); 6])).await?;
        let pages: Vec<_> = answers[1..].iter().map(size).collect();
        // The sixth row fits in no page, and none is handed out as if it were not there.
        assert_eq!(pages, [Some(2), Some(2), Some(1), None, None, None], "{source}: {answers:?}");
        for page in &answers[4..] {
            assert_eq!(kind(page), "limited", "{source}: {answers:?}");
            assert!(message(page).contains("`bytes_max` of 1024"), "{source}: {answers:?}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_cursor_hands_out_the_rows_of_the_grant_and_says_when_there_would_be_more() -> Result<()> {
    let books = Books::new().await?;
    let host = books.host(books.grants().map(|grant| grant.with("rows_max = 7")), "").await?;
    for source in SOURCES {
        for (limit, end) in [(6, ""), (7, ""), (8, "limited"), (9, "limited"), (250, "limited")] {
            let statement = format!("{RATINGS} LIMIT {limit}");
            let answers = play(&host, open_and(source, &statement, vec![json!({ "next": 5 }); 6])).await?;
            let pages: Vec<_> = answers[1..3].iter().map(size).collect();
            assert_eq!(pages, [Some(5), Some(limit.min(7) - 5)], "{source}, {limit}: {answers:?}");
            for page in &answers[3..] {
                assert_eq!(kind(page), end, "{source}, {limit}: {answers:?}");
                ensure!(end.is_empty() || message(page).contains("all 7 rows"), "{source}: {page}");
            }
        }
    }
    books.until_nothing_is_open().await
}

#[tokio::test]
async fn a_cursor_that_is_dropped_ends_its_statement_while_the_call_goes_on() -> Result<()> {
    let books = Books::new().await?;
    let host = books.host(books.grants().map(|grant| grant.with("rows_max = 1000000")), "").await?;
    let rest = [json!({ "next": 10 }), json!({ "until": [BELL, RUNG] }), json!("close"), json!("wait")];
    for source in ["file", "server"] {
        books.reset().await?;
        let call = Play::begin(&host, &open_and(source, WIDE, rest.clone()))?;
        call.reaches(3).await?;
        is_reading(&books, source).await?;
        books.ring().await?;
        books.until_nothing_is_open().await.with_context(|| source.to_owned())?;
        ensure!(call.is_under_way(), "{source}: the call has ended");
    }
    Ok(())
}

#[tokio::test]
async fn a_call_that_is_given_up_ends_the_statements_of_its_cursors() -> Result<()> {
    let books = Books::new().await?;
    let host = books.host(books.grants().map(|grant| grant.with("rows_max = 1000000")), "").await?;
    for end in ["wait", "spin"] {
        for source in ["file", "server"] {
            let call = Play::begin(&host, &open_and(source, WIDE, [json!({ "next": 10 }), json!(end)]))?;
            call.reaches(3).await?;
            is_reading(&books, source).await?;
            call.hang_up().await?;
            books.until_nothing_is_open().await.with_context(|| source.to_owned())?;
        }
    }
    Ok(())
}

/// Waits until the statement of a cursor runs, and makes sure that it does not end by itself.
async fn is_reading(books: &Books, source: &str) -> Result<()> {
    if source == "server" {
        return until_running(&books.three.database, 1).await;
    }
    ensure!(books.file_is_in_use()?, "nobody reads the file");
    Ok(())
}

#[tokio::test]
async fn a_cursor_that_failed_never_looks_as_if_it_had_come_to_its_end() -> Result<()> {
    let books = Books::new().await?;
    let grants = books.grants().map(|grant| grant.with("rows_max = 1000000").with("time_max_ms = 1500"));
    let host = books.host(grants, "").await?;
    let [drain, more] = [json!("drain"), json!({ "next": 1 })];
    let steps = json!([
        { "open": ["file", WIDE] }, more, { "open": ["server", WIDE] }, more, { "until": [BELL, RUNG] },
        drain, more, more, "close", drain, more, more,
    ]);
    let call = Play::begin(&host, &steps)?;
    call.reaches(5).await?;
    // The one that was opened last was stopped on the server; the other's time was over before.
    until_running(&books.three.database, 0).await?;
    books.ring().await?;
    let answers = call.answers().await?;
    for (source, rest) in [("server", &answers[5..8]), ("file", &answers[9..12])] {
        assert_eq!(kinds(rest), ["limited"; 3], "{source}: {answers:?}");
        assert!(message(&rest[0]).contains("`time_max_ms`"), "{source}: {answers:?}");
    }
    books.until_nothing_is_open().await
}

#[tokio::test]
async fn a_cursor_whose_connection_is_lost_says_so_each_time_it_is_asked() -> Result<()> {
    let books = Books::new().await?;
    let host = books.host(books.grants().map(|grant| grant.with("rows_max = 1000000")), "").await?;
    // Rows so large that not many of them are on their way when the connection ends.
    let large = "SELECT REPEAT('x', 60000) FROM content_ratings a, content_ratings b";
    let [drain, more] = [json!("drain"), json!({ "next": 1 })];
    let steps = [more.clone(), json!({ "until": [BELL, RUNG] }), drain, more.clone(), more];
    let call = Play::begin(&host, &open_and("server", large, steps))?;
    call.reaches(3).await?;
    books.three.database.kill_connections().await?;
    books.ring().await?;
    let answers = call.answers().await?;
    assert_eq!(kinds(&answers[3..]), ["unavailable"; 3], "{:?}", &answers[3..]);
    books.until_nothing_is_open().await
}

#[tokio::test]
async fn a_call_holds_so_many_cursors_and_the_next_one_is_refused_at_once() -> Result<()> {
    let books = Books::new().await?;
    let host = books.host(books.grants(), "").await?;
    for source in SOURCES {
        let mut steps = vec![json!({ "open": [source, "SELECT 1"] }); 17];
        steps.extend([json!({ "begin": source }), json!("close"), json!({ "open": [source, "SELECT 1"] })]);
        let answers = play(&host, json!(steps)).await?;
        let (held, more) = answers.split_at(16);
        assert_eq!(kinds(held), ["ok"; 16], "{source}: {answers:?}");
        assert_eq!(kinds(more), ["limited", "limited", "ok", "ok"], "{source}: {answers:?}");
        assert!(message(&more[0]).contains("16 cursors and transactions"), "{source}: {more:?}");
    }
    books.until_nothing_is_open().await
}

/// An answer that is not read yet keeps a connection.
#[tokio::test]
async fn cursors_beyond_the_connections_of_a_source_are_refused_and_not_waited_for_without_end() -> Result<()> {
    let books = Books::new().await?;
    let [file, server, _] = books.grants().map(|grant| grant.with("rows_max = 1000000").with("time_max_ms = 5000"));
    let file = file.backend("[sql.file.sqlite]\n", "[sql.file.sqlite]\nconnections = 2\n");
    let server = server.backend("[sql.server.mysql]\n", "[sql.server.mysql]\nconnections = 2\n");
    let host = books.host([file, server], "").await?;
    for source in ["file", "server"] {
        let mut steps = vec![json!({ "open": [source, WIDE] }); 3];
        steps.extend([json!("close"), json!({ "open": [source, WIDE] }), json!({ "next": 3 })]);
        let answers = play(&host, json!(steps)).await?;
        assert_eq!(kinds(&answers), ["ok", "ok", "limited", "ok", "ok", "ok"], "{source}: {answers:?}");
        let told = message(&answers[2]);
        assert!(told.contains("every connection to this source is in use"), "{source}: {answers:?}");
        books.until_nothing_is_open().await?;
    }
    Ok(())
}

/// Who reads a file keeps others from writing to it, and who reads from a server keeps a connection.
#[tokio::test]
async fn a_cursor_that_nobody_asks_lets_go_of_its_source_in_time() -> Result<()> {
    let books = Books::new().await?;
    let grants = books.grants().map(|grant| grant.with("rows_max = 1000000").with("time_max_ms = 1000"));
    let host = books.host(grants, "").await?;
    for source in ["file", "server"] {
        let call = Play::begin(&host, &open_and(source, WIDE, [json!({ "next": 1 }), json!("wait")]))?;
        call.reaches(3).await?;
        books.until_nothing_is_open().await.with_context(|| source.to_owned())?;
        ensure!(call.is_under_way(), "{source}: the call has ended");
    }
    Ok(())
}

#[tokio::test]
async fn a_cursor_is_opened_for_a_statement_that_reads_at_a_source_that_was_granted() -> Result<()> {
    let books = Books::new().await?;
    let host = books.host(books.grants(), "").await?;
    for source in SOURCES {
        let open = |statement: &str| json!({ "open": [source, statement] });
        let steps = [
            open("DELETE FROM notes"),
            open("DROP TABLE notes"),
            open("SELECT 1; SELECT 2"),
            open("SELECT nothing FROM notes"),
            json!({ "open": ["crm", "SELECT 1"] }),
        ];
        let answers = play(&host, json!(steps)).await?;
        assert_eq!(kinds(&answers), ["invalid", "denied", "invalid", "invalid", "denied"], "{source}: {answers:?}");
    }
    books.until_nothing_is_open().await
}
