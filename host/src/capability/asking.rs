//! Questions to the client of a call, for the capabilities that ask: the client itself, and
//! the model that it lends.

use std::collections::BTreeSet;

use tokio::sync::oneshot;

use super::CallState;
use crate::call::{Asked, NoReply, Question, Reply};
use crate::fault::Ability;
use crate::wit::{Error, ErrorKind, Failure};

/// How many questions one call may ask.
const QUESTIONS_MAX: usize = 100;

/// The longest key, in bytes.
const KEY_BYTES_MAX: usize = 64;

/// What a call has asked so far.
#[derive(Default)]
pub(super) struct Questions {
    /// The keys, each of which it may use once.
    keys: BTreeSet<String>,
    /// What its client could not be asked.
    pub(super) lacking: Option<Ability>,
    /// Whether it has written something, and may ask no more.
    wrote: bool,
    /// How many turns of the client's model were taken through a grant.
    turns: usize,
}

/// The call ends here, and begins anew when its client has replied.
#[derive(Debug, thiserror::Error)]
#[error("the plugin asks its client, who will call again")]
pub struct AsksLater;

impl CallState {
    /// Notes that something was written: a call that did cannot begin anew.
    pub(super) fn wrote(&mut self) {
        self.questions.wrote = true;
    }

    /// A key for a turn of the client's model that the plugin takes through a grant: the same
    /// when the call begins anew.
    pub(super) fn key_of_next_turn(&mut self) -> String {
        self.questions.turns += 1;
        format!("toolhost/turn-{}", self.questions.turns)
    }

    /// Asks the client, and waits for its replies: one for each question, of any kind.
    pub(super) async fn ask_client(&mut self, questions: Vec<(String, Question)>) -> Result<Vec<Reply>, Failure> {
        self.may_ask(&questions)?;
        self.send(questions).await
    }

    /// Asks again what was not replied to in a way that fits.
    pub(super) async fn ask_again(&mut self, questions: Vec<(String, Question)>) -> Result<Vec<Reply>, Failure> {
        self.count_host_call()?;
        self.send(questions).await
    }

    fn may_ask(&mut self, questions: &[(String, Question)]) -> Result<(), Failure> {
        self.count_host_call()?;
        let invalid = |message: String| Err(Failure::from(Error::new(ErrorKind::Invalid, message)));
        for (key, question) in questions {
            let usable = (1..=KEY_BYTES_MAX).contains(&key.len()) && !key.chars().any(char::is_control);
            if !usable {
                return invalid(format!("the key of a question is 1 to {KEY_BYTES_MAX} bytes of text"));
            }
            if !self.questions.keys.insert(key.clone()) {
                return invalid(format!("the key `{key}` is used twice: each question of a call has its own"));
            }
            let can = self.client.abilities;
            let (able, ability) = match question {
                Question::Form { .. } => (can.forms, Ability::Forms),
                Question::Page { .. } => (can.pages, Ability::Pages),
                Question::Model(_) => (can.model, Ability::Model),
                Question::Roots => (can.roots, Ability::Roots),
            };
            if !able {
                self.questions.lacking.get_or_insert(ability);
                let message = "the calling client cannot be asked this; `client.abilities` tells what it can";
                return Err(Error::new(ErrorKind::Unavailable, message).into());
            }
        }
        if self.questions.keys.len() > QUESTIONS_MAX {
            let message = format!("a call asks at most {QUESTIONS_MAX} questions");
            return Err(Error::new(ErrorKind::Limited, message).into());
        }
        if self.questions.wrote {
            let message =
                "ask before you act: this call has written something, so it cannot begin anew with the replies";
            return Err(Error::new(ErrorKind::Denied, message).into());
        }
        Ok(())
    }

    async fn send(&mut self, questions: Vec<(String, Question)>) -> Result<Vec<Reply>, Failure> {
        let unavailable = |message: &str| Failure::from(Error::new(ErrorKind::Unavailable, message));
        let gone = || unavailable("the calling client went away before it had replied");
        let expected = questions.len();
        let Some(client) = self.client.questions.clone() else { return Err(gone()) };
        let (replies, replied) = oneshot::channel();
        let still = self.clock.stop();
        client.send(Asked { questions, replies }).await.map_err(|_| gone())?;
        let replies = tokio::time::timeout(self.scope.limits.reply_time(), replied).await;
        drop(still);
        match replies {
            Err(_) => Err(unavailable("the calling client did not reply in time")),
            Ok(Err(_) | Ok(Err(NoReply::Gone))) => Err(gone()),
            Ok(Ok(Err(NoReply::Later))) => Err(Failure::Trap(AsksLater.into())),
            Ok(Ok(Err(NoReply::Refused))) => {
                Err(Error::new(ErrorKind::Failed, "the calling client, or the person who uses it, declined").into())
            }
            Ok(Ok(Err(NoReply::Strange))) => {
                Err(Error::new(ErrorKind::Failed, "the calling client replied with something else than was asked")
                    .into())
            }
            Ok(Ok(Ok(replies))) if replies.len() == expected => Ok(replies),
            Ok(Ok(Ok(_))) => Err(gone()),
        }
    }
}
