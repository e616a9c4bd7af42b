//! What was approved of a plugin, and what was signed, is what is served of it; the rest is shown
//! to the operator, and waits.

use std::path::Path;

use anyhow::{Result, ensure};
use toolhost_tests::ready::{fails, serves};
use toolhost_tests::toolhost::{Setup, Toolhost, run};

#[path = "pins/approval.rs"]
mod approval;
#[path = "pins/drift.rs"]
mod drift;
#[path = "pins/edits.rs"]
mod edits;
#[path = "pins/signatures.rs"]
mod signatures;

/// Nothing is served before it is approved, so that a test sees when it is.
const REQUIRED: &str = "[pins]\nrequired = true\n";

/// A host that serves what is approved of one plugin, `turncoat`.
async fn approved(config: &str) -> Result<Toolhost> {
    let host = Setup::new(format!("{REQUIRED}{config}")).plugin("turncoat", "turncoat")?.start().await?;
    fails(&host, &["nothing is approved yet", "`toolhost approve turncoat`"]).await?;
    approve(host.dir(), &[])?;
    serves(&host, &["turncoat"]).await?;
    Ok(host)
}

/// Approves all these plugins as they are, or all that there are: what it printed.
fn approve(dir: &Path, plugins: &[&str]) -> Result<String> {
    let (status, printed) = run(dir, &[&["approve", "--yes"], plugins].concat())?;
    ensure!(status.success() && printed.contains("approved: toolhost.lock"), "{printed}");
    Ok(printed)
}

/// What `check` says of a folder in which something is wrong.
fn check_fails(dir: &Path, words: &[&str]) -> Result<String> {
    let (status, printed) = run(dir, &["check"])?;
    ensure!(!status.success(), "it finds nothing wrong: {printed}");
    for word in words {
        ensure!(printed.contains(word), "it does not say {word:?}: {printed}");
    }
    Ok(printed)
}
