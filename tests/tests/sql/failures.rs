//! What is broken, away or misconfigured fails the calls that need it, with a stable word,
//! and nothing else; and it heals by itself.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use toolhost_tests::data_api::DataApi;
use toolhost_tests::mariadb::MariaDb;
use toolhost_tests::{Toolhost, crm};

use crate::bench::{
    ENDLESS, Grant, PATIENCE, SOURCES, Three, command, host, query, refusal, rows, send, setup, setup_with,
    until_running,
};

/// One statement that must fail because the source does: what agents are told.
async fn unavailable(host: &Toolhost, source: &str) -> Result<String> {
    let refusal = refusal(host, source, "SELECT COUNT(*) FROM subscriptions").await?;
    assert_eq!(refusal.kind, "unavailable", "{source}: {refusal:?}");
    Ok(refusal.message)
}

#[tokio::test]
async fn a_source_that_fails_harms_no_other_and_is_told_without_user_host_or_password() -> Result<()> {
    let three = Three::new(4).await?;
    let [file, server, _] = three.grants(SOURCES);
    let named = |name: &str| Grant::mysql(name, &three.database, three.database.reader());
    let local = "host = \"127.0.0.1\"";
    let grants = [
        file,
        server,
        named("password").env("password_PASSWORD", "the-wrong-password"),
        named("user").backend(&three.database.reader().name, "no-such-user"),
        named("database").backend(three.database.name(), "no-such-database"),
        named("host").backend(local, "host = \"no-such-host.invalid\"\ntls = \"off\"\nconnect_ms = 2000"),
        named("port").backend(&format!("port = {}", three.database.port()), "port = 1"),
        named("tls").backend(local, "host = \"127.0.0.1\"\ntls = \"required\""),
        Grant::sqlite("missing", &three.file().with_file_name("no-such.db")),
        Grant::sqlite("folder", three.file().parent().unwrap_or(&three.file())),
    ];
    let host = setup(&grants)?.plugin("good", "good")?.argument("--log").argument("debug").start().await?;
    let told = [
        ("password", "the database refused the host's credential"),
        ("user", "the database refused the host's credential"),
        // One who may not see a database is not told that there is none.
        ("database", "the database refused the host's credential"),
        ("host", "the database cannot be reached"),
        ("port", "the database cannot be reached"),
        ("tls", "the server offers no encrypted connections"),
        ("missing", "the file of this source cannot be opened"),
        ("folder", "the file of this source cannot be opened"),
    ];
    let user = &three.database.reader().name;
    let hidden =
        [user, "the-wrong-password", "no-such-user", "no-such-host", "no-such-database", "127.0.0.1", "no-such.db"];
    for (source, says) in told {
        let message = unavailable(&host, source).await?;
        assert!(message.contains(says), "{source}: {message}");
        assert!(hidden.iter().all(|word| !message.contains(word)), "{source}: {message}");
        for good in ["file", "server"] {
            assert_eq!(rows(&host, good, "SELECT COUNT(*) FROM subscriptions").await?, json!([[6]]), "{source}");
        }
    }
    let (status, answer) = host.call("good__echo", json!({ "message": "hi" })).await?;
    assert_eq!(status, 200, "{answer}");

    // The config is in order, so the host is ready: only a look at the sources tells the rest.
    assert_eq!(host.get("/ready").await?.status, 200);
    let (good, checked) = command(&host, &grants, &["check"]).await?;
    assert!(!good, "{checked}");
    for (source, says) in told {
        assert!(
            checked.lines().any(|line| line.contains(&format!("sql.{source}")) && line.contains(says)),
            "{checked}"
        );
    }
    assert_eq!(checked.matches("it answers").count(), 2, "{checked}");
    // The operator's log tells the causes apart.
    let log = host.printed()?;
    for (source, cause) in [("host", "error="), ("port", "error=Connection refused (os error 111)")] {
        let says = format!("a database cannot be reached grant.name=sql.{source} ");
        assert!(log.lines().any(|line| line.contains(&says) && line.contains(cause)), "{source}: {log}");
    }
    let printed = log + &checked;
    for secret in [user.as_str(), "the-wrong-password", "no-such-user", "no-such-host"] {
        assert!(!printed.contains(secret), "{secret}: {printed}");
    }
    Ok(())
}

#[tokio::test]
async fn a_secret_that_is_not_set_is_named_by_check_and_by_ready_and_the_rest_is_served() -> Result<()> {
    let three = Three::new(4).await?;
    let [file, server, cluster] = three.grants(SOURCES);
    let grants = [file, server.env("server_PASSWORD", ""), cluster.env("cluster_SECRET", "")];
    let other = "\n[plugins.other]\nfile = \"sql.wasm\"\ngrants = [\"sql.file\"]\n";
    let host = setup_with(&grants, other)?.start().await?;
    let ready = host.get("/ready").await?;
    assert_eq!(ready.status, 503);
    let (good, checked) = command(&host, &grants, &["check"]).await?;
    assert!(!good);
    for variable in ["env:server_PASSWORD", "env:cluster_SECRET"] {
        assert!(ready.text().contains(variable) && checked.contains(variable), "{}{checked}", ready.text());
    }
    // One endpoint that cannot be used harms no other, of the same plugin or of another one.
    let statement = "SELECT COUNT(*) FROM subscriptions";
    for tool in ["sql__run_query", "other__run_query"] {
        let (status, answer) = host.call(tool, json!({ "source": "file", "sql": statement })).await?;
        assert_eq!((status, &answer["structuredContent"]["rows"]), (200, &json!([[6]])), "{answer}");
    }
    let (status, answer) = host.call("sql__run_query", json!({ "source": "server", "sql": statement })).await?;
    assert_eq!(status, 404, "{answer}");
    Ok(())
}

/// Calls until the source answers again.
async fn until_answered(host: &Toolhost, source: &str) -> Result<Value> {
    let begun = Instant::now();
    loop {
        match query(host, source, "SELECT COUNT(*) FROM subscriptions").await? {
            Ok(answer) => return Ok(answer["rows"].clone()),
            Err(refusal) => {
                ensure!(refusal.kind == "unavailable" && begun.elapsed() < PATIENCE, "{source}: {refusal:?}")
            }
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_database_that_is_down_at_the_start_or_later_is_used_again_when_it_is_back() -> Result<()> {
    let mut server = MariaDb::private().await?;
    let database = server.database().await?;
    crm::seed(&database, 4).await?;
    let api = DataApi::start(&database, database.reader()).await?;
    let grants = [Grant::mysql("server", &database, database.reader()), Grant::data_api("cluster", &api, &database)];
    server.stop()?;
    let host = host(&grants).await?;
    for round in 0..2 {
        for source in ["server", "cluster"] {
            unavailable(&host, source).await?;
        }
        let about = host.get("/").await?.text();
        if round == 0 {
            // Agents learn what there would be, and that it is not there.
            for source in ["server", "cluster"] {
                assert!(about.contains(&format!("Source `{source}`")), "{about}");
            }
            assert!(about.contains("Its tables cannot be listed just now."), "{about}");
        }
        server.start().await?;
        for source in ["server", "cluster"] {
            assert_eq!(until_answered(&host, source).await?, json!([[6]]), "{source}");
        }
        server.stop()?;
    }
    Ok(())
}

#[tokio::test]
async fn a_connection_that_breaks_under_a_statement_is_told_and_the_next_call_is_served() -> Result<()> {
    let three = Three::new(100).await?;
    let [_, server, cluster] = three.grants(SOURCES);
    let host = host(&[server, cluster]).await?;
    for source in ["server", "cluster"] {
        let call = send(&host, source, ENDLESS);
        until_running(&three.database, 1).await?;
        // A read may be sent a second time, so the second connection has to break too.
        let begun = Instant::now();
        while !call.is_finished() {
            ensure!(begun.elapsed() < PATIENCE, "{source}: no answer");
            three.database.kill_connections().await?;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let answer = call.await??.json()?;
        assert_eq!(answer["_meta"]["toolhost/error"]["kind"], "unavailable", "{source}: {answer}");
        assert_eq!(rows(&host, source, "SELECT COUNT(*) FROM subscriptions").await?, json!([[150]]), "{source}");
    }
    until_running(&three.database, 0).await
}

/// Connections that broke while nobody used them are nobody's error.
#[tokio::test]
async fn a_connection_that_broke_in_the_pool_costs_no_call() -> Result<()> {
    let three = Three::new(4).await?;
    let [_, server, _] = three.grants(SOURCES);
    let host = host(&[server]).await?;
    for _ in 0..5 {
        assert_eq!(rows(&host, "server", "SELECT COUNT(*) FROM subscriptions").await?, json!([[6]]));
        until_running(&three.database, 0).await?;
        assert!(three.database.kill_connections().await? > 0);
    }
    Ok(())
}
