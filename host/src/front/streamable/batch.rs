//! Arrays of messages, which revision 2025-03-26 had, and no other: each is looked at as if it
//! had come by itself, and their answers leave as an array.

use axum::body::{Body, Bytes};
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use futures_util::future::join_all;
use rmcp::model::ProtocolVersion;

use super::accept::answer_of;
use super::{Endpoint, Refusal, VERSION, refused, session};
use crate::front::jsonrpc::{self, INVALID_REQUEST, NO_BATCHES};

/// More than any refusal takes.
const REFUSAL_BYTES_MAX: usize = 64 << 10;

impl Endpoint {
    /// What an array is answered: an array, or nothing where no member asks for anything.
    pub(super) async fn batch(&self, head: Parts, batch: &[u8]) -> Response {
        if !self.has_batches(&head) {
            return refused(StatusCode::BAD_REQUEST, &Refusal::new(INVALID_REQUEST, NO_BATCHES));
        }
        let members = match jsonrpc::members(batch) {
            Ok(members) => members,
            Err(refusal) => return refused(StatusCode::BAD_REQUEST, &refusal),
        };
        let members = members.into_iter().map(|member| Bytes::copy_from_slice(member.get().as_bytes()));
        let answers = join_all(members.map(|member| self.member(head.clone(), member))).await;
        let answers: Vec<Vec<u8>> = answers.into_iter().flatten().collect();
        if answers.is_empty() {
            return StatusCode::ACCEPTED.into_response();
        }
        let mut response = Response::new(Body::from(jsonrpc::array(&answers)));
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        response
    }

    /// Whether a request belongs to a session of the revision that has arrays.
    fn has_batches(&self, head: &Parts) -> bool {
        let with = ProtocolVersion::V_2025_03_26;
        // The revision is older than the header.
        let named = head.headers.get(VERSION).is_none_or(|version| version.as_bytes() == with.as_str().as_bytes());
        named && session(&head.headers).and_then(|id| self.sessions.version(id)) == Some(with)
    }

    /// What one member is answered, if anything.
    async fn member(&self, head: Parts, message: Bytes) -> Option<Vec<u8>> {
        if jsonrpc::method(&message).as_deref() == Some("initialize") {
            let refusal = Refusal::new(INVALID_REQUEST, "`initialize` is sent by itself.").to(&message);
            return Some(refusal.json().to_string().into_bytes());
        }
        let response = self.one(head, message).await;
        match response.status() {
            StatusCode::ACCEPTED => None,
            // Within a session, what is answered well is a stream.
            StatusCode::OK => answer_of(response.into_body()).await,
            // What is refused is JSON, of our own making.
            _ => axum::body::to_bytes(response.into_body(), REFUSAL_BYTES_MAX).await.ok().map(|body| body.to_vec()),
        }
    }
}
