//! Several queries at the same time: each as if it were alone.

use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use crate::bench::{ENDLESS, SOURCES, until_running};
use crate::ledger::{BALANCES, BEFORE, Books, Play, as_rows, kind, kinds, message, play};

/// What became of each of several queries.
fn each(answers: &[Value]) -> Result<&Vec<Value>> {
    answers.first().and_then(Value::as_array).ok_or_else(|| anyhow::anyhow!("no answers: {answers:?}"))
}

#[tokio::test]
async fn answers_come_in_the_order_of_the_questions_and_one_that_fails_harms_no_other() -> Result<()> {
    let books = Books::new().await?;
    books.api.set_call_max(Duration::from_secs(1));
    let grants = books.grants().map(|grant| grant.with("time_max_ms = 700"));
    let host = books.host(grants, "").await?;
    let questions = json!([{ "many": [
        ["file", "SELECT 1"], ["server", ENDLESS], ["cluster", "SELECT 2"], ["crm", "SELECT 3"],
        ["server", "SELECT 4"], ["file", ENDLESS], ["cluster", "SELECT 5 FROM nowhere"], ["file", "SELECT 6"],
        ["server", "DELETE FROM notes"], ["cluster", "DROP TABLE notes"], ["cluster", ENDLESS], ["server", BALANCES],
    ] }]);
    let answers = play(&host, questions).await?;
    let answers = each(&answers)?;
    let expected =
        ["ok", "limited", "ok", "denied", "ok", "limited", "invalid", "ok", "invalid", "denied", "limited", "ok"];
    assert_eq!(kinds(answers), expected, "{answers:?}");
    for (at, value) in [(0, 1), (2, 2), (4, 4), (7, 6)] {
        assert_eq!(answers[at], json!([[value]]), "{answers:?}");
    }
    assert_eq!(answers[11], as_rows(BEFORE));
    assert!(message(&answers[3]).contains("`crm` is no sql grant of this plugin"), "{answers:?}");
    books.until_nothing_is_open().await
}

/// If one waited for another, the first would keep all others from ever reaching the server.
#[tokio::test]
async fn queries_run_at_the_same_time_and_end_with_their_call() -> Result<()> {
    let books = Books::new().await?;
    books.api.set_call_max(Duration::from_secs(3));
    let host = books.host(books.grants(), "").await?;
    let questions =
        [("file", ENDLESS), ("server", ENDLESS), ("cluster", ENDLESS), ("server", ENDLESS), ("file", ENDLESS)];
    let call = Play::begin(&host, &json!([{ "many": questions }]))?;
    until_running(&books.three.database, 3).await?;
    ensure!(call.is_under_way(), "the call has ended");
    call.hang_up().await?;
    books.until_nothing_is_open().await
}

#[tokio::test]
async fn up_to_sixteen_queries_are_taken_and_of_more_not_one() -> Result<()> {
    let books = Books::new().await?;
    let host = books.host(books.grants(), "").await?;
    for source in SOURCES {
        let many = |count: usize| {
            let questions: Vec<_> = (0..count).map(|number| (source, format!("SELECT {number}"))).collect();
            json!([{ "many": questions }])
        };
        let most = play(&host, many(16)).await?;
        let rows: Vec<_> = (0..16).map(|number| json!([[number]])).collect();
        assert_eq!(each(&most)?, &rows, "{source}");
        let too_many = play(&host, many(17)).await?;
        let too_many = each(&too_many)?;
        assert_eq!(too_many.len(), 17, "{source}");
        for answer in too_many {
            assert_eq!(kind(answer), "limited", "{source}: {answer}");
            assert!(message(answer).contains("at most 16 queries"), "{source}: {answer}");
        }
        assert_eq!(play(&host, many(0)).await?, [json!([])], "{source}");
    }
    books.until_nothing_is_open().await
}
