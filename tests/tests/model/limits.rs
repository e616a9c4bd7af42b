//! Every turn is bounded: by what goes in and comes out, by the budget of the day, by the number
//! of turns at once; and nothing is cut without a word.

use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use toolhost_tests::bedrock::{Bedrock, Reply};

use crate::bench::{Grant, PATIENCE, answer, ask, host, refusal, until};

/// What the emulator was sent between `<data>` and `</data>` last.
fn sent(api: &Bedrock) -> Result<String> {
    let requests = api.requests();
    let text =
        requests.last().and_then(|seen| seen.body["messages"][0]["content"][0]["text"].as_str()).context("a text")?;
    let data = text.split_once("<data>\n").and_then(|(_, rest)| rest.split_once("\n</data>")).context("data")?.0;
    Ok(data.to_owned())
}

async fn cut(api: &Bedrock, data: &str) -> Result<(Value, String)> {
    let host = host(&[Grant::bedrock("aws", api).with("input_tokens_max = 400")]).await?;
    let answer = ask(&host, "aws", data, "How many are there?").await?;
    let answer = answer.map_err(|refusal| anyhow::anyhow!("{refusal:?}"))?;
    assert_eq!((&answer["truncated"], &answer["token_management"]["truncated"]), (&json!(true), &json!(true)));
    assert_eq!(answer["token_management"]["max_input_tokens"], 400);
    Ok((answer, sent(api)?))
}

#[tokio::test]
async fn data_that_is_too_large_is_cut_by_the_rule_and_the_answer_says_what_was_left() -> Result<()> {
    let api = Bedrock::start().await?;
    let records: Vec<Value> = (0..100).map(|n| json!({ "case": n, "summary": "It did not work at all." })).collect();
    let (answer, sent) = cut(&api, &json!(records).to_string()).await?;
    let kept: Vec<Value> = serde_json::from_str(&sent).context("what is sent is JSON still")?;
    assert!(kept.len() > 10 && kept == records[..kept.len()], "{} elements", kept.len());
    let note = answer["notes"][0].as_str().unwrap_or_default();
    assert!(note.contains(&format!("first {} of 100 elements", kept.len())), "{note}");
    let estimated = answer["token_management"]["estimated_input_tokens"].as_u64().unwrap_or(0);
    assert!(estimated > 1_000, "{estimated}");
    // Little of the room is wasted.
    let characters: usize = sent.chars().count();
    assert!(characters > 800, "{characters} characters of at most 1600");

    let lines: String = (0..100).map(|n| format!("{n},It did not work at all.\n")).collect();
    let (answer, sent) = cut(&api, &lines).await?;
    assert!(lines.starts_with(&sent) && lines[sent.len()..].starts_with('\n'), "cut within a line: {sent}");
    assert!(answer["notes"][0].as_str().is_some_and(|note| note.contains("of 100 lines")), "{answer}");
    Ok(())
}

#[tokio::test]
async fn an_answer_that_was_cut_by_its_limit_says_so() -> Result<()> {
    let api = Bedrock::start().await?;
    let grants = [
        Grant::bedrock("aws", &api).with("output_tokens_max = 5"),
        Grant::extract("none").with("output_tokens_max = 20"),
    ];
    let host = host(&grants).await?;
    api.then(Reply::Ends("There were once".to_owned(), "max_tokens"));
    for (source, text) in [("aws", "There were once"), ("none", "No model wrote this")] {
        let answer = answer(&host, source).await?;
        assert!(answer["analysis"].as_str().is_some_and(|analysis| analysis.starts_with(text)), "{answer}");
        assert_eq!((&answer["truncated"], &answer["stop"]), (&json!(true), &json!("output_limit")), "{source}");
        assert!(answer["notes"][0].as_str().is_some_and(|note| note.contains("cut off")), "{source}: {answer}");
        assert_eq!(answer["token_management"]["truncated"], false, "{source}");
    }
    assert_eq!(api.requests()[0].body["inferenceConfig"]["maxTokens"], 5);
    Ok(())
}

#[tokio::test]
async fn a_question_that_leaves_no_room_is_refused() -> Result<()> {
    let host = host(&[Grant::extract("none").with("input_tokens_max = 100")]).await?;
    let told = ask(&host, "none", "1", &"why ".repeat(200)).await?;
    assert!(told.is_err_and(|told| told.kind == "limited" && told.message.contains("leaves no room")));
    Ok(())
}

#[tokio::test]
async fn the_budget_of_a_day_in_tokens_ends_the_turns_and_says_when_it_starts_anew() -> Result<()> {
    let api = Bedrock::start().await?;
    // A turn reserves its 100 tokens of answer, and about 90 that go in.
    let grants = [
        Grant::bedrock("little", &api).with("tokens_per_day_max = 250\noutput_tokens_max = 100"),
        Grant::bedrock("other", &api).with("output_tokens_max = 100"),
    ];
    let host = host(&grants).await?;
    let mut answered = 0;
    let told = loop {
        match ask(&host, "little", "1 2 3", "What is it?").await? {
            Ok(_) => answered += 1,
            Err(told) => break told,
        }
        anyhow::ensure!(answered < 100, "the budget never ended");
    };
    assert!(answered >= 2, "what was reserved and not used was not given back: {answered}");
    assert_eq!(api.requests().len(), answered, "one more was sent");
    assert_eq!(told.kind, "limited", "{told:?}");
    assert!(told.message.contains("the grant's budget of 250 tokens a day (`tokens_per_day_max`)"), "{told:?}");
    assert!(told.message.contains("starts anew at 00:00 UTC"), "{told:?}");
    assert!(told.wait.is_some_and(|wait| wait > 0 && wait <= 24 * 60 * 60 * 1_000), "{told:?}");
    // Another grant has a budget of its own, or none.
    assert!(answer(&host, "other").await.is_ok());
    Ok(())
}

#[tokio::test]
async fn the_budget_of_a_day_in_dollars_ends_the_turns() -> Result<()> {
    let api = Bedrock::start().await?;
    let prices = "price_input_usd = 100\nprice_output_usd = 1000\noutput_tokens_max = 100";
    // A turn reserves about 11 cents, and uses less than 2 of them.
    let grant = Grant::bedrock("aws", &api).with("cost_per_day_max_usd = 0.15").with(prices);
    let host = host(&[grant]).await?;
    let mut answered = 0;
    let told = loop {
        match ask(&host, "aws", "1 2 3", "What is it?").await? {
            Ok(_) => answered += 1,
            Err(told) => break told,
        }
        anyhow::ensure!(answered < 100, "the budget never ended");
    };
    assert!(answered >= 2, "{answered}");
    assert!(told.message.contains("$0.1500 a day (`cost_per_day_max_usd`)"), "{told:?}");
    Ok(())
}

#[tokio::test]
async fn turns_that_came_to_nothing_cost_nothing() -> Result<()> {
    let api = Bedrock::start().await?;
    let host = host(&[Grant::bedrock("aws", &api).with("tokens_per_day_max = 250\noutput_tokens_max = 100")]).await?;
    for _ in 0..5 {
        api.then(Reply::Fails(400, "ValidationException", "no"));
        assert_eq!(refusal(&host, "aws").await?.kind, "failed");
    }
    assert!(answer(&host, "aws").await.is_ok());
    Ok(())
}

#[tokio::test]
async fn a_budget_in_dollars_without_prices_is_no_grant() -> Result<()> {
    let host = host(&[Grant::extract("none").with("cost_per_day_max_usd = 1"), Grant::extract("good")]).await?;
    let ready = host.get("/ready").await?.text();
    assert!(ready.contains("`price_input_usd` and `price_output_usd` go together"), "{ready}");
    assert!(answer(&host, "good").await.is_ok());
    Ok(())
}

#[tokio::test]
async fn no_more_turns_run_at_once_than_the_grant_allows() -> Result<()> {
    let api = Bedrock::start().await?;
    let host = host(&[Grant::bedrock("aws", &api).with("concurrency_max = 2")]).await?;
    api.then(Reply::Waits(PATIENCE));
    api.then(Reply::Waits(PATIENCE));
    let slow: Vec<_> = (0..2).map(|_| crate::cancel::send(&host, "aws")).collect();
    until("two turns run", || api.under_way() == 2).await?;
    let busy = refusal(&host, "aws").await?;
    assert_eq!(busy.kind, "limited", "{busy:?}");
    assert!(busy.message.contains("`concurrency_max`") && busy.wait.is_some(), "{busy:?}");
    assert_eq!(api.requests().len(), 2);
    slow.iter().for_each(tokio::task::JoinHandle::abort);
    until("their places are free", || api.under_way() == 0).await?;
    assert!(answer(&host, "aws").await.is_ok());
    // One that waits for a moment gets the place that becomes free.
    api.then(Reply::Waits(Duration::from_millis(300)));
    api.then(Reply::Waits(Duration::from_millis(300)));
    let answers = tokio::try_join!(answer(&host, "aws"), answer(&host, "aws"), answer(&host, "aws"));
    assert!(answers.is_ok(), "{answers:?}");
    Ok(())
}
