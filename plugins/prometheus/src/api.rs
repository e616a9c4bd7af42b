//! How a Prometheus is asked, and what its errors become.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use toolhost_sdk::http::{self, Response};
use toolhost_sdk::serde_json;
use toolhost_sdk::{Error, Result};

/// What every answer of the API is wrapped in.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope<T> {
    status: String,
    data: Option<T>,
    error_type: Option<String>,
    error: Option<String>,
    #[serde(default)]
    warnings: Vec<String>,
}

/// What the API answers to a `GET`, with its warnings.
pub(crate) fn get<'a, T: DeserializeOwned>(
    path: impl IntoIterator<Item = &'a str>,
    query: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Result<(T, Vec<String>)> {
    let path = ["api", "v1"].into_iter().chain(path);
    read(&http::upstream()?.get(&http::path(path, query))?)
}

/// The data of an answer, or its error as Prometheus puts it.
pub(crate) fn read<T: DeserializeOwned>(response: &Response) -> Result<(T, Vec<String>)> {
    let Ok(envelope) = serde_json::from_slice::<Envelope<T>>(&response.body) else {
        return Err(no_answer(response.status));
    };
    match (envelope.status.as_str(), envelope.data) {
        ("success", Some(data)) => Ok((data, envelope.warnings)),
        _ => {
            let kind = envelope.error_type.unwrap_or_default();
            let message = format!("{kind}: {}", envelope.error.unwrap_or_default());
            Err(match kind.as_str() {
                "bad_data" => Error::invalid(message),
                "not_found" => Error::not_found(message),
                "timeout" | "canceled" | "unavailable" => Error::unavailable(message),
                _ => Error::failed(message),
            })
        }
    }
}

/// An answer that is none of the API: a proxy's page, or another server altogether.
fn no_answer(status: u16) -> Error {
    match status {
        401 | 403 => Error::denied(format!("Prometheus refused the host's credential with the status {status}.")),
        502..=504 => Error::unavailable(format!("Prometheus is not ready: the status is {status}.")),
        _ => Error::failed(format!("The upstream does not answer as a Prometheus does: the status is {status}.")),
    }
}
