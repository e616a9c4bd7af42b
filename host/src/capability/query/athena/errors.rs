//! What a plugin is told when a call of the service fails. What an operator can mend says how;
//! nothing repeats an ARN, an account, a place in S3 or the service's own words, save for those
//! about the statement that `reason` lets pass.

use aws_sdk_athena::config::http::HttpResponse;
use aws_sdk_athena::error::{ProvideErrorMetadata, SdkError};

use super::reason::{self, Reason, denied_action};
use crate::wire::aws;
use crate::wit::{Error, ErrorKind};

/// When to try again what was asked too often, in milliseconds.
const THROTTLED_MS: u64 = 2_000;

/// The error for a plugin, of what became of a call of `action`. `shows` tells a statement about
/// the catalogue.
pub(super) fn explain<E>(error: &SdkError<E, HttpResponse>, action: &str, shows: bool) -> Reason
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    let unavailable = |message: &str| Error::new(ErrorKind::Unavailable, message).into();
    match error {
        SdkError::ServiceError(answer) => {
            let (code, message) = (answer.err().code().unwrap_or_default(), answer.err().message().unwrap_or_default());
            explain_answer(code, message, answer.raw().status().as_u16(), action, shows)
        }
        SdkError::TimeoutError(_) => unavailable("Athena gave no answer in time"),
        _ if aws::lacks_credentials(error) => unavailable(
            "the host has no AWS credentials: give its process a role, or write `credentials` for this source",
        ),
        SdkError::DispatchFailure(_) => unavailable(
            "Athena cannot be reached; if that lasts, the operator must check the region of this source and the host's \
             network",
        ),
        _ => Error::new(ErrorKind::Failed, "the conversation with Athena went wrong").into(),
    }
}

fn explain_answer(code: &str, message: &str, status: u16, action: &str, shows: bool) -> Reason {
    let lower = message.to_lowercase();
    let says = |words: &[&str]| words.iter().all(|word| lower.contains(word));
    let mend = |message: String| Error::new(ErrorKind::Unavailable, message).into();
    match code {
        "AccessDeniedException" | "AccessDenied" | "ForbiddenException" => {
            let action = denied_action(message).unwrap_or_else(|| format!("athena:{action}"));
            mend(reason::denied(&action))
        }
        "TooManyRequestsException" | "ThrottlingException" | "Throttling" | "RequestLimitExceeded" => {
            let error = Error::new(ErrorKind::Limited, "Athena is asked too often, or runs as much as it may; try again later");
            Error { retry_after_ms: Some(THROTTLED_MS), ..error }.into()
        }
        "UnrecognizedClientException" | "InvalidClientTokenId" | "InvalidSignatureException" | "SignatureDoesNotMatch"
        | "ExpiredTokenException" | "ExpiredToken" | "IncompleteSignatureException" | "MissingAuthenticationTokenException" => {
            mend(
                "AWS did not accept the host's credentials: check whether they are right and not expired, and the host's \
                 clock"
                    .to_owned(),
            )
        }
        _ if says(&["workgroup", "not found"]) || says(&["workgroup", "does not exist"]) => {
            mend("there is no such workgroup: the operator must check `workgroup` and `region` of this source".to_owned())
        }
        _ if says(&["workgroup", "disabled"]) => mend(
            "the workgroup of this source is switched off: the operator must enable it, or name another in `workgroup`"
                .to_owned(),
        ),
        _ if says(&["output location"]) || says(&["output bucket"]) || says(&["outputlocation"]) => mend(
            "results have no place to go: the operator must set one in the workgroup, or a bucket of the same region in \
             `output_location`"
                .to_owned(),
        ),
        _ if says(&["catalog", "not found"]) || says(&["catalog", "does not exist"]) => {
            mend("there is no such data catalog: the operator must check `catalog` of this source".to_owned())
        }
        "InvalidRequestException" | "MetadataException" => reason::explain(message, None, shows),
        _ if status >= 500 => mend("Athena itself failed; try again".to_owned()),
        _ => Error::new(ErrorKind::Failed, "Athena refused the request").into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(code: &str, message: &str) -> Error {
        explain_answer(code, message, 400, "StartQueryExecution", false).error
    }

    #[test]
    fn what_an_operator_has_to_mend_says_how_and_names_no_account() {
        let user = "User: arn:aws:sts::123456789012:assumed-role/host/i-0 is not authorized to perform:";
        for (code, message, fix) in [
            (
                "AccessDeniedException",
                format!(
                    "{user} athena:StartQueryExecution on resource: arn:aws:athena:eu-central-1:123456789012:workgroup/a"
                ),
                "athena:StartQueryExecution",
            ),
            ("AccessDeniedException", format!("{user} glue:GetTables because no policy allows it"), "glue:GetTables"),
            ("AccessDeniedException", "You are not allowed".to_owned(), "athena:StartQueryExecution"),
            ("InvalidRequestException", "WorkGroup nope-123456789012 is not found.".to_owned(), "`workgroup`"),
            ("InvalidRequestException", "WorkGroup a is disabled.".to_owned(), "`workgroup`"),
            (
                "InvalidRequestException",
                "No output location provided. An output location is required either through the Workgroup result \
                 configuration setting or as an API input."
                    .to_owned(),
                "`output_location`",
            ),
            (
                "InvalidRequestException",
                "Unable to verify/create output bucket acme-123456789012".to_owned(),
                "`output_location`",
            ),
            (
                "UnrecognizedClientException",
                "The security token included in the request is invalid.".to_owned(),
                "credentials",
            ),
        ] {
            let error = told(code, &message);
            assert!(error.kind == ErrorKind::Unavailable && error.message.contains(fix), "{message}: {error:?}");
            assert!(!error.message.contains("1234") && !error.message.contains("arn:"), "{error:?}");
        }
    }

    #[test]
    fn who_asks_too_often_is_told_when_to_come_back() {
        for code in ["ThrottlingException", "TooManyRequestsException"] {
            let error = told(code, "Rate exceeded");
            assert_eq!((error.kind, error.retry_after_ms), (ErrorKind::Limited, Some(THROTTLED_MS)));
        }
    }

    #[test]
    fn a_statement_that_is_wrong_is_the_callers_fault_and_a_broken_service_is_not() {
        assert_eq!(told("InvalidRequestException", "line 1:8: mismatched input 'x'").kind, ErrorKind::Invalid);
        let error = explain_answer("InternalServerException", "", 500, "GetQueryResults", false).error;
        assert_eq!(error.kind, ErrorKind::Unavailable);
        assert_eq!(told("SomethingNew", "arn:aws:iam::123456789012:user/zoe").message, "Athena refused the request");
    }
}
