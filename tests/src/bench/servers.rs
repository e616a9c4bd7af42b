//! Those that are compared, each a process of its own: toolhost as it comes and with all that an
//! operator turns on, and the native server without any sandbox.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result};

use super::client::Question;
use super::{gated, native};
use crate::process;
use crate::toolhost::{Setup, Toolhost};

/// One that is called. It ends when it is dropped.
pub struct Server {
    /// What the report calls it.
    pub name: &'static str,
    /// The name of its `echo`.
    pub tool: &'static str,
    /// The key that it knows its caller by, if it asks for one.
    key: Option<String>,
    process: Process,
}

enum Process {
    Native { child: Child, url: String },
    Toolhost(Toolhost),
}

impl Server {
    /// This program again, as the native server; [`native::run`] knows the arguments.
    pub fn native(arguments: &[&str]) -> Result<Self> {
        Self::start_native(Command::new(std::env::current_exe()?).arg(native::ARGUMENT).args(arguments))
    }

    /// The same in a test program, whose arguments choose tests: this test calls [`native::run_if_asked`].
    pub fn native_by_test(name: &str) -> Result<Self> {
        let mut program = Command::new(std::env::current_exe()?);
        Self::start_native(program.args(["--exact", name, "--nocapture"]).env(native::ASKED, "1"))
    }

    fn start_native(program: &mut Command) -> Result<Self> {
        let mut child = program.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        // A test program says other things before.
        let lines = BufReader::new(child.stdout.take().context("a pipe")?).lines();
        let url = lines.map_while(Result::ok).find_map(|line| Some(line.get(line.find("http://")?..)?.to_owned()));
        let process = Process::Native { child, url: url.context("the native server did not start")? };
        Ok(Self { name: "native", tool: "echo", key: None, process })
    }

    /// The program `toolhost serve` with one plugin, a fresh instance for each call. All
    /// settings are the defaults; its log, a line for each call, goes to a file.
    pub async fn toolhost() -> Result<Self> {
        Ok(Self::of(Setup::new("").plugin("good", "good")?.start().await?))
    }

    /// The same with callers, policies and rates: see [`gated`].
    pub async fn gated() -> Result<Self> {
        let mut server = Self::of(gated::setup().plugin("good", "good")?.start().await?);
        server.key = Some(gated::key());
        Ok(server)
    }

    /// A toolhost with other settings.
    pub fn of(host: Toolhost) -> Self {
        Self { name: "toolhost", tool: "good__echo", key: None, process: Process::Toolhost(host) }
    }

    /// The same under another name in the report.
    #[must_use]
    pub fn named(mut self, name: &'static str) -> Self {
        self.name = name;
        self
    }

    /// A call of its `echo` by a caller that it knows, with so many bytes of JSON.
    pub fn echo(&self, bytes: usize) -> Question {
        let question = Question::echo(self.tool, bytes);
        match &self.key {
            None => question,
            Some(key) => question.with_key(key),
        }
    }

    /// Where it is, without a slash at the end.
    pub fn url(&self) -> &str {
        match &self.process {
            Process::Native { url, .. } => url,
            Process::Toolhost(host) => host.url(),
        }
    }

    /// Processor time that it has used, in whole hundredths of a second.
    pub fn cpu_time(&self) -> Result<Duration> {
        process::cpu_time(self.pid())
    }

    /// How many pages it touched that it had no memory for yet.
    pub fn page_faults(&self) -> Result<u64> {
        process::page_faults(self.pid())
    }

    /// Memory that it holds, in KiB.
    pub fn memory_kib(&self) -> Result<u64> {
        process::memory_kib(self.pid())
    }

    /// The same, with each page counted once that stands in many instances.
    pub fn proportional_memory_kib(&self) -> Result<u64> {
        process::proportional_memory_kib(self.pid())
    }

    fn pid(&self) -> u32 {
        match &self.process {
            Process::Native { child, .. } => child.id(),
            Process::Toolhost(host) => host.pid(),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Process::Native { child, .. } = &mut self.process {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
