//! Language models: one turn of a conversation at a time, by the model that the operator chose.
//!
//! It grants the use of one model under one name, within limits on size, time and number, and
//! within a budget for the day if the operator sets one. It never lets a plugin name a model,
//! learn where it is or see the credential, and never sends a turn that the grant's limits
//! do not cover.
//!
//! ```toml
//! [model.analyst]
//! notes = "Good at summaries of support cases."
//! tokens_per_day_max = 5_000_000
//! cost_per_day_max_usd = 25
//! price_input_usd = 3
//! price_output_usd = 15
//!
//! [model.analyst.bedrock]
//! model = "anthropic.claude-3-5-sonnet-20240620-v1:0"
//! region = "eu-central-1"
//! credentials = { access_key_id = "env:ANALYST_KEY_ID", secret_access_key = "env:ANALYST_KEY" }
//! ```
//!
//! A call of a plugin has a deadline of its own, `[plugins.<name>.limits] deadline_ms`, 30 seconds
//! if nothing is written: it must be as long as the turns that a tool takes. `toolhost check` takes
//! a turn of a few tokens, and pays for it.

mod backend;
mod bedrock;
mod budget;
mod client;
mod extract;
mod host_functions;
mod openai;
mod retry;
mod script;
mod turn;

use std::fmt::Write as _;
use std::time::{Duration, SystemTime};

use schemars::JsonSchema;
use serde::Deserialize;
use tokio::time::{Instant, timeout_at};
use wasmtime::component::{HasSelf, Linker};

use self::backend::Backend;
use self::budget::{Budget, Usd};
use self::turn::{Limits, Turn};
use super::places::Places;
use super::{CallState, Capability, Deed, OpenError, Place, Probe};
use crate::config::Bounded;
use crate::wit::Failure;
use crate::wit::model::{self, Answer, Message, Request, Role};

/// How long before the end of a plugin's call a busy service is asked for the last time: the
/// plugin is to hear of it, and not to be stopped.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// What the look of `toolhost check` may cost, in tokens of the answer, and how long it may take:
/// a little less than it waits.
const PROBE_TOKENS: u32 = 16;
const PROBE_TIME: Duration = Duration::from_secs(9);

/// `[model.<grant>]`: one model, by exactly one of `bedrock`, `openai`, `client`, `extract`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// What agents should know about it: what it is good at, what it is for.
    notes: Option<String>,
    /// Most tokens that one turn may hold going in, at four characters a token.
    #[serde(default)]
    input_tokens_max: Bounded<100, 10_000_000, 180_000>,
    /// Most tokens that one turn may answer with.
    #[serde(default)]
    output_tokens_max: Bounded<1, 1_000_000, 4_096>,
    /// How long one turn may take, in milliseconds; within it a service that throttles is asked
    /// again and again.
    #[serde(default)]
    time_max_ms: Bounded<100, 3_600_000, 120_000>,
    /// How many turns run at once; one more waits up to a second for a place.
    #[serde(default)]
    concurrency_max: Bounded<1, 1_000, 8>,
    /// Most tokens a day, in and out together. A day begins at 00:00 UTC; what it has used is
    /// kept in memory, for each grant, and forgotten when the host ends. A turn that is cut off
    /// counts as much as it could have used.
    tokens_per_day_max: Option<Bounded<1, 1_000_000_000_000, 1>>,
    /// Most US dollars a day, by the two prices below, which must be there then.
    cost_per_day_max_usd: Option<Usd>,
    /// What a million tokens cost going in, in US dollars.
    price_input_usd: Option<Usd>,
    /// What a million tokens cost coming out, in US dollars.
    price_output_usd: Option<Usd>,
    /// A model of Amazon Bedrock.
    bedrock: Option<bedrock::Config>,
    /// Any server that speaks OpenAI's chat completions: vLLM, Ollama, a gateway.
    openai: Option<openai::Config>,
    /// The model of the agent that calls, by MCP sampling, where its client lends it.
    client: Option<client::Config>,
    /// No model at all: counts, and the sentences that stand out.
    extract: Option<extract::Config>,
    /// Answers written down in the config itself, for the tests of plugins.
    script: Option<script::Config>,
}

/// One granted model.
pub struct Model {
    name: String,
    notes: Option<String>,
    limits: Limits,
    budget: Budget,
    places: Places,
    backend: Backend,
}

impl Capability for Model {
    const NAME: &'static str = "model";
    const DEEDS: &'static [Deed] =
        &[Deed { action: "converse", classes: &["none"] }, Deed { action: "estimate", classes: &["none"] }];
    type Config = Config;

    fn open(config: Config, place: Place<'_>) -> Result<Self, OpenError> {
        let limits = Limits {
            input_tokens_max: whole(config.input_tokens_max.get()),
            output_tokens_max: whole(config.output_tokens_max.get()),
            time_max: Duration::from_millis(config.time_max_ms.get()),
        };
        let backend = match (config.bedrock, config.openai, config.client, config.extract, config.script) {
            (Some(config), None, None, None, None) => Backend::Bedrock(bedrock::Bedrock::open(config, limits)?),
            (None, Some(config), None, None, None) => Backend::Openai(openai::Openai::open(config)?),
            (None, None, Some(client::Config {}), None, None) => Backend::Client,
            (None, None, None, Some(extract::Config {}), None) => Backend::Extract,
            (None, None, None, None, Some(config)) => Backend::Script(script::Script::open(config)?),
            _ => {
                let table = format!("[model.{}]", place.name);
                let message = format!("{table} needs exactly one of `bedrock`, `openai`, `client`, `extract`");
                return Err(OpenError::Invalid(message));
            }
        };
        let tokens = config.tokens_per_day_max.map(Bounded::get);
        let budget = Budget::new(tokens, config.cost_per_day_max_usd, config.price_input_usd, config.price_output_usd)?;
        let places = Places::new(config.concurrency_max.get_usize());
        Ok(Self { name: place.name.to_owned(), notes: config.notes, limits, budget, places, backend })
    }

    fn link(linker: &mut Linker<CallState>) -> wasmtime::Result<()> {
        model::add_to_linker::<_, HasSelf<_>>(linker, |state| state)
    }

    async fn introduce(&self, name: &str) -> Result<Option<String>, String> {
        let Limits { input_tokens_max, output_tokens_max, .. } = self.limits;
        let mut text = format!(
            "Model `{name}`: {}. One turn takes up to {input_tokens_max} tokens and answers with up to \
             {output_tokens_max}.",
            self.backend.introduction()
        );
        if let Some(notes) = &self.notes {
            let _ = write!(text, " {notes}");
        }
        Ok(Some(text))
    }

    /// Takes a turn of a few tokens: nothing less tells whether the credential, the region and
    /// the access to the model are right.
    async fn probe(&self) -> Result<Probe, String> {
        if self.backend.is_elsewhere() {
            let request = Request {
                system: None,
                messages: vec![Message { role: Role::User, text: "Say yes.".to_owned() }],
                output_tokens_max: Some(PROBE_TOKENS),
                temperature: None,
                stop_sequences: Vec::new(),
            };
            self.converse(None, PROBE_TIME, request).await.map_err(|failure| match failure {
                Failure::Answer(error) => error.message,
                Failure::Trap(trap) => trap.to_string(),
            })?;
        }
        Ok(Probe::default())
    }

    fn summary(&self) -> String {
        let budget = self.budget.summary();
        format!("{}{}{budget}", self.backend.summary(), if budget.is_empty() { "" } else { ", " })
    }

    fn iam(&self) -> Vec<super::Statement> {
        self.backend.iam()
    }
}

impl Model {
    /// Takes one turn: checks it, waits for a place, sees to the budget, asks the backend.
    /// `call` is the plugin's, and `call_left` what is left of it.
    async fn converse(
        &self,
        call: Option<&mut CallState>,
        call_left: Duration,
        request: Request,
    ) -> Result<Answer, Failure> {
        let began = Instant::now();
        let deadline = began + self.limits.time_max;
        let patient_until = deadline.min(began + call_left.saturating_sub(LAST_WORDS));
        let turn = Turn::check(request, self.limits, patient_until)?;
        let busy = "as many turns as the grant's `concurrency_max` allows are under way; try again later";
        let _place = self.places.take(busy).await?;
        let reserved = self.budget.reserve(turn.input_tokens, turn.output_tokens_max, SystemTime::now())?;
        // Whoever goes away, or is too slow, has cost as much as it could: `reserved` is dropped as it is.
        let Ok(answer) = timeout_at(deadline, self.backend.converse(&turn, call)).await else {
            return Err(self.limits.too_slow().into());
        };
        match answer {
            Ok(answer) => {
                let usage = answer.usage.unwrap_or_else(|| turn.usage_of(&answer.text));
                reserved.settle(usage);
                tracing::debug!(
                    grant.name = format_args!("model.{}", self.name),
                    model.input_tokens = usage.input_tokens,
                    model.output_tokens = usage.output_tokens,
                    model.stop = format_args!("{:?}", answer.stop),
                    "a model took a turn",
                );
                Ok(answer)
            }
            Err(error) => {
                reserved.release();
                Err(error)
            }
        }
    }
}

/// A limit as the contract counts; every one of the config is far below its end.
fn whole(limit: u64) -> u32 {
    u32::try_from(limit).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
