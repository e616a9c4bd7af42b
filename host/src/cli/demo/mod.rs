//! `toolhost demo`: a CRM to ask questions of, with no file and no account needed.

pub mod cases;
mod dice;
mod seed;
mod telemetry;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, ensure};
use clap::Args;

use super::serve::serve;
use super::terminal::{bold, patiently};
use crate::capability::{grant_tables, sql};
use crate::config::{self, Config};

/// Serve a demo: a CRM database, seeded here, and the tools to ask it.
#[derive(Args)]
pub(super) struct Demo {
    /// Write the demo's config to this file, to start from, instead of serving.
    #[arg(long, value_name = "FILE")]
    write_config: Option<PathBuf>,
    /// Where to keep the demo's database; the user's data directory if not given.
    #[arg(long)]
    data: Option<PathBuf>,
    /// The address to listen on.
    #[arg(long, default_value = "127.0.0.1:8000")]
    listen: SocketAddr,
    /// The directory with sql.wasm; `plugins` beside this program if not given.
    #[arg(long)]
    plugins: Option<PathBuf>,
}

impl Demo {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let data = self.data.or_else(|| Some(config::home_dir("XDG_DATA_HOME", ".local/share")?.join("toolhost/demo")));
        let data = data.context("there is no home directory; say where to keep the demo's database: --data DIR")?;
        std::fs::create_dir_all(&data).with_context(|| format!("cannot make {}", data.display()))?;
        let database = data.canonicalize()?.join("acme_crm.db");
        let text = config_text(self.listen, &plugin_dir(self.plugins)?, &database)?;
        if let Some(file) = self.write_config {
            ensure!(!file.exists(), "{} is there already", file.display());
            std::fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
            println!("Wrote {0}. Serve it: toolhost --config {0} serve", file.display());
            return Ok(ExitCode::SUCCESS);
        }
        let seeding = tokio::task::spawn_blocking(move || sql::fill_sqlite_file(&database, &seed::statements()));
        let seeded = patiently("Seeding the database", seeding).await?;
        seeded.map_err(anyhow::Error::msg).context("cannot seed the demo's database")?;
        let config = Config::parse(&text, &data.join("demo.toml"), &grant_tables())?;
        serve(config, false, welcome).await
    }
}

/// The directory of the plugins that are built with this program.
fn plugin_dir(given: Option<PathBuf>) -> anyhow::Result<PathBuf> {
    let dir = match given {
        Some(dir) => dir,
        None => std::env::current_exe()?.parent().unwrap_or(Path::new("")).join("plugins"),
    };
    let hint = "`make demo` builds it; or say where it is: --plugins DIR";
    ensure!(dir.join("sql.wasm").exists(), "there is no sql.wasm in {}: {hint}", dir.display());
    Ok(dir.canonicalize()?)
}

/// The demo's config, with the paths of this machine.
fn config_text(listen: SocketAddr, plugins: &Path, database: &Path) -> anyhow::Result<String> {
    let quoted = |path: &Path| -> anyhow::Result<String> {
        let path = path.to_str().with_context(|| format!("{} is not UTF-8", path.display()))?;
        Ok(toml::Value::from(path).to_string())
    };
    let text = include_str!("demo.toml.in").replace("@LISTEN@", &listen.to_string());
    Ok(text.replace("@PLUGINS@", &quoted(plugins)?).replace("@DATABASE@", &quoted(database)?))
}

fn welcome(url: &str) {
    let question = r#"{"sql": "SELECT count(*) AS open_tickets FROM support_tickets WHERE status = 'open'"}"#;
    println!("\n{}", bold("How many open support tickets do we have?"));
    println!(
        "  curl -s {url}/tools/crm__run_query -H 'Content-Type: application/json' -d \"{}\"",
        question.replace('"', "\\\"")
    );
    println!("\n{}", bold("Connect Claude Code"));
    println!("  claude mcp add --transport http toolhost {url}/mcp");
    println!("{}", bold("Connect another MCP client"));
    println!("  {{\"mcpServers\": {{\"toolhost\": {{\"type\": \"http\", \"url\": \"{url}/mcp\"}}}}}}");
    println!("\nStop with Ctrl-C. To start from this config: toolhost demo --write-config toolhost.toml");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_demos_config_parses_and_grants_the_plugin_its_source() {
        let listen = SocketAddr::from(([127, 0, 0, 1], 8000));
        let text = config_text(listen, Path::new("/plugins"), Path::new("/data/acme \"crm\".db")).expect("is text");
        let config = Config::parse(&text, Path::new("demo.toml"), &grant_tables()).expect("parses");
        assert_eq!(config.plugins["crm"].grants, ["sql.crm"]);
    }
}
