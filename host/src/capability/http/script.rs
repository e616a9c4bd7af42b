//! Answers written down beforehand, for the `calls.toml` of plugins: no upstream at all.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value as Json;

use super::OpenError;
use super::check::Checked;
use crate::capability::scripted::ScriptError;
use crate::wit::http::{Header, Response};
use crate::wit::{Error, ErrorKind};

/// `[http.<grant>.script]`: what each request is answered.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Config {
    /// The requests that are known. Any other one is an error.
    #[serde(default)]
    answer: Vec<Answer>,
}

/// One request and what it is answered.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Answer {
    /// Method, path and query as they are sent: `GET /api/v1/query?query=up`.
    request: String,
    /// The body that it must come with; any if not set.
    sent: Option<String>,
    /// The status; 200 if not set.
    #[serde(default = "ok")]
    status: u16,
    /// The headers.
    #[serde(default)]
    headers: BTreeMap<String, String>,
    /// The body as text.
    body: Option<String>,
    /// The body as JSON.
    json: Option<Json>,
    /// An error instead of an answer.
    error: Option<ScriptError>,
}

fn ok() -> u16 {
    200
}

/// A script that is ready to answer.
pub(super) struct Script(Vec<Answer>);

impl Script {
    pub(super) fn open(config: Config) -> Result<Self, OpenError> {
        for answer in &config.answer {
            let bodies = usize::from(answer.body.is_some()) + usize::from(answer.json.is_some());
            if bodies + usize::from(answer.error.is_some()) > 1 {
                let message = format!("`{}` has more than one of `body`, `json` and `error`", answer.request);
                return Err(OpenError::Invalid(message));
            }
        }
        Ok(Self(config.answer))
    }

    pub(super) fn answer(&self, request: &Checked) -> Result<Response, Error> {
        let line = format!("{} {}", request.method, request.path_and_query);
        let fits = |answer: &&Answer| {
            answer.request == line && answer.sent.as_ref().is_none_or(|sent| sent.as_bytes() == request.body)
        };
        let Some(answer) = self.0.iter().find(fits) else {
            return Err(Error::new(ErrorKind::Failed, format!("the script has no answer for `{line}`")));
        };
        if let Some(error) = &answer.error {
            return Err(error.into());
        }
        let body = match (&answer.body, &answer.json) {
            (Some(body), _) => body.clone().into_bytes(),
            (None, Some(json)) => json.to_string().into_bytes(),
            (None, None) => Vec::new(),
        };
        let header = |(name, value): (&String, &String)| Header { name: name.clone(), value: value.clone() };
        Ok(Response { status: answer.status, headers: answer.headers.iter().map(header).collect(), body })
    }
}
