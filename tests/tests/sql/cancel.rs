//! A call that is taken back over MCP takes its statement along, as far as the server.

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use toolhost_tests::Toolhost;
use toolhost_tests::mcp::{Era, Mcp};

use crate::bench::{ENDLESS, SOURCES, Three, host, rows, until_running};

/// A host with one connection to the server: a place that is lost would be missed at once.
async fn one_connection(three: &Three) -> Result<Toolhost> {
    let [_, server, _] = three.grants(SOURCES);
    host(&[server.backend("[sql.server.mysql]\n", "[sql.server.mysql]\nconnections = 1\n")]).await
}

/// Asks what no server answers, in a task of its own. Ending the task closes the connection.
fn ask(mut client: Mcp) -> JoinHandle<Result<Value>> {
    let question = json!({ "source": "server", "sql": ENDLESS });
    tokio::spawn(async move { client.call("sql__run_query", question).await })
}

/// The statement has ended, and the connection serves the next one.
async fn is_ended(three: &Three, host: &Toolhost) -> Result<()> {
    until_running(&three.database, 0).await?;
    ensure!(rows(host, "server", "SELECT 1").await? == json!([[1]]), "the connection is lost");
    Ok(())
}

#[tokio::test]
async fn a_client_that_hangs_up_on_modern_mcp_ends_the_statement_on_the_server() -> Result<()> {
    let three = Three::new(100).await?;
    let host = one_connection(&three).await?;
    for _ in 0..2 {
        let call = ask(Mcp::connect(host.url(), Era::Modern).await?);
        until_running(&three.database, 1).await?;
        call.abort();
        is_ended(&three, &host).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_client_that_takes_its_call_back_on_legacy_mcp_ends_the_statement_on_the_server() -> Result<()> {
    let three = Three::new(100).await?;
    let host = one_connection(&three).await?;
    for _ in 0..2 {
        let client = Mcp::connect(host.url(), Era::Legacy).await?;
        let (mut other, id) = (client.beside().await?, client.next_id());
        let call = ask(client);
        until_running(&three.database, 1).await?;
        ensure!(!call.is_finished(), "the call ended by itself");
        other.cancel(id).await?;
        is_ended(&three, &host).await?;
        call.abort();
    }
    Ok(())
}

/// In the legacy era a connection may break and the client come back for its answer, so only
/// its word ends the call.
#[tokio::test]
async fn a_legacy_client_whose_connection_breaks_can_still_take_its_call_back() -> Result<()> {
    let three = Three::new(100).await?;
    let host = one_connection(&three).await?;
    let client = Mcp::connect(host.url(), Era::Legacy).await?;
    let (mut other, id) = (client.beside().await?, client.next_id());
    let call = ask(client);
    until_running(&three.database, 1).await?;
    call.abort();
    ensure!(call.await.is_err(), "the call ended by itself");
    // The session lives, and whoever calls in it is served.
    let servers = other.call("sql__list_servers", json!({})).await?;
    assert_eq!(servers["isError"], json!(false), "{servers}");
    until_running(&three.database, 1).await?;
    other.cancel(id).await?;
    is_ended(&three, &host).await
}

#[tokio::test]
async fn a_legacy_client_that_ends_its_session_ends_the_statements_of_its_calls() -> Result<()> {
    let three = Three::new(100).await?;
    let host = one_connection(&three).await?;
    let client = Mcp::connect(host.url(), Era::Legacy).await?;
    let other = client.beside().await?;
    let call = ask(client);
    until_running(&three.database, 1).await?;
    let status = other.end().await?;
    ensure!((200..300).contains(&status), "the session was not ended: {status}");
    is_ended(&three, &host).await?;
    call.abort();
    Ok(())
}
