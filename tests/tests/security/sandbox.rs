//! What a plugin sees: what it was granted, and nothing else of this machine.

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use tempfile::TempDir;
use toolhost_tests::component;
use toolhost_tests::mcp::{ERAS, Mcp};
use toolhost_tests::toolhost::{Setup, Toolhost};

use crate::text;

/// Stands in the host's environment and config; must stand in nothing that comes out.
const MARKER: &str = "marker-4f1c9b77";

/// A host with the plugin that tries every door, and a source whose password is the marker.
async fn curious() -> Result<Toolhost> {
    // Nothing listens on port 1, so that the source fails in every way it can.
    let config = format!(
        "# {MARKER}\n[plugins.curious]\ngrants = [\"sql.crm\"]\n\
         [sql.crm.mysql]\nhost = \"127.0.0.1\"\nport = 1\nuser = \"reader\"\n\
         password = \"env:CRM_PASSWORD\"\ndatabase = \"acme_crm\"\n"
    );
    let setup = Setup::new(config).plugin("curious", "curious")?.argument("--log=debug");
    setup.env("CRM_PASSWORD", MARKER).env("HOME", &format!("/nowhere/{MARKER}")).start().await
}

/// The lines of an answer: the door, and what was seen behind it.
fn doors(answer: &Value) -> Vec<(&str, &str)> {
    text(answer).lines().filter_map(|line| line.split_once(": ")).collect()
}

#[tokio::test]
async fn a_plugin_sees_no_environment_no_arguments_no_input_and_no_settings_of_others() -> Result<()> {
    let host = curious().await?;
    let (status, answer) = host.call("curious__look_around", json!({})).await?;
    assert_eq!(status, 200, "{answer}");
    for (door, seen) in [
        ("environment", "[]"),
        ("arguments", "[]"),
        ("home", "Err(NotPresent)"),
        ("stdin", "(Ok(0), \"\")"),
        ("settings", "[]"),
    ] {
        assert!(doors(&answer).contains(&(door, seen)), "{door}: {}", text(&answer));
    }
    // What it writes to its own streams goes nowhere.
    assert!(!host.printed()?.contains("curious was here"));
    Ok(())
}

#[tokio::test]
async fn a_plugin_reads_no_file_and_leaves_none_behind() -> Result<()> {
    let host = curious().await?;
    std::fs::write(host.dir().join("secret.txt"), MARKER)?;
    let (status, answer) = host.call("curious__touch_files", json!({})).await?;
    assert_eq!(status, 200, "{answer}");
    let doors = doors(&answer);
    assert!(doors.len() >= 13, "{}", text(&answer));
    for (door, seen) in doors {
        assert!(seen.starts_with("Err("), "{door}: {seen}");
    }
    for left in [host.dir().join("curious-was-here"), Path::new("/tmp/curious-was-here").to_owned()] {
        assert!(!left.exists(), "{}", left.display());
    }
    Ok(())
}

#[tokio::test]
async fn a_plugin_reaches_no_network_not_even_this_machine() -> Result<()> {
    let host = curious().await?;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    listener.set_nonblocking(true)?;
    let port = listener.local_addr()?.port();
    let (status, answer) = host.call("curious__reach_out", json!({ "port": port })).await?;
    assert_eq!(status, 200, "{answer}");
    let doors = doors(&answer);
    assert_eq!(doors.len(), 7, "{}", text(&answer));
    for (door, seen) in doors {
        assert!(seen.starts_with("Err("), "{door}: {seen}");
    }
    assert!(listener.accept().is_err(), "something connected");
    Ok(())
}

#[tokio::test]
async fn a_secret_of_the_host_stands_in_no_answer_and_in_nothing_it_prints() -> Result<()> {
    let host = curious().await?;
    let mut seen = String::new();
    for tool in ["look_around", "touch_files", "misuse_sql"] {
        let (_, answer) = host.call(&format!("curious__{tool}"), json!({})).await?;
        seen.push_str(&answer.to_string());
    }
    for path in ["/", "/tools", "/ready", "/health"] {
        seen.push_str(&host.get(path).await?.text());
    }
    for era in ERAS {
        seen.push_str(&Mcp::connect(host.url(), era).await?.instructions);
    }
    // Every function was there to be misused, on the source too.
    for function in ["query", "query-many", "open", "execute", "execute-batch", "begin", "tables", "describe"] {
        assert!(seen.contains(&format!(r#"\n{function}(\"crm\", \"drop table support_tickets\")"#)), "{function}");
    }
    let printed = host.printed()?;
    assert!(printed.contains("sql.crm"), "{printed}");
    assert!(!seen.contains(MARKER), "in an answer");
    assert!(!printed.contains(MARKER), "printed");
    Ok(())
}

#[tokio::test]
async fn no_call_sees_what_another_left_in_the_plugin() -> Result<()> {
    let host = Setup::new("").plugin("good", "good")?.start().await?;
    for _ in 0..5 {
        let (_, one_by_one) = host.call("good__remember", json!({})).await?;
        assert_eq!(one_by_one["structuredContent"]["result"], 1, "{one_by_one}");
    }
    let call = async || host.call("good__remember", json!({})).await;
    let (a, b, c, d) = tokio::join!(call(), call(), call(), call());
    for (_, at_once) in [a?, b?, c?, d?] {
        assert_eq!(at_once["structuredContent"]["result"], 1, "{at_once}");
    }
    Ok(())
}

#[tokio::test]
async fn agents_find_no_tool_and_no_method_that_loads_plugins_or_grants_rights() -> Result<()> {
    let host = Setup::new("").plugin("good", "good")?.start().await?;
    let own = [
        "add",
        "echo",
        "every_content",
        "fail",
        "note",
        "remember",
        "setting",
        "sleep_ms",
        "steps",
        "work_until_taken_back",
    ];
    let own: BTreeSet<String> = own.iter().map(|tool| format!("good__{tool}")).collect();
    for era in ERAS {
        let mut client = Mcp::connect(host.url(), era).await?;
        let listed = client.tools().await?;
        let listed: BTreeSet<String> =
            listed.iter().filter_map(|tool| Some(tool["name"].as_str()?.to_owned())).collect();
        assert_eq!(listed, own, "{era:?}");
        for method in ["plugins/load", "plugins/list", "grants/add", "config/set"] {
            let refused = client.send(method, json!({ "name": "good" })).await?;
            assert_eq!(refused.json()?["error"]["code"], -32601, "{era:?} {method}: {}", refused.text());
        }
    }
    for (method, path) in
        [("POST", "/plugins"), ("PUT", "/tools/good__add"), ("DELETE", "/tools/good__add"), ("POST", "/tools")]
    {
        let url = format!("{}{path}", host.url());
        let refused = toolhost_tests::http::request(method, &url, &[], b"{}".to_vec()).await?;
        assert!([404, 405].contains(&refused.status), "{method} {path}: {}", refused.status);
    }
    Ok(())
}

#[tokio::test]
async fn compiled_code_beside_a_plugin_is_never_loaded() -> Result<()> {
    // Real native code of this very host, under every name that might tempt it.
    let dir = TempDir::new()?;
    let foreign = native_code_of("liar", dir.path())?;
    let plugins = dir.path().join("plugins");
    std::fs::create_dir(&plugins)?;
    std::fs::copy(component("good")?, plugins.join("good.wasm"))?;
    for name in ["good.cwasm", "good.wasm.cwasm", "liar.cwasm", "disguised.wasm"] {
        std::fs::write(plugins.join(name), &foreign)?;
    }
    std::fs::write(plugins.join("garbage.cwasm"), b"garbage")?;
    let config = format!("[serve]\nplugin_dir = {plugins:?}\n[plugins.named]\nfile = \"liar.cwasm\"\n");
    let host = Setup::new(config).start().await?;
    let ready = host.get("/ready").await?.json()?;
    assert_eq!(ready["plugins"], json!(["good"]), "{ready}");
    let failures = ready["failures"].as_array().context("failures")?;
    let failed: BTreeSet<&str> = failures.iter().filter_map(|failure| failure["plugin"].as_str()).collect();
    assert_eq!(failed, BTreeSet::from(["disguised", "named"]), "{ready}");
    let (_, sum) = host.call("good__add", json!({ "a": 1, "b": 2 })).await?;
    assert_eq!(sum["structuredContent"]["result"], 3, "{sum}");
    Ok(())
}

/// What the host's own cache holds of a component after it was loaded once.
fn native_code_of(name: &str, dir: &Path) -> Result<Vec<u8>> {
    std::fs::write(dir.join("toolhost.toml"), "[serve]\nplugin_dir = \"once\"\ncache_dir = \"cache\"\n")?;
    std::fs::create_dir(dir.join("once"))?;
    std::fs::copy(component(name)?, dir.join("once").join(format!("{name}.wasm")))?;
    let (status, printed) = toolhost_tests::toolhost::run(dir, &["check", "--offline"])?;
    anyhow::ensure!(status.success(), "{printed}");
    let file = std::fs::read_dir(dir.join("cache"))?.next().context("a file in the cache")??;
    Ok(std::fs::read(file.path())?)
}
