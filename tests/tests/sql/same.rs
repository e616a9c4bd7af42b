//! One plugin, one question, three kinds of database: only the config differs.

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use toolhost_tests::Toolhost;
use toolhost_tests::mcp::{ERAS, Mcp};

use crate::bench::{SOURCES, Three, call, host, query, rows};

/// A column of every type that the dialects share. The text must survive whatever it looks like.
const THINGS: &str = r"
CREATE TABLE things (
    id INT NOT NULL PRIMARY KEY, big BIGINT, ratio DOUBLE, price DECIMAL(12,4), name VARCHAR(60), note TEXT,
    raw BLOB, yes BOOLEAN, day DATE, clock TIME, seen DATETIME
);
INSERT INTO things VALUES
    (1, 9223372036854775807, 0.25, 12.3400, 'né''; DROP TABLE things; -- ? :p1 😀', 'two
lines', x'00ff', TRUE, '2026-01-31', '23:59:59', '2026-01-31 23:59:59'),
    (2, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
    (3, -1, -1.5, 7, '', '', x'', FALSE, '1999-12-31', '00:00:00', '1999-12-31 00:00:00');
CREATE VIEW open_tickets AS SELECT ticket_id, created_at FROM support_tickets WHERE status = 'open';
";

const NASTY: &str = "né'; DROP TABLE things; -- ? :p1 😀";

/// Three hosts whose configs differ in the table `[sql.crm]` and in nothing else.
async fn hosts(three: &Three) -> Result<Vec<Toolhost>> {
    let mut hosts = Vec::new();
    for grant in three.grants(["crm"; 3]) {
        hosts.push(host(&[grant.with("notes = \"Customers are CUST_000001 and so on.\"")]).await?);
    }
    Ok(hosts)
}

/// What each of the hosts answers to the same call.
async fn answers(hosts: &[Toolhost], tool: &str, arguments: &Value) -> Result<Vec<Value>> {
    let mut answers = Vec::new();
    for (host, source) in hosts.iter().zip(SOURCES) {
        match call(host, tool, arguments.clone()).await? {
            Ok(answer) => answers.push(answer),
            Err(refusal) => anyhow::bail!("{source}: {tool} {arguments}: {refusal:?}"),
        }
    }
    Ok(answers)
}

/// The answer of all, if they are the same.
async fn answer(hosts: &[Toolhost], tool: &str, arguments: Value) -> Result<Value> {
    let mut answers = answers(hosts, tool, &arguments).await?;
    let last = answers.pop().unwrap_or_default();
    for (answer, source) in answers.iter().zip(SOURCES) {
        ensure!(*answer == last, "{tool} {arguments}\n{source}: {answer}\ncluster: {last}");
    }
    Ok(last)
}

#[tokio::test]
async fn one_plugin_answers_the_same_from_sqlite_mariadb_and_the_data_api() -> Result<()> {
    let three = Three::new(41).await?;
    three.execute(THINGS).await?;
    let hosts = hosts(&three).await?;

    // How many open support tickets do we have?
    let count = "SELECT COUNT(*) AS n FROM support_tickets WHERE status = 'open'";
    let expected: u64 = three.database.value(count).await?;
    assert_eq!(expected, 11);
    for answer in answers(&hosts, "run_query", &json!({ "sql": count })).await? {
        // The type of an expression is not declared anywhere, and SQLite tells none.
        assert!(
            ["integer", "unknown"].contains(&answer["columns"][0]["type"].as_str().unwrap_or_default()),
            "{answer}"
        );
        assert_eq!((&answer["rows"], &answer["columns"][0]["name"]), (&json!([[expected]]), &json!("n")));
        assert_eq!((&answer["row_count"], &answer["truncated"]), (&json!(1), &json!(false)));
    }

    let all = answer(&hosts, "run_query", json!({ "sql": "SELECT * FROM things ORDER BY id" })).await?;
    let types: Vec<_> = all["columns"].as_array().into_iter().flatten().map(|column| &column["type"]).collect();
    assert_eq!(
        json!(types),
        json!([
            "integer",
            "integer",
            "float",
            "decimal",
            "text",
            "text",
            "bytes",
            "boolean",
            "date",
            "time",
            "timestamp"
        ])
    );
    assert_eq!(
        all["rows"],
        json!([
            [
                1,
                i64::MAX,
                0.25,
                "12.3400",
                NASTY,
                "two\nlines",
                "AP8=",
                true,
                "2026-01-31",
                "23:59:59",
                "2026-01-31T23:59:59"
            ],
            [2, null, null, null, null, null, null, null, null, null, null],
            [3, -1, -1.5, "7.0000", "", "", "", false, "1999-12-31", "00:00:00", "1999-12-31T00:00:00"],
        ])
    );

    // Rows as the database itself tells them.
    let direct: Vec<(String, String, Option<String>, String, bool)> = three
        .database
        .rows(
            "SELECT subscription_id, CAST(start_date AS CHAR), CAST(end_date AS CHAR), CAST(monthly_amount AS CHAR), \
             auto_renew FROM subscriptions ORDER BY subscription_id",
        )
        .await?;
    let sql = "SELECT subscription_id, start_date, end_date, monthly_amount, auto_renew FROM subscriptions \
               ORDER BY subscription_id";
    assert_eq!(answer(&hosts, "run_query", json!({ "sql": sql })).await?["rows"], json!(direct));
    Ok(())
}

#[tokio::test]
async fn parameters_mean_the_same_on_each_backend() -> Result<()> {
    let three = Three::new(24).await?;
    three.execute(THINGS).await?;
    let hosts = hosts(&three).await?;
    let tickets = "SELECT ticket_id, created_at, resolved_at FROM support_tickets";
    let open =
        answer(&hosts, "run_query", json!({ "sql": format!("{tickets} WHERE status = 'open' ORDER BY 1") })).await?;
    for (condition, parameters) in [
        ("status = ? AND priority <> ?", json!(["open", "none"])),
        ("status = :status AND :status = 'open'", json!({ "status": "open" })),
        ("status = :s AND created_at >= :day", json!({ "day": "2026-01-01 00:00:00", "s": "open" })),
        // What looks like a placeholder in a text or a comment is none.
        ("status = ? AND subject <> ':a ?' /* ? :b */", json!(["open"])),
    ] {
        let sql = format!("{tickets} WHERE {condition} ORDER BY 1");
        let found = answer(&hosts, "run_query", json!({ "sql": sql, "parameters": parameters })).await?;
        assert_eq!(found, open, "{condition}");
    }
    for (condition, parameters, ids) in [
        ("name = ?", json!([NASTY]), json!([[1]])),
        ("name = :name", json!({ "name": NASTY }), json!([[1]])),
        ("big = ?", json!([i64::MAX]), json!([[1]])),
        ("ratio = ? AND yes = ?", json!([0.25, true]), json!([[1]])),
        ("ratio < :r", json!({ "r": -1 }), json!([[3]])),
        ("day = ? OR seen = ? OR clock = ?", json!(["2026-01-31", "1999-12-31 00:00:00", "x"]), json!([[1], [3]])),
        ("? IS NULL AND id < ?", json!([null, 2]), json!([[1]])),
        ("id > ? ORDER BY id LIMIT ?", json!([0, 1]), json!([[1]])),
        // An injection stays a value.
        ("name = ?", json!(["' OR '1'='1"]), json!([])),
    ] {
        let sql = format!("SELECT id FROM things WHERE {condition}");
        let found = answer(&hosts, "run_query", json!({ "sql": sql, "parameters": parameters })).await?;
        assert_eq!(found["rows"], ids, "{condition} {parameters}");
    }
    Ok(())
}

#[tokio::test]
async fn the_catalogue_reads_the_same_on_each_backend() -> Result<()> {
    let three = Three::new(4).await?;
    three.execute(THINGS).await?;
    let hosts = hosts(&three).await?;
    let tables = answer(&hosts, "list_tables", json!({})).await?;
    let names: Vec<_> = tables["result"].as_array().into_iter().flatten().map(|table| &table["name"]).collect();
    assert_eq!(json!(names), json!(["content_ratings", "open_tickets", "subscriptions", "support_tickets", "things"]));
    assert_eq!(tables["result"][1]["kind"], "view");

    for (table, key, indexes) in [("support_tickets", "ticket_id", 3), ("content_ratings", "rating_id", 0)] {
        let mut schemas = answers(&hosts, "get_table_schema", &json!({ "table": table })).await?;
        assert_eq!(schemas[1], schemas[2]);
        for schema in &mut schemas {
            for column in schema["columns"].as_array_mut().into_iter().flatten() {
                // Each writes types in its own words, and SQLite has no ENUM.
                let declared = column["declared"].take();
                assert!(declared.as_str().is_some_and(|declared| !declared.is_empty()), "{column}");
            }
        }
        assert_eq!(schemas[0], schemas[1]);
        assert_eq!(schemas[0]["primary_key"], json!([key]));
        assert_eq!(schemas[0]["indexes"].as_array().map(Vec::len), Some(indexes));
    }

    for (server, dialect) in answers(&hosts, "list_servers", &json!({})).await?.iter().zip(["sqlite", "mysql", "mysql"])
    {
        let notes = "Customers are CUST_000001 and so on.";
        let expected = json!([{ "name": "crm", "dialect": dialect, "access": "read", "notes": notes }]);
        assert_eq!(server["result"], expected);
    }
    Ok(())
}

#[tokio::test]
async fn the_same_mistake_has_the_same_kind_on_each_backend() -> Result<()> {
    let three = Three::new(4).await?;
    let host = host(&three.grants(SOURCES)).await?;
    for source in SOURCES {
        for (tool, arguments, kind) in [
            ("run_query", json!({ "sql": "SELECT * FROM no_such_table" }), "invalid"),
            ("run_query", json!({ "sql": "SELECT no_such_column FROM subscriptions" }), "invalid"),
            ("run_query", json!({ "sql": "SELECT FROM WHERE" }), "invalid"),
            ("run_query", json!({ "sql": "SELECT 1; SELECT 2" }), "invalid"),
            ("run_query", json!({ "sql": "SELECT ?" }), "invalid"),
            ("run_query", json!({ "sql": "SELECT :a", "parameters": { "b": 1 } }), "invalid"),
            ("run_query", json!({ "sql": "DELETE FROM subscriptions" }), "denied"),
            ("run_query", json!({ "sql": "DROP TABLE subscriptions" }), "denied"),
            ("get_table_schema", json!({ "table": "no_such_table" }), "not-found"),
            ("run_query", json!({ "sql": 7 }), "invalid-arguments"),
        ] {
            let mut named = arguments.clone();
            named["source"] = json!(source);
            match call(&host, tool, named).await? {
                Ok(answer) => panic!("{source}: {arguments}: {answer}"),
                Err(refusal) => assert_eq!(refusal.kind, kind, "{source}: {arguments}: {}", refusal.message),
            }
        }
    }
    let unnamed = call(&host, "list_tables", json!({})).await?;
    assert!(unnamed.is_err_and(|refusal| SOURCES.iter().all(|name| refusal.message.contains(name))));
    Ok(())
}

#[tokio::test]
async fn rows_come_through_mcp_as_they_come_through_rest() -> Result<()> {
    let three = Three::new(8).await?;
    let host = host(&three.grants(SOURCES)).await?;
    for source in SOURCES {
        let sql = "SELECT * FROM support_tickets ORDER BY ticket_id";
        let by_rest = query(&host, source, sql).await?.map_err(|refusal| anyhow::anyhow!("{refusal:?}"))?;
        for era in ERAS {
            let mut client = Mcp::connect(host.url(), era).await?;
            let by_mcp = client.call("sql__run_query", json!({ "source": source, "sql": sql })).await?;
            assert_eq!(by_mcp["structuredContent"], by_rest, "{source} {era:?}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn agents_are_told_what_is_there_and_never_where_it_is() -> Result<()> {
    let three = Three::new(4).await?;
    let notes = "notes = \"Customers join the telemetry by customer_id.\"";
    let grants = three.grants(SOURCES).map(|grant| grant.with(notes));
    let host = host(&grants).await?;
    let mut told = vec![host.get("/").await?.json()?["instructions"].as_str().unwrap_or_default().to_owned()];
    for era in ERAS {
        told.push(Mcp::connect(host.url(), era).await?.instructions);
    }
    for text in &told {
        for (source, dialect) in SOURCES.into_iter().zip(["sqlite", "mysql", "mysql"]) {
            assert!(text.contains(&format!("Source `{source}`: SQL in the {dialect} dialect, read-only")), "{text}");
        }
        let key = "support_tickets (key ticket_id; indexed";
        assert_eq!(text.matches(key).count(), 3, "{text}");
        assert_eq!(text.matches("Customers join the telemetry by customer_id.").count(), 3, "{text}");
        let (user, port) = (&three.database.reader().name, three.database.port().to_string());
        for secret in [user, &three.database.reader().password, &port, "127.0.0.1", three.api.cluster_arn()] {
            assert!(!text.contains(secret), "{secret}: {text}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn thirty_questions_at_once_are_all_answered() -> Result<()> {
    let three = Three::new(60).await?;
    let [file, server, cluster] = three.grants(SOURCES);
    let host =
        host(&[file, server.backend("[sql.server.mysql]\n", "[sql.server.mysql]\nconnections = 3\n"), cluster]).await?;
    for source in SOURCES {
        let asked = (0..30).map(|number| {
            let sql = format!(
                "SELECT {number}, COUNT(*) FROM content_ratings a, content_ratings b WHERE a.rating >= b.rating"
            );
            let host = &host;
            async move { rows(host, source, &sql).await }
        });
        let answers = futures_util::future::try_join_all(asked).await?;
        for (number, answer) in answers.iter().enumerate() {
            assert_eq!(answer[0][0], json!(number), "{source}");
            assert_eq!(answer[0][1], answers[0][0][1], "{source}");
        }
    }
    Ok(())
}
