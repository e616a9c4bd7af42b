//! Whatever is refused is refused as JSON-RPC has it, with a status that says whose fault it was.

use anyhow::Result;
use serde_json::{Value, json};
use toolhost_tests::http::{Connection, Response};
use toolhost_tests::mcp::{ERAS, Era, Mcp};
use toolhost_tests::stdio::Stdio;

use crate::{BOTH, JSON, good, post, session, setup};

/// A refusal is JSON, has a code and a sentence, and repeats no more of the message than its id.
fn refusal(response: &Response, status: u16, code: i64) -> Value {
    let answer = response.json().unwrap_or_else(|error| panic!("{error:#}"));
    assert_eq!((response.status, &answer["error"]["code"]), (status, &json!(code)), "{answer}");
    assert_eq!(response.header("content-type"), Some("application/json"), "{answer}");
    assert_eq!(answer["jsonrpc"], "2.0", "{answer}");
    assert!(answer["error"]["message"].as_str().is_some_and(|message| message.len() > 20), "{answer}");
    answer
}

#[tokio::test]
async fn what_is_no_message_is_told_what_is_wrong_with_it() -> Result<()> {
    let host = good().await?;
    for modern in [false, true] {
        let mut headers = vec![JSON, BOTH];
        if modern {
            headers.push(("mcp-protocol-version", "2026-07-28"));
        }
        for (body, code, id) in [
            ("{", -32700, Value::Null),
            ("", -32700, Value::Null),
            ("not JSON", -32700, Value::Null),
            ("\u{0}", -32700, Value::Null),
            ("7", -32600, Value::Null),
            ("{}", -32600, Value::Null),
            (r#"{"jsonrpc":"2.0","id":null,"method":"tools/list"}"#, -32600, Value::Null),
            (r#"{"jsonrpc":"2.0","id":7}"#, -32600, json!(7)),
            (r#"{"jsonrpc":"1.0","id":"a","method":"tools/list"}"#, -32600, json!("a")),
            (r#"[{"jsonrpc":"2.0","id":1,"method":"tools/list"}]"#, -32600, Value::Null),
        ] {
            let answer = refusal(&post(&host, &headers, body).await?, 400, code);
            assert_eq!(answer["id"], id, "{body}: {answer}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn parameters_that_do_not_fit_are_the_callers_error_and_no_missing_method() -> Result<()> {
    let host = good().await?;
    for era in ERAS {
        let mut client = Mcp::connect(host.url(), era).await?;
        let in_both = [
            ("tools/call", json!({ "name": "good__echo", "arguments": "x" })),
            ("completion/complete", json!({ "ref": "x" })),
        ];
        // The newest revision holds a header against these first.
        let in_legacy = [
            ("tools/call", json!({ "name": 7 })),
            ("tools/call", json!({ "arguments": {} })),
            ("resources/read", json!({ "uri": [] })),
            ("prompts/get", json!({})),
            ("logging/setLevel", json!({ "level": "loud" })),
        ];
        let in_legacy = in_legacy.into_iter().filter(|_| era == Era::Legacy);
        for (method, params) in in_both.into_iter().chain(in_legacy) {
            let answer = client.send(method, params.clone()).await?.json()?;
            assert_eq!(answer["error"]["code"], -32602, "{era:?} {method} {params}: {answer}");
            assert!(answer["error"]["message"].as_str().is_some_and(|said| said.contains("`params`")), "{answer}");
        }
        let answer = client.send("no/such/method", json!({})).await?.json()?;
        assert_eq!(answer["error"]["code"], -32601, "{era:?}: {answer}");
    }
    Ok(())
}

#[tokio::test]
async fn a_method_that_is_not_here_is_told_what_is_instead() -> Result<()> {
    let host = good().await?;
    for (era, status) in [(Era::Legacy, 200), (Era::Modern, 404)] {
        let mut client = Mcp::connect(host.url(), era).await?;
        let mut by_stdio = Stdio::start(&setup("")?, era).await?;
        let of_era = match era {
            Era::Legacy => ("subscriptions/listen", "2026-07-28 alone"),
            Era::Modern => ("ping", "has no sessions"),
        };
        for (method, said) in [
            ("nope", "`nope` is no method of this host"),
            ("prompts/list", "No plugin here offers prompts"),
            ("resources/list", "No plugin here offers resources"),
            ("skills/list", "No plugin here offers skills"),
            of_era,
        ] {
            let params = json!({ "notifications": {} });
            let response = client.send(method, params.clone()).await?;
            let answer = response.json()?;
            assert_eq!((response.status, &answer["error"]["code"]), (status, &json!(-32601)), "{era:?}: {answer}");
            let message = answer["error"]["message"].as_str().unwrap_or_default();
            assert!(message.contains(said) && message.contains(" Next: "), "{era:?} {method}: {answer}");
            let other = by_stdio.ask(by_stdio.request(7, method, params)).await?;
            assert_eq!((&other["error"], &other["id"]), (&answer["error"], &json!(7)), "{era:?} {method}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_broken_initialize_is_told_what_it_must_hold() -> Result<()> {
    let host = good().await?;
    for params in [json!({}), json!({ "protocolVersion": "2025-11-25" }), json!({ "protocolVersion": 7 })] {
        let message = json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params });
        let answer = refusal(&post(&host, &[JSON, BOTH], &message.to_string()).await?, 400, -32602);
        assert!(answer["error"]["message"].as_str().is_some_and(|said| said.contains("`protocolVersion`")), "{answer}");
        assert_eq!(answer["id"], 1);
    }
    Ok(())
}

#[tokio::test]
async fn a_request_without_its_session_is_told_how_to_get_one() -> Result<()> {
    let host = good().await?;
    let list = r#"{"jsonrpc":"2.0","id":5,"method":"tools/list"}"#;
    let answer = refusal(&post(&host, &[JSON, BOTH], list).await?, 400, -32600);
    assert!(answer["error"]["message"].as_str().is_some_and(|said| said.contains("`initialize`")), "{answer}");
    assert_eq!(answer["id"], 5);
    let unknown = ("mcp-session-id", "00000000-0000-0000-0000-000000000000");
    let answer = refusal(&post(&host, &[JSON, BOTH, unknown], list).await?, 404, -32001);
    assert_eq!(answer["id"], 5);
    let mut connection = Connection::open(host.url()).await?;
    refusal(&connection.send("GET", "/mcp", &[BOTH, unknown], "").await?, 404, -32001);
    refusal(&connection.send("DELETE", "/mcp", &[unknown], "").await?, 404, -32001);
    Ok(())
}

#[tokio::test]
async fn an_end_of_a_session_is_done_and_its_id_is_good_for_nothing_after() -> Result<()> {
    let host = good().await?;
    let client = Mcp::connect(host.url(), Era::Legacy).await?;
    let mut beside = client.beside().await?;
    assert_eq!(client.end().await?, 204);
    refusal(&beside.send("tools/list", json!({})).await?, 404, -32001);
    Ok(())
}

#[tokio::test]
async fn types_and_methods_that_are_not_taken_are_refused_in_json_too() -> Result<()> {
    let host = good().await?;
    let list = r#"{"jsonrpc":"2.0","id":5,"method":"tools/list"}"#;
    for kind in ["text/plain", "application/jsonx", "application/x-www-form-urlencoded"] {
        refusal(&post(&host, &[("content-type", kind), BOTH], list).await?, 415, -32600);
    }
    refusal(&post(&host, &[BOTH], list).await?, 415, -32600);
    refusal(&post(&host, &[JSON, ("accept", "text/html")], list).await?, 406, -32600);
    let mut connection = Connection::open(host.url()).await?;
    for method in ["PUT", "PATCH", "OPTIONS"] {
        let response = connection.send(method, "/mcp", &[], "").await?;
        refusal(&response, 405, -32600);
        assert!(response.header("allow").is_some_and(|allow| allow.contains("POST")), "{method}");
    }
    // The newest revision has neither streams of their own nor sessions.
    for method in ["GET", "DELETE"] {
        let headers = [("mcp-protocol-version", "2026-07-28"), BOTH];
        refusal(&connection.send(method, "/mcp", &headers, "").await?, 405, -32600);
    }
    Ok(())
}

#[tokio::test]
async fn a_revision_that_never_was_is_refused_with_those_that_are_served() -> Result<()> {
    let host = good().await?;
    let session = session(&host, "2025-11-25").await?;
    let list = r#"{"jsonrpc":"2.0","id":5,"method":"tools/list"}"#;
    let headers = [JSON, BOTH, ("mcp-session-id", session.as_str()), ("mcp-protocol-version", "1999-01-01")];
    let answer = refusal(&post(&host, &headers, list).await?, 400, -32022);
    assert_eq!(answer["error"]["data"]["requested"], "1999-01-01", "{answer}");
    let supported = answer["error"]["data"]["supported"].as_array().cloned().unwrap_or_default();
    assert!(supported.contains(&json!("2025-11-25")), "{answer}");
    Ok(())
}

#[tokio::test]
async fn a_message_that_is_too_large_is_refused_in_json_and_not_repeated() -> Result<()> {
    let host = setup("[serve]\nrequest_kib = 16\n")?.start().await?;
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "x".repeat(17 << 10) }).to_string();
    let response = post(&host, &[JSON, BOTH], &body).await?;
    let answer = refusal(&response, 413, -32600);
    assert!(answer["error"]["message"].as_str().is_some_and(|said| said.contains("16 KiB")), "{answer}");
    assert!(!response.text().contains("xxx"));
    Ok(())
}
