//! From a config and a folder of files to a host that serves: what loads, what does not and
//! why, and what the commands make of it.

use std::io::Read as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use tempfile::TempDir;
use toolhost_tests::{component, toolhost_program};

#[path = "load/cache.rs"]
mod cache;
#[path = "load/commands.rs"]
mod commands;
#[path = "load/config.rs"]
mod config;
#[path = "load/demo.rs"]
mod demo;
#[path = "load/new.rs"]
mod new;
#[path = "load/plugins.rs"]
mod plugins;

/// A folder with this config, and these components under their own names.
fn folder(config: &str, components: &[&str]) -> Result<TempDir> {
    let dir = TempDir::with_prefix("toolhost-load-")?;
    std::fs::create_dir(dir.path().join("plugins"))?;
    for name in components {
        std::fs::copy(component(name)?, dir.path().join(format!("plugins/{name}.wasm")))?;
    }
    std::fs::write(dir.path().join("toolhost.toml"), config)?;
    Ok(dir)
}

/// A command that serves. It ends when it is dropped.
struct Served {
    child: Child,
    url: String,
    welcome: String,
}

impl Served {
    /// Starts the program in a folder, and waits until it serves.
    async fn start(dir: &Path, arguments: &[&str]) -> Result<Self> {
        let out = dir.join("stdout");
        let child = Command::new(toolhost_program()?)
            .args(arguments)
            .current_dir(dir)
            .env_clear()
            .env("XDG_CACHE_HOME", dir.join("cache-home"))
            .stdin(Stdio::null())
            .stdout(std::fs::File::create(&out)?)
            .stderr(std::fs::File::create(dir.join("stderr"))?)
            .spawn()?;
        let mut served = Self { child, url: String::new(), welcome: String::new() };
        let deadline = Instant::now() + Duration::from_secs(120);
        // The line about the address is not the last one.
        while !served.welcome.contains("Callers are not identified") {
            if let Some(status) = served.child.try_wait()? {
                bail!("it ended with {status}: {}", std::fs::read_to_string(dir.join("stderr"))?);
            }
            if Instant::now() > deadline {
                bail!("it did not listen");
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
            served.read(&out)?;
        }
        let address =
            served.welcome.lines().find_map(|line| line.strip_prefix("Serving MCP on ")?.split("/mcp").next());
        served.url = address.context("no address")?.to_owned();
        Ok(served)
    }

    fn read(&mut self, out: &Path) -> Result<()> {
        self.welcome.clear();
        std::fs::File::open(out)?.read_to_string(&mut self.welcome)?;
        Ok(())
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
