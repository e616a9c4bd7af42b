//! However a call ends, its request is answered or gone: a thousand of each kind, in both
//! eras, and then a call as any other.

use std::time::Duration;

use anyhow::{Context as _, Result};
use futures_util::future::try_join_all;
use serde_json::json;
use toolhost_tests::mcp::{ERAS, Era, Mcp};
use toolhost_tests::toolhost::{Setup, Toolhost};

const CALLS: usize = 1_000;

/// Clients that call at once, each one call after the other.
const CLIENTS: usize = 20;

/// All calls of one kind end within this, or one of them hangs.
const PATIENCE: Duration = Duration::from_secs(240);

async fn host() -> Result<Toolhost> {
    let config = "[limits]\ndeadline_ms = 50\n[plugins.liar]\n[plugins.endless]\n[plugins.good]\n\
                  [plugins.good.limits]\ndeadline_ms = 600_000\n";
    let setup = Setup::new(config).plugin("liar", "liar")?.plugin("endless", "endless")?;
    setup.plugin("good", "good")?.start().await
}

/// A thousand calls by as many clients as there are, each with its share.
async fn a_thousand<F>(host: &Toolhost, era: Era, share: impl Fn(Mcp) -> F) -> Result<()>
where
    F: Future<Output = Result<()>>,
{
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        clients.push(Mcp::connect(host.url(), era).await?);
    }
    let all = try_join_all(clients.into_iter().map(share));
    tokio::time::timeout(PATIENCE, all).await.context("a request was left open")??;
    Ok(())
}

/// The host answers as ever, and has nothing left to wait for.
async fn is_well(host: Toolhost, era: Era) -> Result<()> {
    let mut client = Mcp::connect(host.url(), era).await?;
    let answer = client.call("good__echo", json!({ "message": "well" })).await?;
    assert_eq!(answer["content"][0]["text"], "well", "{answer}");
    drop(client);
    let (status, printed) = host.stop().await?;
    assert!(status.success() && !printed.contains("did not finish in time"), "{status}: {printed}");
    Ok(())
}

#[tokio::test]
async fn a_thousand_panics_leave_no_request_open() -> Result<()> {
    for era in ERAS {
        let host = host().await?;
        let share = |mut client: Mcp| async move {
            for _ in 0..CALLS / CLIENTS {
                let answer = client.call("liar__panic", json!({})).await?;
                assert_eq!(answer["_meta"]["toolhost/error"]["kind"], "crashed", "{answer}");
            }
            Ok(())
        };
        a_thousand(&host, era, share).await?;
        is_well(host, era).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_thousand_that_hang_leave_no_request_open() -> Result<()> {
    for era in ERAS {
        let host = host().await?;
        let share = |mut client: Mcp| async move {
            for _ in 0..CALLS / CLIENTS {
                let answer = client.call("endless__wait", json!({})).await?;
                assert_eq!(answer["_meta"]["toolhost/error"]["kind"], "deadline", "{answer}");
            }
            Ok(())
        };
        a_thousand(&host, era, share).await?;
        is_well(host, era).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_thousand_that_are_taken_back_leave_no_request_open() -> Result<()> {
    for era in ERAS {
        let host = host().await?;
        let url = host.url().to_owned();
        let share = |client: Mcp| {
            let url = url.clone();
            async move {
                let mut client = client;
                for _ in 0..CALLS / CLIENTS {
                    client = taken_back(client, &url, era).await?;
                }
                Ok(())
            }
        };
        a_thousand(&host, era, share).await?;
        is_well(host, era).await?;
    }
    Ok(())
}

/// One call that would last for minutes, taken back as the era does: by a notification, or by
/// closing the connection. The client to go on with.
async fn taken_back(mut client: Mcp, url: &str, era: Era) -> Result<Mcp> {
    let long = json!({ "milliseconds": 500_000 });
    match era {
        Era::Legacy => {
            let (mut other, id) = (client.beside().await?, client.next_id());
            let call = client.send("tools/call", json!({ "name": "good__sleep_ms", "arguments": long }));
            let cancel = async {
                // The call may not have arrived yet; then it is taken back again.
                loop {
                    other.cancel(id).await?;
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            };
            tokio::select! {
                answer = call => { answer?; }
                never = cancel => return never,
            }
            Ok(client)
        }
        Era::Modern => {
            let call = client.call("good__sleep_ms", long);
            // Long enough for most to be under way; the rest are gone before they begin.
            let _ = tokio::time::timeout(Duration::from_millis(5), call).await;
            drop(client);
            Mcp::connect(url, era).await
        }
    }
}
