//! The `athena` plugin before an emulated Athena: what the tests of this folder share.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::Command;
use toolhost_tests::athena::{Athena, Pace, WORKGROUP};
use toolhost_tests::toolhost::Setup;
use toolhost_tests::{Toolhost, cases, toolhost_program};

/// How long a test waits for what must come sooner or later.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A statement that the emulator answers without its engine, with the rows 1 to 5.
pub(crate) const FIVE: &str = "SELECT n FROM five";

/// A pace at which nothing ends while a test lasts.
pub(crate) fn endless() -> Pace {
    Pace { running: Duration::from_secs(3_600), ..Pace::default() }
}

/// An Athena over a folder of support cases.
pub(crate) struct Bench {
    pub(crate) athena: Athena,
    pub(crate) folder: TempDir,
}

impl Bench {
    /// With so many cases.
    pub(crate) async fn new(count: usize) -> Result<Self> {
        let folder = TempDir::with_prefix("toolhost-cases-")?;
        cases::write(folder.path(), count)?;
        let athena = Athena::start(folder.path(), cases::DATABASE).await?;
        athena.know(FIVE, &[("n", "bigint")], (1..=5).map(|n| vec![Some(n.to_string())]).collect());
        Ok(Self { athena, folder })
    }

    /// The grant `query.cases`.
    pub(crate) fn grant(&self) -> Grant {
        Grant::athena("cases", &self.athena)
    }

    /// Waits until every statement but so many has been stopped, and the service was asked to stop it.
    pub(crate) async fn until_stopped(&self, but: usize) -> Result<()> {
        let begun = Instant::now();
        loop {
            let statements = self.athena.statements();
            let stopped = statements.iter().filter(|statement| statement.state == "CANCELLED").count();
            if !statements.is_empty() && stopped + but == statements.len() {
                let asked = self.athena.requests().iter().filter(|seen| seen.action == "StopQueryExecution").count();
                ensure!(asked >= stopped, "{asked} stops were asked for");
                return Ok(());
            }
            ensure!(begun.elapsed() < PATIENCE, "{statements:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Waits until so many statements run.
    pub(crate) async fn until_running(&self, count: usize) -> Result<()> {
        let begun = Instant::now();
        while self.athena.statements().iter().filter(|statement| statement.state == "RUNNING").count() != count {
            ensure!(begun.elapsed() < PATIENCE, "{:?}", self.athena.statements());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok(())
    }
}

/// One `[query.<name>]` table, and the variables that it refers to.
#[derive(Clone)]
pub(crate) struct Grant {
    name: String,
    keys: String,
    backend: String,
    environment: Vec<(String, String)>,
}

impl Grant {
    /// The emulator's database.
    pub(crate) fn athena(name: &str, athena: &Athena) -> Self {
        let backend = format!(
            "[query.{name}.athena]\ndatabase = {:?}\nworkgroup = {WORKGROUP:?}\nregion = {:?}\naccount = {:?}\n\
             output_location = \"s3://acme-athena-results/agents/\"\nendpoint_url = {:?}\n\
             credentials = {{ access_key_id = \"env:{name}_KEY\", secret_access_key = \"env:{name}_SECRET\" }}\n",
            cases::DATABASE,
            athena.region(),
            athena.account(),
            athena.endpoint_url(),
        );
        let variable = |suffix: &str, value: &str| (format!("{name}_{suffix}"), value.to_owned());
        let environment = vec![variable("KEY", athena.access_key()), variable("SECRET", athena.secret_key())];
        Self { name: name.to_owned(), keys: String::new(), backend, environment }
    }

    /// The engine inside the host, over a folder.
    pub(crate) fn embedded(name: &str, folder: &Path) -> Self {
        let backend = format!("[query.{name}.embedded]\ndir = {folder:?}\ndatabase = {:?}\n", cases::DATABASE);
        Self { name: name.to_owned(), keys: String::new(), backend, environment: Vec::new() }
    }

    /// Adds a line to the grant's own table, such as `rows_max = 5`.
    pub(crate) fn with(mut self, line: &str) -> Self {
        self.keys += &format!("{line}\n");
        self
    }

    /// Adds a line to the backend's table.
    pub(crate) fn backend(mut self, line: &str) -> Self {
        self.backend += &format!("{line}\n");
        self
    }

    /// Replaces part of the backend's table.
    pub(crate) fn replace(mut self, from: &str, to: &str) -> Self {
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

/// A host with the plugin `athena`, granted these, and something more in the config.
pub(crate) fn setup(grants: &[Grant], more: &str) -> Result<Setup> {
    let names: Vec<String> = grants.iter().map(|grant| format!("query.{}", grant.name)).collect();
    let mut config = format!("[plugins.athena]\ngrants = {names:?}\n");
    for grant in grants {
        config += &format!("\n[query.{}]\n{}\n{}", grant.name, grant.keys, grant.backend);
    }
    config += more;
    let variables = grants.iter().flat_map(|grant| &grant.environment);
    variables.fold(Setup::new(config), |setup, (name, value)| setup.env(name, value)).plugin("athena", "athena")
}

/// The same, started.
pub(crate) async fn host(grants: &[Grant]) -> Result<Toolhost> {
    setup(grants, "")?.start().await
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
#[derive(Debug, PartialEq)]
pub(crate) struct Refusal {
    /// The stable word.
    pub(crate) kind: String,
    /// The sentence.
    pub(crate) message: String,
    /// When to try again, in milliseconds.
    pub(crate) retry_after_ms: Option<u64>,
}

/// One call: its structured content, or its error.
pub(crate) async fn call(host: &Toolhost, tool: &str, arguments: Value) -> Result<Result<Value, Refusal>> {
    let (status, answer) = host.call(&format!("athena__{tool}"), arguments).await?;
    let failed = answer["isError"] == json!(true);
    ensure!(failed == (status != 200), "HTTP {status}: {answer}");
    if !failed {
        return Ok(Ok(answer["structuredContent"].clone()));
    }
    let error = &answer["_meta"]["toolhost/error"];
    let word = |key: &str| error[key].as_str().map(str::to_owned).with_context(|| format!("no {key}: {answer}"));
    let retry_after_ms = error["retryAfterMs"].as_u64();
    Ok(Err(Refusal { kind: word("kind")?, message: word("message")?, retry_after_ms }))
}

/// One call that must be answered.
pub(crate) async fn answer(host: &Toolhost, tool: &str, arguments: Value) -> Result<Value> {
    match call(host, tool, arguments.clone()).await? {
        Ok(answer) => Ok(answer),
        Err(refusal) => anyhow::bail!("{tool} {arguments}: {refusal:?}"),
    }
}

/// One call that must not be answered.
pub(crate) async fn refusal(host: &Toolhost, tool: &str, arguments: Value) -> Result<Refusal> {
    match call(host, tool, arguments.clone()).await? {
        Ok(answer) => anyhow::bail!("{tool} {arguments} was answered: {answer}"),
        Err(refusal) => Ok(refusal),
    }
}

/// One statement.
pub(crate) fn sql(text: &str) -> Value {
    json!({ "query": text })
}

/// Waits until a background query is in this state.
pub(crate) async fn until_state(host: &Toolhost, id: &str, state: &str) -> Result<Value> {
    let begun = Instant::now();
    loop {
        let status = answer(host, "get_query_status", json!({ "query_execution_id": id })).await?;
        if status["state"] == state {
            return Ok(status);
        }
        ensure!(begun.elapsed() < PATIENCE, "{status}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
