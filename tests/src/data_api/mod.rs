//! The RDS Data API in front of the real database of the tests: what the AWS SDK sends is
//! checked, run and answered as the service does it, so that no mock can flatter a client.
//!
//! It verifies signatures, keeps the service's limits (4 MiB a request, 64 KiB a
//! statement, 1 MiB a result, 64 KiB a row, 45 seconds a call, 3 minutes idle in a
//! transaction, one statement a call) and can be told to fail as the service fails.

mod rows;
mod session;
mod statement;
#[cfg(test)]
mod tests;
mod wire;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::Result;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use http::request::Parts;
use http::{HeaderValue, Request, StatusCode};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use self::session::{Clocks, Sessions};
use self::statement::Statement;
use self::wire::Input;
use crate::aws::{ACCOUNT, Credentials, REGION, Refusal, held};
use crate::mariadb::{self, Database, User};

const REQUEST_BYTES_MAX: usize = 4 << 20;
const STATEMENT_BYTES_MAX: usize = 64 << 10;

/// What an operator may have set up wrong.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fault {
    /// The caller's policy lacks this action: `rds-data:ExecuteStatement`, another of the
    /// service, or `secretsmanager:GetSecretValue`.
    Denied(&'static str),
    /// The Data API is off on the cluster.
    EndpointDisabled,
    /// The ARN is not one of a cluster.
    InvalidResource,
}

/// One request that reached the emulator, whatever became of it.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The action, such as `ExecuteStatement`.
    pub action: &'static str,
    /// The statement, if the action has one.
    pub sql: Option<String>,
    /// The transaction that it belongs to, if any.
    pub transaction_id: Option<String>,
    /// Everything that was sent; null if it was not JSON.
    pub body: Value,
}

/// An emulator of its own for one test. It stops when dropped.
pub struct DataApi {
    service: Arc<Service>,
    endpoint_url: String,
    stop: CancellationToken,
}

/// What the requests share.
struct Service {
    answer_delay: Mutex<Duration>,
    cluster_arn: String,
    credentials: Credentials,
    fault: Mutex<Option<Fault>>,
    secret_arn: String,
    seen: Mutex<Vec<Seen>>,
    sessions: Arc<Sessions>,
}

impl DataApi {
    /// Listens on a free port of 127.0.0.1. The secret that its ARN stands for is that of
    /// `user`, one of the users of `database`.
    pub async fn start(database: &Database, user: &User) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let endpoint_url = format!("http://{}", listener.local_addr()?);
        let clocks = Clocks { call_max: Duration::from_secs(45), idle_max: Duration::from_secs(180) };
        let service = Arc::new(Service {
            answer_delay: Mutex::default(),
            cluster_arn: format!("arn:aws:rds:{REGION}:{ACCOUNT}:cluster:{}", database.name().replace('_', "-")),
            credentials: Credentials::new("rds-data")?,
            fault: Mutex::new(None),
            secret_arn: format!("arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:{}-AbCdEf", user.name),
            seen: Mutex::default(),
            sessions: Sessions::new(database.options(user), clocks),
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

    /// The cluster that it takes for its own.
    pub fn cluster_arn(&self) -> &str {
        &self.service.cluster_arn
    }

    /// The secret that holds the user's password.
    pub fn secret_arn(&self) -> &str {
        &self.service.secret_arn
    }

    /// The id of the one access key that it knows.
    pub fn access_key(&self) -> &str {
        &self.service.credentials.access_key
    }

    /// The secret half of that key.
    pub fn secret_key(&self) -> &str {
        &self.service.credentials.secret_key
    }

    /// The region that requests must be signed for.
    pub fn region(&self) -> &str {
        &self.service.credentials.region
    }

    /// From now on the key is a temporary one, which comes with this token.
    pub fn set_session_token(&self, token: &str) {
        *held(&self.service.credentials.session_token) = Some(token.to_owned());
    }

    /// Fails from now on in this way, or not at all.
    pub fn fail_with(&self, fault: impl Into<Option<Fault>>) {
        *held(&self.service.fault) = fault.into();
    }

    /// How long a call may take, instead of 45 seconds.
    pub fn set_call_max(&self, call_max: Duration) {
        held(&self.service.sessions.clocks).call_max = call_max;
    }

    /// How long a transaction may idle from its next call on, instead of 3 minutes.
    pub fn set_idle_max(&self, idle_max: Duration) {
        held(&self.service.sessions.clocks).idle_max = idle_max;
    }

    /// How long an answer takes to come back from now on, once what was asked is done.
    pub fn set_answer_delay(&self, delay: Duration) {
        *held(&self.service.answer_delay) = delay;
    }

    /// The requests so far, in their order.
    pub fn requests(&self) -> Vec<Seen> {
        held(&self.service.seen).clone()
    }
}

impl Drop for DataApi {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Service {
    async fn run(&self, parts: &Parts, body: &Bytes) -> Result<Value, Refusal> {
        let action = action(parts.uri.path()).ok_or_else(|| Refusal::new(404, "UnknownOperationException", ""))?;
        let sent: Option<Value> = serde_json::from_slice(body).ok();
        let text = |name: &str| Some(sent.as_ref()?.get(name)?.as_str()?.to_owned());
        let (sql, transaction_id) = (text("sql"), text("transactionId"));
        held(&self.seen).push(Seen { action, sql, transaction_id, body: sent.unwrap_or_default() });
        self.credentials.verify(parts, body)?;
        let iam_action = format!("rds-data:{action}");
        let fault = *held(&self.fault);
        if matches!(fault, Some(Fault::Denied(denied)) if denied == iam_action) {
            let message = denial(&iam_action, &self.cluster_arn);
            return Err(Refusal::new(403, "AccessDeniedException", message));
        }
        let input: Input = serde_json::from_slice(body)
            .map_err(|error| Refusal::new(400, "SerializationException", error.to_string()))?;
        self.check(&input, fault)?;
        self.dispatch(action, input).await
    }

    /// Refuses what the service refuses before it asks the database.
    fn check(&self, input: &Input, fault: Option<Fault>) -> Result<(), Refusal> {
        let resource = input.resource_arn.as_deref();
        if fault == Some(Fault::InvalidResource) || resource.is_some_and(|arn| arn != self.cluster_arn) {
            return Err(Refusal::bad_request("Invalid resource ARN"));
        }
        if resource.is_none() || input.secret_arn.is_none() {
            return Err(Refusal::invalid("'resourceArn' and 'secretArn' must not be null"));
        }
        if fault == Some(Fault::EndpointDisabled) {
            let message = format!("HttpEndpoint is not enabled for resource {}", self.cluster_arn);
            return Err(Refusal::new(400, "HttpEndpointNotEnabledException", message));
        }
        if input.schema.is_some() {
            return Err(Refusal::invalid("The schema parameter isn't supported for Aurora MySQL"));
        }
        let origin = |code: &str| format!("(Service: AWSSecretsManager; Status Code: 400; Error Code: {code})");
        if fault == Some(Fault::Denied("secretsmanager:GetSecretValue")) {
            let message = denial("secretsmanager:GetSecretValue", &self.secret_arn);
            return Err(Refusal::bad_request(format!("{message} {}", origin("AccessDeniedException"))));
        }
        if input.secret_arn.as_ref() != Some(&self.secret_arn) {
            let message = "Secrets Manager can't find the specified secret.";
            let message = format!("{message} {}", origin("ResourceNotFoundException"));
            return Err(Refusal::new(400, "SecretsErrorException", message));
        }
        Ok(())
    }

    async fn dispatch(&self, action: &str, mut input: Input) -> Result<Value, Refusal> {
        match action {
            "BeginTransaction" => return self.sessions.begin(&input).await,
            "CommitTransaction" => {
                self.sessions.end(&input, "COMMIT").await?;
                return Ok(json!({ "transactionStatus": "Transaction Committed" }));
            }
            "RollbackTransaction" => {
                self.sessions.end(&input, "ROLLBACK").await?;
                return Ok(json!({ "transactionStatus": "Rollback Complete" }));
            }
            _ => {}
        }
        let sql = input.sql.take().unwrap_or_default();
        if sql.len() > STATEMENT_BYTES_MAX {
            return Err(Refusal::invalid(format!("'sql' must have at most {STATEMENT_BYTES_MAX} bytes")));
        }
        let statement = Statement::parse(&sql)?;
        let batch = action == "BatchExecuteStatement";
        let mut sets = if batch { std::mem::take(&mut input.parameter_sets) } else { Vec::new() };
        if sets.is_empty() {
            sets.push(std::mem::take(&mut input.parameters));
        }
        let sets = sets.iter().map(|set| statement.bind(set)).collect::<Result<_, _>>()?;
        let mut answers = self.sessions.run(input, sets, statement).await?;
        if !batch {
            return Ok(answers.pop().unwrap_or_default());
        }
        let generated = |answer: &Value| json!({ "generatedFields": answer["generatedFields"] });
        Ok(json!({ "updateResults": answers.iter().map(generated).collect::<Vec<_>>() }))
    }
}

async fn answer(State(service): State<Arc<Service>>, request: Request<Body>) -> Response {
    let (parts, body) = request.into_parts();
    let headers: usize = parts.headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    let mut response = match to_bytes(body, REQUEST_BYTES_MAX.saturating_sub(headers)).await {
        Ok(body) => match service.run(&parts, &body).await {
            Ok(answer) => Json(answer).into_response(),
            Err(refusal) => refusal.into_response(),
        },
        // Whatever stands in front of the service says so, in no words of the service.
        Err(_) => StatusCode::PAYLOAD_TOO_LARGE.into_response(),
    };
    let delay = *held(&service.answer_delay);
    tokio::time::sleep(delay).await;
    if let Some(id) = mariadb::random().ok().and_then(|id| HeaderValue::try_from(id).ok()) {
        response.headers_mut().insert("x-amzn-requestid", id);
    }
    response
}

/// The action that a path stands for.
fn action(path: &str) -> Option<&'static str> {
    Some(match path {
        "/Execute" => "ExecuteStatement",
        "/BatchExecute" => "BatchExecuteStatement",
        "/BeginTransaction" => "BeginTransaction",
        "/CommitTransaction" => "CommitTransaction",
        "/RollbackTransaction" => "RollbackTransaction",
        _ => return None,
    })
}

/// What IAM says of an action that no policy allows.
fn denial(action: &str, resource: &str) -> String {
    format!(
        "User: arn:aws:iam::{ACCOUNT}:user/toolhost is not authorized to perform: {action} on resource: {resource} \
         because no identity-based policy allows the {action} action"
    )
}
