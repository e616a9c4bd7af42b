//! Grants that write: rows change and stay changed, and nothing else does.

use anyhow::Result;
use serde_json::{Value, json};
use toolhost_tests::Toolhost;
use toolhost_tests::data_api::DataApi;
use toolhost_tests::mcp::{Era, Mcp};

use crate::bench::{Grant, SOURCES, Three, call, host, refusal, rows};

/// The three sources, to write to, with a table `notes (id, text)` in each.
async fn writable() -> Result<(Three, DataApi, Toolhost)> {
    let three = Three::new(4).await?;
    three.database.execute("CREATE TABLE notes (id INT AUTO_INCREMENT PRIMARY KEY, text VARCHAR(100) UNIQUE)").await?;
    let file = rusqlite::Connection::open(three.file())?;
    file.execute_batch("CREATE TABLE notes (id INTEGER PRIMARY KEY AUTOINCREMENT, text VARCHAR(100) UNIQUE)")?;
    let api = DataApi::start(&three.database, three.database.owner()).await?;
    let grants = [
        Grant::sqlite(SOURCES[0], &three.file()),
        Grant::mysql(SOURCES[1], &three.database, three.database.owner()),
        Grant::data_api(SOURCES[2], &api, &three.database),
    ];
    let host = host(&grants.map(|grant| grant.with("access = \"write\""))).await?;
    Ok((three, api, host))
}

/// One statement that writes: how many rows it changed, and the key that was made.
async fn write(host: &Toolhost, source: &str, sql: &str, parameters: Value) -> Result<Value> {
    match call(host, "run_query", json!({ "source": source, "sql": sql, "parameters": parameters })).await? {
        Ok(answer) => {
            assert_eq!(
                answer["columns"],
                json!([
                    { "name": "rows_affected", "type": "integer" },
                    { "name": "inserted_id", "type": "integer" },
                ])
            );
            Ok(answer["rows"][0].clone())
        }
        Err(refusal) => anyhow::bail!("{source}: {sql}: {refusal:?}"),
    }
}

#[tokio::test]
async fn rows_are_inserted_updated_and_deleted_for_good() -> Result<()> {
    let (three, _api, host) = writable().await?;
    for source in SOURCES {
        let own = |text: &str| format!("{source} {text}");
        let first = write(&host, source, "INSERT INTO notes (text) VALUES (?)", json!([own("it's 'a'; -- ?")])).await?;
        assert_eq!((&first[0], first[1].is_i64()), (&json!(1), true), "{source}: {first}");
        let two = "-- two more\nINSERT INTO notes (text) VALUES (:b), (:c)";
        let two = write(&host, source, two, json!({ "b": own("b"), "c": own("c") })).await?;
        assert_eq!(two[0], 2, "{source}");
        let update =
            write(&host, source, "UPDATE notes SET text = ? WHERE text = ?", json!([own("d"), own("b")])).await?;
        assert_eq!(update[0], 1, "{source}");
        let none = write(&host, source, "DELETE FROM notes WHERE text = ?", json!([own("nobody")])).await?;
        assert_eq!(none[0], 0, "{source}");
        let delete = write(&host, source, "DELETE FROM notes WHERE text = ?", json!([own("c")])).await?;
        assert_eq!(delete[0], 1, "{source}");
        let found = format!("SELECT text FROM notes WHERE text LIKE '{source} %' ORDER BY text");
        assert_eq!(rows(&host, source, &found).await?, json!([[own("d")], [own("it's 'a'; -- ?")]]), "{source}");
    }
    // As others see it, and after the host is gone.
    host.stop().await?;
    let kept: Vec<String> = rusqlite::Connection::open(three.file())?
        .prepare("SELECT text FROM notes ORDER BY text")?
        .query_map([], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    assert_eq!(kept, ["file d", "file it's 'a'; -- ?"]);
    assert_eq!(three.database.value::<u64>("SELECT COUNT(*) FROM notes").await?, 4);
    Ok(())
}

#[tokio::test]
async fn a_write_that_fails_changes_nothing_and_quotes_no_row() -> Result<()> {
    let (three, _api, host) = writable().await?;
    for source in SOURCES {
        let secret = format!("{source} private");
        write(&host, source, "INSERT INTO notes (text) VALUES (?)", json!([secret])).await?;
        let twice = json!({
            "source": source,
            "sql": "INSERT INTO notes (text) VALUES (?), (?)",
            "parameters": [format!("{source} new"), secret],
        });
        let refusal = call(&host, "run_query", twice).await?.err();
        let refusal = refusal.unwrap_or_else(|| panic!("{source} took a duplicate"));
        assert_eq!(refusal.kind, "invalid", "{refusal:?}");
        assert!(!refusal.message.contains("private"), "{refusal:?}");
        let count = format!("SELECT COUNT(*) FROM notes WHERE text LIKE '{source} %'");
        assert_eq!(rows(&host, source, &count).await?, json!([[1]]), "{source}");
    }
    assert_eq!(three.database.value::<u64>("SELECT COUNT(*) FROM notes").await?, 2);
    Ok(())
}

#[tokio::test]
async fn a_grant_that_writes_still_changes_no_table_session_or_server() -> Result<()> {
    let (three, _api, host) = writable().await?;
    for source in SOURCES {
        for (sql, class) in [
            ("CREATE TABLE made (a INT)", "ddl"),
            ("ALTER TABLE notes ADD COLUMN b INT", "ddl"),
            ("DROP TABLE notes", "ddl"),
            ("DELETE FROM sqlite_sequence; DROP TABLE notes", ""),
            ("COMMIT", "session"),
        ] {
            let refusal = refusal(&host, source, sql).await?;
            let (kind, says) = if class.is_empty() { ("invalid", "") } else { ("denied", class) };
            assert_eq!(refusal.kind, kind, "{source} {sql}: {refusal:?}");
            assert!(refusal.message.contains(says), "{source} {sql}: {refusal:?}");
        }
    }
    for sql in [
        "TRUNCATE TABLE notes",
        "SET SESSION sql_mode = ''",
        "GRANT ALL ON *.* TO a",
        "FLUSH TABLES",
        "CALL p()",
        "INSERT INTO notes (text) VALUES (LOAD_FILE('/etc/hostname'))",
        "DELETE FROM notes WHERE SLEEP(20)",
        "UPDATE notes SET text = GET_LOCK('a', 1)",
        "INSERT INTO mysql.user SELECT * FROM notes",
    ] {
        for source in ["server", "cluster"] {
            assert_eq!(refusal(&host, source, sql).await?.kind, "denied", "{source}: {sql}");
        }
    }
    for sql in [
        "ATTACH DATABASE 'x.db' AS x",
        "PRAGMA writable_schema = ON",
        "VACUUM INTO 'x.db'",
        "INSERT INTO sqlite_master (name) VALUES ('x')",
    ] {
        assert_eq!(refusal(&host, "file", sql).await?.kind, "denied", "{sql}");
    }
    assert_eq!(std::fs::read_dir(three.file().parent().unwrap_or(&three.file()))?.count(), 1);
    assert_eq!(
        three
            .database
            .value::<u64>(
                "SELECT COUNT(*) FROM information_schema.columns \
        WHERE table_schema = DATABASE() AND table_name IN ('notes', 'made')"
            )
            .await?,
        2
    );
    Ok(())
}

#[tokio::test]
async fn a_grant_that_reads_refuses_writes_with_class_and_reason() -> Result<()> {
    let three = Three::new(4).await?;
    let host = host(&three.grants(SOURCES)).await?;
    for source in SOURCES {
        for sql in [
            "DELETE FROM subscriptions",
            "UPDATE subscriptions SET plan = 'basic'",
            "INSERT INTO subscriptions (plan) VALUES ('basic')",
            "REPLACE INTO subscriptions (plan) VALUES ('basic')",
        ] {
            let refusal = refusal(&host, source, sql).await?;
            assert_eq!(refusal.kind, "denied", "{source}: {sql}");
            assert!(refusal.message.contains("(class write); this source reads only"), "{source}: {refusal:?}");
        }
        assert_eq!(rows(&host, source, "SELECT COUNT(*) FROM subscriptions").await?, json!([[6]]));
    }
    Ok(())
}

/// Clients ask a person before they call a tool that is not marked so.
#[tokio::test]
async fn the_tool_says_that_it_only_reads_as_long_as_no_source_can_be_written() -> Result<()> {
    let three = Three::new(4).await?;
    for (access, hint) in [("read", true), ("write", false)] {
        let [file, server, cluster] = three.grants(SOURCES);
        let host = host(&[file.with(&format!("access = {access:?}")), server, cluster]).await?;
        let tools = Mcp::connect(host.url(), Era::Modern).await?.tools().await?;
        let tool = tools.iter().find(|tool| tool["name"] == "sql__run_query");
        let tool = tool.unwrap_or_else(|| panic!("{tools:?}"));
        assert_eq!(tool["annotations"]["readOnlyHint"], json!(hint), "{tool}");
        let words = if hint { "read only" } else { "read and write" };
        assert!(
            tool["description"].as_str().is_some_and(|text| text.contains(&format!("file (sqlite, {words})"))),
            "{tool}"
        );
    }
    Ok(())
}
