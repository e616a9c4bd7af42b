//! Aurora MySQL through the RDS Data API: each statement is a signed HTTPS call, and no
//! connection is ever ours. So the guard is backed by no session; it is by the rights of the
//! database user, and each write is in a transaction that is rolled back unless it succeeds.

mod client;
mod errors;
mod values;

use std::sync::Arc;

use aws_sdk_rdsdata::operation::execute_statement::ExecuteStatementOutput;
use aws_sdk_rdsdata::types::Field;
use schemars::JsonSchema;
use serde::Deserialize;
use tokio::sync::OnceCell;
use tokio::time::timeout;

use self::client::{Open, Source};
use super::backend::{is_over, spares_transaction};
use super::rows::{Limits, RowStream};
use super::statement::Statement;
use super::{OpenError, Probe, mysql_rights};
use crate::capability::Statement as IamStatement;
use crate::wire::aws;
use crate::wit::rows::Value;
use crate::wit::sql::{Access, Effect};
use crate::wit::{Error, row_bytes};

/// How many sets of values go in one call at most, and how many bytes of them: the service
/// takes 4 MiB, in JSON.
const BATCH_SETS_MAX: usize = 250;
const BATCH_BYTES_MAX: usize = 1 << 20;

/// `[sql.<grant>.rds-data]`: a database of an Aurora MySQL cluster whose Data API is on.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Config {
    /// The cluster: `arn:aws:rds:REGION:ACCOUNT:cluster:NAME`.
    cluster_arn: String,
    /// The secret in Secrets Manager that holds the database user's name and password:
    /// `arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME`.
    secret_arn: String,
    /// The database that statements start from.
    database: String,
    /// The cluster's region; the one in `cluster_arn` if not set.
    region: Option<String>,
    /// Where the Data API is, if not where AWS has it: for a private endpoint or a test.
    endpoint_url: Option<String>,
    /// The AWS credentials to sign with; those that the AWS SDK finds if not set, such as the
    /// role of the machine.
    credentials: Option<aws::CredentialRefs>,
}

/// One database of one cluster.
pub(super) struct RdsData {
    source: Arc<Source>,
    access: Access,
}

/// A transaction that the service holds open.
pub(super) struct Transaction {
    limits: Limits,
    /// None only while a statement runs, and after one was cut off.
    open: Option<Open>,
}

impl RdsData {
    /// Fetches the credentials, if they are named; contacts nothing.
    pub(super) fn open(config: Config, limits: Limits, access: Access) -> Result<Self, OpenError> {
        let region = check_arn("cluster_arn", &config.cluster_arn, "rds", "cluster")?;
        check_arn("secret_arn", &config.secret_arn, "secretsmanager", "secret")?;
        if config.region.as_ref().is_some_and(|other| *other != region) {
            return Err(OpenError::Invalid(format!("`region` is not that of `cluster_arn`, which is {region}")));
        }
        if config.endpoint_url.as_ref().is_some_and(|url| !aws::is_private(url)) {
            let message = "`endpoint_url` must begin with `https://`, except on this machine";
            return Err(OpenError::Invalid(message.to_owned()));
        }
        let credentials = config.credentials.as_ref().map(aws::CredentialRefs::resolve).transpose()?;
        let source = Source {
            endpoint: aws::Endpoint {
                region: region.to_owned(),
                url: config.endpoint_url,
                credentials,
                call_max: client::CALL_MAX,
            },
            cluster_arn: config.cluster_arn,
            secret_arn: config.secret_arn,
            database: config.database,
            limits,
            client: OnceCell::new(),
        };
        Ok(Self { source: Arc::new(source), access })
    }

    /// Runs a statement that reads. The answer comes as a whole: it is 1 MiB at most.
    pub(super) async fn read(&self, statement: Statement) -> Result<RowStream, Error> {
        in_time(self.source.limits, self.source.read(&statement.text, statement.values)).await.and_then(rows)
    }

    /// Begins a transaction.
    pub(super) async fn begin(&self) -> Result<Transaction, Error> {
        let (source, limits) = (Arc::clone(&self.source), self.source.limits);
        // A task goes on if its caller goes away: else the service would hold a transaction
        // open of which nobody knows the id.
        let begun = tokio::spawn(async move { source.begin().await });
        let open = in_time(limits, async { begun.await.unwrap_or_else(|_| Err(is_over())) }).await?;
        Ok(Transaction { limits, open: Some(open) })
    }

    /// Asks the database something, and whether its user may do more than the grant needs.
    pub(super) async fn probe(&self) -> Result<Probe, String> {
        let answer = in_time(self.source.limits, self.source.read(mysql_rights::QUESTION, Vec::new())).await;
        let lines = client::strings(answer.map_err(|error| error.message)?);
        Ok(Probe { warnings: mysql_rights::warning(&lines, self.access).into_iter().collect() })
    }

    /// What it is, without the account.
    pub(super) fn summary(&self) -> String {
        format!("MySQL through the RDS Data API, database {} in {}", self.source.database, self.source.endpoint.region)
    }

    /// What the host's role must be allowed: this cluster, this secret, nothing else.
    pub(super) fn iam(&self) -> Vec<IamStatement> {
        let mut actions = vec!["rds-data:ExecuteStatement"];
        if self.access == Access::Write {
            actions.extend([
                "rds-data:BatchExecuteStatement",
                "rds-data:BeginTransaction",
                "rds-data:CommitTransaction",
                "rds-data:RollbackTransaction",
            ]);
        }
        let id = |what: &str, arn: &str| {
            format!("{what} {} {}", self.source.endpoint.region, arn.rsplit(':').next().unwrap_or_default())
        };
        let Source { cluster_arn, secret_arn, .. } = self.source.as_ref();
        vec![
            IamStatement::allow(&id("DataApi", cluster_arn), actions, vec![cluster_arn.clone()]),
            IamStatement::allow(
                &id("Secret", secret_arn),
                vec!["secretsmanager:GetSecretValue"],
                vec![secret_arn.clone()],
            ),
        ]
    }
}

/// The region of an ARN, if it is one of a single thing of this kind. It goes into a policy as
/// it stands, so it must hold no `*`.
fn check_arn<'a>(key: &str, arn: &'a str, service: &str, kind: &str) -> Result<&'a str, OpenError> {
    let parts: Vec<&str> = arn.splitn(7, ':').collect();
    let named =
        |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_/+=.@!:".contains(c));
    match parts.as_slice() {
        ["arn", partition, found, region, account, what, name]
            if partition.starts_with("aws")
                && *found == service
                && *what == kind
                && account.len() == 12
                && [partition, region, account, name].into_iter().all(|part| named(part)) =>
        {
            Ok(region)
        }
        _ => {
            let form = format!("arn:aws:{service}:REGION:ACCOUNT:{kind}:NAME");
            Err(OpenError::Invalid(format!("Invalid ARN: `{key}` is not of the form `{form}`")))
        }
    }
}

async fn in_time<T>(limits: Limits, work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    timeout(limits.time_max, work).await.unwrap_or_else(|_| Err(limits.too_slow()))
}

fn rows(output: ExecuteStatementOutput) -> Result<RowStream, Error> {
    let columns: Vec<_> = output.column_metadata.unwrap_or_default().iter().map(values::column).collect();
    let records = output.records.unwrap_or_default().into_iter();
    let rows = records.map(|fields| values::row(&columns, fields)).collect::<Result<_, _>>()?;
    Ok(RowStream::ready(columns, rows))
}

fn effect(output: ExecuteStatementOutput) -> Effect {
    let rows_affected = u64::try_from(output.number_of_records_updated).unwrap_or(0);
    Effect { rows_affected, inserted_id: output.generated_fields.unwrap_or_default().pop().and_then(key) }
}

fn key(field: Field) -> Option<i64> {
    match field {
        Field::LongValue(key) if key != 0 => Some(key),
        _ => None,
    }
}

/// Runs a statement once for each set of values. A batch does not tell how many rows it
/// changed, so only those go in one that change as many with each set as with the first.
async fn run_sets(open: &Open, text: &str, sets: Vec<Vec<Value>>) -> Result<Effect, Error> {
    let mut sets = sets.into_iter().peekable();
    let mut total = Effect { rows_affected: 0, inserted_id: None };
    while let Some(values) = sets.next() {
        let first = effect(open.execute(text, values).await?);
        total = Effect { rows_affected: total.rows_affected + first.rows_affected, inserted_id: first.inserted_id };
        while is_plain_insert(text) && sets.peek().is_some() {
            let (mut batch, mut bytes) = (Vec::new(), 0);
            while let Some(values) = sets.next_if(|_| batch.len() < BATCH_SETS_MAX && bytes < BATCH_BYTES_MAX) {
                bytes += row_bytes(&values);
                batch.push(values::parameters(values));
            }
            let sets = u64::try_from(batch.len()).unwrap_or(u64::MAX);
            total.inserted_id = open.execute_batch(text, batch).await?.and_then(key);
            total.rows_affected += first.rows_affected.saturating_mul(sets);
        }
    }
    Ok(total)
}

/// Whether a statement inserts as many rows whatever its values are. One that cannot be told
/// from its words alone counts as one that does not.
fn is_plain_insert(text: &str) -> bool {
    let mut words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|word| !word.is_empty());
    let varies = |word: &str| {
        ["ignore", "duplicate", "select", "table", "with"].iter().any(|other| word.eq_ignore_ascii_case(other))
    };
    text.trim_start().get(..6).is_some_and(|verb| verb.eq_ignore_ascii_case("insert")) && !words.any(varies)
}

impl Transaction {
    /// As [`RdsData::read`], inside the transaction.
    pub(super) async fn read(&mut self, statement: Statement) -> Result<RowStream, Error> {
        self.execute(statement).await.and_then(rows)
    }

    /// Runs a statement that writes.
    pub(super) async fn write(&mut self, statement: Statement) -> Result<Effect, Error> {
        self.execute(statement).await.map(effect)
    }

    /// Runs a statement that writes once for each set of values.
    pub(super) async fn write_all(&mut self, text: &str, sets: Vec<Vec<Value>>) -> Result<Effect, Error> {
        self.run(async |open| run_sets(open, text, sets).await).await
    }

    /// Makes it permanent.
    pub(super) async fn commit(mut self) -> Result<(), Error> {
        self.open.take().ok_or_else(is_over)?.commit().await
    }

    /// Undoes it.
    pub(super) async fn rollback(mut self) -> Result<(), Error> {
        match self.open.take() {
            Some(open) => in_time(self.limits, open.rollback()).await,
            None => Ok(()),
        }
    }

    async fn execute(&mut self, statement: Statement) -> Result<ExecuteStatementOutput, Error> {
        self.run(async |open| open.execute(&statement.text, statement.values).await).await
    }

    /// Whoever goes away while a statement runs drops the transaction with it.
    async fn run<T>(&mut self, work: impl AsyncFnOnce(&Open) -> Result<T, Error>) -> Result<T, Error> {
        let open = self.open.take().ok_or_else(is_over)?;
        let done = in_time(self.limits, work(&open)).await;
        if done.as_ref().err().is_none_or(spares_transaction) {
            self.open = Some(open);
        }
        done
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const CLUSTER: &str = "arn:aws:rds:us-east-1:123456789012:cluster:acme-crm";
    const SECRET: &str = "arn:aws:secretsmanager:us-east-1:123456789012:secret:crm/reader-AbCdEf";

    fn open(rest: &str) -> Result<RdsData, String> {
        let arns = format!("cluster_arn = \"{CLUSTER}\"\nsecret_arn = \"{SECRET}\"\ndatabase = \"acme_crm\"\n");
        let config = toml::from_str(&(arns + rest)).map_err(|error| error.to_string())?;
        let limits = Limits { rows_max: 1, bytes_max: 1, time_max: Duration::from_secs(1) };
        RdsData::open(config, limits, Access::Read).map_err(|error| error.to_string())
    }

    #[test]
    fn an_arn_must_be_one_of_a_single_cluster() {
        fn region(arn: &str) -> Result<&str, String> {
            check_arn("cluster_arn", arn, "rds", "cluster").map_err(|error| error.to_string())
        }
        assert_eq!(region(CLUSTER), Ok("us-east-1"));
        assert!(region("arn:aws-cn:rds:cn-north-1:123456789012:cluster:a").is_ok());
        for wrong in ["", SECRET, "arn:aws:rds:us-east-1:123456789012:db:a", "arn:aws:rds:us-east-1:1:cluster:a"] {
            assert!(region(wrong).is_err_and(|error| error.starts_with("Invalid ARN: `cluster_arn`")), "{wrong}");
        }
        assert!(region("arn:aws:rds:us-east-1:123456789012:cluster:*").is_err());
    }

    #[test]
    fn region_and_endpoint_must_fit() {
        assert!(open("region = \"us-east-1\"").is_ok());
        assert!(open("region = \"eu-west-1\"").is_err_and(|error| error.contains("us-east-1")));
        assert!(open("endpoint_url = \"http://127.0.0.1:8080\"").is_ok());
        assert!(open("endpoint_url = \"http://127.0.0.1.evil.example\"").is_err());
        assert!(open("endpoint_url = \"http://example.com\"").is_err());
    }

    #[test]
    fn the_policy_names_exactly_this_cluster_and_this_secret() {
        let policy = open("").map(|source| source.iam()).unwrap_or_default();
        let resources: Vec<_> = policy.iter().flat_map(|statement| &statement.resource).collect();
        assert_eq!(resources, [CLUSTER, SECRET]);
        assert_eq!(
            policy.iter().map(|statement| statement.action.len()).collect::<Vec<_>>(),
            [1, 1],
            "a grant that reads needs one"
        );
        let ids: Vec<_> = policy.iter().map(|statement| statement.sid.as_str()).collect();
        assert_eq!(ids, ["DataApiuseast1acmecrm", "Secretuseast1crmreaderAbCdEf"]);
    }

    #[test]
    fn only_what_inserts_the_same_with_each_set_goes_in_a_batch() {
        assert!(is_plain_insert("INSERT INTO t (a) VALUES (:p1), (:p1)"));
        for other in [
            "UPDATE t SET a = :p1",
            "INSERT IGNORE INTO t VALUES (:p1)",
            "INSERT INTO t SELECT :p1",
            "REPLACE INTO t VALUES (:p1)",
        ] {
            assert!(!is_plain_insert(other), "{other}");
        }
    }
}
