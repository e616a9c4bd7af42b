//! A toolhost process of a test's own: its config, its plugins, all that it prints.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;
use tempfile::TempDir;

use crate::http::{self, Response};
use crate::process;

/// How long a host may take to listen.
const START_TIME: Duration = Duration::from_secs(60);

/// A host under construction: what it is to find in its folder.
#[derive(Default)]
pub struct Setup {
    config: String,
    beside: Vec<(String, String)>,
    plugins: Vec<(String, Vec<u8>)>,
    environment: Vec<(String, String)>,
    arguments: Vec<String>,
    ignored: Option<String>,
}

impl Setup {
    /// A host with this config. The keys `[serve] listen` and `cache_dir` are the harness's own.
    pub fn new(config: impl Into<String>) -> Self {
        Self { config: config.into(), ..Self::default() }
    }

    /// Puts a component of this workspace into the plugin directory, as `<name>.wasm`.
    pub fn plugin(self, name: &str, component_name: &str) -> Result<Self> {
        Ok(self.file(name, bytes(component_name)?))
    }

    /// Puts any bytes into the plugin directory, as `<name>.wasm`.
    pub fn file(mut self, name: &str, bytes: impl Into<Vec<u8>>) -> Self {
        self.plugins.push((name.to_owned(), bytes.into()));
        self
    }

    /// Puts a text file beside the config, such as `policy.cedar`.
    pub fn beside(mut self, name: &str, text: impl Into<String>) -> Self {
        self.beside.push((name.to_owned(), text.into()));
        self
    }

    /// Sets a variable of the host's environment.
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Adds an argument of the command line, such as `--log debug`.
    pub fn argument(mut self, argument: &str) -> Self {
        self.arguments.push(argument.to_owned());
        self
    }

    /// Lets the host ignore a signal, such as `XFSZ`, from its start on.
    pub fn ignoring(mut self, signal: &str) -> Self {
        self.ignored = Some(signal.to_owned());
        self
    }

    /// Writes config and plugins into a new folder, and starts nothing.
    pub fn write(&self) -> Result<TempDir> {
        let dir = TempDir::with_prefix("toolhost-test-")?;
        let plugins = dir.path().join("plugins");
        std::fs::create_dir(&plugins)?;
        for (name, bytes) in &self.plugins {
            std::fs::write(plugins.join(format!("{name}.wasm")), bytes)?;
        }
        for (name, text) in &self.beside {
            std::fs::write(dir.path().join(name), text)?;
        }
        std::fs::write(dir.path().join("toolhost.toml"), with_own_keys(&self.config)?)?;
        Ok(dir)
    }

    /// Starts the host, and waits until it listens.
    pub async fn start(self) -> Result<Toolhost> {
        let dir = self.write()?;
        let Self { environment, arguments, ignored, .. } = self;
        let child = spawn(dir.path(), &arguments, &environment, ignored.as_deref())?;
        let mut host = Toolhost { child, dir, url: String::new(), environment, arguments };
        host.until_it_listens().await?;
        Ok(host)
    }
}

/// Starts the program in a folder, ignoring a signal; what it prints goes into files there.
fn spawn(dir: &Path, arguments: &[String], environment: &[(String, String)], ignored: Option<&str>) -> Result<Child> {
    let mut command = match ignored {
        None => Command::new(toolhost_program()?),
        Some(signal) => {
            let mut shell = Command::new("/bin/sh");
            shell.args(["-c", &format!("trap '' {signal}; exec \"$0\" \"$@\"")]).arg(toolhost_program()?);
            shell
        }
    };
    Ok(command
        .args(["--config", "toolhost.toml"])
        .args(arguments)
        .arg("serve")
        .current_dir(dir)
        .env_clear()
        .envs(environment.iter().cloned())
        .stdin(Stdio::null())
        .stdout(std::fs::File::create(dir.join("stdout"))?)
        .stderr(std::fs::File::create(dir.join("stderr"))?)
        .spawn()?)
}

/// A config with the keys that are the harness's own.
fn with_own_keys(config: &str) -> Result<String> {
    // Compiled once for all tests: the cache is a promise of its own, tested elsewhere.
    let cache = target_dir()?.join("tests-compiled");
    let own = format!("listen = \"127.0.0.1:0\"\ncache_dir = {cache:?}\n");
    Ok(match config.split_once("[serve]\n") {
        Some((before, after)) => format!("{before}[serve]\n{own}{after}"),
        None => format!("[serve]\n{own}\n{config}"),
    })
}

/// A host that listens. It ends when it is dropped.
pub struct Toolhost {
    child: Child,
    dir: TempDir,
    url: String,
    environment: Vec<(String, String)>,
    arguments: Vec<String>,
}

impl Toolhost {
    async fn until_it_listens(&mut self) -> Result<()> {
        let deadline = Instant::now() + START_TIME;
        loop {
            let printed = std::fs::read_to_string(self.dir().join("stdout"))?;
            let url = printed.lines().find_map(|line| line.strip_prefix("Serving MCP on ")?.split("/mcp").next());
            // The line about callers comes next: whoever reads what was printed finds all of it.
            if let Some(url) = url
                && printed.contains("\nCallers ")
            {
                self.url = url.to_owned();
                return Ok(());
            }
            if let Some(status) = self.child.try_wait()? {
                bail!("toolhost ended with {status}: {}", self.printed()?);
            }
            if Instant::now() > deadline {
                bail!("toolhost did not listen: {}", self.printed()?);
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Ends the process in the middle of whatever it does (SIGKILL).
    pub fn kill(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Starts it again in the same folder, after it was killed. It listens on another port.
    pub async fn start_again(&mut self) -> Result<()> {
        self.child = spawn(self.dir.path(), &self.arguments, &self.environment, None)?;
        self.until_it_listens().await
    }

    /// Where it listens, such as `http://127.0.0.1:4711`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Its folder: `toolhost.toml` and `plugins`.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Puts a file into the plugin directory in one step, as `<name>.wasm`: a new one, or another
    /// in the place of the one that is there.
    pub fn put(&self, name: &str, bytes: &[u8]) -> Result<()> {
        self.rename_into(&format!("plugins/{name}.wasm"), bytes)
    }

    /// Removes `<name>.wasm` from the plugin directory.
    pub fn remove(&self, name: &str) -> Result<()> {
        Ok(std::fs::remove_file(self.dir().join(format!("plugins/{name}.wasm")))?)
    }

    /// Puts another config in the place of the one that is there, in one step.
    pub fn configure(&self, config: &str) -> Result<()> {
        self.rename_into("toolhost.toml", with_own_keys(config)?.as_bytes())
    }

    /// Puts another file beside the config, or in the place of one that is there, in one step.
    pub fn put_beside(&self, name: &str, text: &str) -> Result<()> {
        self.rename_into(name, text.as_bytes())
    }

    fn rename_into(&self, path: &str, bytes: &[u8]) -> Result<()> {
        let part = self.dir().join("part");
        std::fs::write(&part, bytes)?;
        Ok(std::fs::rename(part, self.dir().join(path))?)
    }

    /// Sends the process a signal, such as `HUP`.
    pub fn signal(&self, name: &str) -> Result<()> {
        let killed = Command::new("kill").arg(format!("-{name}")).arg(self.pid().to_string()).status()?;
        anyhow::ensure!(killed.success(), "kill: {killed}");
        Ok(())
    }

    /// The process's id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// All that it has printed so far, to either stream.
    pub fn printed(&self) -> Result<String> {
        let read = |name| std::fs::read_to_string(self.dir.path().join(name));
        Ok(read("stdout")? + &read("stderr")?)
    }

    /// One `GET`.
    pub async fn get(&self, path: &str) -> Result<Response> {
        http::request("GET", &format!("{}{path}", self.url), &[], Vec::new()).await
    }

    /// One call by REST: the status, and the result as JSON.
    pub async fn call(&self, tool: &str, arguments: Value) -> Result<(u16, Value)> {
        let url = format!("{}/tools/{tool}", self.url);
        let headers = [("content-type", "application/json")];
        let response = http::request("POST", &url, &headers, arguments.to_string().into_bytes()).await?;
        Ok((response.status, response.json()?))
    }

    /// Memory that the process holds, in KiB.
    pub fn memory_kib(&self) -> Result<u64> {
        process::memory_kib(self.pid())
    }

    /// Processor time that the process has used.
    pub fn cpu_time(&self) -> Result<Duration> {
        process::cpu_time(self.pid())
    }

    /// Asks the process to end, and waits for it.
    pub async fn stop(mut self) -> Result<(ExitStatus, String)> {
        self.signal("TERM")?;
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok((status, self.printed()?));
            }
            anyhow::ensure!(Instant::now() < deadline, "toolhost did not stop");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

impl Drop for Toolhost {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs the program once, to its end: exit status and what it printed, both streams.
pub fn run(dir: &Path, arguments: &[&str]) -> Result<(ExitStatus, String)> {
    let output = Command::new(toolhost_program()?).args(arguments).current_dir(dir).stdin(Stdio::null()).output()?;
    let printed = [output.stdout, output.stderr].concat();
    Ok((output.status, String::from_utf8_lossy(&printed).into_owned()))
}

/// The `toolhost` program of this build.
pub fn toolhost_program() -> Result<PathBuf> {
    let program = profile_dir()?.join("toolhost");
    anyhow::ensure!(program.exists(), "{} is missing: run `make test`, which builds it first", program.display());
    Ok(program)
}

/// A component of this workspace, by the name of its library: `sql`, `good`, `greedy` and so on.
pub fn component(name: &str) -> Result<PathBuf> {
    let file = target_dir()?.join("wasm32-wasip2/plugin").join(format!("{name}.wasm"));
    anyhow::ensure!(file.exists(), "{} is missing: run `make plugins`", file.display());
    Ok(file)
}

/// The bytes of a component of this workspace.
pub fn bytes(name: &str) -> Result<Vec<u8>> {
    Ok(std::fs::read(component(name)?)?)
}

/// The same component as another file: with a section that nobody reads.
pub fn marked(bytes: &[u8]) -> Vec<u8> {
    marked_as(bytes, "mark")
}

/// The same component as a file of its own for each name, of at most a hundred characters.
pub fn marked_as(bytes: &[u8], name: &str) -> Vec<u8> {
    // A custom section: its length and that of its name are small enough for one byte each.
    [bytes, &[0, name.len() as u8 + 1, name.len() as u8], name.as_bytes()].concat()
}

/// The root of the repository.
pub fn repository() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// `target/debug` or the like: a test program stands in its `deps`.
fn profile_dir() -> Result<PathBuf> {
    let program = std::env::current_exe()?;
    let deps = program.parent().context("a program is in a folder")?;
    Ok(deps.parent().context("deps is in a folder")?.to_owned())
}

fn target_dir() -> Result<PathBuf> {
    Ok(profile_dir()?.parent().context("a profile is in the target directory")?.to_owned())
}
