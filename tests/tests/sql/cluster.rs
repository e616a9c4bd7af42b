//! Aurora through the Data API: what an operator set up wrong is told with its fix, the
//! limits of the service are told as such, and nothing is asked that was not needed.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use toolhost_tests::crm;
use toolhost_tests::data_api::{DataApi, Fault};
use toolhost_tests::mariadb::MariaDb;

use crate::bench::{Grant, call, command, host, query, refusal, rows};

async fn cluster(access: &str) -> Result<(DataApi, Grant)> {
    let database = MariaDb::shared().await?.database().await?;
    crm::seed(&database, 20).await?;
    let user = if access == "write" { database.owner() } else { database.reader() };
    let api = DataApi::start(&database, user).await?;
    let grant = Grant::data_api("crm", &api, &database).with(&format!("access = {access:?}"));
    Ok((api, grant))
}

#[tokio::test]
async fn what_an_operator_set_up_wrong_comes_back_with_its_fix() -> Result<()> {
    let (api, grant) = cluster("read").await?;
    let host = host(std::slice::from_ref(&grant)).await?;
    for (fault, fixes) in [
        (Fault::Denied("rds-data:ExecuteStatement"), ["rds-data:ExecuteStatement", "toolhost iam-policy"]),
        (Fault::Denied("secretsmanager:GetSecretValue"), ["secretsmanager:GetSecretValue", "toolhost iam-policy"]),
        (Fault::EndpointDisabled, ["the Data API is off", "enable-http-endpoint"]),
        (Fault::InvalidResource, ["there is no such cluster", "`cluster_arn`"]),
    ] {
        api.fail_with(fault);
        let told = refusal(&host, "crm", "SELECT 1").await?;
        assert_eq!(told.kind, "unavailable", "{fault:?}: {told:?}");
        let (good, checked) = command(&host, std::slice::from_ref(&grant), &["check"]).await?;
        assert!(!good, "{checked}");
        for fix in fixes {
            assert!(told.message.contains(fix), "{fault:?}: {told:?}");
            assert!(checked.contains(fix), "{fault:?}: {checked}");
        }
        // Neither the account nor the ARNs are an agent's business.
        assert!(!told.message.contains("123456789012") && !told.message.contains("arn:aws"), "{told:?}");
    }
    // Mended, it works without a restart.
    api.fail_with(None);
    assert_eq!(rows(&host, "crm", "SELECT COUNT(*) FROM support_tickets").await?, json!([[20]]));
    let (good, checked) = command(&host, &[grant], &["check"]).await?;
    assert!(good && checked.contains("it answers"), "{checked}");
    Ok(())
}

#[tokio::test]
async fn wrong_credentials_and_a_service_that_is_not_there_are_told() -> Result<()> {
    let (api, grant) = cluster("read").await?;
    let nowhere = grant.clone().backend(api.endpoint_url(), "http://127.0.0.1:1");
    let secret =
        grant.clone().backend(api.secret_arn(), "arn:aws:secretsmanager:eu-central-1:123456789012:secret:other");
    for (grant, says) in [
        (grant.env("crm_SECRET", "wrong"), "AWS did not accept the host's credentials"),
        (nowhere, "the Data API cannot be reached"),
        (secret, "check that `secret_arn` is right"),
    ] {
        let host = host(&[grant]).await?;
        let told = refusal(&host, "crm", "SELECT 1").await?;
        assert_eq!(told.kind, "unavailable", "{told:?}");
        assert!(told.message.contains(says), "{told:?}");
    }
    Ok(())
}

#[tokio::test]
async fn the_limits_of_the_service_are_told_with_advice() -> Result<()> {
    let (api, grant) = cluster("read").await?;
    let host = host(&[grant.with("bytes_max = 6291456").with("rows_max = 100000")]).await?;
    let ratings = "FROM content_ratings LIMIT";
    let fits = call(&host, "run_query", json!({ "sql": format!("SELECT REPEAT('x', 60000) {ratings} 17") })).await?;
    assert!(fits.is_ok_and(|answer| answer["row_count"] == 17));
    for (sql, advice) in [
        (
            format!("SELECT REPEAT('x', 60000) {ratings} 18"),
            "larger than 1 MiB, which is the Data API's limit: add LIMIT",
        ),
        ("SELECT REPEAT('x', 65537)".to_owned(), "larger than 64 KiB, which is the Data API's limit: select fewer"),
    ] {
        let told = refusal(&host, "crm", &sql).await?;
        assert_eq!(told.kind, "limited", "{told:?}");
        assert!(told.message.contains(advice), "{told:?}");
    }
    api.set_call_max(std::time::Duration::from_millis(500));
    let told = refusal(&host, "crm", crate::bench::ENDLESS).await?;
    assert!(told.kind == "limited" && told.message.contains("which is the Data API's limit"), "{told:?}");
    Ok(())
}

/// The actions that `toolhost iam-policy` asks for, and the resources.
fn policy(text: &str) -> Result<(BTreeSet<String>, BTreeSet<String>)> {
    let policy: Value = serde_json::from_str(text).with_context(|| text.to_owned())?;
    let words = |value: &Value| -> Vec<String> {
        let list = value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
        list.iter().filter_map(|word| word.as_str().map(str::to_owned)).collect()
    };
    let statements = policy["Statement"].as_array().context("no statements")?;
    let of = |key: &str| statements.iter().flat_map(|statement| words(&statement[key])).collect();
    Ok((of("Action"), of("Resource")))
}

#[tokio::test]
async fn a_read_is_one_request_and_no_action_is_used_that_the_policy_does_not_name() -> Result<()> {
    let (api, grant) = cluster("write").await?;
    let host = host(std::slice::from_ref(&grant)).await?;
    rows(&host, "crm", "SELECT 1").await?;
    let before = api.requests().len();
    for sql in ["SELECT COUNT(*) FROM support_tickets", "SELECT * FROM subscriptions"] {
        rows(&host, "crm", sql).await?;
    }
    let reads = api.requests().split_off(before);
    let sent: Vec<_> = reads.iter().map(|seen| (seen.action, seen.sql.as_deref().unwrap_or_default())).collect();
    assert_eq!(
        sent,
        [
            ("ExecuteStatement", "SELECT COUNT(*) FROM support_tickets"),
            ("ExecuteStatement", "SELECT * FROM subscriptions")
        ]
    );
    assert!(reads.iter().all(|seen| seen.transaction_id.is_none() && seen.body.get("schema").is_none()), "{reads:?}");

    // A write is one transaction; one that fails is rolled back.
    let before = api.requests().len();
    for sql in ["UPDATE subscriptions SET plan = 'basic'", "INSERT INTO subscriptions (plan) VALUES (NULL)"] {
        let _ = query(&host, "crm", sql).await?;
    }
    let begun = std::time::Instant::now();
    let actions = loop {
        let actions: Vec<_> = api.requests().split_off(before).iter().map(|seen| seen.action).collect();
        if actions.contains(&"RollbackTransaction") || begun.elapsed() > crate::bench::PATIENCE {
            break actions;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    };
    let expected = [
        "BeginTransaction",
        "ExecuteStatement",
        "CommitTransaction",
        "BeginTransaction",
        "ExecuteStatement",
        "RollbackTransaction",
    ];
    assert_eq!(actions, expected);

    let (good, printed) = command(&host, &[grant], &["iam-policy"]).await?;
    assert!(good, "{printed}");
    let (allowed, resources) = policy(&printed)?;
    for seen in api.requests() {
        assert!(allowed.contains(&format!("rds-data:{}", seen.action)), "{}: {printed}", seen.action);
    }
    let exactly = [api.cluster_arn().to_owned(), api.secret_arn().to_owned()];
    assert_eq!(resources, exactly.into_iter().collect());
    assert!(!printed.contains('*'), "{printed}");
    Ok(())
}
