//! Answers written down beforehand, for the `calls.toml` of plugins: no model at all.

use schemars::JsonSchema;
use serde::Deserialize;

use super::OpenError;
use super::turn::Turn;
use crate::capability::scripted::ScriptError;
use crate::wit::model::{Answer, StopReason, Usage};
use crate::wit::{Error, ErrorKind};

/// What answers call the model.
pub(super) const NAME: &str = "script";

/// `[model.<grant>.script]`: what each question answers.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Config {
    /// The answers, in the order in which they are tried. A turn that none fits is an error.
    #[serde(default)]
    answer: Vec<ScriptAnswer>,
}

/// One answer, and the turns that get it.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ScriptAnswer {
    /// Pieces that the last message must hold, each of them.
    #[serde(default)]
    contains: Vec<String>,
    /// Pieces that it must not hold.
    #[serde(default)]
    lacks: Vec<String>,
    /// What is said.
    #[serde(default)]
    text: String,
    /// Why it ends.
    #[serde(default)]
    stop: ScriptStop,
    /// Tokens in and out, if they were counted.
    usage: Option<(u32, u32)>,
    /// An error instead.
    error: Option<ScriptError>,
}

#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum ScriptStop {
    #[default]
    End,
    OutputLimit,
    StopSequence,
    Refused,
    Other,
}

/// A script that is ready to answer.
pub(super) struct Script(Vec<ScriptAnswer>);

impl Script {
    pub(super) fn open(config: Config) -> Result<Self, OpenError> {
        if let Some(answer) = config.answer.iter().find(|answer| answer.text.is_empty() && answer.error.is_none()) {
            let message = format!("the answer for {:?} has neither `text` nor `error`", answer.contains);
            return Err(OpenError::Invalid(message));
        }
        Ok(Self(config.answer))
    }

    pub(super) fn converse(&self, turn: &Turn) -> Result<Answer, Error> {
        let said = turn.messages.last().map(|message| message.text.as_str()).unwrap_or_default();
        let fits = |answer: &&ScriptAnswer| {
            answer.contains.iter().all(|piece| said.contains(piece))
                && !answer.lacks.iter().any(|piece| said.contains(piece))
        };
        let Some(answer) = self.0.iter().find(fits) else {
            return Err(Error::new(ErrorKind::Failed, format!("the script has no answer for `{said}`")));
        };
        match &answer.error {
            Some(error) => Err(error.into()),
            None => Ok(Answer {
                text: answer.text.clone(),
                stop: answer.stop.into(),
                usage: answer.usage.map(|(input_tokens, output_tokens)| Usage { input_tokens, output_tokens }),
                model: NAME.to_owned(),
            }),
        }
    }
}

impl From<ScriptStop> for StopReason {
    fn from(stop: ScriptStop) -> Self {
        match stop {
            ScriptStop::End => Self::End,
            ScriptStop::OutputLimit => Self::OutputLimit,
            ScriptStop::StopSequence => Self::StopSequence,
            ScriptStop::Refused => Self::Refused,
            ScriptStop::Other => Self::Other,
        }
    }
}
