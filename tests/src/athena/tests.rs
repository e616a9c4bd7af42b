//! The emulator in front of the SDK of AWS, which knows nothing of it.

use std::time::{Duration, Instant};

use aws_sdk_athena::Client;
use aws_sdk_athena::config::{BehaviorVersion, Credentials, Region, retry::RetryConfig};
use aws_sdk_athena::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_athena::types::{QueryExecutionContext, QueryExecutionState, ResultConfiguration};
use tempfile::TempDir;

use super::{Athena, Fault, Pace, WORKGROUP};
use crate::cases;

struct Bench {
    athena: Athena,
    client: Client,
    _folder: TempDir,
}

fn client(athena: &Athena, secret_key: &str) -> Client {
    let config = aws_sdk_athena::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(athena.region().to_owned()))
        .credentials_provider(Credentials::new(athena.access_key(), secret_key, None, None, "tests"))
        .retry_config(RetryConfig::disabled())
        .endpoint_url(athena.endpoint_url());
    Client::from_conf(config.build())
}

impl Bench {
    async fn new() -> Self {
        let folder = TempDir::new().unwrap();
        cases::write(folder.path(), 10).unwrap();
        let athena = Athena::start(folder.path(), cases::DATABASE).await.unwrap();
        athena.know("SELECT n", &[("n", "bigint")], (0..1_500).map(|n| vec![Some(n.to_string())]).collect());
        let client = client(&athena, athena.secret_key());
        Self { athena, client, _folder: folder }
    }

    async fn start(&self, token: &str) -> Result<String, (String, String)> {
        let context = QueryExecutionContext::builder().catalog("AwsDataCatalog").database(cases::DATABASE).build();
        let output = ResultConfiguration::builder().output_location("s3://b/p/").build();
        let call = self.client.start_query_execution().query_string("SELECT n").work_group(WORKGROUP);
        let call = call.query_execution_context(context).result_configuration(output);
        let started = call.client_request_token(token).send().await;
        Ok(started.map_err(refused)?.query_execution_id.unwrap())
    }

    async fn state(&self, id: &str) -> QueryExecutionState {
        let told = self.client.get_query_execution().query_execution_id(id).send().await.unwrap();
        told.query_execution.unwrap().status.unwrap().state.unwrap()
    }
}

/// Code and message of the service's refusal.
fn refused<E: ProvideErrorMetadata, R>(error: SdkError<E, R>) -> (String, String) {
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    error.as_service_error().map(|error| (text(error.code()), text(error.message()))).unwrap_or_default()
}

const TOKEN: &str = "0123456789012345678901234567890123456789";

#[tokio::test]
async fn a_query_has_its_labels_first_and_a_thousand_rows_a_page() {
    let bench = Bench::new().await;
    let id = bench.start(TOKEN).await.unwrap();
    let results = || bench.client.get_query_results().query_execution_id(&id);
    let first = results().send().await.unwrap();
    let rows = first.result_set.as_ref().unwrap().rows();
    let text = |row: usize| rows[row].data()[0].var_char_value().map(str::to_owned);
    assert_eq!((rows.len(), text(0).as_deref(), text(1).as_deref()), (1_000, Some("n"), Some("0")));
    let second = results().next_token(first.next_token.unwrap()).send().await.unwrap();
    let rows = second.result_set.as_ref().unwrap().rows();
    assert_eq!((rows.len(), rows[0].data()[0].var_char_value()), (501, Some("999")));
    assert_eq!(second.next_token, None);
    assert!(results().max_results(1_001).send().await.is_err());
    assert!(results().next_token("made up").send().await.is_err());
}

#[tokio::test]
async fn a_statement_waits_runs_and_ends_and_a_token_starts_one() {
    let bench = Bench::new().await;
    let (queued, running) = (Duration::from_millis(300), Duration::from_millis(300));
    bench.athena.set_pace(Pace { queued, running, ..Pace::default() });
    let id = bench.start(TOKEN).await.unwrap();
    assert_eq!(bench.start(TOKEN).await.unwrap(), id);
    let (begun, mut states) = (Instant::now(), Vec::new());
    while states.last() != Some(&QueryExecutionState::Succeeded) {
        assert!(begun.elapsed() < Duration::from_secs(20));
        let state = bench.state(&id).await;
        if states.last() != Some(&state) {
            states.push(state);
        }
    }
    let expected = [QueryExecutionState::Queued, QueryExecutionState::Running, QueryExecutionState::Succeeded];
    assert_eq!(states, expected);
    // One that has ended stays as it is; one that runs is stopped, and has no rows.
    bench.client.stop_query_execution().query_execution_id(&id).send().await.unwrap();
    assert_eq!(bench.state(&id).await, QueryExecutionState::Succeeded);
    let other = bench.start(&TOKEN.replace('0', "1")).await.unwrap();
    bench.client.stop_query_execution().query_execution_id(&other).send().await.unwrap();
    assert_eq!(bench.state(&other).await, QueryExecutionState::Cancelled);
    let (code, message) = refused(bench.client.get_query_results().query_execution_id(other).send().await.unwrap_err());
    assert_eq!(code, "InvalidRequestException");
    assert!(message.contains("CANCELLED"), "{message}");
}

#[tokio::test]
async fn only_who_may_is_served_and_not_too_often() {
    let mut bench = Bench::new().await;
    bench.athena.throttle("StartQueryExecution", 1);
    assert_eq!(bench.start(TOKEN).await.unwrap_err().0, "ThrottlingException");
    assert!(bench.start(TOKEN).await.is_ok());
    bench.athena.fail_with(Fault::Denied("athena:StartQueryExecution"));
    let (code, message) = bench.start(TOKEN).await.unwrap_err();
    assert_eq!(code, "AccessDeniedException");
    assert!(
        message.contains("is not authorized to perform: athena:StartQueryExecution on resource: arn:"),
        "{message}"
    );
    bench.athena.fail_with(None);
    bench.client = client(&bench.athena, "wrong");
    assert_eq!(bench.start(TOKEN).await.unwrap_err().0, "InvalidSignatureException");
}
