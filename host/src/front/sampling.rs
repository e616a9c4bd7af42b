//! The client's own model, asked by MCP sampling: a request of the server's within a call of the
//! client's, in the revisions of the protocol that have it.

#![allow(deprecated, reason = "the newest revision drops sampling; clients of the older ones have it")]

use std::convert::Infallible;
use std::future::pending;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use rmcp::RoleServer;
use rmcp::model::{
    CancelledNotificationParam, ClientResult, CreateMessageRequest, CreateMessageRequestParams, CreateMessageResult,
    ProtocolVersion, Role, SamplingMessage, SamplingMessageContentBlock, ServerRequest,
};
use rmcp::service::{Peer, PeerRequestOptions, RequestContext, ServiceError};
use tokio::sync::mpsc;

use crate::call::{Answered, NoAnswer, OwnModel, Question, Said};

/// Questions on their way to a client.
const QUESTIONS_AHEAD: usize = 4;

/// What a model's name may hold, in characters; a client may send anything.
const NAME_CHARACTERS_MAX: usize = 128;

/// Whether the client of a request lends its model, and where questions for it then come out.
pub(super) fn own_model(context: &RequestContext<RoleServer>) -> (OwnModel, Option<mpsc::Receiver<Question>>) {
    if context.protocol_version().is_some_and(|version| version >= ProtocolVersion::V_2026_07_28) {
        return (OwnModel::CannotBeAsked, None);
    }
    if context.client_capabilities().is_none_or(|offered| offered.sampling.is_none()) {
        return (OwnModel::NotLent, None);
    }
    let (questions, incoming) = mpsc::channel(QUESTIONS_AHEAD);
    (OwnModel::Lent(questions), Some(incoming))
}

/// Hands questions to the client for as long as it is polled, and never ends. It must be part of
/// the call's own task: by that, rmcp knows the stream that questions go out on.
pub(super) async fn serve(questions: Option<mpsc::Receiver<Question>>, peer: Peer<RoleServer>) -> Infallible {
    let Some(mut questions) = questions else { return pending().await };
    let mut asked = FuturesUnordered::new();
    loop {
        tokio::select! {
            Some(question) = questions.recv() => asked.push(ask(question, &peer)),
            Some(()) = asked.next() => {}
            else => return pending().await,
        }
    }
}

/// Asks one question; tells the client when nobody waits for its answer any more.
async fn ask(question: Question, peer: &Peer<RoleServer>) {
    let Question { system, said, output_tokens_max, temperature, stop_sequences, mut answer } = question;
    let mut params = CreateMessageRequestParams::new(said.into_iter().map(message).collect(), output_tokens_max);
    params.system_prompt = system;
    params.temperature = temperature;
    params.stop_sequences = (!stop_sequences.is_empty()).then_some(stop_sequences);
    let request = ServerRequest::CreateMessageRequest(CreateMessageRequest::new(params));
    let Ok(sent) = peer.send_request_with_option(request, PeerRequestOptions::no_options()).await else {
        let _ = answer.send(Err(NoAnswer::Gone));
        return;
    };
    let id = sent.id.clone();
    let result = tokio::select! {
        result = sent.await_response() => result,
        () = answer.closed() => {
            let cancelled = CancelledNotificationParam::new(Some(id), Some("no longer needed".to_owned()));
            // A client that is gone misses it.
            let _ = peer.notify_cancelled(cancelled).await;
            return;
        }
    };
    let answered = match result {
        Ok(ClientResult::CreateMessageResult(result)) => answered(*result),
        Ok(_) => Err(NoAnswer::NoText),
        Err(ServiceError::McpError(_)) => Err(NoAnswer::Declined),
        Err(_) => Err(NoAnswer::Gone),
    };
    let _ = answer.send(answered);
}

fn message(said: Said) -> SamplingMessage {
    let role = if said.by_model { Role::Assistant } else { Role::User };
    SamplingMessage::new(role, SamplingMessageContentBlock::text(said.text))
}

fn answered(result: CreateMessageResult) -> Result<Answered, NoAnswer> {
    let text = |block| match block {
        SamplingMessageContentBlock::Text(text) => Some(text.text),
        _ => None,
    };
    let texts: Vec<String> = result.message.content.into_vec().into_iter().filter_map(text).collect();
    if texts.is_empty() {
        return Err(NoAnswer::NoText);
    }
    let model = result.model.chars().filter(|c| !c.is_control()).take(NAME_CHARACTERS_MAX).collect();
    Ok(Answered { text: texts.join("\n\n"), stop_reason: result.stop_reason, model })
}
