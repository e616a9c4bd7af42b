//! What a client can read: JSON, an event stream, or both. The protocol asks for both, and
//! clients that name one, or anything at all, are served what they named.

use std::collections::VecDeque;
use std::future::ready;
use std::pin::pin;

use axum::body::{Body, Bytes};
use axum::http::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use futures_util::stream::{self, Stream, StreamExt as _};
use http_body_util::BodyExt;
use memchr::memchr;

use crate::front::jsonrpc;

pub(super) const JSON: HeaderValue = HeaderValue::from_static("application/json");
pub(super) const EVENTS: HeaderValue = HeaderValue::from_static("text/event-stream");
const BOTH: HeaderValue = HeaderValue::from_static("application/json, text/event-stream");

/// What a client can read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Accepts {
    pub(super) json: bool,
    pub(super) events: bool,
}

/// Marks a request whose client reads no stream: nothing reaches it before the answer.
#[derive(Debug, Clone, Copy)]
pub(in crate::front) struct JsonAlone;

impl Accepts {
    /// What the headers of a request say; one that says nothing takes anything.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let mut accepts = Self { json: false, events: false };
        let mut said = false;
        for value in headers.get_all(ACCEPT) {
            said = true;
            for range in value.to_str().unwrap_or_default().split(',') {
                let (kind, parameters) = range.split_once(';').unwrap_or((range, ""));
                if parameters.split(';').any(is_never) {
                    continue;
                }
                let is = |one: &str| kind.trim().eq_ignore_ascii_case(one);
                let any = is("*/*");
                accepts.json |= any || is("application/json") || is("application/*");
                accepts.events |= any || is("text/event-stream") || is("text/*");
            }
        }
        if said { accepts } else { Self { json: true, events: true } }
    }

    /// Whether there is nothing here that it can read.
    pub(super) fn nothing(self) -> bool {
        !self.json && !self.events
    }

    /// Says in the headers of a request what the protocol library wants to read there.
    pub(super) fn say_both(headers: &mut HeaderMap) {
        headers.insert(ACCEPT, BOTH);
    }

    /// The same for a stream that is asked for.
    pub(super) fn say_events(headers: &mut HeaderMap) {
        headers.insert(ACCEPT, EVENTS);
    }

    /// A good answer in the form that the client can read. Others are JSON for everybody.
    pub(super) async fn fit(self, response: Response) -> Response {
        if response.status() != StatusCode::OK {
            return response;
        }
        let (mut head, body) = response.into_parts();
        let kind = head.headers.get(CONTENT_TYPE).cloned();
        let is = |prefix: &str| kind.as_ref().is_some_and(|kind| kind.as_bytes().starts_with(prefix.as_bytes()));
        let (kind, body) = match self {
            Self { json: false, events: true } if is("application/json") => (EVENTS, as_event(body).await),
            Self { json: true, events: false } if is("text/event-stream") => match answer_of(body).await {
                // What the stream told before it is lost on this client.
                Some(answer) => (JSON, Body::from(answer)),
                // The request was taken back.
                None => return StatusCode::NO_CONTENT.into_response(),
            },
            _ => return Response::from_parts(head, body),
        };
        head.headers.insert(CONTENT_TYPE, kind);
        head.headers.remove(CONTENT_LENGTH);
        Response::from_parts(head, body)
    }
}

/// `q=0`: not to be sent, whatever else the header says.
fn is_never(parameter: &str) -> bool {
    let Some((name, weight)) = parameter.split_once('=') else { return false };
    name.trim().eq_ignore_ascii_case("q") && weight.trim().parse::<f32>().is_ok_and(|weight| weight == 0.0)
}

/// One JSON message as the only event of a stream.
async fn as_event(body: Body) -> Body {
    // Made in memory; nothing can go wrong.
    let json = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    Body::from(event(&json))
}

/// The answer in a stream, as soon as it comes; none if the stream ends without.
async fn answer_of(body: Body) -> Option<Vec<u8>> {
    let answers = messages(body).filter(|message| ready(jsonrpc::is_answer(message)));
    pin!(answers).next().await
}

/// The messages of a stream, as they come.
pub(super) fn messages(body: Body) -> impl Stream<Item = Vec<u8>> + Send {
    let begin = (body, Events::default(), VecDeque::new());
    stream::unfold(begin, |(mut body, mut events, mut ahead)| async move {
        loop {
            if let Some(message) = ahead.pop_front() {
                return Some((message, (body, events, ahead)));
            }
            if let Ok(data) = body.frame().await?.ok()?.into_data() {
                events.take(&data, &mut ahead);
            }
        }
    })
}

/// A message as an event of a stream.
pub(super) fn event(message: &[u8]) -> Bytes {
    [b"data: ", message, b"\n\n"].concat().into()
}

/// The lines of an event stream, as far as they have come.
#[derive(Default)]
struct Events {
    line: Vec<u8>,
    data: Vec<u8>,
}

impl Events {
    /// Takes the next piece, and adds the messages that are complete with it.
    fn take(&mut self, piece: &Bytes, messages: &mut VecDeque<Vec<u8>>) {
        let mut rest: &[u8] = piece;
        while let Some(end) = memchr(b'\n', rest) {
            let (before, after) = rest.split_at(end);
            rest = after.get(1..).unwrap_or_default();
            self.line.extend_from_slice(before);
            let line = std::mem::take(&mut self.line);
            let line = line.strip_suffix(b"\r").unwrap_or(&line);
            if let Some(data) = line.strip_prefix(b"data:") {
                self.data.extend_from_slice(data.trim_ascii());
            } else if line.is_empty() && !self.data.is_empty() {
                messages.push_back(std::mem::take(&mut self.data));
            }
        }
        self.line.extend_from_slice(rest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepts(values: &[&'static str]) -> (bool, bool) {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(ACCEPT, HeaderValue::from_static(value));
        }
        let Accepts { json, events } = Accepts::of(&headers);
        (json, events)
    }

    #[test]
    fn what_a_client_can_read_is_what_it_says() {
        assert_eq!(accepts(&[]), (true, true));
        for value in [
            "*/*",
            "application/json, text/event-stream",
            "Text/Event-Stream;q=0.5,APPLICATION/JSON",
            "application/*,text/*",
        ] {
            assert_eq!(accepts(&[value]), (true, true), "{value}");
        }
        assert_eq!(accepts(&["application/json", "text/event-stream"]), (true, true));
        assert_eq!(accepts(&["application/json"]), (true, false));
        assert_eq!(accepts(&["text/html, text/event-stream"]), (false, true));
        assert_eq!(accepts(&["application/json, text/event-stream;q=0"]), (true, false));
        assert_eq!(accepts(&["application/json, */*; q=0.0"]), (true, false));
        assert_eq!(accepts(&["text/html"]), (false, false));
        assert_eq!(accepts(&[""]), (false, false));
    }

    #[test]
    fn an_answer_is_found_however_its_stream_is_cut() {
        let stream = "id: 0\nretry: 3000\ndata:\n\n: ping\n\ndata: {\"method\":\"notifications/progress\"}\n\n\
             id: 2\r\ndata: {\"id\":1,\"result\":{}}\r\n\r\n";
        for size in 1..stream.len() {
            let (mut events, mut messages) = (Events::default(), VecDeque::new());
            for piece in stream.as_bytes().chunks(size) {
                events.take(&Bytes::copy_from_slice(piece), &mut messages);
            }
            let expected = [&br#"{"method":"notifications/progress"}"#[..], br#"{"id":1,"result":{}}"#];
            assert_eq!(messages, expected, "in pieces of {size}");
            assert!(messages.iter().map(|message| jsonrpc::is_answer(message)).eq([false, true]));
        }
    }
}
