//! Plugin files that come, change, go, and are not what they should be.

use std::io::Write as _;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde_json::json;
use toolhost_tests::toolhost::{Setup, run};

use crate::{bytes, echoes, fails, logs, marked, serves, status, until};

#[tokio::test]
async fn a_file_that_is_dropped_in_replaced_or_removed_is_taken_while_the_host_serves() -> Result<()> {
    let host = Setup::new("").plugin("good", "good")?.start().await?;
    serves(&host, &["good"]).await?;
    host.put("new", &bytes("liar")?)?;
    serves(&host, &["good", "new"]).await?;
    assert_eq!(status(&host, "new__truth", json!({})).await?, 200);

    host.put("new", &bytes("good")?)?;
    let tools = async || host.get("/tools").await?.json();
    until("it is not replaced", tools, |tools| tools.to_string().contains("new__echo")).await?;
    assert_eq!((echoes(&host, "new").await?, status(&host, "new__truth", json!({})).await?), (200, 404));

    host.remove("new")?;
    serves(&host, &["good"]).await?;
    assert_eq!((echoes(&host, "new").await?, echoes(&host, "good").await?), (404, 200));
    Ok(())
}

#[tokio::test]
async fn a_file_whose_name_is_none_for_a_plugin_is_not_served() -> Result<()> {
    let host = Setup::new("").plugin("good", "good")?.start().await?;
    serves(&host, &["good"]).await?;
    host.put("my plugin", &bytes("good")?)?;
    let failure = fails(&host, &["`my plugin` is no name", "rename the file"]).await?;
    assert_eq!(failure["plugin"], "my plugin");
    host.remove("my plugin")?;
    serves(&host, &["good"]).await
}

#[tokio::test]
async fn a_call_under_way_ends_on_the_version_that_it_began_with() -> Result<()> {
    let host = Setup::new("").plugin("good", "good")?.start().await?;
    let url = format!("{}/tools/good__sleep_ms", host.url());
    let call = tokio::spawn(async move {
        let arguments = json!({ "milliseconds": 6_000 }).to_string().into_bytes();
        toolhost_tests::http::request("POST", &url, &[], arguments).await
    });
    // Another call after it, on a connection of its own: the first one has arrived by then.
    assert_eq!(status(&host, "good__sleep_ms", json!({ "milliseconds": 200 })).await?, 200);
    host.remove("good")?;
    host.signal("HUP")?;
    serves(&host, &[]).await?;
    assert_eq!(echoes(&host, "good").await?, 404);
    ensure!(!call.is_finished(), "the call was over before its plugin was gone");
    let answer = call.await??;
    assert_eq!((answer.status, &answer.json()?["content"][0]["text"]), (200, &json!("slept 6000 ms")));
    Ok(())
}

#[tokio::test]
async fn a_bad_file_leaves_the_last_good_version_and_is_told_of_everywhere() -> Result<()> {
    let host = Setup::new("").plugin("good", "good")?.start().await?;
    let good = bytes("good")?;
    let half = good.get(..good.len() / 2).unwrap_or_default();
    let bad: [(&[u8], &str); 4] = [
        (b"words", "it is not WebAssembly"),
        (b"", "it is not WebAssembly"),
        (half, "it is a damaged or truncated component"),
        (&bytes("sql")?, "it imports `toolhost:sql`, which it was not granted"),
    ];
    for (bytes, why) in bad {
        host.put("good", bytes)?;
        host.signal("HUP")?;
        let failure = fails(&host, &[why, "; its version of before is served on"]).await?;
        assert_eq!(failure["plugin"], "good");
        assert_eq!(echoes(&host, "good").await?, 200, "{why}");
        logs(&host, why).await?;
        let (status, printed) = run(host.dir(), &["check", "--offline"])?;
        ensure!(!status.success() && printed.contains(why), "{why}: {printed}");
    }
    host.put("good", &good)?;
    serves(&host, &["good"]).await?;
    assert_eq!(echoes(&host, "good").await?, 200);
    Ok(())
}

#[tokio::test]
async fn a_newcomer_takes_no_name_away_from_what_is_served() -> Result<()> {
    let config = "[plugins.first]\nprefix = \"\"\n[plugins.second]\nprefix = \"\"\n";
    let host = Setup::new(config).plugin("first", "liar")?.plugin("second", "good")?.start().await?;
    serves(&host, &["first", "second"]).await?;
    host.put("first", &bytes("good")?)?;
    let failure = fails(&host, &["the same full name as one of the plugin `second`", "version of before"]).await?;
    assert_eq!(failure["plugin"], "first");
    assert_eq!(status(&host, "truth", json!({})).await?, 200);
    assert_eq!(status(&host, "echo", json!({ "message": "hi" })).await?, 200);
    // With the names free, it is taken.
    host.put("second", &bytes("liar")?)?;
    serves(&host, &["first", "second"]).await?;
    assert_eq!(status(&host, "truth", json!({})).await?, 200);
    assert_eq!(status(&host, "echo", json!({ "message": "hi" })).await?, 200);
    Ok(())
}

#[tokio::test]
async fn a_file_that_is_still_being_copied_is_not_taken_half_way() -> Result<()> {
    let host = Setup::new("").plugin("good", "good")?.start().await?;
    let late = bytes("liar")?;
    let mut file = std::fs::File::create(host.dir().join("plugins/late.wasm"))?;
    for piece in late.chunks(late.len() / 60 + 1) {
        file.write_all(piece)?;
        // A copy that takes some two seconds: the host looks more than once meanwhile.
        tokio::time::sleep(Duration::from_millis(30)).await;
        let ready = host.get("/ready").await?.json()?;
        assert_eq!(ready, json!({ "ready": true, "plugins": ["good"], "failures": [] }));
    }
    serves(&host, &["good", "late"]).await?;
    let printed = host.printed()?;
    ensure!(!printed.contains("late.wasm"), "it was tried before it was whole: {printed}");
    Ok(())
}

#[tokio::test]
async fn a_host_that_follows_no_files_looks_when_it_is_asked_to() -> Result<()> {
    let host = Setup::new("[serve]\nreload = false\n").plugin("good", "good")?.start().await?;
    host.put("new", &marked(&bytes("good")?))?;
    // Twice as long as a host that follows them would need.
    let deadline = Instant::now() + Duration::from_secs(3);
    while Instant::now() < deadline {
        assert_eq!(host.get("/ready").await?.json()?["plugins"], json!(["good"]));
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    host.signal("HUP")?;
    serves(&host, &["good", "new"]).await
}
