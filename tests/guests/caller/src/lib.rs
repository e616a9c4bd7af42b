//! A plugin that sends every HTTP request it is told to, and answers with all that came back.

use toolhost_sdk::http::{self, Header, Outgoing, Request, Response};
use toolhost_sdk::serde_json::{Map, Value};
use toolhost_sdk::{Error, Json, Result, json, plugin, tool};

/// Sends one request.
#[tool]
fn send(
    /// `GET` or the like.
    #[default("GET")]
    method: String,
    /// Path and query.
    path: String,
    /// Headers by name.
    #[default(Map::new())]
    headers: Map<String, Value>,
    /// The body as text.
    #[default("")]
    body: String,
    /// How many bytes of `x` to send in place of the body.
    #[default(0)]
    body_bytes: usize,
    /// The upstream; the only one if left out.
    upstream: Option<String>,
) -> Result<Json<Value>> {
    let upstream = match upstream {
        Some(name) => name,
        None => http::upstream()?.name,
    };
    let body = if body_bytes > 0 { vec![b'x'; body_bytes] } else { body.into_bytes() };
    let request = Request { method, path_and_query: path, headers: pairs(headers), body };
    toolhost_sdk::raw::http::http::send(&upstream, &request).map(|response| Json(told(&response)))
}

/// Sends several requests at once.
#[tool]
fn send_many(
    /// The paths to get.
    paths: Vec<String>,
    /// The upstream.
    upstream: String,
) -> Json<Value> {
    let outgoing = |path: String| {
        let request = Request { method: "GET".into(), path_and_query: path, headers: Vec::new(), body: Vec::new() };
        Outgoing { upstream: upstream.clone(), request }
    };
    let requests: Vec<Outgoing> = paths.into_iter().map(outgoing).collect();
    let answer = |answer: Result<Response>| match answer {
        Ok(response) => told(&response),
        Err(Error { kind, message, .. }) => json!({ "kind": format!("{kind:?}"), "message": message }),
    };
    Json(http::send_many(&requests).into_iter().map(answer).collect::<Vec<_>>().into())
}

/// Lists the upstreams.
#[tool]
fn list() -> String {
    format!("{:?}", http::upstreams())
}

plugin! { tools: [send, send_many, list] }

fn pairs(headers: Map<String, Value>) -> Vec<Header> {
    let text = |value: Value| value.as_str().map(str::to_owned).unwrap_or_default();
    headers.into_iter().map(|(name, value)| Header { name, value: text(value) }).collect()
}

fn told(response: &Response) -> Value {
    let headers: Vec<Value> = response.headers.iter().map(|header| json!([header.name, header.value])).collect();
    json!({
        "status": response.status,
        "headers": headers,
        "bytes": response.body.len(),
        "body": String::from_utf8_lossy(&response.body),
    })
}
