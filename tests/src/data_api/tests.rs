//! The emulator as the real SDK meets it.

use aws_sdk_rdsdata::config::{BehaviorVersion, Credentials, Region, retry::RetryConfig};
use aws_sdk_rdsdata::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_rdsdata::operation::execute_statement::builders::ExecuteStatementFluentBuilder;
use aws_sdk_rdsdata::operation::execute_statement::{ExecuteStatementError, ExecuteStatementOutput};
use aws_sdk_rdsdata::primitives::Blob;
use aws_sdk_rdsdata::types::{ArrayValue, DecimalReturnType, Field, ResultSetOptions, SqlParameter, TypeHint};
use aws_sdk_rdsdata::{Client, Config};

use super::*;
use crate::mariadb::MariaDb;

/// An emulator whose user may do everything in an empty database, and a client for it.
struct Bench {
    api: DataApi,
    client: Client,
    database: Database,
}

impl Bench {
    async fn new() -> Self {
        let database = MariaDb::shared().await.unwrap().database().await.unwrap();
        let api = DataApi::start(&database, database.owner()).await.unwrap();
        let client = client(&api, api.secret_key(), api.region());
        Self { api, client, database }
    }

    fn execute(&self, sql: &str) -> ExecuteStatementFluentBuilder {
        self.client
            .execute_statement()
            .resource_arn(self.api.cluster_arn())
            .secret_arn(self.api.secret_arn())
            .database(self.database.name())
            .sql(sql)
    }

    async fn begin(&self) -> String {
        let begin = self.client.begin_transaction().database(self.database.name());
        let begun = begin.resource_arn(self.api.cluster_arn()).secret_arn(self.api.secret_arn()).send().await;
        begun.unwrap().transaction_id.unwrap()
    }

    async fn end(&self, id: &str, commit: bool) -> String {
        let (resource, secret) = (self.api.cluster_arn(), self.api.secret_arn());
        if commit {
            let end = self.client.commit_transaction().transaction_id(id);
            let ended = end.resource_arn(resource).secret_arn(secret).send().await.unwrap();
            return ended.transaction_status.unwrap();
        }
        let end = self.client.rollback_transaction().transaction_id(id);
        let ended = end.resource_arn(resource).secret_arn(secret).send().await.unwrap();
        ended.transaction_status.unwrap()
    }
}

fn client(api: &DataApi, secret_key: &str, region: &str) -> Client {
    let config = Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .credentials_provider(Credentials::new(api.access_key(), secret_key, None, None, "test"))
        .endpoint_url(api.endpoint_url())
        .region(Region::new(region.to_owned()))
        .retry_config(RetryConfig::disabled());
    Client::from_conf(config.build())
}

/// The error's type and text.
fn refused(answer: Result<ExecuteStatementOutput, SdkError<ExecuteStatementError>>) -> (String, String) {
    let error = answer.unwrap_err();
    let error = error.as_service_error().unwrap_or_else(|| panic!("{error:?}"));
    (error.code().unwrap_or_default().to_owned(), error.message().unwrap_or_default().to_owned())
}

fn parameter(name: &str, value: Field) -> SqlParameter {
    SqlParameter::builder().name(name).value(value).build()
}

fn hinted(name: &str, text: &str, hint: TypeHint) -> SqlParameter {
    SqlParameter::builder().name(name).value(Field::StringValue(text.to_owned())).type_hint(hint).build()
}

fn text(text: &str) -> Field {
    Field::StringValue(text.to_owned())
}

#[tokio::test]
async fn values_go_in_and_come_out_with_their_types() {
    let bench = Bench::new().await;
    let columns = "id BIGINT AUTO_INCREMENT PRIMARY KEY, b BOOLEAN, bits BIT(1), n INT UNSIGNED, big BIGINT UNSIGNED, \
                   f FLOAT, d DOUBLE, amount DECIMAL(10,2), s VARCHAR(20), e ENUM('x','y'), t TEXT, bytes BLOB, \
                   day DATE, clock TIME, at TIMESTAMP(3) NULL, nothing INT";
    bench.execute(&format!("CREATE TABLE v ({columns})")).send().await.unwrap();
    let insert = "INSERT INTO v (b, bits, n, big, f, d, amount, s, e, t, bytes, day, clock, at, nothing) VALUES \
                  (:b, 1, :n, 18446744073709551615, 1.1, :d, :amount, :s, 'y', ':s', :bytes, :day, :clock, :at, :none)";
    let inserted = bench
        .execute(insert)
        .parameters(parameter("b", Field::BooleanValue(true)))
        .parameters(parameter("n", Field::LongValue(4_000_000_000)))
        .parameters(parameter("d", Field::DoubleValue(0.25)))
        .parameters(hinted("amount", "12.90", TypeHint::Decimal))
        .parameters(parameter("s", text("né'; DROP TABLE v")))
        .parameters(parameter("bytes", Field::BlobValue(Blob::new([0, 255]))))
        .parameters(hinted("day", "2026-01-31", TypeHint::Date))
        .parameters(hinted("clock", "23:59:59", TypeHint::Time))
        .parameters(hinted("at", "2026-01-31 23:59:59.123", TypeHint::Timestamp))
        .parameters(parameter("none", Field::IsNull(true)))
        .send()
        .await
        .unwrap();
    assert_eq!(inserted.number_of_records_updated, 1);
    assert_eq!(inserted.generated_fields(), [Field::LongValue(1)]);
    assert!(inserted.records.is_none());

    let select = || bench.execute("SELECT *, amount AS price FROM v").include_result_metadata(true);
    let selected = select().send().await.unwrap();
    let expected = [
        ("BIGINT", Field::LongValue(1)),
        ("BIT", Field::BooleanValue(true)),
        ("BIT", Field::BooleanValue(true)),
        ("INT UNSIGNED", Field::LongValue(4_000_000_000)),
        ("BIGINT UNSIGNED", text("18446744073709551615")),
        ("FLOAT", Field::DoubleValue(1.1)),
        ("DOUBLE", Field::DoubleValue(0.25)),
        ("DECIMAL", text("12.90")),
        ("VARCHAR", text("né'; DROP TABLE v")),
        ("CHAR", text("y")),
        ("TEXT", text(":s")),
        ("BLOB", Field::BlobValue(Blob::new([0, 255]))),
        ("DATE", text("2026-01-31")),
        ("TIME", text("23:59:59")),
        ("TIMESTAMP", text("2026-01-31 23:59:59.123")),
        ("INT", Field::IsNull(true)),
        ("DECIMAL", text("12.90")),
    ];
    let metadata = selected.column_metadata();
    let row = selected.records().first().unwrap();
    for ((column, field), (type_name, value)) in metadata.iter().zip(row).zip(&expected) {
        assert_eq!((column.type_name().unwrap(), field), (*type_name, value), "{column:?}");
    }
    assert_eq!((metadata.len(), row.len()), (expected.len(), expected.len()));
    let price = metadata.last().unwrap();
    assert_eq!((price.name(), price.label()), (Some("amount"), Some("price")));
    assert_eq!((price.precision(), price.scale(), price.nullable(), price.is_signed()), (10, 2, 1, true));
    assert_eq!((metadata[0].nullable(), metadata[0].is_auto_increment()), (0, true));
    assert_eq!((metadata[8].precision(), metadata[8].table_name()), (20, Some("v")));

    let options = ResultSetOptions::builder().decimal_return_type(DecimalReturnType::DoubleOrLong).build();
    let selected = bench.execute("SELECT amount FROM v").result_set_options(options).send().await.unwrap();
    assert_eq!(selected.records(), [[Field::DoubleValue(12.9)]]);
    assert!(selected.column_metadata.is_none());
    let json = bench.execute("SELECT id, b, s FROM v").format_records_as("JSON".into()).send().await.unwrap();
    assert_eq!(json.formatted_records(), Some(r#"[{"id":1,"b":true,"s":"né'; DROP TABLE v"}]"#));
}

#[tokio::test]
async fn only_requests_signed_with_the_key_for_here_and_now_get_in() {
    let mut bench = Bench::new().await;
    for (secret_key, region) in [("wrong", bench.api.region()), (bench.api.secret_key(), "us-east-1")] {
        bench.client = client(&bench.api, secret_key, region);
        let (code, message) = refused(bench.execute("SELECT 1").send().await);
        assert_eq!(code, "InvalidSignatureException", "{message}");
    }
    bench.client = client(&bench.api, bench.api.secret_key(), bench.api.region());
    assert!(bench.execute("SELECT 1").send().await.is_ok());
    let seen = bench.api.requests();
    assert_eq!(seen.len(), 3);
    assert_eq!((seen[2].action, seen[2].sql.as_deref()), ("ExecuteStatement", Some("SELECT 1")));
}

#[tokio::test]
async fn what_an_operator_set_up_wrong_is_told_in_the_words_of_the_service() {
    let bench = Bench::new().await;
    for (fault, code, says) in [
        (
            Fault::Denied("rds-data:ExecuteStatement"),
            "AccessDeniedException",
            "is not authorized to perform: rds-data:ExecuteStatement on resource: arn:aws:rds:",
        ),
        (
            Fault::Denied("secretsmanager:GetSecretValue"),
            "BadRequestException",
            "is not authorized to perform: secretsmanager:GetSecretValue on resource: arn:aws:secretsmanager:",
        ),
        (Fault::EndpointDisabled, "HttpEndpointNotEnabledException", "HttpEndpoint is not enabled for resource arn:"),
        (Fault::InvalidResource, "BadRequestException", "Invalid resource ARN"),
    ] {
        bench.api.fail_with(fault);
        let (real_code, message) = refused(bench.execute("SELECT 1").send().await);
        assert_eq!(real_code, code, "{message}");
        assert!(message.contains(says), "{message}");
    }
    bench.api.fail_with(None);
    let wrong = bench.execute("SELECT 1").resource_arn("arn:aws:rds:eu-central-1:123456789012:cluster:other");
    assert_eq!(refused(wrong.send().await).1, "Invalid resource ARN");
    let wrong = bench.execute("SELECT 1").secret_arn("arn:aws:secretsmanager:eu-central-1:1:secret:other");
    assert_eq!(refused(wrong.send().await).0, "SecretsErrorException");
    let (code, message) = refused(bench.execute("SELECT * FROM nowhere").send().await);
    assert_eq!(code, "DatabaseErrorException");
    assert!(message.ends_with("doesn't exist; Error code: 1146; SQLState: 42S02"), "{message}");
}

#[tokio::test]
async fn the_limits_of_the_service_hold() {
    let bench = Bench::new().await;
    let rows = "SELECT REPEAT('x', 60000) FROM seq_1_to_17";
    assert_eq!(bench.execute(rows).send().await.unwrap().records().len(), 17);
    for (sql, code, says) in [
        ("SELECT REPEAT('x', 60000) FROM seq_1_to_18", "BadRequestException", "more than the allowed response size"),
        ("SELECT REPEAT('x', 65537)", "BadRequestException", "Packet for query is too large (65537 > 65536)"),
        ("SELECT 1; SELECT 2", "ValidationException", "Multistatements aren't supported"),
        ("SELECT :x", "BadRequestException", "Cannot find parameter: x"),
        ("SELECT ?", "BadRequestException", "No value specified for parameter 1"),
        (&" ".repeat(STATEMENT_BYTES_MAX + 1), "ValidationException", "at most 65536 bytes"),
    ] {
        let (real_code, message) = refused(bench.execute(sql).send().await);
        assert_eq!(real_code, code, "{message}");
        assert!(message.contains(says), "{message}");
    }
    let schema = bench.execute("SELECT 1").schema("x").send().await;
    assert_eq!(refused(schema).0, "ValidationException");
    let array = Field::ArrayValue(ArrayValue::LongValues(vec![Some(1)]));
    let array = bench.execute("SELECT :a").parameters(parameter("a", array)).send().await;
    assert_eq!(refused(array).1, "Array parameters are not supported.");
    let large = text(&"x".repeat(REQUEST_BYTES_MAX));
    let large = bench.execute("SELECT LENGTH(:a)").parameters(parameter("a", large)).send().await.unwrap_err();
    assert_eq!(large.raw_response().unwrap().status().as_u16(), 413);
}

#[tokio::test]
async fn transactions_commit_roll_back_idle_out_and_end_at_ddl() {
    let bench = Bench::new().await;
    bench.database.execute("CREATE TABLE t (a INT)").await.unwrap();
    let count = async || bench.database.value::<u64>("SELECT COUNT(*) FROM t").await.unwrap();
    for (commit, says, rows) in [(false, "Rollback Complete", 0), (true, "Transaction Committed", 1)] {
        let id = bench.begin().await;
        bench.execute("INSERT INTO t VALUES (1)").transaction_id(&id).send().await.unwrap();
        assert_eq!(bench.end(&id, commit).await, says);
        assert_eq!(count().await, rows);
        let late = bench.execute("SELECT 1").transaction_id(&id).send().await;
        assert_eq!(refused(late).0, "TransactionNotFoundException");
    }
    let id = bench.begin().await;
    bench.execute("INSERT INTO t VALUES (2)").transaction_id(&id).send().await.unwrap();
    bench.execute("CREATE TABLE u (a INT)").transaction_id(&id).send().await.unwrap();
    bench.end(&id, false).await;
    assert_eq!(count().await, 2);

    bench.api.set_idle_max(Duration::from_millis(200));
    let id = bench.begin().await;
    bench.execute("INSERT INTO t VALUES (3)").transaction_id(&id).send().await.unwrap();
    tokio::time::sleep(Duration::from_millis(600)).await;
    let late = bench.execute("SELECT 1").transaction_id(&id).send().await;
    assert_eq!(refused(late).0, "TransactionNotFoundException");
    assert_eq!(count().await, 2);
}

#[tokio::test]
async fn a_call_ends_at_its_time_and_the_statement_with_it_unless_asked_to_continue() {
    let bench = Bench::new().await;
    bench.database.execute("CREATE TABLE t (a INT)").await.unwrap();
    bench.api.set_call_max(Duration::from_millis(200));
    for (lasting, rows) in [(false, 0), (true, 1)] {
        let slow = bench.execute("INSERT INTO t SELECT SLEEP(1)").continue_after_timeout(lasting).send().await;
        assert_eq!(refused(slow).0, "StatementTimeoutException");
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        assert_eq!(bench.database.value::<u64>("SELECT COUNT(*) FROM t").await.unwrap(), rows);
    }
}

#[tokio::test]
async fn a_batch_runs_once_for_each_set() {
    let bench = Bench::new().await;
    bench.database.execute("CREATE TABLE t (id INT AUTO_INCREMENT PRIMARY KEY, a INT)").await.unwrap();
    let batch = bench.client.batch_execute_statement().database(bench.database.name());
    let batch = batch.resource_arn(bench.api.cluster_arn()).secret_arn(bench.api.secret_arn());
    let done = batch
        .sql("INSERT INTO t (a) VALUES (:a)")
        .parameter_sets(vec![parameter("a", Field::LongValue(7))])
        .parameter_sets(vec![parameter("a", Field::LongValue(8))])
        .send()
        .await
        .unwrap();
    let ids: Vec<_> = done.update_results().iter().map(|result| result.generated_fields().to_vec()).collect();
    assert_eq!(ids, [[Field::LongValue(1)], [Field::LongValue(2)]]);
    assert_eq!(bench.database.value::<i64>("SELECT SUM(a) FROM t").await.unwrap(), 15);
}
