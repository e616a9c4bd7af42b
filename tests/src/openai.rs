//! A small server that speaks OpenAI's chat completions, with one model, one key, and answers as
//! a test says. It repeats in its errors what it was sent, as some gateways do.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::Result;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::aws::held;

/// The model that there is.
pub const MODEL: &str = "qwen3:8b";

/// What comes of a request that is right.
#[derive(Debug, Clone)]
pub enum Reply {
    /// The model says this, and is done.
    Says(String),
    /// The model says this, and ends for this reason, such as `length`.
    Ends(String, &'static str),
    /// The server answers with this status, these headers, and a body that repeats the request.
    Fails(u16, Vec<(&'static str, &'static str)>),
    /// The server answers with this body, whatever it is.
    Sends(String),
    /// Nothing comes for so long.
    Waits(Duration),
}

/// A server of its own for one test. It stops when dropped.
pub struct Openai {
    service: Arc<Service>,
    base_url: String,
    stop: CancellationToken,
}

struct Service {
    key: String,
    replies: Mutex<VecDeque<Reply>>,
    seen: Mutex<Vec<Value>>,
    hung_up: AtomicUsize,
}

impl Openai {
    /// Listens on a free port of 127.0.0.1, for whoever has this key.
    pub async fn start(key: &str) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let base_url = format!("http://{}/v1", listener.local_addr()?);
        let service = Arc::new(Service {
            key: key.to_owned(),
            replies: Mutex::default(),
            seen: Mutex::default(),
            hung_up: AtomicUsize::new(0),
        });
        let stop = CancellationToken::new();
        let router = Router::new().route("/v1/chat/completions", post(answer)).with_state(Arc::clone(&service));
        let server = axum::serve(listener, router).with_graceful_shutdown(stop.clone().cancelled_owned());
        tokio::spawn(server.into_future());
        Ok(Self { service, base_url, stop })
    }

    /// Where it listens: `http://127.0.0.1:port/v1`.
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// What becomes of the next request; each comes after those that were said before. Without
    /// any, the model says how much it was sent.
    pub fn then(&self, reply: Reply) {
        held(&self.service.replies).push_back(reply);
    }

    /// The requests so far, in their order.
    pub fn requests(&self) -> Vec<Value> {
        held(&self.service.seen).clone()
    }

    /// How many were given up before their answer.
    pub fn hung_up(&self) -> usize {
        self.service.hung_up.load(Ordering::SeqCst)
    }
}

impl Drop for Openai {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Counts a request that is dropped before its answer.
struct Waiting<'a>(Option<&'a Service>);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if let Some(service) = self.0 {
            service.hung_up.fetch_add(1, Ordering::SeqCst);
        }
    }
}

async fn answer(State(service): State<Arc<Service>>, headers: HeaderMap, body: Bytes) -> Response {
    let request: Value = serde_json::from_slice(&body).unwrap_or_default();
    held(&service.seen).push(request.clone());
    let authorization = headers.get("authorization").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let echo = |status: u16, code: &str| {
        let message = format!("refused: {authorization} sent {request}");
        let body = json!({ "error": { "message": message, "type": "invalid_request_error", "code": code } });
        (StatusCode::from_u16(status).unwrap_or_default(), Json(body)).into_response()
    };
    if authorization != format!("Bearer {}", service.key) {
        return echo(401, "invalid_api_key");
    }
    if request["model"] != MODEL {
        return echo(404, "model_not_found");
    }
    let texts = request["messages"].as_array().into_iter().flatten().filter(|message| message["role"] != "system");
    let texts: Vec<&str> = texts.filter_map(|message| message["content"].as_str()).collect();
    let characters = texts.join("\n").chars().count();
    let reply = held(&service.replies).pop_front();
    match reply.unwrap_or_else(|| Reply::Says(format!("I was sent {characters} characters."))) {
        Reply::Says(text) => completion(&texts, &text, "stop"),
        Reply::Ends(text, reason) => completion(&texts, &text, reason),
        Reply::Sends(body) => body.into_response(),
        Reply::Fails(status, headers) => {
            let mut response = echo(status, "none");
            for (name, value) in headers {
                if let (Ok(name), Ok(value)) = (http::HeaderName::try_from(name), value.parse()) {
                    response.headers_mut().insert(name, value);
                }
            }
            response
        }
        Reply::Waits(time) => {
            let mut waiting = Waiting(Some(&service));
            tokio::time::sleep(time).await;
            waiting.0 = None;
            completion(&texts, "That took long.", "stop")
        }
    }
}

/// An answer as the protocol has it. A word counts as a token.
fn completion(texts: &[&str], text: &str, reason: &str) -> Response {
    let words = |text: &str| text.split_whitespace().count();
    let (input, output) = (texts.iter().map(|text| words(text)).sum::<usize>(), words(text));
    let usage = json!({ "prompt_tokens": input, "completion_tokens": output, "total_tokens": input + output });
    let choice = json!({ "index": 0, "message": { "role": "assistant", "content": text }, "finish_reason": reason });
    Json(json!({ "id": "x", "object": "chat.completion", "model": MODEL, "choices": [choice], "usage": usage }))
        .into_response()
}
