//! The short way of a `tools/call` in a session: it begins here, and is answered as JSON if it
//! ends soon and has nothing to tell or ask before. Otherwise the protocol library gets its message,
//! and the call goes on as a stream, which its client can take up again.
//!
//! As with `direct.rs`, a message that fails a check of the library's goes to the library at once.

use axum::body::{Body, Bytes};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::response::Response;
use rmcp::model::{CallToolRequestParams, ProtocolVersion, RequestId, RequestMetaObject};

use super::accept::{Accepts, EVENTS};
use super::direct::{self, Message};
use super::sessions::{Hold, Sessions};
use super::{Endpoint, VERSION, session};
use crate::front::mcp::{Brief, Context, Door};

/// A message that may go the short way.
pub(super) struct InSession {
    door: Door,
    hold: Hold,
    id: RequestId,
    meta: RequestMetaObject,
    params: CallToolRequestParams,
}

impl InSession {
    /// The message, if it may go the short way.
    pub(super) fn read(sessions: &Sessions, accepts: Accepts, head: &Parts, message: &[u8]) -> Option<Self> {
        let session = session(&head.headers).filter(|_| accepts.json && has_sessions(head))?;
        let (door, hold) = (sessions.door(session)?, sessions.hold(session)?);
        let Message { id, mut params, .. } = Message::read(message)?;
        let meta = params.meta.take().unwrap_or_default();
        // The newest revision is in the request, not in the session.
        meta.protocol_version().is_none().then_some(Self { door, hold, id, meta, params })
    }

    /// What it is answered. Dropping the future does not stop the call.
    pub(super) async fn answer(
        self,
        endpoint: &Endpoint,
        accepts: Accepts,
        mut head: Parts,
        message: Bytes,
    ) -> Response {
        let Self { door, hold: _hold, id, meta, params } = self;
        let context = Context::in_session(&door, &meta, &head);
        if let Some(begun) = door.begin_tool(id.clone(), params, &context) {
            match door.briefly(begun, &context).await {
                // In a session, a refusal of the protocol's is an answer like any other.
                Brief::Ended(response) => return direct::answer(id, StatusCode::OK, response),
                Brief::TakenBack => return accepts.fit(nothing()).await,
                Brief::GoesOn(begun) => {
                    head.extensions.insert(begun.goes_on());
                }
            }
        }
        accepts.fit(endpoint.one(head, message).await).await
    }
}

/// Whether a request is of a revision that has sessions, or of none that it names.
fn has_sessions(head: &Parts) -> bool {
    let mut named = head.headers.get_all(VERSION).iter();
    let known = |version: &[u8]| {
        let mut older = ProtocolVersion::KNOWN_VERSIONS.iter().filter(|older| **older < ProtocolVersion::V_2026_07_28);
        older.any(|older| older.as_str().as_bytes() == version)
    };
    named.next().is_none_or(|version| known(version.as_bytes())) && named.next().is_none()
}

/// A stream that ends without an answer.
fn nothing() -> Response {
    let mut response = Response::new(Body::empty());
    response.headers_mut().insert(CONTENT_TYPE, EVENTS);
    response
}
