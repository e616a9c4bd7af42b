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
use crate::front::mcp::{Context, Door, ToolResponse};

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

/// A `tools/call` of any revision.
#[derive(Deserialize)]
pub(super) struct Message {
    #[serde(rename = "jsonrpc")]
    _version: JsonRpcVersion2_0,
    pub(super) id: RequestId,
    #[serde(rename = "method")]
    _method: CallToolRequestMethod,
    pub(super) params: CallToolRequestParams,
}

impl Message {
    /// The message, if it is one.
    pub(super) fn read(message: &[u8]) -> Option<Self> {
        // Looked through at once, it need not be looked through text by text.
        serde_json::from_str(std::str::from_utf8(message).ok()?).ok()
    }
}

impl Direct {
    /// The message, if it may go the short way.
    pub(super) fn read(door: &Door, accepts: Accepts, head: &Parts, message: &[u8]) -> Option<Self> {
        let newest = ProtocolVersion::V_2026_07_28;
        let headers = &head.headers;
        if !accepts.json || !is(headers, VERSION, newest.as_str()) || !is(headers, METHOD, "tools/call") {
            return None;
        }
        let Message { id, mut params, .. } = Message::read(message)?;
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
    pub(super) async fn answer(self, door: &Door, head: Parts) -> Response {
        let Self { id, meta, params } = self;
        let context = Context::direct(&meta, &head);
        // A call may wait for long, and needs its request no more.
        drop(head);
        let response = door.call_tool(params, &context).await;
        let status = response.as_ref().map_or_else(status, |_| StatusCode::OK);
        answer(id, status, response)
    }
}

/// A message of what a call came to.
pub(super) fn answer(id: RequestId, status: StatusCode, response: Result<ToolResponse, ErrorData>) -> Response {
    match response {
        Ok(result) => json(status, &JsonRpcResponse { jsonrpc: JsonRpcVersion2_0, id, result }),
        Err(error) => json(status, &JsonRpcError::new(Some(id), error)),
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
