//! The client that made the call: what it is told while the call runs, and asked. Every
//! plugin has it.

mod form;

use std::time::{Duration, Instant};

use wasmtime::component::{HasSelf, Linker};

use self::form::Form;
use super::CallState;
use crate::call::{Level, Line, Notice, Offer, Progress, Question, Reply, Said, SaidByModel, Turn};
use crate::wit::client::{self, Answer};
use crate::wit::{Error, ErrorKind, Failure};

/// Reports that come sooner than this after the one before are dropped.
const INTERVAL: Duration = Duration::from_millis(10);

/// What a plugin may say about its progress, in bytes.
const MESSAGE_BYTES_MAX: usize = 1 << 10;

/// The longest line of a client's log, in bytes.
const LINE_BYTES_MAX: usize = 8 << 10;

/// The most lines of one call.
const LINES_MAX: usize = 100;

/// The longest question, in bytes.
const QUESTION_BYTES_MAX: usize = 64 << 10;

/// How often a form is shown until it is filled in right.
const TRIES: usize = 3;

/// The most resources that one call may say are out of date.
const UPDATED_MAX: usize = 100;

/// What the client was told.
#[derive(Default)]
pub(super) struct Told {
    last_report: Option<(f64, Instant)>,
    lines: usize,
}

/// Hands the interface to a linker.
pub(super) fn link(linker: &mut Linker<CallState>) -> wasmtime::Result<()> {
    client::add_to_linker::<_, HasSelf<_>>(linker, |state| state)
}

impl client::Host for CallState {
    async fn progress(&mut self, done: f64, total: Option<f64>, message: Option<String>) -> wasmtime::Result<()> {
        self.count_host_call()?;
        let Some(notices) = self.client.notices.as_ref().filter(|_| self.client.wants_progress) else { return Ok(()) };
        let now = Instant::now();
        let due = |(before, at): (f64, Instant)| done > before && now.duration_since(at) >= INTERVAL;
        if done.is_finite() && self.told.last_report.is_none_or(due) {
            let total = total.filter(|total| total.is_finite());
            let message = message.filter(|message| message.len() <= MESSAGE_BYTES_MAX);
            // A client that reads too slowly misses reports; the call does not wait for it.
            if notices.try_send(Notice::Progress(Progress { done, total, message })).is_ok() {
                self.told.last_report = Some((done, now));
            }
        }
        Ok(())
    }

    async fn note(&mut self, level: client::Level, logger: Option<String>, message: String) -> wasmtime::Result<()> {
        self.count_host_call()?;
        let level = level_of(level);
        let wanted = self.client.log_level.is_some_and(|least| level >= least);
        let fits = message.len() <= LINE_BYTES_MAX && logger.as_ref().is_none_or(|name| name.len() <= LINE_BYTES_MAX);
        let Some(notices) = self.client.notices.as_ref().filter(|_| wanted && fits) else { return Ok(()) };
        if self.told.lines < LINES_MAX && notices.try_send(Notice::Line(Line { level, logger, message })).is_ok() {
            self.told.lines += 1;
        }
        Ok(())
    }

    async fn abilities(&mut self) -> wasmtime::Result<client::Ability> {
        self.count_host_call()?;
        let can = self.client.abilities;
        let flags = [
            (can.forms, client::Ability::FORMS),
            (can.pages, client::Ability::PAGES),
            (can.model, client::Ability::MODEL),
            (can.roots, client::Ability::ROOTS),
        ];
        Ok(flags.into_iter().filter(|(can, _)| *can).fold(client::Ability::empty(), |all, (_, flag)| all | flag))
    }

    async fn ask(&mut self, questions: Vec<(String, client::Question)>) -> Result<Vec<Answer>, Failure> {
        let mut asked = Vec::with_capacity(questions.len());
        let mut forms = Vec::with_capacity(questions.len());
        for (key, question) in questions {
            let (question, form) = read(question)?;
            asked.push((key, question));
            forms.push(form);
        }
        let mut answers = vec![None; asked.len()];
        let mut replies = self.ask_client(asked.clone()).await?;
        let mut open: Vec<usize> = (0..asked.len()).collect();
        for attempt in 1.. {
            let mut again = Vec::new();
            for (place, reply) in open.into_iter().zip(replies) {
                let (Some((_, question)), Some(form)) = (asked.get(place), forms.get(place)) else { continue };
                match (answer(question, form.as_ref(), reply), answers.get_mut(place)) {
                    (Some(answer), Some(slot)) => *slot = Some(answer),
                    _ => again.push(place),
                }
            }
            if again.is_empty() || attempt == TRIES {
                break;
            }
            let questions = again.iter().filter_map(|place| asked.get(*place).cloned()).collect();
            replies = self.ask_again(questions).await?;
            open = again;
        }
        let answered: Option<Vec<Answer>> = answers.into_iter().collect();
        answered
            .ok_or_else(|| Error::new(ErrorKind::Failed, "the calling client did not answer what it was asked").into())
    }

    async fn changed(&mut self, offer: client::Offer) -> wasmtime::Result<()> {
        self.count_host_call()?;
        self.news.changed.insert(match offer {
            client::Offer::Tools => Offer::Tools,
            client::Offer::Resources => Offer::Resources,
            client::Offer::Prompts => Offer::Prompts,
            client::Offer::Skills => Offer::Skills,
        });
        Ok(())
    }

    async fn cancelled(&mut self) -> wasmtime::Result<bool> {
        self.count_host_call()?;
        Ok(self.client.taken_back.look())
    }

    async fn updated(&mut self, uri: String) -> wasmtime::Result<()> {
        self.count_host_call()?;
        if self.news.updated.len() < UPDATED_MAX && !self.news.updated.contains(&uri) {
            self.news.updated.push(uri);
        }
        Ok(())
    }
}

/// A question as the plugin asks it, with the form that replies are held against.
fn read(question: client::Question) -> Result<(Question, Option<Form>), Error> {
    let invalid = |message: String| Error::new(ErrorKind::Invalid, message);
    let bytes = match &question {
        client::Question::Form(form) => form.message.len() + form.schema.len(),
        client::Question::Page(page) => page.message.len() + page.url.len(),
        client::Question::Model(turn) => turn.text.len() + turn.system.as_ref().map_or(0, String::len),
        client::Question::Roots => 0,
    };
    if bytes > QUESTION_BYTES_MAX {
        return Err(invalid(format!("a question is at most {} KiB long", QUESTION_BYTES_MAX >> 10)));
    }
    Ok(match question {
        client::Question::Form(client::Form { message, schema }) => {
            let (form, schema) = Form::read(&schema).map_err(invalid)?;
            (Question::Form { message, schema }, Some(form))
        }
        client::Question::Page(client::Page { message, url }) => {
            if !url.starts_with("https://") || url.chars().any(|c| c.is_control() || c.is_whitespace()) {
                return Err(invalid("a page has an `https:` URL".to_owned()));
            }
            (Question::Page { message, url }, None)
        }
        client::Question::Model(client::Turn { system, text, output_tokens_max }) => {
            let said = vec![Said { by_model: false, text }];
            let turn = Turn { system, said, output_tokens_max, temperature: None, stop_sequences: Vec::new() };
            (Question::Model(turn), None)
        }
        client::Question::Roots => (Question::Roots, None),
    })
}

/// What the plugin is answered; none if the reply does not fit the question.
fn answer(question: &Question, form: Option<&Form>, reply: Reply) -> Option<Answer> {
    match (question, reply) {
        (Question::Form { .. }, Reply::Accepted(content)) => form?.take(content).map(Answer::Form),
        (Question::Page { .. }, Reply::Accepted(_)) => Some(Answer::Page),
        (Question::Form { .. } | Question::Page { .. }, Reply::Declined) => Some(Answer::Declined),
        (Question::Form { .. } | Question::Page { .. }, Reply::Cancelled) => Some(Answer::Cancelled),
        (Question::Model(_), Reply::Said(SaidByModel { text, .. })) => Some(Answer::Model(text)),
        (Question::Roots, Reply::Roots(roots)) => {
            let root = |root: crate::call::Root| client::Root { uri: root.uri, name: root.name };
            Some(Answer::Roots(roots.into_iter().map(root).collect()))
        }
        _ => None,
    }
}

fn level_of(level: client::Level) -> Level {
    match level {
        client::Level::Debug => Level::Debug,
        client::Level::Info => Level::Info,
        client::Level::Notice => Level::Notice,
        client::Level::Warning => Level::Warning,
        client::Level::Error => Level::Error,
        client::Level::Critical => Level::Critical,
        client::Level::Alert => Level::Alert,
        client::Level::Emergency => Level::Emergency,
    }
}
