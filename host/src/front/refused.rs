//! A request that goes no further, in the words of its door: JSON-RPC's at `/mcp`, elsewhere those
//! of a call that failed.

use axum::Json;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};

use super::jsonrpc::Refusal;
use super::rest;
use crate::fault::{Error, Kind};

/// The answer at a path.
pub(super) fn at(uri: &Uri, status: StatusCode, error: Error) -> Response {
    if uri.path() == "/mcp" {
        return (status, Json(Refusal::of(&error).json())).into_response();
    }
    rest::refused(status, error)
}

/// More was sent than any message or body may hold.
pub(super) fn too_large(bytes_max: usize) -> Error {
    let message = format!("What was sent is larger than {} KiB.", bytes_max >> 10);
    Error::new(Kind::TooLarge, message).next("Send less; the operator sets the limit: [serve] request_kib.")
}
