//! One statement over time: it waits, runs, and ends by itself or because it was stopped.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use anyhow::Result;
use serde_json::{Value, json};
use toolhost_embedded::Error as EngineError;

use super::answer::{Answer, shows};
use super::{Pace, Submitted, WORKGROUP, invalid, random_id};
use crate::aws::{Refusal, held};

/// What a statement came to.
#[derive(Clone, Debug)]
pub(super) enum Outcome {
    Answered(Answer),
    Failed { reason: String, category: u8 },
}

impl Outcome {
    /// An answer without rows or columns.
    pub(super) fn nothing() -> Self {
        Self::Answered(Answer::known(&[], Vec::new()))
    }

    /// The engine's error in the service's words. `shows` tells what Hive's parser reads.
    pub(super) fn of(error: &EngineError, shows: bool, database: &str) -> Self {
        let (reason, category) = match error {
            EngineError::UnknownTable { name, .. } if name.ends_with(".*") => {
                (format!("FAILED: SemanticException [Error 10072]: Database does not exist: {name}"), 2)
            }
            EngineError::UnknownTable { name, .. } if shows => {
                (format!("FAILED: SemanticException Unable to fetch table {name}. Entity Not Found"), 2)
            }
            EngineError::UnknownTable { name, .. } => {
                (format!("TABLE_NOT_FOUND: line 1:15: Table 'awsdatacatalog.{database}.{name}' does not exist"), 2)
            }
            EngineError::UnknownColumn { name, .. } => {
                (format!("COLUMN_NOT_FOUND: line 1:8: Column '{name}' cannot be resolved"), 2)
            }
            EngineError::UnknownFunction { name, .. } => {
                (format!("FUNCTION_NOT_FOUND: line 1:8: Function '{name}' not registered"), 2)
            }
            EngineError::Type(text) => (format!("TYPE_MISMATCH: line 1:8: {text}"), 2),
            EngineError::Value(text) => (format!("INVALID_CAST_ARGUMENT: {text}"), 2),
            EngineError::Memory { .. } => ("Query exhausted resources at this scale factor".to_owned(), 2),
            other => (format!("GENERIC_INTERNAL_ERROR: {other}"), 1),
        };
        Self::Failed { reason, category }
    }
}

/// One statement.
#[derive(Debug)]
pub(super) struct Execution {
    pub(super) id: String,
    /// The client's token: the same one starts nothing anew.
    pub(super) token: String,
    pub(super) pace: Pace,
    sql: String,
    began: Instant,
    submitted: SystemTime,
    /// None until the engine has ended.
    outcome: Mutex<Option<Outcome>>,
    /// After how long it was stopped, if it was.
    stopped: Mutex<Option<Duration>>,
}

impl Execution {
    pub(super) fn new(sql: String, token: String, pace: Pace) -> Result<Arc<Self>> {
        let (began, submitted) = (Instant::now(), SystemTime::now());
        let (outcome, stopped) = (Mutex::default(), Mutex::default());
        Ok(Arc::new(Self { id: random_id()?, token, pace, sql, began, submitted, outcome, stopped }))
    }

    /// The engine has ended.
    pub(super) fn end(&self, outcome: Outcome) {
        *held(&self.outcome) = Some(outcome);
    }

    /// Stops it. One that has ended stays as it is.
    pub(super) fn stop(&self) {
        if matches!(self.state(), "QUEUED" | "RUNNING") {
            *held(&self.stopped) = Some(self.began.elapsed());
        }
    }

    pub(super) fn submitted(&self) -> Submitted {
        Submitted { id: self.id.clone(), sql: self.sql.clone(), state: self.state() }
    }

    fn state(&self) -> &'static str {
        let elapsed = self.began.elapsed();
        if held(&self.stopped).is_some() {
            return "CANCELLED";
        }
        match &*held(&self.outcome) {
            _ if elapsed < self.pace.queued => "QUEUED",
            _ if elapsed < self.pace.queued + self.pace.running => "RUNNING",
            None => "RUNNING",
            Some(Outcome::Answered(_)) => "SUCCEEDED",
            Some(Outcome::Failed { .. }) => "FAILED",
        }
    }

    /// What `GetQueryExecution` tells.
    pub(super) fn described(&self) -> Value {
        let state = self.state();
        let seconds =
            self.submitted.duration_since(SystemTime::UNIX_EPOCH).map(|since| since.as_secs_f64()).unwrap_or_default();
        let mut status = json!({ "State": state, "SubmissionDateTime": seconds });
        match (state, &*held(&self.outcome)) {
            ("CANCELLED", _) => status["StateChangeReason"] = json!("Query cancelled by user"),
            ("FAILED", Some(Outcome::Failed { reason, category })) => {
                status["StateChangeReason"] = json!(reason);
                status["AthenaError"] =
                    json!({ "ErrorCategory": category, "ErrorType": 1, "Retryable": false, "ErrorMessage": reason });
            }
            _ => {}
        }
        let statement_type = if shows(&self.sql) { "UTILITY" } else { "DML" };
        json!({
            "QueryExecutionId": self.id,
            "Query": self.sql,
            "StatementType": statement_type,
            "WorkGroup": WORKGROUP,
            "ResultConfiguration": { "OutputLocation": format!("s3://acme-athena-results/{}.csv", self.id) },
            "Status": status,
            "Statistics": self.statistics(),
        })
    }

    fn statistics(&self) -> Value {
        let elapsed = (*held(&self.stopped)).unwrap_or_else(|| self.began.elapsed());
        let queued = elapsed.min(self.pace.queued);
        let running = elapsed.saturating_sub(queued);
        let total = self.pace.bytes_scanned.unwrap_or_else(|| match &*held(&self.outcome) {
            Some(Outcome::Answered(answer)) => answer.bytes_scanned,
            _ => 0,
        });
        let part = if self.pace.running.is_zero() {
            1.0
        } else {
            (running.as_secs_f64() / self.pace.running.as_secs_f64()).min(1.0)
        };
        json!({
            "DataScannedInBytes": (total as f64 * part) as u64,
            "EngineExecutionTimeInMillis": running.as_millis(),
            "QueryQueueTimeInMillis": queued.as_millis(),
            "TotalExecutionTimeInMillis": elapsed.as_millis(),
        })
    }

    /// What `GetQueryResults` answers.
    pub(super) fn results(&self, input: &Value) -> Result<Value, Refusal> {
        match (self.state(), &*held(&self.outcome)) {
            ("SUCCEEDED", Some(Outcome::Answered(answer))) => answer.page(&self.id, input),
            (state @ ("QUEUED" | "RUNNING"), _) => {
                Err(invalid(format!("Query has not yet finished. Current state: {state}")))
            }
            (state, _) => Err(invalid(format!("Query did not finish successfully. Final query state: {state}"))),
        }
    }
}
