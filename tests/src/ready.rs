//! What a host says of itself at `/ready` and in its log, waited for.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use crate::toolhost::Toolhost;

/// How long a test waits for what must come sooner or later.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Looks again and again until something holds: what was seen then.
pub async fn until(
    what: &str,
    mut look: impl AsyncFnMut() -> Result<Value>,
    holds: impl Fn(&Value) -> bool,
) -> Result<Value> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let seen = look().await?;
        if holds(&seen) {
            return Ok(seen);
        }
        ensure!(Instant::now() < deadline, "{what}: {seen}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Waits until `/ready` is as it should be: what it says then.
pub async fn ready(host: &Toolhost, what: &str, holds: impl Fn(&Value) -> bool) -> Result<Value> {
    until(what, async || host.get("/ready").await?.json(), holds).await
}

/// Waits until these plugins are served, and nothing is wrong.
pub async fn serves(host: &Toolhost, plugins: &[&str]) -> Result<()> {
    let what = json!({ "ready": true, "plugins": plugins, "failures": [] });
    let seen = ready(host, "not all is served", |ready| *ready == what).await;
    seen.map(|_| ()).with_context(|| host.printed().unwrap_or_default())
}

/// Waits until `/ready` tells of one failure in these words: the failure.
pub async fn fails(host: &Toolhost, words: &[&str]) -> Result<Value> {
    let says = |ready: &Value| {
        let message = ready["failures"][0]["message"].as_str().unwrap_or_default();
        words.iter().all(|word| message.contains(word))
    };
    let ready = ready(host, &format!("no failure says {words:?}"), says).await?;
    ensure!(
        ready["ready"] == json!(false) && ready["failures"].as_array().is_some_and(|all| all.len() == 1),
        "{ready}"
    );
    Ok(ready["failures"][0].clone())
}

/// Waits until the host has printed these words.
pub async fn logs(host: &Toolhost, words: &str) -> Result<()> {
    let printed = async || Ok(Value::String(host.printed()?));
    until(&format!("nothing says {words}"), printed, |all| all.as_str().is_some_and(|all| all.contains(words))).await?;
    Ok(())
}
