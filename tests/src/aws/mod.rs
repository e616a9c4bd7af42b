//! What the emulators of AWS services share: the signature that every request must have, and
//! the shape of an error.

mod signature;

use std::sync::{Mutex, MutexGuard, PoisonError};

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde_json::json;

pub(crate) use self::signature::{Credentials, date};

/// The account that everything is in.
pub(crate) const ACCOUNT: &str = "123456789012";

/// The region that everything is in.
pub(crate) const REGION: &str = "eu-central-1";

/// An error answer.
#[derive(Debug)]
pub(crate) struct Refusal {
    status: StatusCode,
    code: &'static str,
    message: String,
}

impl Refusal {
    /// Any error: HTTP status, error type, and what it says.
    pub(crate) fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self { status, code, message: message.into() }
    }

    /// The error for most mistakes of a caller.
    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "BadRequestException", message)
    }

    /// The error for a request that breaks the API's own rules.
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(400, "ValidationException", message)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.status, [("x-amzn-errortype", self.code)], Json(json!({ "message": self.message }))).into_response()
    }
}

/// What a mutex guards. One that a failed test has poisoned is as good as before: nothing
/// here is left half done.
pub(crate) fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
