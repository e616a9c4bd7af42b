//! The guest `ledger` on three sources that it may write to: what the tests of the whole
//! contract share. Each test says in steps what the guest does, and looks past the host
//! what came of it.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use mysql_async::prelude::Queryable as _;
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use toolhost_tests::data_api::DataApi;
use toolhost_tests::http::Response;
use toolhost_tests::mariadb::{Database, MariaDb};
use toolhost_tests::{Toolhost, toolhost::Setup};

use crate::bench::{Grant, PATIENCE, Refusal, SOURCES, Three, outcome, running, send_call, setup_of};

/// The grant of a database apart, where a test rings to let a guest that waits go on.
pub(crate) const BELL: &str = "bell";

/// A statement for the step `until`: whether the test has rung.
pub(crate) const RUNG: &str = "SELECT COUNT(*) FROM rings";

/// Moves 30 from one account to the other.
pub(crate) const TAKE: &str = "UPDATE accounts SET balance = balance - 30 WHERE name = 'ann'";
pub(crate) const GIVE: &str = "UPDATE accounts SET balance = balance + 30 WHERE name = 'bob'";

/// What both hold.
pub(crate) const BALANCES: &str = "SELECT balance FROM accounts ORDER BY name";

/// Both balances before that, and after.
pub(crate) const BEFORE: [i64; 2] = [100, 100];
pub(crate) const AFTER: [i64; 2] = [70, 130];

/// How soon nothing may be left of what was given up. Far less than the minute after which
/// the host closes idle connections, and the three after which the Data API gives up by itself.
const TIDY_TIME: Duration = Duration::from_secs(20);

/// The server's number for a lock that is not to be had.
const LOCK_WAIT_TIMEOUT: u16 = 1205;

/// The CRM three times over, each with the table `accounts`, and a bell.
pub(crate) struct Books {
    pub(crate) three: Three,
    /// The Data API for a user who may write.
    pub(crate) api: DataApi,
    bell: Database,
}

impl Books {
    pub(crate) async fn new() -> Result<Self> {
        let three = Three::new(100).await?;
        three
            .execute(
                "CREATE TABLE accounts (name VARCHAR(20) PRIMARY KEY, balance INT NOT NULL CHECK (balance >= 0));
                 CREATE TABLE notes (text VARCHAR(2000) NOT NULL UNIQUE)",
            )
            .await?;
        let api = DataApi::start(&three.database, three.database.owner()).await?;
        let bell = MariaDb::shared().await?.database().await?;
        bell.execute("CREATE TABLE rings (at INT)").await?;
        let books = Self { three, api, bell };
        books.reset().await?;
        Ok(books)
    }

    /// A grant of each of [`SOURCES`], to write to.
    pub(crate) fn grants(&self) -> [Grant; 3] {
        let database = &self.three.database;
        let grants = [
            Grant::sqlite(SOURCES[0], &self.three.file()),
            Grant::mysql(SOURCES[1], database, database.owner()),
            Grant::data_api(SOURCES[2], &self.api, database),
        ];
        grants.map(|grant| grant.with("access = \"write\""))
    }

    /// A host with the guest, these grants and the bell, and something more in the config.
    pub(crate) async fn host(&self, grants: impl IntoIterator<Item = Grant>, more: &str) -> Result<Toolhost> {
        self.setup(grants, more)?.start().await
    }

    /// The same, not started yet.
    pub(crate) fn setup(&self, grants: impl IntoIterator<Item = Grant>, more: &str) -> Result<Setup> {
        let bell = Grant::mysql(BELL, &self.bell, self.bell.reader());
        let grants: Vec<Grant> = grants.into_iter().chain([bell]).collect();
        setup_of("ledger", &grants, more)
    }

    /// Back to the beginning: 100 for each of the two, no notes, and the bell is silent.
    pub(crate) async fn reset(&self) -> Result<()> {
        self.bell.execute("DELETE FROM rings").await?;
        let reset = "DELETE FROM notes; DELETE FROM accounts; INSERT INTO accounts VALUES ('ann', 100), ('bob', 100)";
        self.three.execute(reset).await
    }

    /// Lets whoever waits until the bell has rung go on.
    pub(crate) async fn ring(&self) -> Result<()> {
        self.bell.execute("INSERT INTO rings VALUES (1)").await
    }

    /// The file, past the host. It does not wait for locks.
    pub(crate) fn file(&self) -> Result<rusqlite::Connection> {
        let file = rusqlite::Connection::open(self.three.file())?;
        file.busy_timeout(Duration::ZERO)?;
        Ok(file)
    }

    /// What both hold, as anybody else sees it.
    pub(crate) async fn balances(&self, source: &str) -> Result<[i64; 2]> {
        let found: Vec<i64> = if source == SOURCES[0] {
            let file = rusqlite::Connection::open(self.three.file())?;
            file.prepare(BALANCES)?.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?
        } else {
            self.three.database.rows::<(i64,)>(BALANCES).await?.into_iter().map(|(balance,)| balance).collect()
        };
        found.try_into().map_err(|found| anyhow::anyhow!("{source}: {found:?}"))
    }

    /// How many notes there are, as anybody else sees it.
    pub(crate) async fn notes(&self, source: &str) -> Result<i64> {
        let count = "SELECT COUNT(*) FROM notes";
        if source == SOURCES[0] {
            return Ok(rusqlite::Connection::open(self.three.file())?.query_row(count, [], |row| row.get(0))?);
        }
        self.three.database.value(count).await
    }

    /// Waits until no statement and no transaction of the host's is left, in the file or on the server.
    pub(crate) async fn until_nothing_is_open(&self) -> Result<()> {
        let begun = Instant::now();
        loop {
            let statements = running(&self.three.database).await?;
            let (file, server) = (self.file_is_in_use()?, self.server_is_in_use().await?);
            if statements == 0 && !file && !server {
                return Ok(());
            }
            ensure!(
                begun.elapsed() < TIDY_TIME,
                "{statements} statements are left; in use: the file {file}, the server {server}"
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Whether an open transaction has so much as read one of the tables on the server. (The
    /// server's own list of transactions is out of date while somebody keeps asking for it.)
    async fn server_is_in_use(&self) -> Result<bool> {
        let mut connection = self.three.database.connect().await?;
        let all = "LOCK TABLES accounts WRITE, notes WRITE, content_ratings WRITE NOWAIT";
        let locked = match connection.query_drop(all).await {
            Ok(()) => false,
            Err(mysql_async::Error::Server(error)) if error.code == LOCK_WAIT_TIMEOUT => true,
            Err(error) => return Err(error.into()),
        };
        connection.disconnect().await?;
        Ok(locked)
    }

    /// Whether anybody reads or writes the file.
    pub(crate) fn file_is_in_use(&self) -> Result<bool> {
        Ok(self.file()?.execute_batch("BEGIN EXCLUSIVE; ROLLBACK").is_err())
    }
}

/// A transaction that has moved the money, and then does something else.
pub(crate) fn moved_and(source: &str, rest: impl IntoIterator<Item = Value>) -> Value {
    let moved = [json!({ "begin": source }), json!({ "inside": TAKE }), json!({ "inside": GIVE })];
    moved.into_iter().chain(rest).collect()
}

/// The number of the first step after [`moved_and`]'s own.
pub(crate) const AFTER_MOVE: usize = 4;

/// Has the guest take steps, and answers what became of each.
pub(crate) async fn play(host: &Toolhost, steps: Value) -> Result<Vec<Value>> {
    match try_to_play(host, steps).await? {
        Ok(answers) => Ok(answers),
        Err(refusal) => anyhow::bail!("the call failed: {refusal:?}"),
    }
}

/// The same, where the call may fail as a whole.
pub(crate) async fn try_to_play(host: &Toolhost, steps: Value) -> Result<Result<Vec<Value>, Refusal>> {
    let (status, answer) = host.call("ledger__play", json!({ "steps": steps })).await?;
    answers(status, &answer)
}

fn answers(status: u16, answer: &Value) -> Result<Result<Vec<Value>, Refusal>> {
    Ok(match outcome(status, answer)? {
        Ok(answer) => Ok(answer["result"].as_array().with_context(|| format!("no answers: {answer}"))?.clone()),
        Err(refusal) => Err(refusal),
    })
}

/// A call under way. It hangs up when it is dropped.
pub(crate) struct Play<'a> {
    host: &'a Toolhost,
    call: JoinHandle<Result<Response>>,
    /// How much the host had printed before.
    printed: usize,
}

impl<'a> Play<'a> {
    /// Has the guest take steps, and does not wait for it.
    pub(crate) fn begin(host: &'a Toolhost, steps: &Value) -> Result<Self> {
        let printed = host.printed()?.len();
        let call = send_call(host, "ledger__play", &json!({ "steps": steps }));
        Ok(Self { host, call, printed })
    }

    /// Waits until the guest takes this step, counted from 1; those before it are done.
    pub(crate) async fn reaches(&self, step: usize) -> Result<()> {
        let line = format!("takes step {step} ");
        self.sees(&line).await
    }

    /// What became of each step.
    pub(crate) async fn answers(mut self) -> Result<Vec<Value>> {
        let response = (&mut self.call).await??;
        match answers(response.status, &response.json()?)? {
            Ok(answers) => Ok(answers),
            Err(refusal) => anyhow::bail!("the call failed: {refusal:?}"),
        }
    }

    /// Whether the guest is still at it.
    pub(crate) fn is_under_way(&self) -> bool {
        !self.call.is_finished()
    }

    /// Hangs up, and waits until the host has given the call up.
    pub(crate) async fn hang_up(self) -> Result<()> {
        ensure!(self.is_under_way(), "the call has ended by itself");
        self.call.abort();
        self.sees("cancelled").await
    }

    async fn sees(&self, text: &str) -> Result<()> {
        let begun = Instant::now();
        loop {
            let printed = self.host.printed()?;
            let new = printed.get(self.printed..).unwrap_or_default();
            if new.lines().any(|line| format!("{line} ").contains(text)) {
                return Ok(());
            }
            ensure!(begun.elapsed() < PATIENCE, "the log never said `{text}`: {new}");
            ensure!(self.is_under_way() || text == "cancelled", "the call ended before `{text}`: {new}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Play<'_> {
    fn drop(&mut self) {
        self.call.abort();
    }
}

/// The stable word of a step that failed; nothing if it did not.
pub(crate) fn kind(answer: &Value) -> &str {
    answer["error"].as_str().unwrap_or_default()
}

/// What an error of a step says.
pub(crate) fn message(answer: &Value) -> &str {
    answer["message"].as_str().unwrap_or_default()
}

/// The stable words of the steps, with `ok` for those that did not fail.
pub(crate) fn kinds(answers: &[Value]) -> Vec<&str> {
    answers.iter().map(|answer| if kind(answer).is_empty() { "ok" } else { kind(answer) }).collect()
}

/// Two balances as rows.
pub(crate) fn as_rows([ann, bob]: [i64; 2]) -> Value {
    json!([[ann], [bob]])
}
