//! What a statement may use, and that it ends when nobody wants it any more.

use std::time::{Duration, Instant};

use toolhost_embedded::{Engine, Error, Limits};

use crate::files;

/// Would run for hours.
const ENDLESS: &str = "SELECT count(*) FROM UNNEST(sequence(1, 10000)) AS a(x) CROSS JOIN UNNEST(sequence(1, 10000)) AS b(y) \
                       CROSS JOIN UNNEST(sequence(1, 10000)) AS c(z) WHERE (x * y + z) % 7 = 3";

fn limited(limits: Limits) -> (tempfile::TempDir, Engine) {
    let folder = files::folder();
    let engine = Engine::open(folder.path(), "support", limits).unwrap();
    (folder, engine)
}

#[tokio::test]
async fn a_statement_that_needs_too_much_memory_is_refused_and_the_next_one_runs() {
    let (_folder, engine) = limited(Limits { memory_bytes: 4 << 20, ..Limits::default() });
    let many = "SELECT x, y, count(*) FROM UNNEST(sequence(1, 10000)) AS a(x) CROSS JOIN UNNEST(sequence(1, 1000)) AS b(y) GROUP BY x, y";
    let gathered = "SELECT histogram(x * 10000 + y) FROM UNNEST(sequence(1, 10000)) AS a(x) CROSS JOIN UNNEST(sequence(1, 1000)) AS b(y)";
    let sorted = "SELECT x, y FROM UNNEST(sequence(1, 10000)) AS a(x) CROSS JOIN UNNEST(sequence(1, 1000)) AS b(y) ORDER BY x * y DESC, x";
    for statement in [many, gathered, sorted] {
        match files::all(&engine, statement, &[]).await {
            Err(Error::Memory { limit_bytes }) => assert_eq!(limit_bytes, 4 << 20),
            other => panic!("{statement}: {:?}", other.map(|(_, rows)| rows.len())),
        }
    }
    assert!(files::all(&engine, "SELECT count(*) FROM orders", &[]).await.is_ok());
}

#[tokio::test]
async fn a_statement_that_runs_too_long_is_stopped() {
    let (_folder, engine) = limited(Limits { time: Duration::from_millis(300), ..Limits::default() });
    let started = Instant::now();
    match files::all(&engine, ENDLESS, &[]).await {
        Err(Error::Time { limit }) => assert_eq!(limit, Duration::from_millis(300)),
        other => panic!("{other:?}"),
    }
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
}

#[tokio::test]
async fn a_statement_nobody_waits_for_leaves_the_threads_to_others() {
    let (_folder, engine) = limited(Limits { threads: 1, ..Limits::default() });
    for _ in 0..8 {
        drop(engine.run(ENDLESS, &[]).await.unwrap());
    }
    let started = Instant::now();
    assert!(files::all(&engine, "SELECT count(*) FROM orders", &[]).await.is_ok());
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
}

/// The test's own runtime has one thread: it would stand still if the statement ran on it.
#[tokio::test]
async fn a_heavy_statement_does_not_hold_up_the_callers_other_tasks() {
    let (_folder, engine) = limited(Limits { time: Duration::from_secs(2), threads: 1, ..Limits::default() });
    let heavy = tokio::spawn(async move { files::all(&engine, ENDLESS, &[]).await.is_err() });
    let mut ticks = tokio::time::interval(Duration::from_millis(20));
    let mut longest = Duration::ZERO;
    let mut last = Instant::now();
    while !heavy.is_finished() {
        ticks.tick().await;
        longest = longest.max(last.elapsed());
        last = Instant::now();
    }
    assert!(heavy.await.unwrap(), "the statement should have run out of time");
    assert!(longest < Duration::from_secs(1), "stood still for {longest:?}");
}

#[tokio::test]
async fn a_statement_may_hold_three_hundred_operators_and_no_more() {
    let (_folder, engine) = limited(Limits::default());
    let sum = |operators: usize| format!("SELECT 1{}", " + 1".repeat(operators));
    let (_, rows) = files::all(&engine, &sum(300), &[]).await.unwrap();
    assert_eq!(files::shown(&rows[0][0]), "301");
    let or = format!("SELECT count(*) FROM customers WHERE id = 1{}", " OR id = 2".repeat(149));
    assert_eq!(files::shown(&files::all(&engine, &or, &[]).await.unwrap().1[0][0]), "2");
    for statement in [sum(301), sum(60_000), format!("SELECT 1{}", " UNION SELECT 1".repeat(2000))] {
        assert!(matches!(engine.run(&statement, &[]).await, Err(Error::Unsupported { .. })));
    }
}

#[tokio::test]
async fn a_statement_may_not_nest_deeper_than_the_planner_can_walk() {
    let (_folder, engine) = limited(Limits::default());
    let nested = |depth: usize| format!("SELECT {}1{}", "abs(".repeat(depth), ")".repeat(depth));
    assert!(files::all(&engine, &nested(20), &[]).await.is_ok());
    for statement in [
        nested(500),
        format!("SELECT {}1{}", "(".repeat(5000), ")".repeat(5000)),
        format!("SELECT {}1{}", "ARRAY[".repeat(5000), "]".repeat(5000)),
        format!("SELECT * FROM {}orders{}", "(SELECT * FROM ".repeat(500), ")".repeat(500)),
        format!("SELECT CAST(NULL AS {}bigint{})", "array(".repeat(5000), ")".repeat(5000)),
        format!("SELECT {}1{}", "CASE WHEN true THEN ".repeat(500), " END".repeat(500)),
        format!("SELECT {}true", "NOT ".repeat(50_000)),
        format!("SELECT {}1", "- ".repeat(50_000)),
    ] {
        assert!(engine.run(&statement, &[]).await.is_err(), "{}", &statement[..40]);
    }
    let long = format!("SELECT '{}'", "x".repeat(300_000));
    assert!(matches!(engine.run(&long, &[]).await, Err(Error::Unsupported { .. })));
}
