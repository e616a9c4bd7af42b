//! An authorization server of a test's own: a program in Python, whose tokens a library of others makes.

use std::process::Stdio;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use toolhost_tests::http::request;
use toolhost_tests::repository;
use toolhost_tests::toolhost::Setup;

/// Whom tokens are for.
pub(crate) const AUDIENCE: &str = "https://tools.example.com/mcp";

/// A server that ends when it is dropped.
pub(crate) struct Issuer {
    /// Its standard input keeps it going.
    _child: Child,
    url: String,
}

impl Issuer {
    pub(crate) async fn start() -> Result<Self> {
        let python = std::env::var_os("TOOLHOST_TEST_PYTHON");
        let python = python.context("TOOLHOST_TEST_PYTHON names no program: `make test` sets it up")?;
        let mut command = Command::new(python);
        command.arg(repository().join("tests/python/issuer.py")).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.kill_on_drop(true).spawn()?;
        let mut lines = BufReader::new(child.stdout.take().context("no output")?).lines();
        let url = lines.next_line().await?.context("the issuer printed no URL")?;
        Ok(Self { _child: child, url })
    }

    /// A host that trusts it, with the plugin `good`; these lines are of its table.
    pub(crate) fn trusted(&self, lines: &str, more: &str) -> Result<Setup> {
        let url = &self.url;
        let config = format!(
            "[serve]\nurl = \"https://tools.example.com\"\n[callers.oauth.corp]\nissuer = \"{url}\"\n{lines}\n{more}\n"
        );
        Setup::new(config).plugin("good", "good")
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// A token as it is wished for; for this host, unless something else is said.
    pub(crate) async fn mint(&self, wish: Value) -> Result<String> {
        let mut whole = json!({ "audience": AUDIENCE });
        for (name, value) in wish.as_object().context("a wish is an object")? {
            whole[name] = value.clone();
        }
        let token = self.post("/mint", whole).await?;
        Ok(token.as_str().context("no token")?.to_owned())
    }

    /// How it answers for its keys from now on.
    pub(crate) async fn behave(&self, keys: &str) -> Result<()> {
        self.post("/behave", json!({ "keys": keys })).await.map(drop)
    }

    /// Has another key in the place of the one that signs.
    pub(crate) async fn rotate(&self, id: &str) -> Result<()> {
        self.post("/rotate", json!({ "id": id })).await.map(drop)
    }

    /// How often its keys were asked for.
    pub(crate) async fn asked(&self) -> Result<u64> {
        let answer = request("GET", &format!("{}/asked", self.url), &[], Vec::new()).await?;
        answer.json()?.as_u64().context("no number")
    }

    async fn post(&self, path: &str, body: Value) -> Result<Value> {
        let answer = request("POST", &format!("{}{path}", self.url), &[], body.to_string().into_bytes()).await?;
        ensure!(answer.status == 200, "{path}: {}", answer.text());
        answer.json()
    }
}
