//! Any server that speaks OpenAI's chat completions: vLLM, Ollama, a gateway. Each turn is one
//! HTTPS call; no redirect is followed, and no proxy of the environment is used.

mod errors;
mod shapes;

use std::time::Duration;

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Client, Response, Url};
use schemars::JsonSchema;
use serde::Deserialize;
use tokio::sync::OnceCell;

use self::shapes::{Completion, Question};
use super::OpenError;
use super::retry::{Setback, patiently};
use super::turn::Turn;
use crate::config::{Bounded, Secret, SecretRef};
use crate::wire::aws::is_private;
use crate::wire::redact::Spellings;
use crate::wit::model::Answer;
use crate::wit::{Error, ErrorKind};

/// How long a connection to the server may take.
const CONNECT_MAX: Duration = Duration::from_secs(5);

/// A shorter key is a dummy, such as `ollama`, and a word that answers may hold.
const KEY_BYTES_MIN: usize = 12;

/// What of an error answer is read: enough for its code.
const ERROR_BYTES_MAX: usize = 16 << 10;

/// `[model.<grant>.openai]`: one model of one server.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Config {
    /// Where `/chat/completions` is, such as `https://gateway.example.com/v1`; `/v1` is meant if
    /// no path is written.
    base_url: String,
    /// The model, as the server calls it.
    model: String,
    /// The key that is sent as a bearer token, by where it is: `env:NAME` or `file:PATH`.
    key: Option<SecretRef>,
    /// Whether the server may be asked without TLS though it is on another machine: `true` says
    /// that nobody else reads along on the network between.
    #[serde(default)]
    private: bool,
    /// Most bytes of an answer that are read.
    #[serde(default)]
    answer_bytes_max: Bounded<1_024, 67_108_864, 4_194_304>,
}

/// One model, and the client that asks it once there is something to ask.
pub(super) struct Openai {
    url: Url,
    model: String,
    /// The whole `Authorization` header, which no log shows.
    authorization: Option<HeaderValue>,
    /// How an answer may spell the key.
    spellings: Spellings,
    answer_bytes_max: usize,
    client: OnceCell<Client>,
}

impl Openai {
    /// Fetches the key, if it is named; contacts nothing.
    pub(super) fn open(config: Config) -> Result<Self, OpenError> {
        let invalid = |message: &str| OpenError::Invalid(message.to_owned());
        let url = endpoint(&config.base_url, config.private).map_err(invalid)?;
        let named = |c: char| c.is_ascii_graphic();
        if !(1..=256).contains(&config.model.len()) || !config.model.chars().all(named) {
            return Err(invalid("`model` is no name of a model: write 1 to 256 characters without spaces"));
        }
        let key = config.key.map(|key| key.resolve()).transpose()?;
        let long = key.as_ref().map(Secret::expose).filter(|key| key.len() >= KEY_BYTES_MIN);
        let spellings = long.map(Spellings::of).unwrap_or_default();
        let authorization = key.map(|key| {
            let header = HeaderValue::try_from(format!("Bearer {}", key.expose()));
            let mut header = header.map_err(|_| invalid("the key holds characters that a header cannot carry"))?;
            header.set_sensitive(true);
            Ok::<_, OpenError>(header)
        });
        Ok(Self {
            url,
            model: config.model,
            authorization: authorization.transpose()?,
            spellings,
            answer_bytes_max: config.answer_bytes_max.get_usize(),
            client: OnceCell::new(),
        })
    }

    /// The model's name.
    pub(super) fn model(&self) -> &str {
        &self.model
    }

    /// What it is, and on which host.
    pub(super) fn summary(&self) -> String {
        format!("{} by OpenAI's protocol at {}", self.model, self.url.host_str().unwrap_or_default())
    }

    /// Takes one turn. While the server is too busy, it is asked again.
    pub(super) async fn converse(&self, turn: &Turn) -> Result<Answer, Error> {
        let broken = |_| Error::new(ErrorKind::Failed, "the request cannot be written for the model's server");
        let client = self.client.get_or_try_init(async || client()).await.map_err(broken)?;
        let body = serde_json::to_vec(&Question::of(turn, &self.model))
            .map_err(|_| Error::new(ErrorKind::Failed, "the request cannot be written as JSON"))?;
        let completion = patiently(turn.patient_until, || self.ask(client, body.clone())).await?;
        let mut answer = completion.answer(&self.model)?;
        // A server may repeat whatever it was sent.
        if let Some(cut) = self.spellings.cut(answer.text.as_bytes()) {
            answer.text = String::from_utf8_lossy(&cut).into_owned();
        }
        Ok(answer)
    }

    async fn ask(&self, client: &Client, body: Vec<u8>) -> Result<Completion, Setback> {
        let mut request = client.post(self.url.clone()).header(CONTENT_TYPE, "application/json").body(body);
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization.clone());
        }
        let response = request.send().await.map_err(|error| errors::unreachable(&error))?;
        let (status, wait) = (response.status(), errors::wait(response.headers()));
        if !status.is_success() {
            // It may hold anything, the key too: only a word that is known here is taken from it.
            let (body, _) = read(response, ERROR_BYTES_MAX).await.unwrap_or_default();
            return Err(errors::explain(status.as_u16(), &body, wait, &self.model));
        }
        let (body, whole) = read(response, self.answer_bytes_max).await.map_err(|error| errors::unreachable(&error))?;
        if !whole {
            let max = self.answer_bytes_max;
            let message = format!("the model's answer is larger than {max} bytes, the grant's `answer_bytes_max`");
            return Err(Setback::Final(Error::new(ErrorKind::Limited, message)));
        }
        serde_json::from_slice(&body).map_err(|_| Setback::Final(errors::no_completion()))
    }
}

fn client() -> reqwest::Result<Client> {
    Client::builder()
        .user_agent("toolhost")
        .redirect(Policy::none())
        .no_proxy()
        .connect_timeout(CONNECT_MAX)
        .referer(false)
        .build()
}

/// So many bytes of a body at most, and whether that is the whole of it.
async fn read(mut response: Response, bytes_max: usize) -> reqwest::Result<(Vec<u8>, bool)> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        let room = bytes_max.saturating_sub(body.len());
        body.extend(chunk.iter().take(room));
        if chunk.len() > room {
            return Ok((body, false));
        }
    }
    Ok((body, true))
}

/// Where turns are sent to, by a `base_url` that holds no credential.
fn endpoint(base_url: &str, private: bool) -> Result<Url, &'static str> {
    let mut url = Url::parse(base_url).map_err(|_| "`base_url` is no URL: write `https://HOST/v1`")?;
    if !url.username().is_empty() || url.password().is_some() || url.query().is_some() || url.fragment().is_some() {
        return Err("`base_url` holds more than scheme, host, port and path; a key goes into `key`");
    }
    let in_the_open = private && url.scheme() == "http";
    if !is_private(url.as_str()) && !in_the_open {
        return Err("`base_url` must begin with `https://`, except on this machine; `private = true` allows `http://`");
    }
    let path = match url.path().trim_end_matches('/') {
        "" => "/v1",
        path => path,
    };
    let path = format!("{path}/chat/completions");
    url.set_path(&path);
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_url_with_or_without_a_path_leads_to_chat_completions() {
        for (base, url) in [
            ("https://gateway.example.com", "https://gateway.example.com/v1/chat/completions"),
            ("https://gateway.example.com/", "https://gateway.example.com/v1/chat/completions"),
            ("http://127.0.0.1:11434/v1/", "http://127.0.0.1:11434/v1/chat/completions"),
            ("http://localhost:8000/openai", "http://localhost:8000/openai/chat/completions"),
        ] {
            assert_eq!(endpoint(base, false).map(String::from), Ok(url.to_owned()));
        }
    }

    #[test]
    fn what_would_send_the_key_in_the_open_or_holds_one_is_refused() {
        assert!(endpoint("http://10.0.0.7:8000/v1", true).is_ok());
        for wrong in [
            "http://10.0.0.7:8000/v1",
            "http://127.0.0.1.evil.example/v1",
            "http://127.0.0.1@evil.example/v1",
            "https://key@gateway.example.com/v1",
            "https://gateway.example.com/v1?key=x",
            "https://gateway.example.com/v1#x",
            "ftp://127.0.0.1/v1",
            "gateway.example.com",
            "",
        ] {
            assert!(endpoint(wrong, false).is_err(), "{wrong}");
        }
        assert!(endpoint("ftp://10.0.0.7/v1", true).is_err());
        assert!(endpoint("http://key@10.0.0.7/v1", true).is_err());
    }
}
