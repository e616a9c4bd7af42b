//! The `toolhost` command: reads its arguments, runs one command, prints what went wrong.

use std::io::Write as _;
use std::process::ExitCode;

/// Calls allocate and free many small things; this allocator is measurably faster at it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match toolhost::cli::run() {
        Ok(code) => code,
        Err(error) => {
            // Whoever closed standard error does not want to know.
            let _ = writeln!(std::io::stderr(), "error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
