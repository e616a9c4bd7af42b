//! A plugin that does not come back.

use std::hint::black_box;
use std::thread::sleep;
use std::time::Duration;

use toolhost_sdk::{plugin, tool};

/// Computes for ever.
#[tool]
fn spin() {
    let mut turns = 0_u64;
    while black_box(true) {
        turns = black_box(turns.wrapping_add(1));
    }
}

/// Calls itself for ever.
#[tool]
fn recurse() -> String {
    format!("came back from a depth of {}", deeper(0))
}

fn deeper(depth: u64) -> u64 {
    // What stands on the stack is used afterwards, so that this stays a call.
    let here = black_box([depth; 16]);
    if black_box(true) { deeper(depth + 1).max(here.iter().sum()) } else { depth }
}

/// Sleeps for ever.
#[tool]
fn wait() {
    while black_box(true) {
        sleep(Duration::from_secs(3600));
    }
}

plugin! { tools: [spin, recurse, wait] }
