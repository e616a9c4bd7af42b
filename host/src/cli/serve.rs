//! `toolhost serve`: serves the plugins of the config until it is told to stop.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use tokio::sync::Notify;
use tokio_util::task::AbortOnDropHandle;

use super::start;
use super::terminal::{bold, say};
use crate::config::Config;
use crate::front::Server;
use crate::host::Host;

/// Serve the plugins of the config over MCP and REST.
#[derive(Args)]
pub(super) struct Serve {
    /// Serve on an address that other machines reach, though callers are not identified.
    #[arg(long)]
    insecure: bool,
}

impl Serve {
    pub(super) async fn run(self, path: &Path) -> anyhow::Result<ExitCode> {
        serve(start::read(path)?, self.insecure, async |_, _| {}).await
    }
}

/// Serves until Ctrl-C or SIGTERM; `welcome` prints what a command has to add, given the host and its URL.
pub(super) async fn serve(
    config: Config,
    insecure: bool,
    welcome: impl AsyncFnOnce(&Host, &str),
) -> anyhow::Result<ExitCode> {
    let host = Arc::new(start::start_to_call(&config).await?);
    let server = Server::bind(Arc::clone(&host), config.serve.clone(), insecure).await?;
    let _watching = watch(Arc::clone(&host));
    start::report(&config, &host);
    let url = format!("http://{}", server.address());
    say!("Serving MCP on {} and REST on {}", bold(&format!("{url}/mcp")), bold(&format!("{url}/tools")));
    match host.ways_in() {
        Some(ways) => say!("Callers prove who they are {ways}."),
        None => say!(
            "Callers are not identified: whoever reaches this address is `local`; to change that, [callers] keys = \
             \"keys.toml\""
        ),
    }
    welcome(&host, &url).await;
    let served = server.run(stop_signal()).await;
    host.flush().await;
    host.end_trail();
    served?;
    Ok(ExitCode::SUCCESS)
}

/// Takes in what changes, and looks at once at SIGHUP, until it is dropped.
pub(super) fn watch(host: Arc<Host>) -> AbortOnDropHandle<()> {
    // From this line on, SIGHUP does not end the process.
    #[cfg(unix)]
    let hang_up = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup());
    AbortOnDropHandle::new(tokio::spawn(async move {
        let asked = Notify::new();
        let asking = async {
            #[cfg(unix)]
            if let Ok(mut hang_up) = hang_up {
                while hang_up.recv().await.is_some() {
                    asked.notify_one();
                }
            }
            std::future::pending().await
        };
        tokio::select! {
            never = host.watch(&asked) => match never {},
            () = asking => {}
        }
    }))
}

/// Done when the process is asked to end.
pub(super) async fn stop_signal() {
    let interrupt = tokio::signal::ctrl_c();
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = interrupt => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    let _ = interrupt.await;
}
