//! A caller that goes away takes its call along: the guest stops using the processor.

use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::json;
use toolhost_tests::http::request;
use toolhost_tests::mcp::{Era, Mcp};
use toolhost_tests::toolhost::{Setup, Toolhost};

use crate::{kind, until};

/// A deadline far beyond the test: what stops a guest here is its caller.
async fn endless() -> Result<Toolhost> {
    Setup::new("[limits]\ndeadline_ms = 600000\n").plugin("endless", "endless")?.start().await
}

/// Waits until a guest uses the processor.
async fn is_busy(host: &Toolhost) -> Result<()> {
    let idle = host.cpu_time()?;
    until("the guest computes", || Ok(host.cpu_time()? > idle + Duration::from_millis(300))).await
}

/// Waits until the guest has stopped, and the log says why.
async fn is_cancelled(host: &Toolhost) -> Result<()> {
    let mut quiet = false;
    for _ in 0..40 {
        let before = host.cpu_time()?;
        tokio::time::sleep(Duration::from_millis(500)).await;
        quiet = host.cpu_time()? - before < Duration::from_millis(100);
        if quiet {
            break;
        }
    }
    ensure!(quiet, "the guest goes on without a caller");
    until("the log says that the call was cancelled", || {
        let log = host.printed()?;
        Ok(log.lines().any(|line| line.contains("endless__spin") && line.contains("cancelled")))
    })
    .await
}

#[tokio::test]
async fn a_client_that_hangs_up_on_rest_stops_the_guest() -> Result<()> {
    let host = endless().await?;
    let url = format!("{}/tools/endless__spin", host.url());
    let call = tokio::spawn(async move { request("POST", &url, &[], Vec::new()).await });
    is_busy(&host).await?;
    ensure!(!call.is_finished(), "the call ended by itself");
    call.abort();
    is_cancelled(&host).await
}

#[tokio::test]
async fn a_client_that_hangs_up_on_modern_mcp_stops_the_guest() -> Result<()> {
    let host = endless().await?;
    let mut client = Mcp::connect(host.url(), Era::Modern).await?;
    let call = tokio::spawn(async move { client.call("endless__spin", json!({})).await });
    is_busy(&host).await?;
    ensure!(!call.is_finished(), "the call ended by itself");
    call.abort();
    is_cancelled(&host).await
}

#[tokio::test]
async fn a_client_that_takes_its_call_back_on_legacy_mcp_stops_the_guest() -> Result<()> {
    let host = endless().await?;
    let mut client = Mcp::connect(host.url(), Era::Legacy).await?;
    let (mut other, id) = (client.beside().await?, client.next_id());
    let call = tokio::spawn(async move { client.call("endless__spin", json!({})).await });
    is_busy(&host).await?;
    ensure!(!call.is_finished(), "the call ended by itself");
    other.cancel(id).await?;
    is_cancelled(&host).await?;
    call.abort();
    Ok(())
}

#[tokio::test]
async fn a_call_that_was_taken_back_leaves_the_session_as_it_was() -> Result<()> {
    let host =
        Setup::new("[plugins.endless.limits]\ndeadline_ms = 1000\n").plugin("endless", "endless")?.start().await?;
    let mut client = Mcp::connect(host.url(), Era::Legacy).await?;
    // Of a call that never was, and of none at all: an id is not its text.
    for id in [json!(99), json!(client.next_id().to_string())] {
        client.cancel(id).await?;
    }
    let answer = client.call("endless__wait", json!({})).await?;
    assert_eq!(kind(&answer), "deadline", "{answer}");
    Ok(())
}
