//! Calls in a session that need no stream: they end soon, and tell and ask nothing before. Each
//! begins before the protocol library hears of it; one that turns out to be another goes on
//! as a request of the library's, which makes its stream.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rmcp::model::{CallToolRequestParams, ErrorData, RequestId};
use tokio_util::sync::CancellationToken;

use super::running::Running;
use super::tasks::Used;
use super::{Context, Door, ToolResponse, begin};
use crate::call::{Answer, TaskUse, UseTool};
use crate::fault::{Error, Kind};

/// How long a call may take without a stream, by which its client could take it up again.
const BRIEF: Duration = Duration::from_millis(50);

/// A call that goes on whatever becomes of its connection, until it ends or is taken back.
pub(in crate::front) struct Begun(Option<Ongoing>);

struct Ongoing {
    running: Running<Answer>,
    listed: Listed,
}

/// What became of a call while it was brief.
pub(in crate::front) enum Brief {
    /// It is over.
    Ended(Result<ToolResponse, ErrorData>),
    /// Its client took it back, and hears no more of it.
    TakenBack,
    /// It needs a stream.
    GoesOn(Begun),
}

/// A call that goes on, in the head of its request for [`Door::use_tool`] to take it up.
#[derive(Clone)]
pub(in crate::front) struct GoesOn(Arc<Mutex<Option<Begun>>>);

/// The calls of one session that began before the library heard of them.
#[derive(Default)]
pub(super) struct UnderWay(Mutex<HashMap<RequestId, CancellationToken>>);

/// The place of a call among those that are under way.
struct Listed {
    door: Door,
    id: RequestId,
    taken_back: CancellationToken,
}

impl Door {
    /// Begins a call of this door's session, if nothing is against it: the library knows what to
    /// say of what is.
    pub(in crate::front) fn begin_tool(
        &self,
        id: RequestId,
        params: CallToolRequestParams,
        context: &Context<'_>,
    ) -> Option<Begun> {
        if self.task_use(&context.caller, &params.name) == TaskUse::Required {
            return None;
        }
        let taken_back = self.session.under_way.add(id.clone(), &self.session.ended)?;
        let listed = Listed { door: self.clone(), id, taken_back };
        let (name, arguments) = (params.name.into_owned(), params.arguments.unwrap_or_default());
        let (host, call) = (Arc::clone(&self.host), self.call(UseTool { name, arguments }, context));
        let running = begin(call, |call| async move { host.call(call).await });
        Some(Begun(Some(Ongoing { running, listed })))
    }

    /// Sees to a call while it is brief.
    pub(in crate::front) async fn briefly(&self, mut begun: Begun, context: &Context<'_>) -> Brief {
        let Some(Ongoing { running, listed }) = &mut begun.0 else { return Brief::TakenBack };
        let ending = tokio::select! {
            biased;
            () = listed.taken_back.cancelled() => None,
            ending = running.ends_within(BRIEF) => ending,
        };
        match ending {
            _ if listed.taken_back.is_cancelled() => {
                begun.0 = None;
                Brief::TakenBack
            }
            Some(ending) => {
                let used = self.answered(ending, None).map(Used::Within);
                Brief::Ended(self.tool_response(used, context))
            }
            None => Brief::GoesOn(begun),
        }
    }

    /// Takes back a call that the library may know nothing of.
    pub(in crate::front) fn take_back(&self, id: &RequestId) {
        self.session.under_way.take_back(id);
    }

    /// Ends the session, and what is under way in it.
    pub(in crate::front) fn end(&self) {
        self.session.ended.cancel();
    }

    /// Goes on with a call that is brief no more.
    pub(super) async fn go_on(&self, mut begun: Begun, context: &Context<'_>) -> Result<Used, Error> {
        let taken_back = Error::new(Kind::Cancelled, "The call was taken back.");
        let Some(Ongoing { mut running, listed }) = begun.0.take() else { return Err(taken_back) };
        tokio::select! {
            used = self.drive(&mut running, context, None) => used.map(Used::Within),
            () = listed.taken_back.cancelled() => Err(taken_back),
        }
    }
}

impl Begun {
    /// It, to be put in the head of its request.
    pub(in crate::front) fn goes_on(self) -> GoesOn {
        GoesOn(Arc::new(Mutex::new(Some(self))))
    }
}

impl GoesOn {
    /// The call, once.
    pub(super) fn take(&self) -> Option<Begun> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// A client that goes away has not taken its call back: in a session, that takes a message.
impl Drop for Begun {
    fn drop(&mut self) {
        let Some(mut ongoing) = self.0.take().filter(|ongoing| !ongoing.running.is_over()) else { return };
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        runtime.spawn(async move {
            let Ongoing { running, listed } = &mut ongoing;
            tokio::select! {
                () = listed.taken_back.cancelled() => {}
                () = running.ends_unheard() => {}
            }
        });
    }
}

impl UnderWay {
    /// None if there is one of this id.
    fn add(&self, id: RequestId, session: &CancellationToken) -> Option<CancellationToken> {
        let mut calls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if calls.contains_key(&id) {
            return None;
        }
        let taken_back = session.child_token();
        calls.insert(id, taken_back.clone());
        Some(taken_back)
    }

    fn take_back(&self, id: &RequestId) {
        if let Some(call) = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(id) {
            call.cancel();
        }
    }

    fn remove(&self, id: &RequestId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
    }
}

impl Drop for Listed {
    fn drop(&mut self) {
        self.door.session.under_way.remove(&self.id);
    }
}
