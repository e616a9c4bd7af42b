//! Signatures of plugin files: who is trusted, what is refused, and that nothing reads a file first.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use toolhost_tests::ready::{fails, serves};
use toolhost_tests::toolhost::{Setup, bytes, marked, run};

use crate::check_fails;

const REQUIRED: &str = "[pins]\nrequire_signature = true\n";

/// The key pair of somebody.
fn pair(seed: u8) -> Result<Ed25519KeyPair> {
    Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).context("no key")
}

/// The table of somebody's key.
fn key(name: &str, seed: u8) -> Result<String> {
    Ok(format!("[[pins.keys]]\nname = {name:?}\npublic = \"{}\"\n", STANDARD.encode(pair(seed)?.public_key().as_ref())))
}

fn sign(seed: u8, bytes: &[u8]) -> Result<Vec<u8>> {
    Ok(pair(seed)?.sign(bytes).as_ref().to_vec())
}

fn put(dir: &Path, plugin: &str, signature: &[u8]) -> Result<()> {
    Ok(std::fs::write(dir.join(format!("plugins/{plugin}.wasm.sig")), signature)?)
}

#[test]
fn what_is_not_signed_as_it_should_be_is_refused_and_says_how_it_is_done() -> Result<()> {
    let keys = key("acme", 1)? + &key("other", 2)?;
    let dir = Setup::new(format!("{REQUIRED}{keys}[plugins.good]\nsigned_by = \"acme\"\n"))
        .plugin("good", "good")?
        .write()?;
    let dir = dir.path();
    let good = bytes("good")?;
    let makes = "openssl pkeyutl -sign -rawin -inkey key.pem -in plugins/good.wasm -out plugins/good.wasm.sig";
    check_fails(dir, &["it is not signed: there is no plugins/good.wasm.sig", makes])?;
    for (signature, words) in [
        (sign(1, &good)?.split_off(1), "its signature plugins/good.wasm.sig is none: 63 bytes, and not 64"),
        (Vec::new(), "its signature plugins/good.wasm.sig is none: 0 bytes, and not 64"),
        (sign(1, b"another")?, "is of none of the keys in [[pins.keys]] (acme, other), or of another file"),
        (sign(3, &good)?, "is of none of the keys in [[pins.keys]] (acme, other), or of another file"),
        (sign(2, &good)?, "it is signed by `other`, and its `signed_by` says `acme`"),
    ] {
        put(dir, "good", &signature)?;
        check_fails(dir, &[words, makes])?;
    }
    for signature in [sign(1, &good)?, STANDARD.encode(sign(1, &good)?).into_bytes()] {
        put(dir, "good", &signature)?;
        let (status, printed) = run(dir, &["check"])?;
        ensure!(status.success() && printed.contains("; signed by acme"), "{printed}");
        let (status, printed) = run(dir, &["inspect", "plugins/good.wasm"])?;
        ensure!(status.success() && printed.contains("\nsigned by acme\n"), "{printed}");
    }
    Ok(())
}

#[test]
fn nothing_reads_a_file_before_its_signature_is_good() -> Result<()> {
    let dir = Setup::new(format!("{REQUIRED}{}", key("acme", 1)?)).file("words", "words").write()?;
    for signature in [None, Some(sign(2, b"words")?), Some(sign(1, b"others")?)] {
        if let Some(signature) = &signature {
            put(dir.path(), "words", signature)?;
        }
        let printed = check_fails(dir.path(), &["sign"])?;
        ensure!(!printed.contains("WebAssembly"), "it was read: {printed}");
    }
    let (status, printed) = run(dir.path(), &["inspect", "plugins/words.wasm"])?;
    ensure!(
        !status.success() && printed.contains("is of none of the keys") && !printed.contains("WebAssembly"),
        "{printed}"
    );
    put(dir.path(), "words", &sign(1, b"words")?)?;
    check_fails(dir.path(), &["it is not WebAssembly"])?;
    Ok(())
}

#[test]
fn one_that_is_there_must_be_good_though_none_has_to_be_there() -> Result<()> {
    let dir = Setup::new(key("acme", 1)?).plugin("good", "good")?.write()?;
    let (status, printed) = run(dir.path(), &["check"])?;
    ensure!(status.success() && !printed.contains("signed by"), "{printed}");
    put(dir.path(), "good", &sign(1, b"another")?)?;
    check_fails(dir.path(), &["is of none of the keys in [[pins.keys]] (acme)"])?;
    Ok(())
}

#[test]
fn keys_that_nobody_has_are_refused_with_the_line_to_write() -> Result<()> {
    let private = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp\n-----END PRIVATE KEY-----\n";
    for (config, words) in [
        (REQUIRED.to_owned(), "write [[pins.keys]] name = \"…\", public = \"…\""),
        ("[plugins.good]\nsigned_by = \"acme\"\n".to_owned(), "[plugins.good] signed_by: there is no key `acme`"),
        (key("acme", 1)? + &key("acme", 2)?, "two keys have the name `acme`"),
        (format!("[[pins.keys]]\nname = \"acme\"\npublic = \"\"\"\n{private}\"\"\"\n"), "this is a private key"),
        ("[[pins.keys]]\nname = \"acme\"\npublic = \"acme\"\n".to_owned(), "this is no Ed25519 public key"),
    ] {
        let dir = Setup::new(config).plugin("good", "good")?.write()?;
        let printed = check_fails(dir.path(), &["toolhost.toml:", words])?;
        ensure!(!printed.contains("MC4CAQAw"), "{printed}");
    }
    Ok(())
}

#[tokio::test]
async fn signatures_and_keys_come_and_go_while_the_host_serves() -> Result<()> {
    let config = format!("{REQUIRED}{}", key("acme", 1)?);
    let host = Setup::new(config.clone()).plugin("good", "good")?.start().await?;
    fails(&host, &["it is not signed"]).await?;
    let good = bytes("good")?;
    put(host.dir(), "good", &sign(1, &good)?)?;
    serves(&host, &["good"]).await?;

    // Another file needs another signature; until it is there, the one of before is served.
    let other = marked(&good);
    host.put("good", &other)?;
    fails(&host, &["is of none of the keys", "its version of before is served on"]).await?;
    assert_eq!(host.call("good__echo", json!({ "message": "hi" })).await?.0, 200);
    put(host.dir(), "good", &sign(1, &other)?)?;
    serves(&host, &["good"]).await?;

    // Whose key is taken back is not served on.
    host.configure(&format!("{REQUIRED}{}", key("other", 2)?))?;
    fails(&host, &["is of none of the keys", "is not served on, for its signature is not good any more"]).await?;
    assert_eq!(host.call("good__echo", json!({ "message": "hi" })).await?.0, 404);
    host.configure(&config)?;
    serves(&host, &["good"]).await
}

#[test]
fn what_openssl_makes_is_good() -> Result<()> {
    let dir = Setup::new("").plugin("good", "good")?.write()?;
    let dir = dir.path();
    let openssl = |arguments: &[&str]| -> Result<Option<String>> {
        let made = match Command::new("openssl").args(arguments).current_dir(dir).output() {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            made => made?,
        };
        ensure!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        Ok(Some(String::from_utf8(made.stdout)?))
    };
    let Some(_) = openssl(&["genpkey", "-algorithm", "ed25519", "-out", "key.pem"])? else {
        eprintln!("there is no openssl here: not tested");
        return Ok(());
    };
    let public = openssl(&["pkey", "-in", "key.pem", "-pubout"])?.context("no key")?;
    let (file, signature) = ("plugins/good.wasm", "plugins/good.wasm.sig");
    openssl(&["pkeyutl", "-sign", "-rawin", "-inkey", "key.pem", "-in", file, "-out", signature])?;
    let config = std::fs::read_to_string(dir.join("toolhost.toml"))?;
    let pins = format!("{REQUIRED}[[pins.keys]]\nname = \"acme\"\npublic = \"\"\"\n{public}\"\"\"\n");
    std::fs::write(dir.join("toolhost.toml"), config + &pins)?;
    let (status, printed) = run(dir, &["check"])?;
    ensure!(status.success() && printed.contains("; signed by acme"), "{printed}");
    Ok(())
}
