//! Pretty on a terminal, plain when piped.

use std::future::Future;
use std::io::{IsTerminal, Write};
use std::time::Duration;

/// After this long, somebody who waits is told for what.
const PATIENCE: Duration = Duration::from_secs(1);

/// Whether a person looks at it.
pub(super) fn is_pretty(stream: &impl IsTerminal) -> bool {
    stream.is_terminal()
}

/// How a line on standard output is marked.
#[derive(Clone, Copy)]
pub(super) enum Mark {
    Good,
    Warning,
    Bad,
}

/// `ok`, `warning` or `failed`, coloured on a terminal.
pub(super) fn mark(mark: Mark) -> &'static str {
    match (mark, is_pretty(&std::io::stdout())) {
        (Mark::Good, true) => "\x1b[32m✓\x1b[0m",
        (Mark::Warning, true) => "\x1b[33m!\x1b[0m",
        (Mark::Bad, true) => "\x1b[31m✗\x1b[0m",
        (Mark::Good, false) => "ok:",
        (Mark::Warning, false) => "warning:",
        (Mark::Bad, false) => "failed:",
    }
}

/// Text that stands out on a terminal.
pub(super) fn bold(text: &str) -> String {
    if is_pretty(&std::io::stdout()) { format!("\x1b[1m{text}\x1b[0m") } else { text.to_owned() }
}

/// Waits for something, and says for what if it takes more than a second.
pub(super) async fn patiently<T>(what: &str, work: impl Future<Output = T>) -> T {
    let mut work = std::pin::pin!(work);
    if let Ok(done) = tokio::time::timeout(PATIENCE, &mut work).await {
        return done;
    }
    eprint!("{what} …");
    let _ = std::io::stderr().flush();
    let done = work.await;
    eprintln!(" done");
    done
}
