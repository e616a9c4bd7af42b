//! Clients that others wrote, in both eras of the protocol: what they make of this host.

use anyhow::Result;
use toolhost_tests::Toolhost;
use toolhost_tests::toolhost::Setup;

#[path = "clients/fuzzer.rs"]
mod fuzzer;
#[path = "clients/inspector.rs"]
mod inspector;
#[path = "clients/libraries.rs"]
mod libraries;
#[path = "clients/program.rs"]
mod program;
#[path = "clients/questions.rs"]
mod questions;

/// A CRM whose answers are written down, and the well-behaved plugin; further lines of its config.
fn setup(lines: &str) -> Result<Setup> {
    let config = r#"
        [plugins.crm]
        file = "sql.wasm"
        grants = ["sql.crm"]

        [sql.crm]
        notes = "Support tickets of the video service."

        [sql.crm.script]
        dialect = "mysql"

        [[sql.crm.script.answer]]
        statement = "SELECT count(*) AS open_tickets FROM support_tickets WHERE status = ?"
        parameters = ["open"]
        columns = [{ name = "open_tickets", kind = "integer" }]
        rows = [[55]]
    "#;
    Setup::new(format!("{config}{lines}")).plugin("sql", "sql")?.plugin("good", "good")
}

/// The same, started.
async fn host() -> Result<Toolhost> {
    setup("")?.start().await
}

/// The plugin with all that the conformance suite asks for; further lines of its config.
fn setup_of_fixtures(lines: &str) -> Result<Setup> {
    Setup::new(format!("[plugins.conformance]\nprefix = \"\"\n{lines}")).plugin("conformance", "conformance")
}

/// The same, started.
async fn fixtures() -> Result<Toolhost> {
    setup_of_fixtures("")?.start().await
}
