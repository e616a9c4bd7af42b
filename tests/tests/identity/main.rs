//! Who calls: proved by API key or OAuth token, before anything is done.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use toolhost_tests::Toolhost;
use toolhost_tests::http::{Response, request};

mod challenges;
mod doors;
mod issuer;
mod keys;
mod keys_file;
mod secrets;
mod sessions;
mod tokens;

/// How long a host may take to notice something.
const TIME_MAX: Duration = Duration::from_secs(60);

/// What a host answers whoever shows this, on a path that needs a caller and asks nothing of any plugin.
async fn enter(host: &Toolhost, bearer: &str) -> Result<Response> {
    get(host, "/tools", bearer).await
}

/// One `GET` with a key or token.
async fn get(host: &Toolhost, path: &str, bearer: &str) -> Result<Response> {
    let authorization = format!("Bearer {bearer}");
    request("GET", &format!("{}{path}", host.url()), &[("authorization", &authorization)], Vec::new()).await
}

/// Waits until whoever shows this is answered with a status.
async fn until(host: &Toolhost, bearer: &str, status: u16) -> Result<()> {
    let began = Instant::now();
    loop {
        let answer = enter(host, bearer).await?;
        if answer.status == status {
            return Ok(());
        }
        ensure!(began.elapsed() < TIME_MAX, "it is still answered {}: {}", answer.status, answer.text());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The challenge of a refusal, which repeats nothing of what was shown.
fn challenge(answer: &Response, shown: &str) -> Result<String> {
    let challenge = answer.header("www-authenticate").unwrap_or_default().to_owned();
    let all = format!("{challenge} {}", answer.text());
    // A token in three parts, or a key.
    for part in shown.split('.').filter(|part| part.len() > 8) {
        ensure!(!all.contains(part), "the refusal repeats what was shown");
    }
    Ok(challenge)
}
