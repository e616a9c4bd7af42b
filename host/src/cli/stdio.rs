//! `toolhost stdio`: serves the plugins of the config to the one client that started it.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;

use super::serve::{stop_signal, watch};
use super::start;
use crate::front;

/// Serve the plugins of the config over standard input and output, to the client that started this.
#[derive(Args)]
pub(super) struct Stdio {}

impl Stdio {
    pub(super) async fn run(self, path: &Path) -> anyhow::Result<ExitCode> {
        let config = start::read(path)?;
        let host = Arc::new(start::start_to_call(&config).await?);
        // Standard output is the protocol's; what is not served is told to the log.
        let _watching = watch(Arc::clone(&host));
        for failure in host.plugins().grants().failures() {
            tracing::warn!(grant.name = failure.path, reason = failure.message, "a grant is not served");
        }
        for failure in host.plugins().failures() {
            tracing::warn!(plugin.name = failure.plugin, reason = failure.message, "a plugin is not served");
        }
        for note in host.plugins().notes() {
            tracing::info!(plugin.name = note.plugin, note = note.message, "a plugin shares what it offers");
        }
        let tasks = host.tasks();
        tokio::select! {
            served = front::serve_stdio(Arc::clone(&host), &config.serve, stop_signal()) => served?,
            never = tasks.sweep() => match never {},
        }
        // Nobody is there any more to poll for them.
        tasks.cut_off().await;
        host.flush().await;
        host.end_trail();
        Ok(ExitCode::SUCCESS)
    }
}
