//! The plugin before the demo's cases: what the tests of this folder share.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;
use toolhost::cli::demo::cases;
use toolhost_tests::Toolhost;
use toolhost_tests::openai::{MODEL, Openai};
use toolhost_tests::toolhost::Setup;

/// The key of the server that stands for a model.
const KEY: &str = "sk-cases";

/// A host with the plugin `cases` over the demo's cases, and these cases.
pub(crate) struct Bench {
    pub(crate) host: Toolhost,
    pub(crate) cases: Vec<Case>,
    _lake: TempDir,
}

/// One case of the demo, as it was generated.
#[derive(Clone, Debug)]
pub(crate) struct Case(Value);

impl Case {
    /// A column; empty if it is null.
    pub(crate) fn column(&self, name: &str) -> &str {
        self.0[name].as_str().unwrap_or_default()
    }

    /// The day on which it was created.
    pub(crate) fn date(&self) -> &str {
        self.column("timecreated").get(..10).unwrap_or_default()
    }

    /// Its place among others: the most urgent first.
    pub(crate) fn urgency(&self) -> usize {
        let ranks = ["critical", "urgent", "high", "normal", "low"];
        ranks.iter().position(|rank| *rank == self.column("severitycode")).unwrap_or(ranks.len())
    }
}

impl Bench {
    /// With no model but what can be counted and quoted.
    pub(crate) async fn new() -> Result<Self> {
        Self::with("[model.analyst.extract]\n", "").await
    }

    /// With a model that takes so many tokens, and remembers what it was asked.
    pub(crate) async fn with_model(input_tokens_max: u32) -> Result<(Self, Openai)> {
        let server = Openai::start(KEY).await?;
        let model = format!(
            "[model.analyst]\ninput_tokens_max = {input_tokens_max}\n[model.analyst.openai]\nmodel = {MODEL:?}\n\
             base_url = {:?}\nkey = \"env:MODEL_KEY\"\n",
            server.base_url()
        );
        Ok((Self::with(&model, "").await?, server))
    }

    /// With this model, and more lines in the plugin's own table.
    pub(crate) async fn with(model: &str, plugin: &str) -> Result<Self> {
        let now = SystemTime::now();
        let lake = TempDir::with_prefix("toolhost-lake-")?;
        cases::write(lake.path(), now)?;
        let config = format!(
            "[plugins.cases]\nfile = \"case_insights.wasm\"\n\
             grants = [\"query.lake\", \"model.analyst\", \"kv.cache\"]\nlimits = {{ deadline_ms = 120000 }}\n{plugin}\n\
             [query.lake.embedded]\ndir = {:?}\ndatabase = \"support\"\n[kv.cache.memory]\n{model}",
            lake.path()
        );
        let host = Setup::new(config).env("MODEL_KEY", KEY).plugin("case_insights", "case_insights")?.start().await?;
        let today = now.duration_since(UNIX_EPOCH)?.as_secs() / 86_400;
        let cases = cases::rows(today).into_iter().map(Case).collect();
        Ok(Self { host, cases, _lake: lake })
    }

    /// One call that must be answered: its structured content.
    pub(crate) async fn call(&self, tool: &str, arguments: Value) -> Result<Value> {
        let (status, answer) = self.host.call(&format!("cases__{tool}"), arguments).await?;
        ensure!(status == 200, "{tool}: HTTP {status}: {answer}");
        Ok(answer["structuredContent"].clone())
    }

    /// One call that must be refused: the kind of the error, and its message.
    pub(crate) async fn refusal(&self, tool: &str, arguments: Value) -> Result<(String, String)> {
        let (status, answer) = self.host.call(&format!("cases__{tool}"), arguments.clone()).await?;
        ensure!(status != 200, "{tool} answered {arguments}: {answer}");
        let error = &answer["_meta"]["toolhost/error"];
        let word = |key: &str| error[key].as_str().map(str::to_owned).with_context(|| format!("no {key}: {answer}"));
        Ok((word("kind")?, word("message")?))
    }

    /// The cases that were created from one day to another, both included.
    pub(crate) fn between(&self, first: &str, last: &str) -> Vec<&Case> {
        self.cases.iter().filter(|case| (first..=last).contains(&case.date())).collect()
    }

    /// All of them, in the order in which they are analysed.
    pub(crate) fn by_urgency(&self) -> Vec<&Case> {
        let mut cases: Vec<_> = self.cases.iter().collect();
        cases.sort_by_key(|case| case.column("casenumber"));
        cases.sort_by(|a, b| b.column("timecreated").cmp(a.column("timecreated")));
        cases.sort_by_key(|case| case.urgency());
        cases
    }

    /// Arguments that ask for every case.
    pub(crate) fn all(&self, more: Value) -> Value {
        let mut arguments = json!({
            "start_date": self.cases.first().map(Case::date),
            "end_date": self.cases.last().map(Case::date),
        });
        if let (Some(arguments), Value::Object(more)) = (arguments.as_object_mut(), more) {
            arguments.extend(more);
        }
        arguments
    }
}

/// Both days of `2026-01-01 to 2026-01-31`.
pub(crate) fn days(date_range: &Value) -> Result<(&str, &str)> {
    date_range.as_str().and_then(|range| range.split_once(" to ")).with_context(|| format!("no range: {date_range}"))
}
