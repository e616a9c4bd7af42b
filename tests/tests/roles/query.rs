//! The plugins `athena` and `case-insights` on an emulated Athena, and on the engine inside the host.

use std::fs;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use tempfile::TempDir;
use toolhost::call::Caller;
use toolhost::fault::Kind;
use toolhost_tests::athena::{Athena, WORKGROUP};

use crate::bench::{FILTER, House, admin, analyst, nobody, write};

const SOURCES: [&str; 2] = ["service", "inside"];

/// The same cases at the service and in a folder, and a table `notes` that everybody sees.
struct Bench {
    house: House,
    athena: Athena,
    _folder: TempDir,
}

impl Bench {
    async fn new() -> Result<Self> {
        Self::with("case_summary", FILTER).await
    }

    /// The same, with a filter of another name or with another condition.
    async fn with(table: &str, filter: &str) -> Result<Self> {
        let folder = TempDir::with_prefix("toolhost-roles-")?;
        let (lake, keys) = (folder.path().join("lake"), folder.path().join("keys"));
        fs::create_dir(&lake)?;
        fs::create_dir(&keys)?;
        write(&lake, "case_summary")?;
        fs::write(lake.join("notes.csv"), "n\n1\n")?;
        let athena = Athena::start(&lake, "support").await?;
        fs::write(keys.join("id"), athena.access_key())?;
        fs::write(keys.join("key"), athena.secret_key())?;
        let mut config = "[plugins.athena]\ngrants = [\"query.service\", \"query.inside\"]\n\
                          [plugins.case_insights]\ngrants = [\"query.inside\", \"model.analyst\", \"kv.cache\"]\n\
                          [model.analyst.extract]\n[kv.cache]\nscope = \"caller\"\n[kv.cache.memory]\n"
            .to_owned();
        for source in SOURCES {
            config += &format!("[query.{source}.rows.{table}]\n{filter}");
        }
        config += &format!(
            "[query.service.athena]\ndatabase = \"support\"\nworkgroup = {WORKGROUP:?}\nregion = {:?}\n\
             output_location = \"s3://acme-athena-results/agents/\"\nendpoint_url = {:?}\n\
             credentials = {{ access_key_id = \"file:{2}/id\", secret_access_key = \"file:{2}/key\" }}\n\
             [query.inside.embedded]\ndatabase = \"support\"\ndir = {lake:?}\n",
            athena.region(),
            athena.endpoint_url(),
            keys.display(),
        );
        let house = House::start(config, &["athena", "case_insights"]).await?;
        Ok(Self { house, athena, _folder: folder })
    }

    async fn rows(&self, caller: &Caller, source: &str, sql: &str) -> Result<Value> {
        let answer =
            self.house.answer(caller, "athena__query_athena", json!({ "source": source, "query": sql })).await?;
        Ok(answer["rows"].clone())
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
        let arguments = json!({ "source": source, "query": count });
        let told = bench.house.denied(&nobody(), "athena__query_athena", arguments).await?;
        assert!(told.contains("attribute `unit`") && told.contains("has none"), "{source}: {told}");
        assert_eq!(bench.rows(&nobody(), source, "SELECT COUNT(*) FROM notes").await?, json!([[1]]), "{source}");
    }
    Ok(())
}

#[tokio::test]
async fn the_service_gets_the_filter_and_other_statements_as_they_were_written() -> Result<()> {
    let bench = Bench::new().await?;
    let filtered = "SELECT rca_category, COUNT(*) AS n FROM case_summary GROUP BY rca_category";
    let other = "select  count(*)\nfrom notes -- case_summary";
    for sql in [filtered, other] {
        bench.rows(&analyst(&["emea", "apac"]), "service", sql).await?;
    }
    let sent: Vec<String> = bench.athena.statements().into_iter().map(|statement| statement.sql).collect();
    let narrowed = "SELECT rca_category, COUNT(*) AS n FROM (SELECT * FROM case_summary WHERE business_unit in \
                    ('emea', 'apac') LIMIT 9223372036854775807) AS case_summary GROUP BY rca_category";
    assert_eq!(sent, [narrowed, other]);
    Ok(())
}

#[tokio::test]
async fn a_filter_that_fits_no_table_is_found_where_it_costs_nothing_to_ask() -> Result<()> {
    let found = Bench::new().await?.house.probe("query.inside").await?;
    assert!(found.is_ok(), "{found:?}");
    let misspelt = FILTER.replace("business_unit", "busines_unit");
    for (table, filter) in [("case_sumary", FILTER), ("case_summary", &*misspelt)] {
        let bench = Bench::with(table, filter).await?;
        let found = bench.house.probe("query.inside").await?;
        let says = format!("[query.inside.rows.{table}]: the source has no such table, or its condition does not fit");
        assert!(found.as_ref().is_err_and(|told| told.starts_with(&says)), "{found:?}");
        let arguments = json!({ "source": "inside", "query": "SELECT COUNT(*) FROM case_summary" });
        let refused = bench.house.call(&admin(), "athena__query_athena", arguments).await?;
        let error = refused.err().context("it answered")?;
        assert!(error.message.contains("toolhost check"), "{error:?}");
        // The service wants money for what it is asked.
        let found = bench.house.probe("query.service").await?;
        assert!(found.is_ok() && bench.athena.statements().len() == 1, "{found:?}");
    }
    Ok(())
}

/// What a plugin or a model would try in order to see more. Each is answered without the hidden rows, or refused.
const ATTEMPTS: &[&str] = &[
    "SELECT summary FROM case_summary UNION ALL SELECT summary FROM support.case_summary",
    "SELECT c.summary FROM case_summary c JOIN case_summary d ON c.casenumber <> d.casenumber",
    "SELECT summary FROM \"CASE_SUMMARY\" WHERE 1 = 1 OR business_unit = 'amer'",
    "SELECT x.summary FROM (SELECT * FROM awsdatacatalog.support.case_summary) x",
    "SELECT (SELECT MAX(summary) FROM case_summary)",
    "WITH a AS (SELECT * FROM case_summary) SELECT summary FROM a",
    "WITH case_summary AS (SELECT * FROM case_summary) SELECT summary FROM case_summary",
    "SELECT summary FROM notes AS case_summary, case_summary AS c",
    "SELECT summary FROM/**/case_summary -- ) AS x",
    "TABLE case_summary",
    "SELECT 1 UNION TABLE case_summary",
    "SELECT * FROM \"case_summary$partitions\"",
    "SHOW PARTITIONS case_summary",
    "EXPLAIN ANALYZE SELECT * FROM case_summary",
    "SELECT * FROM TABLE(exclude_columns(input => TABLE(case_summary), columns => DESCRIPTOR(business_unit)))",
    "SELECT summary FROM case_summary TABLESAMPLE BERNOULLI (100)",
];

#[tokio::test]
async fn no_statement_reads_past_the_filter() -> Result<()> {
    let bench = Bench::new().await?;
    let mut seen = 0;
    for source in SOURCES {
        for sql in ATTEMPTS {
            let arguments = json!({ "source": source, "query": sql });
            let heard = match bench.house.call(&analyst(&["emea"]), "athena__query_athena", arguments).await? {
                Ok(answer) => answer.to_string(),
                Err(error) => error.sentence(),
            };
            seen += usize::from(heard.contains("secret of emea"));
            assert!(!heard.contains("secret of amer") && !heard.contains("secret of apac"), "{source}: {sql}: {heard}");
        }
    }
    assert!(seen >= SOURCES.len() * 4, "{seen}");
    Ok(())
}

#[tokio::test]
async fn a_hidden_row_makes_no_statement_fail() -> Result<()> {
    let bench = Bench::new().await?;
    let sql = "SELECT COUNT(*) FROM case_summary WHERE 1 / (CASE WHEN business_unit = 'amer' THEN 0 ELSE 1 END) = 1";
    for source in SOURCES {
        assert_eq!(bench.rows(&analyst(&["emea"]), source, sql).await?, json!([[3]]), "{source}");
    }
    Ok(())
}

#[tokio::test]
async fn what_was_begun_in_one_role_is_not_read_in_another() -> Result<()> {
    let bench = Bench::new().await?;
    let sql = "SELECT summary FROM case_summary";
    let (before, after) = (analyst(&["emea", "apac"]), analyst(&["emea"]));
    for source in SOURCES {
        let arguments = json!({ "source": source, "query": sql, "max_results": 2 });
        let first = bench.house.answer(&before, "athena__query_athena", arguments).await?;
        let id = first["query_execution_id"].as_str().context("an id, for there are more rows")?;
        let rest = json!({ "source": source, "query_execution_id": id, "cursor": first["cursor"] });
        // The same caller by name, which has lost a unit since.
        for caller in [&after, &admin(), &nobody()] {
            for tool in ["athena__get_query_results", "athena__get_query_status", "athena__stop_query"] {
                let mut arguments = rest.clone();
                if tool != "athena__get_query_results" {
                    arguments = json!({ "source": source, "query_execution_id": id });
                }
                let refused = bench.house.call(caller, tool, arguments).await?;
                assert!(refused.as_ref().is_err_and(|error| error.kind == Kind::NotFound), "{tool}: {refused:?}");
            }
        }
        let answer = bench.house.answer(&before, "athena__get_query_results", rest).await?;
        assert_eq!(answer["rows"].as_array().map(Vec::len), Some(3), "{source}: {answer}");
    }
    Ok(())
}

#[tokio::test]
async fn tools_that_count_cases_count_those_of_the_caller() -> Result<()> {
    let bench = Bench::new().await?;
    let arguments = json!({ "start_date": "2026-01-01", "end_date": "2026-01-31" });
    for (caller, expected) in [(analyst(&["emea"]), 3), (analyst(&["emea", "apac"]), 5), (admin(), 9)] {
        let tool = "case_insights__analyze_case_summaries";
        let answer = bench.house.answer(&caller, tool, arguments.clone()).await?;
        assert_eq!(answer["total_cases_found"], json!(expected), "{answer}");
        assert!(expected == 9 || !answer.to_string().contains("secret of amer"), "{answer}");
    }
    let told = bench.house.denied(&nobody(), "case_insights__analyze_case_summaries", arguments).await?;
    assert!(told.contains("attribute `unit`"), "{told}");
    Ok(())
}
