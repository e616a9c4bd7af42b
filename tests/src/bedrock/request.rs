//! A request of Converse, held against the service's rules.

use serde::Deserialize;

use super::GUARDRAIL;
use crate::aws::Refusal;

/// What the models take, in characters, and answer with, in tokens.
const CHARACTERS_MAX: usize = 2_000_000;
const OUTPUT_TOKENS_MAX: u32 = 8_192;

/// The members of a request that count here.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Converse {
    messages: Vec<Message>,
    #[serde(default)]
    system: Vec<Block>,
    #[serde(default)]
    inference_config: Inference,
    guardrail_config: Option<Guardrail>,
}

#[derive(Deserialize)]
struct Message {
    role: String,
    content: Vec<Block>,
}

#[derive(Deserialize)]
struct Block {
    text: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Inference {
    max_tokens: Option<u32>,
    temperature: Option<f64>,
    stop_sequences: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Guardrail {
    guardrail_identifier: String,
    guardrail_version: String,
}

impl Converse {
    /// All that was said.
    pub(super) fn text(&self) -> String {
        let blocks = self.messages.iter().flat_map(|message| &message.content);
        blocks.map(|block| block.text.as_str()).collect::<Vec<_>>().join("\n")
    }

    /// Refuses what the service refuses; true if a guardrail is to be applied.
    pub(super) fn check(&self) -> Result<bool, Refusal> {
        let roles: Vec<&str> = self.messages.iter().map(|message| message.role.as_str()).collect();
        if roles.first() != Some(&"user") {
            return Err(Refusal::invalid("A conversation must start with a user message. Try again."));
        }
        if roles.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(Refusal::invalid("A conversation must alternate between user and assistant roles."));
        }
        let blocks = self.messages.iter().flat_map(|message| &message.content).chain(&self.system);
        if blocks.clone().any(|block| block.text.trim().is_empty()) {
            return Err(Refusal::invalid("The text field in the ContentBlock object is blank."));
        }
        if blocks.map(|block| block.text.chars().count()).sum::<usize>() > CHARACTERS_MAX {
            return Err(Refusal::invalid("Input is too long for requested model."));
        }
        let Inference { max_tokens, temperature, stop_sequences } = &self.inference_config;
        if max_tokens.is_none_or(|tokens| !(1..=OUTPUT_TOKENS_MAX).contains(&tokens)) {
            let message = format!("The maximum tokens you requested exceeds the model limit of {OUTPUT_TOKENS_MAX}.");
            return Err(Refusal::invalid(message));
        }
        if temperature.is_some_and(|temperature| !(0.0..=1.0).contains(&temperature)) || stop_sequences.len() > 4 {
            return Err(Refusal::invalid("The value at 'inferenceConfig' failed to satisfy constraint"));
        }
        let Some(Guardrail { guardrail_identifier, guardrail_version }) = &self.guardrail_config else {
            return Ok(false);
        };
        if (guardrail_identifier.as_str(), guardrail_version.as_str()) != GUARDRAIL {
            let message = "The guardrail identifier or version provided in the request does not exist.";
            return Err(Refusal::invalid(message));
        }
        Ok(true)
    }
}

/// The model of `/model/{id}/converse`.
pub(super) fn model(path: &str) -> Option<String> {
    decoded(path.strip_prefix("/model/")?.strip_suffix("/converse")?)
}

/// Text with its `%3A` read.
fn decoded(text: &str) -> Option<String> {
    let mut pieces = text.split('%');
    let mut decoded = pieces.next()?.as_bytes().to_vec();
    for piece in pieces {
        decoded.push(u8::from_str_radix(piece.get(..2)?, 16).ok()?);
        decoded.extend(piece.get(2..)?.bytes());
    }
    String::from_utf8(decoded).ok()
}
