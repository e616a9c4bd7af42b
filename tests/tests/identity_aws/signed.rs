//! Requests that are signed one by one: good ones by two signers, and every way to be no good.

use anyhow::Result;
use aws_sigv4::http_request::SignableBody;
use serde_json::json;
use toolhost_tests::Toolhost;
use toolhost_tests::mcp::{Era, Mcp};
use toolhost_tests::signer::{Signed, Signer};

use crate::{NOWHERE, asked_of, botocore, check_refused, is_let_in, noted, now_and, setup, with};

const SECRET: &str = "canary-secret-wJalrXUtnFEMI/K7MDENG+bPxRfiCY";
const TOKEN: &str = "canary-token-FwoGZXIvYXdzE+/=";

const TABLE: &str = "
    region = \"eu-central-1\"

    [callers.aws.keys.AKIAEXAMPLEANN]
    secret = \"env:ANN\"
    caller = \"ann\"
    groups = [\"analysts\"]

    [callers.aws.keys.ASIAEXAMPLEBOB]
    secret = \"env:BOB\"
    session_token = \"env:BOB_TOKEN\"
    caller = \"bob\"
";

async fn host_with(lines: &str) -> Result<Toolhost> {
    setup(&format!("{lines}{TABLE}")).env("ANN", SECRET).env("BOB", SECRET).env("BOB_TOKEN", TOKEN).start().await
}

async fn host() -> Result<Toolhost> {
    host_with("").await
}

fn ann() -> Signer {
    Signer {
        access_key: "AKIAEXAMPLEANN".to_owned(),
        secret_key: SECRET.to_owned(),
        token: None,
        region: "eu-central-1".to_owned(),
        service: "toolhost".to_owned(),
        time: now_and(0),
        digest_header: false,
    }
}

fn bob() -> Signer {
    Signer { access_key: "ASIAEXAMPLEBOB".to_owned(), token: Some(TOKEN.to_owned()), ..ann() }
}

/// A call, signed with the headers that it needs.
fn call(host: &Toolhost, signer: &Signer) -> Result<Signed> {
    let url = format!("{}{NOWHERE}?b=2&a=%C3%A4%20b", host.url());
    signer.sign("POST", &url, &[("content-type", "application/json")], b"{\"x\":1}")
}

/// Sends what is no good, and checks what it is told.
async fn refused(request: &Signed, words: &str) -> Result<()> {
    let signature = request.header("authorization").rsplit('=').next().unwrap_or_default();
    check_refused(&request.send().await?, 401, words, &[SECRET, TOKEN, signature])
}

#[tokio::test]
async fn a_request_that_rust_signed_is_let_in_with_and_without_a_digest_and_a_token() -> Result<()> {
    let host = host().await?;
    assert!(is_let_in(&call(&host, &ann())?.send().await?));
    assert!(is_let_in(&call(&host, &Signer { digest_header: true, ..ann() })?.send().await?));
    assert!(noted(&host, "ann")? && !noted(&host, "bob")?);
    assert!(is_let_in(&call(&host, &bob())?.send().await?));
    assert!(noted(&host, "bob")?);
    // What has no body is signed, too.
    let listing = ann().sign("GET", &format!("{}/tools", host.url()), &[], b"")?;
    assert_eq!(listing.send().await?.status, 200);
    Ok(())
}

#[tokio::test]
async fn a_request_that_botocore_signed_is_let_in() -> Result<()> {
    let host = host().await?;
    let url = format!("{}{NOWHERE}?b=2&a=%C3%A4%20b", host.url());
    let request = json!({ "method": "POST", "url": url, "headers": { "content-type": "application/json" },
                          "body": "{\"x\":\"ä\"}" });
    let listing = json!({ "method": "GET", "url": format!("{}/tools", host.url()), "headers": {}, "body": "" });
    let asked = [
        with(asked_of(&ann()), request.clone())?,
        with(asked_of(&bob()), request.clone())?,
        with(asked_of(&ann()), listing)?,
        with(asked_of(&Signer { secret_key: "another".to_owned(), ..ann() }), request)?,
    ];
    let mut statuses = Vec::new();
    for (asked, headers) in asked.iter().zip(botocore(&asked).await?) {
        let text = |key: &str| asked[key].as_str().unwrap_or_default().to_owned();
        let headers = headers.as_object().into_iter().flatten();
        let headers = headers.map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned()));
        let (headers, body) = (headers.collect(), text("body").into_bytes());
        let request = Signed { method: text("method"), url: text("url"), headers, body };
        statuses.push(request.send().await?.status);
    }
    assert_eq!(statuses, [404, 404, 200, 401]);
    assert!(noted(&host, "ann")? && noted(&host, "bob")?);
    Ok(())
}

#[tokio::test]
async fn a_call_of_mcp_is_signed_like_any_other() -> Result<()> {
    let host = host().await?;
    let about = json!({ "name": "tests", "version": "1" });
    let params = json!({ "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": about });
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params }).to_string();
    let headers = [("content-type", "application/json"), ("accept", "application/json, text/event-stream")];
    let request = ann().sign("POST", &format!("{}/mcp", host.url()), &headers, body.as_bytes())?;
    let response = request.send().await?;
    assert_eq!(response.status, 200, "{}", response.text());
    assert_eq!(response.json()?["result"]["serverInfo"]["name"], "toolhost");
    // Nobody comes in without a signature.
    assert!(Mcp::connect(host.url(), Era::Modern).await.is_err());
    Ok(())
}

#[tokio::test]
async fn a_request_is_served_once() -> Result<()> {
    let host = host().await?;
    let request = call(&host, &ann())?;
    assert!(is_let_in(&request.send().await?));
    refused(&request, "served before").await?;
    // In the same second, a header of one's own makes another request of it.
    let signer = Signer { time: ann().time, ..ann() };
    for nonce in ["1", "2"] {
        let headers = [("x-amz-toolhost-nonce", nonce)];
        let request = signer.sign("POST", &format!("{}{NOWHERE}", host.url()), &headers, b"")?;
        assert!(is_let_in(&request.send().await?), "{nonce}");
    }
    // The same key of a host that was configured anew.
    host.configure(&format!("[callers.aws]\n{TABLE}\n[limits]\nmemory_mib = 32\n"))?;
    host.signal("HUP")?;
    refused(&request, "served before").await
}

#[tokio::test]
async fn a_key_that_signed_too_much_waits_and_no_other_one() -> Result<()> {
    let host = host_with("replays_max = 1\n").await?;
    assert!(is_let_in(&call(&host, &ann())?.send().await?));
    let another = ann().sign("POST", &format!("{}{NOWHERE}", host.url()), &[], b"")?;
    check_refused(&another.send().await?, 503, "replays_max", &[SECRET])?;
    assert!(is_let_in(&call(&host, &bob())?.send().await?));
    Ok(())
}

#[tokio::test]
async fn a_date_too_far_off_is_refused() -> Result<()> {
    let host = host().await?;
    for seconds in [-310, 310, 100_000, -100_000] {
        refused(&call(&host, &Signer { time: now_and(seconds), ..ann() })?, "too far").await?;
    }
    // It was perhaps served before the host began, who would not know.
    refused(&call(&host, &Signer { time: now_and(-200), ..ann() })?, "before this host began").await?;
    assert!(is_let_in(&call(&host, &Signer { time: now_and(200), ..ann() })?.send().await?));
    Ok(())
}

#[tokio::test]
async fn what_was_changed_on_the_way_is_refused() -> Result<()> {
    let host = host().await?;
    let changed = |signer: Signer, change: &dyn Fn(&mut Signed)| -> Result<Signed> {
        let mut request = call(&host, &signer)?;
        change(&mut request);
        Ok(request)
    };
    let mismatch = "signature does not match";
    refused(&changed(ann(), &|request| request.body = b"{\"x\":2}".to_vec())?, mismatch).await?;
    let with_digest = Signer { digest_header: true, ..ann() };
    refused(&changed(with_digest, &|request| request.body = b"{\"x\":2}".to_vec())?, "not the one that was signed")
        .await?;
    refused(&changed(ann(), &|request| request.url = request.url.replace("no_such_tool", "another"))?, mismatch)
        .await?;
    refused(&changed(ann(), &|request| request.url = request.url.replace("b=2", "b=3"))?, mismatch).await?;
    refused(&changed(ann(), &|request| request.url += "&c=4")?, mismatch).await?;
    refused(&changed(ann(), &|request| request.method = "PUT".to_owned())?, mismatch).await?;
    refused(&changed(ann(), &|request| request.set("content-type", "text/plain"))?, mismatch).await?;
    refused(&changed(bob(), &|request| request.set("x-amz-security-token", "another"))?, mismatch).await?;
    Ok(())
}

#[tokio::test]
async fn a_body_must_be_signed_whole() -> Result<()> {
    let host = host().await?;
    let (url, signer) = (format!("{}{NOWHERE}", host.url()), Signer { digest_header: true, ..ann() });
    let unsigned = signer.sign_body("POST", &url, &[], b"{}", SignableBody::UnsignedPayload)?;
    refused(&unsigned, "UNSIGNED-PAYLOAD").await?;
    let streamed = SignableBody::Precomputed("STREAMING-AWS4-HMAC-SHA256-PAYLOAD".to_owned());
    refused(&signer.sign_body("POST", &url, &[], b"{}", streamed)?, "not signed").await?;
    // Without the header, a signature over no body at all is one over another body.
    let silent = ann().sign_body("POST", &url, &[], b"{}", SignableBody::UnsignedPayload)?;
    refused(&silent, "signature does not match").await
}

#[tokio::test]
async fn an_unknown_key_is_told_what_a_wrong_secret_is_told() -> Result<()> {
    let host = host().await?;
    let wrong = call(&host, &Signer { secret_key: "another".to_owned(), ..ann() })?;
    let unknown = call(&host, &Signer { access_key: "AKIANOBODY".to_owned(), ..ann() })?;
    let keyless = call(&host, &Signer { access_key: "AKIANOBODY".to_owned(), secret_key: String::new(), ..ann() })?;
    let tokenless = call(&host, &Signer { token: None, ..bob() })?;
    let mut told = Vec::new();
    for request in [wrong, unknown, keyless, tokenless] {
        refused(&request, "signature does not match").await?;
        told.push(request.send().await?.text());
    }
    assert!(told.windows(2).all(|pair| pair[0] == pair[1]), "{told:?}");
    Ok(())
}

#[tokio::test]
async fn a_signature_for_something_else_is_refused_and_told_what_for() -> Result<()> {
    let host = host().await?;
    for signer in
        [Signer { service: "execute-api".to_owned(), ..ann() }, Signer { region: "us-east-1".to_owned(), ..ann() }]
    {
        let request = call(&host, &signer)?;
        refused(&request, "another service, region or day").await?;
        let response = request.send().await?;
        let challenge = response.header("www-authenticate").unwrap_or_default();
        assert!(challenge.contains("service=\"toolhost\"") && challenge.contains("region=\"eu-central-1\""));
    }
    let other = host_with("service = \"execute-api\"\n").await?;
    assert!(is_let_in(&call(&other, &Signer { service: "execute-api".to_owned(), ..ann() })?.send().await?));
    Ok(())
}

#[tokio::test]
async fn a_header_that_is_not_signed_or_not_as_aws_writes_it_is_refused() -> Result<()> {
    let host = host().await?;
    let request = call(&host, &ann())?;
    let authorization = request.header("authorization").to_owned();
    for (from, to, words) in [
        ("content-type;host;x-amz-date", "content-type;x-amz-date", "`host`"),
        ("content-type;host;x-amz-date", "content-type;host", "`x-amz-date`"),
        ("content-type;host;x-amz-date", "host;content-type;x-amz-date", "no signature of version 4"),
        (", Signature", ", Other=1, Signature", "no signature of version 4"),
        ("AWS4-HMAC-SHA256 ", "AWS4-HMAC-SHA256-PLUS ", "no signature of version 4"),
    ] {
        let mut changed = request.clone();
        changed.set("authorization", &authorization.replace(from, to));
        refused(&changed, words).await?;
    }
    let mut twice = request.clone();
    twice.headers.push(("x-amz-date".to_owned(), request.header("x-amz-date").to_owned()));
    refused(&twice, "more than once").await?;
    assert!(is_let_in(&request.send().await?), "what was refused was not served");
    assert!(!host.printed()?.contains(SECRET));
    Ok(())
}
