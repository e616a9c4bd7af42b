//! The plugin `sql` on a SQLite file, on a real MariaDB, and on that through the Data API.

use std::fs;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;
use toolhost::call::Caller;
use toolhost::fault::Kind;
use toolhost_tests::data_api::DataApi;
use toolhost_tests::mariadb::{Database, MariaDb};

use crate::bench::{FILTER, HIDDEN, House, admin, analyst, nobody, statements};

const SOURCES: [&str; 3] = ["file", "server", "cluster"];

/// The same cases in each source, and a table `notes` that everybody sees.
struct Bench {
    house: House,
    database: Database,
    _api: DataApi,
    _folder: TempDir,
}

impl Bench {
    async fn new() -> Result<Self> {
        Self::with("case_summary", FILTER).await
    }

    /// The same, with a filter of another name or with another condition.
    async fn with(table: &str, filter: &str) -> Result<Self> {
        let database = MariaDb::shared().await?.database().await?;
        let api = DataApi::start(&database, database.owner()).await?;
        let folder = TempDir::with_prefix("toolhost-roles-")?;
        let path = |name: &str| folder.path().join(name);
        let notes = "CREATE TABLE notes (n INT); INSERT INTO notes VALUES (1);";
        let tables = format!("{}{notes}", statements("case_summary"));
        database.execute(&tables).await?;
        rusqlite::Connection::open(path("cases.db"))?.execute_batch(&tables)?;
        // The user may do everything: what is refused, the host refuses.
        let (owner, name) = (database.owner(), database.name());
        for (file, secret) in [("password", &*owner.password), ("id", api.access_key()), ("key", api.secret_key())] {
            fs::write(path(file), secret)?;
        }
        let mut config = "[plugins.sql]\ngrants = [\"sql.file\", \"sql.server\", \"sql.cluster\"]\n".to_owned();
        for source in SOURCES {
            config += &format!("[sql.{source}]\naccess = \"write\"\n[sql.{source}.rows.{table}]\n{filter}");
        }
        config += &format!("[sql.file.sqlite]\npath = {:?}\n", path("cases.db"));
        config += &format!(
            "[sql.server.mysql]\nhost = \"127.0.0.1\"\nport = {}\nuser = {:?}\ndatabase = {name:?}\n\
             password = \"file:{}\"\n",
            database.port(),
            owner.name,
            path("password").display(),
        );
        config += &format!(
            "[sql.cluster.rds-data]\ncluster_arn = {:?}\nsecret_arn = {:?}\ndatabase = {name:?}\nendpoint_url = {:?}\n\
             credentials = {{ access_key_id = \"file:{}\", secret_access_key = \"file:{}\" }}\n",
            api.cluster_arn(),
            api.secret_arn(),
            api.endpoint_url(),
            path("id").display(),
            path("key").display(),
        );
        let house = House::start(config, &["sql"]).await?;
        Ok(Self { house, database, _api: api, _folder: folder })
    }

    /// The rows of a statement.
    async fn rows(&self, caller: &Caller, source: &str, sql: &str) -> Result<Value> {
        let answer = self.house.answer(caller, "sql__run_query", json!({ "source": source, "sql": sql })).await?;
        Ok(answer["rows"].clone())
    }

    async fn denied(&self, caller: &Caller, source: &str, sql: &str) -> Result<String> {
        self.house.denied(caller, "sql__run_query", json!({ "source": source, "sql": sql })).await
    }
}

#[tokio::test]
async fn each_role_sees_its_rows_and_no_others() -> Result<()> {
    let bench = Bench::new().await?;
    let count = "SELECT COUNT(*) FROM case_summary";
    for source in SOURCES {
        for (caller, expected) in
            [(analyst(&["emea"]), 3), (analyst(&["emea", "apac"]), 5), (analyst(&["nowhere"]), 0), (admin(), 9)]
        {
            assert_eq!(bench.rows(&caller, source, count).await?, json!([[expected]]), "{source}");
        }
        let told = bench.denied(&nobody(), source, count).await?;
        assert!(told.contains("attribute `unit`") && told.contains("has none"), "{source}: {told}");
        assert_eq!(bench.rows(&nobody(), source, "SELECT n FROM notes").await?, json!([[1]]), "{source}");
    }
    Ok(())
}

#[tokio::test]
async fn values_of_the_plugin_stay_its_own() -> Result<()> {
    let bench = Bench::new().await?;
    let ann = analyst(&["emea"]);
    for source in SOURCES {
        // Its parameter has the name of the attribute, and says what it would like to see.
        for (sql, parameters) in [
            ("SELECT c.casenumber FROM case_summary c WHERE c.business_unit = :unit", json!({ "unit": HIDDEN })),
            ("SELECT casenumber FROM case_summary WHERE ? = 'amer' AND business_unit = ?", json!([HIDDEN, HIDDEN])),
        ] {
            let arguments = json!({ "source": source, "sql": sql, "parameters": parameters });
            let answer = bench.house.answer(&ann, "sql__run_query", arguments).await?;
            assert_eq!(answer["rows"], json!([]), "{source}: {sql}");
        }
        let sql =
            "SELECT ?, casenumber FROM case_summary WHERE casenumber > ? AND business_unit = ? ORDER BY casenumber";
        let arguments = json!({ "source": source, "sql": sql, "parameters": ["first", 1, "emea"] });
        let answer = bench.house.answer(&ann, "sql__run_query", arguments).await?;
        assert_eq!(answer["rows"], json!([["first", 2], ["first", 3]]), "{source}");
    }
    Ok(())
}

#[tokio::test]
async fn a_source_with_a_filter_that_fits_no_table_answers_nothing() -> Result<()> {
    let bench = Bench::new().await?;
    for source in SOURCES {
        let found = bench.house.probe(&format!("sql.{source}")).await?;
        assert!(found.is_ok(), "{source}: {found:?}");
    }
    let misspelt = FILTER.replace("business_unit", "busines_unit");
    for (table, filter) in [("case_sumary", FILTER), ("case_summary", &*misspelt)] {
        let bench = Bench::with(table, filter).await?;
        for source in SOURCES {
            let found = bench.house.probe(&format!("sql.{source}")).await?;
            let says =
                format!("[sql.{source}.rows.{table}]: the source has no such table, or its condition does not fit");
            assert!(found.as_ref().is_err_and(|told| told.starts_with(&says)), "{found:?}");
            let arguments = json!({ "source": source, "sql": "SELECT COUNT(*) FROM case_summary" });
            let refused = bench.house.call(&admin(), "sql__run_query", arguments).await?;
            let error = refused.err().with_context(|| format!("{source} answered"))?;
            assert!(error.kind == Kind::Unavailable && error.message.contains("toolhost check"), "{error:?}");
        }
    }
    Ok(())
}

/// What a plugin or a model would try in order to see more. Each is answered without the hidden rows, or refused.
const ATTEMPTS: &[&str] = &[
    "SELECT secret FROM case_summary UNION ALL SELECT secret FROM case_summary",
    "SELECT n FROM notes UNION SELECT secret FROM case_summary",
    "SELECT c.secret FROM case_summary AS c",
    "SELECT x.secret FROM (SELECT * FROM case_summary) x",
    "SELECT a.secret FROM notes LEFT JOIN case_summary a ON 1 = 1",
    "SELECT (SELECT MAX(secret) FROM case_summary WHERE business_unit = 'amer') AS a",
    "SELECT secret FROM `case_summary`",
    "SELECT secret FROM CASE_SUMMARY WHERE 1 = 1 OR business_unit = 'amer'",
    "SELECT secret FROM/**/case_summary/**/-- ) x",
    "SELECT secret FROM case_summary WHERE 1=1 -- AND\n OR 1=1",
    "SELECT secret FROM case_summary /* WHERE business_unit = 'emea' */",
    "WITH case_summary AS (SELECT 1 AS secret) SELECT secret FROM case_summary",
    "WITH a AS (SELECT * FROM case_summary) SELECT secret FROM a",
    "WITH case_summary AS (SELECT * FROM case_summary) SELECT secret FROM case_summary",
    "SELECT case_summary.secret FROM notes AS case_summary, case_summary AS c",
    "SELECT secret FROM case_summary, (SELECT 'amer' AS unit) u WHERE business_unit = unit",
    "SELECT secret FROM notes, (SELECT 'emea' AS business_unit) f, case_summary",
    "SELECT secret FROM case_summary WHERE EXISTS (SELECT 1 FROM case_summary b WHERE b.business_unit = 'amer')",
    "SELECT COUNT(*) FROM case_summary WHERE secret LIKE 'secret of amer%' HAVING COUNT(*) > 0",
    "SET @unit = 'amer'",
    "SELECT @unit := 'amer', secret FROM case_summary",
    "SELECT secret FROM case_summary INTO OUTFILE 'roles'",
    "SELECT secret FROM case_summary FOR UPDATE",
    "EXPLAIN SELECT secret FROM case_summary",
    "TABLE case_summary",
    "SELECT 1 UNION TABLE case_summary",
    "SELECT secret FROM case_summary; SELECT 1",
    "SELECT secret FROM main.case_summary",
    "SELECT secret FROM \"case_summary\"",
    "SELECT secret FROM [case_summary]",
    "SELECT secret FROM 'case_summary'",
    "SELECT * FROM information_schema.column_statistics",
    "SELECT * FROM sqlite_stat4",
    "HANDLER case_summary READ FIRST",
];

#[tokio::test]
async fn no_statement_reads_past_the_filter() -> Result<()> {
    let bench = Bench::new().await?;
    let own = format!("SELECT secret FROM `{}` . `case_summary`", bench.database.name());
    let mut seen = 0;
    for source in SOURCES {
        for sql in ATTEMPTS.iter().copied().chain([&*own]) {
            let arguments = json!({ "source": source, "sql": sql });
            let heard = match bench.house.call(&analyst(&["emea"]), "sql__run_query", arguments).await? {
                Ok(answer) => answer.to_string(),
                Err(error) => {
                    ensure!(matches!(error.kind, Kind::Denied | Kind::Invalid), "{source}: {sql}: {error:?}");
                    error.sentence()
                }
            };
            seen += usize::from(heard.contains("secret of emea"));
            assert!(!heard.contains("secret of amer") && !heard.contains("secret of apac"), "{source}: {sql}: {heard}");
        }
    }
    // Most are reads that anybody may write: those are answered.
    assert!(seen > SOURCES.len() * 8, "{seen}");
    Ok(())
}

#[tokio::test]
async fn a_hidden_row_makes_no_statement_fail() -> Result<()> {
    let bench = Bench::new().await?;
    for source in SOURCES {
        // On a row of the hidden unit, this would be too large a number.
        let condition = match source {
            "file" => format!("abs(-9223372036854775807 - (business_unit = '{HIDDEN}')) > 0"),
            _ => format!("IF(business_unit = '{HIDDEN}', EXP(casenumber * 1000), 1) >= 1"),
        };
        let sql = format!("SELECT COUNT(*) FROM case_summary WHERE {condition}");
        assert_eq!(bench.rows(&analyst(&["emea"]), source, &sql).await?, json!([[3]]), "{source}");
        let sees_all = bench.house.call(&admin(), "sql__run_query", json!({ "source": source, "sql": sql })).await?;
        assert!(sees_all.is_err(), "{source}: {sees_all:?}");
    }
    Ok(())
}

#[tokio::test]
async fn only_who_sees_every_row_changes_rows() -> Result<()> {
    let bench = Bench::new().await?;
    for source in SOURCES {
        for sql in [
            "UPDATE case_summary SET business_unit = 'emea'",
            "DELETE FROM case_summary WHERE business_unit = 'emea'",
            "INSERT INTO case_summary VALUES (10, 'emea', 'x')",
            "INSERT INTO notes SELECT casenumber FROM case_summary",
            "DELETE FROM notes WHERE n IN (SELECT casenumber FROM case_summary)",
        ] {
            let told = bench.denied(&analyst(&["emea"]), source, sql).await?;
            assert!(told.contains(&format!("[sql.{source}.rows.case_summary] all_for")), "{source}: {sql}: {told}");
        }
        // It may still change what everybody sees.
        bench.rows(&analyst(&["emea"]), source, "UPDATE notes SET n = 1").await?;
    }
    for source in ["file", "server"] {
        let sql = "UPDATE case_summary SET secret = 'none' WHERE casenumber = 1";
        bench.rows(&admin(), source, sql).await?;
        let rows = bench.rows(&admin(), source, "SELECT secret FROM case_summary WHERE casenumber = 1").await?;
        assert_eq!(rows, json!([["none"]]), "{source}");
    }
    Ok(())
}

#[tokio::test]
async fn agents_are_told_that_rows_differ_and_still_see_what_tables_look_like() -> Result<()> {
    let bench = Bench::new().await?;
    let told = bench.house.introductions().await?;
    assert_eq!(told.matches("Who asks decides which rows there are of: `case_summary`").count(), 3, "{told}");
    assert!(!told.contains(":unit"), "{told}");
    for source in SOURCES {
        let arguments = json!({ "source": source, "table": "case_summary" });
        let schema = bench.house.answer(&nobody(), "sql__get_table_schema", arguments).await?;
        assert_eq!(schema["columns"].as_array().map(Vec::len), Some(3), "{source}: {schema}");
    }
    Ok(())
}
