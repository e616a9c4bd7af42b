//! Amazon Athena in front of the engine of the host: what the AWS SDK sends is checked, run and
//! answered as the service does it, over time, so that no mock can flatter a client.
//!
//! It verifies signatures, keeps the service's rules (one workgroup, a place for results, 1,000
//! rows a page with the labels as the first row of a query, rows only of what has succeeded, one
//! statement for one token) and can be told to be slow, to throttle and to fail as the service
//! does.

mod answer;
mod execution;
mod parameters;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context as _, Result};
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use http::request::Parts;
use http::{HeaderValue, Request, StatusCode};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use toolhost_embedded::{Engine, Limits};

use self::answer::Answer;
use self::execution::{Execution, Outcome};
use crate::aws::{ACCOUNT, Credentials, REGION, Refusal, held};
use crate::mariadb;

/// The one workgroup that there is; it has no place for results.
pub const WORKGROUP: &str = "agents";

/// The one data catalog.
const CATALOG: &str = "AwsDataCatalog";

const REQUEST_BYTES_MAX: usize = 1 << 20;
const STATEMENT_BYTES_MAX: usize = 262_144;

/// What an operator may have set up wrong, or the service has.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fault {
    /// The caller's policy lacks this action, such as `athena:StartQueryExecution`.
    Denied(&'static str),
    /// The workgroup is switched off.
    Disabled,
    /// The service itself is broken.
    Internal,
}

/// One request that reached the emulator, whatever became of it.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The action, such as `StartQueryExecution`.
    pub action: String,
    /// Everything that was sent; null if it was not JSON.
    pub body: Value,
}

/// One statement that was taken.
#[derive(Clone, Debug)]
pub struct Submitted {
    /// Its id.
    pub id: String,
    /// The statement as it was sent.
    pub sql: String,
    /// Such as `RUNNING`.
    pub state: &'static str,
}

/// How the next statements run, whatever they say.
#[derive(Clone, Debug, Default)]
pub struct Pace {
    /// How long each waits for its turn.
    pub queued: Duration,
    /// How long each runs at least.
    pub running: Duration,
    /// How many bytes each reads, bit by bit while it runs; as many as its tables hold if not set.
    pub bytes_scanned: Option<u64>,
    /// Why each fails, with the service's category: 1 itself, 2 the statement.
    pub failure: Option<(String, u8)>,
}

/// An emulator of its own for one test. It stops when dropped.
pub struct Athena {
    service: Arc<Service>,
    endpoint_url: String,
    stop: CancellationToken,
}

/// What the requests share.
struct Service {
    credentials: Credentials,
    engine: Engine,
    executions: Mutex<Vec<Arc<Execution>>>,
    fault: Mutex<Option<Fault>>,
    known: Mutex<BTreeMap<String, Answer>>,
    pace: Mutex<Pace>,
    seen: Mutex<Vec<Seen>>,
    throttled: Mutex<BTreeMap<&'static str, usize>>,
}

impl Athena {
    /// Listens on a free port of 127.0.0.1, in front of a folder of tables.
    pub async fn start(folder: &Path, database: &str) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let endpoint_url = format!("http://{}", listener.local_addr()?);
        let service = Arc::new(Service {
            credentials: Credentials::new("athena")?,
            engine: Engine::open(folder, database, Limits::default())?,
            executions: Mutex::default(),
            fault: Mutex::default(),
            known: Mutex::default(),
            pace: Mutex::default(),
            seen: Mutex::default(),
            throttled: Mutex::default(),
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

    /// The account that everything is in.
    pub fn account(&self) -> &str {
        ACCOUNT
    }

    /// From now on the key is a temporary one, which comes with this token.
    pub fn set_session_token(&self, token: &str) {
        *held(&self.service.credentials.session_token) = Some(token.to_owned());
    }

    /// How statements run from now on.
    pub fn set_pace(&self, pace: Pace) {
        *held(&self.service.pace) = pace;
    }

    /// Answers a statement with these rows of text, and asks no engine.
    pub fn know(&self, sql: &str, columns: &[(&str, &str)], rows: Vec<Vec<Option<String>>>) {
        held(&self.service.known).insert(sql.to_owned(), Answer::known(columns, rows));
    }

    /// Fails from now on in this way, or not at all.
    pub fn fail_with(&self, fault: impl Into<Option<Fault>>) {
        *held(&self.service.fault) = fault.into();
    }

    /// Refuses the next so many requests of an action as too many.
    pub fn throttle(&self, action: &'static str, times: usize) {
        held(&self.service.throttled).insert(action, times);
    }

    /// The requests so far, in their order.
    pub fn requests(&self) -> Vec<Seen> {
        held(&self.service.seen).clone()
    }

    /// The statements so far, in their order.
    pub fn statements(&self) -> Vec<Submitted> {
        held(&self.service.executions).iter().map(|execution| execution.submitted()).collect()
    }
}

impl Drop for Athena {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Service {
    async fn run(&self, parts: &Parts, body: &Bytes) -> Result<Value, Refusal> {
        let target = parts.headers.get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default();
        let action = target.strip_prefix("AmazonAthena.").unwrap_or_default().to_owned();
        let sent: Option<Value> = serde_json::from_slice(body).ok();
        held(&self.seen).push(Seen { action: action.clone(), body: sent.clone().unwrap_or_default() });
        self.credentials.verify(parts, body)?;
        self.refuse(&action)?;
        let input = sent.ok_or_else(|| Refusal::new(400, "SerializationException", "no JSON"))?;
        match action.as_str() {
            "StartQueryExecution" => self.start(&input).await,
            "GetQueryExecution" => Ok(json!({ "QueryExecution": self.find(&input)?.described() })),
            "GetQueryResults" => self.find(&input)?.results(&input),
            "StopQueryExecution" => {
                self.find(&input)?.stop();
                Ok(json!({}))
            }
            "ListTableMetadata" => self.tables(&input).await,
            "ListDatabases" => Ok(json!({ "DatabaseList": [{ "Name": self.engine.database() }] })),
            _ => Err(Refusal::new(400, "UnknownOperationException", "")),
        }
    }

    /// Refuses what the service refuses before it looks at a request.
    fn refuse(&self, action: &str) -> Result<(), Refusal> {
        let mut throttled = held(&self.throttled);
        if let Some(left) = throttled.iter_mut().find(|(name, left)| **name == action && **left > 0) {
            *left.1 -= 1;
            return Err(Refusal::new(400, "ThrottlingException", "Rate exceeded"));
        }
        match *held(&self.fault) {
            Some(Fault::Denied(denied)) if denied == format!("athena:{action}") => {
                let user = format!("arn:aws:sts::{ACCOUNT}:assumed-role/toolhost/i-0");
                let resource = format!("arn:aws:athena:{REGION}:{ACCOUNT}:workgroup/{WORKGROUP}");
                let message = format!("User: {user} is not authorized to perform: {denied} on resource: {resource}");
                Err(Refusal::new(400, "AccessDeniedException", message))
            }
            Some(Fault::Internal) => Err(Refusal::new(500, "InternalServerException", "")),
            _ => Ok(()),
        }
    }

    async fn start(&self, input: &Value) -> Result<Value, Refusal> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (sql, token) = (text(&input["QueryString"]), text(&input["ClientRequestToken"]));
        if !(32..=128).contains(&token.len()) {
            return Err(invalid("ClientRequestToken must have 32 to 128 characters"));
        }
        if sql.is_empty() || sql.len() > STATEMENT_BYTES_MAX {
            return Err(invalid("QueryString must have 1 to 262144 bytes"));
        }
        let workgroup = text(&input["WorkGroup"]);
        if workgroup != WORKGROUP {
            return Err(invalid(format!("WorkGroup {workgroup} is not found.")));
        }
        if *held(&self.fault) == Some(Fault::Disabled) {
            return Err(invalid(format!("WorkGroup {workgroup} is disabled.")));
        }
        if !text(&input["ResultConfiguration"]["OutputLocation"]).starts_with("s3://") {
            return Err(invalid(
                "No output location provided. An output location is required either through the Workgroup result \
                 configuration setting or as an API input.",
            ));
        }
        if let Some(known) = held(&self.executions).iter().find(|execution| execution.token == token) {
            return Ok(json!({ "QueryExecutionId": known.id }));
        }
        let catalog = text(&input["QueryExecutionContext"]["Catalog"]);
        if catalog != CATALOG {
            return Err(invalid(format!("Catalog {catalog} was not found")));
        }
        let given: Vec<String> = input["ExecutionParameters"].as_array().into_iter().flatten().map(text).collect();
        let statement = parameters::fill(&sql, &given).map_err(invalid)?;
        let execution = Execution::new(sql, token, held(&self.pace).clone()).map_err(|error| failed(&error))?;
        self.begin(&execution, statement).await?;
        let id = execution.id.clone();
        held(&self.executions).push(execution);
        Ok(json!({ "QueryExecutionId": id }))
    }

    /// Begins the work of a statement. What does not parse is refused at once.
    async fn begin(&self, execution: &Arc<Execution>, statement: String) -> Result<(), Refusal> {
        let known = held(&self.known).get(&statement).cloned();
        let failure = execution.pace.failure.clone();
        if known.is_some() || failure.is_some() {
            let failed = failure.map(|(reason, category)| Outcome::Failed { reason, category });
            execution.end(failed.or(known.map(Outcome::Answered)).unwrap_or_else(Outcome::nothing));
            return Ok(());
        }
        let planned = self.engine.run(&statement, &[]).await;
        if let Err(toolhost_embedded::Error::Syntax { message, line, column }) = &planned {
            return Err(invalid(format!("line {line}:{column}: {message}")));
        }
        let (execution, database) = (Arc::clone(execution), self.engine.database().to_owned());
        tokio::spawn(async move {
            let shows = answer::shows(&statement);
            let outcome = match planned {
                Ok(rows) => Answer::of(rows, shows).await,
                Err(error) => Err(error),
            };
            execution.end(outcome.map_or_else(|error| Outcome::of(&error, shows, &database), Outcome::Answered));
        });
        Ok(())
    }

    fn find(&self, input: &Value) -> Result<Arc<Execution>, Refusal> {
        let id = input["QueryExecutionId"].as_str().unwrap_or_default();
        let executions = held(&self.executions);
        let found = executions.iter().find(|execution| execution.id == id).cloned();
        found.ok_or_else(|| invalid(format!("QueryExecution {id} was not found")))
    }

    async fn tables(&self, input: &Value) -> Result<Value, Refusal> {
        let database = input["DatabaseName"].as_str().unwrap_or_default();
        if database != self.engine.database() {
            let message = format!("Database {database} not found.");
            return Err(Refusal::new(400, "MetadataException", message));
        }
        let mut tables = Vec::new();
        for name in self.engine.tables().map_err(|error| failed(&error))? {
            let columns = self.engine.describe(&name).await.map_err(|error| failed(&error))?;
            let columns: Vec<_> =
                columns.iter().map(|column| json!({ "Name": column.name, "Type": column.declared })).collect();
            tables.push(json!({ "Name": name, "TableType": "EXTERNAL_TABLE", "Columns": columns }));
        }
        Ok(json!({ "TableMetadataList": tables }))
    }
}

/// The error for most mistakes of a caller.
fn invalid(message: impl Into<String>) -> Refusal {
    Refusal::new(400, "InvalidRequestException", message)
}

fn failed(error: &impl std::fmt::Display) -> Refusal {
    Refusal::new(500, "InternalServerException", error.to_string())
}

async fn answer(State(service): State<Arc<Service>>, request: Request<Body>) -> Response {
    let (parts, body) = request.into_parts();
    let mut response = match to_bytes(body, REQUEST_BYTES_MAX).await {
        Ok(body) => match service.run(&parts, &body).await {
            Ok(answer) => Json(answer).into_response(),
            Err(refusal) => refusal.into_response(),
        },
        Err(_) => StatusCode::PAYLOAD_TOO_LARGE.into_response(),
    };
    let headers = response.headers_mut();
    headers.insert("content-type", HeaderValue::from_static("application/x-amz-json-1.1"));
    if let Some(id) = mariadb::random().ok().and_then(|id| HeaderValue::try_from(id).ok()) {
        headers.insert("x-amzn-requestid", id);
    }
    response
}

/// An id as the service makes them.
fn random_id() -> Result<String> {
    let digits = mariadb::random()? + &mariadb::random()?;
    let part = |from, to| digits.get(from..to).context("too few digits");
    Ok(format!("{}-{}-{}-{}-{}", part(0, 8)?, part(8, 12)?, part(12, 16)?, part(16, 20)?, part(20, 32)?))
}
