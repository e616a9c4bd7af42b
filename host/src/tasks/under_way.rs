//! A task while its call runs: what the call tells, what it asks, and what is replied.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::{Status, Task, now_ms};
use crate::call::{Asked, NoReply, Question, Reply};

/// A task while its call runs.
pub struct UnderWay {
    pub(super) id: String,
    /// The name of the caller who began it.
    pub(super) owner: String,
    pub(super) created_ms: i64,
    pub(super) keep_ms: u64,
    /// Its owner took it back.
    pub(super) cancelled: CancellationToken,
    /// It is over, and how it ended is kept.
    pub(super) ended: CancellationToken,
    talk: Mutex<Talk>,
}

/// What is said between a call and its client.
struct Talk {
    updated_ms: i64,
    message: Option<String>,
    /// Every key that a question had: clients may go by them to know what they replied to.
    keys: BTreeSet<String>,
    open: Vec<Together>,
}

/// Questions that were asked together, and whoever waits for all the replies.
struct Together {
    questions: Vec<Open>,
    asker: oneshot::Sender<Result<Vec<Reply>, NoReply>>,
}

/// A question, and its reply once there is one.
struct Open {
    key: String,
    question: Question,
    reply: Option<Reply>,
}

impl UnderWay {
    pub(super) fn new(id: String, owner: String, created_ms: i64, keep_ms: u64) -> Self {
        let talk = Talk { updated_ms: created_ms, message: None, keys: BTreeSet::new(), open: Vec::new() };
        let (cancelled, ended) = (CancellationToken::new(), CancellationToken::new());
        Self { id, owner, created_ms, keep_ms, cancelled, ended, talk: Mutex::new(talk) }
    }

    /// The call tells what it is doing.
    pub fn told(&self, message: String) {
        let mut talk = self.talk();
        (talk.message, talk.updated_ms) = (Some(message), now_ms());
    }

    /// The call asks its client, and waits.
    pub fn asked(&self, asked: Asked) {
        let Asked { questions, replies } = asked;
        let mut talk = self.talk();
        let questions =
            questions.into_iter().map(|(key, question)| Open { key: talk.fresh(key), question, reply: None });
        let questions = questions.collect();
        talk.open.push(Together { questions, asker: replies });
        talk.updated_ms = now_ms();
    }

    /// Takes the replies that there are; a call whose questions all have one goes on.
    pub(super) fn reply(&self, read: impl Fn(&str, &Question) -> Option<Reply>) {
        let mut talk = self.talk();
        for open in talk.open.iter_mut().flat_map(|together| &mut together.questions) {
            if open.reply.is_none() {
                open.reply = read(&open.key, &open.question);
            }
        }
        let all = std::mem::take(&mut talk.open);
        let (replied, open) = all.into_iter().partition(Together::is_replied);
        (talk.open, talk.updated_ms) = (open, now_ms());
        for Together { questions, asker } in replied {
            // Whoever waited may have gone; then nobody misses the replies.
            let _ = asker.send(Ok(questions.into_iter().filter_map(|open| open.reply).collect()));
        }
    }

    /// How it is now.
    pub(super) fn task(&self, poll_ms: u64) -> Task {
        let mut talk = self.talk();
        // A call does not wait for ever.
        talk.open.retain(|together| !together.asker.is_closed());
        let open = talk.open.iter().flat_map(|together| &together.questions).filter(|open| open.reply.is_none());
        let asking: Vec<_> = open.map(|open| (open.key.clone(), open.question.clone())).collect();
        Task {
            id: self.id.clone(),
            created_ms: self.created_ms,
            updated_ms: talk.updated_ms,
            keep_ms: self.keep_ms,
            poll_ms,
            message: talk.message.clone(),
            status: if asking.is_empty() { Status::Working } else { Status::Asking(asking) },
        }
    }

    fn talk(&self) -> MutexGuard<'_, Talk> {
        self.talk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Talk {
    /// This key, or one like it that no question had: one that is asked again is another question.
    fn fresh(&mut self, key: String) -> String {
        let mut fresh = key.clone();
        let mut count = 1;
        while !self.keys.insert(fresh.clone()) {
            count += 1;
            fresh = format!("{key}/{count}");
        }
        fresh
    }
}

impl Together {
    fn is_replied(&self) -> bool {
        self.questions.iter().all(|open| open.reply.is_some())
    }
}
