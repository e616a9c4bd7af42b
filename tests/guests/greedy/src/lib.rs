//! A plugin that takes more than its share: of memory, of the log, of the host, of the answer.

use std::hint::black_box;

use toolhost_sdk::{Json, Outcome, log, plugin, settings, tool};

const MEGABYTE: usize = 1 << 20;

/// Takes memory and writes to all of it.
#[tool]
fn allocate(
    /// How much.
    megabytes: usize,
) -> String {
    let taken: Vec<Vec<u8>> = (0..megabytes).map(|_| black_box(vec![1; MEGABYTE])).collect();
    format!("took {} MB", taken.len())
}

/// Writes lines of 1 KiB to the operator's log.
#[tool]
fn flood_log(
    /// How much.
    megabytes: usize,
) -> String {
    let line = "x".repeat(1024);
    for _ in 0..megabytes * 1024 {
        log::info(&line, &[]);
    }
    format!("wrote {megabytes} MB")
}

/// Asks the host for a setting, again and again.
#[tool]
fn nag(
    /// How often.
    times: u32,
) -> String {
    let answers = (0..times).filter(|_| settings::get("page_size").is_some()).count();
    format!("asked {times} times, {answers} answers")
}

/// Hands the host a very long key.
#[tool]
fn shout(
    /// How long.
    megabytes: usize,
) -> String {
    let answer = settings::get(&"x".repeat(megabytes * MEGABYTE));
    format!("the host answered: {answer:?}")
}

/// Answers with a very long text.
#[tool]
fn babble(
    /// How long.
    megabytes: usize,
) -> String {
    "x".repeat(megabytes * MEGABYTE)
}

/// Answers with an object in an object in an object.
#[tool]
fn nest(
    /// How deep.
    depth: usize,
) -> Outcome {
    let structured = format!("{}{{}}{}", r#"{"a":"#.repeat(depth), "}".repeat(depth));
    Outcome { structured: Some(structured), ..Outcome::new().text("deep") }
}

/// Takes nothing, and answers.
#[tool]
fn modest() -> Json<bool> {
    Json(true)
}

plugin! { tools: [allocate, flood_log, nag, shout, babble, nest, modest] }
