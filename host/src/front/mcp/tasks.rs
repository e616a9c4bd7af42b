//! Tasks (SEP-2663): a call goes on after its request, if its client polls for such, and the
//! tool says so or the call is slow.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, SecondsFormat};
use rmcp::model::{CreateTaskResult, DetailedTask, ErrorData, GetTaskResult, TaskPayload, TaskStatus};
use serde::Serialize;
use serde_json::Value;

use super::asking::{self, Rounds};
use super::brief::GoesOn;
use super::running::{Ending, Event, Running};
use super::{Answered, Context, Door, attend, begin, protocol_error};
use crate::call::{Answer, Asked, Call, Caller, JsonObject, NoReply, Notice, Outcome, Progress, TaskUse};
use crate::fault::{Ability, Error, Kind};
use crate::front::answer;
use crate::tasks::{End, Status, Task, UnderWay};

/// What became of the use of a tool.
pub(super) enum Used {
    /// The request ends with it.
    Within(Answered<Answer>),
    /// It goes on after the request.
    AsTask(CreateTaskResult),
}

impl Door {
    /// Uses a tool: within the request, or as a task.
    pub(super) async fn use_tool(
        &self,
        mut call: Call,
        context: &Context<'_>,
        rounds: Option<Rounds>,
    ) -> Result<Used, Error> {
        if let Some(begun) = context.goes_on.and_then(GoesOn::take) {
            return Box::pin(self.go_on(begun, context)).await;
        }
        let task_use = self.task_use(&call.caller, &call.request.name);
        let polls = polls(context);
        if task_use == TaskUse::Required && !polls {
            return Err(Error::lacks(Ability::Tasks));
        }
        // In a task, progress is there to be asked for, whatever the request wanted to be told.
        call.client.wants_progress |= polls;
        let (host, owner) = (Arc::clone(&self.host), Arc::clone(&call.caller));
        let mut running = begin(call, |call| async move { host.call(call).await });
        if !polls {
            return self.drive(&mut running, context, rounds).await.map(Used::Within);
        }
        // Apart, as the one above, so that a call without need not carry the room that they take.
        Box::pin(self.use_as_task(running, rounds, context, task_use, &owner)).await
    }

    /// Sees to a call that may outlast its request: from the start, or once it is slow.
    async fn use_as_task(
        &self,
        mut running: Running<Answer>,
        mut rounds: Option<Rounds>,
        context: &Context<'_>,
        task_use: TaskUse,
        owner: &Caller,
    ) -> Result<Used, Error> {
        let tasks = self.host.tasks();
        if task_use == TaskUse::WhenSlow {
            let slow = tokio::time::sleep(tasks.after());
            if let Ok(ending) = attend(&mut running, context, &mut rounds, slow).await {
                return self.answered(ending, rounds).map(Used::Within);
            }
        }
        match tasks.begin(owner).await {
            Ok(begun) => {
                let task = begun.run(|under_way| see_through(running, rounds, under_way));
                Ok(Used::AsTask(CreateTaskResult::new(about(&task, TaskStatus::Working))))
            }
            Err(error) if task_use == TaskUse::Required => Err(error),
            // There is no room for it: the client waits, like one that cannot poll.
            Err(_) => self.drive(&mut running, context, rounds).await.map(Used::Within),
        }
    }

    /// How a tool wants to be called; one that the caller does not see wants nothing.
    pub(super) fn task_use(&self, caller: &Caller, tool: &str) -> TaskUse {
        let plugins = self.host.plugins();
        let task_use = plugins.tool(tool).map(|(_, loaded)| loaded.tool.task_use).unwrap_or_default();
        let hidden = || plugins.tool_seen_by(caller, tool).is_none();
        if task_use != TaskUse::default() && hidden() { TaskUse::default() } else { task_use }
    }

    /// `tasks/get`: how a task is.
    pub(super) async fn task(&self, id: &str, context: &Context<'_>) -> Result<GetTaskResult, ErrorData> {
        let found = self.host.tasks().find(&context.caller, id).await;
        let mut result = GetTaskResult::new(detailed(found.map_err(|error| protocol_error(&error))?));
        result.meta = self.server_info(context, result.meta);
        Ok(result)
    }

    /// `tasks/update`: replies to what a task asks. What is no reply to an open question is
    /// left out: the question stays open.
    pub(super) async fn reply_to_task(
        &self,
        id: &str,
        replies: &BTreeMap<String, Value>,
        context: &Context<'_>,
    ) -> Result<(), ErrorData> {
        let read = |key: &str, question: &_| replies.get(key).and_then(|reply| asking::read(question, reply));
        self.host.tasks().reply(&context.caller, id, read).await.map_err(|error| protocol_error(&error))
    }

    /// `tasks/cancel`: a task is taken back.
    pub(super) async fn stop_task(&self, id: &str, context: &Context<'_>) -> Result<(), ErrorData> {
        self.host.tasks().cancel(&context.caller, id).await.map_err(|error| protocol_error(&error))
    }
}

/// Whether the client of a request polls for tasks, in the revision that has them.
fn polls(context: &Context<'_>) -> bool {
    context.is_modern && context.client.as_ref().is_some_and(|client| client.supports_tasks())
}

/// Sees a call through after its request: what it tells and asks is there to be polled for.
async fn see_through(mut running: Running<Answer>, mut rounds: Option<Rounds>, under_way: Arc<UnderWay>) -> End {
    loop {
        match running.next().await {
            Event::Told(Notice::Progress(progress)) => under_way.told(message(progress)),
            // A line of a log goes out on the stream of its request, which has ended.
            Event::Told(Notice::Line(_)) => {}
            Event::Asked(asked) => {
                let asked = match &mut rounds {
                    Some(rounds) => rounds.reply_if_known(asked),
                    None => Some(asked),
                };
                if let Some(asked) = asked {
                    park(asked, &under_way);
                }
            }
            Event::Ended(ending) => return end(ending),
        }
    }
}

/// Leaves questions for the client to find, unless one of them has no words in the protocol.
fn park(asked: Asked, under_way: &UnderWay) {
    if asked.questions.iter().all(|(_, question)| asking::request(question).is_some()) {
        under_way.asked(asked);
    } else {
        let _ = asked.replies.send(Err(NoReply::Refused));
    }
}

fn message(progress: Progress) -> String {
    let Progress { done, total, message } = progress;
    message.unwrap_or_else(|| match total {
        Some(total) => format!("{done} of {total}"),
        None => done.to_string(),
    })
}

/// How a task ends. What the tool itself says is a result, also if it is an error; a call that
/// could not be made, or broke, has failed.
fn end(ending: Ending<Answer>) -> End {
    let result = match ending.and_then(Outcome::done) {
        Err(error) if broke(error.kind) => return End::Failed(object(&protocol_error(&error))),
        said => answer::tool_result(said).typed(),
    };
    End::Completed(object(&result))
}

fn broke(kind: Kind) -> bool {
    match kind {
        Kind::UnknownTool
        | Kind::ClientLacks
        | Kind::Crashed
        | Kind::Deadline
        | Kind::Memory
        | Kind::OverLimit
        | Kind::BadOutput
        | Kind::Busy
        | Kind::Internal => true,
        Kind::InvalidArguments
        | Kind::Invalid
        | Kind::Denied
        | Kind::NotFound
        | Kind::Limited
        | Kind::TooLarge
        | Kind::Cancelled
        | Kind::Unavailable
        | Kind::Failed => false,
    }
}

/// Made of JSON and text alone, a result cannot fail to become JSON.
fn object(said: &impl Serialize) -> JsonObject {
    match serde_json::to_value(said) {
        Ok(Value::Object(object)) => object,
        _ => JsonObject::new(),
    }
}

/// What the protocol says of every task.
fn about(task: &Task, status: TaskStatus) -> rmcp::model::Task {
    let time =
        |ms| DateTime::from_timestamp_millis(ms).unwrap_or_default().to_rfc3339_opts(SecondsFormat::Millis, true);
    let mut about = rmcp::model::Task::new(task.id.clone(), status, time(task.created_ms), time(task.updated_ms));
    about.status_message.clone_from(&task.message);
    about.with_ttl_ms(task.keep_ms).with_poll_interval_ms(task.poll_ms)
}

/// A task, and what goes with how it is.
fn detailed(mut task: Task) -> DetailedTask {
    let payload = match std::mem::replace(&mut task.status, Status::Working) {
        Status::Working => TaskPayload::Working,
        Status::Asking(questions) => {
            let request = |(key, question)| Some((key, asking::request(&question)?));
            TaskPayload::InputRequired { input_requests: questions.into_iter().filter_map(request).collect() }
        }
        Status::Ended(End::Completed(result)) => TaskPayload::Completed { result },
        Status::Ended(End::Failed(error)) => TaskPayload::Failed { error },
        Status::Ended(End::Cancelled) => TaskPayload::Cancelled,
        Status::Ended(End::Lost(why)) => {
            let error = Error::new(Kind::Internal, why).next("See whether the call had an effect, and call again.");
            TaskPayload::Failed { error: object(&protocol_error(&error)) }
        }
    };
    DetailedTask::new(about(&task, payload.status()), payload)
}
