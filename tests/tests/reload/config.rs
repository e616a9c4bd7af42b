//! A config that changes: what it grants, what it takes back, and what is wrong with it.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use toolhost_tests::toolhost::{Setup, Toolhost};

use crate::{bytes, echoes, fails, logs, ready, serves, status, until};

const SOURCE: &str = "[sql.crm.script]\ndialect = \"mysql\"\n";
const GRANTED: &str = "[plugins.sql]\ngrants = [\"sql.crm\"]\n";

/// What agents are told first.
async fn instructions(host: &Toolhost) -> Result<String> {
    let about = host.get("/").await?.json()?;
    Ok(about["instructions"].as_str().context("no instructions")?.to_owned())
}

#[tokio::test]
async fn a_grant_is_given_and_taken_back_while_the_host_serves() -> Result<()> {
    let host = Setup::new("").plugin("sql", "sql")?.start().await?;
    fails(&host, &["it imports `toolhost:sql`, which it was not granted"]).await?;
    ensure!(!instructions(&host).await?.contains("Source `crm`"), "it is told of a source that it does not have");

    host.configure(&format!("{SOURCE}{GRANTED}"))?;
    serves(&host, &["sql"]).await?;
    let (status_of_list, list) = host.call("sql__list_servers", json!({})).await?;
    assert_eq!((status_of_list, &list["structuredContent"]["result"][0]["name"]), (200, &json!("crm")), "{list}");
    let told = instructions(&host).await?;
    ensure!(told.contains("Source `crm`"), "{told}");

    // Nothing else can be served for it; and yet it does not keep what it may not have.
    host.configure(SOURCE)?;
    let failure = fails(&host, &["which it was not granted", "is not served on"]).await?;
    assert_eq!(failure["plugin"], "sql");
    assert_eq!(status(&host, "sql__list_servers", json!({})).await?, 404);
    let told = instructions(&host).await?;
    ensure!(!told.contains("Source `crm`"), "{told}");
    Ok(())
}

#[tokio::test]
async fn a_bad_file_does_not_keep_what_the_config_takes_back() -> Result<()> {
    let host = Setup::new(format!("{SOURCE}{GRANTED}")).plugin("sql", "sql")?.start().await?;
    serves(&host, &["sql"]).await?;
    host.put("sql", b"words")?;
    fails(&host, &["it is not WebAssembly", "its version of before is served on"]).await?;
    // The last good version goes on with another grant, and not with none.
    host.configure("[sql.shop.script]\ndialect = \"sqlite\"\n[plugins.sql]\ngrants = [\"sql.shop\"]\n")?;
    let list = async || Ok(host.call("sql__list_servers", json!({})).await?.1["structuredContent"]["result"].clone());
    until("it is not granted anew", list, |list| list[0]["name"] == "shop").await?;
    fails(&host, &["it is not WebAssembly", "its version of before is served on"]).await?;
    host.configure("")?;
    fails(&host, &["it is not WebAssembly", "is not served on"]).await?;
    assert_eq!(status(&host, "sql__list_servers", json!({})).await?, 404);
    Ok(())
}

#[tokio::test]
async fn plugins_come_and_go_and_are_renamed_with_their_tables() -> Result<()> {
    let table = |name: &str, key: &str| format!("[plugins.{name}]\nfile = \"good.wasm\"\n{key}\n");
    let host = Setup::new(table("a", "") + &table("b", "")).plugin("good", "good")?.start().await?;
    serves(&host, &["a", "b"]).await?;
    host.configure(&(table("a", "prefix = \"other\"") + &table("c", "")))?;
    serves(&host, &["a", "c"]).await?;
    for (plugin, expected) in [("a", 404), ("b", 404), ("other", 200), ("c", 200)] {
        assert_eq!(echoes(&host, plugin).await?, expected, "{plugin}");
    }
    // Limits and settings hold from the next call on.
    let limits = "settings = { greeting = \"bye\" }\nlimits = { deadline_ms = 100 }";
    host.configure(&table("a", limits))?;
    serves(&host, &["a"]).await?;
    let (_, said) = host.call("a__setting", json!({ "key": "greeting" })).await?;
    assert_eq!(said["content"][0]["text"], "bye", "{said}");
    assert_eq!(status(&host, "a__sleep_ms", json!({ "milliseconds": 5_000 })).await?, 504);
    Ok(())
}

#[tokio::test]
async fn a_wrong_config_changes_nothing_and_says_what_is_wrong() -> Result<()> {
    let good = format!("{SOURCE}{GRANTED}[plugins.good]\n");
    let host = Setup::new(good.clone()).plugin("good", "good")?.plugin("sql", "sql")?.start().await?;
    serves(&host, &["good", "sql"]).await?;
    let secret = "[sql.other.mysql]\nhost = \"h\"\nuser = \"u\"\npassword = \"hunter2-swordfish\"\ndatabase = \"d\"\n";
    for (wrong, why) in [
        ("[limits]\ndeadline_ms = 0\n".to_owned(), "0 is out of range: from 10 to 3600000"),
        ("[serve]\nlisen = 1\n".to_owned(), "unknown key `lisen`; did you mean `listen`?"),
        (format!("{good}[serve\n"), "toolhost.toml:"),
        (secret.to_owned(), "env:NAME"),
        (SOURCE.replace("mysql", "latin"), "[sql.crm]: "),
    ] {
        host.configure(&wrong)?;
        host.signal("HUP")?;
        let failure = fails(&host, &[why, "; the config of before goes on"]).await?;
        assert_eq!(failure["config"], "toolhost.toml", "{failure}");
        assert_eq!(host.get("/ready").await?.json()?["plugins"], json!(["good", "sql"]), "{why}");
        let codes = (echoes(&host, "good").await?, status(&host, "sql__list_servers", json!({})).await?);
        assert_eq!(codes, (200, 200), "{why}");
    }
    // While it is wrong, a plugin is taken by itself, under the config of before.
    host.put("new", &bytes("good")?)?;
    ready(&host, "the plugin is not taken", |ready| ready["plugins"] == json!(["good", "new", "sql"])).await?;
    let printed = host.printed()?;
    ensure!(!printed.contains("hunter2"), "{printed}");
    ensure!(printed.matches("[sql.crm]: ").count() == 1, "it is not told once: {printed}");
    host.configure(&good)?;
    serves(&host, &["good", "new", "sql"]).await?;
    logs(&host, "the config is good again").await?;
    let printed = host.printed()?;
    ensure!(printed.matches("reloaded").count() == 1, "only the newcomer was loaded: {printed}");
    Ok(())
}

#[tokio::test]
async fn a_grant_whose_table_does_not_change_keeps_what_it_has() -> Result<()> {
    let kept = "[kv.cache]\nmemory = {}\n[plugins.keeper]\ngrants = [\"kv.cache\"]\n";
    let host = Setup::new(kept).plugin("keeper", "keeper")?.plugin("good", "good")?.start().await?;
    assert_eq!(status(&host, "keeper__put", json!({ "key": "k", "value": [7] })).await?, 200);
    let value = async || -> Result<Value> {
        let (_, answer) = host.call("keeper__get", json!({ "key": "k" })).await?;
        let structured = &answer["structuredContent"];
        Ok(structured.get("result").unwrap_or(structured)["value"].clone())
    };
    host.configure(&format!("[limits]\ndeadline_ms = 20000\n{kept}[plugins.more]\nfile = \"good.wasm\"\n"))?;
    serves(&host, &["keeper", "more"]).await?;
    assert_eq!(value().await?, json!([7]));
    // Opened anew, a store in memory is empty.
    host.configure(&kept.replace("memory = {}", "memory = {}\nkeys_max = 5"))?;
    until("it is not opened anew", value, Value::is_null).await?;
    Ok(())
}

#[tokio::test]
async fn keys_that_wait_for_the_next_start_are_named_in_the_log() -> Result<()> {
    let host = Setup::new("").plugin("good", "good")?.start().await?;
    host.configure("[serve]\ncalls = 7\nhosts = [\"tools.example.com\"]\n[plugins.new]\nfile = \"good.wasm\"\n")?;
    serves(&host, &["new"]).await?;
    logs(&host, "hosts, calls").await
}
