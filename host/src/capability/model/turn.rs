//! One turn that keeps the rules of the contract and the limits of its grant, and how
//! tokens are estimated.

use std::time::Duration;

use tokio::time::Instant;

use crate::wit::model::{Message, Request, Role, Usage};
use crate::wit::{Error, ErrorKind};

/// How many characters count as one token, where nobody counts better.
const CHARACTERS_A_TOKEN: usize = 4;

/// How many stop sequences a turn may have, and how long one may be in bytes.
const STOP_SEQUENCES_MAX: usize = 4;
const STOP_SEQUENCE_BYTES_MAX: usize = 256;

/// What one turn may use.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) input_tokens_max: u32,
    pub(super) output_tokens_max: u32,
    pub(super) time_max: Duration,
}

/// A request that was checked. Its messages take turns, the first and the last are the user's.
#[derive(Debug)]
pub(super) struct Turn {
    pub(super) system: Option<String>,
    pub(super) messages: Vec<Message>,
    pub(super) output_tokens_max: u32,
    /// From 0.0 to 1.0.
    pub(super) temperature: Option<f32>,
    pub(super) stop_sequences: Vec<String>,
    /// What goes in, as estimated.
    pub(super) input_tokens: u32,
    /// Until when a service that is too busy is asked again.
    pub(super) patient_until: Instant,
}

/// About how many tokens a text has: four characters a token, rounded up.
pub(super) fn tokens(text: &str) -> u32 {
    u32::try_from(text.chars().count().div_ceil(CHARACTERS_A_TOKEN)).unwrap_or(u32::MAX)
}

/// The longest beginning of a text that has no more than so many tokens.
pub(super) fn first_tokens(text: &str, tokens_max: u32) -> &str {
    let characters = usize::try_from(tokens_max).unwrap_or(usize::MAX).saturating_mul(CHARACTERS_A_TOKEN);
    text.char_indices().nth(characters).map_or(text, |(end, _)| text.get(..end).unwrap_or(text))
}

impl Limits {
    pub(super) fn too_slow(&self) -> Error {
        let message = format!(
            "the turn was stopped after {} ms, the grant's `time_max_ms`; ask for less, or for a shorter answer",
            self.time_max.as_millis()
        );
        Error::new(ErrorKind::Limited, message)
    }
}

impl Turn {
    /// A request as a turn, if it keeps the rules.
    pub(super) fn check(request: Request, limits: Limits, patient_until: Instant) -> Result<Self, Error> {
        let invalid = |message: &str| Err(Error::new(ErrorKind::Invalid, message));
        let Request { system, messages, output_tokens_max, temperature, stop_sequences } = request;
        let of_user = |message: Option<&Message>| message.is_some_and(|message| message.role == Role::User);
        if !of_user(messages.first()) || !of_user(messages.last()) {
            return invalid("a conversation begins and ends with a message of the user");
        }
        if messages.iter().any(|message| message.text.trim().is_empty()) {
            return invalid("a message holds no text");
        }
        if output_tokens_max == Some(0) {
            return invalid("`output-tokens-max` is 0: an answer has at least one token");
        }
        if temperature.is_some_and(|temperature| !(0.0..=1.0).contains(&temperature)) {
            return invalid("`temperature` is from 0.0 to 1.0");
        }
        let fits = |stop: &String| !stop.is_empty() && stop.len() <= STOP_SEQUENCE_BYTES_MAX;
        if stop_sequences.len() > STOP_SEQUENCES_MAX || !stop_sequences.iter().all(fits) {
            return invalid("a request has at most 4 stop sequences, each of 1 to 256 bytes");
        }
        let system = system.filter(|system| !system.trim().is_empty());
        let texts = messages.iter().map(|message| &message.text).chain(&system);
        let input_tokens = texts.fold(0_u32, |sum, text| sum.saturating_add(tokens(text)));
        if input_tokens > limits.input_tokens_max {
            let message = format!(
                "the request has about {input_tokens} tokens, and the grant's `input_tokens_max` is {}: send less",
                limits.input_tokens_max
            );
            return Err(Error::new(ErrorKind::Limited, message));
        }
        Ok(Self {
            system,
            messages: taking_turns(messages),
            output_tokens_max: output_tokens_max.unwrap_or(u32::MAX).min(limits.output_tokens_max),
            temperature,
            stop_sequences,
            input_tokens,
            patient_until,
        })
    }

    /// What the turn used if it was answered so, as estimated.
    pub(super) fn usage_of(&self, answer: &str) -> Usage {
        Usage { input_tokens: self.input_tokens, output_tokens: tokens(answer) }
    }
}

/// What one side says several times in a row becomes one message: most models take no other.
fn taking_turns(messages: Vec<Message>) -> Vec<Message> {
    let mut turns: Vec<Message> = Vec::with_capacity(messages.len());
    for message in messages {
        match turns.last_mut() {
            Some(last) if last.role == message.role => {
                last.text.push_str("\n\n");
                last.text.push_str(&message.text);
            }
            _ => turns.push(message),
        }
    }
    turns
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(request: Request) -> Result<Turn, Error> {
        Turn::check(request, LIMITS, Instant::now())
    }

    const LIMITS: Limits =
        Limits { input_tokens_max: 100, output_tokens_max: 50, time_max: Duration::from_millis(1_500) };

    fn request(messages: &[(Role, &str)]) -> Request {
        let message = |(role, text): &(Role, &str)| Message { role: *role, text: (*text).to_owned() };
        Request {
            system: None,
            messages: messages.iter().map(message).collect(),
            output_tokens_max: None,
            temperature: None,
            stop_sequences: Vec::new(),
        }
    }

    #[test]
    fn four_characters_are_a_token_and_a_rest_is_one_more() {
        assert_eq!([tokens(""), tokens("a"), tokens("abcd"), tokens("abcde"), tokens("äöüßä")], [0, 1, 1, 2, 2]);
        assert_eq!([first_tokens("äöüßä", 1), first_tokens("abc", 1), first_tokens("abc", 0)], ["äöüß", "abc", ""]);
    }

    #[test]
    fn what_is_no_conversation_is_refused_with_the_rule() {
        let user = request(&[(Role::User, "hi")]);
        let long = "x".repeat(STOP_SEQUENCE_BYTES_MAX + 1);
        for (wrong, rule) in [
            (request(&[]), "begins and ends"),
            (request(&[(Role::User, "hi"), (Role::Assistant, "ho")]), "begins and ends"),
            (request(&[(Role::Assistant, "ho"), (Role::User, "hi")]), "begins and ends"),
            (request(&[(Role::User, " \n")]), "holds no text"),
            (Request { output_tokens_max: Some(0), ..user.clone() }, "at least one token"),
            (Request { temperature: Some(1.1), ..user.clone() }, "0.0 to 1.0"),
            (Request { temperature: Some(f32::NAN), ..user.clone() }, "0.0 to 1.0"),
            (Request { stop_sequences: vec!["x".to_owned(); 5], ..user.clone() }, "at most 4"),
            (Request { stop_sequences: vec![String::new()], ..user.clone() }, "at most 4"),
            (Request { stop_sequences: vec![long], ..user }, "at most 4"),
        ] {
            let error = check(wrong).expect_err(rule);
            assert_eq!(error.kind, ErrorKind::Invalid);
            assert!(error.message.contains(rule), "{}", error.message);
        }
    }

    #[test]
    fn what_is_too_large_is_refused_before_it_is_sent() {
        let text = "x".repeat(4 * 60);
        let fits = Request { system: Some("y".repeat(4 * 40)), ..request(&[(Role::User, &text)]) };
        assert_eq!(check(fits.clone()).map(|turn| turn.input_tokens).ok(), Some(100));
        let error = check(Request { system: Some("y".repeat(4 * 40 + 1)), ..fits }).expect_err("too large");
        assert_eq!(error.kind, ErrorKind::Limited);
        assert!(error.message.contains("about 101 tokens, and the grant's `input_tokens_max` is 100"), "{error:?}");
    }

    #[test]
    fn an_answer_is_never_longer_than_the_grant_allows() {
        for (asked, given) in [(None, 50), (Some(20), 20), (Some(51), 50)] {
            let request = Request { output_tokens_max: asked, ..request(&[(Role::User, "hi")]) };
            assert_eq!(check(request).map(|turn| turn.output_tokens_max).ok(), Some(given));
        }
    }

    #[test]
    fn messages_in_a_row_become_one() {
        let said = [(Role::User, "a"), (Role::User, "b"), (Role::Assistant, "c"), (Role::User, "d")];
        let turn = check(request(&said)).expect("a conversation");
        let texts: Vec<_> = turn.messages.iter().map(|message| message.text.as_str()).collect();
        assert_eq!(texts, ["a\n\nb", "c", "d"]);
    }
}
