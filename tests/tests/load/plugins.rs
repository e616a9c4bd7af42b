//! Which files become which plugins, and what each of them has.

use anyhow::Result;
use serde_json::{Value, json};
use toolhost_tests::toolhost::{Setup, Toolhost};

async fn setting(host: &Toolhost, plugin: &str, key: &str) -> Result<Value> {
    let (_, answer) = host.call(&format!("{plugin}setting"), json!({ "key": key })).await?;
    Ok(answer["content"][0]["text"].clone())
}

/// The names of the sources that a plugin sees.
async fn sources(host: &Toolhost, tool: &str) -> Result<Vec<Value>> {
    let (status, answer) = host.call(tool, json!({})).await?;
    assert_eq!(status, 200, "{tool}: {answer}");
    let sources = answer["structuredContent"]["result"].as_array().cloned().unwrap_or_default();
    Ok(sources.into_iter().map(|source| source["name"].clone()).collect())
}

const TWO_SOURCES: &str = "[sql.crm.script]\ndialect = \"mysql\"\n[sql.shop.script]\ndialect = \"sqlite\"\n";

#[tokio::test]
async fn a_file_that_no_table_names_is_loaded_with_no_grants() -> Result<()> {
    let host =
        Setup::new(TWO_SOURCES).plugin("sql", "sql")?.plugin("good", "good")?.plugin("liar", "liar")?.start().await?;
    let response = host.get("/ready").await?;
    let ready = response.json()?;
    assert_eq!((response.status, &ready["plugins"]), (503, &json!(["good", "liar"])), "{ready}");
    assert_eq!(ready["failures"][0]["plugin"], "sql", "{ready}");
    assert!(ready["failures"][0]["message"].as_str().is_some_and(|why| why.contains("not granted")), "{ready}");
    let (status, _) = host.call("good__remember", json!({})).await?;
    assert_eq!(status, 200);
    Ok(())
}

#[tokio::test]
async fn a_host_with_all_it_was_told_to_serve_is_ready() -> Result<()> {
    let host = Setup::new("").plugin("good", "good")?.start().await?;
    let response = host.get("/ready").await?;
    assert_eq!(
        (response.status, response.json()?),
        (200, json!({ "ready": true, "plugins": ["good"], "failures": [] }))
    );
    Ok(())
}

#[tokio::test]
async fn one_file_under_two_names_is_two_plugins_each_with_its_own_grants() -> Result<()> {
    let config = format!(
        "{TWO_SOURCES}[plugins.crm]\nfile = \"sql.wasm\"\ngrants = [\"sql.crm\"]\n\
         [plugins.orders]\nfile = \"sql.wasm\"\ngrants = [\"sql.shop\"]\nprefix = \"s\"\n\
         [plugins.all]\nfile = \"sql.wasm\"\ngrants = [\"sql.shop\", \"sql.crm\"]\nprefix = \"\"\n"
    );
    let host = Setup::new(config).plugin("sql", "sql")?.start().await?;
    assert_eq!(host.get("/ready").await?.status, 200, "{}", host.printed()?);
    assert_eq!(sources(&host, "crm__list_servers").await?, ["crm"]);
    assert_eq!(sources(&host, "s__list_servers").await?, ["shop"]);
    assert_eq!(sources(&host, "list_servers").await?, ["crm", "shop"]);
    // What another name was granted is as good as not there.
    let (status, refused) = host.call("crm__list_tables", json!({ "source": "shop" })).await?;
    assert_eq!(status, 404, "{refused}");
    for tool in ["orders__list_servers", "sql__list_servers"] {
        assert_eq!(host.call(tool, json!({})).await?.0, 404, "{tool}");
    }
    Ok(())
}

#[tokio::test]
async fn each_plugin_reads_its_own_settings_and_no_others() -> Result<()> {
    let config = "[plugins.a]\nfile = \"good.wasm\"\nsettings = { greeting = \"hello\", size = 5, on = true }\n\
        [plugins.b]\nfile = \"good.wasm\"\nsettings = { greeting = \"bye\" }\n";
    let host = Setup::new(config).plugin("good", "good")?.start().await?;
    assert_eq!(setting(&host, "a__", "greeting").await?, "hello");
    assert_eq!(setting(&host, "a__", "size").await?, "5");
    assert_eq!(setting(&host, "a__", "on").await?, "true");
    assert_eq!(setting(&host, "b__", "greeting").await?, "bye");
    assert_eq!(setting(&host, "b__", "size").await?, "not-found: The setting `size` is not set.");
    Ok(())
}

#[tokio::test]
async fn limits_of_a_plugin_are_its_own() -> Result<()> {
    let config = "[limits]\nmemory_mib = 8\n[plugins.roomy]\nfile = \"greedy.wasm\"\nlimits = { memory_mib = 64 }\n\
        [plugins.tight]\nfile = \"greedy.wasm\"\n";
    let host = Setup::new(config).plugin("greedy", "greedy")?.start().await?;
    let megabytes = json!({ "megabytes": 20 });
    assert_eq!(host.call("roomy__allocate", megabytes.clone()).await?.0, 200);
    let (status, refused) = host.call("tight__allocate", megabytes).await?;
    assert_eq!((status, &refused["_meta"]["toolhost/error"]["kind"]), (500, &json!("memory")), "{refused}");
    Ok(())
}
