//! What commands say: pretty on a terminal, plain when piped, and no panic when nobody reads it any more.

use std::fmt;
use std::future::Future;
use std::io::{self, IsTerminal, Write};
use std::sync::OnceLock;
use std::time::Duration;

/// After this long, somebody who waits is told for what.
const PATIENCE: Duration = Duration::from_secs(1);

/// Why standard output takes no more.
static CLOSED: OnceLock<io::Error> = OnceLock::new();

/// A line on standard output: `println!`, which panics when its reader is gone. The command goes on to its end
/// without one, as what it does and its exit code are not for the reader alone.
macro_rules! say {
    ($($line:tt)*) => { $crate::cli::terminal::put(format_args!("{}\n", format_args!($($line)*))) };
}

/// The same on standard error.
macro_rules! note {
    ($($line:tt)*) => { $crate::cli::terminal::put_aside(format_args!("{}\n", format_args!($($line)*))) };
}

pub(super) use {note, say};

/// Writes to standard output, until that fails for the first time.
pub(super) fn put(text: fmt::Arguments<'_>) {
    if is_heard()
        && let Err(error) = io::stdout().write_fmt(text)
    {
        let _ = CLOSED.set(error);
    }
}

/// Writes to standard error. If that fails, there is nowhere to say so.
pub(super) fn put_aside(text: fmt::Arguments<'_>) {
    let _ = io::stderr().write_fmt(text);
}

/// Whether all that was said so far was taken.
pub(super) fn is_heard() -> bool {
    CLOSED.get().is_none()
}

/// Why something was not written that a reader may still wait for, such as on a full disk. Who closed a pipe
/// has had enough.
pub(super) fn lost() -> Option<&'static io::Error> {
    CLOSED.get().filter(|error| error.kind() != io::ErrorKind::BrokenPipe)
}

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
    match (mark, is_pretty(&io::stdout())) {
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
    if is_pretty(&io::stdout()) { format!("\x1b[1m{text}\x1b[0m") } else { text.to_owned() }
}

/// Waits for something, and says for what if it takes more than a second.
pub(super) async fn patiently<T>(what: &str, work: impl Future<Output = T>) -> T {
    let mut work = std::pin::pin!(work);
    if let Ok(done) = tokio::time::timeout(PATIENCE, &mut work).await {
        return done;
    }
    put_aside(format_args!("{what} …"));
    let done = work.await;
    put_aside(format_args!(" done\n"));
    done
}
