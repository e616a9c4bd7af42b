//! The calling agent's own model, by MCP sampling, where its client lends it.

use schemars::JsonSchema;
use serde::Deserialize;
use tokio::sync::oneshot;

use super::turn::Turn;
use crate::call::{Answered, Client, NoAnswer, OwnModel, Question, Said};
use crate::wit::model::{Answer, Message, Role, StopReason};
use crate::wit::{Error, ErrorKind};

/// `[model.<grant>.client]`: nothing to write, for whoever calls decides on the model.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Config {}

/// Takes one turn. Dropping the future takes the question back.
pub(super) async fn converse(turn: &Turn, client: &Client) -> Result<Answer, Error> {
    let unavailable = |message: &str| Error::new(ErrorKind::Unavailable, message);
    let questions = match &client.model {
        OwnModel::Lent(questions) => questions,
        OwnModel::NotLent => {
            return Err(unavailable(
                "the calling client lends no model: this needs an MCP client with the `sampling` capability, or a plugin \
                 that is granted another model",
            ));
        }
        OwnModel::CannotBeAsked => {
            return Err(unavailable(
                "the calling client's model cannot be asked: in revision 2026-07-28 of MCP a server sends no requests. Use \
                 a client that speaks 2025-11-25 and has the `sampling` capability, or grant the plugin another model",
            ));
        }
    };
    let (answer, answered) = oneshot::channel();
    let said = |message: &Message| Said { by_model: message.role == Role::Assistant, text: message.text.clone() };
    let question = Question {
        system: turn.system.clone(),
        said: turn.messages.iter().map(said).collect(),
        output_tokens_max: turn.output_tokens_max,
        temperature: turn.temperature,
        stop_sequences: turn.stop_sequences.clone(),
        answer,
    };
    let gone = || unavailable("the calling client went away before its model had answered");
    questions.send(question).await.map_err(|_| gone())?;
    let failed = |message: &str| Err(Error::new(ErrorKind::Failed, message));
    match answered.await.unwrap_or(Err(NoAnswer::Gone)) {
        Ok(Answered { text, stop_reason, model }) => {
            let stop = match stop_reason.as_deref() {
                None | Some("endTurn") => StopReason::End,
                Some("maxTokens") => StopReason::OutputLimit,
                Some("stopSequence") => StopReason::StopSequence,
                Some(_) => StopReason::Other,
            };
            Ok(Answer { text, stop, usage: None, model })
        }
        Err(NoAnswer::Declined) => failed("the calling client, or the person who uses it, declined to ask its model"),
        Err(NoAnswer::NoText) => failed("the calling client's model answered with something else than text"),
        Err(NoAnswer::Gone) => Err(gone()),
    }
}
