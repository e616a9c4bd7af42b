//! What callers show to prove who they are: it stands in nothing that the host says, whether it was
//! good or not.

use anyhow::Result;
use serde_json::json;
use toolhost_tests::canary::Said;
use toolhost_tests::mcp::{ERAS, Mcp};
use toolhost_tests::toolhost::Setup;

use crate::get;
use crate::issuer::Issuer;
use crate::keys::Keys;

const POLICY: &str = "permit (principal, action, resource) when { principal in Group::\"team\" };\n";

async fn no_proof_is_heard(level: &str) -> Result<()> {
    let (keys, issuer) = (Keys::new()?, Issuer::start().await?);
    let good = keys.make("ann", &["--group", "team"])?;
    let stranger = keys.make("bob", &[])?;
    let revoked = keys.make("eve", &["--group", "team"])?;
    keys.run(&["revoke", "eve-1"])?;
    let config = format!(
        "[serve]\nurl = \"https://tools.example.com\"\nopen_metrics = true\n[callers]\n{}\n[callers.oauth.corp]\n\
         issuer = \"{}\"\n[policy]\nfile = \"policy.cedar\"\n",
        keys.line(),
        issuer.url()
    );
    let setup = Setup::new(config).beside("policy.cedar", POLICY).plugin("good", "good")?;
    let host = setup.argument("--log").argument(level).start().await?;
    let expired = issuer.mint(json!({ "claims": { "exp": -3600 } })).await?;
    let token = issuer.mint(json!({ "more": { "groups": ["team"] } })).await?;
    let shown = [good, stranger, revoked, token, expired, "thk_canary-4f1c9b77-that-never-was".to_owned()];
    let mut heard = String::new();
    for proof in &shown {
        for path in ["/", "/tools", "/ready", "/metrics", "/nothing"] {
            let answer = get(&host, path, proof).await?;
            heard += &format!("{:?} {}", answer.headers, answer.text());
        }
        for era in ERAS {
            let Ok(mut client) = Mcp::connect_as(host.url(), era, proof).await else { continue };
            for (tool, arguments) in [("good__echo", json!({ "message": "hi" })), ("good__nothing", json!({}))] {
                heard += &client.send("tools/call", json!({ "name": tool, "arguments": arguments })).await?.text();
            }
        }
    }
    assert!(heard.contains("\"hi\"") && heard.contains("Bearer"), "nobody was let in, or nobody kept out: {heard}");
    // A token's parts tell as much as the whole; its first one is the same for all of one issuer.
    let marks = shown.iter().flat_map(|proof| proof.split('.').skip(usize::from(proof.contains('.'))));
    Said::by(&host, heard).await?.holds_none_of(marks);
    Ok(())
}

#[tokio::test]
async fn no_secret_is_in_anything_that_the_host_answers_or_prints() -> Result<()> {
    no_proof_is_heard("debug").await
}

#[tokio::test]
async fn no_secret_is_in_the_log_even_when_it_is_told_to_say_everything() -> Result<()> {
    no_proof_is_heard("trace").await
}
