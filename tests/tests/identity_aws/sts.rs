//! Callers who share no key with the host: STS says who they are.

use std::time::Duration;

use anyhow::Result;
use serde_json::json;
use toolhost_tests::Toolhost;
use toolhost_tests::http::{Response, request};
use toolhost_tests::signer::{Signer, token};
use toolhost_tests::sts::{Known, Reply, Sts, document};
use toolhost_tests::upstream::Upstream;

use crate::{NOWHERE, asked_of, botocore, check_refused, is_let_in, noted, now_and, setup, with};

/// The word for the host under test.
const SERVER: &str = "https://tools.example.com";

/// A host that lets in the sessions of one role and one user.
async fn host(sts: &Sts) -> Result<Toolhost> {
    host_with(sts, "").await
}

async fn host_with(sts: &Sts, lines: &str) -> Result<Toolhost> {
    let table = format!(
        "region = \"{}\"\n[callers.aws.sts]\nserver_id = \"{SERVER}\"\nendpoint = \"{}\"\n{lines}\n\
         [[callers.aws.sts.allow]]\narn = \"arn:aws:sts::123456789012:assumed-role/analyst/*\"\ngroups = [\"crm\"]\n\
         [[callers.aws.sts.allow]]\narn = \"arn:aws:iam::123456789012:user/ops/bob\"\ncaller = \"bob\"\n",
        Sts::region(),
        sts.url()
    );
    setup(&table).start().await
}

fn signer(known: &Known) -> Signer {
    Signer {
        access_key: known.access_key.clone(),
        secret_key: known.secret_key.clone(),
        token: Some("FwoGZXIvYXdzE+/=".to_owned()),
        region: Sts::region().to_owned(),
        service: "sts".to_owned(),
        time: now_and(0),
        digest_header: false,
    }
}

/// The URL that callers sign.
fn url() -> String {
    format!("https://{}/?Action=GetCallerIdentity&Version=2011-06-15", Sts::host())
}

/// A token as it should be.
fn good(known: &Known) -> Result<String> {
    let headers = [("x-toolhost-id", SERVER)];
    Ok(token(&signer(known).presign(&url(), &headers, Duration::from_secs(60))?))
}

/// A call with a token.
async fn call(host: &Toolhost, token: &str) -> Result<Response> {
    let headers = [("authorization", &*format!("Bearer {token}")), ("content-type", "application/json")];
    request("POST", &format!("{}{NOWHERE}", host.url()), &headers, b"{}".to_vec()).await
}

/// Shows what is no good, and checks what it is told.
async fn refused(host: &Toolhost, token: &str, status: u16, words: &str) -> Result<()> {
    check_refused(&call(host, token).await?, status, words, &[token, "X-Amz-Signature", "arn:aws", "amazonaws.com/?"])
}

#[tokio::test]
async fn a_token_that_rust_signed_is_let_in_as_its_role_and_asked_about_once() -> Result<()> {
    let sts = Sts::start().await?;
    let (ann, bob) = (sts.add("assumed-role/analyst/ann@example.com")?, sts.add("user/ops/bob")?);
    let host = host(&sts).await?;
    let token = good(&ann)?;
    for _ in 0..3 {
        assert!(is_let_in(&call(&host, &token).await?));
    }
    assert_eq!(sts.asked().len(), 1);
    assert!(noted(&host, "aws:arn:aws:sts::123456789012:assumed-role/analyst")?);
    assert!(is_let_in(&call(&host, &good(&bob)?).await?) && noted(&host, "bob")?);
    Ok(())
}

#[tokio::test]
async fn a_token_that_botocore_signed_is_let_in() -> Result<()> {
    let sts = Sts::start().await?;
    let ann = sts.add("assumed-role/analyst/ann@example.com")?;
    let host = host(&sts).await?;
    let for_server = |id: &str| with(asked_of(&signer(&ann)), json!({ "server_id": id, "expires_s": 60 }));
    let tokens = botocore(&[for_server(SERVER)?, for_server("https://other.example.com")?]).await?;
    let tokens: Vec<&str> = tokens.iter().filter_map(|token| token.as_str()).collect();
    assert!(is_let_in(&call(&host, tokens[0]).await?));
    refused(&host, tokens[1], 401, "STS refused").await
}

#[tokio::test]
async fn a_token_that_leads_elsewhere_is_sent_nowhere() -> Result<()> {
    let (sts, evil) = (Sts::start().await?, Upstream::start().await?);
    let ann = sts.add("assumed-role/analyst/ann")?;
    let host = host(&sts).await?;
    let good = signer(&ann).presign(&url(), &[("x-toolhost-id", SERVER)], Duration::from_secs(60))?;
    let port = evil.url().rsplit(':').next().unwrap_or_default().to_owned();
    for elsewhere in [
        "https://sts.evil.example".to_owned(),
        "https://sts.us-east-1.amazonaws.com".to_owned(),
        format!("https://{}@evil.example", Sts::host()),
        format!("https://{}@127.0.0.1:{port}", Sts::host()),
        format!("https://{}:{port}", Sts::host()),
        format!("https://{}.evil.example", Sts::host()),
        format!("https://evil.example/{}", Sts::host()),
        format!("https://127.0.0.1:{port}"),
        evil.url().to_owned(),
        format!("http://{}", Sts::host()),
        "https://169.254.169.254".to_owned(),
    ] {
        let url = good.replace(&format!("https://{}", Sts::host()), &elsewhere);
        refused(&host, &token(&url), 401, "leads elsewhere").await?;
    }
    assert_eq!((evil.connections(), sts.asked().len()), (0, 0));
    Ok(())
}

#[tokio::test]
async fn a_token_for_anything_else_is_sent_nowhere() -> Result<()> {
    let sts = Sts::start().await?;
    let ann = sts.add("assumed-role/analyst/ann")?;
    let host = host(&sts).await?;
    let signed = |url: &str, headers: &[(&str, &str)], life: u64, seconds: i64| {
        let signer = Signer { time: now_and(seconds), ..signer(&ann) };
        signer.presign(url, headers, Duration::from_secs(life)).map(|url| token(&url))
    };
    let id = [("x-toolhost-id", SERVER)];
    let other_action = url().replace("GetCallerIdentity", "GetSessionToken");
    refused(&host, &signed(&other_action, &id, 60, 0)?, 401, "another action").await?;
    refused(&host, &signed(&(url() + "&RoleArn=x"), &id, 60, 0)?, 401, "parameter").await?;
    refused(&host, &signed(&url(), &[], 60, 0)?, 401, "x-toolhost-id").await?;
    refused(&host, &signed(&url(), &[("x-k8s-aws-id", SERVER)], 60, 0)?, 401, "x-toolhost-id").await?;
    refused(&host, &signed(&url(), &id, 901, 0)?, 401, "X-Amz-Expires").await?;
    refused(&host, &signed(&url(), &id, 60, -61)?, 401, "expired").await?;
    refused(&host, &signed(&url(), &id, 60, 400)?, 401, "in the future").await?;
    refused(&host, "toolhost-aws-v1.%%%", 401, "no pre-signed request").await?;
    refused(&host, "toolhost-aws-v1.", 401, "leads elsewhere").await?;
    assert_eq!(sts.asked().len(), 0);
    Ok(())
}

#[tokio::test]
async fn a_token_that_sts_refuses_is_refused() -> Result<()> {
    let sts = Sts::start().await?;
    let ann = sts.add("assumed-role/analyst/ann")?;
    let host = host(&sts).await?;
    let url = |known: &Known, id: &str| {
        signer(known).presign(&url(), &[("x-toolhost-id", id)], Duration::from_secs(60)).map(|url| token(&url))
    };
    refused(&host, &url(&ann, "https://another.example.com")?, 401, "STS refused").await?;
    let thief = Known { secret_key: "another".to_owned(), ..ann.clone() };
    refused(&host, &url(&thief, SERVER)?, 401, "STS refused").await?;
    let nobody = Known { access_key: "ASIANOBODY".to_owned(), ..ann };
    refused(&host, &url(&nobody, SERVER)?, 401, "STS refused").await?;
    assert_eq!(sts.asked().len(), 3);
    Ok(())
}

#[tokio::test]
async fn whoever_is_not_on_the_list_is_told_where_it_is_and_not_what_is_on_it() -> Result<()> {
    let sts = Sts::start().await?;
    let host = host(&sts).await?;
    for name in ["assumed-role/analyst2/ann", "assumed-role/admin/ann", "user/bob", "user/ops/bobby"] {
        let known = sts.add(name)?;
        refused(&host, &good(&known)?, 403, "[[callers.aws.sts.allow]]").await?;
    }
    Ok(())
}

#[tokio::test]
async fn while_sts_is_away_whoever_it_knew_goes_on_and_others_are_told_to_come_back() -> Result<()> {
    let sts = Sts::start().await?;
    let (ann, bob) = (sts.add("assumed-role/analyst/ann")?, sts.add("user/ops/bob")?);
    let host = host_with(&sts, "time_max_ms = 500").await?;
    let (known, unknown) = (good(&ann)?, good(&bob)?);
    assert!(is_let_in(&call(&host, &known).await?));
    let elsewhere = Upstream::start().await?;
    for reply in [
        Reply::Fails(500),
        Reply::Fails(503),
        Reply::Fails(429),
        Reply::Waits(Duration::from_secs(5)),
        Reply::Redirects(elsewhere.url().to_owned()),
        Reply::Sends("x".repeat(70_000)),
        Reply::Sends(String::new()),
        Reply::Sends("<html>".to_owned()),
        Reply::Sends(document("arn:aws:iam::210987654321:user/ops/bob")),
        Reply::Sends(document("arn:aws:iam::123456789012:user/ops/bob</Arn><Arn>arn:aws:iam::123456789012:root")),
    ] {
        sts.then(reply.clone());
        let response = call(&host, &unknown).await?;
        check_refused(&response, 503, "Try again", &[&unknown]).map_err(|error| error.context(format!("{reply:?}")))?;
        assert!(is_let_in(&call(&host, &known).await?), "{reply:?}");
    }
    assert_eq!(elsewhere.connections(), 0);
    drop(sts);
    check_refused(&call(&host, &unknown).await?, 503, "Try again", &[&unknown])?;
    assert!(is_let_in(&call(&host, &known).await?));
    Ok(())
}

#[tokio::test]
async fn a_host_without_sts_asks_nobody() -> Result<()> {
    let sts = Sts::start().await?;
    let ann = sts.add("assumed-role/analyst/ann")?;
    let table = "region = \"eu-central-1\"\n[callers.aws.keys.AKIAEXAMPLE]\nsecret = \"env:ANN\"\ncaller = \"ann\"\n";
    let host = setup(table).env("ANN", "secret").start().await?;
    refused(&host, &good(&ann)?, 401, "[callers.aws.sts]").await
}
