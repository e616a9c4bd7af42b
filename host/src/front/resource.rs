//! What a client reads to learn whose tokens are taken here (RFC 9728).

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, VARY};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::rest;
use crate::fault::{Error, Kind};
use crate::host::Host;

/// `GET /.well-known/oauth-protected-resource`, and the same with `/mcp`.
pub(super) async fn metadata(State(host): State<Arc<Host>>) -> Response {
    let Some(resource) = host.protected_resource() else {
        let error = Error::new(Kind::NotFound, "No authorization server is trusted here.");
        return rest::refused(StatusCode::NOT_FOUND, error.next("The operator names one: [callers.oauth.<name>]."));
    };
    let mut metadata = json!({
        "resource": resource.resource,
        "authorization_servers": resource.authorization_servers,
        "bearer_methods_supported": ["header"],
        "resource_name": "toolhost",
    });
    if let (Some(metadata), false) = (metadata.as_object_mut(), resource.scopes.is_empty()) {
        metadata.insert("scopes_supported".to_owned(), json!(resource.scopes));
    }
    ([(CACHE_CONTROL, "public, max-age=60"), (VARY, "Origin")], Json(metadata)).into_response()
}
