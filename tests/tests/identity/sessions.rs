//! What one caller began is nobody else's: a session, a task.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use toolhost_tests::Toolhost;
use toolhost_tests::http::{Response, request};
use toolhost_tests::mcp::{Era, Mcp};

use crate::keys::Keys;

/// One request in a session.
async fn send(host: &Toolhost, method: &str, bearer: &str, session: &str) -> Result<Response> {
    let authorization = format!("Bearer {bearer}");
    let accept = if method == "GET" { "text/event-stream" } else { "application/json, text/event-stream" };
    let headers = [
        ("authorization", authorization.as_str()),
        ("content-type", "application/json"),
        ("accept", accept),
        ("mcp-session-id", session),
        ("mcp-protocol-version", "2025-11-25"),
    ];
    let body = json!({ "jsonrpc": "2.0", "id": 9, "method": "tools/list", "params": {} }).to_string();
    let body = if method == "POST" { body } else { String::new() };
    request(method, &format!("{}/mcp", host.url()), &headers, body.into_bytes()).await
}

#[tokio::test]
async fn somebody_elses_session_is_as_unknown_as_one_that_never_was() -> Result<()> {
    let keys = Keys::new()?;
    let (ann, bob) = (keys.make("ann", &[])?, keys.make("bob", &[])?);
    // The same caller with another key: an old one that is replaced.
    let also_ann = keys.make("ann", &[])?;
    let host = keys.setup("")?.start().await?;
    let mut client = Mcp::connect_as(host.url(), Era::Legacy, &ann).await?;
    client.tools().await?;
    let session = client.session().context("no session")?.to_owned();
    for method in ["POST", "GET", "DELETE"] {
        let foreign = send(&host, method, &bob, &session).await?;
        let never = send(&host, method, &bob, "8a2f7f9e-0000-4000-8000-000000000000").await?;
        assert_eq!((foreign.status, foreign.text()), (never.status, never.text()), "{method}");
        assert_eq!(foreign.status, 404, "{method}: {}", foreign.text());
        assert_eq!(foreign.header("mcp-session-id"), None, "{method}");
    }
    // It is as it was, and of the caller, not of the key.
    client.tools().await?;
    assert_eq!(send(&host, "POST", &also_ann, &session).await?.status, 200);
    assert_eq!(client.end().await?, 204);
    assert_eq!(send(&host, "POST", &ann, &session).await?.status, 404);
    Ok(())
}

#[tokio::test]
async fn a_session_does_not_stand_in_for_a_key() -> Result<()> {
    let keys = Keys::new()?;
    let ann = keys.make("ann", &[])?;
    let host = keys.setup("")?.start().await?;
    let client = Mcp::connect_as(host.url(), Era::Legacy, &ann).await?;
    let session = client.session().context("no session")?.to_owned();
    let answer = request("POST", &format!("{}/mcp", host.url()), &[("mcp-session-id", &session)], Vec::new()).await?;
    assert_eq!(answer.status, 401);
    Ok(())
}

/// The answer to a request for a task that is not there, or seems so.
async fn unknown_task(client: &mut Mcp, method: &str, id: &str) -> Result<Value> {
    let answer = client.send(method, json!({ "taskId": id })).await?.json()?;
    ensure!(answer["error"].is_object(), "{method}: {answer}");
    Ok(answer["error"].clone())
}

#[tokio::test]
async fn somebody_elses_task_is_as_unknown_as_one_that_never_was() -> Result<()> {
    let keys = Keys::new()?;
    let (ann, bob) = (keys.make("ann", &[])?, keys.make("bob", &[])?);
    let config =
        "[plugins.conformance]\nprefix = \"\"\n[limits]\ndeadline_ms = 600000\n[policy]\nfile = \"policy.cedar\"\n";
    let setup = keys.setup(config)?.beside("policy.cedar", "permit (principal, action, resource);");
    let host = setup.plugin("conformance", "conformance")?.start().await?;
    let tasks = || json!({ "extensions": { "io.modelcontextprotocol/tasks": {} } });
    let mut ann = Mcp::connect_as(host.url(), Era::Modern, &ann).await?.capable_of(tasks());
    let mut bob = Mcp::connect_as(host.url(), Era::Modern, &bob).await?.capable_of(tasks());
    let begun = ann.call("slow_compute", json!({ "seconds": 300 })).await?;
    let id = begun["taskId"].as_str().with_context(|| format!("no task: {begun}"))?.to_owned();
    let never = "0".repeat(id.len());
    for method in ["tasks/get", "tasks/cancel"] {
        let foreign = unknown_task(&mut bob, method, &id).await?;
        let unknown = unknown_task(&mut bob, method, &never).await?;
        assert_eq!(foreign["code"], unknown["code"], "{method}");
        assert_eq!(
            foreign["message"].as_str().map(|said| said.replace(&id, "ID")),
            unknown["message"].as_str().map(|said| said.replace(&never, "ID")),
            "{method}"
        );
    }
    let task = ann.request("tasks/get", json!({ "taskId": id })).await?;
    assert_eq!(task["status"], "working", "{task}");
    ann.request("tasks/cancel", json!({ "taskId": id })).await?;
    Ok(())
}
