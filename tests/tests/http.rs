//! The `http` capability from the street: a plugin that sends whatever it is told to, and
//! upstreams that behave badly.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use toolhost_tests::Toolhost;
use toolhost_tests::toolhost::Setup;

#[path = "http/answers.rs"]
mod answers;
#[path = "http/limits.rs"]
mod limits;
#[path = "http/requests.rs"]
mod requests;
#[path = "http/retries.rs"]
mod retries;
#[path = "http/secrets.rs"]
mod secrets;
#[path = "http/tls.rs"]
mod tls;

/// An error as agents get it.
#[derive(Debug, Clone, PartialEq)]
struct Refusal {
    kind: String,
    message: String,
}

/// A host with the plugin `caller`, and one upstream `up` at this URL with these lines.
fn setup(base_url: &str, lines: &str) -> Result<Setup> {
    let config = format!(
        "[plugins.caller]\ngrants = [\"http.up\"]\n\n[http.up]\nbase_url = \"{base_url}\"\n{}\n{lines}",
        if lines.contains("paths =") { "" } else { "paths = [\"/**\"]" }
    );
    Setup::new(config).plugin("caller", "caller")
}

/// The same, started.
async fn host(base_url: &str, lines: &str) -> Result<Toolhost> {
    setup(base_url, lines)?.start().await
}

/// One request, by the tool `caller__send`.
async fn send(host: &Toolhost, arguments: Value) -> Result<Result<Value, Refusal>> {
    let (status, answer) = host.call("caller__send", arguments).await?;
    if status == 200 && answer["isError"] != true {
        return Ok(Ok(answer["structuredContent"].clone()));
    }
    let error = &answer["_meta"]["toolhost/error"];
    let text = |key: &str| error[key].as_str().unwrap_or_default().to_owned();
    ensure!(!text("kind").is_empty(), "no error: {answer}");
    Ok(Err(Refusal { kind: text("kind"), message: text("message") }))
}

/// A `GET`, which must be answered.
async fn get(host: &Toolhost, path: &str) -> Result<Value> {
    let answer = send(host, json!({ "path": path })).await?;
    answer.map_err(|refusal| anyhow::anyhow!("{path}: {refusal:?}"))
}

/// A `GET`, which must be refused.
async fn refused(host: &Toolhost, path: &str) -> Result<Refusal> {
    match send(host, json!({ "path": path })).await? {
        Err(refusal) => Ok(refusal),
        Ok(answer) => anyhow::bail!("{path} was answered: {answer}"),
    }
}

/// Looks again and again until something holds; fails if it does not in half a minute.
async fn until(what: &str, mut holds: impl FnMut() -> bool) -> Result<()> {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !holds() {
        ensure!(Instant::now() < deadline, "it was never so: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}
