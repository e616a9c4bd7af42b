//! REST, for clients without MCP: the same calls, the same answers.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::rejection::PathRejection;
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
    State((host, body_bytes)): State<(Arc<Host>, usize)>,
    Extension(caller): Identified,
    name: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let answer = match asked(name, body, body_bytes).await {
        Ok((name, arguments)) => {
            let call = Call { caller, trace: trace::of_headers(&headers), ..Call::new(name, arguments) };
            host.call(call).await.and_then(Outcome::done)
        }
        Err(error) => Err(error),
    };
    match answer {
        Ok(answer) => Json(answer::tool_result(Ok(answer))).into_response(),
        Err(error) => refused(status(&error), error),
    }
}

/// At no route.
pub(super) async fn nowhere() -> Response {
    let error = Error::new(Kind::NotFound, "There is nothing at this path.");
    refused(StatusCode::NOT_FOUND, error.next("`GET /` tells what there is."))
}

/// At a route, by a method that is not its own.
pub(super) async fn no_such_method() -> Response {
    let error = Error::new(Kind::Invalid, "This path does not take this method.");
    refused(StatusCode::METHOD_NOT_ALLOWED, error.next("Use one that the header `Allow` names."))
}

/// With what an error goes out, if nothing else is said.
pub(super) fn status(error: &Error) -> StatusCode {
    StatusCode::from_u16(error.kind.http_status()).unwrap_or_default()
}

/// What is not served, as a call that failed.
pub(super) fn refused(status: StatusCode, error: Error) -> Response {
    let wait = error.retry_after;
    let mut response = (status, Json(answer::tool_result(Err(error)))).into_response();
    if let Some(wait) = wait {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds(wait)));
    }
    response
}

/// Whole seconds, rounded up: whoever comes back after them is not too early.
fn seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}

/// The tool that is called, and its arguments.
async fn asked(
    name: Result<Path<String>, PathRejection>,
    body: Body,
    body_bytes: usize,
) -> Result<(String, JsonObject), Error> {
    let unreadable = |_: PathRejection| {
        Error::new(Kind::Invalid, "The tool's name in the path is no UTF-8.").next("List the tools: `GET /tools`.")
    };
    let Path(name) = name.map_err(unreadable)?;
    let body = identify::read(body, body_bytes).await?;
    Ok((name, arguments(&body)?))
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

/// `GET /health`: the process answers.
pub(super) async fn health() -> Json<Value> {
    Json(json!({ "status": "ok" }))
}

/// `GET /ready`: whether every plugin and grant of the config is served as the files say, and calls are made; and why
/// not, where nobody has to say who they are.
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
    let ready = failures.is_empty();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    if host.identifies() {
        // The reasons name files, secrets and plugins, which are the operator's: the log has them.
        let told = match identify::known(&host, &method, &uri, &headers).await {
            Some(caller) => {
                let seen = plugins.seen_by(&caller);
                let names: Vec<&str> = seen.plugins().map(|plugin| plugin.name.as_str()).collect();
                json!({ "ready": ready, "plugins": names })
            }
            None => json!({ "ready": ready }),
        };
        return (status, Json(told)).into_response();
    }
    let names: Vec<&str> = plugins.plugins().iter().map(|plugin| plugin.name.as_str()).collect();
    let mut told = json!({ "ready": ready, "plugins": names, "failures": failures });
    let notes = plugins.notes().iter().map(|note| json!({ "plugin": note.plugin, "message": note.message }));
    let notes: Vec<Value> = notes.collect();
    if !notes.is_empty() {
        told["notes"] = notes.into();
    }
    (status, Json(told)).into_response()
}
