//! Tests of the config of models, and of what bounds a turn.

use std::path::Path;

use super::*;
use crate::config;
use crate::wit::{Error, ErrorKind};

fn open(text: &str) -> Result<Model, String> {
    let config =
        config::Config::parse(text, Path::new("toolhost.toml"), &["model"]).map_err(|error| error.to_string())?;
    let grant =
        config.grants::<Config>("model").remove("analyst").ok_or("no grant")?.map_err(|error| error.to_string())?;
    Model::open(grant, Place { name: "analyst", dir: Path::new("") }).map_err(|error| error.to_string())
}

/// The config example at the top of the room.
fn example() -> String {
    let lines = include_str!("mod.rs").lines().skip_while(|line| *line != "//! ```toml").skip(1);
    lines
        .take_while(|line| *line != "//! ```")
        .map(|line| line.trim_start_matches("//!").trim_start().to_owned() + "\n")
        .collect()
}

fn ask(text: &str) -> Request {
    Request {
        system: None,
        messages: vec![Message { role: Role::User, text: text.to_owned() }],
        output_tokens_max: None,
        temperature: None,
        stop_sequences: Vec::new(),
    }
}

async fn converse(model: &Model, text: &str) -> Result<Answer, Error> {
    let answer = model.converse(None, Duration::from_secs(30), ask(text)).await;
    answer.map_err(|failure| failure.into_answer().expect("no trap"))
}

#[test]
fn the_example_parses_and_misses_only_its_secret() {
    let error = open(&example()).err().expect("the secret is not set");
    assert!(error.contains("env:ANALYST_KEY"), "{error}");
}

#[test]
fn a_grant_without_a_backend_or_with_two_is_refused() {
    let error = open("[model.analyst]\nnotes = \"x\"\n").err().expect("is refused");
    assert!(error.contains("[model.analyst] needs exactly one of `bedrock`, `openai`, `client`, `extract`"), "{error}");
    assert!(open("[model.analyst]\nextract = {}\nclient = {}\n").is_err());
    assert!(open("[model.analyst.extract]\nmodel = \"x\"\n").is_err_and(|error| error.contains("unknown key")));
}

#[test]
fn zero_and_absurd_limits_are_refused_where_they_stand() {
    for line in [
        "input_tokens_max = 0",
        "input_tokens_max = 99999999999",
        "output_tokens_max = 0",
        "time_max_ms = 1",
        "concurrency_max = 0",
        "tokens_per_day_max = 0",
        "cost_per_day_max_usd = -1",
        "cost_per_day_max_usd = inf",
        "price_input_usd = nan",
    ] {
        let error = open(&format!("[model.analyst]\nextract = {{}}\n{line}\n")).err().expect(line);
        assert!(error.starts_with("toolhost.toml:3:") && error.contains("is out of range"), "{error}");
    }
}

#[test]
fn a_budget_in_dollars_without_its_prices_is_refused_at_load() {
    let budget = "[model.analyst]\nextract = {}\ncost_per_day_max_usd = 5\n";
    let error = open(budget).err().expect("is refused");
    assert!(error.contains("`price_input_usd` and `price_output_usd` go together"), "{error}");
    assert!(open(&format!("{budget}price_input_usd = 3\nprice_output_usd = 15.5\n")).is_ok());
}

#[tokio::test]
async fn the_budget_of_a_day_ends_the_turns() {
    let model = open(
        "[model.analyst]\ntokens_per_day_max = 60\noutput_tokens_max = 40\n[model.analyst.script]\n\
                      answer = [{ text = \"yes\", usage = [10, 20] }]\n",
    );
    let model = model.expect("opens");
    assert!(converse(&model, "Is it?").await.is_ok());
    let error = converse(&model, "And now?").await.expect_err("30 of 60 are left, and 42 may be used");
    assert_eq!(error.kind, ErrorKind::Limited);
    assert!(error.message.contains("`tokens_per_day_max`") && error.message.contains("30 left"), "{}", error.message);
    assert!(error.retry_after_ms.is_some());
}

#[tokio::test]
async fn a_turn_that_failed_costs_nothing() {
    let model = open(
        "[model.analyst]\ntokens_per_day_max = 60\noutput_tokens_max = 40\n[model.analyst.script]\n\
                      answer = [{ error = { kind = \"failed\", message = \"no\" } }]\n",
    );
    let model = model.expect("opens");
    for _ in 0..5 {
        let error = converse(&model, "Is it?").await.expect_err("the script says so");
        assert_eq!(error.kind, ErrorKind::Failed, "{}", error.message);
    }
}

#[tokio::test]
async fn a_caller_without_a_model_is_told_what_to_do() {
    let model = open("[model.analyst]\nclient = {}\n").expect("opens");
    let error = converse(&model, "Is it?").await.expect_err("nobody lends one");
    assert_eq!(error.kind, ErrorKind::Unavailable);
    assert!(error.message.contains("`sampling`"), "{}", error.message);
}

#[tokio::test]
async fn what_is_not_elsewhere_is_not_asked_by_a_look() {
    for backend in ["client = {}", "extract = {}", "[model.analyst.script]"] {
        let model = open(&format!("[model.analyst]\n{backend}\n")).expect("opens");
        assert_eq!(Capability::probe(&model).await, Ok(Probe::default()), "{backend}");
    }
}
