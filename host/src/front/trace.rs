//! The trace of a request: in the message itself by the newest revision, else in the headers.

use axum::http::HeaderMap;
use axum::http::request::Parts;
use rmcp::model::RequestMetaObject;

use crate::call::Trace;

/// The trace of a message.
pub(super) fn of(meta: &RequestMetaObject, head: Option<&Parts>) -> Option<Trace> {
    let said = meta.get_traceparent().and_then(|parent| Trace::read(parent, meta.get_tracestate()));
    said.or_else(|| head.and_then(|head| of_headers(&head.headers)))
}

/// The trace that headers tell.
pub(super) fn of_headers(headers: &HeaderMap) -> Option<Trace> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    Trace::read(text("traceparent")?, text("tracestate"))
}
