//! What is asked of the service, and how: the only calls there are.
//!
//! The SDK's futures are boxed, since each takes tens of kilobytes.

use std::time::Duration;

use aws_sdk_athena::Client;
use aws_sdk_athena::config::Builder;
use aws_sdk_athena::operation::get_query_results::GetQueryResultsOutput;
use aws_sdk_athena::types::{QueryExecution, QueryExecutionContext, ResultConfiguration, TableMetadata};
use tokio::sync::OnceCell;
use uuid::Uuid;

use super::errors::explain;
use super::reason::Reason;
use crate::wire::aws;
use crate::wit::{Error, ErrorKind};

/// How long one attempt of a call may take.
pub(super) const CALL_MAX: Duration = Duration::from_secs(20);

/// How often a call is sent at most. A start comes with a token, so that it starts one statement.
const ATTEMPTS: u32 = 4;

/// How many names agents are told of: tables, columns of one, databases.
const NAMES_MAX: usize = 50;

/// The actions of statements, which an IAM policy allows on the workgroup.
pub(super) const QUERY_ACTIONS: &[&str] =
    &["athena:StartQueryExecution", "athena:GetQueryExecution", "athena:GetQueryResults", "athena:StopQueryExecution"];

/// The actions that list names, which an IAM policy allows on the data catalog.
pub(super) const CATALOG_ACTIONS: &[&str] = &["athena:ListTableMetadata", "athena:ListDatabases"];

/// One database of one workgroup, and the client that asks there.
pub(super) struct Source {
    pub(super) endpoint: aws::Endpoint,
    pub(super) catalog: String,
    pub(super) database: String,
    pub(super) workgroup: String,
    pub(super) output_location: Option<String>,
    pub(super) client: OnceCell<Client>,
}

impl Source {
    async fn client(&self) -> &Client {
        self.client.get_or_init(|| async { Client::new(&self.endpoint.load().await) }).await
    }

    /// Submits a statement and answers with its id.
    pub(super) async fn start(&self, text: &str, values: Vec<String>, shows: bool) -> Result<String, Reason> {
        let context = QueryExecutionContext::builder().catalog(&self.catalog).database(&self.database).build();
        let location = |location: &String| ResultConfiguration::builder().output_location(location).build();
        let call = self
            .client()
            .await
            .start_query_execution()
            .query_string(text)
            .client_request_token(Uuid::now_v7().to_string())
            .query_execution_context(context)
            .work_group(&self.workgroup)
            .set_result_configuration(self.output_location.as_ref().map(location))
            .set_execution_parameters((!values.is_empty()).then_some(values));
        let started = Box::pin(call.customize().config_override(patient()).send()).await;
        let started = started.map_err(|error| explain(&error, "StartQueryExecution", shows))?;
        started.query_execution_id.ok_or_else(no_answer)
    }

    /// How far a statement has come.
    pub(super) async fn execution(&self, id: &str) -> Result<QueryExecution, Error> {
        let call = self.client().await.get_query_execution().query_execution_id(id);
        let answer = Box::pin(call.customize().config_override(patient()).send()).await;
        let answer = answer.map_err(|error| explain(&error, "GetQueryExecution", false).error)?;
        answer.query_execution.ok_or_else(|| no_answer().error)
    }

    /// Rows of a statement, from this token on.
    pub(super) async fn results(
        &self,
        id: &str,
        token: Option<&str>,
        rows_max: i32,
    ) -> Result<GetQueryResultsOutput, Error> {
        let call = self.client().await.get_query_results().query_execution_id(id).max_results(rows_max);
        let call = call.set_next_token(token.map(str::to_owned));
        let answer = Box::pin(call.customize().config_override(patient()).send()).await;
        answer.map_err(|error| explain(&error, "GetQueryResults", false).error)
    }

    /// Stops a statement. Athena takes it well if that has ended.
    pub(super) async fn stop(&self, id: &str) -> Result<(), Error> {
        let call = self.client().await.stop_query_execution().query_execution_id(id);
        let answer = Box::pin(call.customize().config_override(patient()).send()).await;
        answer.map(|_| ()).map_err(|error| explain(&error, "StopQueryExecution", false).error)
    }

    /// The tables of the database with their columns, a line each.
    pub(super) async fn tables(&self) -> Result<Vec<String>, Error> {
        let line = |table: &TableMetadata| {
            let all = table.columns().iter().chain(table.partition_keys());
            let columns: Vec<_> = all.take(NAMES_MAX).map(|column| column.name()).collect();
            format!("{} ({})", table.name(), columns.join(", "))
        };
        Ok(self.table_metadata().await?.iter().map(line).collect())
    }

    /// Their names alone.
    pub(super) async fn table_names(&self) -> Result<Vec<String>, Error> {
        Ok(self.table_metadata().await?.iter().map(|table| table.name().to_owned()).collect())
    }

    async fn table_metadata(&self) -> Result<Vec<TableMetadata>, Error> {
        let call = self.client().await.list_table_metadata().catalog_name(&self.catalog);
        let call = call.database_name(&self.database).max_results(i32::try_from(NAMES_MAX).unwrap_or(1));
        let answer = Box::pin(call.customize().config_override(patient()).send()).await;
        let answer = answer.map_err(|error| explain(&error, "ListTableMetadata", true).error)?;
        Ok(answer.table_metadata_list.unwrap_or_default())
    }

    /// The databases of the catalog.
    pub(super) async fn database_names(&self) -> Result<Vec<String>, Error> {
        let call = self.client().await.list_databases().catalog_name(&self.catalog);
        let call = call.max_results(i32::try_from(NAMES_MAX).unwrap_or(1));
        let answer = Box::pin(call.customize().config_override(patient()).send()).await;
        let answer = answer.map_err(|error| explain(&error, "ListDatabases", true).error)?;
        Ok(answer.database_list.unwrap_or_default().into_iter().map(|database| database.name).collect())
    }
}

/// Nothing here does more when it is sent twice.
fn patient() -> Builder {
    Builder::new().retry_config(aws::patiently(ATTEMPTS))
}

fn no_answer() -> Reason {
    Error::new(ErrorKind::Failed, "Athena gave an answer that says nothing").into()
}
