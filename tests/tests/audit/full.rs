//! A trail that cannot be written stops calls, and goes on without a gap when it can.
//!
//! The full disk is a limit on the size of files, which any user may set on a process of theirs.

use std::process::Command;

use anyhow::{Result, ensure};
use serde_json::json;
use toolhost_tests::Toolhost;

use super::{all_lines, audit, segment, setup};

/// Lets no file of the host become larger than this.
fn limit(host: &Toolhost, bytes: &str) -> Result<()> {
    let pid = host.pid().to_string();
    let limited = Command::new("prlimit").args(["--pid", &pid, &format!("--fsize={bytes}:")]).status()?;
    ensure!(limited.success(), "prlimit: {limited}");
    Ok(())
}

/// A host whose trail has room for a part of a line.
async fn full(config: &str) -> Result<Toolhost> {
    // Else the first byte too many ends the process.
    let host = setup(config)?.ignoring("XFSZ").argument("--log").argument("error").start().await?;
    for _ in 0..10 {
        host.call("good__add", json!({ "a": 1, "b": 2 })).await?;
    }
    let size = std::fs::metadata(segment(host.dir(), 1))?.len();
    limit(&host, &(size + 100).to_string())?;
    Ok(host)
}

#[tokio::test]
async fn a_full_disk_stops_calls_before_they_run_and_loses_no_line() -> Result<()> {
    let host = full("").await?;
    let (status, withheld) = host.call("good__echo", json!({ "message": "never heard" })).await?;
    assert_eq!(status, 500);
    let said = withheld.to_string();
    assert!(said.contains("its answer is withheld") && said.contains("[audit] dir"), "{said}");
    assert!(!said.contains("never heard"), "{said}");
    for _ in 0..3 {
        let (status, refused) = host.call("good__echo", json!({ "message": "never run" })).await?;
        assert_eq!((status, refused["_meta"]["toolhost/error"]["kind"].as_str()), (500, Some("internal")));
        assert!(refused.to_string().contains("makes no call without"), "{refused}");
    }
    let ready = host.get("/ready").await?;
    assert_eq!(ready.status, 503);
    assert!(ready.text().contains("audit"), "{}", ready.text());
    assert_eq!(host.get("/health").await?.status, 200);

    limit(&host, "unlimited")?;
    assert_eq!(host.get("/ready").await?.status, 200);
    assert_eq!(host.call("good__echo", json!({ "message": "heard" })).await?.0, 200);
    audit(host.dir(), &["verify"])?;
    let lines = all_lines(host.dir(), 1)?;
    let [.., mark, withheld, heard] = &lines[..] else { anyhow::bail!("{lines:?}") };
    assert_eq!([&mark["mark"], &mark["refused"]], [&json!("resumed"), &json!(3)], "{mark}");
    assert_eq!([&withheld["name"], &withheld["withheld"]], [&json!("good__echo"), &json!(true)], "{withheld}");
    assert_eq!([&heard["outcome"], &heard["withheld"]], [&json!("answered"), &json!(null)], "{heard}");
    assert_eq!(lines.len(), 1 + 10 + 3);
    let printed = host.printed()?;
    assert_eq!(printed.matches("the audit trail cannot be written").count(), 1, "said once: {printed}");
    Ok(())
}

#[tokio::test]
async fn calls_go_on_on_a_full_disk_where_the_operator_wants_it_so() -> Result<()> {
    let host = full("[audit]\non_full = \"go-on\"\n").await?;
    for _ in 0..2 {
        assert_eq!(host.call("good__echo", json!({ "message": "heard" })).await?.0, 200);
    }
    assert!(host.printed()?.contains("calls go on, and their lines are lost"), "{}", host.printed()?);
    limit(&host, "unlimited")?;
    assert_eq!(host.call("good__add", json!({ "a": 1, "b": 2 })).await?.0, 200);
    audit(host.dir(), &["verify"])?;
    let lines = all_lines(host.dir(), 1)?;
    let [.., mark, call] = &lines[..] else { anyhow::bail!("{lines:?}") };
    assert_eq!([&mark["lost"], &call["name"]], [&json!(2), &json!("good__add")], "{mark} {call}");
    Ok(())
}
