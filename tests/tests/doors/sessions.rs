//! Sessions of the older revisions: what a client misses waits for it, and a session lives for
//! as long as something happens in it. The newest revision has none of that.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use toolhost_tests::mcp::{Era, Mcp};
use toolhost_tests::toolhost::Toolhost;

use crate::{BOTH, JSON, good, post, session, setup};

/// How long anything may take that is waited for.
const TIME_MAX: Duration = Duration::from_secs(60);

/// A request whose answer is read as it comes, and may be given up.
pub(super) struct Stream {
    stream: TcpStream,
    read: String,
}

impl Stream {
    pub(super) async fn open(host: &Toolhost, method: &str, headers: &[(&str, &str)], body: &str) -> Result<Self> {
        let authority = host.url().trim_start_matches("http://");
        let mut head = format!("{method} /mcp HTTP/1.1\r\nhost: {authority}\r\ncontent-length: {}\r\n", body.len());
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        let mut stream = TcpStream::connect(authority).await?;
        stream.write_all(format!("{head}\r\n{body}").as_bytes()).await?;
        Ok(Self { stream, read: String::new() })
    }

    /// Reads until the text was there.
    pub(super) async fn reads(&mut self, text: &str) -> Result<()> {
        let mut buffer = [0; 4096];
        while !self.read.contains(text) {
            let count = timeout(TIME_MAX, self.stream.read(&mut buffer)).await;
            let count = count.with_context(|| format!("`{text}` never came: {}", self.read))??;
            ensure!(count > 0, "it ended without `{text}`: {}", self.read);
            self.read.push_str(&String::from_utf8_lossy(buffer.get(..count).unwrap_or_default()));
        }
        Ok(())
    }

    /// The id of the last event that came whole.
    fn last_id(&self) -> Result<String> {
        let whole = self.read.rsplit_once("\n\n").map_or("", |(whole, _)| whole);
        let id = whole.lines().rev().find_map(|line| line.strip_prefix("id:"));
        Ok(id.with_context(|| format!("no id: {}", self.read))?.trim().to_owned())
    }
}

fn steps(count: u32, pause_ms: u32, meta: &Value) -> String {
    let arguments = json!({ "count": count, "pause_ms": pause_ms });
    let params = json!({ "name": "good__steps", "arguments": arguments, "_meta": meta });
    json!({ "jsonrpc": "2.0", "id": 41, "method": "tools/call", "params": params }).to_string()
}

/// Waits until the host has logged so many answered calls.
async fn answered(host: &Toolhost, calls: usize) -> Result<()> {
    let deadline = Instant::now() + TIME_MAX;
    while host.printed()?.matches("a call was answered").count() < calls {
        ensure!(Instant::now() < deadline, "it was never answered: {}", host.printed()?);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Ok(())
}

#[tokio::test]
async fn a_client_that_lost_its_connection_gets_the_answer_that_it_missed() -> Result<()> {
    let host = good().await?;
    for revision in ["2025-03-26", "2025-11-25"] {
        let session = session(&host, revision).await?;
        let headers = [JSON, BOTH, ("mcp-session-id", session.as_str())];
        // Whether the call is over when the client comes back, or still under way.
        for is_over in [true, false] {
            let before = host.printed()?.matches("a call was answered").count();
            let body = steps(if is_over { 4 } else { 20 }, 100, &json!({ "progressToken": "t" }));
            let mut call = Stream::open(&host, "POST", &headers, &body).await?;
            call.reads("step 1").await?;
            call.reads("\n\n").await?;
            let seen = call.last_id()?;
            drop(call);
            if is_over {
                answered(&host, before + 1).await?;
            }
            let resume = [BOTH, ("mcp-session-id", session.as_str()), ("last-event-id", seen.as_str())];
            let mut again = Stream::open(&host, "GET", &resume, "").await?;
            again.reads("\"id\":41").await?;
            again.reads(if is_over { "4 steps" } else { "20 steps" }).await?;
            ensure!(again.read.contains("step 3"), "what was told meanwhile is missing: {}", again.read);
        }
    }
    Ok(())
}

#[tokio::test]
async fn what_one_session_missed_is_not_told_to_another() -> Result<()> {
    let host = good().await?;
    let (mine, other) = (session(&host, "2025-11-25").await?, session(&host, "2025-11-25").await?);
    let headers = [JSON, BOTH, ("mcp-session-id", mine.as_str())];
    let mut call = Stream::open(&host, "POST", &headers, &steps(2, 60, &json!({}))).await?;
    call.reads("\"id\":41").await?;
    // The stream's first event, after which the answer would come.
    let first = call.read.lines().find_map(|line| line.strip_prefix("id:")).context("no id")?.trim().to_owned();
    let resume = |session: String| {
        let (host, first) = (&host, first.clone());
        async move {
            let headers = [BOTH, ("mcp-session-id", session.as_str()), ("last-event-id", first.as_str())];
            let url = format!("{}/mcp", host.url());
            let response =
                timeout(TIME_MAX, toolhost_tests::http::request("GET", &url, &headers, Vec::new())).await??;
            anyhow::Ok(response.text())
        }
    };
    assert!(resume(mine).await?.contains("2 steps"));
    assert!(!resume(other).await?.contains("2 steps"));
    Ok(())
}

#[tokio::test]
async fn a_client_of_the_newest_revision_that_goes_away_has_taken_its_call_back() -> Result<()> {
    let host = good().await?;
    let meta = json!({
        "progressToken": "t",
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    let headers =
        [JSON, BOTH, ("mcp-protocol-version", "2026-07-28"), ("mcp-method", "tools/call"), ("mcp-name", "good__steps")];
    let mut call = Stream::open(&host, "POST", &headers, &steps(600, 50, &meta)).await?;
    call.reads("step 1").await?;
    ensure!(!call.read.contains("\nid:"), "there is nothing to come back for: {}", call.read);
    drop(call);
    let deadline = Instant::now() + Duration::from_secs(20);
    while !host.printed()?.contains("cancelled") {
        ensure!(Instant::now() < deadline, "it went on: {}", host.printed()?);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Ok(())
}

#[tokio::test]
async fn a_silent_call_keeps_its_session_and_an_idle_one_ends() -> Result<()> {
    let host = setup("[serve]\nsession_idle_ms = 2000\n")?.start().await?;
    let mut client = Mcp::connect(host.url(), Era::Legacy).await?;
    // Three times as long as a session may be idle, and without a word.
    let answer = client.call("good__sleep_ms", json!({ "milliseconds": 6_000 })).await?;
    assert_eq!(answer["content"][0]["text"], "slept 6000 ms", "{answer}");
    let deadline = Instant::now() + TIME_MAX;
    loop {
        // Looking is use, so it must be rarer than what a session may be idle.
        tokio::time::sleep(Duration::from_millis(3_000)).await;
        let response = client.send("tools/list", json!({})).await?;
        if response.status == 404 {
            return Ok(());
        }
        ensure!(Instant::now() < deadline, "it never ended");
    }
}

#[tokio::test]
async fn a_call_whose_client_has_gone_keeps_its_session_too() -> Result<()> {
    let host = setup("[serve]\nsession_idle_ms = 2000\n")?.start().await?;
    let session = session(&host, "2025-11-25").await?;
    let headers = [JSON, BOTH, ("mcp-session-id", session.as_str())];
    let mut call = Stream::open(&host, "POST", &headers, &steps(60, 100, &json!({ "progressToken": "t" }))).await?;
    call.reads("step 1").await?;
    let seen = call.last_id()?;
    drop(call);
    answered(&host, 1).await?;
    let resume = [BOTH, ("mcp-session-id", session.as_str()), ("last-event-id", seen.as_str())];
    Stream::open(&host, "GET", &resume, "").await?.reads("60 steps").await
}

#[tokio::test]
async fn for_one_session_too_many_the_idlest_ends() -> Result<()> {
    let host = setup("[serve]\nsessions = 2\n")?.start().await?;
    let (first, second) = (session(&host, "2025-11-25").await?, session(&host, "2025-11-25").await?);
    let list = r#"{"jsonrpc":"2.0","id":5,"method":"tools/list"}"#;
    let status = async |session: &str| {
        let response = post(&host, &[JSON, BOTH, ("mcp-session-id", session)], list).await?;
        anyhow::Ok(response.status)
    };
    assert_eq!(status(&first).await?, 200);
    let third = crate::session(&host, "2025-11-25").await?;
    assert_eq!((status(&first).await?, status(&second).await?, status(&third).await?), (200, 404, 200));
    // Where all are in use, there is no place, and it is said for how long to wait.
    let listen = |session: &str| {
        let session = session.to_owned();
        let host = &host;
        async move { Stream::open(host, "GET", &[BOTH, ("mcp-session-id", &session)], "").await }
    };
    let (mut one, mut other) = (listen(&first).await?, listen(&third).await?);
    one.reads("text/event-stream").await?;
    other.reads("text/event-stream").await?;
    let params = json!({
        "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": { "name": "tests", "version": "1" },
    });
    let message = json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params });
    let refused = post(&host, &[JSON, BOTH], &message.to_string()).await?;
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("1")), "{}", refused.text());
    assert_eq!(refused.json()?["error"]["code"], -32603, "{}", refused.text());
    Ok(())
}
