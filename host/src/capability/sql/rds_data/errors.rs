//! What a plugin is told of an error of the Data API. Those that an operator can mend say
//! how; none repeats an ARN, an account or the service's own words, save for those of the
//! database that `mysql_errors` lets pass.

use aws_sdk_rdsdata::config::http::HttpResponse;
use aws_sdk_rdsdata::error::{ProvideErrorMetadata, SdkError};

use super::super::mysql_errors;
use super::super::rows::Limits;
use crate::wire::aws;
use crate::wit::{Error, ErrorKind};

/// An error answer of the service.
struct Answer<'a> {
    /// Its type, such as `BadRequestException`.
    code: &'a str,
    message: &'a str,
    status: u16,
}

/// The error for a plugin, of what became of a call of `action`.
pub(super) fn explain<E>(error: &SdkError<E, HttpResponse>, action: &str, limits: &Limits) -> Error
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    let unavailable = |message: &str| Error::new(ErrorKind::Unavailable, message);
    match error {
        SdkError::ServiceError(answer) => explain_answer(
            &Answer {
                code: answer.err().code().unwrap_or_default(),
                message: answer.err().message().unwrap_or_default(),
                status: answer.raw().status().as_u16(),
            },
            action,
            limits,
        ),
        SdkError::TimeoutError(_) => unavailable("the Data API gave no answer in time"),
        _ if aws::lacks_credentials(error) => unavailable(
            "the host has no AWS credentials: give its process a role, or write `credentials` for this source",
        ),
        SdkError::DispatchFailure(_) => unavailable(
            "the Data API cannot be reached; if that lasts, the operator must check the region of this source and the \
             host's network",
        ),
        _ => Error::new(ErrorKind::Failed, "the conversation with the Data API went wrong"),
    }
}

fn explain_answer(answer: &Answer<'_>, action: &str, limits: &Limits) -> Error {
    // First, for its words may be any that the statement holds.
    if let Some((code, state, words)) = database_error(answer.message) {
        return mysql_errors::explain(code, state, words, limits);
    }
    let message = answer.message.to_lowercase();
    let says = |words: &str| message.contains(&words.to_lowercase());
    if let Some(told) = explain_setup(answer, action, &says) {
        return Error::new(ErrorKind::Unavailable, told);
    }
    let error = |kind, message: &str| Error::new(kind, message);
    match answer.code {
        _ if answer.status == 413 || says("request entity too large") => error(
            ErrorKind::Limited,
            "the statement and its values are larger than 4 MiB, which is the Data API's limit",
        ),
        _ if says("response size limit") => error(
            ErrorKind::Limited,
            "the answer is larger than 1 MiB, which is the Data API's limit: add LIMIT, or select fewer columns",
        ),
        _ if says("packet for query is too large") => error(
            ErrorKind::Limited,
            "a row of the answer is larger than 64 KiB, which is the Data API's limit: select fewer or shorter columns",
        ),
        _ if says("multistatements") => error(ErrorKind::Invalid, "the Data API takes one statement at a time"),
        "StatementTimeoutException" => error(
            ErrorKind::Limited,
            "the statement was stopped after 45 s, which is the Data API's limit; narrow it down",
        ),
        "TransactionNotFoundException" => {
            error(ErrorKind::Failed, "the transaction is no more: the Data API rolls one back that idles for 3 minutes")
        }
        "UnsupportedResultException" => error(
            ErrorKind::Failed,
            "the Data API cannot carry a type of the answer: cast the column, to CHAR for example",
        ),
        "ThrottlingException" | "TooManyRequestsException" => {
            let told = error(ErrorKind::Limited, "the Data API is asked too often; try again later");
            Error { retry_after_ms: Some(1_000), ..told }
        }
        "DatabaseResumingException" => {
            let told =
                error(ErrorKind::Unavailable, "the database was paused and is waking up; try again in half a minute");
            Error { retry_after_ms: Some(30_000), ..told }
        }
        "DatabaseUnavailableException" | "ServiceUnavailableError" | "ServiceUnavailableException" => {
            error(ErrorKind::Unavailable, "the database behind the Data API does not answer just now")
        }
        _ if answer.status >= 500 => error(ErrorKind::Unavailable, "the Data API itself failed; try again"),
        _ => error(ErrorKind::Failed, "the Data API refused the statement"),
    }
}

/// What the operator has to mend, if that is what the service says.
fn explain_setup(answer: &Answer<'_>, action: &str, says: &dyn Fn(&str) -> bool) -> Option<String> {
    let policy = "`toolhost iam-policy` prints the whole policy";
    let told = match answer.code {
        _ if says("not authorized to perform") && says("secretsmanager:GetSecretValue") => format!(
            "the host's AWS role may not call secretsmanager:GetSecretValue on this source's secret: add it to the role's \
             policy; {policy}"
        ),
        _ if says("not authorized to perform") && says("kms:Decrypt") => {
            "the host's AWS role may not decrypt this source's secret: allow it kms:Decrypt on the secret's key".to_owned()
        }
        "AccessDeniedException" | "ForbiddenException" | "AccessDenied" => denied(action, policy),
        _ if says("not authorized to perform") => denied(action, policy),
        "HttpEndpointNotEnabledException" => switched_off(),
        _ if says("HttpEndpoint is not enabled") || says("HTTP endpoint is not enabled") => switched_off(),
        "NotFoundException" | "DBClusterNotFoundFault" => no_cluster(),
        _ if says("invalid resource arn") || says("cluster not found") => no_cluster(),
        "InvalidResourceStateException" => "the cluster cannot be used in its present state: the operator must look whether it \
                                            is stopped or being changed"
            .to_owned(),
        "SecretsErrorException" | "InvalidSecretException" => no_secret(),
        _ if says("can't find the specified secret") => no_secret(),
        "DatabaseNotFoundException" => {
            "the cluster has no database of the name that this source is configured with: check its `database`".to_owned()
        }
        "UnrecognizedClientException" | "InvalidClientTokenId" | "InvalidSignatureException" | "SignatureDoesNotMatch"
        | "ExpiredTokenException" | "ExpiredToken" | "IncompleteSignatureException" | "MissingAuthenticationTokenException" => {
            "AWS did not accept the host's credentials: check whether they are right and not expired, and the host's clock"
                .to_owned()
        }
        _ => return None,
    };
    Some(told)
}

fn denied(action: &str, policy: &str) -> String {
    format!(
        "the host's AWS role may not call rds-data:{action} on this source's cluster: add it to the role's policy; {policy}"
    )
}

fn switched_off() -> String {
    "the Data API is off on this source's cluster: turn on its HTTP endpoint (`aws rds enable-http-endpoint --resource-arn \
     CLUSTER_ARN`, or `aws rds modify-db-cluster --enable-http-endpoint` for Aurora Serverless v1)"
        .to_owned()
}

fn no_cluster() -> String {
    "there is no such cluster: check `cluster_arn` and `region` of this source".to_owned()
}

fn no_secret() -> String {
    "the secret of this source cannot be used: check that `secret_arn` is right, and that the secret holds `username` and \
     `password`"
        .to_owned()
}

/// The error number of the database, its SQLSTATE and its message. The service writes either
/// `Database error code: 1064. Message: ...` or `...; Error code: 1064; SQLState: 42000`.
fn database_error(message: &str) -> Option<(u16, &str, &str)> {
    if let Some(rest) = message.strip_prefix("Database error code: ") {
        let (code, words) = rest.split_once(". Message: ")?;
        return Some((code.parse().ok()?, "", words));
    }
    let (words, rest) = message.rsplit_once("; Error code: ")?;
    let (code, state) = rest.split_once("; SQLState: ").unwrap_or((rest, ""));
    Some((code.trim().parse().ok()?, state.trim(), words))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const ARN: &str = "arn:aws:rds:us-east-1:123456789012:cluster:crm";

    fn told(code: &str, message: &str) -> (ErrorKind, String) {
        let limits = Limits { rows_max: 1, bytes_max: 1, time_max: Duration::from_secs(1) };
        let error = explain_answer(&Answer { code, message, status: 400 }, "ExecuteStatement", &limits);
        (error.kind, error.message)
    }

    #[test]
    fn what_an_operator_has_to_mend_says_how_and_names_no_account() {
        let user = "User: arn:aws:iam::123456789012:user/zoe is not authorized to perform:";
        for (code, message, fix) in [
            (
                "AccessDeniedException",
                format!("{user} rds-data:ExecuteStatement on resource: {ARN}"),
                "rds-data:ExecuteStatement",
            ),
            (
                "BadRequestException",
                format!("{user} secretsmanager:GetSecretValue on {ARN}"),
                "secretsmanager:GetSecretValue",
            ),
            ("BadRequestException", format!("HttpEndpoint is not enabled for resource {ARN}"), "enable-http-endpoint"),
            ("HttpEndpointNotEnabledException", String::new(), "enable-http-endpoint"),
            ("BadRequestException", "Invalid resource ARN".to_owned(), "`cluster_arn`"),
            ("SecretsErrorException", "Secrets Manager can't find the specified secret.".to_owned(), "`secret_arn`"),
            ("UnrecognizedClientException", format!("the security token in {ARN} is invalid"), "credentials"),
        ] {
            let (kind, told) = told(code, &message);
            assert_eq!(kind, ErrorKind::Unavailable, "{code}");
            assert!(told.contains(fix), "{told}");
            assert!(!told.contains("1234") && !told.contains("zoe"), "{told}");
        }
    }

    #[test]
    fn an_error_of_the_database_is_told_as_by_a_connection_of_our_own() {
        let unknown = (ErrorKind::Invalid, "Unknown column 'nmae' in 'field list'".to_owned());
        let new = "Unknown column 'nmae' in 'field list'; Error code: 1054; SQLState: 42S22";
        assert_eq!(told("DatabaseErrorException", new), unknown);
        let old = "Database error code: 1054. Message: Unknown column 'nmae' in 'field list'";
        assert_eq!(told("BadRequestException", old), unknown);
        let denied = "SELECT command denied to user 'zoe'@'10.0.0.7' for table 'x'; Error code: 1142; SQLState: 42000";
        let (kind, told) = told("DatabaseErrorException", denied);
        assert!(kind == ErrorKind::Denied && !told.contains("zoe"), "{told}");
    }

    #[test]
    fn what_is_too_large_says_which_limit_it_was() {
        let (kind, message) =
            told("BadRequestException", "Database returned more than the allowed response size limit");
        assert!(kind == ErrorKind::Limited && message.contains("LIMIT"), "{message}");
        let (kind, message) = told("BadRequestException", "something else about 123456789012");
        assert!(kind == ErrorKind::Failed && !message.contains("1234"), "{message}");
    }
}
