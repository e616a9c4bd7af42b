//! One component under several names: what has no prefix is served by the first of them by name.

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use toolhost_tests::mcp::{Era, Mcp};
use toolhost_tests::toolhost::{Setup, Toolhost};

use crate::{bytes, fails, logs, marked, ready, serves};

const PAGE: &str = "ui://gallery/page";

fn table(name: &str) -> String {
    format!("[plugins.{name}]\nfile = \"gallery.wasm\"\n")
}

/// Waits until these are served, and one of them says that another serves its page.
async fn shares(host: &Toolhost, plugins: &[&str], sharing: &str, by: &str) -> Result<()> {
    let holds = |ready: &Value| {
        let note = &ready["notes"][0];
        let says = note["message"].as_str().is_some_and(|says| says.contains(&format!("are served by `{by}`")));
        ready["plugins"] == json!(plugins) && note["plugin"] == sharing && says
    };
    let seen = ready(host, "nothing is shared", holds).await?;
    ensure!(seen["ready"] == true && seen["notes"].as_array().is_some_and(|notes| notes.len() == 1), "{seen}");
    Ok(())
}

/// Whether the page is listed once, and can be read.
async fn has_page(host: &Toolhost) -> Result<bool> {
    let mut client = Mcp::connect(host.url(), Era::Modern).await?;
    let listed = client.request("resources/list", json!({})).await?;
    let count = listed["resources"].as_array().map_or(0, |all| all.iter().filter(|one| one["uri"] == PAGE).count());
    let read = client.request("resources/read", json!({ "uri": PAGE })).await?;
    Ok(count == 1 && read["contents"][0]["text"].as_str().is_some_and(|text| text.contains("Gallery")))
}

#[tokio::test]
async fn the_first_by_name_serves_what_all_of_one_component_have() -> Result<()> {
    let host = Setup::new(table("b")).plugin("gallery", "gallery")?.start().await?;
    serves(&host, &["b"]).await?;
    ensure!(has_page(&host).await?, "it has no page");
    // Whichever came first.
    host.configure(&(table("a") + &table("b")))?;
    shares(&host, &["a", "b"], "b", "a").await?;
    ensure!(has_page(&host).await?, "nobody has the page");
    logs(&host, "a plugin shares what it offers").await?;
    for plugin in ["a", "b"] {
        assert_eq!(host.call(&format!("{plugin}__show"), json!({})).await?.0, 200, "{plugin}");
    }
    host.configure(&table("b"))?;
    serves(&host, &["b"]).await?;
    ensure!(has_page(&host).await?, "the page went with the other");
    Ok(())
}

#[tokio::test]
async fn another_component_with_the_same_uri_is_refused() -> Result<()> {
    let host = Setup::new("").plugin("gallery", "gallery")?.start().await?;
    serves(&host, &["gallery"]).await?;
    host.put("other", &marked(&bytes("gallery")?))?;
    let failure = fails(&host, &["ui://gallery/page", "has the same name as one of the plugin `gallery`"]).await?;
    assert_eq!(failure["plugin"], "other");
    assert_eq!(host.call("other__show", json!({})).await?.0, 404);
    ensure!(has_page(&host).await?, "the page is gone");
    Ok(())
}
