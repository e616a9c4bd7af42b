//! Amazon Bedrock when it does not answer: what passes is waited for, and what an operator set up
//! wrong is told with its fix.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use toolhost_tests::bedrock::{Bedrock, GUARDED_ANSWER, GUARDED_WORD, GUARDRAIL, MODELS, PROFILE_ONLY_MODEL, Reply};

use crate::bench::{Grant, answer, ask, command, host, refusal, setup_with};

fn guarded(name: &str, api: &Bedrock) -> Grant {
    let guardrail = format!("guardrail = {{ id = {:?}, version = {:?} }}", GUARDRAIL.0, GUARDRAIL.1);
    Grant::bedrock(name, api).also("account = \"123456789012\"").also(&guardrail)
}

#[tokio::test]
async fn a_service_that_is_busy_for_a_moment_is_asked_until_it_answers() -> Result<()> {
    let api = Bedrock::start().await?;
    let host = host(&[Grant::bedrock("aws", &api)]).await?;
    for (status, code) in [
        (429, "ThrottlingException"),
        (429, "ModelNotReadyException"),
        (503, "ServiceUnavailableException"),
        (500, "InternalServerException"),
    ] {
        let before = api.requests().len();
        api.then(Reply::Fails(status, code, "later"));
        api.then(Reply::Fails(status, code, "later"));
        assert_eq!(answer(&host, "aws").await?["stop"], "end", "{code}");
        assert_eq!(api.requests().len() - before, 3, "{code}");
    }
    Ok(())
}

#[tokio::test]
async fn one_that_throttles_for_longer_is_told_with_a_wait_and_before_the_call_ends() -> Result<()> {
    let api = Bedrock::start().await?;
    api.always(Reply::throttled());
    // One grant gives up at its own end, the other before that of the call.
    let grants = [Grant::bedrock("short", &api).with("time_max_ms = 1500"), Grant::bedrock("long", &api)];
    let host = setup_with(&grants, "limits = { deadline_ms = 2500 }\n")?.start().await?;
    for source in ["short", "long"] {
        let before = api.requests().len();
        let busy = refusal(&host, source).await?;
        assert_eq!(busy.kind, "limited", "{busy:?}");
        assert!(busy.message.contains("Amazon Bedrock throttles this model"), "{busy:?}");
        assert!(busy.wait.is_some_and(|wait| wait > 0), "{busy:?}");
        assert!(api.requests().len() - before >= 3, "it was asked once");
    }
    api.always(None);
    assert!(answer(&host, "short").await.is_ok());
    Ok(())
}

#[tokio::test]
async fn what_an_operator_set_up_wrong_comes_back_with_its_fix() -> Result<()> {
    let api = Bedrock::start().await?;
    let grants = [
        guarded("guarded", &api),
        Grant::bedrock("unknown", &api).backend(MODELS[0], "anthropic.claude-v99"),
        Grant::bedrock("profile", &api).backend(MODELS[0], PROFILE_ONLY_MODEL),
        guarded("unguarded", &api).backend(GUARDRAIL.0, "another"),
        Grant::bedrock("wide", &api).with("output_tokens_max = 100000"),
    ];
    let host = host(&grants).await?;
    let invoke = ["may not call bedrock:InvokeModel on anthropic.claude-3-5-sonnet", "toolhost iam-policy"];
    for (denied, source, fixes) in [
        (Some("bedrock:InvokeModel"), "guarded", invoke),
        (Some("bedrock:ApplyGuardrail"), "guarded", ["bedrock:ApplyGuardrail", "toolhost iam-policy"]),
        (None, "unknown", ["has no model anthropic.claude-v99", "`model` and `region`"]),
        (None, "profile", ["cannot be asked by its own id", "an inference profile"]),
        (None, "unguarded", ["no such guardrail", "`version`"]),
        (None, "wide", ["`output_tokens_max`", "must lower it"]),
    ] {
        api.deny(denied);
        let told = refusal(&host, source).await?;
        assert_eq!(told.kind, "unavailable", "{told:?}");
        for fix in fixes {
            assert!(told.message.contains(fix), "{told:?}");
        }
        // Neither the account nor the ARNs are an agent's business.
        assert!(!told.message.contains("123456789012") && !told.message.contains("arn:aws"), "{told:?}");
    }
    api.deny("bedrock:InvokeModel");
    let (good, checked) = command(&host, &grants[..1], &["check"]).await?;
    assert!(!good && checked.contains(invoke[0]), "{checked}");
    // Mended, it works without a restart.
    api.deny(None);
    assert!(answer(&host, "guarded").await.is_ok());
    Ok(())
}

#[tokio::test]
async fn a_look_asks_the_model_for_a_few_tokens() -> Result<()> {
    let api = Bedrock::start().await?;
    let grants = [Grant::bedrock("aws", &api)];
    let host = host(&grants).await?;
    let (good, checked) = command(&host, &grants, &["check"]).await?;
    assert!(good && checked.contains("it answers"), "{checked}");
    assert!(checked.contains(&format!("{} of Amazon Bedrock in eu-central-1", MODELS[0])), "{checked}");
    let tokens: Vec<Value> =
        api.requests().iter().map(|seen| seen.body["inferenceConfig"]["maxTokens"].clone()).collect();
    assert_eq!(tokens, [16]);
    let (good, _) = command(&host, &grants, &["check", "--offline"]).await?;
    assert!(good && api.requests().len() == 1, "an offline look contacted it");
    Ok(())
}

#[tokio::test]
async fn wrong_credentials_and_a_service_that_is_not_there_are_told() -> Result<()> {
    let api = Bedrock::start().await?;
    let away = Grant::bedrock("away", &api).backend(api.endpoint_url(), "http://127.0.0.1:1");
    let elsewhere = Grant::bedrock("elsewhere", &api).backend("eu-central-1", "us-west-2");
    let grants = [
        Grant::bedrock("secret", &api).env("secret_SECRET", "wrong"),
        Grant::bedrock("key", &api).env("key_KEY", "AKIAWRONG"),
        elsewhere,
        away,
    ];
    let host = host(&grants).await?;
    for (source, says) in [
        ("secret", "AWS did not accept the host's credentials"),
        ("key", "AWS did not accept the host's credentials"),
        ("elsewhere", "AWS did not accept the host's credentials"),
        ("away", "Amazon Bedrock cannot be reached"),
    ] {
        let told = refusal(&host, source).await?;
        assert_eq!(told.kind, "unavailable", "{source}: {told:?}");
        assert!(told.message.contains(says), "{source}: {told:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_token_of_the_environment_does_not_replace_what_is_configured() -> Result<()> {
    let api = Bedrock::start().await?;
    let host = host(&[Grant::bedrock("aws", &api).env("AWS_BEARER_TOKEN_BEDROCK", "of-somebody-else")]).await?;
    assert!(answer(&host, "aws").await.is_ok());
    Ok(())
}

#[tokio::test]
async fn a_request_that_is_too_large_says_which_limit_it_was() -> Result<()> {
    let api = Bedrock::start().await?;
    let host = host(&[Grant::bedrock("aws", &api).with("input_tokens_max = 1000000")]).await?;
    // More than the model takes, and less than the operator wrote.
    let told = match ask(&host, "aws", &"x".repeat(2_000_100), "What is it?").await? {
        Ok(answer) => anyhow::bail!("it was answered: {}", answer["stop"]),
        Err(refusal) => refusal,
    };
    assert_eq!(told.kind, "limited", "{told:?}");
    assert!(
        told.message.contains("larger than the model takes") && told.message.contains("`input_tokens_max`"),
        "{told:?}"
    );
    Ok(())
}

#[tokio::test]
async fn what_a_guardrail_or_a_filter_stopped_is_told_apart_from_an_answer() -> Result<()> {
    let api = Bedrock::start().await?;
    let host = host(&[guarded("guarded", &api), Grant::bedrock("open", &api)]).await?;
    let stopped = ask(&host, "guarded", &format!("A {GUARDED_WORD} at large."), "What is it?").await?;
    let stopped = stopped.map_err(|refusal| anyhow::anyhow!("{refusal:?}"))?;
    assert_eq!((&stopped["analysis"], &stopped["stop"]), (&json!(GUARDED_ANSWER), &json!("refused")));
    assert!(
        stopped["notes"][0].as_str().is_some_and(|note| note.contains("a guardrail would not say more")),
        "{stopped}"
    );
    for (reason, stop) in [
        ("content_filtered", "refused"),
        ("refusal", "refused"),
        ("stop_sequence", "stop_sequence"),
        ("max_tokens", "output_limit"),
        ("model_context_window_exceeded", "output_limit"),
        ("end_turn", "end"),
        ("something_new", "other"),
    ] {
        api.then(Reply::Ends("So far".to_owned(), reason));
        let answer = answer(&host, "open").await?;
        assert_eq!((&answer["stop"], &answer["truncated"]), (&json!(stop), &json!(stop == "output_limit")), "{reason}");
        assert_eq!(
            answer["notes"].as_array().map(Vec::len),
            Some(usize::from(!["end", "stop_sequence"].contains(&stop)))
        );
    }
    Ok(())
}

#[tokio::test]
async fn a_slow_model_is_waited_for_until_the_turn_ends() -> Result<()> {
    let api = Bedrock::start().await?;
    let host = host(&[Grant::bedrock("aws", &api), Grant::bedrock("short", &api).with("time_max_ms = 400")]).await?;
    // Longer than the SDK lets a stream of bytes stall.
    api.then(Reply::Waits(Duration::from_secs(7)));
    assert_eq!(answer(&host, "aws").await?["analysis"], "That took long.");
    api.then(Reply::Waits(Duration::from_secs(60)));
    let told = refusal(&host, "short").await?;
    assert_eq!(told.kind, "limited", "{told:?}");
    assert!(told.message.contains("after 400 ms, the grant's `time_max_ms`"), "{told:?}");
    crate::bench::until("the service is told", || api.hung_up() == 1 && api.under_way() == 0).await
}

#[tokio::test]
async fn the_policy_allows_exactly_this_model_and_this_guardrail() -> Result<()> {
    let api = Bedrock::start().await?;
    let grants = [guarded("guarded", &api)];
    let host = host(&grants).await?;
    let (good, printed) = command(&host, &grants, &["iam-policy"]).await?;
    assert!(good, "{printed}");
    let policy: Value = serde_json::from_str(&printed).context("JSON")?;
    let allowed: BTreeSet<(String, String)> = policy["Statement"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|statement| (statement["Action"].to_string(), statement["Resource"].to_string()))
        .collect();
    let model = format!("[\"arn:aws:bedrock:eu-central-1::foundation-model/{}\"]", MODELS[0]);
    let guardrail = format!("[\"arn:aws:bedrock:eu-central-1:123456789012:guardrail/{}\"]", GUARDRAIL.0);
    let expected =
        [("[\"bedrock:InvokeModel\"]".to_owned(), model), ("[\"bedrock:ApplyGuardrail\"]".to_owned(), guardrail)];
    assert_eq!(allowed, expected.into());
    assert!(!printed.contains('*'), "{printed}");
    Ok(())
}
