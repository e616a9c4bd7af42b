//! Transactions in each other's way: whoever cannot go on is told so, soon, and nobody waits
//! for himself.

use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::json;
use toolhost_tests::Toolhost;

use crate::bench::{SOURCES, until_running};
use crate::ledger::{AFTER, BALANCES, Books, TAKE, kinds, message, moved_and, play, try_to_play};

#[tokio::test]
async fn of_two_transactions_in_each_others_way_one_is_undone_and_the_other_commits() -> Result<()> {
    let books = Books::new().await?;
    books.three.execute("CREATE TABLE ready (who VARCHAR(9))").await?;
    let host = books.host(books.grants(), "").await?;
    for source in ["server", "cluster"] {
        books.reset().await?;
        books.three.execute("DELETE FROM ready").await?;
        let steps = |me: &str, other: &str, first: &str, second: &str| {
            json!([
                { "begin": source },
                { "inside": format!("UPDATE accounts SET balance = balance - 1 WHERE name = '{first}'") },
                { "outside": ["server", format!("INSERT INTO ready VALUES ('{me}')")] },
                { "until": ["server", format!("SELECT COUNT(*) FROM ready WHERE who = '{other}'")] },
                { "inside": format!("UPDATE accounts SET balance = balance + 1 WHERE name = '{second}'") },
                "commit",
            ])
        };
        let (a, b) =
            tokio::join!(play(&host, steps("a", "b", "ann", "bob")), play(&host, steps("b", "a", "bob", "ann")),);
        let (a, b) = (a?, b?);
        let ended = [kinds(&a[4..]), kinds(&b[4..])];
        let (won, lost) = (vec!["ok", "ok"], vec!["unavailable", "failed"]);
        let expected = match &ended {
            [a, b] if *a == won && *b == lost => [99, 101],
            [a, b] if *a == lost && *b == won => [101, 99],
            _ => anyhow::bail!("{source}: {a:?} {b:?}"),
        };
        assert_eq!(books.balances(source).await?, expected, "{source}");
        books.until_nothing_is_open().await?;
    }
    Ok(())
}

/// How many cursors and transactions a call may hold.
const OPEN_MAX: usize = 16;

#[tokio::test]
async fn a_call_holds_so_many_transactions_and_the_next_one_is_refused_at_once() -> Result<()> {
    let books = Books::new().await?;
    let [_, server, cluster] = books.grants();
    let server = server.backend("[sql.server.mysql]\n", "[sql.server.mysql]\nconnections = 20\n");
    let host = books.host([server, cluster], "").await?;
    for source in ["server", "cluster"] {
        let mut steps = vec![json!({ "begin": source }); OPEN_MAX + 1];
        steps.extend([json!({ "open": [source, BALANCES] }), json!("drop"), json!({ "begin": source })]);
        let answers = play(&host, json!(steps)).await?;
        let (held, more) = answers.split_at(OPEN_MAX);
        assert_eq!(kinds(held), ["ok"; OPEN_MAX], "{source}: {answers:?}");
        assert_eq!(kinds(more), ["limited", "limited", "ok", "ok"], "{source}: {answers:?}");
        assert!(message(&more[0]).contains("16 cursors and transactions"), "{source}: {more:?}");
        books.until_nothing_is_open().await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_call_that_would_wait_for_itself_is_told_so_instead() -> Result<()> {
    let books = Books::new().await?;
    let [file, server, _] = books.grants();
    let one = "[sql.server.mysql]\nconnections = 1\nconnect_ms = 300\n";
    let host = books.host([file, server.backend("[sql.server.mysql]\n", one)], "").await?;
    let begun = Instant::now();
    for (source, says, reads) in
        [("server", "every connection to this source is in use", "limited"), ("file", "holds a transaction", "ok")]
    {
        let rest = [
            json!({ "begin": source }),
            json!({ "outside": [source, "DELETE FROM notes"] }),
            json!({ "batch": [source, "INSERT INTO notes VALUES (?)", [["a"]]] }),
            json!({ "outside": [source, BALANCES] }),
            json!("commit"),
            json!({ "begin": source }),
        ];
        let answers = play(&host, moved_and(source, rest)).await?;
        let expected = ["ok", "ok", "ok", "limited", "limited", "limited", reads, "ok", "ok"];
        assert_eq!(kinds(&answers), expected, "{source}: {answers:?}");
        assert!(answers[3..6].iter().all(|answer| message(answer).contains(says)), "{source}: {answers:?}");
        assert_eq!((books.balances(source).await?, books.notes(source).await?), (AFTER, 0), "{source}");
        books.until_nothing_is_open().await?;
    }
    assert!(begun.elapsed() < Duration::from_secs(20), "it waited: {:?}", begun.elapsed());
    Ok(())
}

/// Rows that the call itself has locked are waited for no longer than a statement may take.
#[tokio::test]
async fn a_call_that_locks_itself_out_is_stopped_in_time() -> Result<()> {
    let books = Books::new().await?;
    books.api.set_call_max(Duration::from_secs(2));
    let [_, server, cluster] = books.grants().map(|grant| grant.with("time_max_ms = 700"));
    let host = books.host([server, cluster], "").await?;
    for source in ["server", "cluster"] {
        books.reset().await?;
        let rest = [json!({ "outside": [source, TAKE] }), json!({ "inside": BALANCES }), json!("commit")];
        let answers = play(&host, moved_and(source, rest)).await?;
        assert_eq!(kinds(&answers[3..]), ["limited", "ok", "ok"], "{source}: {answers:?}");
        books.until_nothing_is_open().await?;
        assert_eq!(books.balances(source).await?, AFTER, "{source}: {answers:?}");
    }
    Ok(())
}

/// As many calls as there are connections, and more, all at the same rows of one table.
#[tokio::test]
async fn transactions_of_many_calls_lose_no_money_and_no_connection() -> Result<()> {
    let books = Books::new().await?;
    let grants = books.grants().map(|grant| grant.with("time_max_ms = 20000"));
    let host = books.host(grants, "").await?;
    for source in SOURCES {
        books.reset().await?;
        let call = |end: &'static str| {
            let (host, steps): (&Toolhost, _) = (&host, moved_and(source, [json!(end)]));
            async move { try_to_play(host, steps).await }
        };
        // Of twelve, the two that commit show; all others must leave no trace.
        let ends = ["commit", "drop", "rollback", "forget", "panic", "drop"];
        let calls = ends.into_iter().cycle().take(12).map(call);
        let mut answered = 0;
        for outcome in futures_util::future::join_all(calls).await {
            let Ok(answers) = outcome? else { continue };
            assert_eq!(kinds(&answers), ["ok"; 4], "{source}: {answers:?}");
            answered += 1;
        }
        assert_eq!(answered, 10, "{source}: only those that panic fail");
        assert_eq!(books.balances(source).await?, [100 - 2 * 30, 100 + 2 * 30], "{source}");
        books.until_nothing_is_open().await?;
    }
    until_running(&books.three.database, 0).await
}
