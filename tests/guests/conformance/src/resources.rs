//! What can be read: a text, bytes, one that changes, and a template of many.

use toolhost_sdk::serde_json::Value;
use toolhost_sdk::{Json, json, resource};

use crate::content::PNG;

/// A text that never changes.
#[resource(uri = "test://static-text", title = "Static text", audience = [user, assistant], priority = 0.5)]
pub(crate) fn static_text() -> &'static str {
    "This is the content of the static text resource."
}

/// A picture that never changes.
#[resource(uri = "test://static-binary", mime_type = "image/png", size = PNG.len() as u64)]
pub(crate) fn static_binary() -> &'static [u8] {
    PNG
}

/// A text that may change.
#[resource(uri = "test://watched-resource")]
pub(crate) fn watched_resource() -> &'static str {
    "Watched resource content"
}

/// Data, made of the number that is asked for.
#[resource(uri = "test://template/{id}/data")]
pub(crate) fn template_data(#[complete(ids)] id: String) -> Json<Value> {
    Json(json!({ "id": id, "templateTest": true, "data": format!("Data for ID: {id}") }))
}

fn ids(typed: &str) -> Vec<String> {
    (1..=200).map(|id| id.to_string()).filter(|id| id.starts_with(typed)).collect()
}
