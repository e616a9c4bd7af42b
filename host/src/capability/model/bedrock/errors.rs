//! What a plugin is told of an error of Bedrock. Those that an operator can mend say how; none
//! repeats an ARN, an account or the service's own words.

use std::time::Duration;

use aws_sdk_bedrockruntime::config::http::HttpResponse;
use aws_sdk_bedrockruntime::error::{ProvideErrorMetadata, SdkError};

use super::super::retry::Setback;
use crate::wire::{aws, patience};
use crate::wit::{Error, ErrorKind};

/// An error answer of the service.
struct Answer<'a> {
    /// Its type, such as `ThrottlingException`.
    code: &'a str,
    message: &'a str,
    status: u16,
    /// How long it asks to be left alone.
    wait: Option<Duration>,
}

/// The error for a plugin, of what became of a call of `model`, and whether asking again may help.
pub(super) fn explain<E>(error: &SdkError<E, HttpResponse>, model: &str) -> Setback
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    let unavailable = |message: &str| Setback::Final(Error::new(ErrorKind::Unavailable, message));
    match error {
        SdkError::ServiceError(answer) => {
            let answer = Answer {
                code: answer.err().code().unwrap_or_default(),
                message: answer.err().message().unwrap_or_default(),
                status: answer.raw().status().as_u16(),
                wait: answer.raw().headers().get("retry-after").and_then(patience::asked),
            };
            explain_answer(&answer, model)
        }
        SdkError::TimeoutError(_) => unavailable("Amazon Bedrock gave no answer in time"),
        _ if aws::lacks_credentials(error) => unavailable(
            "the host has no AWS credentials: give its process a role, or write `credentials` for this model",
        ),
        SdkError::DispatchFailure(_) => unavailable(
            "Amazon Bedrock cannot be reached; if that lasts, the operator must check the region of this model and the \
             host's network",
        ),
        _ => Setback::Final(Error::new(ErrorKind::Failed, "the conversation with Amazon Bedrock went wrong")),
    }
}

fn explain_answer(answer: &Answer<'_>, model: &str) -> Setback {
    let busy = |kind, message: &str| Setback::Busy(Error::new(kind, message), answer.wait);
    let last = |kind, message: &str| Setback::Final(Error::new(kind, message));
    let message = answer.message.to_lowercase();
    let says = |words: &str| message.contains(words);
    if let Some(told) = explain_setup(answer.code, model, &says) {
        return last(ErrorKind::Unavailable, &told);
    }
    match answer.code {
        "ThrottlingException" | "TooManyRequestsException" | "ServiceQuotaExceededException" => busy(
            ErrorKind::Limited,
            "Amazon Bedrock throttles this model: its quota of requests or tokens is used up for now; try again later",
        ),
        "ModelNotReadyException" => {
            busy(ErrorKind::Limited, "the model is being made ready by Amazon Bedrock; try again later")
        }
        "ServiceUnavailableException" => {
            busy(ErrorKind::Limited, "Amazon Bedrock has no room for this model just now; try again later")
        }
        "ModelTimeoutException" => last(
            ErrorKind::Limited,
            "the model took longer than Amazon Bedrock waits for it; ask for less, or for a shorter answer",
        ),
        "ModelErrorException" => last(ErrorKind::Failed, "the model itself failed; ask again, or ask otherwise"),
        "ValidationException" if is_too_long(&says) || answer.status == 413 => last(
            ErrorKind::Limited,
            "the request is larger than the model takes: send less; a lower `input_tokens_max` of the grant makes tools \
             cut in time",
        ),
        "ValidationException" => {
            last(ErrorKind::Failed, "Amazon Bedrock refused the request as invalid for this model")
        }
        _ if answer.status == 429 => busy(ErrorKind::Limited, "Amazon Bedrock is asked too often; try again later"),
        _ if answer.status >= 500 => busy(ErrorKind::Unavailable, "Amazon Bedrock itself failed; try again"),
        _ => last(ErrorKind::Failed, "Amazon Bedrock refused the request"),
    }
}

/// Whether the request was too large for the model, in the words of one of the models' makers.
fn is_too_long(says: &dyn Fn(&str) -> bool) -> bool {
    ["input is too long", "prompt is too long", "too many input tokens", "context length", "context window"]
        .iter()
        .any(|words| says(words))
        || (says("input tokens") && says("exceed"))
}

/// What the operator has to mend, if that is what the service says.
fn explain_setup(code: &str, model: &str, says: &dyn Fn(&str) -> bool) -> Option<String> {
    let told = match code {
        "AccessDeniedException" if says("applyguardrail") || says("guardrail") => {
            "the host's AWS role may not call bedrock:ApplyGuardrail on this model's guardrail: add it to the role's \
             policy; `toolhost iam-policy` prints the whole policy"
                .to_owned()
        }
        "AccessDeniedException" | "AccessDenied" => format!(
            "the host's AWS role may not call bedrock:InvokeModel on {model}, or its account has no access to that model: \
             add it to the role's policy (`toolhost iam-policy` prints the whole policy), and request access in the \
             Bedrock console"
        ),
        "ResourceNotFoundException" => no_model(model),
        "ValidationException" if says("guardrail") => {
            "Amazon Bedrock knows no such guardrail: check `id` and `version` of this model's `guardrail`".to_owned()
        }
        "ValidationException" if says("on-demand throughput") => format!(
            "{model} cannot be asked by its own id in this region: set `model` to an inference profile that contains it"
        ),
        "ValidationException" if says("model identifier") || says("model id") => no_model(model),
        "ValidationException" if says("maximum tokens") || says("max_tokens") || says("maxtokens") => format!(
            "the grant's `output_tokens_max` is more than {model} can answer with: the operator must lower it"
        ),
        "UnrecognizedClientException" | "InvalidClientTokenId" | "InvalidSignatureException" | "SignatureDoesNotMatch"
        | "ExpiredTokenException" | "ExpiredToken" | "IncompleteSignatureException" | "MissingAuthenticationTokenException" => {
            "AWS did not accept the host's credentials: check whether they are right and not expired, and the host's clock"
                .to_owned()
        }
        _ => return None,
    };
    Some(told)
}

fn no_model(model: &str) -> String {
    format!("Amazon Bedrock has no model {model} in this region: check `model` and `region` of this grant")
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODEL: &str = "anthropic.claude-v9";

    fn told(code: &str, status: u16, message: &str) -> (ErrorKind, String, bool) {
        match explain_answer(&Answer { code, message, status, wait: None }, MODEL) {
            Setback::Final(error) => (error.kind, error.message, false),
            Setback::Busy(error, _) => (error.kind, error.message, true),
        }
    }

    #[test]
    fn what_an_operator_has_to_mend_says_how_and_names_no_account() {
        let user = "User: arn:aws:iam::123456789012:user/zoe is not authorized to perform:";
        let invoke =
            format!("{user} bedrock:InvokeModel on resource: arn:aws:bedrock:eu-central-1::foundation-model/x");
        let apply = format!("{user} bedrock:ApplyGuardrail on resource: arn:aws:bedrock:x:123456789012:guardrail/y");
        let profile = "Invocation of model ID x with on-demand throughput isn\u{2019}t supported.";
        for (code, message, fix) in [
            ("AccessDeniedException", invoke.as_str(), "bedrock:InvokeModel on anthropic.claude-v9"),
            (
                "AccessDeniedException",
                "You don't have access to the model with the specified model ID.",
                "request access",
            ),
            ("AccessDeniedException", &apply, "bedrock:ApplyGuardrail"),
            ("ResourceNotFoundException", "Could not resolve the foundation model", "check `model` and `region`"),
            ("ValidationException", "The provided model identifier is invalid.", "check `model` and `region`"),
            ("ValidationException", profile, "an inference profile"),
            ("ValidationException", "The guardrail identifier or version does not exist.", "`guardrail`"),
            (
                "ValidationException",
                "The maximum tokens you requested exceeds the model limit of 10",
                "`output_tokens_max`",
            ),
            ("UnrecognizedClientException", "The security token of zoe is invalid", "credentials"),
        ] {
            let (kind, told, again) = told(code, 400, message);
            assert_eq!((kind, again), (ErrorKind::Unavailable, false), "{code}");
            assert!(told.contains(fix), "{told}");
            assert!(!told.contains("1234") && !told.contains("zoe"), "{told}");
        }
    }

    #[test]
    fn what_is_too_long_says_which_limit_it_was() {
        for message in [
            "Input is too long for requested model.",
            "The model returned the following errors: prompt is too long: 209010 tokens > 200000 maximum",
            "Too many input tokens. Max input tokens: 8192, request input token count: 9000",
            "This model's maximum context length is 8192 tokens.",
        ] {
            let (kind, told, again) = told("ValidationException", 400, message);
            assert_eq!((kind, again), (ErrorKind::Limited, false), "{told}");
            assert!(told.contains("`input_tokens_max`"), "{told}");
        }
    }

    #[test]
    fn what_passes_is_asked_again_and_what_does_not_is_not() {
        for (code, status, kind) in [
            ("ThrottlingException", 429, ErrorKind::Limited),
            ("ModelNotReadyException", 429, ErrorKind::Limited),
            ("ServiceUnavailableException", 503, ErrorKind::Limited),
            ("InternalServerException", 500, ErrorKind::Unavailable),
        ] {
            let (told, _, again) = told(code, status, "");
            assert_eq!((told, again), (kind, true), "{code}");
        }
        for (code, status) in [("ModelErrorException", 424), ("ValidationException", 400), ("Else", 400)] {
            let (kind, told, again) = told(code, status, "said of 123456789012");
            assert_eq!((kind, again), (ErrorKind::Failed, false), "{code}");
            assert!(!told.contains("1234"), "{told}");
        }
    }
}
