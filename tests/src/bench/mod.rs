//! What the benches share: a client that loads a server, the servers that are compared, and
//! turns that they take.

pub mod client;
mod gated;
mod http1;
pub mod native;
mod query;
pub mod servers;
pub mod turns;

use std::path::PathBuf;

use anyhow::{Context as _, Result};

/// The load of this machine in the last minute.
pub fn load_average() -> Result<f64> {
    let averages = std::fs::read_to_string("/proc/loadavg")?;
    Ok(averages.split_whitespace().next().context("no load")?.parse()?)
}

/// `<target>/bench/<name>`: a bench stands in `<target>/release/deps`.
pub fn report_file(name: &str) -> Result<PathBuf> {
    let program = std::env::current_exe()?;
    let folder = program.ancestors().nth(3).context("no target directory")?.join("bench");
    std::fs::create_dir_all(&folder)?;
    Ok(folder.join(name))
}
