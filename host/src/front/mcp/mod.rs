//! MCP: rmcp's handler on one side, `Call` and `Outcome` on the other.
//!
//! rmcp speaks every revision of the protocol; what it leaves to a server is here: a call
//! that was taken back is dropped, an unknown tool is the protocol's own error, what is
//! declared is what the plugins offer, and every result says which server it is from.

mod asking;
mod brief;
mod context;
mod declared;
mod listening;
mod lists;
mod malformed;
mod offers;
mod running;
mod tasks;

use std::convert::Infallible;
use std::future::pending;
use std::pin::pin;
use std::sync::{Arc, OnceLock};

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, ClientCapabilities, CreateTaskResult, ErrorCode, ErrorData,
    GetPromptRequestParams, GetPromptResponse, InputRequiredResult, MetaObject, ProgressNotificationParam,
    ReadResourceRequestParams, ReadResourceResponse,
};
use serde::Serialize;
use serde_json::{Value, json};

use self::asking::Rounds;
pub(super) use self::brief::Brief;
pub(super) use self::context::Context;
use self::listening::Session;
pub(super) use self::malformed::INITIALIZE;
use self::running::{Ending, Event, Running};
use self::tasks::Used;
use super::answer::{self, ToolResult};
use crate::call::{Abilities, Call, Client, GetPrompt, JsonObject, Level, Notice, Outcome, ReadResource, UseTool};
use crate::fault::{Ability, Error, Kind};
use crate::host::Host;

/// The key under which a result names its server.
const SERVER_INFO: &str = "io.modelcontextprotocol/serverInfo";

/// The door; rmcp makes one for each session, and in the newest revision for each request.
#[derive(Clone)]
pub(super) struct Door {
    host: Arc<Host>,
    /// What every result says of its server.
    about: Arc<Value>,
    session: Arc<Session>,
}

/// A session that begins: filled with its door, for whoever keeps the session.
#[derive(Clone, Default)]
pub(super) struct Opening(Arc<OnceLock<Door>>);

impl Opening {
    /// The door, if it was opened.
    pub(super) fn door(&self) -> Option<&Door> {
        self.0.get()
    }

    fn opened(&self, door: Door) {
        let _ = self.0.set(door);
    }
}

/// What a call came to.
enum Answered<T> {
    Done(T),
    /// The client is asked, and calls again.
    InputRequired(InputRequiredResult),
}

/// The result of `tools/call`. It is the protocol library's [`CallToolResponse`], which it becomes
/// where that is to send it.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum ToolResponse {
    Complete(ToolResult),
    InputRequired(InputRequiredResult),
    Task(CreateTaskResult),
}

impl From<ToolResponse> for CallToolResponse {
    fn from(response: ToolResponse) -> Self {
        match response {
            ToolResponse::Complete(result) => Self::Complete(result.into()),
            ToolResponse::InputRequired(result) => Self::InputRequired(result),
            ToolResponse::Task(result) => Self::Task(result),
        }
    }
}

impl Door {
    pub(super) fn new(host: Arc<Host>) -> Self {
        let about = serde_json::to_value(declared::about()).unwrap_or_default();
        Self { host, about: Arc::new(about), session: Arc::default() }
    }

    /// The same door for another session.
    pub(super) fn for_session(&self) -> Self {
        Self { session: Arc::default(), ..self.clone() }
    }

    /// Whether a call of this tool can be held against its headers by its name alone.
    pub(super) fn is_plain(&self, tool: &str) -> bool {
        self.host.plugins().tool(tool).is_some_and(|(_, loaded)| !loaded.tool.mirrors_arguments)
    }

    /// What every result carries since revision 2026-07-28, and none before it.
    fn server_info(&self, context: &Context<'_>, meta: Option<MetaObject>) -> Option<MetaObject> {
        if !context.is_modern {
            return meta;
        }
        let mut meta = meta.unwrap_or_default();
        meta.0.insert(SERVER_INFO.to_owned(), Value::clone(&self.about));
        Some(meta)
    }

    /// A call, by a client that is told and asked what its request allows.
    fn call<R>(&self, request: R, context: &Context<'_>) -> Call<R> {
        let client = Client {
            wants_progress: context.meta.get_progress_token().is_some(),
            log_level: self.log_level(context),
            abilities: asking::abilities(context),
            ..Client::default()
        };
        let (caller, trace) = (Arc::clone(&context.caller), context.trace.clone());
        Call { client, caller, trace, ..Call::of(request) }
    }

    /// The least level of lines for the client: what this request says in the newest
    /// revision, what the session said before it.
    #[allow(deprecated, reason = "the newest revision drops logging; clients have it still")]
    fn log_level(&self, context: &Context<'_>) -> Option<Level> {
        if context.is_modern {
            return context.meta.log_level().map(declared::level);
        }
        Some(self.session.level().unwrap_or(Level::Info))
    }

    /// The rounds that a request goes on with, in the revision that has them.
    fn rounds(
        &self,
        context: &Context<'_>,
        target: (&str, &str, &JsonObject),
        replies: Option<std::collections::BTreeMap<String, Value>>,
        state: Option<&str>,
    ) -> Result<Option<Rounds>, ErrorData> {
        // A client that can be asked nothing, and brings nothing, has none.
        let brings = replies.is_some() || state.is_some();
        if !context.is_modern || (!brings && asking::abilities(context) == Abilities::default()) {
            return Ok(None);
        }
        Rounds::resume(self.host.seal(), &context.caller, target, replies, state).map(Some)
    }

    pub(super) async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: &Context<'_>,
    ) -> Result<ToolResponse, ErrorData> {
        let name = request.name.into_owned();
        let arguments = request.arguments.unwrap_or_default();
        let target = ("tools/call", name.as_str(), &arguments);
        let rounds = self.rounds(context, target, request.input_responses, request.request_state.as_deref())?;
        let used = self.use_tool(self.call(UseTool { name, arguments }, context), context, rounds).await;
        self.tool_response(used, context)
    }

    /// What the use of a tool is answered.
    fn tool_response(&self, used: Result<Used, Error>, context: &Context<'_>) -> Result<ToolResponse, ErrorData> {
        let result = match used {
            Ok(Used::Within(Answered::InputRequired(result))) => {
                return Ok(ToolResponse::InputRequired(self.with_info(result, context)));
            }
            Ok(Used::AsTask(mut result)) => {
                result.meta = self.server_info(context, result.meta);
                return Ok(ToolResponse::Task(result));
            }
            Ok(Used::Within(Answered::Done(answer))) => Ok(answer),
            Err(error) => Err(refused(error, context)?),
        };
        let mut result = answer::tool_result(result);
        if context.is_modern {
            result = result.typed();
        }
        result.meta = self.server_info(context, result.meta);
        Ok(ToolResponse::Complete(result))
    }

    pub(super) async fn read(
        &self,
        request: ReadResourceRequestParams,
        context: &Context<'_>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        let (uri, nothing) = (request.uri, JsonObject::new());
        let target = ("resources/read", uri.as_str(), &nothing);
        let rounds = self.rounds(context, target, request.input_responses, request.request_state.as_deref())?;
        let (host, call) = (Arc::clone(&self.host), self.call(ReadResource { uri: uri.clone() }, context));
        let mut running = begin(call, |call| async move { host.read(call).await });
        match self.drive(&mut running, context, rounds).await {
            Ok(Answered::InputRequired(result)) => Ok(self.with_info(result, context).into()),
            Ok(Answered::Done(contents)) => {
                let mut result = answer::contents(contents);
                (result.ttl_ms, result.cache_scope) = offers::fresh();
                result.meta = self.server_info(context, result.meta);
                Ok(result.into())
            }
            Err(error) if error.kind == Kind::NotFound => {
                Err(ErrorData::resource_not_found(error.sentence(), Some(json!({ "uri": uri }))))
            }
            Err(error) => Err(protocol_error(&error)),
        }
    }

    pub(super) async fn prompt(
        &self,
        request: GetPromptRequestParams,
        context: &Context<'_>,
    ) -> Result<GetPromptResponse, ErrorData> {
        let arguments = request.arguments.unwrap_or_default();
        let target = ("prompts/get", request.name.as_str(), &arguments);
        let rounds = self.rounds(context, target, request.input_responses, request.request_state.as_deref())?;
        let (host, call) = (Arc::clone(&self.host), self.call(GetPrompt { name: request.name, arguments }, context));
        let mut running = begin(call, |call| async move { host.prompt(call).await });
        match self.drive(&mut running, context, rounds).await {
            Ok(Answered::InputRequired(result)) => Ok(self.with_info(result, context).into()),
            Ok(Answered::Done(conversation)) => {
                let mut result = answer::conversation(conversation);
                result.meta = self.server_info(context, result.meta);
                Ok(result.into())
            }
            Err(error) => Err(protocol_error(&error)),
        }
    }

    /// Sees a call through, to its end.
    async fn drive<T: Send + 'static>(
        &self,
        running: &mut Running<T>,
        context: &Context<'_>,
        mut rounds: Option<Rounds>,
    ) -> Result<Answered<T>, Error> {
        let Ok(ending) = attend(running, context, &mut rounds, pending::<Infallible>()).await;
        self.answered(ending, rounds)
    }

    fn answered<T>(&self, ending: Ending<T>, rounds: Option<Rounds>) -> Result<Answered<T>, Error> {
        match (ending?, rounds) {
            (Outcome::Done(answer), _) => Ok(Answered::Done(answer)),
            (Outcome::Asked, Some(rounds)) => Ok(Answered::InputRequired(rounds.input_required())),
            (asked @ Outcome::Asked, None) => asked.done().map(Answered::Done),
        }
    }

    fn with_info(&self, mut result: InputRequiredResult, context: &Context<'_>) -> InputRequiredResult {
        result.meta = self.server_info(context, result.meta);
        result
    }
}

/// Sees a call through: tells its client, asks it, and ends it if it is taken back. An error is
/// what came of `enough`, if the call had not ended by then.
async fn attend<T: Send + 'static, E>(
    running: &mut Running<T>,
    context: &Context<'_>,
    rounds: &mut Option<Rounds>,
    enough: impl Future<Output = E>,
) -> Result<Ending<T>, E> {
    let (mut asking, mut enough) = (FuturesUnordered::new(), pin!(enough));
    loop {
        // A call that was told to ask is about to end.
        let ends = rounds.as_ref().is_some_and(Rounds::asks);
        tokio::select! {
            event = running.next() => match event {
                Event::Told(notice) => Box::pin(tell(notice, context)).await,
                Event::Asked(asked) => match rounds {
                    Some(rounds) => rounds.reply(asked),
                    None => asking.push(asking::ask_in_place(asked, context.peer)),
                },
                Event::Ended(ending) => return Ok(ending),
            },
            Some(()) = asking.next() => {}
            // Who gets this drops the call, which stops the guest.
            () = context.taken_back() => {
                return Ok(Err(Error::new(Kind::Cancelled, "The call was taken back.")));
            }
            enough = &mut enough, if !ends => return Err(enough),
        }
    }
}

/// Begins a call whose news come out here.
fn begin<R, T, F>(call: Call<R>, run: impl FnOnce(Call<R>) -> F) -> Running<T>
where
    T: Send + 'static,
    F: Future<Output = Ending<T>> + Send + 'static,
{
    let client = call.client.clone();
    Running::begin(client, |client| run(Call { client, ..call }))
}

/// Tells the client of a request. One that is gone misses it; that it is gone is found out elsewhere.
#[allow(deprecated, reason = "the newest revision drops logging; clients have it still")]
async fn tell(notice: Notice, context: &Context<'_>) {
    let Some(peer) = context.peer else { return };
    match notice {
        Notice::Progress(progress) => {
            let Some(token) = context.meta.get_progress_token() else { return };
            let mut message = ProgressNotificationParam::new(token, progress.done);
            (message.total, message.message) = (progress.total, progress.message);
            let _ = peer.notify_progress(message).await;
        }
        Notice::Line(line) => {
            let level = declared::protocol_level(line.level);
            let mut message = rmcp::model::LoggingMessageNotificationParam::new(level, Value::String(line.message));
            message.logger = line.logger;
            let _ = peer.notify_logging_message(message).await;
        }
    }
}

/// A failed tool call as a result that the model reads, unless the protocol has an error of
/// its own for it.
fn refused(error: Error, context: &Context<'_>) -> Result<Error, ErrorData> {
    match error.kind {
        Kind::UnknownTool => Err(protocol_error(&error)),
        Kind::ClientLacks if context.is_modern => Err(protocol_error(&error)),
        _ => Ok(error),
    }
}

/// An error in the protocol's own words.
fn protocol_error(error: &Error) -> ErrorData {
    if let Some(ability) = error.lacks {
        return ErrorData::missing_required_client_capability(capabilities(ability));
    }
    let code = match error.kind {
        Kind::UnknownTool | Kind::NotFound | Kind::InvalidArguments | Kind::Invalid => ErrorCode::INVALID_PARAMS,
        _ => ErrorCode::INTERNAL_ERROR,
    };
    ErrorData::new(code, error.sentence(), Some(answer::error_json(error)))
}

/// What a client would have to declare.
#[allow(deprecated, reason = "the newest revision drops sampling and roots; clients have them still")]
fn capabilities(ability: Ability) -> ClientCapabilities {
    let builder = ClientCapabilities::builder();
    match ability {
        Ability::Forms | Ability::Pages => builder.enable_elicitation().build(),
        Ability::Model => builder.enable_sampling().build(),
        Ability::Roots => builder.enable_roots().build(),
        Ability::Tasks => builder.enable_tasks().build(),
    }
}
