//! The `bedrock` plugin before models of each kind: what the tests of this folder share.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tokio::process::Command;
use toolhost_tests::bedrock::{Bedrock, MODELS};
use toolhost_tests::openai::{MODEL, Openai};
use toolhost_tests::toolhost::Setup;
use toolhost_tests::{Toolhost, toolhost_program};

/// How long a test waits for what must come sooner or later.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The tool.
pub(crate) const TOOL: &str = "bedrock__analyze_with_bedrock";

/// One `[model.<name>]` table, and the variables that it refers to.
#[derive(Clone)]
pub(crate) struct Grant {
    name: String,
    keys: String,
    backend: String,
    environment: Vec<(String, String)>,
}

impl Grant {
    /// No model.
    pub(crate) fn extract(name: &str) -> Self {
        Self::new(name, "extract", "", &[])
    }

    /// The caller's own.
    pub(crate) fn client(name: &str) -> Self {
        Self::new(name, "client", "", &[])
    }

    /// The first model of the emulator.
    pub(crate) fn bedrock(name: &str, api: &Bedrock) -> Self {
        let keys = format!(
            "model = {:?}\nregion = {:?}\nendpoint_url = {:?}\n\
             credentials = {{ access_key_id = \"env:{name}_KEY\", secret_access_key = \"env:{name}_SECRET\" }}\n",
            MODELS[0],
            api.region(),
            api.endpoint_url(),
        );
        let environment = [(&*format!("{name}_KEY"), api.access_key()), (&*format!("{name}_SECRET"), api.secret_key())];
        Self::new(name, "bedrock", &keys, &environment)
    }

    /// The model of the server, with this key.
    pub(crate) fn openai(name: &str, server: &Openai, key: &str) -> Self {
        let keys = format!("model = {MODEL:?}\nbase_url = {:?}\nkey = \"env:{name}_KEY\"\n", server.base_url());
        Self::new(name, "openai", &keys, &[(&format!("{name}_KEY"), key)])
    }

    fn new(name: &str, backend: &str, keys: &str, environment: &[(&str, &str)]) -> Self {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Self {
            name: name.to_owned(),
            keys: String::new(),
            backend: format!("[model.{name}.{backend}]\n{keys}"),
            environment: environment.iter().map(owned).collect(),
        }
    }

    /// Adds a line to the grant's own table, such as `time_max_ms = 500`.
    pub(crate) fn with(mut self, line: &str) -> Self {
        self.keys += &format!("{line}\n");
        self
    }

    /// Adds a line to the backend's table.
    pub(crate) fn also(mut self, line: &str) -> Self {
        self.backend += &format!("{line}\n");
        self
    }

    /// Replaces part of the backend's table.
    pub(crate) fn backend(mut self, from: &str, to: &str) -> Self {
        assert!(self.backend.contains(from), "{}", self.backend);
        self.backend = self.backend.replace(from, to);
        self
    }

    /// Sets a variable of the host's environment.
    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.retain(|(other, _)| other != name);
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }
}

/// A host with the plugin `bedrock`, granted these, and something more in the config.
pub(crate) fn setup_with(grants: &[Grant], more: &str) -> Result<Setup> {
    let names: Vec<String> = grants.iter().map(|grant| format!("model.{}", grant.name)).collect();
    let mut config = format!("[plugins.bedrock]\ngrants = {names:?}\n{more}");
    for grant in grants {
        config += &format!("\n[model.{}]\n{}\n{}", grant.name, grant.keys, grant.backend);
    }
    let variables = grants.iter().flat_map(|grant| &grant.environment);
    variables.fold(Setup::new(config), |setup, (name, value)| setup.env(name, value)).plugin("bedrock", "bedrock")
}

/// The same, started.
pub(crate) async fn host(grants: &[Grant]) -> Result<Toolhost> {
    setup_with(grants, "")?.start().await
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
    /// How long to wait, in milliseconds.
    pub(crate) wait: Option<u64>,
}

/// The arguments of a call.
pub(crate) fn arguments(source: &str, data: &str, prompt: &str) -> Value {
    json!({ "source": source, "data": data, "analysis_prompt": prompt })
}

/// The error in a result.
pub(crate) fn error(result: &Value) -> Result<Refusal> {
    let error = &result["_meta"]["toolhost/error"];
    let word = |key: &str| error[key].as_str().map(str::to_owned).with_context(|| format!("no {key}: {result}"));
    Ok(Refusal { kind: word("kind")?, message: word("message")?, wait: error["retryAfterMs"].as_u64() })
}

/// One call: its structured content, or its error.
pub(crate) async fn ask(host: &Toolhost, source: &str, data: &str, prompt: &str) -> Result<Result<Value, Refusal>> {
    let (status, answer) = host.call(TOOL, arguments(source, data, prompt)).await?;
    let failed = answer["isError"] == json!(true);
    ensure!(failed == (status != 200), "HTTP {status}: {answer}");
    if failed { Ok(Err(error(&answer)?)) } else { Ok(Ok(answer["structuredContent"].clone())) }
}

/// One call that must be answered.
pub(crate) async fn answer(host: &Toolhost, source: &str) -> Result<Value> {
    ask(host, source, "1 2 3", "What is it?").await?.map_err(|refusal| anyhow::anyhow!("{source}: {refusal:?}"))
}

/// One call that must not be answered.
pub(crate) async fn refusal(host: &Toolhost, source: &str) -> Result<Refusal> {
    match ask(host, source, "1 2 3", "What is it?").await? {
        Ok(answer) => anyhow::bail!("{source} answered: {answer}"),
        Err(refusal) => Ok(refusal),
    }
}

/// Looks again and again until something holds.
pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) -> Result<()> {
    let begun = Instant::now();
    while !holds() {
        ensure!(begun.elapsed() < PATIENCE, "it was never so: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}
