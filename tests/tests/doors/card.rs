//! What clients read before they connect.

use anyhow::Result;
use serde_json::json;
use toolhost_tests::http::request;
use toolhost_tests::mcp::{Era, Mcp};

use crate::{good, setup};

#[tokio::test]
async fn the_catalogue_leads_to_the_card_and_the_card_to_the_server() -> Result<()> {
    let host = good().await?;
    let catalog = host.get("/.well-known/ai-catalog.json").await?;
    assert_eq!(catalog.header("content-type"), Some("application/ai-catalog+json"));
    let entry = &catalog.json()?["entries"][0];
    assert_eq!(entry["type"], "application/mcp-server-card+json", "{entry}");
    assert_eq!(entry["identifier"], "urn:air:localhost:mcp:toolhost", "{entry}");
    let card = request("GET", entry["url"].as_str().unwrap_or_default(), &[], Vec::new()).await?;
    assert_eq!(card.header("content-type"), Some("application/mcp-server-card+json"));
    assert_eq!(card.header("cache-control"), Some("public, max-age=3600"));
    let card = card.json()?;
    assert_eq!(card["name"], "localhost/toolhost", "{card}");
    assert_eq!(card["remotes"][0]["type"], "streamable-http", "{card}");
    assert_eq!(card["remotes"][0]["url"], format!("{}/mcp", host.url()), "{card}");
    let met = Mcp::connect(host.url(), Era::Modern).await?.request("server/discover", json!({})).await?;
    assert_eq!(card["version"], met["_meta"]["io.modelcontextprotocol/serverInfo"]["version"], "{card}");
    let versions = card["remotes"][0]["supportedProtocolVersions"].as_array().cloned().unwrap_or_default();
    for version in met["supportedVersions"].as_array().into_iter().flatten() {
        assert!(versions.contains(version), "{version}: {card}");
    }
    for primitive in ["tools", "resources", "prompts", "skills", "capabilities"] {
        assert!(card.get(primitive).is_none(), "{primitive}: {card}");
    }
    assert!(card["description"].as_str().is_some_and(|text| (1..=100).contains(&text.len())), "{card}");
    Ok(())
}

#[tokio::test]
async fn a_host_behind_a_proxy_says_where_it_is_reached() -> Result<()> {
    let host = setup("[serve]\nurl = \"https://tools.example.com/\"\n")?.start().await?;
    let card = host.get("/mcp/server-card").await?.json()?;
    assert_eq!(card["remotes"][0]["url"], "https://tools.example.com/mcp", "{card}");
    assert_eq!(card["name"], "com.example.tools/toolhost", "{card}");
    let catalog = host.get("/.well-known/ai-catalog.json").await?.json()?;
    assert_eq!(catalog["entries"][0]["url"], "https://tools.example.com/mcp/server-card", "{catalog}");
    assert_eq!(catalog["entries"][0]["identifier"], "urn:air:tools.example.com:mcp:toolhost", "{catalog}");
    Ok(())
}
