//! A real server whose user may do everything, behind a grant that reads: the promise is
//! not that a text is refused, but that nothing happens.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use mysql_async::Conn;
use mysql_async::prelude::Queryable as _;
use toolhost_tests::data_api::DataApi;
use toolhost_tests::mariadb::{Database, MariaDb};
use toolhost_tests::{Toolhost, crm};

use crate::bench::{Grant, host, query, running, until_running};
use crate::corpus::{ELSEWHERE, OBEYED, READS};

/// How long a statement that is refused may take, on the slowest machine.
const REFUSAL_MAX: Duration = Duration::from_secs(5);

/// What the file holds that no statement may read.
const SECRET: &str = "the contents of a file";

/// What there is to destroy.
const PREY: &str = "
CREATE TABLE t (a INT NOT NULL PRIMARY KEY, b INT, `set` INT, `lock` INT, doc TEXT);
INSERT INTO t VALUES (1, 1, 1, 1, '{\"a\": 1, \"b\": 2}'), (2, 2, 2, 2, '{}'), (3, 3, 3, 3, '{}'), (4, 4, 4, 4, '{}'),
    (5, 5, 5, 5, '{}'), (6, 6, 6, 6, '{}'), (7, 7, 7, 7, '{}'), (8, 8, 8, 8, '{}'), (9, 9, 9, 9, '{}');
CREATE TABLE words (word VARCHAR(200));
CREATE TABLE written (a INT);
CREATE VIEW v AS SELECT a FROM t;
CREATE SEQUENCE s;
CREATE FUNCTION stored_writer() RETURNS INT MODIFIES SQL DATA BEGIN INSERT INTO written VALUES (1); RETURN 1; END;
CREATE PROCEDURE stored_procedure() INSERT INTO written VALUES (2);
";

async fn prey() -> Result<Database> {
    let database = MariaDb::shared().await?.database().await?;
    crm::seed(&database, 40).await?;
    database.execute(PREY).await?;
    std::fs::write(database.directory().join("secret.txt"), SECRET)?;
    Ok(database)
}

/// A statement of the corpus as it is sent: to sleep for a while, or for no time.
fn written(statement: &str, number: usize, database: &Database, seconds: u32) -> String {
    statement
        .replace("{mark}", database.name())
        .replace("{n}", &number.to_string())
        .replace("{long}", &seconds.to_string())
        .replace("{secret}", &database.directory().join("secret.txt").to_string_lossy())
}

/// Everything in the database that could be another after a statement: its tables, what
/// they hold, and what else is stored with them.
async fn state(database: &Database) -> Result<Vec<String>> {
    let name = database.name();
    let mut state = Vec::new();
    for question in [
        "SELECT CONCAT_WS(' ', table_name, column_name, column_type) FROM information_schema.columns \
         WHERE table_schema = DATABASE() ORDER BY table_name, ordinal_position",
        "SELECT CONCAT_WS(' ', routine_type, routine_name) FROM information_schema.routines \
         WHERE routine_schema = DATABASE() ORDER BY 1",
        "SELECT trigger_name FROM information_schema.triggers WHERE trigger_schema = DATABASE()",
        "SELECT CONCAT_WS(' ', next_not_cached_value, cycle_count) FROM s",
    ] {
        state.extend(database.rows::<(String,)>(question).await?.into_iter().map(|(line,)| line));
    }
    let tables = "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE() \
                  AND table_type = 'BASE TABLE' ORDER BY 1";
    for (table,) in database.rows::<(String,)>(tables).await? {
        let sums: Vec<(String, Option<i64>)> =
            database.rows(&format!("CHECKSUM TABLE `{name}`.`{table}` EXTENDED")).await?;
        state.extend(sums.into_iter().map(|(table, sum)| format!("{table} {sum:?}")));
    }
    Ok(state)
}

/// Files of the server's data that a statement of this corpus has written.
fn pwned(directory: &Path, database: &Database) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        let name = path.file_name().context("a name")?.to_string_lossy().into_owned();
        if name.starts_with("pwned_") && name.ends_with(database.name()) {
            found.push(name);
        } else if path == database.directory() {
            found.extend(pwned(&path, database)?);
        }
    }
    Ok(found)
}

/// Sends what must be refused, and looks each time what the server is doing.
async fn attack(host: &Toolhost, database: &Database) -> Result<()> {
    let before = state(database).await?;
    for (number, statement) in OBEYED.iter().chain(ELSEWHERE).enumerate() {
        let sql = written(statement, number, database, 20);
        let begun = Instant::now();
        let answer = query(host, "prey", &sql).await?;
        let took = begun.elapsed();
        assert!(took < REFUSAL_MAX, "{took:?}: {sql}");
        match answer {
            Ok(answer) => panic!("answered: {sql}\n{answer}"),
            Err(refusal) => {
                assert!(["denied", "invalid"].contains(&refusal.kind.as_str()), "{sql}: {refusal:?}");
                assert!(!refusal.message.is_empty() && !refusal.message.contains(SECRET), "{sql}: {refusal:?}");
            }
        }
        assert_eq!(running(database).await?, 0, "still running: {sql}");
    }
    assert_eq!(state(database).await?, before);
    unharmed(database).await
}

/// No file, no lock and no transaction is left behind.
async fn unharmed(database: &Database) -> Result<()> {
    let data = MariaDb::shared().await?.data_directory();
    assert_eq!(pwned(&data, database)?, Vec::<String>::new());
    assert_eq!(database.value::<i32>(&format!("SELECT IS_FREE_LOCK('lock_{}')", database.name())).await?, 1);
    let user = &database.owner().name;
    let transactions = format!(
        "SELECT COUNT(*) FROM information_schema.innodb_trx JOIN information_schema.processlist \
         ON trx_mysql_thread_id = id WHERE user = '{user}'"
    );
    assert_eq!(database.value::<u64>(&transactions).await?, 0);
    Ok(())
}

#[tokio::test]
async fn no_statement_does_more_than_read_over_a_connection() -> Result<()> {
    let database = prey().await?;
    attack(&host(&[Grant::mysql("prey", &database, database.owner())]).await?, &database).await
}

#[tokio::test]
async fn no_statement_does_more_than_read_through_the_data_api() -> Result<()> {
    let database = prey().await?;
    let api = DataApi::start(&database, database.owner()).await?;
    attack(&host(&[Grant::data_api("prey", &api, &database)]).await?, &database).await?;
    // The guard stands before the service: nothing of the kind was even sent.
    let sent: Vec<_> = api.requests().into_iter().filter_map(|seen| seen.sql).collect();
    assert!(sent.iter().all(|sql| sql == "SELECT @@sql_mode"), "{sent:?}");
    Ok(())
}

/// Without this, the two tests above would prove nothing: they might send nonsense, or
/// look in the wrong place.
#[tokio::test]
async fn the_server_itself_would_have_obeyed_every_one_of_them() -> Result<()> {
    let database = prey().await?;
    let before = state(&database).await?;
    for (number, statement) in OBEYED.iter().enumerate() {
        let sql = written(statement, number, &database, 0);
        let mut connection = Conn::new(database.options(database.owner())).await?;
        let done = connection.query_iter(&sql).await.map(drop);
        assert!(done.is_ok(), "{sql}: {done:?}");
        // What it locked or began goes with it.
        connection.disconnect().await?;
        if statement.starts_with("RENAME") {
            database.execute(&format!("RENAME TABLE words_{number} TO words")).await?;
        }
    }
    assert!(database.value::<u64>("SELECT COUNT(*) FROM written").await? > 0);
    assert_ne!(database.value::<u64>("SELECT next_not_cached_value FROM s").await?, 1);
    database.execute("CREATE TABLE t (a INT)").await?;
    assert_ne!(state(&database).await?, before);
    let files = pwned(&MariaDb::shared().await?.data_directory(), &database)?;
    let writers = OBEYED.iter().filter(|statement| statement.contains("pwned_")).count();
    assert_eq!(files.len(), writers);
    let mut connection = Conn::new(database.options(database.owner())).await?;
    let read = written("SELECT `load_file`('{secret}')", 0, &database, 0);
    assert_eq!(connection.query_first::<String, _>(read).await?.as_deref(), Some(SECRET));
    Ok(connection.disconnect().await?)
}

#[tokio::test]
async fn what_people_read_passes_on_both_ways_to_the_database_with_the_same_rows() -> Result<()> {
    let database = prey().await?;
    let api = DataApi::start(&database, database.owner()).await?;
    let (server, cluster) =
        (Grant::mysql("server", &database, database.owner()), Grant::data_api("cluster", &api, &database));
    let host = host(&[server, cluster]).await?;
    for sql in READS {
        let mut answers = Vec::new();
        for source in ["server", "cluster"] {
            let begun = Instant::now();
            match query(&host, source, sql).await? {
                Ok(answer) => answers.push(answer),
                Err(refusal) => panic!("{source} refused: {sql}\n{refusal:?}"),
            }
            assert!(begun.elapsed() < REFUSAL_MAX, "{source}: {sql}");
        }
        // A plan that was carried out says how long that took.
        if !sql.starts_with("ANALYZE") {
            assert_eq!(answers[0]["rows"], answers[1]["rows"], "{sql}");
        }
        assert_ne!(answers[0]["rows"].as_array().map(Vec::len), None, "{sql}");
    }
    unharmed(&database).await
}

/// The second line of defence, where there is one: the operator has vouched for a function
/// that writes after all. Through the Data API there is no session to be read-only, so
/// there the user's rights are that line.
#[tokio::test]
async fn a_function_that_writes_writes_nothing_even_when_the_operator_allows_it() -> Result<()> {
    let database = prey().await?;
    let prey = |name: &str| Grant::mysql(name, &database, database.owner()).with("functions = [\"stored_writer\"]");
    let host = host(&[prey("read"), prey("write").with("access = \"write\"")]).await?;
    for source in ["read", "write"] {
        for sql in
            ["SELECT stored_writer()", "SELECT a FROM t WHERE stored_writer() = 1", "ANALYZE SELECT stored_writer()"]
        {
            match query(&host, source, sql).await? {
                Ok(answer) => panic!("{source} answered {sql}: {answer}"),
                Err(refusal) => assert_eq!(refusal.kind, "denied", "{refusal:?}"),
            }
        }
    }
    assert_eq!(database.value::<u64>("SELECT COUNT(*) FROM written").await?, 0);
    until_running(&database, 0).await
}
