//! `toolhost audit verify` finds what was done to a trail, and says where.

use std::fs;

use anyhow::Result;
use serde_json::json;
use toolhost_tests::Toolhost;
use toolhost_tests::http::Connection;
use toolhost_tests::toolhost::run;

use super::{audit, broken, noted, segment, setup};

/// A host that made five calls and was killed: its trail has six lines.
async fn five_calls() -> Result<Toolhost> {
    let mut host = setup("[audit]\nsync_ms = 10\n")?.start().await?;
    for a in 0..5 {
        host.call("good__add", json!({ "a": a, "b": 1 })).await?;
    }
    noted(host.dir(), 6).await?;
    host.kill()?;
    Ok(host)
}

#[tokio::test]
async fn a_changed_removed_or_reordered_line_is_found_and_named() -> Result<()> {
    let killed = five_calls().await?;
    let dir = killed.dir();
    let file = segment(dir, 1);
    let text = fs::read_to_string(&file)?;
    let lines: Vec<&str> = text.lines().collect();
    let changed = lines[3].replace("\"caller\":\"local\"", "\"caller\":\"nobody\"");
    let [a, b, c, d, e, f] = lines[..] else { anyhow::bail!("six lines: {text}") };
    for (lines, says) in [
        (vec![a, b, c, &changed, e, f], "000001.jsonl:4: changed"),
        (vec![a, b, d, e, f], "000001.jsonl:3: removed: line 3 is missing"),
        (vec![b, c, d, e, f], "000001.jsonl:1: removed: line 1 is missing"),
        (vec![a, b, c, d, e], "removed: lines 6 to 6 are missing"),
        (vec![a, b, d, c, e, f], "000001.jsonl:3: re-ordered"),
        (vec![a, b, c, d, e, f, b], "000001.jsonl:7: re-ordered"),
    ] {
        fs::write(&file, lines.join("\n") + "\n")?;
        let said = broken(dir)?;
        assert!(said.contains(says), "{says}: {said}");
    }
    fs::write(&file, &text)?;
    let said = audit(dir, &["verify"])?;
    let hash = said.split("hash ").nth(1).and_then(|rest| rest.lines().next()).unwrap_or_default();
    audit(dir, &["verify", "--with", hash])?;
    // All of it replaced by another trail that holds in itself.
    let other = five_calls().await?;
    fs::remove_dir_all(dir.join("audit"))?;
    fs::rename(other.dir().join("audit"), dir.join("audit"))?;
    audit(dir, &["verify"])?;
    let (status, said) = run(dir, &["audit", "verify", "--with", hash])?;
    assert!(!status.success() && said.contains("no line has the hash"), "{said}");
    Ok(())
}

#[tokio::test]
async fn segments_follow_each_other_and_a_removed_one_is_missed() -> Result<()> {
    let mut host = setup("[audit]\nrotate_mib = 1\nsync_ms = 10\n")?.start().await?;
    // A tool that does not exist, by a long name, has a long line and takes no time.
    let path = format!("/tools/{}", "x".repeat(300));
    let mut connection = Connection::open(host.url()).await?;
    let chain = host.dir().join("audit/1");
    while !chain.join("000003.jsonl").exists() {
        connection.send("POST", &path, &[], "").await?;
    }
    audit(host.dir(), &["verify"])?;
    host.kill()?;
    let dir = host.dir();
    audit(dir, &["verify"])?;
    for segment in ["000001", "000002"] {
        let file = chain.join(format!("{segment}.jsonl"));
        fs::rename(&file, dir.join("parked"))?;
        let said = broken(dir)?;
        assert!(said.contains(&format!("removed: segment {segment}.jsonl is missing")), "{said}");
        fs::rename(dir.join("parked"), &file)?;
    }
    Ok(())
}
