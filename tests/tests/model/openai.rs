//! A server of OpenAI's protocol when it does not answer: each way has its sentence, and none has
//! the server's words, its address or the key in it.

use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::json;
use toolhost_tests::openai::{Openai, Reply};

use crate::bench::{Grant, answer, command, host, refusal};

const KEY: &str = "sk-canary-1f0e";

#[tokio::test]
async fn each_way_to_fail_has_its_sentence_and_nothing_of_the_servers() -> Result<()> {
    let server = Openai::start(KEY).await?;
    let local = Grant::openai("local", &server, KEY);
    let grants = [
        local.clone(),
        Grant::openai("key", &server, "sk-canary-wrong"),
        Grant::openai("model", &server, KEY).backend("qwen3:8b", "qwen4:8b"),
        Grant::openai("path", &server, KEY).backend("/v1", "/v2"),
        Grant::openai("away", &server, KEY).backend(server.base_url(), "http://127.0.0.1:1/v1"),
        Grant::openai("small", &server, KEY).also("answer_bytes_max = 2048"),
    ];
    let host = host(&grants).await?;
    let large = Reply::Says("x".repeat(4_000));
    let elsewhere = Reply::Fails(302, vec![("location", "http://127.0.0.1:1/")]);
    for (source, reply, kind, says) in [
        ("key", None, "unavailable", "did not accept the host's key"),
        ("model", None, "unavailable", "has no qwen4:8b"),
        ("path", None, "unavailable", "check `model` and `base_url`"),
        ("away", None, "unavailable", "cannot be reached"),
        ("small", Some(large), "limited", "larger than 2048 bytes, the grant's `answer_bytes_max`"),
        ("local", Some(elsewhere), "unavailable", "not followed"),
        ("local", Some(Reply::Fails(400, vec![])), "failed", "refused the request"),
        ("local", Some(Reply::Fails(413, vec![])), "limited", "`input_tokens_max`"),
        ("local", Some(Reply::Sends("<html>hello".to_owned())), "failed", "something else than a chat completion"),
        ("local", Some(Reply::Sends("{\"choices\":[]}".to_owned())), "failed", "something else than a chat completion"),
    ] {
        if let Some(reply) = reply {
            server.then(reply);
        }
        let told = refusal(&host, source).await?;
        assert_eq!(told.kind, kind, "{source}: {told:?}");
        assert!(told.message.contains(says), "{source}: {told:?}");
        for hidden in ["canary", "127.0.0.1", "Bearer", "What is it?", "<html>"] {
            assert!(!told.message.contains(hidden), "{source}: {told:?}");
        }
    }
    assert!(answer(&host, "local").await.is_ok());
    Ok(())
}

#[tokio::test]
async fn a_server_that_is_busy_is_asked_again_no_sooner_than_it_says() -> Result<()> {
    let server = Openai::start(KEY).await?;
    let grants =
        [Grant::openai("local", &server, KEY), Grant::openai("short", &server, KEY).with("time_max_ms = 1000")];
    let host = host(&grants).await?;
    server.then(Reply::Fails(429, vec![("retry-after", "1")]));
    server.then(Reply::Fails(503, vec![]));
    let began = Instant::now();
    assert_eq!(answer(&host, "local").await?["stop"], "end");
    assert!(began.elapsed() >= Duration::from_secs(1), "{:?}", began.elapsed());
    assert_eq!(server.requests().len(), 3);
    // Longer than the turn may take: it is not waited for.
    server.then(Reply::Fails(429, vec![("retry-after", "30")]));
    let told = refusal(&host, "short").await?;
    assert_eq!((told.kind.as_str(), told.wait), ("limited", Some(30_000)), "{told:?}");
    assert_eq!(server.requests().len(), 4);
    Ok(())
}

#[tokio::test]
async fn a_key_that_the_server_repeats_in_its_answer_is_cut_out() -> Result<()> {
    let server = Openai::start(KEY).await?;
    let host = host(&[Grant::openai("local", &server, KEY)]).await?;
    server.then(Reply::Says(format!("You sent `Bearer {KEY}`.")));
    let told = answer(&host, "local").await?.to_string();
    assert!(told.contains("You sent `Bearer [credential]`.") && !told.contains(KEY), "{told}");
    Ok(())
}

#[tokio::test]
async fn no_proxy_of_the_environment_sees_what_is_sent() -> Result<()> {
    let (server, proxy) = (Openai::start(KEY).await?, Openai::start("none").await?);
    let url = proxy.base_url().trim_end_matches("/v1").to_owned();
    let grant = Grant::openai("local", &server, KEY);
    let grant = ["http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY"]
        .iter()
        .fold(grant, |grant, name| grant.env(name, &url));
    let host = host(&[grant]).await?;
    assert!(answer(&host, "local").await.is_ok());
    assert!(proxy.requests().is_empty(), "{:?}", proxy.requests());
    Ok(())
}

#[tokio::test]
async fn a_server_that_would_be_asked_in_the_open_is_no_grant() -> Result<()> {
    let server = Openai::start(KEY).await?;
    let open = |name: &str| Grant::openai(name, &server, KEY).backend(server.base_url(), "http://10.255.255.1:9/v1");
    let grants = [open("open"), open("private").also("private = true"), Grant::openai("good", &server, KEY)];
    let host = host(&grants).await?;
    let ready: serde_json::Value = host.get("/ready").await?.json()?;
    let failures = ready["failures"].as_array().map(Vec::len);
    assert_eq!((failures, &ready["failures"][0]["grant"]), (Some(1), &json!("model.open")), "{ready}");
    assert!(ready.to_string().contains("must begin with `https://`"), "{ready}");
    let (good, checked) = command(&host, &grants[2..], &["check", "--offline"]).await?;
    assert!(!good && checked.contains("at 127.0.0.1"), "{checked}");
    Ok(())
}
