//! API keys: made, used, expired and taken back, without a restart.

use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;
use toolhost_tests::http::request;
use toolhost_tests::toolhost::{Setup, run};

use crate::{challenge, enter, get, until};

/// A file of keys, written by `toolhost key` as an operator does.
pub(crate) struct Keys {
    dir: TempDir,
}

impl Keys {
    /// A folder with a config that names a file of keys, which is not there yet.
    pub(crate) fn new() -> Result<Self> {
        let dir = TempDir::with_prefix("toolhost-keys-")?;
        std::fs::write(dir.path().join("toolhost.toml"), "[callers]\nkeys = \"keys.toml\"\n")?;
        Ok(Self { dir })
    }

    /// The file.
    pub(crate) fn file(&self) -> PathBuf {
        self.dir.path().join("keys.toml")
    }

    /// The line of `[callers]` that names it.
    pub(crate) fn line(&self) -> String {
        format!("keys = {:?}", self.file())
    }

    /// A host that takes these keys, with the plugin `good`.
    pub(crate) fn setup(&self, more: &str) -> Result<Setup> {
        if !self.file().exists() {
            std::fs::write(self.file(), "# none yet\n")?;
        }
        Setup::new(format!("[callers]\n{}\n{more}\n", self.line())).plugin("good", "good")
    }

    /// Runs `toolhost key`: what it printed, if it did what it was told.
    pub(crate) fn run(&self, arguments: &[&str]) -> Result<String> {
        let (status, printed) = run(self.dir.path(), &[&["key"][..], arguments].concat())?;
        ensure!(status.success(), "{printed}");
        Ok(printed)
    }

    /// A key for a caller.
    pub(crate) fn make(&self, name: &str, arguments: &[&str]) -> Result<String> {
        let printed = self.run(&[&["new", name][..], arguments].concat())?;
        Ok(printed.lines().next().context("no key")?.to_owned())
    }

    /// Puts an entry for a key into the file by hand.
    pub(crate) fn add(&self, id: &str, key: &str, lines: &str) -> Result<()> {
        let text = std::fs::read_to_string(self.file()).unwrap_or_default();
        Ok(std::fs::write(self.file(), text + &entry(id, key, lines)?)?)
    }
}

fn entry(id: &str, key: &str, lines: &str) -> Result<String> {
    let mut entry = format!("[[key]]\nid = \"{id}\"\nsha256 = \"");
    for byte in Sha256::digest(key.as_bytes()) {
        write!(entry, "{byte:02x}")?;
    }
    Ok(format!("{entry}\"\n{lines}\n"))
}

#[tokio::test]
async fn who_has_a_key_is_let_in_and_nobody_else() -> Result<()> {
    let keys = Keys::new()?;
    let key = keys.make("ann", &["--group", "support"])?;
    let host = keys.setup("")?.start().await?;
    ensure!(host.printed()?.contains("Callers prove who they are by API key (1 known)."), "{}", host.printed()?);
    for path in ["/", "/tools"] {
        assert_eq!(get(&host, path, &key).await?.status, 200, "{path}");
        assert_eq!(host.get(path).await?.status, 401, "{path}");
        let almost = format!("{}A", &key[..key.len() - 1]);
        let almost = if almost == key { format!("{}B", &key[..key.len() - 1]) } else { almost };
        let answer = get(&host, path, &almost).await?;
        assert_eq!(answer.status, 401, "{path}");
        let challenge = challenge(&answer, &almost)?;
        ensure!(challenge.contains("error=\"invalid_token\""), "{challenge}");
    }
    let authorization = format!("Bearer {key}");
    let url = format!("{}/tools/no_such_tool", host.url());
    let answer = request("POST", &url, &[("authorization", &authorization)], Vec::new()).await?;
    assert_eq!(answer.status, 404, "{}", answer.text());
    let printed = host.printed()?;
    ensure!(printed.contains("ann") && !printed.contains(&key), "{printed}");
    Ok(())
}

#[tokio::test]
async fn keys_come_and_go_without_a_restart() -> Result<()> {
    let keys = Keys::new()?;
    let host = keys.setup("")?.start().await?;
    let first = keys.make("ann", &[])?;
    until(&host, &first, 200).await?;
    let second = keys.make("ann", &["--id", "second"])?;
    until(&host, &second, 200).await?;
    keys.run(&["revoke", "ann-1"])?;
    until(&host, &first, 401).await?;
    ensure!(enter(&host, &first).await?.text().contains("revoked"));
    assert_eq!(enter(&host, &second).await?.status, 200, "the other one goes on");
    // Taken out by hand, with all that was kept of it.
    std::fs::write(keys.file(), "")?;
    until(&host, &second, 401).await
}

#[tokio::test]
async fn a_key_that_has_ended_says_so() -> Result<()> {
    let keys = Keys::new()?;
    keys.add("old", "thk_old", "caller = \"ann\"\nexpires = \"2001-01-01T00:00:00Z\"")?;
    keys.add("new", "thk_new", "caller = \"ann\"\nexpires = 2999-01-01T00:00:00Z")?;
    let host = keys.setup("")?.start().await?;
    assert_eq!(enter(&host, "thk_new").await?.status, 200);
    let answer = enter(&host, "thk_old").await?;
    assert_eq!(answer.status, 401);
    let challenge = challenge(&answer, "thk_old")?;
    ensure!(challenge.contains("invalid_token") && challenge.contains("expired"), "{challenge}");
    Ok(())
}

#[tokio::test]
async fn ten_thousand_keys_are_as_good_as_one() -> Result<()> {
    let keys = Keys::new()?;
    let mut text = String::new();
    for number in 0..10_000 {
        text += &entry(&format!("k{number}"), &format!("thk_{number}"), &format!("caller = \"caller {number}\""))?;
    }
    std::fs::write(keys.file(), text)?;
    let host = keys.setup("")?.start().await?;
    ensure!(host.printed()?.contains("(10000 known)"), "{}", host.printed()?);
    for number in [0, 5_000, 9_999] {
        assert_eq!(enter(&host, &format!("thk_{number}")).await?.status, 200, "{number}");
    }
    assert_eq!(enter(&host, "thk_10000").await?.status, 401);
    // And one more is taken in as soon as of a few.
    let more = keys.make("ann", &[])?;
    until(&host, &more, 200).await
}

#[tokio::test]
async fn a_broken_file_of_keys_leaves_those_of_before() -> Result<()> {
    let keys = Keys::new()?;
    let key = keys.make("ann", &[])?;
    let host = keys.setup("")?.start().await?;
    std::fs::write(keys.file(), "[[key]]\nid = \"a\"\nsha256 = \"abc\"\ncaller = \"ann\"\n")?;
    let began = std::time::Instant::now();
    let told = loop {
        let (answer, printed) = (get(&host, "/ready", &key).await?, host.printed()?);
        ensure!(!answer.text().contains("keys.toml"), "the reason is the operator's: {}", answer.text());
        if answer.status == 503 && printed.contains("the config is not taken") {
            break printed;
        }
        ensure!(began.elapsed() < crate::TIME_MAX, "{}", answer.text());
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    };
    ensure!(told.contains("keys.toml:3:10") && told.contains("64 hexadecimal"), "{told}");
    ensure!(told.contains("the config of before goes on"), "{told}");
    assert_eq!(enter(&host, &key).await?.status, 200, "the key is as good as before");
    let answer = host.get("/ready").await?;
    assert_eq!((answer.status, answer.text()), (503, "{\"ready\":false}".to_owned()), "not for everybody");
    Ok(())
}
