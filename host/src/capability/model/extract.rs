//! No model at all: what of a text can be counted, and which of its sentences stand out. The same
//! text and question always get the same answer, which says that no model wrote it.

mod columns;
mod records;
mod sentences;
mod split;
mod words;

use std::fmt::Write as _;

use schemars::JsonSchema;
use serde::Deserialize;

use self::records::Records;
use self::sentences::{Ranked, Sentence};
use super::turn::{Turn, first_tokens};
use crate::wit::model::{Answer, Message, Role, StopReason};
use crate::wit::{Error, ErrorKind};

/// What answers call the model.
pub(super) const NAME: &str = "extract";

/// How many sentences are shown: those that share words with the question, and others.
const CLOSE_SHOWN: usize = 8;
const OTHERS_SHOWN: usize = 6;

/// How many sentences are looked at.
const SENTENCES_MAX: usize = 20_000;

const HEAD: &str = "No model wrote this: it is counted and quoted from the data (`extract`).";

/// `[model.<grant>.extract]`: nothing to write, for there is nothing to set up.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Config {}

/// Takes one turn. The work is bounded by `input_tokens_max`, and goes on a thread of its own.
pub(super) async fn converse(turn: &Turn) -> Result<Answer, Error> {
    let said: Vec<String> = turn.messages.iter().filter(of_user).map(|message| message.text.clone()).collect();
    let text = tokio::task::spawn_blocking(move || answer(&said.join("\n\n")));
    let text = text.await.map_err(|_| Error::new(ErrorKind::Failed, "the data could not be read"))?;
    let shown = first_tokens(&text, turn.output_tokens_max);
    let stop = if shown.len() < text.len() { StopReason::OutputLimit } else { StopReason::End };
    Ok(Answer { text: shown.to_owned(), stop, usage: None, model: NAME.to_owned() })
}

fn of_user(message: &&Message) -> bool {
    message.role == Role::User
}

/// The whole answer to what the user said.
fn answer(said: &str) -> String {
    let (question, data) = split::question_and_data(said);
    let mut text = HEAD.to_owned();
    let (records, sentences) = match Records::read(data) {
        Some(records) => {
            let sentences = records.sentences(SENTENCES_MAX);
            (Some(records), sentences)
        }
        None => (None, sentences::of_prose(data, SENTENCES_MAX)),
    };
    match &records {
        Some(records) => columns::describe(records, &mut text),
        None => paragraph(&mut text, &count(sentences.len(), "sentence")),
    }
    if sentences.len() == SENTENCES_MAX {
        paragraph(&mut text, &format!("Only the first {SENTENCES_MAX} sentences were looked at."));
    }
    let ranked = sentences::rank(&sentences, &question, CLOSE_SHOWN, OTHERS_SHOWN);
    let unit = if records.is_some() { "record" } else { "sentence" };
    if !ranked.words.is_empty() {
        let words: Vec<String> = ranked.words.iter().map(|(word, places)| format!("{word} ({places})")).collect();
        paragraph(&mut text, &format!("Words that stand out, and in how many {unit}s: {}.", words.join(", ")));
    }
    quote(&mut text, "Closest to the question:", &ranked.close, &sentences);
    let title = if ranked.close.is_empty() { "Sentences that stand out:" } else { "Others that stand out:" };
    quote(&mut text, title, &ranked.others, &sentences);
    if ranked.close.is_empty() && !question.trim().is_empty() {
        paragraph(&mut text, "No sentence shares a telling word with the question.");
    }
    text
}

fn paragraph(text: &mut String, line: &str) {
    text.push_str("\n\n");
    text.push_str(line);
}

fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}.", if number == 1 { "" } else { "s" })
}

/// Writes sentences as a list, each with the record it is from and how many are like it.
fn quote(text: &mut String, title: &str, chosen: &[Ranked], sentences: &[Sentence]) {
    if chosen.is_empty() {
        return;
    }
    paragraph(text, title);
    for Ranked { place, more, alike } in chosen {
        let quoted = sentences.get(*place..=place + more).unwrap_or_default();
        let said: Vec<&str> = quoted.iter().map(|sentence| sentence.text.as_str()).collect();
        let label = quoted.first().and_then(|sentence| sentence.label.as_ref());
        let label = label.map(|label| format!("[{label}] ")).unwrap_or_default();
        let alike = match alike {
            0 => String::new(),
            1 => " (and 1 like it)".to_owned(),
            more => format!(" (and {more} like it)"),
        };
        let _ = write!(text, "\n- {label}{}{alike}", said.join(" "));
    }
}

#[cfg(test)]
mod tests;
