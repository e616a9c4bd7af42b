//! A turn ends with its call: whoever hangs up, takes the call back or runs out of time takes the
//! request to the model's service along.

use anyhow::{Result, ensure};
use serde_json::json;
use tokio::task::JoinHandle;
use toolhost_tests::Toolhost;
use toolhost_tests::bedrock::{Bedrock, Reply};
use toolhost_tests::http::{Connection, Response};
use toolhost_tests::lender::Lender;
use toolhost_tests::mcp::{Era, Mcp};
use toolhost_tests::openai::{Openai, Reply as OpenaiReply};

use crate::bench::{Grant, PATIENCE, TOOL, arguments, error, host, refusal, setup_with, until};

/// Sends one call by REST and waits for its answer in a task of its own. Ending the task hangs up.
pub(crate) fn send(host: &Toolhost, source: &str) -> JoinHandle<Result<Response>> {
    let (url, body) = (host.url().to_owned(), arguments(source, "1 2 3", "What is it?").to_string());
    tokio::spawn(async move {
        let mut connection = Connection::open(&url).await?;
        connection.send("POST", &format!("/tools/{TOOL}"), &[("content-type", "application/json")], body).await
    })
}

async fn endless() -> Result<(Bedrock, Toolhost)> {
    let api = Bedrock::start().await?;
    api.always(Reply::Waits(2 * PATIENCE));
    let host = setup_with(&[Grant::bedrock("aws", &api)], "limits = { deadline_ms = 600000 }\n")?.start().await?;
    Ok((api, host))
}

#[tokio::test]
async fn a_caller_who_hangs_up_on_rest_ends_the_turn_at_the_service() -> Result<()> {
    let (api, host) = endless().await?;
    let call = send(&host, "aws");
    until("the turn runs", || api.under_way() == 1).await?;
    ensure!(!call.is_finished(), "the call ended by itself");
    call.abort();
    until("the service is told", || api.under_way() == 0 && api.hung_up() == 1).await
}

#[tokio::test]
async fn a_caller_who_hangs_up_on_modern_mcp_ends_the_turn_at_the_service() -> Result<()> {
    let (api, host) = endless().await?;
    let mut client = Mcp::connect(host.url(), Era::Modern).await?;
    let call = tokio::spawn(async move { client.call(TOOL, arguments("aws", "1", "What is it?")).await });
    until("the turn runs", || api.under_way() == 1).await?;
    ensure!(!call.is_finished(), "the call ended by itself");
    call.abort();
    until("the service is told", || api.under_way() == 0 && api.hung_up() == 1).await
}

#[tokio::test]
async fn a_client_that_takes_its_call_back_on_legacy_mcp_ends_the_turn_at_the_service() -> Result<()> {
    let (api, host) = endless().await?;
    let client = std::sync::Arc::new(Lender::connect(host.url(), json!({})).await?);
    let caller = std::sync::Arc::clone(&client);
    let call = tokio::spawn(async move { caller.call(TOOL, arguments("aws", "1", "What is it?"), |_| None).await });
    until("the turn runs", || api.under_way() == 1).await?;
    client.take_back().await?;
    until("the service is told", || api.under_way() == 0 && api.hung_up() == 1).await?;
    call.abort();
    Ok(())
}

#[tokio::test]
async fn the_deadline_of_the_call_ends_the_turn_at_the_service() -> Result<()> {
    let api = Bedrock::start().await?;
    api.always(Reply::Waits(2 * PATIENCE));
    let host = setup_with(&[Grant::bedrock("aws", &api)], "limits = { deadline_ms = 700 }\n")?.start().await?;
    let (status, answer) = host.call(TOOL, arguments("aws", "1", "What is it?")).await?;
    assert_eq!((status, error(&answer)?.kind.as_str()), (504, "deadline"), "{answer}");
    until("the service is told", || api.under_way() == 0 && api.hung_up() == 1).await
}

#[tokio::test]
async fn a_server_of_openais_protocol_is_told_too() -> Result<()> {
    let server = Openai::start("key").await?;
    let grants =
        [Grant::openai("local", &server, "key"), Grant::openai("short", &server, "key").with("time_max_ms = 400")];
    let host = host(&grants).await?;
    server.then(OpenaiReply::Waits(2 * PATIENCE));
    let call = send(&host, "local");
    until("the turn runs", || server.requests().len() == 1).await?;
    call.abort();
    until("the server is told", || server.hung_up() == 1).await?;
    server.then(OpenaiReply::Waits(2 * PATIENCE));
    let told = refusal(&host, "short").await?;
    assert!(told.kind == "limited" && told.message.contains("`time_max_ms`"), "{told:?}");
    until("the server is told again", || server.hung_up() == 2).await
}
