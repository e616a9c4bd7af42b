//! Whose request it is: proved by the gate, before anything else looks at the request.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::WWW_AUTHENTICATE;
use axum::http::{HeaderValue, request};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};

use super::jsonrpc::{INVALID_REQUEST, Refusal};
use crate::call::{Caller, Challenge, Presented};
use crate::host::Host;

/// What a handler takes to know its caller.
pub(super) type Identified = Extension<Arc<Caller>>;

/// Lets a request on with its caller, or answers why not.
pub(super) async fn check(State(host): State<Arc<Host>>, mut request: Request, next: Next) -> Response {
    let presented = Presented { method: request.method(), uri: request.uri(), headers: request.headers(), body: b"" };
    match host.identify(presented).await {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(challenge) => refused(challenge),
    }
}

/// Whose request this is. One that passed no gate is from the machine's own user.
pub(super) fn caller(head: Option<&request::Parts>) -> Arc<Caller> {
    let caller = head.and_then(|head| head.extensions.get::<Arc<Caller>>());
    caller.map_or_else(|| Arc::new(Caller::local()), Arc::clone)
}

fn refused(challenge: Challenge) -> Response {
    let Challenge { status, authenticate, message } = challenge;
    let mut response = (status, Json(Refusal::new(INVALID_REQUEST, message).json())).into_response();
    for challenge in authenticate.iter().filter_map(|challenge| HeaderValue::from_str(challenge).ok()) {
        response.headers_mut().append(WWW_AUTHENTICATE, challenge);
    }
    response.map(Body::new)
}
