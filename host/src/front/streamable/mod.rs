//! MCP over HTTP: what stands between the route and the protocol library, which is strict with
//! clients and answers some of their mistakes in plain text.
//!
//! Most calls need nothing of the library, and go past it (`direct.rs`, `brief.rs`). Of the others, only what the
//! library refuses is looked at a second time, to say what is wrong with it.

mod accept;
mod batch;
mod brief;
mod direct;
mod missed;
mod sessions;

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use http_body_util::{BodyExt, Limited};
use rmcp::model::ProtocolVersion;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use self::accept::Accepts;
pub(super) use self::accept::JsonAlone;
use self::brief::InSession;
use self::direct::Direct;
use self::sessions::Sessions;
use super::identify::{self, Identified};
use super::jsonrpc::{
    self, INTERNAL, INVALID_PARAMS, INVALID_REQUEST, METHOD_NOT_FOUND, NO_SESSION, Refusal, UNSUPPORTED_VERSION,
};
use super::mcp::{Door, INITIALIZE, Opening};
use super::rest;
use crate::call::Caller;
use crate::config::Serve;
use crate::host::Host;

/// The header that names a session.
const SESSION: &str = "mcp-session-id";

/// The id of no session.
const NOBODYS: &str = "none";

/// The header that names a revision.
const VERSION: &str = "mcp-protocol-version";

/// What the library says of a refusal, in bytes; it is short.
const SAID_MAX: usize = 16 << 10;

/// What `/mcp` leads to.
pub(super) struct Endpoint {
    door: Door,
    service: StreamableHttpService<Door, Sessions>,
    sessions: Arc<Sessions>,
    body_bytes: usize,
}

impl Endpoint {
    /// MCP in all its revisions: sessions for those that have them, none for the newest.
    pub(super) fn new(host: Arc<Host>, config: &Serve, streams: CancellationToken) -> Arc<Self> {
        let body_bytes = config.request_kib.get_usize() << 10;
        let (door, sessions) = (Door::new(host), Sessions::new(config));
        let config = StreamableHttpServerConfig::default()
            .with_json_response(true)
            .with_max_request_body_bytes(body_bytes)
            .with_cancellation_token(streams)
            // `origin::check` stands before every route, this one too.
            .disable_allowed_hosts()
            .disable_allowed_origins();
        let its_door = door.clone();
        let service = StreamableHttpService::new(move || Ok(its_door.for_session()), Arc::clone(&sessions), config);
        Arc::new(Self { door, service, sessions, body_bytes })
    }

    /// How many sessions are open.
    pub(super) fn sessions(&self) -> usize {
        self.sessions.count()
    }

    async fn post(&self, request: Request) -> Response {
        let (head, body) = request.into_parts();
        let accepts = Accepts::of(&head.headers);
        if accepts.nothing() {
            let message = "There is nothing here but `application/json` and `text/event-stream`; accept both.";
            return refused(StatusCode::NOT_ACCEPTABLE, &Refusal::new(INVALID_REQUEST, message));
        }
        if !is_json(&head.headers) {
            let message = "A message is sent with `Content-Type: application/json`.";
            return refused(StatusCode::UNSUPPORTED_MEDIA_TYPE, &Refusal::new(INVALID_REQUEST, message));
        }
        let message = match identify::read(body, self.body_bytes).await {
            Ok(message) => message,
            Err(error) => return refused(rest::status(&error), &Refusal::of(&error)),
        };
        if let Some(direct) = Direct::read(&self.door, accepts, &head, &message) {
            drop(message);
            return direct.answer(&self.door, head).await;
        }
        // Apart for the same reason as in `handle`.
        Box::pin(self.through_library(head, message, accepts)).await
    }

    /// A message of the library's, and a call in a session, which may become one.
    async fn through_library(&self, mut head: Parts, message: Bytes, accepts: Accepts) -> Response {
        if !accepts.events {
            head.extensions.insert(JsonAlone);
        }
        let brief = InSession::read(&self.sessions, accepts, &head, &message);
        Accepts::say_both(&mut head.headers);
        if let Some(brief) = brief {
            return brief.answer(self, accepts, head, message).await;
        }
        if message.trim_ascii_start().first() == Some(&b'[') {
            return accepts.fit(self.batch(head, &message, accepts).await).await;
        }
        accepts.fit(self.one(head, message).await).await
    }

    /// One message, and what it is answered.
    async fn one(&self, mut head: Parts, message: Bytes) -> Response {
        self.hold(&mut head);
        let request = Request::from_parts(head, Body::from(message.clone()));
        self.handle(request, &message).await
    }

    /// A stream that is asked for: news of a session, or one that is taken up again.
    async fn get(&self, request: Request) -> Response {
        let (mut head, body) = request.into_parts();
        if !Accepts::of(&head.headers).events {
            let message = "A stream is `text/event-stream`; accept it.";
            return refused(StatusCode::NOT_ACCEPTABLE, &Refusal::new(INVALID_REQUEST, message));
        }
        Accepts::say_events(&mut head.headers);
        self.hold(&mut head);
        self.handle(Request::from_parts(head, body), b"").await
    }

    /// The end of a session.
    async fn delete(&self, request: Request) -> Response {
        let known = session(request.headers()).is_none_or(|id| self.sessions.knows(id));
        let mut response = self.handle(request, b"").await;
        if response.status() != StatusCode::ACCEPTED {
            return response;
        }
        if !known {
            return refused(StatusCode::NOT_FOUND, &no_session());
        }
        // It is done, not only accepted; some clients take the difference for a failure.
        *response.status_mut() = StatusCode::NO_CONTENT;
        response
    }

    /// What the library answers; where it refuses, in the words of JSON-RPC.
    async fn handle(&self, mut request: Request, message: &[u8]) -> Response {
        let opening = Opening::default();
        request.extensions_mut().insert(opening.clone());
        let version = request.headers().get(VERSION).cloned();
        let caller = request.extensions().get::<Arc<Caller>>().cloned();
        // Apart, so that what goes past the library need not carry the room that this takes.
        let response = Box::pin(self.service.handle(request)).await.map(Body::new);
        // Nobody else has heard of a session that begins here.
        if let (Some(id), Some(caller)) = (session(response.headers()), caller) {
            self.sessions.bind(id, &caller.name, opening.door());
        }
        if response.status().is_success() {
            return response;
        }
        if is_json(response.headers()) {
            // Of all that the library says in JSON, a missing method alone is a 404; it says its name and no more.
            return match response.status() {
                StatusCode::NOT_FOUND => refused(StatusCode::NOT_FOUND, &no_method(message)),
                _ => response,
            };
        }
        let (mut head, body) = response.into_parts();
        let said = Limited::new(body, SAID_MAX).collect().await.map(|body| body.to_bytes()).unwrap_or_default();
        let (status, refusal) = self.refusal(head.status, &String::from_utf8_lossy(&said), message, version.as_ref());
        let mut response = refused(status, &refusal.to(message));
        if let Some(allow) = head.headers.remove(ALLOW) {
            response.headers_mut().insert(ALLOW, allow);
        }
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }

    /// Keeps the session of a request open for as long as the request is looked after: its
    /// head goes with it, even when its client has gone.
    fn hold(&self, head: &mut Parts) {
        if let Some(hold) = session(&head.headers).and_then(|id| self.sessions.hold(id)) {
            head.extensions.insert(Arc::new(hold));
        }
    }

    /// What a refusal of the library's means, and what to do about it.
    fn refusal(
        &self,
        status: StatusCode,
        said: &str,
        message: &[u8],
        version: Option<&HeaderValue>,
    ) -> (StatusCode, Refusal) {
        let refusal = match status {
            // The type of the content was looked at before: it is the message itself.
            StatusCode::UNSUPPORTED_MEDIA_TYPE => return (StatusCode::BAD_REQUEST, jsonrpc::explain(message)),
            StatusCode::NOT_FOUND => no_session(),
            StatusCode::METHOD_NOT_ALLOWED => {
                let message = "Messages are sent by POST; GET and DELETE belong to the sessions of older revisions.";
                Refusal::new(INVALID_REQUEST, message)
            }
            StatusCode::BAD_REQUEST if said.contains("Session ID") => without_session(message),
            StatusCode::BAD_REQUEST if said.contains("MCP-Protocol-Version") => unsupported(version),
            _ if status.is_server_error() && self.sessions.is_full() => {
                let message = "Every place for a session is taken; wait a second, or speak revision 2026-07-28, \
                     which has none.";
                return (StatusCode::SERVICE_UNAVAILABLE, Refusal::new(INTERNAL, message));
            }
            _ if status.is_server_error() => Refusal::new(INTERNAL, "The host failed; its log says why."),
            _ => Refusal::new(INVALID_REQUEST, said.trim_start_matches("Bad Request: ")),
        };
        (status, refusal)
    }
}

/// `/mcp`, by every method.
pub(super) async fn serve(
    State(endpoint): State<Arc<Endpoint>>,
    Extension(caller): Identified,
    mut request: Request,
) -> Response {
    // Somebody else's session is as unknown as one that never was: nothing behind this line can tell them apart.
    if session(request.headers()).is_some_and(|id| !endpoint.sessions.is_of(id, &caller.name)) {
        request.headers_mut().insert(SESSION, HeaderValue::from_static(NOBODYS));
    }
    match *request.method() {
        Method::POST => endpoint.post(request).await,
        Method::GET => endpoint.get(request).await,
        Method::DELETE => endpoint.delete(request).await,
        _ => endpoint.handle(request, b"").await,
    }
}

fn session(headers: &HeaderMap) -> Option<&str> {
    headers.get(SESSION).and_then(|id| id.to_str().ok())
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let essence = kind.split_once(';').map_or(kind, |(essence, _)| essence);
    essence.trim().eq_ignore_ascii_case("application/json")
}

fn refused(status: StatusCode, refusal: &Refusal) -> Response {
    (status, Json(refusal.json())).into_response()
}

fn no_session() -> Refusal {
    Refusal::new(NO_SESSION, "There is no such session: it ended, or never was. Send `initialize` to begin another.")
}

/// Of a request of a method that is not here.
fn no_method(message: &[u8]) -> Refusal {
    let method = jsonrpc::method(message).unwrap_or_default();
    Refusal::new(METHOD_NOT_FOUND, jsonrpc::no_method(&method)).to(message)
}

/// Of a request that needs a session and names none; a broken `initialize` looks like one.
fn without_session(message: &[u8]) -> Refusal {
    if jsonrpc::method(message).as_deref() == Some("initialize") {
        return Refusal::new(INVALID_PARAMS, INITIALIZE);
    }
    let message = "This request names no session: send `initialize` first, and its `Mcp-Session-Id` with each request \
         after it; or speak revision 2026-07-28, which has no sessions.";
    Refusal::new(INVALID_REQUEST, message)
}

fn unsupported(requested: Option<&HeaderValue>) -> Refusal {
    let requested = requested.and_then(|version| version.to_str().ok()).unwrap_or_default();
    let supported: Vec<&str> = ProtocolVersion::KNOWN_VERSIONS.iter().map(ProtocolVersion::as_str).collect();
    let message = "The revision that `MCP-Protocol-Version` names is not served here; `data.supported` are.";
    Refusal::new(UNSUPPORTED_VERSION, message).with(json!({ "supported": supported, "requested": requested }))
}
