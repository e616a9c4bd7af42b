//! What every model backend can do, and the closed set of them.

use super::CallState;
use super::bedrock::Bedrock;
use super::openai::Openai;
use super::script::Script;
use super::turn::Turn;
use super::{client, extract};
use crate::capability::Statement;
use crate::wit::Failure;
use crate::wit::model::Answer;

/// Who answers.
pub(super) enum Backend {
    Bedrock(Bedrock),
    Openai(Openai),
    /// The calling agent's own model.
    Client,
    /// No model.
    Extract,
    Script(Script),
}

impl Backend {
    /// Takes one turn. Dropping the future takes it back.
    pub(super) async fn converse(&self, turn: &Turn, call: Option<&mut CallState>) -> Result<Answer, Failure> {
        let answer = match self {
            Self::Bedrock(backend) => backend.converse(turn).await,
            Self::Openai(backend) => backend.converse(turn).await,
            Self::Client => return client::converse(turn, call).await,
            Self::Extract => extract::converse(turn).await,
            Self::Script(backend) => backend.converse(turn),
        };
        Ok(answer?)
    }

    /// The model's name, as answers tell it, if it is known before one.
    pub(super) fn model(&self) -> Option<&str> {
        match self {
            Self::Bedrock(backend) => Some(backend.model()),
            Self::Openai(backend) => Some(backend.model()),
            Self::Extract => Some(extract::NAME),
            Self::Script(_) => Some(super::script::NAME),
            Self::Client => None,
        }
    }

    /// What it is, for an agent to read.
    pub(super) fn introduction(&self) -> String {
        match self {
            Self::Extract => "no model, but counts and the sentences of a text that stand out".to_owned(),
            Self::Client => "the calling agent's own, asked by MCP sampling where its client offers that".to_owned(),
            _ => self.model().unwrap_or_default().to_owned(),
        }
    }

    /// What it is, in a few words for the operator: never a secret.
    pub(super) fn summary(&self) -> String {
        match self {
            Self::Bedrock(backend) => backend.summary(),
            Self::Openai(backend) => backend.summary(),
            Self::Client => "the client's own model, by MCP sampling".to_owned(),
            Self::Extract => "no model: counts, and sentences that stand out".to_owned(),
            Self::Script(_) => "scripted answers".to_owned(),
        }
    }

    /// Whether a look can tell if it works: the answer comes from another system, which is there
    /// when no agent calls.
    pub(super) fn is_elsewhere(&self) -> bool {
        match self {
            Self::Bedrock(_) | Self::Openai(_) => true,
            Self::Client | Self::Extract | Self::Script(_) => false,
        }
    }

    /// What the host's AWS role must be allowed.
    pub(super) fn iam(&self) -> Vec<Statement> {
        match self {
            Self::Bedrock(backend) => backend.iam(),
            Self::Openai(_) | Self::Client | Self::Extract | Self::Script(_) => Vec::new(),
        }
    }
}
