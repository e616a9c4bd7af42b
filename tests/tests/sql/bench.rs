//! The `sql` plugin before real databases: what the tests of this folder share.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::Command;
use tokio::task::JoinHandle;
use toolhost_tests::data_api::DataApi;
use toolhost_tests::http::{Connection, Response};
use toolhost_tests::mariadb::{Database, MariaDb, User};
use toolhost_tests::toolhost::Setup;
use toolhost_tests::{Toolhost, crm, toolhost_program};

/// How long a test waits for what must come sooner or later.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A question that no database answers while a test lasts.
pub(crate) const ENDLESS: &str = "SELECT COUNT(*) FROM content_ratings a, content_ratings b, content_ratings c, \
                           content_ratings d, content_ratings e WHERE a.rating + b.rating + c.rating + d.rating + e.rating = 0";

/// One `[sql.<name>]` table, and the variables that it refers to.
#[derive(Clone)]
pub(crate) struct Grant {
    name: String,
    keys: String,
    backend: String,
    environment: Vec<(String, String)>,
}

impl Grant {
    /// A SQLite file.
    pub(crate) fn sqlite(name: &str, path: &Path) -> Self {
        Self::new(name, "sqlite", &format!("path = {path:?}\n"), &[])
    }

    /// A database, as one of its users.
    pub(crate) fn mysql(name: &str, database: &Database, user: &User) -> Self {
        let keys = format!(
            "host = \"127.0.0.1\"\nport = {}\nuser = {:?}\ndatabase = {:?}\npassword = \"env:{name}_PASSWORD\"\n",
            database.port(),
            user.name,
            database.name(),
        );
        Self::new(name, "mysql", &keys, &[(&format!("{name}_PASSWORD"), &user.password)])
    }

    /// A database through the Data API.
    pub(crate) fn data_api(name: &str, api: &DataApi, database: &Database) -> Self {
        let keys = format!(
            "cluster_arn = {:?}\nsecret_arn = {:?}\ndatabase = {:?}\nendpoint_url = {:?}\n\
             credentials = {{ access_key_id = \"env:{name}_KEY\", secret_access_key = \"env:{name}_SECRET\" }}\n",
            api.cluster_arn(),
            api.secret_arn(),
            database.name(),
            api.endpoint_url(),
        );
        let environment = [(&*format!("{name}_KEY"), api.access_key()), (&*format!("{name}_SECRET"), api.secret_key())];
        Self::new(name, "rds-data", &keys, &environment)
    }

    fn new(name: &str, backend: &str, keys: &str, environment: &[(&str, &str)]) -> Self {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Self {
            name: name.to_owned(),
            keys: String::new(),
            backend: format!("[sql.{name}.{backend}]\n{keys}"),
            environment: environment.iter().map(owned).collect(),
        }
    }

    /// Adds a line to the grant's own table, such as `access = "write"`.
    pub(crate) fn with(mut self, line: &str) -> Self {
        self.keys += &format!("{line}\n");
        self
    }

    /// Replaces part of the backend's table.
    pub(crate) fn backend(mut self, from: &str, to: &str) -> Self {
        assert!(self.backend.contains(from), "{}", self.backend);
        self.backend = self.backend.replace(from, to);
        self
    }

    /// Sets one of its variables anew.
    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.retain(|(other, _)| other != name);
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }
}

/// A host with the plugin `sql`, granted these.
pub(crate) fn setup(grants: &[Grant]) -> Result<Setup> {
    setup_with(grants, "")
}

/// The same, with something more in the config.
pub(crate) fn setup_with(grants: &[Grant], more: &str) -> Result<Setup> {
    setup_of("sql", grants, more)
}

/// A host with a plugin, granted these, and something more in the config.
pub(crate) fn setup_of(plugin: &str, grants: &[Grant], more: &str) -> Result<Setup> {
    let names: Vec<String> = grants.iter().map(|grant| format!("sql.{}", grant.name)).collect();
    let mut config = format!("[plugins.{plugin}]\ngrants = {names:?}\n");
    for grant in grants {
        config += &format!("\n[sql.{}]\n{}\n{}", grant.name, grant.keys, grant.backend);
    }
    config += more;
    let variables = grants.iter().flat_map(|grant| &grant.environment);
    variables.fold(Setup::new(config), |setup, (name, value)| setup.env(name, value)).plugin(plugin, plugin)
}

/// The same, started.
pub(crate) async fn host(grants: &[Grant]) -> Result<Toolhost> {
    setup(grants)?.start().await
}

/// Runs a command of the program on a host's config: whether it succeeded, and all that it printed.
pub(crate) async fn command(host: &Toolhost, grants: &[Grant], arguments: &[&str]) -> Result<(bool, String)> {
    let variables = grants.iter().flat_map(|grant| grant.environment.iter().map(|(name, value)| (name, value)));
    // It may ask servers that run in this very process.
    let output = Command::new(toolhost_program()?)
        .args(arguments)
        .current_dir(host.dir())
        .env_clear()
        .envs(variables)
        .output()
        .await?;
    let printed = [output.stdout, output.stderr].concat();
    Ok((output.status.success(), String::from_utf8_lossy(&printed).into_owned()))
}

/// Why a call was not answered.
#[derive(Debug)]
pub(crate) struct Refusal {
    /// The stable word.
    pub(crate) kind: String,
    /// The sentence.
    pub(crate) message: String,
}

/// One call of the plugin `sql`: its structured content, or its error.
pub(crate) async fn call(host: &Toolhost, tool: &str, arguments: Value) -> Result<Result<Value, Refusal>> {
    let (status, answer) = host.call(&format!("sql__{tool}"), arguments).await?;
    outcome(status, &answer)
}

/// The structured content of an answer, or its error.
pub(crate) fn outcome(status: u16, answer: &Value) -> Result<Result<Value, Refusal>> {
    let failed = answer["isError"] == json!(true);
    ensure!(failed == (status != 200), "HTTP {status}: {answer}");
    if !failed {
        return Ok(Ok(answer["structuredContent"].clone()));
    }
    let error = &answer["_meta"]["toolhost/error"];
    let word = |key: &str| error[key].as_str().map(str::to_owned).with_context(|| format!("no {key}: {answer}"));
    Ok(Err(Refusal { kind: word("kind")?, message: word("message")? }))
}

/// One statement without parameters.
pub(crate) async fn query(host: &Toolhost, source: &str, sql: &str) -> Result<Result<Value, Refusal>> {
    call(host, "run_query", json!({ "source": source, "sql": sql })).await
}

/// One statement that must be answered: its rows.
pub(crate) async fn rows(host: &Toolhost, source: &str, sql: &str) -> Result<Value> {
    match query(host, source, sql).await? {
        Ok(answer) => Ok(answer["rows"].clone()),
        Err(refusal) => anyhow::bail!("{source}: {sql}: {refusal:?}"),
    }
}

/// One statement that must not be answered.
pub(crate) async fn refusal(host: &Toolhost, source: &str, sql: &str) -> Result<Refusal> {
    match query(host, source, sql).await? {
        Ok(answer) => anyhow::bail!("{source} answered {sql}: {answer}"),
        Err(refusal) => Ok(refusal),
    }
}

/// Sends one statement and waits for its answer in a task of its own. Ending the task hangs up.
pub(crate) fn send(host: &Toolhost, source: &str, sql: &str) -> JoinHandle<Result<Response>> {
    send_call(host, "sql__run_query", &json!({ "source": source, "sql": sql }))
}

/// The same, of any call.
pub(crate) fn send_call(host: &Toolhost, tool: &str, arguments: &Value) -> JoinHandle<Result<Response>> {
    let (url, path, body) = (host.url().to_owned(), format!("/tools/{tool}"), arguments.to_string());
    tokio::spawn(async move {
        let mut connection = Connection::open(&url).await?;
        connection.send("POST", &path, &[("content-type", "application/json")], body).await
    })
}

/// How many statements the users of a database are running just now.
pub(crate) async fn running(database: &Database) -> Result<u64> {
    let (reader, owner) = (&database.reader().name, &database.owner().name);
    let question = format!(
        "SELECT COUNT(*) FROM information_schema.processlist WHERE user IN ('{reader}', '{owner}') AND command <> 'Sleep'"
    );
    database.value(&question).await
}

/// Waits until so many statements run.
pub(crate) async fn until_running(database: &Database, count: u64) -> Result<()> {
    let begun = Instant::now();
    while running(database).await? != count {
        ensure!(begun.elapsed() < PATIENCE, "{} statements run, not {count}", running(database).await?);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

/// The demo's CRM three times over: in a SQLite file, in a MariaDB, and through the Data API.
pub(crate) struct Three {
    pub(crate) database: Database,
    pub(crate) api: DataApi,
    folder: TempDir,
}

/// The sources of [`Three::grants`].
pub(crate) const SOURCES: [&str; 3] = ["file", "server", "cluster"];

impl Three {
    /// With so many tickets each.
    pub(crate) async fn new(tickets: usize) -> Result<Self> {
        let database = MariaDb::shared().await?.database().await?;
        crm::seed(&database, tickets).await?;
        let folder = TempDir::with_prefix("toolhost-sqlite-")?;
        crm::seed_sqlite(&folder.path().join("crm.db"), tickets)?;
        let api = DataApi::start(&database, database.reader()).await?;
        Ok(Self { database, api, folder })
    }

    /// The SQLite file.
    pub(crate) fn file(&self) -> PathBuf {
        self.folder.path().join("crm.db")
    }

    /// A grant of each, for reading, named as given.
    pub(crate) fn grants(&self, names: [&str; 3]) -> [Grant; 3] {
        [
            Grant::sqlite(names[0], &self.file()),
            Grant::mysql(names[1], &self.database, self.database.reader()),
            Grant::data_api(names[2], &self.api, &self.database),
        ]
    }

    /// Runs statements that both dialects know, past the host.
    pub(crate) async fn execute(&self, statements: &str) -> Result<()> {
        self.database.execute(statements).await?;
        Ok(rusqlite::Connection::open(self.file())?.execute_batch(statements)?)
    }
}
