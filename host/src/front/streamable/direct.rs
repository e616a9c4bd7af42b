//! The short way of a `tools/call` of the newest revision whose client hears nothing but the
//! answer: it is read here and answered here, without a task, a channel and a second reading of
//! the message by the protocol library, which together cost more than the whole sandbox.
//!
//! It is taken only by a message that passes every check which the library makes. Whatever fails
//! one, or is anything else, goes the ordinary way, which says what is wrong with it. Behind both
//! is the same [`Door::call_tool`].

use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use rmcp::model::{
    CallToolRequestMethod, CallToolRequestParams, ErrorCode, ErrorData, JsonRpcError, JsonRpcResponse,
    JsonRpcVersion2_0, ProtocolVersion, RequestId, RequestMetaObject,
};
use serde::{Deserialize, Serialize};

use super::VERSION;
use super::accept::{Accepts, JSON};
use crate::front::mcp::{Context, Door};

/// The header that repeats a message's method.
const METHOD: &str = "mcp-method";

/// The header that repeats the name of what is called.
const NAME: &str = "mcp-name";

/// What the headers begin with that repeat arguments.
const ARGUMENT: &str = "mcp-param-";

/// What says in a request's metadata which lines of the log its client hears.
const LOG_LEVEL: &str = "io.modelcontextprotocol/logLevel";

/// A message that may go the short way.
pub(super) struct Direct {
    id: RequestId,
    meta: RequestMetaObject,
    params: CallToolRequestParams,
}

#[derive(Deserialize)]
struct Message {
    #[serde(rename = "jsonrpc")]
    _version: JsonRpcVersion2_0,
    id: RequestId,
    #[serde(rename = "method")]
    _method: CallToolRequestMethod,
    params: CallToolRequestParams,
}

impl Direct {
    /// The message, if it may go the short way.
    pub(super) fn read(door: &Door, accepts: Accepts, head: &Parts, message: &[u8]) -> Option<Self> {
        let newest = ProtocolVersion::V_2026_07_28;
        let headers = &head.headers;
        if !accepts.json || !is(headers, VERSION, newest.as_str()) || !is(headers, METHOD, "tools/call") {
            return None;
        }
        // Looked through at once, it need not be looked through text by text.
        let message = std::str::from_utf8(message).ok()?;
        let Message { id, mut params, .. } = serde_json::from_str(message).ok()?;
        let meta = params.meta.take()?;
        let is_complete = meta.missing_required_keys(&newest).is_empty() && meta.protocol_version() == Some(newest);
        let hears_more = meta.get_progress_token().is_some() || meta.contains_key(LOG_LEVEL);
        let repeats_arguments = headers.keys().any(|name| name.as_str().starts_with(ARGUMENT));
        let is_direct = is_complete
            && !hears_more
            && !repeats_arguments
            && is(headers, NAME, &params.name)
            && door.is_plain(&params.name);
        is_direct.then_some(Self { id, meta, params })
    }

    /// What it is answered. Dropping the future stops the call.
    pub(super) async fn answer(self, door: &Door, head: &Parts) -> Response {
        let Self { id, meta, params } = self;
        match door.call_tool(params, &Context::direct(&meta, head)).await {
            Ok(result) => json(StatusCode::OK, &JsonRpcResponse { jsonrpc: JsonRpcVersion2_0, id, result }),
            Err(error) => json(status(&error), &JsonRpcError::new(Some(id), error)),
        }
    }
}

/// Whether there is one such header, with this value.
fn is(headers: &HeaderMap, name: &str, value: &str) -> bool {
    let mut values = headers.get_all(name).iter();
    values.next().is_some_and(|one| one.as_bytes() == value.as_bytes()) && values.next().is_none()
}

/// With what an error goes out, as the protocol has it.
fn status(error: &ErrorData) -> StatusCode {
    match error.code {
        ErrorCode::MISSING_REQUIRED_CLIENT_CAPABILITY => StatusCode::BAD_REQUEST,
        ErrorCode::METHOD_NOT_FOUND => StatusCode::NOT_FOUND,
        _ => StatusCode::OK,
    }
}

fn json(status: StatusCode, message: &impl Serialize) -> Response {
    // Made of JSON and text alone, a message cannot fail to become JSON.
    let body = serde_json::to_vec(message).unwrap_or_default();
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, JSON);
    response
}
