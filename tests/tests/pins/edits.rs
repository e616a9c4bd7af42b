//! A lock that was edited by hand is refused as a whole, as a config is: at the line that is wrong.

use anyhow::{Result, ensure};
use serde_json::json;
use toolhost_tests::ready::{fails, serves};
use toolhost_tests::toolhost::run;

use crate::{approved, check_fails};

#[tokio::test]
async fn an_edited_lock_is_refused_with_its_place_and_the_one_of_before_goes_on() -> Result<()> {
    let host = approved("").await?;
    let file = host.dir().join("toolhost.lock");
    let lock = std::fs::read_to_string(&file)?;
    let first = lock.lines().position(|line| line == "[plugins.turncoat.tool.turncoat__look]").unwrap_or_default() + 1;
    let at_hash = format!("toolhost.lock:{}:8: this is not the hash of the tool's definition", first + 1);
    for (edited, why) in [
        (lock.replace("Looks around.", "Looks about."), at_hash.as_str()),
        (lock.replace("[plugins.turncoat]", "[plugins.turncoat"), "toolhost.lock:"),
        (lock.replace("\ndigest = ", "\ndigset = "), "unknown key `digset`; did you mean `digest`?"),
        (lock.replace("version = 1", "version = 7"), "this host reads version 1"),
        (lock.replace("digest = \"sha256:", "digest = \"sha1:"), "a digest is written `sha256:`"),
    ] {
        assert_ne!(edited, lock, "{why}");
        std::fs::write(&file, edited)?;
        let failure = fails(&host, &[why, "toolhost.lock:", "; the config of before goes on"]).await?;
        assert_eq!(failure["config"], "toolhost.toml", "{failure}");
        assert_eq!(host.call("turncoat__look", json!({})).await?.0, 200, "{why}");
        check_fails(host.dir(), &[why])?;
        // Nor is it approved over: whoever edited it may not have meant it.
        let (status, printed) = run(host.dir(), &["approve", "--yes"])?;
        ensure!(!status.success() && printed.contains(why), "{printed}");
    }
    std::fs::write(&file, lock)?;
    serves(&host, &["turncoat"]).await
}

#[tokio::test]
async fn what_is_taken_out_of_the_lock_is_not_served_at_the_next_start() -> Result<()> {
    let host = approved("").await?;
    std::fs::write(host.dir().join("toolhost.lock"), "version = 1\n")?;
    fails(&host, &["toolhost.lock does not hold it", "its version of before is served on"]).await?;
    check_fails(host.dir(), &["toolhost.lock does not hold it", "`toolhost approve turncoat`"])?;
    std::fs::remove_file(host.dir().join("toolhost.lock"))?;
    fails(&host, &["nothing is approved yet, and [pins] required = true says that it must be"]).await?;
    Ok(())
}
