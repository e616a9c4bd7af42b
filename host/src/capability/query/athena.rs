//! Amazon Athena: statements run at the service, and each look at one is a signed HTTPS call.
//!
//! The budget of `bytes_scanned_max` is checked while a statement runs, against what the service
//! has counted by then: it bounds what runs on, and not the first seconds. The hard limit is the
//! one that the workgroup itself has (`BytesScannedCutoffPerQuery`).

mod client;
mod errors;
mod reason;
mod results;

use std::time::Duration;

use aws_sdk_athena::types::QueryExecutionState;
use schemars::JsonSchema;
use serde::Deserialize;
use tokio::sync::OnceCell;
use tokio::time::{sleep, timeout};

use self::client::Source;
use self::reason::{Missing, Reason};
use super::page::{Page, Size};
use super::statement::Statement;
use super::{OpenError, literal};
use crate::capability::Statement as IamStatement;
use crate::config::Bounded;
use crate::wire::aws;
use crate::wit::query::{State, Statistics, Status};
use crate::wit::{Error, ErrorKind};

/// How long the names that a failed statement could have meant are looked for.
const NAMES_TIME: Duration = Duration::from_secs(3);

/// `[query.<grant>.athena]`: a database in Amazon Athena.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Config {
    /// The database that statements start from.
    database: String,
    /// The data catalog that it is in.
    #[serde(default = "default_catalog")]
    catalog: String,
    /// The workgroup that statements run in; its settings bound and bill them.
    #[serde(default = "default_workgroup")]
    workgroup: String,
    /// The region of all of these, such as `eu-central-1`.
    region: String,
    /// The AWS account of all of these, 12 digits: for the policy that `toolhost iam-policy` prints.
    account: Option<String>,
    /// Where results go, `s3://BUCKET/FOLDER/`, if the workgroup does not say so. `toolhost iam-policy`
    /// names this bucket, and no bucket of the tables: to read those is the operator's to allow.
    output_location: Option<String>,
    /// How many bytes one statement may read before it is stopped. It is looked at while the
    /// statement runs, so that one may read more before the next look; the workgroup's own limit
    /// is the hard one.
    bytes_scanned_max: Option<Bounded<1, 1_000_000_000_000_000, 1_000_000_000_000>>,
    /// Where Athena is, if not where AWS has it: for a private endpoint or a test.
    endpoint_url: Option<String>,
    /// The AWS credentials to sign with; those that the AWS SDK finds if not set, such as the
    /// role of the machine.
    credentials: Option<aws::CredentialRefs>,
}

fn default_catalog() -> String {
    "AwsDataCatalog".to_owned()
}

fn default_workgroup() -> String {
    "primary".to_owned()
}

/// One database of one workgroup.
pub(super) struct Athena {
    source: Source,
    account: Option<String>,
    bytes_scanned_max: Option<u64>,
}

/// A statement that Athena has taken.
pub(super) struct Job {
    pub(super) id: String,
    shows: bool,
}

impl Athena {
    /// Fetches the credentials, if they are named; contacts nothing.
    pub(super) fn open(config: Config) -> Result<Self, OpenError> {
        check(&config).map_err(OpenError::Invalid)?;
        let credentials = config.credentials.as_ref().map(aws::CredentialRefs::resolve).transpose()?;
        let endpoint =
            aws::Endpoint { region: config.region, url: config.endpoint_url, credentials, call_max: client::CALL_MAX };
        let source = Source {
            endpoint,
            catalog: config.catalog,
            database: config.database,
            workgroup: config.workgroup,
            output_location: config.output_location,
            client: OnceCell::new(),
        };
        Ok(Self { source, account: config.account, bytes_scanned_max: config.bytes_scanned_max.map(Bounded::get) })
    }

    pub(super) fn database(&self) -> &str {
        &self.source.database
    }

    /// Submits a statement.
    pub(super) async fn start(&self, statement: Statement) -> Result<Job, Error> {
        let values = literal::literals(&statement.values)?;
        let started = self.source.start(&statement.text, values, statement.shows).await;
        match started {
            Ok(id) => Ok(Job { id, shows: statement.shows }),
            Err(Reason { error, missing }) => Err(self.with_names(error, missing).await),
        }
    }

    /// Looks at a statement after a pause.
    pub(super) async fn look(&self, job: &Job, pause: Duration) -> Result<Status, Error> {
        sleep(pause).await;
        let execution = self.source.execution(&job.id).await?;
        let status = execution.status.as_ref();
        let state = match status.and_then(|status| status.state()) {
            Some(QueryExecutionState::Queued) => State::Queued,
            Some(QueryExecutionState::Succeeded) => State::Succeeded,
            Some(QueryExecutionState::Failed) => State::Failed,
            Some(QueryExecutionState::Cancelled) => State::Cancelled,
            // A state that is not known yet is none of the ends.
            _ => State::Running,
        };
        let error = match (state, status) {
            (State::Failed | State::Cancelled, Some(status)) => {
                let told = status.athena_error();
                let reason = status.state_change_reason().or(told.and_then(|told| told.error_message()));
                let category = told.and_then(|told| told.error_category());
                let Reason { error, missing } = reason::explain(reason.unwrap_or_default(), category, job.shows);
                Some(self.with_names(error, missing).await)
            }
            _ => None,
        };
        let statistics = execution.statistics.as_ref();
        let count = |number: Option<i64>| number.and_then(|number| u64::try_from(number).ok());
        let statistics = Statistics {
            bytes_scanned: count(statistics.and_then(|all| all.data_scanned_in_bytes())),
            queued_ms: count(statistics.and_then(|all| all.query_queue_time_in_millis())),
            running_ms: count(statistics.and_then(|all| all.engine_execution_time_in_millis())),
        };
        Ok(Status { engine_id: job.id.clone(), state, error, statistics })
    }

    /// One page of the rows of a statement; none if it has no page there.
    pub(super) async fn page(&self, job: &Job, from: Option<&str>, size: Size) -> Result<Option<Page>, Error> {
        let Some(place) = results::Place::read(from) else { return Ok(None) };
        let answer = self.source.results(&job.id, place.token(), place.rows_to_ask(size, job.shows)).await?;
        results::page(answer, &place, size, job.shows).map(Some)
    }

    /// Stops a statement.
    pub(super) async fn stop(&self, job: &Job) -> Result<(), Error> {
        self.source.stop(&job.id).await
    }

    /// The error for a statement that has read more than the grant allows.
    pub(super) fn over_budget(&self, bytes_scanned: u64) -> Option<Error> {
        let max = self.bytes_scanned_max.filter(|max| bytes_scanned > *max)?;
        let message = format!(
            "the statement was stopped after it had read {bytes_scanned} bytes; the grant's `bytes_scanned_max` is {max}: \
             select fewer columns, or partitions by their keys"
        );
        Some(Error::new(ErrorKind::Limited, message))
    }

    /// The tables with their columns, a line each.
    pub(super) async fn tables(&self) -> Result<Vec<String>, Error> {
        self.source.tables().await
    }

    /// An error for a name that is not there, with the names that are.
    async fn with_names(&self, mut error: Error, missing: Option<Missing>) -> Error {
        let (what, names) = match missing {
            Some(Missing::Table) => ("tables", timeout(NAMES_TIME, self.source.table_names()).await),
            Some(Missing::Database) => ("databases", timeout(NAMES_TIME, self.source.database_names()).await),
            None => return error,
        };
        if let Ok(Ok(names)) = names {
            let of = if what == "tables" { format!(" of {}", self.source.database) } else { String::new() };
            error.message +=
                &format!("; the {what}{of}: {}", if names.is_empty() { "none".to_owned() } else { names.join(", ") });
        }
        error
    }

    /// What it is, without the account.
    pub(super) fn summary(&self) -> String {
        let Source { database, workgroup, endpoint, .. } = &self.source;
        format!("Amazon Athena, database {database}, workgroup {workgroup} in {}", endpoint.region)
    }

    /// What the host's role must be allowed: this workgroup, this catalog and database, the bucket
    /// of results. What the tables themselves are stored in is for the operator to add.
    pub(super) fn iam(&self) -> Vec<IamStatement> {
        let Source { catalog, database, workgroup, endpoint, output_location, .. } = &self.source;
        let region = &endpoint.region;
        let partition = match region {
            region if region.starts_with("cn-") => "aws-cn",
            region if region.starts_with("us-gov-") => "aws-us-gov",
            _ => "aws",
        };
        let account = self.account.as_deref().unwrap_or("*");
        let arn = |service: &str, rest: &str| format!("arn:{partition}:{service}:{region}:{account}:{rest}");
        let allow = |what: &str, actions: &[&'static str], resources: Vec<String>| {
            IamStatement::allow(&format!("{what} {region} {workgroup} {database}"), actions.to_vec(), resources)
        };
        let mut statements = vec![
            allow("Athena", client::QUERY_ACTIONS, vec![arn("athena", &format!("workgroup/{workgroup}"))]),
            allow("Catalog", client::CATALOG_ACTIONS, vec![arn("athena", &format!("datacatalog/{catalog}"))]),
            allow(
                "Glue",
                &[
                    "glue:GetDatabase",
                    "glue:GetDatabases",
                    "glue:GetTable",
                    "glue:GetTables",
                    "glue:GetPartition",
                    "glue:GetPartitions",
                    "glue:BatchGetPartition",
                ],
                ["catalog", "database/default", &format!("database/{database}"), &format!("table/{database}/*")]
                    .map(|rest| arn("glue", rest))
                    .to_vec(),
            ),
        ];
        if let Some((bucket, folder)) = output_location.as_deref().and_then(bucket) {
            let bucket = format!("arn:{partition}:s3:::{bucket}");
            let actions = ["s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads"];
            statements.push(allow("Bucket", &actions, vec![bucket.clone()]));
            let actions = ["s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"];
            statements.push(allow("Results", &actions, vec![format!("{bucket}/{folder}*")]));
        }
        statements
    }
}

/// Whatever goes into a policy must hold no `*`, and into a request no surprise.
fn check(config: &Config) -> Result<(), String> {
    let made_of = |text: &str, more: &str| {
        !text.is_empty() && text.len() <= 128 && text.chars().all(|c| c.is_ascii_alphanumeric() || more.contains(c))
    };
    for (key, text, more) in [
        ("database", &config.database, "_"),
        ("catalog", &config.catalog, "_-@:/."),
        ("workgroup", &config.workgroup, "._-"),
        ("region", &config.region, "-"),
    ] {
        if !made_of(text, more) {
            return Err(format!("`{key}` is made of letters, digits and `{more}`"));
        }
    }
    if config.account.as_ref().is_some_and(|id| id.len() != 12 || !id.bytes().all(|byte| byte.is_ascii_digit())) {
        return Err("`account` has 12 digits".to_owned());
    }
    if config.output_location.as_ref().is_some_and(|location| bucket(location).is_none()) {
        return Err("`output_location` is of the form `s3://BUCKET/FOLDER/`".to_owned());
    }
    if config.endpoint_url.as_ref().is_some_and(|url| !aws::is_private(url)) {
        return Err("`endpoint_url` must begin with `https://`, except on this machine".to_owned());
    }
    Ok(())
}

/// The bucket and the folder of `s3://BUCKET/FOLDER/`; the folder ends with `/`, or is empty.
fn bucket(location: &str) -> Option<(&str, String)> {
    let rest = location.strip_prefix("s3://")?;
    let (bucket, folder) = rest.split_once('/').unwrap_or((rest, ""));
    let plain = |text: &str, more: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || more.contains(c));
    let folder = if folder.is_empty() || folder.ends_with('/') { folder.to_owned() } else { format!("{folder}/") };
    (bucket.len() >= 3 && plain(bucket, ".-") && plain(&folder, "/!-_.'()=")).then_some((bucket, folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(rest: &str) -> Result<Athena, String> {
        let config = toml::from_str(&format!("database = \"support\"\nregion = \"eu-central-1\"\n{rest}"));
        Athena::open(config.map_err(|error| error.to_string())?).map_err(|error| error.to_string())
    }

    #[test]
    fn what_goes_into_a_policy_or_a_request_is_checked_where_it_stands() {
        for (wrong, says) in [
            ("workgroup = \"*\"", "`workgroup`"),
            ("catalog = \"\"", "`catalog`"),
            ("account = \"1234\"", "12 digits"),
            ("output_location = \"https://bucket/\"", "s3://BUCKET/FOLDER/"),
            ("output_location = \"s3://buc*ket/\"", "s3://BUCKET/FOLDER/"),
            ("endpoint_url = \"http://example.com\"", "https://"),
            ("bytes_scanned_max = 0", "out of range"),
        ] {
            assert!(open(wrong).err().is_some_and(|error| error.contains(says)), "{wrong}");
        }
        assert!(open("endpoint_url = \"http://127.0.0.1:1\"").is_ok());
    }

    #[test]
    fn the_policy_names_this_workgroup_this_database_and_this_bucket() {
        let keys = "workgroup = \"agents\"\naccount = \"123456789012\"\noutput_location = \"s3://acme-results/agents\"";
        let policy = open(keys).map(|athena| athena.iam()).unwrap_or_default();
        let resources: Vec<_> = policy.iter().flat_map(|statement| &statement.resource).collect();
        let expected = [
            "arn:aws:athena:eu-central-1:123456789012:workgroup/agents",
            "arn:aws:athena:eu-central-1:123456789012:datacatalog/AwsDataCatalog",
            "arn:aws:glue:eu-central-1:123456789012:catalog",
            "arn:aws:glue:eu-central-1:123456789012:database/default",
            "arn:aws:glue:eu-central-1:123456789012:database/support",
            "arn:aws:glue:eu-central-1:123456789012:table/support/*",
            "arn:aws:s3:::acme-results",
            "arn:aws:s3:::acme-results/agents/*",
        ];
        assert_eq!(resources, expected);
        assert!(policy.iter().flat_map(|statement| &statement.action).all(|action| !action.contains('*')));
        // Without the account, it alone is open.
        let policy = open("").map(|athena| athena.iam()).unwrap_or_default();
        assert_eq!(policy[0].resource, ["arn:aws:athena:eu-central-1:*:workgroup/primary"]);
    }

    #[test]
    fn a_statement_over_its_budget_of_bytes_is_told_so() {
        let athena = open("bytes_scanned_max = 1000").expect("opens");
        assert!(athena.over_budget(1_000).is_none());
        let error = athena.over_budget(1_001).expect("is over");
        assert!(error.kind == ErrorKind::Limited && error.message.contains("`bytes_scanned_max` is 1000"), "{error:?}");
        assert!(open("").expect("opens").over_budget(u64::MAX).is_none());
    }
}
