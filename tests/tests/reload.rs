//! A host whose files change while it serves: what is new is taken in, what is wrong is told
//! and harms nothing, and no call is lost.

use anyhow::Result;
use serde_json::{Value, json};
use toolhost_tests::ready::{PATIENCE, fails, logs, ready, serves, until};
use toolhost_tests::toolhost::{Toolhost, bytes, marked};

#[path = "reload/config.rs"]
mod config;
#[path = "reload/files.rs"]
mod files;
#[path = "reload/load.rs"]
mod load;
#[path = "reload/news.rs"]
mod news;
#[path = "reload/shared.rs"]
mod shared;

/// One call by REST: its status.
async fn status(host: &Toolhost, tool: &str, arguments: Value) -> Result<u16> {
    Ok(host.call(tool, arguments).await?.0)
}

/// The status of a call of `echo`.
async fn echoes(host: &Toolhost, plugin: &str) -> Result<u16> {
    status(host, &format!("{plugin}__echo"), json!({ "message": "hi" })).await
}
