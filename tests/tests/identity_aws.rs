//! Callers who prove themselves with AWS credentials, as botocore and the AWS SDK for Rust use
//! them, and all who only look like them.

use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tokio::process::Command;
use toolhost_tests::http::Response;
use toolhost_tests::signer::Signer;
use toolhost_tests::toolhost::Setup;
use toolhost_tests::{Toolhost, repository};

#[path = "clients/program.rs"]
#[allow(dead_code, reason = "it also runs commands of Node packages")]
mod program;
#[path = "identity_aws/signed.rs"]
mod signed;
#[path = "identity_aws/sts.rs"]
mod sts;

/// How long Python may take to start and to sign.
const SIGN_MAX: Duration = Duration::from_secs(60);

/// A tool that is nowhere: whoever is known is told so, and nobody else is.
const NOWHERE: &str = "/tools/no_such_tool";

/// Whether somebody was let in.
fn is_let_in(response: &Response) -> bool {
    response.status == 404 && response.text().contains("no_such_tool")
}

/// Checks that an answer refuses, as `status`, with these words; whatever was sent, it repeats nothing of it.
fn check_refused(response: &Response, status: u16, words: &str, secrets: &[&str]) -> Result<()> {
    let text = response.text();
    ensure!(response.status == status && text.contains(words), "not {status} with `{words}`: {response:?} {text}");
    ensure!(status != 401 || response.header("www-authenticate").is_some(), "no challenge: {response:?}");
    ensure!(status != 503 || response.header("retry-after").is_some(), "no time to come back: {response:?}");
    let all = format!("{response:?} {text}");
    for secret in secrets.iter().filter(|secret| !secret.is_empty()) {
        ensure!(!all.contains(secret), "repeats {secret}: {all}");
    }
    Ok(())
}

/// Signs all of this with botocore: for each, the headers of a request or a token.
async fn botocore(asked: &[Value]) -> Result<Vec<Value>> {
    let mut command = Command::new(program::named("TOOLHOST_TEST_PYTHON")?);
    command.arg(repository().join("tests/python/sign.py"));
    let input: String = asked.iter().map(|asked| format!("{asked}\n")).collect();
    let output = program::run(command, &input, SIGN_MAX).await?;
    ensure!(output.status.success(), "sign.py: {}", String::from_utf8_lossy(&output.stderr));
    let printed = String::from_utf8(output.stdout)?;
    let signed = printed.lines().map(|line| Ok(serde_json::from_str(line)?)).collect::<Result<Vec<Value>>>()?;
    ensure!(signed.len() == asked.len(), "sign.py printed {printed}");
    Ok(signed)
}

/// What `sign.py` is asked of a signer, without what is to be signed.
fn asked_of(signer: &Signer) -> Value {
    json!({ "access_key": signer.access_key, "secret_key": signer.secret_key, "token": signer.token,
            "region": signer.region, "service": signer.service })
}

/// Both objects in one.
fn with(mut object: Value, more: Value) -> Result<Value> {
    let more = more.as_object().context("an object")?.clone();
    object.as_object_mut().context("an object")?.extend(more);
    Ok(object)
}

/// A time so many seconds from now.
fn now_and(seconds: i64) -> SystemTime {
    let (now, difference) = (SystemTime::now(), Duration::from_secs(seconds.unsigned_abs()));
    if seconds < 0 { now - difference } else { now + difference }
}

/// Whether the host wrote down a call of this caller.
fn noted(host: &Toolhost, caller: &str) -> Result<bool> {
    Ok(host.printed()?.contains(&format!("caller.name=\"{caller}\"")))
}

/// A host with this table `[callers.aws]`, and no plugin.
fn setup(table: &str) -> Setup {
    Setup::new(format!("[callers.aws]\n{table}"))
}
