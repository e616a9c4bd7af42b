//! The shapes of the Data API's JSON, so that the rest of the emulator reads and writes
//! plain Rust.

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::aws::Refusal;

/// The members of all five operations; each uses its own.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Input {
    pub(super) resource_arn: Option<String>,
    pub(super) secret_arn: Option<String>,
    pub(super) database: Option<String>,
    pub(super) schema: Option<String>,
    pub(super) sql: Option<String>,
    pub(super) transaction_id: Option<String>,
    pub(super) parameters: Vec<Parameter>,
    pub(super) parameter_sets: Vec<Vec<Parameter>>,
    pub(super) include_result_metadata: bool,
    pub(super) continue_after_timeout: bool,
    pub(super) format_records_as: Option<String>,
    pub(super) result_set_options: ResultSetOptions,
}

/// How numbers that JSON may not hold exactly come back.
#[derive(Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct ResultSetOptions {
    pub(super) decimal_return_type: Option<String>,
    pub(super) long_return_type: Option<String>,
}

/// One value for a `:name` of the statement.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Parameter {
    #[serde(default)]
    pub(super) name: String,
    pub(super) value: Field,
    pub(super) type_hint: Option<String>,
}

/// A value as the API carries it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Field {
    ArrayValue(IgnoredAny),
    BlobValue(String),
    BooleanValue(bool),
    DoubleValue(f64),
    IsNull(bool),
    LongValue(i64),
    StringValue(String),
}

/// The error for a transaction that never was, has ended, or idled for too long.
pub(super) fn no_transaction(id: &str) -> Refusal {
    Refusal::new(404, "TransactionNotFoundException", format!("Transaction {id} is not found"))
}

impl From<mysql_async::Error> for Refusal {
    fn from(error: mysql_async::Error) -> Self {
        match error {
            mysql_async::Error::Server(error) => Self::new(
                400,
                "DatabaseErrorException",
                format!("{}; Error code: {}; SQLState: {}", error.message, error.code, error.state),
            ),
            mysql_async::Error::Io(_) => Self::new(504, "DatabaseUnavailableException", "Communications link failure"),
            error => Self::new(500, "InternalServerErrorException", error.to_string()),
        }
    }
}
