//! The command line: one command, one file.

mod approve;
mod audit;
mod call;
mod check;
pub mod demo;
mod iam_policy;
mod inspect;
mod key;
mod new;
mod policy;
mod serve;
mod start;
mod stdio;
mod terminal;
mod test;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::{Parser, Subcommand, ValueEnum};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

/// A host for sandboxed tools: agents call them over MCP or REST, operators grant each its
/// sources, and the credentials stay here.
#[derive(Parser)]
#[command(name = "toolhost", version, propagate_version = true)]
struct Cli {
    /// The config file.
    #[arg(long, short, global = true, default_value = "toolhost.toml")]
    config: PathBuf,
    /// What goes to the log on standard error, such as `debug` or `warn,plugin=info`; if not
    /// given, `info` for a server and `error` for the other commands.
    #[arg(long, global = true)]
    log: Option<String>,
    /// How the log is written.
    #[arg(long, global = true, value_enum, default_value_t = LogFormat::Text)]
    log_format: LogFormat,
    #[command(subcommand)]
    command: Command,
}

#[derive(Clone, Copy, ValueEnum)]
enum LogFormat {
    /// Lines to read.
    Text,
    /// One JSON object a line.
    Json,
}

/// Every command there is.
#[derive(Subcommand)]
enum Command {
    Serve(serve::Serve),
    Stdio(stdio::Stdio),
    Demo(demo::Demo),
    Call(call::Call),
    Check(check::Check),
    Inspect(inspect::Inspect),
    Approve(approve::Approve),
    New(new::New),
    Test(test::Test),
    IamPolicy(iam_policy::IamPolicy),
    Key(key::Key),
    Policy(policy::Policy),
    Audit(audit::Audit),
}

/// Runs the command that the process was started with.
pub fn run() -> anyhow::Result<ExitCode> {
    let cli = Cli::parse();
    let serves = matches!(cli.command, Command::Serve(_) | Command::Stdio(_) | Command::Demo(_));
    let log = cli.log.as_deref().unwrap_or(if serves { "info" } else { "error" });
    start_log(log, cli.log_format)?;
    let config = cli.config;
    let work = async {
        match cli.command {
            Command::Serve(command) => command.run(&config).await,
            Command::Stdio(command) => command.run(&config).await,
            Command::Demo(command) => command.run().await,
            Command::Call(command) => command.run(&config).await,
            Command::Check(command) => command.run(&config).await,
            Command::Inspect(command) => command.run(&config).await,
            Command::Approve(command) => command.run(&config).await,
            Command::New(command) => command.run(),
            Command::Test(command) => command.run().await,
            Command::IamPolicy(command) => command.run(&config),
            Command::Key(command) => command.run(&config),
            Command::Policy(command) => command.run(&config).await,
            Command::Audit(command) => command.run(&config).await,
        }
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let code = runtime.block_on(work);
    // A statement that a database thread still waits for must not keep the process alive.
    runtime.shutdown_background();
    let code = code?;
    match terminal::lost() {
        Some(error) => bail!("standard output did not take all that was said: {error}"),
        None => Ok(code),
    }
}

fn start_log(filter: &str, format: LogFormat) -> anyhow::Result<()> {
    let filter = EnvFilter::builder().with_default_directive(LevelFilter::INFO.into()).parse(filter);
    // rmcp writes what clients sent and were answered to the log; what an operator should know of
    // a call is in its own line.
    let filter = filter.context("--log")?.add_directive("rmcp=off".parse()?);
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match format {
        LogFormat::Text => log.with_ansi(terminal::is_pretty(&std::io::stderr())).init(),
        LogFormat::Json => log.json().init(),
    }
    Ok(())
}
