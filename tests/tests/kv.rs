//! The capability `kv` from the street: what plugins keep, for how long, and from whom.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use futures_util::future::try_join_all;
use serde_json::{Value, json};
use tempfile::TempDir;
use toolhost_tests::Toolhost;
use toolhost_tests::toolhost::Setup;

/// How long a test waits for what must come sooner or later.
const PATIENCE: Duration = Duration::from_secs(30);

const IN_MEMORY: &str = "memory = {}";

/// A store in a file of this folder.
fn in_file(folder: &Path) -> String {
    format!("sqlite = {{ path = {:?} }}", folder.join("kept.db"))
}

/// A host with the plugins `one` and `other`, both granted `kv.cache`.
async fn host(store: &str) -> Result<Toolhost> {
    let config = format!(
        "[plugins.one]\nfile = \"keeper.wasm\"\ngrants = [\"kv.cache\"]\n\
         [plugins.other]\nfile = \"keeper.wasm\"\ngrants = [\"kv.cache\"]\n[kv.cache]\n{store}\n"
    );
    Setup::new(config).plugin("keeper", "keeper")?.start().await
}

/// One call that must be answered.
async fn call(host: &Toolhost, tool: &str, arguments: Value) -> Result<Value> {
    let (status, answer) = host.call(tool, arguments).await?;
    ensure!(status == 200, "{tool}: HTTP {status}: {answer}");
    let structured = &answer["structuredContent"];
    Ok(structured.get("result").unwrap_or(structured).clone())
}

/// One call that must be refused: the kind of the error, and its message.
async fn refusal(host: &Toolhost, tool: &str, arguments: Value) -> Result<(String, String)> {
    let (status, answer) = host.call(tool, arguments).await?;
    let error = &answer["_meta"]["toolhost/error"];
    ensure!(status != 200, "{tool} answered: {answer}");
    let word = |key: &str| error[key].as_str().map(str::to_owned).with_context(|| format!("no {key}: {answer}"));
    Ok((word("kind")?, word("message")?))
}

#[tokio::test]
async fn bytes_of_any_kind_come_back_as_they_were() -> Result<()> {
    let folder = TempDir::new()?;
    for store in [IN_MEMORY.to_owned(), in_file(folder.path())] {
        let host = host(&store).await?;
        let bytes = json!([0, 255, 254, 10, 0]);
        let version = call(&host, "one__put", json!({ "key": "é\u{0}", "value": bytes })).await?;
        let kept = call(&host, "one__get", json!({ "key": "é\u{0}" })).await?;
        assert_eq!(kept, json!({ "value": bytes, "version": version, "expires_in_ms": null }));
        assert_eq!(call(&host, "one__keys", json!({})).await?, json!(["é\u{0}"]));
        assert_eq!(call(&host, "one__delete", json!({ "key": "é\u{0}" })).await?, json!(true));
        assert_eq!(call(&host, "one__get", json!({ "key": "é\u{0}" })).await?, json!({ "value": null }));
    }
    Ok(())
}

#[tokio::test]
async fn a_file_outlives_the_host_and_memory_does_not() -> Result<()> {
    let folder = TempDir::new()?;
    for (store, kept) in [(IN_MEMORY.to_owned(), Value::Null), (in_file(folder.path()), json!([118]))] {
        let first = host(&store).await?;
        call(&first, "one__put", json!({ "key": "k", "value": [118] })).await?;
        let (status, printed) = first.stop().await?;
        ensure!(status.success(), "{printed}");
        let second = host(&store).await?;
        assert_eq!(call(&second, "one__get", json!({ "key": "k" })).await?["value"], kept, "{store}");
    }
    Ok(())
}

/// Not even a host that is killed in the middle loses what it said was kept.
#[tokio::test]
async fn what_was_answered_is_kept_though_the_host_is_killed() -> Result<()> {
    let folder = TempDir::new()?;
    let first = host(&in_file(folder.path())).await?;
    for number in 0..20_u8 {
        call(&first, "one__put", json!({ "key": format!("k{number:02}"), "value": [number] })).await?;
    }
    drop(first);
    let second = host(&in_file(folder.path())).await?;
    let keys = call(&second, "one__keys", json!({ "after": "k04", "keys_max": 3 })).await?;
    assert_eq!(keys, json!(["k05", "k06", "k07"]));
    assert_eq!(call(&second, "one__keys", json!({})).await?.as_array().map(Vec::len), Some(20));
    Ok(())
}

#[tokio::test]
async fn two_plugins_with_one_grant_never_see_each_others_keys() -> Result<()> {
    let folder = TempDir::new()?;
    for store in [IN_MEMORY.to_owned(), in_file(folder.path())] {
        let host = host(&store).await?;
        call(&host, "one__put", json!({ "key": "k", "value": [1] })).await?;
        assert_eq!(call(&host, "other__get", json!({ "key": "k" })).await?, json!({ "value": null }));
        assert_eq!(call(&host, "other__keys", json!({})).await?, json!([]));
        assert_eq!(call(&host, "other__delete", json!({ "key": "k" })).await?, json!(false));
        call(&host, "other__put", json!({ "key": "k", "value": [2] })).await?;
        assert_eq!(call(&host, "one__get", json!({ "key": "k" })).await?["value"], json!([1]), "{store}");
    }
    Ok(())
}

#[tokio::test]
async fn a_plugin_names_only_the_stores_it_was_granted() -> Result<()> {
    let config = "[plugins.keeper]\ngrants = [\"kv.mine\"]\n[kv.mine]\nscope = \"caller\"\nmemory = {}\n\
                  [kv.theirs]\nmemory = {}\n";
    let host = Setup::new(config).plugin("keeper", "keeper")?.start().await?;
    let stores = call(&host, "keeper__stores", json!({})).await?;
    let mine = json!({ "name": "mine", "scope": "caller", "key_bytes_max": 256, "value_bytes_max": 65_536 });
    assert_eq!(stores, json!([mine]));
    let (kind, message) = refusal(&host, "keeper__get", json!({ "key": "k", "store": "theirs" })).await?;
    assert!(kind == "not-found" && message.contains("`mine`"), "{kind}: {message}");
    Ok(())
}

#[tokio::test]
async fn every_limit_is_refused_as_limited_and_named() -> Result<()> {
    let folder = TempDir::new()?;
    for store in [IN_MEMORY.to_owned(), in_file(folder.path())] {
        let limits = "key_bytes_max = 8\nvalue_bytes_max = 800\nkeys_max = 3\nbytes_max = 1500";
        let host = host(&format!("{limits}\n{store}")).await?;
        let put = |key: &str, bytes: usize| json!({ "key": key, "value": vec![0; bytes] });
        let refused = async |key: &str, bytes: usize, limit: &str| {
            let (kind, message) = refusal(&host, "one__put", put(key, bytes)).await?;
            ensure!(kind == "limited" && message.contains(limit), "{kind}: {message}");
            Ok(())
        };
        refused("123456789", 1, "key_bytes_max").await?;
        refused("k", 801, "value_bytes_max").await?;
        call(&host, "one__put", put("a", 800)).await?;
        refused("b", 600, "bytes_max").await?;
        call(&host, "one__put", put("b", 0)).await?;
        call(&host, "one__put", put("c", 0)).await?;
        refused("d", 0, "keys_max").await?;
        let (kind, _) = refusal(&host, "one__cas", put("d", 0)).await?;
        assert_eq!(kind, "limited");
        let (kind, _) = refusal(&host, "one__put", put("", 0)).await?;
        assert_eq!(kind, "invalid");
        assert_eq!(call(&host, "one__keys", json!({})).await?, json!(["a", "b", "c"]));
        // Full for one plugin, and not for the other.
        call(&host, "other__put", put("d", 800)).await?;
    }
    Ok(())
}

#[tokio::test]
async fn what_has_expired_is_gone() -> Result<()> {
    let folder = TempDir::new()?;
    for store in [IN_MEMORY.to_owned(), in_file(folder.path())] {
        let host = host(&store).await?;
        call(&host, "one__put", json!({ "key": "k", "value": [1], "time_to_live_ms": 50 })).await?;
        let begun = Instant::now();
        while !call(&host, "one__get", json!({ "key": "k" })).await?["value"].is_null() {
            ensure!(begun.elapsed() < PATIENCE, "it does not expire");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(call(&host, "one__keys", json!({})).await?, json!([]));
        assert_ne!(call(&host, "one__cas", json!({ "key": "k", "value": [2] })).await?["version"], Value::Null);
    }
    Ok(())
}

#[tokio::test]
async fn of_sixteen_calls_that_swap_at_once_one_wins_each_round() -> Result<()> {
    let folder = TempDir::new()?;
    for store in [IN_MEMORY.to_owned(), in_file(folder.path())] {
        let host = host(&store).await?;
        let mut expected = Value::Null;
        for round in 0..8 {
            let mut arguments = json!({ "key": "k", "value": [round] });
            if !expected.is_null() {
                arguments["expected"] = expected.clone();
            }
            let calls = (0..16).map(|_| call(&host, "one__cas", arguments.clone()));
            let answers = try_join_all(calls).await?;
            let won: Vec<_> = answers.iter().map(|answer| &answer["version"]).filter(|won| !won.is_null()).collect();
            ensure!(won.len() == 1, "round {round}: {answers:?}");
            expected = won[0].clone();
        }
        assert_eq!(call(&host, "one__get", json!({ "key": "k" })).await?["version"], expected);
    }
    Ok(())
}

/// A cache may fail, and what it speeds up may not.
#[tokio::test]
async fn what_is_cached_is_made_once_and_with_a_broken_store_each_time() -> Result<()> {
    let folder = TempDir::new()?;
    let working = host(IN_MEMORY).await?;
    for made in [1, 2] {
        assert_eq!(call(&working, "one__cached", json!({ "key": "n", "made": made })).await?, json!(1));
    }
    assert_eq!(call(&working, "other__cached", json!({ "key": "n", "made": 3 })).await?, json!(3));
    std::fs::write(folder.path().join("kept.db"), "no database ".repeat(400))?;
    let broken = host(&in_file(folder.path())).await?;
    for made in [1, 2] {
        assert_eq!(call(&broken, "one__cached", json!({ "key": "n", "made": made })).await?, json!(made));
    }
    let (kind, message) = refusal(&broken, "one__put", json!({ "key": "k", "value": [] })).await?;
    assert!(kind == "unavailable" && message.contains("damaged"), "{kind}: {message}");
    assert!(!message.contains("kept.db"), "{message}");
    Ok(())
}

#[tokio::test]
async fn check_tells_the_operator_what_a_store_is_and_what_is_wrong_with_it() -> Result<()> {
    let folder = TempDir::new()?;
    let file = folder.path().join("kept.db");
    let config = format!("[plugins.keeper]\ngrants = [\"kv.cache\"]\n[kv.cache]\n{}\n", in_file(folder.path()));
    let dir = Setup::new(config).plugin("keeper", "keeper")?.write()?;
    let check = || toolhost_tests::toolhost::run(dir.path(), &["--config", "toolhost.toml", "check"]);
    let (status, printed) = check()?;
    assert!(status.success() && printed.contains("a space for each plugin"), "{printed}");
    assert!(!file.exists(), "whoever checks may not be who serves");
    std::fs::write(&file, "no database ".repeat(400))?;
    let (status, printed) = check()?;
    assert!(!status.success() && printed.contains("damaged"), "{printed}");
    Ok(())
}
