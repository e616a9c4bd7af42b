//! A real Prometheus for the tests: it scrapes itself every second, misses a second target,
//! and has one rule of each kind.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::net::TcpListener;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use tokio::net::TcpStream;
use tokio::sync::OnceCell;

use crate::http;
use crate::mariadb::WRAPPER;

/// Where Debian puts the program.
const PROGRAM: &str = "/usr/bin/prometheus";

/// How long a server may take to hold what tests ask for.
const START_MAX: Duration = Duration::from_secs(60);

const RULES: &str = r#"
groups:
  - name: tests
    interval: 1s
    rules:
      - record: tests:up:sum
        expr: sum(up)
      - alert: TargetGone
        expr: up == 0
        labels: { severity: page }
        annotations: { summary: "{{ $labels.job }} is gone" }
"#;

static SHARED: OnceCell<Prometheus> = OnceCell::const_new();

/// One server, with everything it keeps in a directory of its own.
pub struct Prometheus {
    directory: PathBuf,
    port: u16,
    running: Option<(Child, ChildStdin)>,
}

impl Prometheus {
    /// The server that all tests of this process share, started on first use.
    pub async fn shared() -> Result<&'static Self> {
        SHARED.get_or_try_init(Self::private).await
    }

    /// A server for one test, which may stop and start it. Gone when dropped.
    pub async fn private() -> Result<Self> {
        let mut server = Self::install(None, &[])?;
        server.start().await?;
        Ok(server)
    }

    /// A server for one test that scrapes another target, `host:port`, as the job `toolhost`.
    pub async fn scraping(target: &str) -> Result<Self> {
        let mut server = Self::install(None, &[("toolhost", target)])?;
        server.start().await?;
        Ok(server)
    }

    /// A server behind TLS, with this web configuration; `tests/data/tls` is its folder `tls`.
    pub async fn secured(web: &str) -> Result<Self> {
        let mut server = Self::install(Some(web), &[])?;
        server.spawn()?;
        let listening = async || Ok(TcpStream::connect(("127.0.0.1", server.port)).await.is_ok());
        server.until("it listens", listening).await?;
        Ok(server)
    }

    /// Where it is, without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Its port on 127.0.0.1; the same after a restart.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Starts it, after `stop` on the same port with the same data, and waits until it has
    /// samples, and an alert that fires.
    pub async fn start(&mut self) -> Result<()> {
        self.spawn()?;
        for query in ["tests:up:sum", "count(ALERTS{alertstate=\"firing\"}) > 0"] {
            let encoded: String = query.bytes().map(|byte| format!("%{byte:02X}")).collect();
            let url = format!("{}/api/v1/query?query={encoded}", self.url());
            let answers = async || {
                let Ok(response) = http::request("GET", &url, &[], Vec::new()).await else { return Ok(false) };
                Ok(response.json().is_ok_and(|answer| answer["data"]["result"][0].is_object()))
            };
            self.until(query, answers).await?;
        }
        Ok(())
    }

    /// Ends it cleanly; what it stored stays. Blocks until it has ended.
    pub fn stop(&mut self) -> Result<()> {
        if let Some((mut wrapper, mut pipe)) = self.running.take() {
            pipe.write_all(b"keep")?;
            drop(pipe);
            wrapper.wait()?;
        }
        Ok(())
    }

    fn install(web: Option<&str>, others: &[(&str, &str)]) -> Result<Self> {
        ensure!(Path::new(PROGRAM).exists(), "{PROGRAM} is missing: install the Debian package `prometheus`");
        let directory = tempfile::Builder::new().prefix("prometheus-").tempdir()?.keep();
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let server = Self { directory, port, running: None };
        let mut config = format!(
            "global: {{ scrape_interval: 1s, evaluation_interval: 1s }}\nrule_files: [rules.yml]\nscrape_configs:\n  \
             - {{ job_name: prometheus, static_configs: [{{ targets: [\"127.0.0.1:{port}\"] }}] }}\n  \
             - {{ job_name: gone, static_configs: [{{ targets: [\"127.0.0.1:1\"] }}] }}\n"
        );
        for (job, target) in others {
            writeln!(config, "  - {{ job_name: {job}, static_configs: [{{ targets: [\"{target}\"] }}] }}")?;
        }
        fs::write(server.directory.join("prometheus.yml"), config)?;
        fs::write(server.directory.join("rules.yml"), RULES)?;
        if let Some(web) = web {
            fs::write(server.directory.join("web.yml"), web)?;
            std::os::unix::fs::symlink(fs::canonicalize(tls_folder())?, server.directory.join("tls"))?;
        }
        Ok(server)
    }

    fn spawn(&mut self) -> Result<()> {
        let directory = &self.directory;
        let log = fs::File::options().create(true).append(true).open(self.log())?;
        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", WRAPPER, "sh"])
            .arg(directory)
            .arg(PROGRAM)
            .arg(format!("--config.file={}", directory.join("prometheus.yml").display()))
            .arg(format!("--storage.tsdb.path={}", directory.join("data").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{}", self.port))
            .current_dir(directory)
            .stdin(Stdio::piped())
            .stdout(log.try_clone()?)
            .stderr(log)
            // Ctrl-C in a terminal must not end the watcher before it has cleaned up.
            .process_group(0);
        if directory.join("web.yml").exists() {
            command.arg(format!("--web.config.file={}", directory.join("web.yml").display()));
        }
        let mut wrapper = command.spawn()?;
        let pipe = wrapper.stdin.take().context("the wrapper has no standard input")?;
        self.running = Some((wrapper, pipe));
        Ok(())
    }

    async fn until(&self, what: &str, mut holds: impl AsyncFnMut() -> Result<bool>) -> Result<()> {
        let begun = Instant::now();
        while !holds().await? {
            if begun.elapsed() > START_MAX {
                let log = fs::read_to_string(self.log()).unwrap_or_default();
                bail!("prometheus: it was never so: {what}\n{log}");
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }

    fn log(&self) -> PathBuf {
        self.directory.join("log")
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        match self.running.take() {
            Some((mut wrapper, pipe)) => {
                drop(pipe);
                let _ = wrapper.wait();
            }
            None => drop(fs::remove_dir_all(&self.directory)),
        }
    }
}

/// A private authority (`ca.pem`), a server for 127.0.0.1 and a client that it vouches for.
/// They are for tests alone, and good until 2126.
pub fn tls_folder() -> PathBuf {
    crate::repository().join("tests/data/tls")
}
