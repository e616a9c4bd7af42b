//! One cluster behind the Data API: who it is, how it is asked, and the transactions there.
//!
//! The SDK's futures are boxed, since each takes tens of kilobytes.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_rdsdata::Client;
use aws_sdk_rdsdata::config::Builder;
use aws_sdk_rdsdata::error::SdkError;
use aws_sdk_rdsdata::operation::execute_statement::ExecuteStatementOutput;
use aws_sdk_rdsdata::types::{Field, SqlParameter};
use tokio::sync::OnceCell;

use super::super::backend::unknown_commit;
use super::super::rows::Limits;
use super::errors::explain;
use super::values;
use crate::wire::aws;
use crate::wit::rows::Value;
use crate::wit::{Error, ErrorKind};

/// How long a call may take: a little longer than the service lets a statement run.
pub(super) const CALL_MAX: Duration = Duration::from_secs(50);

/// How often a call that changes nothing is sent at most. Nothing else is sent twice.
const ATTEMPTS: u32 = 3;

/// When a transaction that is to end is told so, in seconds from the try before: it cannot be
/// while its last statement runs, which is 45 seconds at most.
const ROLLBACK_WAITS: [u64; 5] = [0, 1, 4, 15, 30];

/// One cluster, and the client that asks it once there is something to ask.
pub(super) struct Source {
    pub(super) cluster_arn: String,
    pub(super) secret_arn: String,
    pub(super) database: String,
    pub(super) endpoint: aws::Endpoint,
    pub(super) limits: Limits,
    pub(super) client: OnceCell<Client>,
}

/// A transaction at the service. Dropping it rolls it back.
pub(super) struct Open {
    source: Arc<Source>,
    /// None once it has ended.
    id: Option<String>,
}

impl Source {
    /// The client, once the server is known to read statements as the guard does.
    async fn client(&self) -> Result<&Client, Error> {
        let ready = async {
            let client = Client::new(&self.endpoint.load().await);
            let mode = self.ask(&client, "SELECT @@sql_mode", Vec::new(), None).await?;
            match strings(mode).concat() {
                mode if mode.contains("ANSI_QUOTES") || mode.contains("NO_BACKSLASH_ESCAPES") => Err(Error::new(
                    ErrorKind::Unavailable,
                    "statements cannot be checked on this source: the operator must take ANSI_QUOTES and \
                     NO_BACKSLASH_ESCAPES out of `sql_mode` in the cluster's parameter group",
                )),
                _ => Ok(client),
            }
        };
        self.client.get_or_try_init(|| ready).await
    }

    /// Runs a statement that reads, outside a transaction.
    pub(super) async fn read(&self, text: &str, values: Vec<Value>) -> Result<ExecuteStatementOutput, Error> {
        self.ask(self.client().await?, text, values, None).await
    }

    async fn ask(
        &self,
        client: &Client,
        text: &str,
        values: Vec<Value>,
        transaction: Option<&str>,
    ) -> Result<ExecuteStatementOutput, Error> {
        let call = client
            .execute_statement()
            .resource_arn(&self.cluster_arn)
            .secret_arn(&self.secret_arn)
            .database(&self.database)
            .sql(text)
            .set_parameters(Some(values::parameters(values)))
            .set_transaction_id(transaction.map(str::to_owned))
            .include_result_metadata(true);
        let sent = match transaction {
            Some(_) => Box::pin(call.send()).await,
            None => Box::pin(call.customize().config_override(patient()).send()).await,
        };
        sent.map_err(|error| explain(&error, "ExecuteStatement", &self.limits))
    }

    /// Begins a transaction.
    pub(super) async fn begin(self: &Arc<Self>) -> Result<Open, Error> {
        let call = self.client().await?.begin_transaction();
        let call = call.resource_arn(&self.cluster_arn).secret_arn(&self.secret_arn).database(&self.database);
        let begun = Box::pin(call.customize().config_override(patient()).send())
            .await
            .map_err(|error| explain(&error, "BeginTransaction", &self.limits))?;
        // Without an id, what follows would be in no transaction.
        match begun.transaction_id {
            Some(id) => Ok(Open { source: Arc::clone(self), id: Some(id) }),
            None => Err(Error::new(ErrorKind::Failed, "the Data API began no transaction")),
        }
    }

    async fn rollback(&self, id: &str) -> Result<(), Error> {
        let call = self.client().await?.rollback_transaction();
        let call = call.resource_arn(&self.cluster_arn).secret_arn(&self.secret_arn).transaction_id(id);
        match Box::pin(call.customize().config_override(patient()).send()).await {
            Ok(_) => Ok(()),
            // The service has rolled it back by itself.
            Err(error) if error.as_service_error().is_some_and(|error| error.is_transaction_not_found_exception()) => {
                Ok(())
            }
            Err(error) => Err(explain(&error, "RollbackTransaction", &self.limits)),
        }
    }
}

impl Open {
    /// Runs a statement.
    pub(super) async fn execute(&self, text: &str, values: Vec<Value>) -> Result<ExecuteStatementOutput, Error> {
        self.source.ask(self.source.client().await?, text, values, self.id.as_deref()).await
    }

    /// Runs a statement once for each set of values; answers with the last key that the
    /// database made. The service does not tell how many rows were changed.
    pub(super) async fn execute_batch(&self, text: &str, sets: Vec<Vec<SqlParameter>>) -> Result<Option<Field>, Error> {
        let call = self
            .source
            .client()
            .await?
            .batch_execute_statement()
            .resource_arn(&self.source.cluster_arn)
            .secret_arn(&self.source.secret_arn)
            .database(&self.source.database)
            .sql(text)
            .set_parameter_sets(Some(sets))
            .set_transaction_id(self.id.clone());
        let done = Box::pin(call.send())
            .await
            .map_err(|error| explain(&error, "BatchExecuteStatement", &self.source.limits))?;
        let last = done.update_results.unwrap_or_default().pop();
        Ok(last.and_then(|result| result.generated_fields.unwrap_or_default().pop()))
    }

    /// Makes it permanent.
    pub(super) async fn commit(mut self) -> Result<(), Error> {
        let call = self.source.client().await?.commit_transaction();
        let call = call.resource_arn(&self.source.cluster_arn).secret_arn(&self.source.secret_arn);
        match Box::pin(call.set_transaction_id(self.id.clone()).send()).await {
            Ok(_) => {
                self.id = None;
                Ok(())
            }
            Err(SdkError::TimeoutError(_) | SdkError::DispatchFailure(_) | SdkError::ResponseError(_)) => {
                Err(unknown_commit())
            }
            Err(error) => Err(explain(&error, "CommitTransaction", &self.source.limits)),
        }
    }

    /// Undoes it.
    pub(super) async fn rollback(mut self) -> Result<(), Error> {
        if let Some(id) = &self.id {
            // If that fails, the drop tries again.
            self.source.rollback(id).await?;
        }
        self.id = None;
        Ok(())
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        // Without a runtime the process is about to end; the service then rolls it back in time.
        let (Some(id), Ok(runtime)) = (self.id.take(), tokio::runtime::Handle::try_current()) else { return };
        let source = Arc::clone(&self.source);
        runtime.spawn(async move {
            for wait in ROLLBACK_WAITS {
                tokio::time::sleep(Duration::from_secs(wait)).await;
                if source.rollback(&id).await.is_ok() {
                    break;
                }
            }
        });
    }
}

/// For calls that may be sent again, such as when the service had closed the connection.
fn patient() -> Builder {
    Builder::new().retry_config(aws::patiently(ATTEMPTS))
}

/// The first column of an answer, where it is text.
pub(super) fn strings(output: ExecuteStatementOutput) -> Vec<String> {
    let first = |row: Vec<Field>| match row.into_iter().next() {
        Some(Field::StringValue(text)) => Some(text),
        _ => None,
    };
    output.records.unwrap_or_default().into_iter().filter_map(first).collect()
}
