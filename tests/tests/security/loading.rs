//! Plugins that must not be served, and those beside them that must.

use anyhow::{Context as _, Result};
use serde_json::json;
use toolhost_tests::component;
use toolhost_tests::toolhost::{Setup, Toolhost, run};

/// Why `/ready` says that a plugin is not served.
async fn why(host: &Toolhost, plugin: &str) -> Result<String> {
    let response = host.get("/ready").await?;
    assert_eq!(response.status, 503);
    let ready = response.json()?;
    let failures = ready["failures"].as_array().context("no failures")?;
    let failure = failures.iter().find(|failure| failure["plugin"] == plugin);
    let failure = failure.with_context(|| format!("{plugin} did not fail: {ready}"))?;
    Ok(failure["message"].as_str().unwrap_or_default().to_owned())
}

/// What `toolhost check` prints of a host's folder, which it must not like.
fn check(host: &Toolhost) -> Result<String> {
    let (status, printed) = run(host.dir(), &["check", "--offline"])?;
    assert!(!status.success(), "{printed}");
    Ok(printed)
}

async fn works(host: &Toolhost, tool: &str) -> Result<()> {
    let (status, answer) = host.call(tool, json!({ "message": "hi" })).await?;
    assert_eq!(status, 200, "{tool}: {answer}");
    Ok(())
}

#[tokio::test]
async fn two_plugins_with_one_tool_name_are_told_apart_by_refusing_the_second() -> Result<()> {
    let config = "[plugins.first]\nfile = \"good.wasm\"\nprefix = \"same\"\n\
                  [plugins.second]\nfile = \"good.wasm\"\nprefix = \"same\"\n\
                  [plugins.third]\nfile = \"good.wasm\"\n";
    let host = Setup::new(config).plugin("good", "good")?.start().await?;
    let why = why(&host, "second").await?;
    for name in ["`same__echo`", "`first`", "`prefix`"] {
        assert!(why.contains(name), "{name}: {why}");
    }
    assert!(check(&host)?.contains(&why));
    works(&host, "same__echo").await?;
    works(&host, "third__echo").await
}

#[tokio::test]
async fn an_import_that_was_not_granted_is_refused_with_the_line_that_would_grant_it() -> Result<()> {
    let host = Setup::new("[plugins.crm]\nfile = \"sql.wasm\"\n")
        .plugin("sql", "sql")?
        .plugin("good", "good")?
        .start()
        .await?;
    let why = why(&host, "crm").await?;
    assert!(why.contains("`toolhost:sql`") && why.contains("[plugins.crm] grants = [\"sql."), "{why}");
    assert!(check(&host)?.contains(&why));
    let listed = host.get("/tools").await?.text();
    assert!(!listed.contains("crm__") && listed.contains("good__"), "{listed}");
    works(&host, "good__echo").await
}

#[tokio::test]
async fn a_plugin_that_lies_in_its_description_is_refused_with_the_reason() -> Result<()> {
    let lies = [
        ("bad_name", "break schema!", "A-Z a-z 0-9 _ -"),
        ("long_name", "xxxx", "longer than 64"),
        ("two_of_one_name", "truth", "two tools have this name"),
        ("schema_not_json", "break_schema", "its input schema is no usable JSON"),
        ("schema_not_object", "break_schema", "its input schema is not of type object"),
        ("schema_broken", "break_schema", "its input schema is broken"),
        ("output_schema_broken", "break_schema", "its output schema is broken"),
        ("meta_list", "break_schema", "its `meta` is no JSON object"),
        ("panic", "did not describe its tools", "crashed|failed in the middle"),
        ("spin", "did not describe its tools", "deadline of 5000 ms"),
    ];
    let plugin = |(lie, ..): &(&str, &str, &str)| {
        format!("[plugins.{lie}]\nfile = \"liar.wasm\"\nsettings = {{ lie = \"{lie}\" }}\n")
    };
    let config: String = lies.iter().map(plugin).collect();
    let host = Setup::new(config + "[plugins.liar]\n").plugin("liar", "liar")?.plugin("good", "good")?.start().await?;
    for (lie, names, reason) in lies {
        let why = why(&host, lie).await?;
        assert!(why.contains(names) && reason.split('|').any(|reason| why.contains(reason)), "{lie}: {why}");
        for word in ["backtrace", "described until it broke", "\n"] {
            assert!(!why.contains(word), "{lie}: {why}");
        }
    }
    works(&host, "good__echo").await?;
    let (status, truth) = host.call("liar__truth", json!({})).await?;
    assert_eq!(status, 200, "the same file without a lie is served: {truth}");
    Ok(())
}

/// A component that exports an empty instance, `acme:db/raw@1.0.0`.
const OTHER_WORLD: &[u8] = b"\0asm\x0d\0\x01\0\x05\x03\x01\x01\0\x0b\x17\x01\0\x11acme:db/raw@1.0.0\x05\0\0";

#[tokio::test]
async fn files_that_are_no_plugins_are_refused_as_what_they_are_and_harm_no_other() -> Result<()> {
    let whole = std::fs::read(component("good")?)?;
    let files: [(&str, &[u8], &str); 6] = [
        ("words", b"#!/bin/sh\necho hello\n", "it is not WebAssembly"),
        ("empty", b"", "it is not WebAssembly"),
        ("core", b"\0asm\x01\0\0\0", "a core WebAssembly module, not a component"),
        ("other", OTHER_WORLD, "of another world: it exports acme:db/raw@1.0.0"),
        ("bare", b"\0asm\x0d\0\x01\0", "of another world: it exports nothing"),
        ("half", &whole[..whole.len() / 2], "a damaged or truncated component"),
    ];
    let mut setup = Setup::new("[plugins.missing]\n").plugin("good", "good")?;
    for (name, bytes, _) in files {
        setup = setup.file(name, bytes);
    }
    let host = setup.start().await?;
    let printed = check(&host)?;
    for (name, _, what) in files {
        let why = why(&host, name).await?;
        assert!(why.contains(what) && why.contains(&format!("{name}.wasm")), "{name}: {why}");
        assert!(printed.contains(&format!("plugin {name}: {why}")), "{name}: {printed}");
        assert!(host.printed()?.contains(&why), "{name} in the log");
    }
    assert!(why(&host, "missing").await?.contains("missing.wasm cannot be read"));
    assert_eq!(host.get("/health").await?.status, 200);
    works(&host, "good__echo").await
}
