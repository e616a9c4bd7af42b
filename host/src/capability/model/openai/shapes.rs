//! The JSON of OpenAI's chat completions: what is sent, and what of the answer is read.

use serde::{Deserialize, Serialize};

use super::super::turn::Turn;
use super::errors;
use crate::wit::Error;
use crate::wit::model::{Answer, Role, StopReason, Usage};

/// What is sent. Servers of all ages know these keys.
#[derive(Serialize)]
pub(super) struct Question<'a> {
    model: &'a str,
    messages: Vec<Said<'a>>,
    max_tokens: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f32>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    stop: &'a [String],
    stream: bool,
}

#[derive(Serialize)]
struct Said<'a> {
    role: &'static str,
    content: &'a str,
}

/// What comes back.
#[derive(Deserialize)]
pub(super) struct Completion {
    choices: Vec<Choice>,
    usage: Option<Counted>,
}

#[derive(Deserialize)]
struct Choice {
    message: Message,
    finish_reason: Option<String>,
    /// The stop sequence that was met, which some servers tell; a number means something else.
    stop_reason: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct Message {
    content: Option<String>,
    refusal: Option<String>,
}

#[derive(Deserialize)]
struct Counted {
    prompt_tokens: u32,
    #[serde(default)]
    completion_tokens: u32,
}

impl<'a> Question<'a> {
    /// A turn as a request.
    pub(super) fn of(turn: &'a Turn, model: &'a str) -> Self {
        let system = turn.system.iter().map(|system| Said { role: "system", content: system });
        let messages = turn.messages.iter().map(|message| {
            let role = match message.role {
                Role::User => "user",
                Role::Assistant => "assistant",
            };
            Said { role, content: &message.text }
        });
        Self {
            model,
            messages: system.chain(messages).collect(),
            max_tokens: turn.output_tokens_max,
            temperature: turn.temperature,
            stop: &turn.stop_sequences,
            stream: false,
        }
    }
}

impl Completion {
    /// The first choice, which is the only one that was asked for.
    pub(super) fn answer(self, model: &str) -> Result<Answer, Error> {
        let choice = self.choices.into_iter().next().ok_or_else(errors::no_completion)?;
        let Choice { message: Message { content, refusal }, finish_reason, stop_reason } = choice;
        let content = content.filter(|content| !content.is_empty());
        let stop = match finish_reason.as_deref() {
            _ if content.is_none() && refusal.is_some() => StopReason::Refused,
            Some("stop") if stop_reason.is_some_and(|met| met.is_string()) => StopReason::StopSequence,
            Some("stop") | None => StopReason::End,
            Some("length") => StopReason::OutputLimit,
            Some("content_filter") => StopReason::Refused,
            Some(_) => StopReason::Other,
        };
        let usage = self
            .usage
            .map(|counted| Usage { input_tokens: counted.prompt_tokens, output_tokens: counted.completion_tokens });
        Ok(Answer { text: content.or(refusal).unwrap_or_default(), stop, usage, model: model.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(completion: &str) -> (String, StopReason, Option<u32>) {
        let completion: Completion = serde_json::from_str(completion).expect("reads");
        let answer = completion.answer("m").expect("an answer");
        (answer.text, answer.stop, answer.usage.map(|usage| usage.output_tokens))
    }

    #[test]
    fn every_way_to_end_is_told_apart() {
        for (choice, text, stop) in [
            (r#"{"message":{"content":"yes"},"finish_reason":"stop"}"#, "yes", StopReason::End),
            (r#"{"message":{"content":"yes"}}"#, "yes", StopReason::End),
            (r#"{"message":{"content":"y"},"finish_reason":"stop","stop_reason":"es"}"#, "y", StopReason::StopSequence),
            (r#"{"message":{"content":"y"},"finish_reason":"stop","stop_reason":128001}"#, "y", StopReason::End),
            (r#"{"message":{"content":"y"},"finish_reason":"length"}"#, "y", StopReason::OutputLimit),
            (r#"{"message":{"content":""},"finish_reason":"content_filter"}"#, "", StopReason::Refused),
            (r#"{"message":{"content":null,"refusal":"no"},"finish_reason":"stop"}"#, "no", StopReason::Refused),
            (r#"{"message":{"content":null},"finish_reason":"tool_calls"}"#, "", StopReason::Other),
        ] {
            let usage = r#""usage":{"prompt_tokens":7,"completion_tokens":3,"total_tokens":10}"#;
            let counted = answer(&format!(r#"{{"id":"x","choices":[{choice}],{usage}}}"#));
            assert_eq!(counted, (text.to_owned(), stop, Some(3)), "{choice}");
            assert_eq!(answer(&format!(r#"{{"choices":[{choice}]}}"#)).2, None);
        }
    }

    #[test]
    fn an_answer_without_a_choice_is_none() {
        let completion: Completion = serde_json::from_str(r#"{"choices":[]}"#).expect("reads");
        assert!(completion.answer("m").is_err());
    }
}
