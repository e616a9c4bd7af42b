//! A transaction happens as a whole or not at all, whatever becomes of the call that holds it.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde_json::json;
use toolhost_tests::data_api::Fault;

use crate::bench::{ENDLESS, PATIENCE, SOURCES};
use crate::ledger::{
    AFTER, AFTER_MOVE, BALANCES, BEFORE, BELL, Books, GIVE, Play, RUNG, TAKE, as_rows, kind, kinds, message, moved_and,
    play, try_to_play,
};

/// Nothing has happened, and nothing is left of it.
async fn is_undone(books: &Books, source: &str, how: &str) -> Result<()> {
    books.until_nothing_is_open().await?;
    ensure!(books.balances(source).await? == BEFORE, "{source}, {how}: {:?}", books.balances(source).await?);
    Ok(())
}

#[tokio::test]
async fn statements_of_a_transaction_see_each_other_and_nobody_else_sees_them_before_the_commit() -> Result<()> {
    let books = Books::new().await?;
    let host = books.host(books.grants(), "").await?;
    for source in SOURCES {
        books.reset().await?;
        let rest = [
            json!({ "inside": BALANCES }),
            json!({ "outside": [source, BALANCES] }),
            json!({ "until": [BELL, RUNG] }),
            json!("commit"),
            json!({ "outside": [source, BALANCES] }),
        ];
        let call = Play::begin(&host, &moved_and(source, rest))?;
        call.reaches(AFTER_MOVE + 2).await?;
        assert_eq!(books.balances(source).await?, BEFORE, "{source}: others see what is not committed");
        books.ring().await?;
        let answers = call.answers().await?;
        let one = json!({ "rows_affected": 1 });
        assert_eq!(answers[1..3], [one.clone(), one], "{source}");
        assert_eq!(answers[3], as_rows(AFTER), "{source}: the transaction does not see itself");
        assert_eq!(answers[4], as_rows(BEFORE), "{source}: the call's other statements see it too early");
        assert_eq!(answers[7], as_rows(AFTER), "{source}: it is not there after the commit");
        assert_eq!(books.balances(source).await?, AFTER, "{source}");
        books.until_nothing_is_open().await?;
    }
    Ok(())
}

#[tokio::test]
async fn whatever_ends_a_transaction_but_a_commit_undoes_it() -> Result<()> {
    let books = Books::new().await?;
    let host = books.host(books.grants(), "[plugins.ledger.limits]\nhost_calls = 60\n").await?;
    let ends = [
        (json!("rollback"), ""),
        (json!("drop"), ""),
        (json!("forget"), ""),
        (json!("panic"), "crashed"),
        (json!({ "until": [BELL, RUNG] }), "over-limit"),
    ];
    for source in SOURCES {
        for (end, kind) in &ends {
            let outcome = try_to_play(&host, moved_and(source, [end.clone()])).await?;
            match &outcome {
                Ok(answers) => assert_eq!((kinds(answers), *kind), (vec!["ok"; 4], ""), "{source}, {end}"),
                Err(refusal) => assert_eq!(refusal.kind, *kind, "{source}, {end}: {refusal:?}"),
            }
            is_undone(&books, source, &end.to_string()).await?;
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_call_that_is_cut_at_its_deadline_undoes_its_transaction() -> Result<()> {
    let books = Books::new().await?;
    books.api.set_call_max(Duration::from_secs(2));
    let host = books.host(books.grants(), "[plugins.ledger.limits]\ndeadline_ms = 1000\n").await?;
    for source in SOURCES {
        for end in [json!("wait"), json!("spin"), json!({ "inside": ENDLESS })] {
            let outcome = try_to_play(&host, moved_and(source, [end.clone()])).await?;
            let refusal = outcome.err().unwrap_or_else(|| panic!("{source}, {end}: it ended by itself"));
            assert_eq!(refusal.kind, "deadline", "{source}, {end}: {refusal:?}");
            is_undone(&books, source, &end.to_string()).await?;
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_call_whose_caller_hangs_up_undoes_its_transaction() -> Result<()> {
    let books = Books::new().await?;
    books.api.set_call_max(Duration::from_secs(2));
    let host = books.host(books.grants(), "").await?;
    for source in SOURCES {
        for end in [json!("wait"), json!("spin"), json!({ "inside": ENDLESS })] {
            let call = Play::begin(&host, &moved_and(source, [end.clone()]))?;
            call.reaches(AFTER_MOVE).await?;
            call.hang_up().await?;
            is_undone(&books, source, &end.to_string()).await?;
        }
    }
    Ok(())
}

/// The file's own case: a commit has to wait until nobody reads.
#[tokio::test]
async fn a_commit_that_waits_when_its_caller_hangs_up_does_not_happen_later() -> Result<()> {
    let books = Books::new().await?;
    let host = books.host(books.grants(), "").await?;
    let reads = json!([
        { "open": ["file", "SELECT rating_id FROM content_ratings"] },
        { "next": 1 },
        { "until": [BELL, RUNG] },
        "close",
    ]);
    let reader = Play::begin(&host, &reads)?;
    reader.reaches(3).await?;
    let writer = Play::begin(&host, &moved_and("file", [json!("commit")]))?;
    writer.reaches(AFTER_MOVE).await?;
    // It holds off new readers from the moment that it waits.
    let begun = Instant::now();
    while books.file()?.query_row(BALANCES, [], |_| Ok(())).is_ok() {
        ensure!(begun.elapsed() < PATIENCE && writer.is_under_way(), "the commit does not wait");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    writer.hang_up().await?;
    books.ring().await?;
    assert_eq!(kinds(&reader.answers().await?), ["ok"; 4]);
    is_undone(&books, "file", "a commit that waited").await
}

#[tokio::test]
async fn a_statement_that_is_refused_changes_nothing_and_the_transaction_goes_on() -> Result<()> {
    let books = Books::new().await?;
    let host = books.host(books.grants(), "").await?;
    let refused = [
        ("INSERT INTO accounts VALUES ('cid', 1), ('ann', 1)", "invalid"),
        ("UPDATE accounts SET balance = -1 WHERE name = 'bob'", "invalid"),
        ("UPDATE acounts SET balance = 1", "invalid"),
        ("SELECT 1 FROM", "invalid"),
        ("UPDATE accounts SET balance = 1; COMMIT", "invalid"),
        ("COMMIT", "denied"),
        ("ROLLBACK", "denied"),
        ("BEGIN", "denied"),
        ("SAVEPOINT a", "denied"),
        ("CREATE TABLE made (a INT)", "denied"),
    ];
    for source in SOURCES {
        books.reset().await?;
        let mut steps = vec![json!({ "begin": source }), json!({ "inside": TAKE })];
        steps.extend(refused.iter().map(|(statement, _)| json!({ "inside": statement })));
        steps.extend([json!({ "inside": GIVE }), json!({ "inside": BALANCES }), json!("commit")]);
        let answers = play(&host, json!(steps)).await?;
        for ((statement, expected), answer) in refused.iter().zip(&answers[2..]) {
            assert_eq!(kind(answer), *expected, "{source}: {statement}: {answer}");
        }
        let end = &answers[2 + refused.len()..];
        assert_eq!(kinds(end), ["ok"; 3], "{source}: {end:?}");
        assert_eq!(end[1], as_rows(AFTER), "{source}");
        assert_eq!(books.balances(source).await?, AFTER, "{source}");
        books.until_nothing_is_open().await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_transaction_is_over_when_one_of_its_statements_was_cut_off() -> Result<()> {
    let books = Books::new().await?;
    books.api.set_call_max(Duration::from_secs(1));
    let grants = books.grants().map(|grant| grant.with("time_max_ms = 500"));
    let host = books.host(grants, "").await?;
    let slow_write = format!("UPDATE accounts SET balance = ({ENDLESS}) WHERE name = 'bob'");
    for source in SOURCES {
        for (slow, end, ended) in
            [(ENDLESS, "commit", "failed"), (&slow_write, "commit", "failed"), (&slow_write, "rollback", "")]
        {
            let rest =
                [json!({ "inside": slow }), json!({ "inside": GIVE }), json!({ "inside": BALANCES }), json!(end)];
            let answers = play(&host, moved_and(source, rest)).await?;
            let words: Vec<_> = answers[3..].iter().map(kind).collect();
            assert_eq!(words, ["limited", "failed", "failed", ended], "{source}: {answers:?}");
            assert!(message(&answers[4]).contains("was rolled back"), "{source}: {answers:?}");
            is_undone(&books, source, slow).await?;
        }
    }
    Ok(())
}

/// SQLite can be told to roll back when a row is in the way, by the table or by the statement.
#[tokio::test]
async fn what_follows_a_rollback_by_the_database_itself_is_not_done_on_its_own() -> Result<()> {
    let books = Books::new().await?;
    books.file()?.execute_batch("CREATE TABLE once (name TEXT UNIQUE ON CONFLICT ROLLBACK)")?;
    let host = books.host(books.grants(), "").await?;
    let twice = "INSERT INTO once VALUES ('x'), ('x')";
    for conflict in [twice, "INSERT OR ROLLBACK INTO notes VALUES ('x'), ('x')"] {
        let rest = [json!({ "inside": conflict }), json!({ "inside": GIVE }), json!("commit")];
        let answers = play(&host, moved_and("file", rest)).await?;
        assert_ne!(kind(&answers[3]), "", "{conflict}: {answers:?}");
        assert_eq!(kinds(&answers[4..]), ["failed", "failed"], "{conflict}: {answers:?}");
        is_undone(&books, "file", conflict).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_transaction_whose_connection_is_lost_is_over() -> Result<()> {
    let books = Books::new().await?;
    let host = books.host(books.grants(), "").await?;
    for (source, told) in [("server", "unavailable"), ("cluster", "failed")] {
        books.reset().await?;
        books.api.set_idle_max(Duration::from_millis(100));
        let rest = [json!({ "until": [BELL, RUNG] }), json!({ "inside": GIVE }), json!("commit")];
        let call = Play::begin(&host, &moved_and(source, rest))?;
        match source {
            "server" => {
                call.reaches(AFTER_MOVE).await?;
                books.three.database.kill_connections().await?;
            }
            // The service gives up what idles: three minutes there, a moment here.
            _ => books.api.set_idle_max(Duration::from_millis(300)),
        }
        call.reaches(AFTER_MOVE).await?;
        books.until_nothing_is_open().await?;
        books.ring().await?;
        let answers = call.answers().await?;
        assert_eq!(kinds(&answers[4..]), [told, "failed"], "{source}: {answers:?}");
        is_undone(&books, source, "a lost connection").await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_commit_that_is_refused_undoes_all() -> Result<()> {
    let books = Books::new().await?;
    books
        .file()?
        .execute_batch("CREATE TABLE owners (name TEXT REFERENCES accounts (name) DEFERRABLE INITIALLY DEFERRED)")?;
    let grants = books.grants().map(|grant| grant.with("time_max_ms = 3000"));
    let host = books.host(grants, "").await?;
    // A cursor of the same call reads the file.
    let reads = json!([
        { "open": ["file", "SELECT rating_id FROM content_ratings"] }, { "next": 1 },
        { "begin": "file" }, { "inside": TAKE }, "commit", "close",
    ]);
    let answers = play(&host, reads).await?;
    assert_eq!(kinds(&answers), ["ok", "ok", "ok", "ok", "unavailable", "ok"], "{answers:?}");
    assert!(message(&answers[4]).contains("busy"), "{answers:?}");
    is_undone(&books, "file", "a reader").await?;

    // What the tables forbid at the end only.
    let rest = [json!({ "inside": "INSERT INTO owners VALUES ('nobody')" }), json!("commit")];
    let answers = play(&host, moved_and("file", rest)).await?;
    assert_eq!(kinds(&answers[3..]), ["ok", "invalid"], "{answers:?}");
    is_undone(&books, "file", "a foreign key").await?;

    // A role that may begin and not commit.
    books.api.fail_with(Fault::Denied("rds-data:CommitTransaction"));
    let answers = play(&host, moved_and("cluster", [json!("commit")])).await?;
    assert_eq!(kinds(&answers[3..]), ["unavailable"], "{answers:?}");
    assert!(message(&answers[3]).contains("rds-data:CommitTransaction"), "{answers:?}");
    is_undone(&books, "cluster", "a policy").await
}

/// Over the network, what was asked may be done though no answer comes.
#[tokio::test]
async fn a_commit_without_an_answer_is_told_as_one_that_may_have_happened() -> Result<()> {
    let books = Books::new().await?;
    let [_, _, cluster] = books.grants();
    let host = books.host([cluster.with("time_max_ms = 1000")], "").await?;
    let call = Play::begin(&host, &moved_and("cluster", [json!({ "until": [BELL, RUNG] }), json!("commit")]))?;
    call.reaches(AFTER_MOVE).await?;
    books.api.set_answer_delay(Duration::from_secs(3));
    books.ring().await?;
    let answers = call.answers().await?;
    assert_eq!(kind(&answers[4]), "unavailable", "{answers:?}");
    assert!(message(&answers[4]).contains("look whether they were"), "{answers:?}");
    books.until_nothing_is_open().await?;
    assert_eq!(books.balances("cluster").await?, AFTER);
    Ok(())
}

/// The service would keep a transaction of which nobody knows for three minutes.
#[tokio::test]
async fn a_transaction_that_begins_when_its_caller_has_hung_up_is_ended_at_once() -> Result<()> {
    let books = Books::new().await?;
    let [_, _, cluster] = books.grants();
    let host = books.host([cluster], "").await?;
    // The first statement ever is the host's own, about the server.
    play(&host, json!([{ "outside": ["cluster", BALANCES] }])).await?;
    let seen = |action: &str| books.api.requests().iter().any(|request| request.action == action);
    books.api.set_answer_delay(Duration::from_secs(2));
    let call = Play::begin(&host, &json!([{ "begin": "cluster" }]))?;
    let begun = Instant::now();
    while !seen("BeginTransaction") {
        ensure!(begun.elapsed() < PATIENCE, "the service is not asked to begin");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    call.hang_up().await?;
    while !seen("RollbackTransaction") {
        ensure!(begun.elapsed() < PATIENCE, "the transaction is left open");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

#[tokio::test]
async fn a_grant_that_reads_begins_no_transaction_and_a_source_not_granted_none_either() -> Result<()> {
    let books = Books::new().await?;
    let host = books.host(books.three.grants(SOURCES), "").await?;
    for source in SOURCES {
        let answers = play(
            &host,
            json!([
                { "begin": source },
                { "outside": [source, TAKE] },
                { "batch": [source, "INSERT INTO notes VALUES (?)", [["a"]]] },
                { "outside": [source, BALANCES] },
            ]),
        )
        .await?;
        assert_eq!(kinds(&answers), ["denied", "denied", "denied", "ok"], "{source}: {answers:?}");
        assert!(message(&answers[0]).contains("granted for reading only"), "{source}: {answers:?}");
        is_undone(&books, source, "a grant that reads").await?;
    }
    let foreign = play(&host, json!([{ "begin": "crm" }, { "batch": ["crm", TAKE, [[]]] }])).await?;
    assert_eq!(kinds(&foreign), ["denied", "denied"], "{foreign:?}");
    assert!(message(&foreign[0]).contains("`crm` is no sql grant of this plugin"), "{foreign:?}");
    Ok(())
}
