//! Arrays of messages, which revision 2025-03-26 had, and no other: each is looked at as if it
//! had come by itself. Their answers leave as an array, if nothing has to be told or asked before.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use futures_util::future::join_all;
use futures_util::stream::{self, BoxStream, StreamExt as _};
use rmcp::model::ProtocolVersion;

use super::accept::{Accepts, EVENTS, event, messages};
use super::{Endpoint, Refusal, VERSION, refused, session};
use crate::front::jsonrpc::{self, INVALID_REQUEST, NO_BATCHES};

/// More than any refusal takes.
const REFUSAL_BYTES_MAX: usize = 64 << 10;

/// How long a stream is silent before something is sent that only keeps it open: as long as the
/// protocol library waits.
const SILENCE: Duration = Duration::from_secs(15);

/// What comes of one member or of all: what is told and asked, and answers.
type Messages = BoxStream<'static, Vec<u8>>;

impl Endpoint {
    /// What an array is answered: an array, or nothing where no member asks for anything. A client
    /// that reads streams gets one from where a member has something to tell or to ask.
    pub(super) async fn batch(&self, head: Parts, batch: &[u8], accepts: Accepts) -> Response {
        if !self.has_batches(&head) {
            return refused(StatusCode::BAD_REQUEST, &Refusal::new(INVALID_REQUEST, NO_BATCHES));
        }
        let members = match jsonrpc::members(batch) {
            Ok(members) => members,
            Err(refusal) => return refused(StatusCode::BAD_REQUEST, &refusal),
        };
        let members = members.into_iter().map(|member| Bytes::copy_from_slice(member.get().as_bytes()));
        let members = join_all(members.map(|member| self.member(head.clone(), member))).await;
        let mut messages = stream::select_all(members.into_iter().flatten()).boxed();
        let mut answers = Vec::new();
        while let Some(message) = messages.next().await {
            if jsonrpc::is_answer(&message) {
                answers.push(message);
            } else if accepts.events {
                answers.push(message);
                return streamed(stream::iter(answers).chain(messages).boxed());
            }
        }
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

    /// What comes of one member, if anything.
    async fn member(&self, head: Parts, message: Bytes) -> Option<Messages> {
        let one = |message| stream::iter([message]).boxed();
        if jsonrpc::method(&message).as_deref() == Some("initialize") {
            let refusal = Refusal::new(INVALID_REQUEST, "`initialize` is sent by itself.").to(&message);
            return Some(one(refusal.json().to_string().into_bytes()));
        }
        let response = self.one(head, message).await;
        match response.status() {
            StatusCode::ACCEPTED => None,
            // Within a session, what is answered well is a stream.
            StatusCode::OK => Some(until_answered(messages(response.into_body()).boxed())),
            // What is refused is JSON, of our own making.
            _ => {
                let body = axum::body::to_bytes(response.into_body(), REFUSAL_BYTES_MAX).await.ok()?;
                Some(one(body.to_vec()))
            }
        }
    }
}

/// The messages up to the answer.
fn until_answered(messages: Messages) -> Messages {
    let next = async |messages: Option<Messages>| {
        let mut messages = messages?;
        let message = messages.next().await?;
        let goes_on = !jsonrpc::is_answer(&message);
        Some((message, goes_on.then_some(messages)))
    };
    stream::unfold(Some(messages), next).boxed()
}

/// Messages as a stream of events.
fn streamed(messages: Messages) -> Response {
    let events = stream::unfold(messages, |mut messages| async {
        let event = match tokio::time::timeout(SILENCE, messages.next()).await {
            Ok(message) => event(&message?),
            Err(_) => Bytes::from_static(b":\n\n"),
        };
        Some((Ok::<_, std::convert::Infallible>(event), messages))
    });
    let mut response = Response::new(Body::from_stream(events));
    response.headers_mut().insert(CONTENT_TYPE, EVENTS);
    response
}
