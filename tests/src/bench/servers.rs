//! The two that are compared, each a process of its own: toolhost as it is shipped, and the
//! native server without any sandbox.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result};

use super::native;
use crate::process;
use crate::toolhost::{Setup, Toolhost};

/// One that is called. It ends when it is dropped.
pub struct Server {
    /// What the report calls it.
    pub name: &'static str,
    /// The name of its `echo`.
    pub tool: &'static str,
    process: Process,
}

enum Process {
    Native { child: Child, url: String },
    Toolhost(Toolhost),
}

impl Server {
    /// This program again, as the native server; [`native::run`] knows the arguments.
    pub fn native(arguments: &[&str]) -> Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg(native::ARGUMENT)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut url = String::new();
        BufReader::new(child.stdout.take().context("a pipe")?).read_line(&mut url)?;
        let process = Process::Native { child, url: url.trim_end().to_owned() };
        Ok(Self { name: "native", tool: "echo", process })
    }

    /// The program `toolhost serve` with one plugin, a fresh instance for each call. All
    /// settings are the defaults; its log, a line for each call, goes to a file.
    pub async fn toolhost() -> Result<Self> {
        Ok(Self::of(Setup::new("").plugin("good", "good")?.start().await?))
    }

    /// A toolhost with other settings.
    pub fn of(host: Toolhost) -> Self {
        Self { name: "toolhost", tool: "good__echo", process: Process::Toolhost(host) }
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

    /// Memory that it holds, in KiB.
    pub fn memory_kib(&self) -> Result<u64> {
        process::memory_kib(self.pid())
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
