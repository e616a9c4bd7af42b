//! REST, for clients without MCP: the same calls, the same answers.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde_json::{Value, json};

use super::identify::Identified;
use super::{answer, identify, trace};
use crate::call::{Call, JsonObject, Outcome};
use crate::fault::{Error, Kind};
use crate::host::Host;

/// `GET /`: what this server is and has.
pub(super) async fn about(State(host): State<Arc<Host>>, Extension(caller): Identified) -> Json<Value> {
    let plugins = host.plugins();
    let tools = plugins.seen_by(&caller).tools().count();
    Json(json!({
        "name": "toolhost",
        "version": env!("CARGO_PKG_VERSION"),
        "instructions": host.instructions(&caller).await,
        "tools": tools,
        "endpoints": {
            "mcp": "POST /mcp",
            "tools": "GET /tools",
            "call": "POST /tools/{name}",
            "health": "GET /health",
            "ready": "GET /ready",
            "metrics": "GET /metrics",
        },
    }))
}

/// `GET /tools`: every tool that the caller may call, as MCP lists it.
pub(super) async fn tools(State(host): State<Arc<Host>>, Extension(caller): Identified) -> Json<Value> {
    let tools: Vec<_> = host.plugins().seen_by(&caller).tools().map(answer::tool).collect();
    Json(json!({ "tools": tools }))
}

/// `POST /tools/{name}` with the arguments as a JSON object, or nothing for none: the
/// result of the call. A call that failed has the status of its error's kind.
pub(super) async fn call(
    State(host): State<Arc<Host>>,
    Extension(caller): Identified,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let body = body.map_err(|error| unreadable(error.status(), &error.body_text()));
    let answer = match body.and_then(|body| arguments(&body)) {
        Ok(arguments) => {
            let call = Call { caller, trace: trace::of_headers(&headers), ..Call::new(name, arguments) };
            host.call(call).await.and_then(Outcome::done)
        }
        Err(error) => Err(error),
    };
    let (status, wait) = match &answer {
        Ok(_) => (StatusCode::OK, None),
        Err(error) => (StatusCode::from_u16(error.kind.http_status()).unwrap_or_default(), error.retry_after),
    };
    let mut response = (status, Json(answer::tool_result(answer))).into_response();
    if let Some(wait) = wait {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds(wait)));
    }
    response
}

/// Whole seconds, rounded up: whoever comes back after them is not too early.
fn seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}

fn arguments(body: &[u8]) -> Result<JsonObject, Error> {
    if body.trim_ascii().is_empty() {
        return Ok(JsonObject::new());
    }
    serde_json::from_slice(body).map_err(|error| {
        Error::new(Kind::InvalidArguments, format!("The body is no JSON object: {error}."))
            .next("Send the arguments as a JSON object.")
    })
}

fn unreadable(status: StatusCode, why: &str) -> Error {
    match status {
        StatusCode::PAYLOAD_TOO_LARGE => Error::new(Kind::TooLarge, "The body is larger than the host takes."),
        _ => Error::new(Kind::InvalidArguments, format!("The body cannot be read: {why}.")),
    }
}

/// `GET /health`: the process answers.
pub(super) async fn health() -> Json<Value> {
    Json(json!({ "status": "ok" }))
}

/// `GET /ready`: whether every plugin and grant of the config is served as the files say, and calls are made; and why
/// not, to whoever may know.
pub(super) async fn ready(State(host): State<Arc<Host>>, method: Method, uri: Uri, headers: HeaderMap) -> Response {
    let plugins = host.plugins();
    let mut failures: Vec<Value> = Vec::new();
    for failure in plugins.failures() {
        failures.push(json!({ "plugin": failure.plugin, "message": failure.message }));
    }
    for failure in plugins.grants().failures() {
        failures.push(json!({ "grant": failure.path, "message": failure.message }));
    }
    if let Some(failure) = plugins.policy_failure() {
        let message = format!("{}\nthe policy of before goes on", failure.message);
        failures.push(json!({ "policy": failure.file, "message": message }));
    }
    if let Some(failure) = plugins.config_failure() {
        failures.push(json!({ "config": failure.path.display().to_string(), "message": failure.message }));
    }
    if let Some(message) = host.gate_failure() {
        failures.push(json!({ "gate": "it goes on as it was", "message": message }));
    }
    if let Err(error) = host.ready() {
        failures.push(json!({ "audit": "no call is made", "message": error.sentence() }));
    }
    let names: Vec<&str> = plugins.plugins().iter().map(|plugin| plugin.name.as_str()).collect();
    let ready = failures.is_empty();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    if !identify::is_known(&host, &method, &uri, &headers).await {
        return (status, Json(json!({ "ready": ready }))).into_response();
    }
    let mut told = json!({ "ready": ready, "plugins": names, "failures": failures });
    let notes = plugins.notes().iter().map(|note| json!({ "plugin": note.plugin, "message": note.message }));
    let notes: Vec<Value> = notes.collect();
    if !notes.is_empty() {
        told["notes"] = notes.into();
    }
    (status, Json(told)).into_response()
}
