//! MCP over standard input and output: the same answers as over HTTP, however the lines come.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use toolhost_tests::mcp::{ERAS, Era, Mcp};
use toolhost_tests::stdio::Stdio;

use crate::{good, setup};

#[tokio::test]
async fn the_same_call_gives_the_same_answer_as_over_http() -> Result<()> {
    let by_http = good().await?;
    for era in ERAS {
        let mut host = Stdio::start(&setup("")?, era).await?;
        let mut client = Mcp::connect(by_http.url(), era).await?;
        let tools = host.ask(host.request(1, "tools/list", json!({}))).await?;
        assert_eq!(tools["result"]["tools"], Value::from(client.tools().await?), "{era:?}");
        for (tool, arguments) in [
            ("good__echo", json!({ "message": "Grüße\n", "payload": { "n": [1, null] } })),
            ("good__every_content", json!({})),
            ("good__fail", json!({ "kind": "denied" })),
        ] {
            let answer = host.ask(host.call("a", tool, arguments.clone())).await?;
            assert_eq!(answer["id"], "a", "{answer}");
            assert_eq!(answer["result"], client.call(tool, arguments).await?, "{era:?} {tool}");
        }
        host.end();
        assert_eq!(host.wait().await?.code(), Some(0), "{}", host.log());
        assert_eq!(host.line().await?, None, "nothing but messages is on standard output");
    }
    Ok(())
}

#[tokio::test]
async fn a_client_may_ask_what_the_server_is_before_anything_else() -> Result<()> {
    let mut host = Stdio::silent(&setup("")?, Era::Modern)?;
    let met = host.ask(host.request(1, "server/discover", json!({}))).await?;
    let versions = met["result"]["supportedVersions"].as_array().cloned().unwrap_or_default();
    assert!(versions.contains(&json!("2026-07-28")), "{met}");
    // One that is not of this protocol at first: it is not listened to, and nothing ends.
    host.send(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" })).await?;
    host.send(&json!({ "jsonrpc": "2.0", "id": 9, "result": {} })).await?;
    let answer = host.ask(host.call(2, "good__add", json!({ "a": 1, "b": 2 }))).await?;
    assert_eq!(answer["result"]["structuredContent"]["result"], 3, "{answer}");
    Ok(())
}

#[tokio::test]
async fn a_line_may_come_in_pieces_and_several_at_once() -> Result<()> {
    for era in ERAS {
        let mut host = Stdio::start(&setup("")?, era).await?;
        let line = format!("{}\n", host.call(1, "good__echo", json!({ "message": "é".repeat(2_000) })));
        for piece in line.as_bytes().chunks(701) {
            host.write(piece).await?;
            // So that it is read in more than one piece; whatever the pieces, the answer is the same.
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        let answer = host.next().await?;
        assert_eq!(answer["result"]["structuredContent"]["message"], "é".repeat(2_000), "{era:?}");
        // Empty lines, the ends of lines of another system, and many lines at once.
        let add = |id: i64| host.call(id, "good__add", json!({ "a": id, "b": 0 })).to_string();
        let lines: Vec<String> = (10..40).map(|id| format!("\n  \r\n{}\r\n", add(id))).collect();
        host.write(lines.concat().as_bytes()).await?;
        let mut sums = Vec::new();
        for _ in 10..40 {
            let answer = host.next().await?;
            assert_eq!(answer["result"]["structuredContent"]["result"], answer["id"], "{era:?}: {answer}");
            sums.extend(answer["id"].as_i64());
        }
        sums.sort_unstable();
        assert_eq!(sums, (10..40).collect::<Vec<_>>(), "{era:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_line_that_is_no_message_is_refused_and_the_next_is_answered() -> Result<()> {
    let mut host = Stdio::start(&setup("[serve]\nrequest_kib = 16\n")?, Era::Legacy).await?;
    let too_long = format!("{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"{}\"}}\n", "x".repeat(1 << 20));
    for (line, code, id) in [
        ("{\"jsonrpc\":\n", -32700, Value::Null),
        ("no JSON\n", -32700, Value::Null),
        ("\u{0}\n", -32700, Value::Null),
        ("7\n", -32600, Value::Null),
        ("{\"jsonrpc\":\"2.0\",\"id\":null,\"method\":\"ping\"}\n", -32600, Value::Null),
        ("{\"jsonrpc\":\"2.0\",\"id\":7}\n", -32600, json!(7)),
        ("[{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"ping\"}]\n", -32600, Value::Null),
        (too_long.as_str(), -32600, Value::Null),
    ] {
        host.write(line.as_bytes()).await?;
        let refused = host.next().await?;
        let shown = line.chars().take(40).collect::<String>();
        assert_eq!((&refused["error"]["code"], &refused["id"]), (&json!(code), &id), "{shown}: {refused}");
        let answer = host.ask(host.call("after", "good__add", json!({ "a": 1, "b": 2 }))).await?;
        assert_eq!(answer["result"]["structuredContent"]["result"], 3, "{shown}: {answer}");
    }
    host.write(b"\xff\xfe\n").await?;
    assert_eq!(host.next().await?["error"]["code"], -32700);
    assert!(!host.log().contains("panicked"), "{}", host.log());
    Ok(())
}

#[tokio::test]
async fn an_array_is_answered_by_an_array_in_the_revision_that_has_them() -> Result<()> {
    let mut host = Stdio::silent(&setup("")?, Era::Legacy)?;
    let met = host.initialize("2025-03-26").await?;
    assert_eq!(met["result"]["protocolVersion"], "2025-03-26", "{met}");
    let add = |id: i64| host.call(id, "good__add", json!({ "a": id, "b": 0 }));
    let told = json!({ "jsonrpc": "2.0", "method": "notifications/roots/list_changed" });
    let batch = json!([add(1), told, add(2), { "jsonrpc": "2.0", "id": 3 }]);
    let answers = host.ask(batch).await?;
    let answers = answers.as_array().cloned().unwrap_or_default();
    let mut ids: Vec<i64> = answers.iter().filter_map(|answer| answer["id"].as_i64()).collect();
    ids.sort_unstable();
    assert_eq!(ids, [1, 2, 3], "{answers:?}");
    Ok(())
}

#[tokio::test]
async fn a_call_that_is_taken_back_stops_and_is_not_answered() -> Result<()> {
    for era in ERAS {
        let mut host = Stdio::start(&setup("[limits]\ndeadline_ms = 600000\n")?, era).await?;
        let arguments = json!({ "count": 10_000, "pause_ms": 50 });
        let params = json!({ "name": "good__steps", "arguments": arguments, "_meta": { "progressToken": "t" } });
        let told = host.ask(host.request("long", "tools/call", params)).await?;
        assert_eq!(told["method"], "notifications/progress", "{era:?}: {told}");
        let params = json!({ "requestId": "long" });
        host.send(&json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": params })).await?;
        let deadline = Instant::now() + Duration::from_secs(30);
        while !host.log().contains("cancelled") {
            ensure!(Instant::now() < deadline, "{era:?}: it went on: {}", host.log());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        host.send(&host.call("next", "good__add", json!({ "a": 1, "b": 2 }))).await?;
        loop {
            let message = host.next().await?;
            assert_ne!(message["id"], "long", "{era:?}: {message}");
            if message["id"] == "next" {
                break;
            }
        }
        // Nothing is under way any more, so it ends at once.
        host.end();
        let began = Instant::now();
        assert_eq!(host.wait().await?.code(), Some(0), "{}", host.log());
        assert!(began.elapsed() < Duration::from_secs(8), "{era:?}: {:?}", began.elapsed());
    }
    Ok(())
}

#[tokio::test]
async fn calls_under_way_are_answered_when_the_input_ends_or_the_host_is_told_to_stop() -> Result<()> {
    for era in ERAS {
        for is_told in [false, true] {
            let mut host = Stdio::start(&setup("")?, era).await?;
            let params = json!({
                "name": "good__steps",
                "arguments": { "count": 10, "pause_ms": 100 },
                "_meta": { "progressToken": "t" },
            });
            let told = host.ask(host.request("last", "tools/call", params)).await?;
            assert_eq!(told["method"], "notifications/progress", "{era:?}: {told}");
            if is_told {
                let pid = host.pid().context("it runs")?.to_string();
                ensure!(Command::new("kill").args(["-TERM", &pid]).status()?.success());
            } else {
                host.end();
            }
            let mut last = Value::Null;
            while let Some(line) = host.line().await? {
                last = serde_json::from_str(&line)?;
            }
            assert_eq!(last["result"]["content"][0]["text"], "10 steps", "{era:?}: {last}");
            assert_eq!(host.wait().await?.code(), Some(0), "{}", host.log());
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_call_that_outlasts_the_end_is_cut_off() -> Result<()> {
    let config = "[serve]\nstop_ms = 500\n[limits]\ndeadline_ms = 600000\n";
    for era in ERAS {
        let mut host = Stdio::start(&setup(config)?, era).await?;
        let params = json!({
            "name": "good__steps",
            "arguments": { "count": 10_000, "pause_ms": 100 },
            "_meta": { "progressToken": "t" },
        });
        host.ask(host.request("long", "tools/call", params)).await?;
        host.end();
        let began = Instant::now();
        assert_eq!(host.wait().await?.code(), Some(0), "{}", host.log());
        assert!(began.elapsed() > Duration::from_millis(400), "{era:?}: it did not wait");
        assert!(host.log().contains("cut off"), "{era:?}: {}", host.log());
    }
    Ok(())
}
