//! Long answers and a long list, beside a native server that gives the same.

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;
use toolhost_tests::bench::client::Question;
use toolhost_tests::bench::servers::Server;
use toolhost_tests::bench::turns::take_turns;
use toolhost_tests::mcp::{Era, Mcp};
use toolhost_tests::toolhost::{Setup, Toolhost};

use crate::PLAN;
use crate::report::Report;

const CONNECTIONS: [usize; 2] = [1, 4];

const TOOLS: usize = 1_000;

/// Arguments of such a length, all of which come back.
pub(crate) async fn long_answers(report: &mut Report) -> Result<()> {
    Report::begin_pairs("Long answers: echo of that many bytes of JSON, beside rmcp");
    let (native, own) = (Server::native(&[])?, Server::toolhost().await?);
    for (what, bytes) in [("1 KB", 1 << 10), ("100 KB", 100 << 10), ("1 MB", 1 << 20)] {
        for connections in CONNECTIONS {
            let contestants = [&native, &own].map(|server| (server, Question::echo(server.tool, bytes)));
            let pair = take_turns(&contestants, Era::Modern, connections, PLAN).await?;
            report.add_pair("answers", what, connections, &pair)?;
        }
    }
    Ok(())
}

/// The list of a thousand tools, with the same descriptions and schemas on both sides.
pub(crate) async fn long_lists(report: &mut Report) -> Result<()> {
    Report::begin_pairs("tools/list with 1,000 tools, beside rmcp with the same tools");
    let host = crowd(TOOLS, "").await?;
    let listed = Mcp::connect(host.url(), Era::Modern).await?.tools().await?;
    ensure!(listed.len() == TOOLS, "one page has {} tools", listed.len());
    let folder = TempDir::with_prefix("toolhost-bench-")?;
    let file = folder.path().join("tools.json");
    std::fs::write(&file, serde_json::to_string(&listed)?)?;
    let native = Server::native(&["tools", &file.to_string_lossy()])?;
    let own = Server::of(host);
    let question = || {
        Question::new("tools/list", json!({}), |result| {
            result["tools"].as_array().is_some_and(|all| all.len() == TOOLS)
        })
    };
    for connections in CONNECTIONS {
        let pair = take_turns(&[(&native, question()), (&own, question())], Era::Modern, connections, PLAN).await?;
        report.add_pair("lists", "tools/list", connections, &pair)?;
    }
    Ok(())
}

/// A host with a plugin of so many tools, `crowd__echo` among them, and something more in its config.
pub(crate) async fn crowd(tools: usize, more: &str) -> Result<Toolhost> {
    crowd_setup(tools, more)?.start().await
}

/// The same before its start.
pub(crate) fn crowd_setup(tools: usize, more: &str) -> Result<Setup> {
    let settings: Value = json!(tools.to_string());
    let config = format!("[serve]\nsearch = false\n[plugins.crowd]\nsettings = {{ tools = {settings} }}\n{more}");
    Setup::new(config).plugin("crowd", "crowd")
}
