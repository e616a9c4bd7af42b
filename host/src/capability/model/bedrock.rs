//! A model of Amazon Bedrock by the Converse API: each turn is one signed HTTPS call.

mod errors;
mod names;

use std::time::Duration;

use aws_sdk_bedrockruntime::Client;
use aws_sdk_bedrockruntime::operation::converse::ConverseOutput;
use aws_sdk_bedrockruntime::types::{
    ContentBlock, ConversationRole, GuardrailConfiguration, InferenceConfiguration, Message as BedrockMessage,
    StopReason as BedrockStop, SystemContentBlock,
};
use schemars::JsonSchema;
use serde::Deserialize;
use tokio::sync::OnceCell;

use self::names::{GuardrailName, ModelName};
use super::OpenError;
use super::retry::patiently;
use super::turn::{Limits, Turn};
use crate::capability::Statement;
use crate::wire::aws;
use crate::wit::model::{Answer, Message, Role, StopReason, Usage};
use crate::wit::{Error, ErrorKind};

/// How much longer than a turn the SDK waits: it is the turn's own end that is told.
const GRACE: Duration = Duration::from_secs(5);

/// `[model.<grant>.bedrock]`: one model, or one inference profile, of Amazon Bedrock.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Config {
    /// The model: its id (`anthropic.claude-3-5-sonnet-20240620-v1:0`), that of an inference
    /// profile (`eu.anthropic.claude-sonnet-4-5-20250929-v1:0`), or an ARN.
    model: String,
    /// The region that is asked.
    region: String,
    /// The AWS account, 12 digits: where an inference profile or a guardrail is named by its id,
    /// for the policy that `toolhost iam-policy` prints.
    account: Option<String>,
    /// Where Bedrock is, if not where AWS has it: for a private endpoint or a test.
    endpoint_url: Option<String>,
    /// The AWS credentials to sign with; those that the AWS SDK finds if not set, such as the
    /// role of the machine.
    credentials: Option<aws::CredentialRefs>,
    /// What is said is held against this guardrail, going in and coming out.
    guardrail: Option<Guardrail>,
}

/// `guardrail`: one version of a guardrail.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Guardrail {
    /// Its id or ARN.
    id: String,
    /// Its version: a number, or `DRAFT`.
    version: String,
}

/// One model, and the client that asks it once there is something to ask.
pub(super) struct Bedrock {
    model: ModelName,
    guardrail: Option<(GuardrailName, GuardrailConfiguration)>,
    endpoint: aws::Endpoint,
    client: OnceCell<Client>,
}

impl Bedrock {
    /// Fetches the credentials, if they are named; contacts nothing.
    pub(super) fn open(config: Config, limits: Limits) -> Result<Self, OpenError> {
        let Config { model, region, account, endpoint_url, credentials, guardrail } = config;
        names::check_region(&region)?;
        names::check_account(account.as_deref())?;
        let model = ModelName::read(&model, &region, account.as_deref())?;
        let guardrail = guardrail.map(|Guardrail { id, version }| {
            let name = GuardrailName::read(&id, &version, &region, account.as_deref())?;
            let used = GuardrailConfiguration::builder().guardrail_identifier(id).guardrail_version(version).build();
            Ok::<_, OpenError>((name, used))
        });
        if endpoint_url.as_ref().is_some_and(|url| !aws::is_private(url)) {
            let message = "`endpoint_url` must begin with `https://`, except on this machine";
            return Err(OpenError::Invalid(message.to_owned()));
        }
        let credentials = credentials.as_ref().map(aws::CredentialRefs::resolve).transpose()?;
        let call_max = limits.time_max + GRACE;
        let endpoint = aws::Endpoint { region, url: endpoint_url, credentials, call_max };
        Ok(Self { model, guardrail: guardrail.transpose()?, endpoint, client: OnceCell::new() })
    }

    /// The model's name, without an account.
    pub(super) fn model(&self) -> &str {
        self.model.shown()
    }

    /// What it is, without the account.
    pub(super) fn summary(&self) -> String {
        let guardrail = if self.guardrail.is_some() { ", behind a guardrail" } else { "" };
        format!("{} of Amazon Bedrock in {}{guardrail}", self.model.shown(), self.endpoint.region)
    }

    /// What the host's role must be allowed: this model and this guardrail, nothing else.
    pub(super) fn iam(&self) -> Vec<Statement> {
        let region = &self.endpoint.region;
        let invoke = Statement::allow(
            &format!("Model {region} {}", self.model.shown()),
            vec!["bedrock:InvokeModel"],
            self.model.resources(),
        );
        let apply = self.guardrail.iter().map(|(guardrail, _)| {
            let id = format!("Guardrail {region} {}", guardrail.id());
            Statement::allow(&id, vec!["bedrock:ApplyGuardrail"], vec![guardrail.arn().to_owned()])
        });
        std::iter::once(invoke).chain(apply).collect()
    }

    /// Takes one turn. While the service is too busy, it is asked again.
    pub(super) async fn converse(&self, turn: &Turn) -> Result<Answer, Error> {
        let client = self.client.get_or_init(async || Client::new(&self.endpoint.load().await)).await;
        let system = turn.system.as_ref().map(|system| vec![SystemContentBlock::Text(system.clone())]);
        let messages = turn.messages.iter().map(message).collect::<Result<Vec<_>, _>>()?;
        let call = client
            .converse()
            .model_id(self.model.as_sent())
            .set_system(system)
            .set_messages(Some(messages))
            .inference_config(inference(turn))
            .set_guardrail_config(self.guardrail.as_ref().map(|(_, guardrail)| guardrail.clone()));
        let model = self.model.shown();
        let answer = patiently(turn.patient_until, || {
            // The SDK's futures take tens of kilobytes each.
            let sent = Box::pin(call.clone().send());
            async move { sent.await.map_err(|error| errors::explain(&error, model)) }
        });
        Ok(self.answer(answer.await?))
    }

    fn answer(&self, output: ConverseOutput) -> Answer {
        let said = output.output().and_then(|output| output.as_message().ok());
        let texts = said.into_iter().flat_map(|message| message.content()).filter_map(|block| block.as_text().ok());
        let count = |tokens: i32| u32::try_from(tokens).unwrap_or(0);
        Answer {
            text: texts.map(String::as_str).collect::<Vec<_>>().join("\n\n"),
            stop: stop(output.stop_reason()),
            usage: output.usage().map(|usage| Usage {
                input_tokens: count(usage.input_tokens()),
                output_tokens: count(usage.output_tokens()),
            }),
            model: self.model.shown().to_owned(),
        }
    }
}

fn message(message: &Message) -> Result<BedrockMessage, Error> {
    let role = match message.role {
        Role::User => ConversationRole::User,
        Role::Assistant => ConversationRole::Assistant,
    };
    let built = BedrockMessage::builder().role(role).content(ContentBlock::Text(message.text.clone())).build();
    built.map_err(|_| Error::new(ErrorKind::Failed, "a message cannot be written for Amazon Bedrock"))
}

fn inference(turn: &Turn) -> InferenceConfiguration {
    let stops = (!turn.stop_sequences.is_empty()).then(|| turn.stop_sequences.clone());
    InferenceConfiguration::builder()
        .max_tokens(i32::try_from(turn.output_tokens_max).unwrap_or(i32::MAX))
        .set_temperature(turn.temperature)
        .set_stop_sequences(stops)
        .build()
}

fn stop(reason: &BedrockStop) -> StopReason {
    match reason {
        BedrockStop::EndTurn => StopReason::End,
        BedrockStop::MaxTokens | BedrockStop::ModelContextWindowExceeded => StopReason::OutputLimit,
        BedrockStop::StopSequence => StopReason::StopSequence,
        BedrockStop::GuardrailIntervened | BedrockStop::ContentFiltered => StopReason::Refused,
        // Newer models say so of themselves, and the SDK has no name for it.
        other if other.as_str() == "refusal" => StopReason::Refused,
        _ => StopReason::Other,
    }
}
