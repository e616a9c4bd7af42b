//! The trace of a request: in the message itself by the newest revision, else in the headers.

use axum::http::HeaderMap;
use axum::http::request::Parts;
use rmcp::RoleServer;
use rmcp::service::RequestContext;

use crate::call::Trace;

/// The trace of a message.
pub(super) fn of(context: &RequestContext<RoleServer>) -> Option<Trace> {
    let meta = &context.meta;
    let said = meta.get_traceparent().and_then(|parent| Trace::read(parent, meta.get_tracestate()));
    said.or_else(|| context.extensions.get::<Parts>().and_then(|head| of_headers(&head.headers)))
}

/// The trace that headers tell.
pub(super) fn of_headers(headers: &HeaderMap) -> Option<Trace> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    Trace::read(text("traceparent")?, text("tracestate"))
}
