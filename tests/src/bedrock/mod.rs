//! The Converse API of Amazon Bedrock: what the AWS SDK sends is checked as the service checks it,
//! and answered as a test says.
//!
//! It verifies signatures, knows a few models, one guardrail and the limits of both, and keeps
//! what it was sent, and whether whoever sent it waited for the answer.

mod request;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::Result;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use http::request::Parts;
use http::{Request, StatusCode};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use self::request::Converse;
use crate::aws::{ACCOUNT, Credentials, REGION, Refusal, held};

/// The models that there are.
pub const MODELS: [&str; 3] = [
    "anthropic.claude-3-5-sonnet-20240620-v1:0",
    "eu.amazon.nova-lite-v1:0",
    "arn:aws:bedrock:eu-central-1:123456789012:application-inference-profile/abc123",
];

/// One more, which is not to be asked by its own id.
pub const PROFILE_ONLY_MODEL: &str = "anthropic.claude-sonnet-4-5-20250929-v1:0";

/// The guardrail, its version, and the word that it stops.
pub const GUARDRAIL: (&str, &str) = ("gr4ilid", "1");
pub const GUARDED_WORD: &str = "zebra";

/// What the guardrail says instead.
pub const GUARDED_ANSWER: &str = "This is not talked about here.";

const REQUEST_BYTES_MAX: usize = 25 << 20;

/// What comes of a request that is right.
#[derive(Debug, Clone)]
pub enum Reply {
    /// The model says this, and is done.
    Says(String),
    /// The model says this, and ends for this reason, such as `max_tokens`.
    Ends(String, &'static str),
    /// The service answers with this error, once.
    Fails(u16, &'static str, &'static str),
    /// Nothing comes for so long.
    Waits(Duration),
}

impl Reply {
    /// The account's quota is used up.
    pub fn throttled() -> Self {
        Self::Fails(429, "ThrottlingException", "Too many tokens, please wait before trying again.")
    }
}

/// One request that reached the emulator, whatever became of it.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The model that was asked.
    pub model: String,
    /// Everything that was sent; null if it was not JSON.
    pub body: Value,
}

/// An emulator of its own for one test. It stops when dropped.
pub struct Bedrock {
    service: Arc<Service>,
    endpoint_url: String,
    stop: CancellationToken,
}

/// What the requests share.
struct Service {
    credentials: Credentials,
    /// The action that the caller's policy lacks.
    denied: Mutex<Option<&'static str>>,
    replies: Mutex<VecDeque<Reply>>,
    always: Mutex<Option<Reply>>,
    seen: Mutex<Vec<Seen>>,
    under_way: AtomicUsize,
    hung_up: AtomicUsize,
}

impl Bedrock {
    /// Listens on a free port of 127.0.0.1.
    pub async fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let endpoint_url = format!("http://{}", listener.local_addr()?);
        let service = Arc::new(Service {
            credentials: Credentials::new("bedrock")?,
            denied: Mutex::default(),
            replies: Mutex::default(),
            always: Mutex::default(),
            seen: Mutex::default(),
            under_way: AtomicUsize::new(0),
            hung_up: AtomicUsize::new(0),
        });
        let stop = CancellationToken::new();
        let router = Router::new().fallback(answer).with_state(Arc::clone(&service));
        let server = axum::serve(listener, router).with_graceful_shutdown(stop.clone().cancelled_owned());
        tokio::spawn(server.into_future());
        Ok(Self { service, endpoint_url, stop })
    }

    /// Where it listens: `http://127.0.0.1:port`.
    pub fn endpoint_url(&self) -> &str {
        &self.endpoint_url
    }

    /// The region that requests must be signed for.
    pub fn region(&self) -> &str {
        &self.service.credentials.region
    }

    /// The id of the one access key that it knows.
    pub fn access_key(&self) -> &str {
        &self.service.credentials.access_key
    }

    /// The secret half of that key.
    pub fn secret_key(&self) -> &str {
        &self.service.credentials.secret_key
    }

    /// From now on the key is a temporary one, which comes with this token.
    pub fn set_session_token(&self, token: &str) {
        *held(&self.service.credentials.session_token) = Some(token.to_owned());
    }

    /// What becomes of the next request; each comes after those that were said before. Without
    /// any, the model says how much it was sent.
    pub fn then(&self, reply: Reply) {
        held(&self.service.replies).push_back(reply);
    }

    /// What becomes of every request from now on.
    pub fn always(&self, reply: impl Into<Option<Reply>>) {
        *held(&self.service.always) = reply.into();
    }

    /// The caller's policy lacks this action from now on: `bedrock:InvokeModel` or
    /// `bedrock:ApplyGuardrail`.
    pub fn deny(&self, action: impl Into<Option<&'static str>>) {
        *held(&self.service.denied) = action.into();
    }

    /// The requests so far, in their order.
    pub fn requests(&self) -> Vec<Seen> {
        held(&self.service.seen).clone()
    }

    /// How many requests wait for their answer just now.
    pub fn under_way(&self) -> usize {
        self.service.under_way.load(Ordering::SeqCst)
    }

    /// How many were given up before their answer.
    pub fn hung_up(&self) -> usize {
        self.service.hung_up.load(Ordering::SeqCst)
    }
}

impl Drop for Bedrock {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Counts a request while it is under way, and as hung up if it never gets its answer: the server
/// drops what it does for a caller who is gone.
struct UnderWay<'a>(&'a Service);

impl<'a> UnderWay<'a> {
    fn begin(service: &'a Service) -> Self {
        service.under_way.fetch_add(1, Ordering::SeqCst);
        Self(service)
    }

    fn answered(self) {
        self.0.under_way.fetch_sub(1, Ordering::SeqCst);
        std::mem::forget(self);
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Ordering::SeqCst);
        self.0.hung_up.fetch_add(1, Ordering::SeqCst);
    }
}

impl Service {
    async fn run(&self, parts: &Parts, body: &Bytes) -> Result<Value, Refusal> {
        let unknown = || Refusal::new(404, "UnknownOperationException", "");
        let model = request::model(parts.uri.path()).ok_or_else(unknown)?;
        let sent: Option<Value> = serde_json::from_slice(body).ok();
        held(&self.seen).push(Seen { model: model.clone(), body: sent.unwrap_or_default() });
        self.credentials.verify(parts, body)?;
        self.permit(&model, "bedrock:InvokeModel")?;
        let converse: Converse = serde_json::from_slice(body)
            .map_err(|error| Refusal::new(400, "SerializationException", error.to_string()))?;
        if model == PROFILE_ONLY_MODEL {
            let message = "with on-demand throughput isn\u{2019}t supported. Retry your request with the ID or ARN of an \
                           inference profile that contains this model.";
            return Err(Refusal::invalid(format!("Invocation of model ID {model} {message}")));
        }
        if !MODELS.contains(&model.as_str()) {
            return Err(Refusal::invalid("The provided model identifier is invalid."));
        }
        let guarded = converse.check()?;
        if guarded {
            self.permit(&format!("guardrail/{}", GUARDRAIL.0), "bedrock:ApplyGuardrail")?;
        }
        self.reply(&converse, guarded).await
    }

    fn permit(&self, resource: &str, action: &'static str) -> Result<(), Refusal> {
        if *held(&self.denied) != Some(action) {
            return Ok(());
        }
        let message = format!(
            "User: arn:aws:iam::{ACCOUNT}:user/toolhost is not authorized to perform: {action} on resource: \
             arn:aws:bedrock:{REGION}:{ACCOUNT}:{resource} because no identity-based policy allows the {action} action"
        );
        Err(Refusal::new(403, "AccessDeniedException", message))
    }

    async fn reply(&self, converse: &Converse, guarded: bool) -> Result<Value, Refusal> {
        if guarded && converse.text().contains(GUARDED_WORD) {
            return Ok(answered(converse, GUARDED_ANSWER, "guardrail_intervened"));
        }
        let scripted = held(&self.replies).pop_front();
        let reply = scripted.or_else(|| held(&self.always).clone());
        let characters = converse.text().chars().count();
        match reply.unwrap_or_else(|| Reply::Says(format!("I was sent {characters} characters."))) {
            Reply::Says(text) => Ok(answered(converse, &text, "end_turn")),
            Reply::Ends(text, reason) => Ok(answered(converse, &text, reason)),
            Reply::Fails(status, code, message) => Err(Refusal::new(status, code, message)),
            Reply::Waits(time) => {
                tokio::time::sleep(time).await;
                Ok(answered(converse, "That took long.", "end_turn"))
            }
        }
    }
}

/// An answer as the service writes it. A word counts as a token.
fn answered(converse: &Converse, text: &str, reason: &str) -> Value {
    let words = |text: &str| text.split_whitespace().count();
    let (input, output) = (words(&converse.text()), words(text));
    json!({
        "output": { "message": { "role": "assistant", "content": [{ "text": text }] } },
        "stopReason": reason,
        "usage": { "inputTokens": input, "outputTokens": output, "totalTokens": input + output },
        "metrics": { "latencyMs": 1 },
    })
}

async fn answer(State(service): State<Arc<Service>>, request: Request<Body>) -> Response {
    let under_way = UnderWay::begin(&service);
    let (parts, body) = request.into_parts();
    let response = match to_bytes(body, REQUEST_BYTES_MAX).await {
        Ok(body) => match service.run(&parts, &body).await {
            Ok(answer) => Json(answer).into_response(),
            Err(refusal) => refusal.into_response(),
        },
        Err(_) => StatusCode::PAYLOAD_TOO_LARGE.into_response(),
    };
    under_way.answered();
    response
}
