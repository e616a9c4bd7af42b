//! Whose request it is: proved by the gate, before anything else looks at the request.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Path, Request, State};
use axum::http::header::{AUTHORIZATION, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::Response;
use axum::{Extension, RequestPartsExt as _};
use http_body_util::{BodyExt, LengthLimitError, Limited};

use super::asked::Asked;
use super::{refused, rest};
use crate::call::{Caller, Challenge, Presented};
use crate::fault::{Error, Kind};
use crate::host::Host;

/// How a signature begins that is over the whole request.
const SIGNED: &[u8] = b"AWS4-HMAC-SHA256";

/// How soon to come back if nobody can tell just now whose request it is, in seconds.
const RETRY_S: u64 = 5;

/// What a handler takes to know its caller.
pub(super) type Identified = Extension<Arc<Caller>>;

/// What requests are checked with.
pub(super) struct Checkpoint {
    pub(super) host: Arc<Host>,
    /// The most of a body that is read.
    pub(super) body_bytes: usize,
}

/// Lets a request on with its caller, or answers why not.
pub(super) async fn check(State(checkpoint): State<Arc<Checkpoint>>, request: Request, next: Next) -> Response {
    let (mut head, body) = request.into_parts();
    let mut body = Part::Unread(body);
    let checked = async {
        let shown = if is_signed(&head.headers) { body.read(checkpoint.body_bytes).await? } else { Bytes::new() };
        let caller = checkpoint.host.identify(presented(&head, &shown)).await?;
        if checkpoint.host.asks_scopes_of(&caller) {
            checkpoint.check_scopes(&caller, &mut head, &mut body).await?;
        }
        Ok(caller)
    };
    let checked: Result<Arc<Caller>, Stop> = checked.await;
    match checked {
        Ok(caller) => {
            head.extensions.insert(caller);
            next.run(Request::from_parts(head, body.whole())).await
        }
        Err(Stop::Challenged(challenge)) => challenged(&head.uri, challenge),
        Err(Stop::Refused(error)) => refused::at(&head.uri, rest::status(&error), error),
    }
}

/// Why a request goes no further.
enum Stop {
    Challenged(Challenge),
    Refused(Error),
}

impl From<Challenge> for Stop {
    fn from(challenge: Challenge) -> Self {
        Self::Challenged(challenge)
    }
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Refused(error)
    }
}

/// A body, which is read once, and by whom it concerns if possible.
enum Part {
    Unread(Body),
    Read(Bytes),
}

impl Part {
    async fn read(&mut self, bytes_max: usize) -> Result<Bytes, Error> {
        let body = match self {
            Self::Read(bytes) => return Ok(bytes.clone()),
            Self::Unread(body) => std::mem::take(body),
        };
        let bytes = read(body, bytes_max).await?;
        *self = Self::Read(bytes.clone());
        Ok(bytes)
    }

    fn whole(self) -> Body {
        match self {
            Self::Unread(body) => body,
            Self::Read(bytes) => Body::from(bytes),
        }
    }
}

/// A whole body, if it is no larger than this.
pub(super) async fn read(body: Body, bytes_max: usize) -> Result<Bytes, Error> {
    match Limited::new(body, bytes_max).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(refused::too_large(bytes_max)),
        Err(_) => Err(Error::new(Kind::Invalid, "The body broke off.").next("Send the request again.")),
    }
}

impl Checkpoint {
    /// Whether the caller's token is good for all that a request asks for: nothing of it is done otherwise.
    async fn check_scopes(&self, caller: &Caller, head: &mut Parts, body: &mut Part) -> Result<(), Stop> {
        let asked = match head.extract::<Path<String>>().await {
            // The only route with a name in it.
            Ok(Path(name)) => vec![Asked::tool(name)],
            // A header says the same in the newest revision, and is somebody's word for what the body holds.
            Err(_) if head.method == Method::POST => Asked::all(&body.read(self.body_bytes).await?),
            Err(_) => Vec::new(),
        };
        for Asked { method, name } in &asked {
            self.host.check_scopes(caller, method, name)?;
        }
        Ok(())
    }
}

/// Who sends this, if that can be told, where nobody has to say so.
pub(super) async fn known(host: &Host, method: &Method, uri: &Uri, headers: &HeaderMap) -> Option<Arc<Caller>> {
    host.identify(Presented { method, uri, headers, body: b"" }).await.ok()
}

/// Whose request this is. One that passed no gate is from the machine's own user.
pub(super) fn caller(head: Option<&Parts>) -> Arc<Caller> {
    let caller = head.and_then(|head| head.extensions.get::<Arc<Caller>>());
    caller.map_or_else(|| Arc::new(Caller::local()), Arc::clone)
}

fn presented<'a>(head: &'a Parts, body: &'a [u8]) -> Presented<'a> {
    Presented { method: &head.method, uri: &head.uri, headers: &head.headers, body }
}

fn is_signed(headers: &HeaderMap) -> bool {
    headers.get(AUTHORIZATION).is_some_and(|value| value.as_bytes().starts_with(SIGNED))
}

fn challenged(uri: &Uri, challenge: Challenge) -> Response {
    let Challenge { status, authenticate, message } = challenge;
    let kind = if status == StatusCode::SERVICE_UNAVAILABLE { Kind::Unavailable } else { Kind::Denied };
    let mut response = refused::at(uri, status, Error::new(kind, message));
    for challenge in authenticate.iter().filter_map(|challenge| HeaderValue::from_str(challenge).ok()) {
        response.headers_mut().append(WWW_AUTHENTICATE, challenge);
    }
    if status == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(RETRY_S));
    }
    response.map(Body::new)
}
