//! Which doors are open to whom: how a host starts, and what it tells somebody whom it does not know.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use tempfile::TempDir;
use toolhost_tests::http::request;
use toolhost_tests::toolhost::{run, toolhost_program};

use crate::keys::Keys;
use crate::{TIME_MAX, enter, get};

/// A folder with a config.
fn folder(config: &str) -> Result<TempDir> {
    let dir = TempDir::with_prefix("toolhost-doors-")?;
    std::fs::write(dir.path().join("toolhost.toml"), config)?;
    Ok(dir)
}

/// Why a host with this config does not start.
fn refusal(dir: &Path) -> Result<String> {
    let (status, printed) = run(dir, &["serve"])?;
    ensure!(!status.success(), "it started: {printed}");
    Ok(printed)
}

/// What a host says when it starts, with its URL; it ends at once.
fn start(dir: &Path, arguments: &[&str]) -> Result<String> {
    let mut command = Command::new(toolhost_program()?);
    command.arg("serve").args(arguments).current_dir(dir).stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = command.stderr(Stdio::null()).spawn()?;
    let mut said = String::new();
    if let Some(stdout) = child.stdout.take() {
        for line in BufReader::new(stdout).lines() {
            said += &line?;
            said.push('\n');
            if said.contains("Callers ") {
                break;
            }
        }
    }
    child.kill()?;
    child.wait()?;
    Ok(said)
}

const PUBLIC: &str = "[serve]\nlisten = \"0.0.0.0:0\"\n";

#[test]
fn an_address_for_everybody_needs_callers_that_are_known() -> Result<()> {
    let dir = folder(PUBLIC)?;
    let said = refusal(dir.path())?;
    ensure!(said.contains("[callers] keys = \"keys.toml\"") && said.contains("--insecure"), "{said}");
    let said = start(dir.path(), &["--insecure"])?;
    ensure!(said.contains("Callers are not identified"), "{said}");
    let dir = folder(&format!("{PUBLIC}[callers]\nkeys = \"keys.toml\"\n"))?;
    let (status, printed) = run(dir.path(), &["key", "new", "ann"])?;
    ensure!(status.success(), "{printed}");
    let said = start(dir.path(), &[])?;
    ensure!(said.contains("Callers prove who they are by API key (1 known)."), "{said}");
    Ok(())
}

#[test]
fn a_host_that_could_know_nobody_does_not_start() -> Result<()> {
    let local = "[serve]\nlisten = \"127.0.0.1:0\"\n";
    for (config, says) in [
        ("[callers]\nkeys = \"keys.toml\"\n", "`toolhost key new NAME` writes it"),
        ("[callers.oauth.corp]\nissuer = \"https://login.example.com\"\n", "[callers.oauth.corp] needs [serve] url"),
        ("[callers.oauth.corp]\nissuer = \"https://login.example.com\"\nalgorithms = [\"none\"]\n", "toolhost.toml:5:"),
        ("[callers.oauth.corp]\nisuer = \"https://login.example.com\"\n", "did you mean `issuer`?"),
    ] {
        let dir = folder(&format!("{local}{config}"))?;
        let said = refusal(dir.path())?;
        ensure!(said.contains(says), "{config}: {said}");
    }
    let with_url = format!("{local}url = \"https://tools.example.com\"\n");
    for (issuer, says) in [("http://login.example.com", "https://"), ("https://169.254.169.254", "allow_private")] {
        let dir = folder(&format!("{with_url}[callers.oauth.corp]\nissuer = \"{issuer}\"\n"))?;
        let said = refusal(dir.path())?;
        ensure!(said.contains("[callers.oauth.corp] issuer") && said.contains(says), "{said}");
    }
    // A caller's name that would be two lines of a log.
    let dir = folder(&format!("{local}[callers]\nkeys = \"keys.toml\"\n"))?;
    let entry = format!("[[key]]\nid = \"a\"\nsha256 = \"{}\"\ncaller = \"ann\\nbob\"\n", "0".repeat(64));
    std::fs::write(dir.path().join("keys.toml"), entry)?;
    let said = refusal(dir.path())?;
    ensure!(said.contains("keys.toml:4:10") && said.contains("visible"), "{said}");
    Ok(())
}

#[tokio::test]
async fn somebody_unknown_learns_whether_it_is_well_and_nothing_else() -> Result<()> {
    let keys = Keys::new()?;
    let key = keys.make("ann", &[])?;
    let host = keys.setup("")?.start().await?;
    let health = host.get("/health").await?;
    assert_eq!((health.status, health.text()), (200, "{\"status\":\"ok\"}".to_owned()));
    let ready = host.get("/ready").await?;
    assert_eq!((ready.status, ready.text()), (200, "{\"ready\":true}".to_owned()));
    let wrong = get(&host, "/ready", "thk_wrong").await?;
    assert_eq!(wrong.text(), "{\"ready\":true}");
    let known = get(&host, "/ready", &key).await?.json()?;
    assert_eq!(known["plugins"], serde_json::json!(["good"]), "{known}");
    Ok(())
}

#[tokio::test]
async fn callers_are_asked_until_the_next_start_once_they_were() -> Result<()> {
    let keys = Keys::new()?;
    let key = keys.make("ann", &[])?;
    let host = keys.setup("")?.start().await?;
    host.configure("")?;
    let began = Instant::now();
    while host.get("/ready").await?.status == 200 {
        ensure!(began.elapsed() < TIME_MAX, "nothing was noticed");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(host.get("/tools").await?.status, 401);
    assert_eq!(enter(&host, &key).await?.status, 200);
    let told = get(&host, "/ready", &key).await?.text();
    ensure!(told.contains("until the next start"), "{told}");
    Ok(())
}

#[tokio::test]
async fn a_signed_request_is_read_no_further_than_any_other() -> Result<()> {
    let keys = Keys::new()?;
    let host = keys.setup("[serve]\nrequest_kib = 8\n")?.start().await?;
    let headers = [("authorization", "AWS4-HMAC-SHA256 Credential=x"), ("content-type", "application/json")];
    let url = format!("{}/mcp", host.url());
    let answer = request("POST", &url, &headers, vec![b' '; 9 << 10]).await?;
    assert_eq!(answer.status, 413, "{}", answer.text());
    assert_eq!(request("POST", &url, &headers, vec![b' '; 7 << 10]).await?.status, 401);
    Ok(())
}
