//! A call under way: what it tells, what it asks and how it ends, one after the other. Who
//! made it decides what becomes of each.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use tokio::sync::mpsc;

use crate::call::{Abilities, Asked, Client, Notice, Outcome, TakenBack};
use crate::fault::Error;

/// Reports and lines on their way to a client.
const NOTICES_AHEAD: usize = 64;

/// Questions on their way to a client.
const QUESTIONS_AHEAD: usize = 4;

/// How long a plugin may tidy up.
const TIDY_UP_TIME: Duration = Duration::from_secs(1);

/// How a call ends.
pub(super) type Ending<T> = Result<Outcome<T>, Error>;

/// A call, and what comes out of it. Dropping it takes it back, which stops the guest; a plugin that looks
/// for that may tidy up first.
pub(super) struct Running<T: Send + 'static> {
    call: Pin<Box<dyn Future<Output = Ending<T>> + Send>>,
    ending: Option<Ending<T>>,
    /// What came out of it, and is not dealt with yet.
    put_back: Option<Event<T>>,
    /// None if the client hears nothing.
    notices: Option<mpsc::Receiver<Notice>>,
    /// None if it can be asked nothing.
    asked: Option<mpsc::Receiver<Asked>>,
    taken_back: TakenBack,
    ended: bool,
}

/// What comes out of a call.
pub(super) enum Event<T> {
    /// The client is to be told.
    Told(Notice),
    /// The client is asked.
    Asked(Asked),
    /// It is over.
    Ended(Ending<T>),
}

impl<T: Send + 'static> Running<T> {
    /// Begins a call, for a client that can be told and asked through what `begin` is given.
    pub(super) fn begin<F>(mut client: Client, begin: impl FnOnce(Client) -> F) -> Self
    where
        F: Future<Output = Ending<T>> + Send + 'static,
    {
        let (hears, replies) =
            (client.wants_progress || client.log_level.is_some(), client.abilities != Abilities::default());
        let (tell, notices) = hears.then(|| mpsc::channel(NOTICES_AHEAD)).unzip();
        let (ask, asked) = replies.then(|| mpsc::channel(QUESTIONS_AHEAD)).unzip();
        (client.notices, client.questions) = (tell, ask);
        let taken_back = client.taken_back.clone();
        Self { call: Box::pin(begin(client)), ending: None, put_back: None, notices, asked, taken_back, ended: false }
    }

    /// What comes next. After the end nothing does.
    pub(super) async fn next(&mut self) -> Event<T> {
        if let Some(event) = self.put_back.take() {
            return event;
        }
        loop {
            if let Some(ending) = self.ending.take() {
                // What was told before the end goes out before it.
                match self.notices.as_mut().and_then(|notices| notices.try_recv().ok()) {
                    Some(notice) => {
                        self.ending = Some(ending);
                        return Event::Told(notice);
                    }
                    None => return Event::Ended(ending),
                }
            }
            tokio::select! {
                biased;
                Some(notice) = next_of(&mut self.notices) => return Event::Told(notice),
                Some(asked) = next_of(&mut self.asked) => return Event::Asked(asked),
                ending = &mut self.call => (self.ending, self.ended) = (Some(ending), true),
            }
        }
    }

    /// How it ends, if it does so within a time and nothing else comes out of it.
    pub(super) async fn ends_within(&mut self, time: Duration) -> Option<Ending<T>> {
        match tokio::time::timeout(time, self.next()).await {
            Ok(Event::Ended(ending)) => Some(ending),
            Ok(event) => {
                self.put_back = Some(event);
                None
            }
            Err(_) => None,
        }
    }

    /// Sees it to its end for a client that hears nothing of it any more.
    pub(super) async fn ends_unheard(&mut self) {
        while !matches!(self.next().await, Event::Ended(_)) {}
    }

    /// Whether it has ended.
    pub(super) fn is_over(&self) -> bool {
        self.ended
    }
}

/// What comes next out of a channel, if there is one.
async fn next_of<T>(channel: &mut Option<mpsc::Receiver<T>>) -> Option<T> {
    channel.as_mut()?.recv().await
}

impl<T: Send + 'static> Drop for Running<T> {
    fn drop(&mut self) {
        if self.ended || !self.taken_back.set() {
            return;
        }
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let call = std::mem::replace(&mut self.call, Box::pin(std::future::pending()));
        // One that takes longer is dropped as it is. What it tells and asks meanwhile nobody hears.
        runtime.spawn(tokio::time::timeout(TIDY_UP_TIME, call));
    }
}
