//! How a Prometheus is asked, and what its answers look like.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use toolhost_sdk::http::{self, Response};
use toolhost_sdk::serde_json::{self, Value};
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

/// What a query answers.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct QueryData {
    pub(crate) result_type: String,
    result: Value,
}

/// One value: when it was, in seconds since 1970, and what it was.
pub(crate) type Sample = (f64, String);

/// One series of an answer.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
pub(crate) struct Series {
    /// Its labels; `__name__` is the metric.
    #[serde(default)]
    pub(crate) metric: BTreeMap<String, String>,
    /// Its value at one moment: seconds since 1970, and the value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) value: Option<Sample>,
    /// Its values over time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) values: Vec<Sample>,
    /// The same as a native histogram.
    #[serde(skip_serializing_if = "Option::is_none")]
    histogram: Option<Value>,
    /// The same over time.
    #[serde(skip_serializing_if = "Option::is_none")]
    histograms: Option<Value>,
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

impl QueryData {
    /// The series of an answer; a scalar or a string is one without labels.
    pub(crate) fn series(self) -> Result<Vec<Series>> {
        match self.result_type.as_str() {
            "vector" | "matrix" => Ok(serde_json::from_value(self.result)?),
            _ => Ok(vec![Series { value: Some(serde_json::from_value(self.result)?), ..Series::default() }]),
        }
    }
}

/// Labels as PromQL writes them: `up{job="api"}`.
pub(crate) fn name(labels: &BTreeMap<String, String>) -> String {
    let mut text = labels.get("__name__").cloned().unwrap_or_default();
    let mut sign = '{';
    for (label, value) in labels.iter().filter(|(label, _)| *label != "__name__") {
        // Writing to a `String` cannot fail.
        let _ = write!(text, "{sign}{label}={value:?}");
        sign = ',';
    }
    match sign {
        ',' => text + "}",
        _ if text.is_empty() => "{}".to_owned(),
        _ => text,
    }
}
