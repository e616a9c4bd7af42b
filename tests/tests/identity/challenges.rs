//! What a client is told to try: where tokens come from, and which it lacks.

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use toolhost_tests::Toolhost;
use toolhost_tests::http::{Response, request};
use toolhost_tests::mcp::{ERAS, Mcp};

use crate::issuer::{AUDIENCE, Issuer};
use crate::keys::Keys;
use crate::{challenge, enter, get};

const METADATA: &str = "resource_metadata=\"https://tools.example.com/.well-known/oauth-protected-resource/mcp\"";

#[tokio::test]
async fn a_client_without_a_token_learns_whose_to_bring() -> Result<()> {
    let issuer = Issuer::start().await?;
    let host = issuer.trusted("scopes = [\"tools\"]", "")?.start().await?;
    for (method, path) in
        [("POST", "/mcp"), ("GET", "/mcp"), ("DELETE", "/mcp"), ("GET", "/tools"), ("POST", "/tools/x")]
    {
        let answer = request(method, &format!("{}{path}", host.url()), &[], Vec::new()).await?;
        assert_eq!(answer.status, 401, "{method} {path}");
        // By RFC 6750, somebody who shows nothing made no error.
        assert_eq!(answer.header("www-authenticate"), Some(&*format!("Bearer {METADATA}, scope=\"tools\"")));
    }
    for path in ["/.well-known/oauth-protected-resource", "/.well-known/oauth-protected-resource/mcp"] {
        let answer = host.get(path).await?;
        let metadata = answer.json()?;
        assert_eq!((answer.status, &metadata["resource"]), (200, &json!(AUDIENCE)), "{metadata}");
        assert_eq!(metadata["authorization_servers"], json!([issuer.url()]), "{metadata}");
        assert_eq!(metadata["scopes_supported"], json!(["tools"]), "{metadata}");
        assert_eq!(metadata["bearer_methods_supported"], json!(["header"]), "{metadata}");
    }
    let token = issuer.mint(json!({ "scope": "other" })).await?;
    let answer = enter(&host, &token).await?;
    let challenge = challenge(&answer, &token)?;
    assert_eq!(answer.status, 403);
    ensure!(challenge.contains("error=\"insufficient_scope\"") && challenge.contains("scope=\"tools\""), "{challenge}");
    ensure!(challenge.contains(METADATA), "{challenge}");
    assert_eq!(enter(&host, &issuer.mint(json!({ "scope": "other tools" })).await?).await?.status, 200);
    Ok(())
}

#[tokio::test]
async fn a_token_in_a_query_is_none() -> Result<()> {
    let issuer = Issuer::start().await?;
    let host = issuer.trusted("", "")?.start().await?;
    let token = issuer.mint(json!({})).await?;
    assert_eq!(host.get(&format!("/tools?access_token={token}")).await?.status, 401);
    Ok(())
}

#[tokio::test]
async fn without_an_authorization_server_there_is_no_metadata() -> Result<()> {
    let keys = Keys::new()?;
    let host = keys.setup("")?.start().await?;
    assert_eq!(host.get("/.well-known/oauth-protected-resource").await?.status, 404);
    let answer = host.get("/tools").await?;
    assert_eq!((answer.status, answer.header("www-authenticate")), (401, Some("Bearer realm=\"toolhost\"")));
    Ok(())
}

/// What is said of scopes, if anything is.
fn lacks(answer: &Response) -> bool {
    answer.status == 403 && answer.header("www-authenticate").is_some_and(|said| said.contains("insufficient_scope"))
}

/// Calls a tool by REST.
async fn rest(host: &Toolhost, path: &str, bearer: &str) -> Result<Response> {
    let authorization = format!("Bearer {bearer}");
    let body = json!({ "a": 1, "b": 2 }).to_string().into_bytes();
    request("POST", &format!("{}{path}", host.url()), &[("authorization", &authorization)], body).await
}

#[tokio::test]
async fn a_plugin_may_ask_for_more_before_anything_is_done() -> Result<()> {
    let issuer = Issuer::start().await?;
    let keys = Keys::new()?;
    let key = keys.make("ann", &[])?;
    let more = format!("[callers]\n{}\n[plugins.good]\nscopes = [\"good.add\", \"good.use\"]", keys.line());
    let host = issuer.trusted("scopes = [\"tools\"]", &more)?.start().await?;
    let less = issuer.mint(json!({ "scope": "tools good.use" })).await?;
    let enough = issuer.mint(json!({ "scope": "tools good.use good.add" })).await?;

    // A name that is written otherwise is the same name.
    for path in ["/tools/good__add", "/tools/good%5F_add"] {
        let answer = rest(&host, path, &less).await?;
        ensure!(lacks(&answer), "{path}: {} {}", answer.status, answer.text());
        let challenge = challenge(&answer, &less)?;
        // All that it takes, at once.
        ensure!(challenge.contains("scope=\"good.add good.use tools\"") && challenge.contains(METADATA), "{challenge}");
    }
    ensure!(!lacks(&rest(&host, "/tools/good__add", &enough).await?));
    ensure!(!lacks(&rest(&host, "/tools/good__add", &key).await?), "a key has no scopes, and is not asked for any");

    for era in ERAS {
        let mut client = Mcp::connect_as(host.url(), era, &less).await?;
        client.tools().await?;
        let params = json!({ "name": "good__add", "arguments": { "a": 1, "b": 2 } });
        let answer = client.send("tools/call", params.clone()).await?;
        ensure!(lacks(&answer), "{era:?}: {} {}", answer.status, answer.text());
        let other = client.send("tools/call", json!({ "name": "no_such_tool", "arguments": {} })).await?;
        ensure!(!lacks(&other), "{era:?}: {}", other.text());
        let mut client = Mcp::connect_as(host.url(), era, &enough).await?;
        let answer = client.send("tools/call", params).await?;
        ensure!(!lacks(&answer), "{era:?}: {}", answer.text());
    }
    Ok(())
}

#[tokio::test]
async fn a_message_that_hides_what_it_asks_for_does_not_get_past_the_scopes() -> Result<()> {
    let issuer = Issuer::start().await?;
    let host = issuer.trusted("", "[plugins.good]\nscopes = [\"good.use\"]")?.start().await?;
    let authorization = format!("Bearer {}", issuer.mint(json!({ "scope": "" })).await?);
    let headers = [
        ("content-type", "application/json"),
        ("accept", "application/json, text/event-stream"),
        ("mcp-protocol-version", "2026-07-28"),
        ("mcp-method", "tools/call"),
        ("mcp-name", "good__add"),
        ("authorization", &*authorization),
    ];
    let meta = r#""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}"#;
    for params in [
        format!(r#"{{"name":"good__echo","name":"good__add","arguments":{{"a":40,"b":2}},{meta}}}"#),
        format!(r#"{{"name":"good\u005f_add","arguments":{{"a":40,"b":2}},{meta}}}"#),
        format!(r#"{{"name":"good__add","ref":7,"arguments":{{"a":40,"b":2}},{meta}}}"#),
    ] {
        let body = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{params}}}"#);
        let answer = request("POST", &format!("{}/mcp", host.url()), &headers, body.into_bytes()).await?;
        ensure!(!answer.text().contains("42"), "it was called: {}", answer.text());
        let is_refused = answer.status != 200
            || answer.json().is_ok_and(|said: Value| said["result"]["isError"] == true || said["error"].is_object());
        ensure!(is_refused, "{}: {}", answer.status, answer.text());
    }
    Ok(())
}

#[tokio::test]
async fn more_than_one_credential_is_none() -> Result<()> {
    let keys = Keys::new()?;
    let key = keys.make("ann", &[])?;
    let host = keys.setup("")?.start().await?;
    assert_eq!(get(&host, "/tools", &key).await?.status, 200);
    let one = format!("Bearer {key}");
    for headers in [
        vec![("authorization", one.as_str()), ("authorization", "Bearer other")],
        vec![("authorization", "Basic YW5uOmFubg==")],
        vec![("authorization", "Bearer")],
    ] {
        let answer = request("GET", &format!("{}/tools", host.url()), &headers, Vec::new()).await?;
        assert_eq!(answer.status, 401, "{headers:?}");
        challenge(&answer, &key)?;
    }
    Ok(())
}
