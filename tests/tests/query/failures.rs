//! What goes wrong is told to whoever can mend it, with the way to mend it; and what passes by
//! itself is waited for.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use toolhost_tests::athena::{Athena, Fault, Pace};

use crate::bench::{Bench, FIVE, Grant, answer, call, command, host, refusal, sql};

/// How the service fails a statement.
fn failing(reason: &str, category: u8) -> Pace {
    Pace { failure: Some((reason.to_owned(), category)), ..Pace::default() }
}

#[tokio::test]
async fn what_an_operator_set_up_wrong_comes_back_with_its_fix() -> Result<()> {
    let bench = Bench::new(1).await?;
    bench.athena.know("SELECT 1", &[("_col0", "integer")], vec![vec![Some("1".to_owned())]]);
    let grants = [bench.grant()];
    let host = host(&grants).await?;
    for (fault, fixes) in [
        (Fault::Denied("athena:StartQueryExecution"), ["athena:StartQueryExecution", "toolhost iam-policy"]),
        (Fault::Denied("athena:GetQueryExecution"), ["athena:GetQueryExecution", "toolhost iam-policy"]),
        (Fault::Disabled, ["the workgroup of this source is switched off", "`workgroup`"]),
    ] {
        bench.athena.fail_with(fault);
        let told = refusal(&host, "query_athena", sql(FIVE)).await?;
        assert_eq!(told.kind, "unavailable", "{fault:?}: {told:?}");
        let (good, checked) = command(&host, &grants, &["check"]).await?;
        assert!(!good, "{checked}");
        for fix in fixes {
            assert!(told.message.contains(fix), "{fault:?}: {told:?}");
            assert!(checked.contains(fix), "{fault:?}: {checked}");
        }
        // Neither the account nor the ARNs are an agent's business.
        assert!(!told.message.contains(bench.athena.account()) && !told.message.contains("arn:aws"), "{told:?}");
    }
    bench.athena.fail_with(Fault::Denied("athena:GetQueryResults"));
    let told = refusal(&host, "query_athena", sql(FIVE)).await?;
    assert!(told.message.contains("athena:GetQueryResults"), "{told:?}");
    // Mended, it works without a restart.
    bench.athena.fail_with(None);
    assert_eq!(answer(&host, "query_athena", sql(FIVE)).await?["row_count"], 5);
    let (good, checked) = command(&host, &grants, &["check"]).await?;
    assert!(good && checked.contains("it answers"), "{checked}");
    Ok(())
}

#[tokio::test]
async fn a_config_that_leads_nowhere_is_told_by_its_key() -> Result<()> {
    let bench = Bench::new(1).await?;
    let grant = bench.grant();
    for (grant, says) in [
        (grant.clone().replace("workgroup = \"agents\"", "workgroup = \"other\""), "`workgroup`"),
        (grant.clone().replace("output_location = ", "# output_location = "), "`output_location`"),
        (grant.clone().backend("catalog = \"other\""), "`catalog`"),
        (grant.clone().env("cases_SECRET", "wrong"), "AWS did not accept the host's credentials"),
        (grant.clone().replace("eu-central-1", "us-east-1"), "AWS did not accept the host's credentials"),
        (grant.replace(bench.athena.endpoint_url(), "http://127.0.0.1:1"), "Athena cannot be reached"),
    ] {
        let host = host(&[grant]).await?;
        let told = refusal(&host, "query_athena", sql(FIVE)).await?;
        assert_eq!(told.kind, "unavailable", "{told:?}");
        assert!(told.message.contains(says), "{told:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_mistake_in_a_statement_is_told_with_its_place_and_its_kind() -> Result<()> {
    let bench = Bench::new(1).await?;
    let host = host(&[bench.grant()]).await?;
    // What the host itself sees costs no statement.
    for (text, kind, says) in [
        ("SELECT *\nFROM t WHERE )", "invalid", "at line 2, column 14"),
        ("SELECT 1; SELECT 2", "invalid", "one statement at a time"),
        ("SELECT ?", "invalid", "placeholders in the statement: 1"),
        ("DROP TABLE case_summary", "denied", "class ddl"),
        ("SELECT '--' ; DELETE FROM t", "invalid", "one statement at a time"),
        ("SELECT '--', q.* FROM TABLE(c.system.query(query => 'DELETE FROM t')) q", "denied", "another system"),
        ("SELECT my_function(1)", "denied", "`functions`"),
    ] {
        let told = refusal(&host, "query_athena", sql(text)).await?;
        assert_eq!(told.kind, kind, "{text}: {told:?}");
        assert!(told.message.contains(says), "{text}: {told:?}");
    }
    assert!(bench.athena.statements().is_empty());
    for (reason, category, kind, says) in [
        ("COLUMN_NOT_FOUND: line 1:8: Column 'nmae' cannot be resolved", 2, "invalid", "line 1:8: Column 'nmae'"),
        ("TYPE_MISMATCH: line 3:4: Cannot apply operator: varchar >= date", 2, "invalid", "line 3:4"),
        ("INVALID_CAST_ARGUMENT: Cannot cast 'canary' to DATE", 2, "invalid", "TRY_CAST"),
        ("Query exhausted resources at this scale factor", 2, "limited", "more time or memory"),
        ("Bytes scanned limit was exceeded", 3, "limited", "its workgroup allows"),
        ("GENERIC_INTERNAL_ERROR: canary at s3://canary", 1, "failed", "GENERIC_INTERNAL_ERROR"),
        ("x is not authorized to perform: s3:GetObject on resource: arn:canary", 2, "unavailable", "s3:GetObject"),
    ] {
        bench.athena.set_pace(failing(reason, category));
        let told = refusal(&host, "query_athena", sql(FIVE)).await?;
        assert_eq!(told.kind, kind, "{reason}: {told:?}");
        assert!(told.message.contains(says) && !told.message.contains("canary"), "{reason}: {told:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_name_that_is_not_there_comes_back_with_those_that_are() -> Result<()> {
    let bench = Bench::new(1).await?;
    let host = host(&[bench.grant()]).await?;
    for (reason, says) in [
        (
            "TABLE_NOT_FOUND: line 1:15: Table 'awsdatacatalog.support.nope' does not exist",
            "the tables of support: case_summary",
        ),
        ("SCHEMA_NOT_FOUND: line 1:15: Schema 'nope' does not exist", "the databases: support"),
    ] {
        bench.athena.set_pace(failing(reason, 2));
        let told = refusal(&host, "query_athena", sql(FIVE)).await?;
        assert!(
            told.kind == "invalid" && told.message.contains("line 1:15") && told.message.contains(says),
            "{told:?}"
        );
    }
    // If the names cannot be had, the mistake is told all the same.
    bench.athena.fail_with(Fault::Denied("athena:ListDatabases"));
    let told = refusal(&host, "query_athena", sql(FIVE)).await?;
    assert!(told.kind == "invalid" && told.message.contains("Schema 'nope'"), "{told:?}");
    Ok(())
}

#[tokio::test]
async fn throttling_is_waited_for_and_given_up_when_it_lasts() -> Result<()> {
    let bench = Bench::new(1).await?;
    let host = host(&[bench.grant()]).await?;
    for action in ["StartQueryExecution", "GetQueryExecution", "GetQueryResults"] {
        bench.athena.throttle(action, 2);
        assert_eq!(answer(&host, "query_athena", sql(FIVE)).await?["row_count"], 5, "{action}");
    }
    // Each was started once, however often it was asked for.
    assert_eq!(bench.athena.statements().len(), 3);

    bench.athena.throttle("StartQueryExecution", 1_000);
    let told = refusal(&host, "query_athena", sql(FIVE)).await?;
    assert_eq!((told.kind.as_str(), told.retry_after_ms), ("limited", Some(2_000)), "{told:?}");
    bench.athena.throttle("StartQueryExecution", 0);
    assert_eq!(bench.athena.statements().len(), 3);
    let tries = bench.athena.requests().iter().filter(|seen| seen.action == "StartQueryExecution").count();
    assert!(tries <= 15, "{tries}");
    Ok(())
}

#[tokio::test]
async fn a_service_that_fails_for_a_moment_costs_no_statement_that_runs() -> Result<()> {
    let bench = Bench::new(1).await?;
    bench.athena.set_pace(Pace { running: Duration::from_millis(1_500), ..Pace::default() });
    let host = host(&[bench.grant()]).await?;
    let asked = answer(&host, "query_athena", sql(FIVE));
    let trouble = async {
        bench.until_running(1).await?;
        bench.athena.fail_with(Fault::Internal);
        tokio::time::sleep(Duration::from_millis(500)).await;
        bench.athena.fail_with(None);
        anyhow::Ok(())
    };
    let (rows, ()) = tokio::try_join!(asked, trouble)?;
    assert_eq!(rows["row_count"], 5);
    Ok(())
}

/// The actions that `toolhost iam-policy` asks for, and the resources.
fn policy(text: &str) -> Result<(BTreeSet<String>, BTreeSet<String>)> {
    let policy: Value = serde_json::from_str(text).with_context(|| text.to_owned())?;
    let statements = policy["Statement"].as_array().context("no statements")?;
    let of = |key: &str| {
        let words = statements.iter().flat_map(|statement| statement[key].as_array().cloned().unwrap_or_default());
        words.filter_map(|word| word.as_str().map(str::to_owned)).collect()
    };
    Ok((of("Action"), of("Resource")))
}

/// All that the host has asked the emulator for.
fn actions(athena: &Athena) -> BTreeSet<String> {
    athena.requests().iter().map(|seen| format!("athena:{}", seen.action)).collect()
}

#[tokio::test]
async fn no_action_is_used_that_the_policy_does_not_name() -> Result<()> {
    let bench = Bench::new(1).await?;
    let grants: [Grant; 1] = [bench.grant()];
    let host = host(&grants).await?;
    host.get("/").await?;
    answer(&host, "query_athena", sql(FIVE)).await?;
    bench.athena.set_pace(crate::bench::endless());
    let started = answer(&host, "start_query", sql(FIVE)).await?;
    answer(&host, "stop_query", json!({ "query_execution_id": started["query_execution_id"] })).await?;
    bench.athena.set_pace(failing("SCHEMA_NOT_FOUND: line 1:15: Schema 'nope' does not exist", 2));
    let _ = call(&host, "query_athena", sql(FIVE)).await?;
    let (good, printed) = command(&host, &grants, &["iam-policy"]).await?;
    assert!(good, "{printed}");
    let (allowed, resources) = policy(&printed)?;
    let used = actions(&bench.athena);
    assert!(used.len() == 6 && used.is_subset(&allowed), "{used:?}: {printed}");
    let account = bench.athena.account();
    assert!(resources.contains(&format!("arn:aws:athena:eu-central-1:{account}:workgroup/agents")), "{printed}");
    assert!(resources.contains("arn:aws:s3:::acme-athena-results/agents/*"), "{printed}");
    let open: Vec<_> = resources.iter().filter(|resource| resource.contains('*')).collect();
    assert!(open.iter().all(|resource| resource.ends_with("/*")), "{open:?}");
    Ok(())
}
