//! Access tokens: which are taken, which are not and why, and what happens while the keys cannot be had.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use toolhost_tests::Toolhost;

use crate::issuer::{AUDIENCE, Issuer};
use crate::{challenge, enter, until};

#[tokio::test]
async fn a_token_of_a_trusted_issuer_is_taken_whatever_key_it_is_signed_with() -> Result<()> {
    let issuer = Issuer::start().await?;
    let host = issuer.trusted("", "")?.start().await?;
    for wish in [
        json!({}),
        json!({ "key": "ec" }),
        json!({ "key": "okp" }),
        json!({ "audience": ["https://elsewhere.example.com", AUDIENCE] }),
        json!({ "header": { "typ": "JWT" } }),
        json!({ "header": { "typ": "application/at+jwt" } }),
    ] {
        let answer = enter(&host, &issuer.mint(wish.clone()).await?).await?;
        assert_eq!(answer.status, 200, "{wish}: {}", answer.text());
    }
    assert_eq!(issuer.asked().await?, 1, "its keys are asked for once");
    Ok(())
}

/// A token that is refused, and a word of the reason.
fn bad_tokens() -> Vec<(Value, &'static str)> {
    vec![
        (json!({ "claims": { "exp": -3600 } }), "expired"),
        (json!({ "claims": { "exp": null } }), "lacks one of `exp`"),
        (json!({ "claims": { "exp": "tomorrow" } }), ""),
        (json!({ "claims": { "nbf": 3600 } }), "not valid yet"),
        (json!({ "audience": "https://elsewhere.example.com/mcp" }), "somebody else"),
        (json!({ "claims": { "aud": null } }), "lacks one of"),
        (json!({ "claims": { "iss": "https://evil.example.com" } }), "no issuer that is trusted"),
        (json!({ "claims": { "iss": null } }), "no issuer that is trusted"),
        (json!({ "header": { "alg": "none" } }), "header is none"),
        (json!({ "header": { "alg": "HS256" } }), "signed in a way"),
        (json!({ "key": "stranger" }), "its issuer does not have"),
        (json!({ "header": { "kid": "ec" } }), "does not fit the key"),
        (json!({ "header": { "kid": null } }), "names no key"),
        (json!({ "header": { "typ": "dpop+jwt" } }), "`typ`"),
        (json!({ "more": { "padding": "a".repeat(17_000) } }), "larger than 16 KiB"),
        (json!({ "user": "ann\nbob" }), "`sub`"),
        (json!({ "user": "ann\u{202e}" }), "`sub`"),
        (json!({ "user": "a".repeat(257) }), "`sub`"),
        (json!({ "more": { "groups": ["support\r\nX-Evil: 1"] } }), "`groups`"),
        (json!({ "claims": { "sub": null } }), "`sub`"),
    ]
}

#[tokio::test]
async fn every_other_token_is_refused_with_its_reason() -> Result<()> {
    let issuer = Issuer::start().await?;
    let host = issuer.trusted("", "")?.start().await?;
    for (wish, says) in bad_tokens() {
        let token = issuer.mint(wish.clone()).await?;
        let answer = enter(&host, &token).await?;
        assert_eq!(answer.status, 401, "{wish}: {}", answer.text());
        let challenge = challenge(&answer, &token)?;
        ensure!(challenge.contains("error=\"invalid_token\"") && challenge.contains(says), "{wish}: {challenge}");
    }
    // A good one whose signature or claims were changed on the way.
    let token = issuer.mint(json!({})).await?;
    let mut parts: Vec<String> = token.split('.').map(str::to_owned).collect();
    let other = issuer.mint(json!({ "user": "admin" })).await?;
    parts[1] = other.split('.').nth(1).unwrap_or_default().to_owned();
    let answer = enter(&host, &parts.join(".")).await?;
    assert_eq!(answer.status, 401);
    ensure!(challenge(&answer, &token)?.contains("signature is wrong"), "{}", answer.text());
    Ok(())
}

#[tokio::test]
async fn clocks_may_differ_by_as_much_as_the_operator_says() -> Result<()> {
    let issuer = Issuer::start().await?;
    let host = issuer.trusted("leeway_s = 60", "")?.start().await?;
    for (claims, status) in [
        (json!({ "exp": -20 }), 200),
        (json!({ "exp": -120 }), 401),
        (json!({ "nbf": 20 }), 200),
        (json!({ "nbf": 300 }), 401),
    ] {
        let answer = enter(&host, &issuer.mint(json!({ "claims": claims.clone() })).await?).await?;
        assert_eq!(answer.status, status, "{claims}: {}", answer.text());
    }
    let strict = issuer.trusted("leeway_s = 0", "")?.start().await?;
    let late = issuer.mint(json!({ "claims": { "exp": -20 } })).await?;
    assert_eq!(enter(&strict, &late).await?.status, 401);
    Ok(())
}

#[tokio::test]
async fn a_new_key_is_found_and_a_retired_one_is_forgotten() -> Result<()> {
    let issuer = Issuer::start().await?;
    let host = issuer.trusted("keys_again_s = 1", "")?.start().await?;
    let old = issuer.mint(json!({})).await?;
    assert_eq!(enter(&host, &old).await?.status, 200);
    issuer.rotate("second").await?;
    let new = issuer.mint(json!({})).await?;
    until(&host, &new, 200).await?;
    let answer = enter(&host, &old).await?;
    assert_eq!(answer.status, 401, "its key is retired: {}", answer.text());
    Ok(())
}

#[tokio::test]
async fn a_retired_key_is_forgotten_in_its_time_though_nobody_brings_a_new_one() -> Result<()> {
    let issuer = Issuer::start().await?;
    let host = issuer.trusted("keys_again_s = 1\nkeys_age_s = 1", "")?.start().await?;
    let old = issuer.mint(json!({})).await?;
    assert_eq!(enter(&host, &old).await?.status, 200);
    issuer.rotate("second").await?;
    until(&host, &old, 401).await
}

#[tokio::test]
async fn known_keys_go_on_while_the_issuer_is_down_and_unknown_ones_wait() -> Result<()> {
    let issuer = Issuer::start().await?;
    let host = issuer.trusted("keys_again_s = 1\nkeys_age_s = 1", "")?.start().await?;
    let old = issuer.mint(json!({})).await?;
    assert_eq!(enter(&host, &old).await?.status, 200);
    issuer.behave("down").await?;
    issuer.rotate("second").await?;
    let new = issuer.mint(json!({})).await?;
    // Nobody can tell just now whether it is good.
    until(&host, &new, 503).await?;
    ensure!(host.printed()?.contains("an issuer's keys cannot be had"), "the operator is told");
    assert_eq!(enter(&host, &old).await?.status, 200, "what is known goes on");
    issuer.behave("good").await?;
    until(&host, &new, 200).await?;
    until(&host, &old, 401).await
}

/// A host whose issuer gives no keys, though it is there.
async fn without_keys(behaviour: &str, says: &str) -> Result<()> {
    let issuer = Issuer::start().await?;
    issuer.behave(behaviour).await?;
    let host = issuer.trusted("time_max_ms = 300", "")?.start().await?;
    let token = issuer.mint(json!({})).await?;
    let began = Instant::now();
    let answer = enter(&host, &token).await?;
    assert_eq!(answer.status, 503, "{behaviour}: {}", answer.text());
    ensure!(began.elapsed() < Duration::from_secs(20), "{behaviour}: it took {:?}", began.elapsed());
    ensure!(challenge(&answer, &token)?.is_empty(), "another token would not help");
    ensure!(host.printed()?.contains(says), "{behaviour}: {}", host.printed()?);
    issuer.behave("good").await?;
    until(&host, &token, 200).await
}

#[tokio::test]
async fn an_issuer_that_is_slow_holds_nobody_up() -> Result<()> {
    without_keys("slow", "time_max_ms").await
}

#[tokio::test]
async fn an_issuer_that_says_too_much_is_not_listened_to() -> Result<()> {
    without_keys("huge", "256 KiB").await
}

#[tokio::test]
async fn keys_are_not_asked_for_whenever_somebody_makes_one_up() -> Result<()> {
    let issuer = Issuer::start().await?;
    let host = issuer.trusted("keys_again_s = 3600", "")?.start().await?;
    assert_eq!(enter(&host, &issuer.mint(json!({})).await?).await?.status, 200);
    for number in 0..20 {
        let token = issuer.mint(json!({ "header": { "kid": format!("made-up-{number}") } })).await?;
        assert_eq!(enter(&host, &token).await?.status, 401);
    }
    assert_eq!(issuer.asked().await?, 1);
    Ok(())
}

#[tokio::test]
async fn an_issuer_with_too_many_keys_has_none() -> Result<()> {
    let issuer = Issuer::start().await?;
    let host = issuer.trusted("keys_max = 2", "")?.start().await?;
    assert_eq!(enter(&host, &issuer.mint(json!({})).await?).await?.status, 503);
    ensure!(host.printed()?.contains("`keys_max`"), "{}", host.printed()?);
    Ok(())
}

/// The name under which the host knows whoever makes a call with this.
async fn name_in_log(host: &Toolhost, token: &str) -> Result<String> {
    let authorization = format!("Bearer {token}");
    let url = format!("{}/tools/no_such_tool", host.url());
    toolhost_tests::http::request("POST", &url, &[("authorization", &authorization)], Vec::new()).await?;
    host.printed()
}

#[tokio::test]
async fn a_caller_is_known_by_issuer_and_claim() -> Result<()> {
    let issuer = Issuer::start().await?;
    let host = issuer.trusted("name_claim = \"email\"", "")?.start().await?;
    let token = issuer.mint(json!({ "more": { "email": "ann@example.com" } })).await?;
    let printed = name_in_log(&host, &token).await?;
    ensure!(printed.contains("corp:ann@example.com"), "{printed}");
    Ok(())
}
