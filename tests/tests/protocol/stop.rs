//! How a host ends: calls under way may finish, but not for ever.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use toolhost_tests::http::request;
use toolhost_tests::mcp::{ERAS, Era, Mcp};
use toolhost_tests::toolhost::Setup;

use crate::good;

/// A call that tells of its steps, read byte by byte.
struct Stream {
    stream: TcpStream,
    read: String,
}

impl Stream {
    async fn steps(url: &str, count: u32) -> Result<Self> {
        let authority = url.trim_start_matches("http://");
        let meta = json!({
            "progressToken": "t",
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {},
        });
        let params = json!({ "name": "good__steps", "arguments": { "count": count, "pause_ms": 100 }, "_meta": meta });
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params }).to_string();
        let head = format!(
            "POST /mcp HTTP/1.1\r\nhost: {authority}\r\ncontent-type: application/json\r\n\
             accept: application/json, text/event-stream\r\nmcp-protocol-version: 2026-07-28\r\n\
             mcp-method: tools/call\r\nmcp-name: good__steps\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        let mut stream = TcpStream::connect(authority).await?;
        stream.write_all((head + &body).as_bytes()).await?;
        Ok(Self { stream, read: String::new() })
    }

    /// Reads until the text was there, or to the end; whether it was there.
    async fn reads(&mut self, text: &str) -> Result<bool> {
        let mut buffer = [0; 4096];
        while !self.read.contains(text) {
            let count = self.stream.read(&mut buffer).await?;
            if count == 0 {
                return Ok(false);
            }
            self.read.push_str(&String::from_utf8_lossy(buffer.get(..count).unwrap_or_default()));
        }
        Ok(true)
    }
}

/// One call that takes a second and a half, by MCP if there is a client, or else by REST.
async fn sleep(url: String, client: Option<Mcp>) -> Result<Value> {
    let arguments = json!({ "milliseconds": 1_500 });
    match client {
        Some(mut client) => client.call("good__sleep_ms", arguments).await,
        None => {
            let url = format!("{url}/tools/good__sleep_ms");
            request("POST", &url, &[], arguments.to_string().into_bytes()).await?.json()
        }
    }
}

#[tokio::test]
async fn the_last_call_under_way_is_answered_when_the_host_is_told_to_stop() -> Result<()> {
    for door in [None, Some(Era::Legacy), Some(Era::Modern)] {
        let host = good().await?;
        let url = host.url().to_owned();
        let client = match door {
            Some(era) => Some(Mcp::connect(&url, era).await?),
            None => None,
        };
        let call = tokio::spawn(sleep(url.clone(), client));
        // When this one has told of a step, the other is under way too; and it ends before it.
        let mut stream = Stream::steps(&url, 3).await?;
        ensure!(stream.reads("notifications/progress").await?, "no progress: {}", stream.read);
        ensure!(!call.is_finished(), "{door:?}: the call ended before the stop");
        let (status, printed) = host.stop().await?;
        assert_eq!(status.code(), Some(0), "{door:?}: {printed}");
        let answer = call.await?.with_context(|| format!("{door:?}: the answer was lost"))?;
        assert_eq!(answer["content"][0]["text"], "slept 1500 ms", "{door:?}: {answer}");
        assert!(!printed.contains("cut off"), "{door:?}: {printed}");
        let health = request("GET", &format!("{url}/health"), &[], Vec::new()).await;
        assert!(health.is_err(), "{door:?}: it still answers");
    }
    Ok(())
}

#[tokio::test]
async fn a_call_that_streams_gets_its_result_when_the_host_is_told_to_stop() -> Result<()> {
    let host = good().await?;
    let mut stream = Stream::steps(host.url(), 10).await?;
    ensure!(stream.reads("notifications/progress").await?, "no progress: {}", stream.read);
    let (status, printed) = host.stop().await?;
    assert_eq!(status.code(), Some(0), "{printed}");
    ensure!(stream.reads("10 steps").await?, "the result was lost: {}", stream.read);
    Ok(())
}

#[tokio::test]
async fn a_call_that_outlasts_the_stop_is_cut_off() -> Result<()> {
    let config = "[serve]\nstop_ms = 500\n[limits]\ndeadline_ms = 600000\n";
    let host = Setup::new(config).plugin("good", "good")?.start().await?;
    let mut stream = Stream::steps(host.url(), 1_000).await?;
    ensure!(stream.reads("notifications/progress").await?, "no progress: {}", stream.read);
    let began = Instant::now();
    let (status, printed) = host.stop().await?;
    assert_eq!(status.code(), Some(0), "{printed}");
    assert!(began.elapsed() > Duration::from_millis(400), "it did not wait: {:?}", began.elapsed());
    assert!(printed.contains("cut off"), "{printed}");
    // An end or a reset: whichever, no result.
    let finished = stream.reads("1000 steps").await.unwrap_or(false);
    ensure!(!finished, "a call of 100 s finished");
    Ok(())
}

#[tokio::test]
async fn a_host_with_idle_clients_stops_at_once() -> Result<()> {
    let host = good().await?;
    let mut clients = Vec::new();
    for era in ERAS {
        let mut client = Mcp::connect(host.url(), era).await?;
        client.call("good__remember", json!({})).await?;
        clients.push(client);
    }
    let began = Instant::now();
    let (status, printed) = host.stop().await?;
    assert_eq!(status.code(), Some(0), "{printed}");
    assert!(began.elapsed() < Duration::from_secs(8), "it waited for nothing: {:?}", began.elapsed());
    Ok(())
}
