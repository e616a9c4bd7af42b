//! A `toolhost stdio` of a test's own, spoken to line by line.

use std::path::Path;
use std::process::{ExitStatus, Stdio as Pipe};
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

use crate::mcp::Era;
use crate::toolhost::{Setup, toolhost_program};

/// How long anything may take that is waited for.
const TIME_MAX: Duration = Duration::from_secs(60);

/// A host at the other end of two pipes. It ends when it is dropped.
pub struct Stdio {
    child: Child,
    input: Option<ChildStdin>,
    output: Lines<BufReader<ChildStdout>>,
    dir: TempDir,
    era: Era,
}

impl Stdio {
    /// Starts one, and meets it as the era prescribes.
    pub async fn start(setup: &Setup, era: Era) -> Result<Self> {
        let mut host = Self::silent(setup, era)?;
        if era == Era::Legacy {
            host.initialize("2025-11-25").await?;
        }
        Ok(host)
    }

    /// Starts one, and says nothing.
    pub fn silent(setup: &Setup, era: Era) -> Result<Self> {
        let dir = setup.write()?;
        let stderr = std::fs::File::create(dir.path().join("stderr"))?;
        let mut child = Command::new(toolhost_program()?)
            .args(["--config", "toolhost.toml", "stdio"])
            .current_dir(dir.path())
            .env_clear()
            .stdin(Pipe::piped())
            .stdout(Pipe::piped())
            .stderr(stderr)
            .kill_on_drop(true)
            .spawn()?;
        let input = child.stdin.take();
        let output = BufReader::new(child.stdout.take().context("a pipe")?).lines();
        Ok(Self { child, input, output, dir, era })
    }

    /// Begins the session of the legacy era.
    pub async fn initialize(&mut self, revision: &str) -> Result<Value> {
        let about = json!({ "name": "tests", "version": "1" });
        let params = json!({ "protocolVersion": revision, "capabilities": {}, "clientInfo": about });
        let met = self.ask(json!({ "jsonrpc": "2.0", "id": "met", "method": "initialize", "params": params })).await?;
        self.send(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" })).await?;
        Ok(met)
    }

    /// A request as a message of the era.
    pub fn request(&self, id: impl Into<Value>, method: &str, mut params: Value) -> Value {
        if self.era == Era::Modern {
            let mut meta = params["_meta"].as_object().cloned().unwrap_or_default();
            meta.insert("io.modelcontextprotocol/protocolVersion".to_owned(), json!("2026-07-28"));
            meta.insert("io.modelcontextprotocol/clientCapabilities".to_owned(), json!({}));
            params["_meta"] = meta.into();
        }
        json!({ "jsonrpc": "2.0", "id": id.into(), "method": method, "params": params })
    }

    /// A call of a tool as a message of the era.
    pub fn call(&self, id: impl Into<Value>, tool: &str, arguments: Value) -> Value {
        self.request(id, "tools/call", json!({ "name": tool, "arguments": arguments }))
    }

    /// Writes a message, and waits for the next that comes.
    pub async fn ask(&mut self, message: Value) -> Result<Value> {
        self.send(&message).await?;
        self.next().await
    }

    /// Writes a message as a line.
    pub async fn send(&mut self, message: &Value) -> Result<()> {
        self.write(format!("{message}\n").as_bytes()).await
    }

    /// Writes just these bytes.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<()> {
        let input = self.input.as_mut().context("the input has ended")?;
        timeout(TIME_MAX, input.write_all(bytes)).await??;
        Ok(timeout(TIME_MAX, input.flush()).await??)
    }

    /// The next message that comes.
    pub async fn next(&mut self) -> Result<Value> {
        let line = self.line().await?;
        let line = line.with_context(|| format!("nothing more came: {}", self.log()))?;
        serde_json::from_str(&line).with_context(|| format!("no JSON on standard output: {line}"))
    }

    /// The next line; none at the end.
    pub async fn line(&mut self) -> Result<Option<String>> {
        let line = timeout(TIME_MAX, self.output.next_line()).await;
        Ok(line.with_context(|| format!("nothing came: {}", self.log()))??)
    }

    /// Ends the input.
    pub fn end(&mut self) {
        self.input = None;
    }

    /// Waits until the process has ended.
    pub async fn wait(&mut self) -> Result<ExitStatus> {
        Ok(timeout(TIME_MAX, self.child.wait()).await.with_context(|| format!("it does not end: {}", self.log()))??)
    }

    /// The process's id.
    pub fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// Its folder.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// What it wrote to its log.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("stderr")).unwrap_or_default()
    }
}
