//! A plugin with a page, for clients that show pages (MCP Apps).

use toolhost_sdk::serde_json::Value;
use toolhost_sdk::{json, plugin, resource, tool};

/// Shows the pictures.
#[resource(uri = "ui://gallery/page", mime_type = "text/html;profile=mcp-app", meta = about_page)]
fn page() -> &'static str {
    "<!doctype html><title>Gallery</title>"
}

fn about_page() -> Value {
    json!({ "ui": { "prefersBorder": true } })
}

/// Shows a picture on the page.
#[tool(read_only, meta = shown_on_page)]
fn show() -> &'static str {
    "It is shown."
}

fn shown_on_page() -> Value {
    json!({ "ui": { "resourceUri": "ui://gallery/page" } })
}

plugin! { tools: [show], resources: [page] }
