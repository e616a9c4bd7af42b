//! Which doors are open to whom: how a host starts, and what it tells somebody whom it does not know.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde_json::json;
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
    assert_eq!(known, json!({ "ready": true, "plugins": [] }), "it may call nothing");
    Ok(())
}

#[tokio::test]
async fn somebody_known_learns_of_the_plugins_that_it_sees_and_no_reason() -> Result<()> {
    let keys = Keys::new()?;
    let key = keys.make("ann", &[])?;
    let more = "[policy]\nfile = \"policy.cedar\"\n[plugins.ghost]\n[http.hr]\nbase_url = \"https://hr.example.com\"\n\
                paths = [\"/**\"]\nbearer = { token = \"file:/run/secrets/hr\" }\n";
    let policy = "permit (principal, action == Action::\"good__echo\", resource);";
    let host = keys.setup(more)?.beside("policy.cedar", policy).plugin("liar", "liar")?.start().await?;
    let told = get(&host, "/ready", &key).await?;
    assert_eq!((told.status, told.json()?), (503, json!({ "ready": false, "plugins": ["good"] })));
    let printed = host.printed()?;
    ensure!(printed.contains("leads nowhere") && printed.contains("ghost.wasm cannot be read"), "{printed}");
    Ok(())
}

#[tokio::test]
async fn a_refusal_is_in_the_words_of_its_door() -> Result<()> {
    let keys = Keys::new()?;
    let host = keys.setup("[serve]\nrequest_kib = 8\n")?.start().await?;
    let signed = [("authorization", "AWS4-HMAC-SHA256 Credential=x")];
    for (path, bytes, status, kind) in [("/tools/x", 0, 401, "denied"), ("/tools/x", 9 << 10, 413, "too-large")] {
        let answer = request("POST", &format!("{}{path}", host.url()), &signed, vec![b' '; bytes]).await?;
        let told = answer.json()?;
        assert_eq!((answer.status, &told["_meta"]["toolhost/error"]["kind"]), (status, &json!(kind)), "{told}");
        assert_eq!(told["isError"], true, "{told}");
    }
    for path in ["/tools", "/metrics"] {
        let told = host.get(path).await?.json()?;
        assert_eq!(told["_meta"]["toolhost/error"]["kind"], "denied", "{path}: {told}");
    }
    let by_mcp = request("POST", &format!("{}/mcp", host.url()), &[], Vec::new()).await?;
    assert_eq!((by_mcp.status, &by_mcp.json()?["error"]["code"]), (401, &json!(-32600)), "{}", by_mcp.text());
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
    // The reason is the operator's.
    let told = get(&host, "/ready", &key).await?.text();
    ensure!(!told.contains("until the next start"), "{told}");
    ensure!(host.printed()?.contains("until the next start"), "{}", host.printed()?);
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
