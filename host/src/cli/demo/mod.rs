//! `toolhost demo`: a CRM, a lake of support cases and a model to ask questions of, with no
//! file and no account needed.

pub mod cases;
mod dice;
mod seed;
mod telemetry;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::SystemTime;

use anyhow::{Context as _, ensure};
use clap::Args;

use super::serve::serve;
use super::terminal::{bold, patiently, say};
use crate::capability::{grant_tables, sql};
use crate::config::{self, Config};
use crate::host::Host;

/// Where it listens if nothing else is said.
const LISTEN: &str = "127.0.0.1:8000";

/// What the demo's config names.
const PLUGINS: [&str; 5] = ["sql.wasm", "athena.wasm", "bedrock.wasm", "case_insights.wasm", "prometheus.wasm"];

/// One that watches itself, with what Debian's package brings.
const START_PROMETHEUS: &str =
    "prometheus --config.file=/etc/prometheus/prometheus.yml --storage.tsdb.path=/tmp/prometheus";

/// Serve a demo: a CRM and a lake of support cases, made here, and the tools to ask them.
#[derive(Args)]
pub(super) struct Demo {
    /// Make the demo's data and write its config to this file, to start from, instead of serving.
    #[arg(long, value_name = "FILE")]
    write_config: Option<PathBuf>,
    /// Where to keep the demo's data; the user's data directory if not given.
    #[arg(long)]
    data: Option<PathBuf>,
    /// The address to listen on.
    #[arg(long, default_value = LISTEN)]
    listen: SocketAddr,
    /// The directory with sql.wasm and the others; `plugins` beside this program if not given.
    #[arg(long)]
    plugins: Option<PathBuf>,
}

impl Demo {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let again = self.again();
        if let Some(file) = &self.write_config {
            ensure!(!file.exists(), "{} is there already", file.display());
        }
        let data = self.data.or_else(|| Some(config::home_dir("XDG_DATA_HOME", ".local/share")?.join("toolhost/demo")));
        let data = data.context("there is no home directory; say where to keep the demo's data: --data DIR")?;
        let make = |dir: &Path| std::fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()));
        make(&data)?;
        let (database, lake) = (data.canonicalize()?.join("acme_crm.db"), data.canonicalize()?.join("insights"));
        make(&lake)?;
        let text = config_text(self.listen, &plugin_dir(self.plugins)?, &database, &lake)?;
        let seeding = tokio::task::spawn_blocking(move || seed(&database, &lake));
        patiently("Making the demo's data", seeding).await??;
        if let Some(file) = self.write_config {
            std::fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
            say!("Wrote {0}. Serve it: toolhost --config {0} serve", file.display());
            return Ok(ExitCode::SUCCESS);
        }
        let config = Config::parse(&text, &data.join("demo.toml"), &grant_tables())?;
        serve(config, false, async |host: &Host, url: &str| welcome(host, url, &again).await).await
    }

    /// The command that writes the config of this very demo.
    fn again(&self) -> String {
        let shown = |path: &PathBuf| path.display().to_string();
        let given = [
            ("--data", self.data.as_ref().map(shown)),
            ("--plugins", self.plugins.as_ref().map(shown)),
            ("--listen", Some(self.listen.to_string()).filter(|listen| listen != LISTEN)),
        ];
        let given = given.into_iter().filter_map(|(flag, value)| Some(format!("{flag} {} ", for_shell(&value?))));
        format!("toolhost demo {}--write-config toolhost.toml", given.collect::<String>())
    }
}

/// A word as a shell takes it.
fn for_shell(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-:".contains(c);
    if word.chars().all(is_plain) { word.to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

/// The demo's data, where it is not there yet.
fn seed(database: &Path, lake: &Path) -> anyhow::Result<()> {
    let seeded = sql::fill_sqlite_file(database, &seed::statements());
    seeded.map_err(anyhow::Error::msg).context("cannot seed the demo's database")?;
    cases::write(lake, SystemTime::now()).with_context(|| format!("cannot write to {}", lake.display()))
}

/// The directory of the plugins that are built with this program.
fn plugin_dir(given: Option<PathBuf>) -> anyhow::Result<PathBuf> {
    let dir = match given {
        Some(dir) => dir,
        None => std::env::current_exe()?.parent().unwrap_or(Path::new("")).join("plugins"),
    };
    let hint = "`make demo` builds it; or say where it is: --plugins DIR";
    for file in PLUGINS {
        ensure!(dir.join(file).exists(), "there is no {file} in {}: {hint}", dir.display());
    }
    Ok(dir.canonicalize()?)
}

/// The demo's config, with the paths of this machine.
fn config_text(listen: SocketAddr, plugins: &Path, database: &Path, lake: &Path) -> anyhow::Result<String> {
    let quoted = |path: &Path| -> anyhow::Result<String> {
        let path = path.to_str().with_context(|| format!("{} is not UTF-8", path.display()))?;
        Ok(toml::Value::from(path).to_string())
    };
    let text = include_str!("demo.toml.in").replace("@LISTEN@", &listen.to_string());
    let text = text.replace("@PLUGINS@", &quoted(plugins)?).replace("@DATABASE@", &quoted(database)?);
    Ok(text.replace("@FILES@", &quoted(lake)?))
}

async fn welcome(host: &Host, url: &str, again: &str) {
    let question = r#"{"sql": "SELECT count(*) AS open_tickets FROM support_tickets WHERE status = 'open'"}"#;
    say!("\n{}", bold("How many open support tickets do we have?"));
    say!(
        "  curl -s {url}/tools/crm__run_query -H 'Content-Type: application/json' -d \"{}\"",
        question.replace('"', "\\\"")
    );
    say!("{}", bold("What do customers complain about?"));
    say!("  curl -s {url}/tools/cases__get_service_trends -H 'Content-Type: application/json' -d \"{{}}\"");
    let plugins = host.plugins();
    let prometheus = plugins.grants().iter().find(|(path, _)| *path == "http.prometheus");
    if let Some((_, grant)) = prometheus
        && grant.probe().await.is_err()
    {
        say!("No Prometheus answers on 127.0.0.1:9090; to start one: {START_PROMETHEUS}");
    }
    say!("\n{}", bold("Connect Claude Code"));
    say!("  claude mcp add --transport http toolhost {url}/mcp");
    say!("{}", bold("Connect another MCP client"));
    say!("  {{\"mcpServers\": {{\"toolhost\": {{\"type\": \"http\", \"url\": \"{url}/mcp\"}}}}}}");
    say!("\nStop with Ctrl-C. To start from this config: {again}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_one_word_of_a_shell() {
        assert_eq!(for_shell("../data/a_b-1.db"), "../data/a_b-1.db");
        assert_eq!(for_shell("my data"), "'my data'");
        assert_eq!(for_shell("Ann's $HOME"), r"'Ann'\''s $HOME'");
    }

    #[test]
    fn the_demos_config_parses_and_grants_the_plugin_its_source() {
        let listen = SocketAddr::from(([127, 0, 0, 1], 8000));
        let text =
            config_text(listen, Path::new("/plugins"), Path::new("/data/acme \"crm\".db"), Path::new("/data/lake"))
                .expect("is text");
        let config = Config::parse(&text, Path::new("demo.toml"), &grant_tables()).expect("parses");
        assert_eq!(config.plugins["crm"].grants, ["sql.crm"]);
    }
}
