//! Three roles before one table: each caller sees the cases of its own services, the admin all of
//! them, and whoever has no role none; over HTTP, by API key, through every door.

use std::collections::BTreeSet;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;
use toolhost::cli::demo::cases;
use toolhost_tests::Toolhost;
use toolhost_tests::http::request;
use toolhost_tests::mcp::{ERAS, Mcp};
use toolhost_tests::toolhost::Setup;

/// A key, and what the operator says of its caller.
const KEYS: [(&str, &str); 4] = [
    ("thk_billing", "groups = [\"analysts\"]\nattributes = { service = \"SERVICE0\" }"),
    ("thk_storage", "groups = [\"analysts\"]\nattributes = { service = [\"SERVICE1\", \"SERVICE2\"] }"),
    ("thk_admin", "groups = [\"analysts\", \"admins\"]"),
    ("thk_newcomer", "groups = [\"analysts\"]"),
];

/// The file of keys, with these services in the places of the three above.
fn keys(services: &[String]) -> String {
    let key = |(key, about): (&str, &str)| {
        let digest: String = Sha256::digest(key).iter().map(|byte| format!("{byte:02x}")).collect();
        let caller = key.trim_start_matches("thk_");
        format!("[[key]]\nid = \"{caller}-1\"\ncaller = \"{caller}\"\nsha256 = \"{digest}\"\n{about}\n\n")
    };
    let mut text: String = KEYS.into_iter().map(key).collect();
    for (at, service) in services.iter().enumerate() {
        text = text.replace(&format!("SERVICE{at}"), service);
    }
    text
}

/// One call by REST.
async fn call(host: &Toolhost, key: &str, tool: &str, arguments: &Value) -> Result<(u16, Value)> {
    let url = format!("{}/tools/cases__{tool}", host.url());
    let bearer = format!("Bearer {key}");
    let headers = [("content-type", "application/json"), ("authorization", bearer.as_str())];
    let answer = request("POST", &url, &headers, arguments.to_string().into_bytes()).await?;
    Ok((answer.status, answer.json()?))
}

#[tokio::test]
async fn each_role_sees_its_own_cases_by_every_door_and_tool() -> Result<()> {
    let now = SystemTime::now();
    let lake = TempDir::with_prefix("toolhost-lake-")?;
    cases::write(lake.path(), now)?;
    let all = cases::rows(now.duration_since(UNIX_EPOCH)?.as_secs() / 86_400);
    let service = |case: &Value| case["servicecode"].as_str().unwrap_or_default().to_owned();
    let services: Vec<String> = all.iter().map(service).collect::<BTreeSet<_>>().into_iter().take(3).collect();
    ensure!(services.len() == 3, "the demo has too few services");
    let of = |wanted: &[String]| all.iter().filter(|case| wanted.contains(&service(case))).count();
    let seen = [("thk_billing", of(&services[..1])), ("thk_storage", of(&services[1..])), ("thk_admin", all.len())];

    let config = format!(
        "[callers]\nkeys = \"keys.toml\"\n[plugins.cases]\nfile = \"case_insights.wasm\"\ngroups = [\"analysts\"]\n\
         grants = [\"query.lake\", \"model.analyst\", \"kv.cache\"]\nlimits = {{ deadline_ms = 120000 }}\n\
         [query.lake.embedded]\ndir = {:?}\ndatabase = \"support\"\n\
         [query.lake.rows.case_summary]\nwhere = \"servicecode in (:service)\"\nall_for = [\"admins\"]\n\
         [kv.cache]\nscope = \"caller\"\n[kv.cache.memory]\n[model.analyst.extract]\n",
        lake.path()
    );
    let setup = Setup::new(config).beside("keys.toml", keys(&services)).plugin("case_insights", "case_insights")?;
    let host = setup.start().await?;
    let count = json!({ "query": "SELECT COUNT(*) AS n FROM case_summary" });
    let days = ["first", "last"].map(|end| if end == "first" { all.first() } else { all.last() });
    let day = |case: Option<&Value>| case.and_then(|case| case["timecreated"].as_str()?.get(..10)).map(str::to_owned);
    let whole =
        json!({ "start_date": day(days[0]), "end_date": day(days[1]), "analysis_question": "What stands out?" });
    for (key, cases) in seen {
        let (status, answer) = call(&host, key, "query_athena", &count).await?;
        assert_eq!(status, 200, "{key}: {answer}");
        assert_eq!(answer["structuredContent"]["rows"][0][0], cases, "{key}: {answer}");
        let (status, answer) = call(&host, key, "analyze_case_summaries", &whole).await?;
        assert_eq!(status, 200, "{key}: {answer}");
        assert_eq!(answer["structuredContent"]["total_cases_found"], cases, "{key}: {answer}");
        for era in ERAS {
            let mut client = Mcp::connect_as(host.url(), era, key).await?;
            let by_mcp = client.call("cases__query_athena", count.clone()).await?;
            assert_eq!(by_mcp["structuredContent"]["rows"][0][0], cases, "{key} {era:?}: {by_mcp}");
        }
    }
    // A caller whose role nobody wrote down is refused, and told which attribute is missing.
    let (status, answer) = call(&host, "thk_newcomer", "query_athena", &count).await?;
    assert_eq!(status, 403, "{answer}");
    let error = &answer["_meta"]["toolhost/error"];
    ensure!(error["message"].as_str().context("no message")?.contains("`service`"), "{error}");
    // What a model might try in order to see more.
    for query in [
        "SELECT COUNT(*) AS n FROM support.case_summary",
        "SELECT COUNT(*) AS n FROM \"case_summary\" WHERE 1 = 1 OR servicecode <> ''",
        "WITH everything AS (SELECT * FROM case_summary) SELECT COUNT(*) AS n FROM everything",
        "SELECT COUNT(*) AS n FROM (SELECT casenumber FROM case_summary UNION ALL SELECT casenumber FROM case_summary WHERE false)",
    ] {
        let (status, answer) = call(&host, "thk_billing", "query_athena", &json!({ "query": query })).await?;
        assert_eq!(status, 200, "{query}: {answer}");
        assert_eq!(answer["structuredContent"]["rows"][0][0], seen[0].1, "{query}: {answer}");
    }
    Ok(())
}
