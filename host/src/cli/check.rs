//! `toolhost check`: all that `serve` does, but listen.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use futures_util::future::join_all;

use super::start;
use super::terminal::{Mark, bold, mark, patiently, say};

/// How long a source may take to answer.
const PROBE_TIME: Duration = Duration::from_secs(10);

/// Check the config, the plugins and the sources, without listening.
#[derive(Args)]
pub(super) struct Check {
    /// Do not contact the sources.
    #[arg(long)]
    offline: bool,
}

impl Check {
    pub(super) async fn run(self, path: &Path) -> anyhow::Result<ExitCode> {
        let config = start::read(path)?;
        let host = start::start_anyway(&config).await?;
        let mut good = start::report(&config, &host);
        if !self.offline {
            let plugins = host.plugins();
            let probes = plugins.grants().iter().map(async |(path, grant)| {
                let probe = tokio::time::timeout(PROBE_TIME, grant.probe()).await;
                (path, probe.unwrap_or_else(|_| Err(format!("no answer in {} s", PROBE_TIME.as_secs()))))
            });
            for (path, probe) in patiently("Asking the sources", join_all(probes)).await {
                match probe {
                    Ok(probe) => {
                        say!("{} source {}: it answers", mark(Mark::Good), bold(path));
                        for warning in probe.warnings {
                            say!("{} source {}: {warning}", mark(Mark::Warning), bold(path));
                        }
                    }
                    Err(why) => {
                        good = false;
                        say!("{} source {}: {why}", mark(Mark::Bad), bold(path));
                    }
                }
            }
        }
        Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}
