//! Questions to a client, in the two ways of the protocol: a request of the server's while
//! the call waits, and a result that asks for another call.

#![allow(deprecated, reason = "the newest revision drops sampling and roots; clients have them still")]

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use futures_util::future::join_all;
use rmcp::RoleServer;
use rmcp::model::{
    CancelledNotificationParam, ClientResult, CreateMessageRequest, CreateMessageRequestParams, CreateMessageResult,
    ElicitRequest, ElicitRequestParams, ElicitResult, ElicitationAction, ErrorData, InputRequest, InputRequiredResult,
    ListRootsRequest, ListRootsResult, Role, SamplingMessage, SamplingMessageContentBlock, ServerRequest,
};
use rmcp::service::{Peer, PeerRequestOptions, ServiceError};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::Context;
use crate::call::{Abilities, Asked, Caller, JsonObject, NoReply, Question, Reply, Root, Said, SaidByModel, Turn};
use crate::seal::Seal;

/// What a model's name may hold, in characters; a client may send anything.
const NAME_CHARACTERS_MAX: usize = 128;

/// How long a client may take to come back with its replies.
const STATE_TIME: Duration = Duration::from_secs(3_600);

/// The most roots that a client may tell.
const ROOTS_MAX: usize = 1_000;

/// What the client of a request can be asked.
pub(super) fn abilities(context: &Context<'_>) -> Abilities {
    let Some(offered) = &context.client else { return Abilities::default() };
    // Asked in place, it would never hear of it.
    if !context.is_modern && context.reads_json_alone {
        return Abilities::default();
    }
    let elicitation = offered.elicitation.as_ref();
    Abilities {
        // One that names neither form of it knows the older one, which has forms alone.
        forms: elicitation.is_some_and(|offered| offered.form.is_some() || offered.url.is_none()),
        pages: elicitation.is_some_and(|offered| offered.url.is_some()),
        model: offered.sampling.is_some(),
        roots: offered.roots.is_some(),
    }
}

/// Asks in place, all at once. It must be part of the request's own task: by that, rmcp knows
/// the stream that the questions go out on.
pub(super) async fn ask_in_place(asked: Asked, peer: Option<&Peer<RoleServer>>) {
    let Asked { questions, mut replies } = asked;
    let Some(peer) = peer else {
        let _ = replies.send(Err(NoReply::Gone));
        return;
    };
    let asking = join_all(questions.into_iter().map(|(_, question)| ask_one(question, peer)));
    let all = tokio::select! {
        all = asking => all.into_iter().collect(),
        () = replies.closed() => return,
    };
    let _ = replies.send(all);
}

async fn ask_one(question: Question, peer: &Peer<RoleServer>) -> Result<Reply, NoReply> {
    let request = match &question {
        Question::Form { .. } | Question::Page { .. } => {
            ServerRequest::ElicitRequest(ElicitRequest::new(elicitation(&question).ok_or(NoReply::Refused)?))
        }
        Question::Model(turn) => ServerRequest::CreateMessageRequest(CreateMessageRequest::new(message_params(turn))),
        Question::Roots => ServerRequest::ListRootsRequest(ListRootsRequest::default()),
    };
    let options = PeerRequestOptions::no_options();
    let sent = peer.send_request_with_option(request, options).await.map_err(|_| NoReply::Gone)?;
    let _taken_back = TakenBack { id: Some(sent.id.clone()), peer: peer.clone() };
    let reply = match sent.await_response().await {
        Ok(ClientResult::ElicitResult(result)) => elicited(result),
        Ok(ClientResult::CreateMessageResult(result)) => said(*result),
        Ok(ClientResult::ListRootsResult(result)) => roots(result),
        Ok(_) => Err(NoReply::Strange),
        Err(ServiceError::McpError(_)) => Err(NoReply::Refused),
        Err(_) => Err(NoReply::Gone),
    };
    _taken_back.settle();
    reply
}

/// Tells the client that nobody waits any more, unless it replied.
struct TakenBack {
    id: Option<rmcp::model::RequestId>,
    peer: Peer<RoleServer>,
}

impl TakenBack {
    fn settle(mut self) {
        self.id = None;
    }
}

impl Drop for TakenBack {
    fn drop(&mut self) {
        let Some(id) = self.id.take() else { return };
        let peer = self.peer.clone();
        tokio::spawn(async move {
            // A client that is gone misses it.
            let reason = Some("no longer needed".to_owned());
            let _ = peer.notify_cancelled(CancelledNotificationParam::new(Some(id), reason)).await;
        });
    }
}

/// The rounds of one call in the revision without requests of the server's: replies that the
/// client brought, in this request or sealed in its state from those before.
pub(super) struct Rounds {
    seal: Seal,
    /// What the state is good for: the caller, and what was asked for.
    binding: [String; 3],
    /// By key, as they came; those of earlier rounds are among them.
    replies: BTreeMap<String, Value>,
    /// Keys whose replies the call has had.
    used: Vec<String>,
    /// What it still wants to know.
    open: BTreeMap<String, InputRequest>,
}

/// What a state holds; it is sealed, and not secret.
#[derive(Serialize, Deserialize)]
struct State {
    /// Seconds since 1970.
    until: u64,
    replies: BTreeMap<String, Value>,
    /// Tells two states of one call apart.
    round: usize,
}

impl Rounds {
    /// Those of a request: `method` and `name` say what is asked for.
    pub(super) fn resume(
        seal: &Seal,
        caller: &Caller,
        target: (&str, &str, &JsonObject),
        replies: Option<BTreeMap<String, Value>>,
        state: Option<&str>,
    ) -> Result<Self, ErrorData> {
        let (method, name, arguments) = target;
        // What was JSON becomes JSON.
        let arguments = serde_json::to_vec(arguments).unwrap_or_default();
        let digest = BASE64.encode(Sha256::digest(arguments));
        let binding = [caller.name.clone(), format!("{method} {name}"), digest];
        let mut rounds = Self {
            seal: seal.clone(),
            binding,
            replies: replies.unwrap_or_default(),
            used: Vec::new(),
            open: BTreeMap::new(),
        };
        if let Some(state) = state {
            let wrong = || {
                let message =
                    "`requestState` is not one that was given for this request, or it is too old; call without it";
                ErrorData::invalid_params(message, None)
            };
            let opened = rounds.seal.open(&rounds.context(), state).ok_or_else(wrong)?;
            let State { until, replies, .. } = serde_json::from_str(opened).map_err(|_| wrong())?;
            if until < now() {
                return Err(wrong());
            }
            // What was sealed cannot be taken back by what comes later.
            rounds.replies.extend(replies);
        }
        Ok(rounds)
    }

    /// Replies, if the client brought all that are asked for; else the call ends, and the
    /// client is asked for the rest.
    pub(super) fn reply(&mut self, asked: Asked) {
        let Some(Asked { questions, replies }) = self.reply_if_known(asked) else { return };
        for (key, question) in questions {
            if self.known(&key, &question).is_some() {
                continue;
            }
            // Whatever came under this key did not fit.
            self.replies.remove(&key);
            if let Some(request) = request(&question) {
                self.open.insert(key, request);
            }
        }
        let _ = replies.send(Err(NoReply::Later));
    }

    /// Replies, if the client brought all that are asked for; else gives the questions back.
    pub(super) fn reply_if_known(&mut self, asked: Asked) -> Option<Asked> {
        let known = asked.questions.iter().map(|(key, question)| self.known(key, question));
        let Some(known) = known.collect() else { return Some(asked) };
        self.used.extend(asked.questions.into_iter().map(|(key, _)| key));
        let _ = asked.replies.send(Ok(known));
        None
    }

    /// Whether the call was ended, so that the client is asked.
    pub(super) fn asks(&self) -> bool {
        !self.open.is_empty()
    }

    /// What the client brought for this question, unless the call has had it.
    fn known(&self, key: &str, question: &Question) -> Option<Reply> {
        let again = self.used.iter().any(|used| used == key);
        self.replies.get(key).filter(|_| !again).and_then(|reply| read(question, reply))
    }

    /// The result that asks the client for the rest.
    pub(super) fn input_required(self) -> InputRequiredResult {
        let state =
            State { until: now() + STATE_TIME.as_secs(), round: self.replies.len(), replies: self.replies.clone() };
        let text = serde_json::to_string(&state).unwrap_or_default();
        let state = self.seal.close(&self.context(), &text);
        InputRequiredResult::new(Some(self.open), Some(state))
    }

    fn context(&self) -> [&str; 4] {
        let [caller, target, arguments] = &self.binding;
        ["input", caller, target, arguments]
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// A question as a client finds it in a result.
pub(super) fn request(question: &Question) -> Option<InputRequest> {
    Some(match question {
        Question::Form { .. } | Question::Page { .. } => {
            InputRequest::Elicitation(ElicitRequest::new(elicitation(question)?))
        }
        Question::Model(turn) => InputRequest::CreateMessage(CreateMessageRequest::new(message_params(turn))),
        Question::Roots => InputRequest::ListRoots(ListRootsRequest::default()),
    })
}

/// A reply as a client brings it; none if it is no reply to such a question.
pub(super) fn read(question: &Question, reply: &Value) -> Option<Reply> {
    let reply = match question {
        Question::Form { .. } | Question::Page { .. } => elicited(ElicitResult::deserialize(reply).ok()?),
        Question::Model(_) => said(CreateMessageResult::deserialize(reply).ok()?),
        Question::Roots => roots(ListRootsResult::deserialize(reply).ok()?),
    };
    reply.ok()
}

fn elicitation(question: &Question) -> Option<ElicitRequestParams> {
    match question {
        Question::Form { message, schema } => Some(ElicitRequestParams::FormElicitationParams {
            meta: None,
            message: message.clone(),
            requested_schema: serde_json::from_value(Value::Object(schema.clone())).ok()?,
        }),
        Question::Page { message, url } => Some(ElicitRequestParams::UrlElicitationParams {
            meta: None,
            message: message.clone(),
            url: url.clone(),
            elicitation_id: uuid::Uuid::now_v7().to_string(),
        }),
        Question::Model(_) | Question::Roots => None,
    }
}

fn message_params(turn: &Turn) -> CreateMessageRequestParams {
    let message = |said: &Said| {
        let role = if said.by_model { Role::Assistant } else { Role::User };
        SamplingMessage::new(role, SamplingMessageContentBlock::text(said.text.clone()))
    };
    let mut params = CreateMessageRequestParams::new(turn.said.iter().map(message).collect(), turn.output_tokens_max);
    params.system_prompt.clone_from(&turn.system);
    params.temperature = turn.temperature;
    params.stop_sequences = (!turn.stop_sequences.is_empty()).then(|| turn.stop_sequences.clone());
    params
}

fn elicited(result: ElicitResult) -> Result<Reply, NoReply> {
    match (result.action, result.content) {
        (ElicitationAction::Accept, Some(Value::Object(content))) => Ok(Reply::Accepted(content)),
        (ElicitationAction::Accept, None) => Ok(Reply::Accepted(JsonObject::new())),
        (ElicitationAction::Decline, _) => Ok(Reply::Declined),
        (ElicitationAction::Cancel, _) => Ok(Reply::Cancelled),
        _ => Err(NoReply::Strange),
    }
}

fn said(result: CreateMessageResult) -> Result<Reply, NoReply> {
    let text = |block| match block {
        SamplingMessageContentBlock::Text(text) => Some(text.text),
        _ => None,
    };
    let texts: Vec<String> = result.message.content.into_vec().into_iter().filter_map(text).collect();
    if texts.is_empty() {
        return Err(NoReply::Strange);
    }
    let model = result.model.chars().filter(|c| !c.is_control()).take(NAME_CHARACTERS_MAX).collect();
    Ok(Reply::Said(SaidByModel { text: texts.join("\n\n"), stop_reason: result.stop_reason, model }))
}

fn roots(result: ListRootsResult) -> Result<Reply, NoReply> {
    if result.roots.len() > ROOTS_MAX {
        return Err(NoReply::Strange);
    }
    let root = |root: rmcp::model::Root| Root { uri: root.uri, name: root.name };
    Ok(Reply::Roots(result.roots.into_iter().map(root).collect()))
}
