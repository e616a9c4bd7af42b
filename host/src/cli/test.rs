//! `toolhost test`: a plugin against its own `calls.toml`.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::sync::Arc;

use anyhow::{Context as _, bail, ensure};
use clap::Args;
use serde::Deserialize;
use serde_json::Value;
use toml::Spanned;
use toml::de::DeTable;

use super::terminal::{Mark, bold, mark, patiently, say};
use crate::call::{Content, JsonObject, Outcome, Structured};
use crate::capability::{Entry, Grants, PluginGrants, grant_tables};
use crate::config::Config;
use crate::fault::Error;
use crate::policy::Policy;
use crate::runtime::{Binary, Cache, Needs, Plugin, PluginSpec, Runtime};
use crate::{call, fault};

/// Test a plugin: run the calls of its calls.toml, with the answers written there.
#[derive(Args)]
pub(super) struct Test {
    /// The plugin's folder, with its Cargo.toml and calls.toml.
    dir: PathBuf,
    /// Test this component, instead of building the folder with cargo.
    #[arg(long)]
    component: Option<PathBuf>,
}

/// `[call.<name>]`: one call and what it must answer.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    /// The tool's own name, without a prefix.
    tool: String,
    #[serde(default)]
    arguments: JsonObject,
    expect: Expectation,
}

/// What must hold; at least one of them.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Expectation {
    /// Keys and values that the structured outcome must have; it may have more keys.
    structured: Option<Value>,
    /// The whole text of the first part.
    text: Option<String>,
    /// A piece of that text.
    text_contains: Option<String>,
    /// An error instead of an outcome.
    error: Option<ExpectedError>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ExpectedError {
    /// The error's kind, such as `denied`.
    kind: String,
    message_contains: Option<String>,
}

impl Test {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let calls = self.dir.join("calls.toml");
        let config = read(&calls)?;
        let component = match self.component {
            Some(file) => file,
            None => build(&self.dir)?,
        };
        let plugin = load(&config, &component).await?;
        let (mut passed, mut failed) = (0, 0);
        for (name, expected) in config.grants::<Expected>("call") {
            match run_one(&plugin, expected?).await {
                Ok(()) => {
                    passed += 1;
                    say!("{} {name}", mark(Mark::Good));
                }
                Err(why) => {
                    failed += 1;
                    say!("{} {}: {why:#}", mark(Mark::Bad), bold(&name));
                }
            }
        }
        say!("{passed} passed, {failed} failed");
        ensure!(passed + failed > 0, "{} holds no call: write a table [call.<name>]", calls.display());
        Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

/// Reads a calls.toml: grants, limits and calls. What else a config may hold would do nothing here.
fn read(path: &Path) -> anyhow::Result<Config> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => bail!(
            "there is no {}: write it with a table [call.<name>] for each test, which has `tool`, `arguments` and \
             `expect`, such as `expect.text = \"Hello, Ada!\"`; `toolhost new` makes one to start from",
            path.display()
        ),
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
    };
    let tables: Vec<&str> = grant_tables().into_iter().chain(["call"]).collect();
    let config = Config::parse(&text, path, &tables)?;
    for (key, _) in DeTable::parse(&text).map(Spanned::into_inner)? {
        let name: &str = key.get_ref();
        if name != "limits" && !tables.contains(&name) {
            let known = tables.join("], [");
            let message = format!(
                "[{name}] means nothing here: the plugin has every grant that stands in this file; known are [limits], \
                 [{known}]"
            );
            return Err(config.error_at(key.span(), message).into());
        }
    }
    Ok(config)
}

/// That the file has a grant of each capability that the plugin imports.
fn check_granted(bytes: &[u8], grants: &PluginGrants) -> anyhow::Result<()> {
    // What is no plugin is refused when it is loaded.
    let imported = Needs::read(bytes).map(|needs| needs.capabilities).unwrap_or_default();
    let needs_grant = |name: &String| Entry::named(name).is_some_and(Entry::needs_grant);
    if let Some(name) = imported.into_iter().find(|name| needs_grant(name) && !grants.has(name)) {
        // What a store answers was put into it; of all others it is written.
        let write = match name.as_str() {
            "kv" => "[kv.x.memory]".to_owned(),
            name => format!("[{name}.x.script], and its answers as tables [[{name}.x.script.answer]]"),
        };
        bail!("the plugin imports `toolhost:{name}`, and calls.toml grants it none; write a table {write}");
    }
    Ok(())
}

/// The plugin with every grant of the file.
async fn load(config: &Config, component: &Path) -> anyhow::Result<Plugin> {
    let grants = Grants::open(config);
    if let Some(failure) = grants.failures().first() {
        bail!("[{}]: {}", failure.path, failure.message);
    }
    let paths: Vec<String> = grants.iter().map(|(path, _)| path.to_owned()).collect();
    let grants = grants.select(&paths).map_err(anyhow::Error::msg)?;
    let bytes = std::fs::read(component).with_context(|| format!("cannot read {}", component.display()))?;
    check_granted(&bytes, &grants)?;
    let spec = PluginSpec {
        name: "plugin".to_owned(),
        prefix: String::new(),
        grants,
        settings: Vec::new(),
        limits: config.limits.clone(),
        grants_required: true,
    };
    let runtime = Runtime::new(1, Cache::none())?;
    let load = patiently("Compiling the plugin", Plugin::load(&runtime, spec, Binary::of(bytes))).await;
    load.with_context(|| format!("{} is refused", component.display()))
}

async fn run_one(plugin: &Plugin, expected: Expected) -> anyhow::Result<()> {
    let Expected { tool, arguments, expect } = expected;
    let Some(loaded) = plugin.offers.tools.iter().find(|loaded| loaded.tool.name == tool) else {
        bail!("the plugin has no tool `{tool}`");
    };
    let (outcome, _) = plugin.run(loaded, call::Call::new(&tool, arguments), &Arc::new(Policy::everything())).await;
    match outcome {
        Ok(Outcome::Done(answer)) => expect.answer(&answer),
        Ok(Outcome::Asked) => bail!("it asked its client, and there is none"),
        Err(error) => expect.error(&error),
    }
}

impl Expectation {
    fn answer(&self, answer: &call::Answer) -> anyhow::Result<()> {
        let Self { structured, text, text_contains, error } = self;
        ensure!(error.is_none(), "it answered, though an error was expected");
        let stated = structured.is_some() || text.is_some() || text_contains.is_some();
        ensure!(stated, "nothing is expected: state `structured`, `text`, `text_contains` or `error`");
        if let Some(expected) = structured {
            let got = answer.structured.as_ref().map(Structured::value).unwrap_or_default();
            ensure!(holds(expected, &got), "`structured` is {got}, and not {expected}");
        }
        let first = answer.content.first().map(|part| &part.content);
        let got = if let Some(Content::Text(got)) = first { got.as_str() } else { "" };
        if let Some(expected) = text {
            ensure!(got == expected, "`text` is {got:?}, and not {expected:?}");
        }
        if let Some(piece) = text_contains {
            ensure!(got.contains(piece), "`text` is {got:?}, without {piece:?}");
        }
        Ok(())
    }

    fn error(&self, got: &Error) -> anyhow::Result<()> {
        let fault::Error { kind, message, .. } = got;
        let Some(expected) = &self.error else { bail!("it failed: {}", got.sentence()) };
        ensure!(kind.as_str() == expected.kind, "the error is `{kind}`, and not `{}`: {message}", expected.kind);
        let piece = expected.message_contains.as_deref().unwrap_or_default();
        ensure!(message.contains(piece), "the error says {message:?}, without {piece:?}");
        Ok(())
    }
}

/// Whether `got` has everything that `expected` has: of objects the keys, else the same value.
fn holds(expected: &Value, got: &Value) -> bool {
    match (expected, got) {
        (Value::Object(expected), Value::Object(got)) => {
            expected.iter().all(|(key, value)| got.get(key).is_some_and(|got| holds(value, got)))
        }
        _ => expected == got,
    }
}

/// Builds the folder's component, and answers where it is.
fn build(dir: &Path) -> anyhow::Result<PathBuf> {
    let output = Command::new("cargo")
        .args(["build", "--release", "--target", "wasm32-wasip2", "--message-format", "json-render-diagnostics"])
        .current_dir(dir)
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("cannot run cargo in {}", dir.display()))?;
    ensure!(
        output.status.success(),
        "the plugin does not build; if the target is missing: `rustup target add wasm32-wasip2`"
    );
    let messages = serde_json::Deserializer::from_slice(&output.stdout).into_iter::<Value>().map_while(Result::ok);
    let files = messages.filter_map(|message| message.get("filenames").cloned());
    let files: Vec<PathBuf> =
        files.filter_map(|files| serde_json::from_value::<Vec<PathBuf>>(files).ok()).flatten().collect();
    let component = files.into_iter().rfind(|file| file.extension().is_some_and(|extension| extension == "wasm"));
    component.context("cargo made no .wasm file; a plugin's Cargo.toml has `crate-type = [\"cdylib\"]`")
}
