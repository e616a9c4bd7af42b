//! Connections: kept from call to call, and never waiting for the other side's receipt.

use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::json;
use toolhost_tests::http::Connection;
use toolhost_tests::mcp::{ERAS, Mcp};

use crate::good;

const CALLS: u32 = 50;

#[tokio::test]
async fn a_connection_is_kept_for_fifty_calls() -> Result<()> {
    let host = good().await?;
    let mut rest = Connection::open(host.url()).await?;
    for call in 0..CALLS {
        let body = json!({ "a": call, "b": 1 }).to_string();
        let response = rest.send("POST", "/tools/good__add", &[("content-type", "application/json")], body).await?;
        assert_eq!(response.json()?["structuredContent"]["result"], call + 1);
        assert_ne!(response.header("connection"), Some("close"));
    }
    for era in ERAS {
        let mut client = Mcp::connect(host.url(), era).await?;
        for call in 0..CALLS {
            let result = client.call("good__add", json!({ "a": call, "b": 1 })).await?;
            assert_eq!(result["structuredContent"]["result"], call + 1, "{era:?}");
        }
    }
    Ok(())
}

/// Where an answer in two packets waits for a receipt, each call takes 40 ms more. The best
/// of five rounds is taken, for the machine may have something else to do; the wait would be
/// there in each.
#[tokio::test]
async fn no_answer_waits_for_the_receipt_of_its_first_packet() -> Result<()> {
    let host = good().await?;
    for era in ERAS {
        let mut client = Mcp::connect(host.url(), era).await?;
        let mut best = Duration::MAX;
        for _ in 0..5 {
            let began = Instant::now();
            for call in 0..CALLS {
                client.call("good__add", json!({ "a": call, "b": 1 })).await?;
            }
            best = best.min(began.elapsed());
            if best < CALLS * Duration::from_millis(20) {
                break;
            }
        }
        assert!(best < CALLS * Duration::from_millis(20), "{era:?}: {CALLS} calls took {best:?}");
    }
    Ok(())
}
