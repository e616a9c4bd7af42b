//! The calling agent's own model, by MCP sampling, where its client lends it.

use schemars::JsonSchema;
use serde::Deserialize;

use super::CallState;
use super::turn::Turn;
use crate::call::{self, Question, Reply, Said, SaidByModel};
use crate::wit::model::{Answer, Message, Role, StopReason};
use crate::wit::{Error, ErrorKind, Failure};

/// `[model.<grant>.client]`: nothing to write, for whoever calls decides on the model.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Config {}

/// Takes one turn. Dropping the future takes the question back.
pub(super) async fn converse(turn: &Turn, call: Option<&mut CallState>) -> Result<Answer, Failure> {
    let Some(call) = call else {
        return Err(Error::new(
            ErrorKind::Unavailable,
            "no client calls, whose model could be asked by MCP's `sampling`",
        )
        .into());
    };
    let said = |message: &Message| Said { by_model: message.role == Role::Assistant, text: message.text.clone() };
    let question = Question::Model(call::Turn {
        system: turn.system.clone(),
        said: turn.messages.iter().map(said).collect(),
        output_tokens_max: turn.output_tokens_max,
        temperature: turn.temperature,
        stop_sequences: turn.stop_sequences.clone(),
    });
    let key = call.key_of_next_turn();
    let replies = call.ask_client(vec![(key, question)]).await?;
    let Some(Reply::Said(SaidByModel { text, stop_reason, model })) = replies.into_iter().next() else {
        return Err(
            Error::new(ErrorKind::Failed, "the calling client's model answered with something else than text").into()
        );
    };
    let stop = match stop_reason.as_deref() {
        None | Some("endTurn") => StopReason::End,
        Some("maxTokens") => StopReason::OutputLimit,
        Some("stopSequence") => StopReason::StopSequence,
        Some(_) => StopReason::Other,
    };
    Ok(Answer { text, stop, usage: None, model })
}
