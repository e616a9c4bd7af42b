//! A plugin that keeps what it is given: every function of `kv` as a tool.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;
use toolhost_sdk::kv::{self, Scope, Store};
use toolhost_sdk::serde_json::Value;
use toolhost_sdk::{Json, Result, client, json, plugin, tool};

/// Keeps bytes under a key.
#[tool]
fn put(
    /// The key.
    key: String,
    /// The bytes.
    value: Vec<u8>,
    /// For how long, in milliseconds.
    time_to_live_ms: Option<u64>,
    /// The store; may be left out if there is only one.
    store: Option<String>,
) -> Result<Json<u64>> {
    Ok(Json(chosen(store)?.set(&key, &value, time_to_live_ms.map(Duration::from_millis))?))
}

/// Keeps bytes under a key, if it is at the version that is expected.
#[tool]
fn cas(
    /// The key.
    key: String,
    /// The version; without one there must be no such key.
    expected: Option<u64>,
    /// The bytes.
    value: Vec<u8>,
) -> Result<Json<Value>> {
    let version = kv::store()?.compare_and_set(&key, expected, &value, None)?;
    Ok(Json(json!({ "version": version })))
}

/// Tells what is kept under a key.
#[tool(read_only)]
fn get(
    /// The key.
    key: String,
    /// The store; may be left out if there is only one.
    store: Option<String>,
) -> Result<Json<Value>> {
    Ok(Json(match chosen(store)?.lookup(&key)? {
        Some(entry) => {
            json!({ "value": entry.value, "version": entry.version, "expires_in_ms": entry.expires_in_ms })
        }
        None => json!({ "value": null }),
    }))
}

/// Lists keys.
#[tool(read_only)]
fn keys(
    /// What they begin with.
    #[default("")]
    prefix: String,
    /// The key that they come after.
    after: Option<String>,
    /// How many at most.
    #[default(1_000)]
    keys_max: u32,
) -> Result<Json<Vec<String>>> {
    Ok(Json(kv::store()?.keys(&prefix, after.as_deref(), keys_max)?))
}

/// Forgets a key.
#[tool]
fn delete(
    /// The key.
    key: String,
) -> Result<Json<bool>> {
    Ok(Json(kv::store()?.delete(&key)?))
}

/// Lists the stores that are granted.
#[tool(read_only)]
fn stores() -> Json<Vec<Value>> {
    let store = |store: Store| {
        let scope = if store.scope == Scope::Plugin { "plugin" } else { "caller" };
        json!({
            "name": store.name,
            "scope": scope,
            "key_bytes_max": store.key_bytes_max,
            "value_bytes_max": store.value_bytes_max,
        })
    };
    Json(kv::stores().into_iter().map(store).collect())
}

/// Answers with a number that is made once, and remembered for a minute.
#[tool]
fn cached(
    /// What it is remembered as.
    key: String,
    /// The number, if it has to be made.
    made: u64,
) -> Result<Json<u64>> {
    kv::cached(&key, Duration::from_secs(60), || Ok(made)).map(Json)
}

/// What a person is asked before something is kept.
#[derive(Deserialize, JsonSchema)]
struct Confirmation {
    /// Whether to keep it.
    keep: bool,
}

/// Asks its client, and keeps a byte before that or after it.
#[tool]
fn ask_and_put(
    /// Whether it keeps the byte first, which is the wrong way round.
    put_first: bool,
) -> Result<String> {
    if put_first {
        kv::store()?.set("asked", &[1], None)?;
    }
    let Confirmation { keep } = client::ask("confirm", "Shall it be kept?")?.given()?;
    if keep {
        kv::store()?.set("asked", &[2], None)?;
    }
    Ok(format!("kept: {keep}"))
}

plugin! { tools: [put, cas, get, keys, delete, stores, cached, ask_and_put] }

fn chosen(name: Option<String>) -> Result<Store> {
    match name {
        Some(name) => kv::store_named(&name),
        None => kv::store(),
    }
}
