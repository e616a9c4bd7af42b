//! Marked secrets in every kind of credential, upstreams that echo them, and every kind of
//! failure: no mark may be in an answer or a log line.

use anyhow::Result;
use serde_json::json;
use toolhost_tests::canary::Said;
use toolhost_tests::mcp::{ERAS, Mcp};
use toolhost_tests::toolhost::{Setup, run};
use toolhost_tests::upstream::Upstream;
use toolhost_tests::{Toolhost, component};

const TOKEN: &str = "canary-token-8d1f";
const PASSWORD: &str = "canary pass/word+&=\"77ab\"";
const KEY: &str = "Key canary-key-42c0";
const PARAMETER: &str = "canary-parameter/e3b9+x";

/// The words that may appear nowhere: as they are, encoded for a URL, and in base64.
const MARKS: [&str; 12] = [
    TOKEN,
    PASSWORD,
    "canary pass",
    "canary%20pass",
    "canary+pass",
    "canary pass/word+&=\\\"77ab",
    // `ann:` and the password in base64, without its end.
    "YW5uOmNhbmFyeSBwYXNzL3dvcmQrJj0iNzdhYi",
    "canary-key-42c0",
    PARAMETER,
    "canary-parameter%2Fe3b9%2Bx",
    "canary-parameter%2fe3b9%2bx",
    "canary-parameter",
];

const NAMES: [&str; 5] = ["bearer", "basic", "header", "parameter", "away"];

const PATHS: [&str; 10] =
    ["/echo", "/private", "/binary", "/half", "/huge", "/gzip", "/close", "/slow", "/status/500", "/redirect?/echo"];

fn config(upstream: &Upstream) -> String {
    let grants: Vec<String> = NAMES.iter().map(|name| format!("http.{name}")).collect();
    let mut config = format!("[plugins.caller]\ngrants = {grants:?}\n");
    for (name, credential) in NAMES.into_iter().zip([
        "bearer = { token = \"env:TOKEN\" }",
        "basic = { user = \"ann\", password = \"env:PASSWORD\" }",
        "header = { name = \"X-Api-Key\", value = \"env:KEY\" }",
        "query_parameter = { name = \"api_key\", value = \"env:PARAMETER\" }",
        "query_parameter = { name = \"api_key\", value = \"env:PARAMETER\" }",
    ]) {
        let url = if name == "away" { "http://127.0.0.1:1" } else { upstream.url() };
        config += &format!(
            "\n[http.{name}]\nbase_url = \"{url}\"\npaths = [\"/**\"]\nmethods = [\"GET\", \"POST\"]\n\
             time_max_ms = 500\nretries = 1\n{credential}\n"
        );
    }
    config
}

fn environment() -> [(&'static str, &'static str); 4] {
    [("TOKEN", TOKEN), ("PASSWORD", PASSWORD), ("KEY", KEY), ("PARAMETER", PARAMETER)]
}

/// Makes everything happen that may go right or wrong, and collects all that is answered.
async fn provoke(host: &Toolhost) -> Result<String> {
    let mut heard = String::new();
    let mut calls = vec![("list", json!({}))];
    for upstream in NAMES {
        calls.extend(PATHS.map(|path| ("send", json!({ "upstream": upstream, "path": path }))));
        calls.extend(
            [
                json!({ "upstream": upstream, "path": "/echo", "method": "POST", "body": "canary" }),
                json!({ "upstream": upstream, "path": "/echo?a=b" }),
                json!({ "upstream": upstream, "path": "/../x" }),
                json!({ "upstream": upstream, "path": "/echo?api_key=guess" }),
                json!({ "upstream": upstream, "path": "/echo", "headers": { "authorization": "guess" } }),
                json!({ "upstream": upstream, "path": "/echo", "headers": { "x-api-key": "guess" } }),
            ]
            .map(|arguments| ("send", arguments)),
        );
        calls.push(("send_many", json!({ "upstream": upstream, "paths": PATHS })));
    }
    for (tool, arguments) in calls {
        heard += &host.call(&format!("caller__{tool}"), arguments).await?.1.to_string();
    }
    for path in ["/", "/tools", "/ready", "/health"] {
        heard += &host.get(path).await?.text();
    }
    for era in ERAS {
        let mut client = Mcp::connect(host.url(), era).await?;
        heard += &client.instructions;
        heard += &json!(client.tools().await?).to_string();
        heard += &client.call("caller__send", json!({ "upstream": "basic", "path": "/echo" })).await?.to_string();
    }
    Ok(heard)
}

async fn no_mark_is_heard(level: &str) -> Result<()> {
    let upstream = Upstream::start().await?;
    let setup =
        environment().into_iter().fold(Setup::new(config(&upstream)), |setup, (name, value)| setup.env(name, value));
    let host = setup.plugin("caller", "caller")?.argument("--log").argument(level).start().await?;
    let heard = provoke(&host).await?;
    let plugin = component("caller")?.display().to_string();
    let (_, inspected) = run(host.dir(), &["--log", level, "inspect", &plugin])?;
    let printed = host.printed()?;
    Said::by(&host, heard.clone()).await?.and("inspect", inspected).holds_none_of(MARKS);
    // The upstream was shown each, so there was something to echo; and what was cut is marked.
    let received = format!("{:?}", upstream.received());
    for sent in [TOKEN, "YW5uOmNhbmFyeSBwYXNzL3dvcmQrJj0iNzdhYiI=", KEY, "canary-parameter%2Fe3b9%2Bx"] {
        assert!(received.contains(sent), "{sent}");
    }
    for sign in ["authorization: Bearer [credential]", "x-api-key: [credential]", "api_key=[credential]"] {
        assert!(heard.contains(sign), "{sign}: {heard}");
    }
    if level == "trace" {
        assert!(printed.contains("hyper_util"), "the log holds nothing of the client");
    }
    // Agents learn no address.
    for line in heard.split("host: ").skip(1) {
        assert!(line.starts_with("127.0.0.1:"), "only what the upstream echoes: {line}");
    }
    Ok(())
}

#[tokio::test]
async fn no_secret_is_in_anything_that_the_host_answers_or_prints() -> Result<()> {
    no_mark_is_heard("debug").await
}

#[tokio::test]
async fn no_secret_is_in_the_log_even_when_it_is_told_to_say_everything() -> Result<()> {
    no_mark_is_heard("trace").await
}

#[tokio::test]
async fn check_asks_each_upstream_and_names_neither_host_nor_secret() -> Result<()> {
    let upstream = Upstream::start().await?;
    let grants = |health: &str| {
        format!(
            "[plugins.caller]\ngrants = [\"http.up\"]\n[http.up]\nbase_url = \"{}\"\npaths = [\"/ok\"]\n\
             bearer = {{ token = \"file:token\" }}\n{health}",
            upstream.url()
        )
    };
    for (health, good, says) in [
        ("", true, "http with a credential in a header, GET of `/ok`"),
        ("health = \"/ok\"", true, "it answers"),
        ("health = \"/status/404\"", false, "the upstream answered `health` with the status 404"),
        ("health = \"/status/401\"", false, "refused the host's credential"),
        ("health = \"/status/503\"", false, "the status 503"),
        ("health = \"/close\"", false, "broke off before it answered"),
    ] {
        let dir = Setup::new(grants(health)).plugin("caller", "caller")?.write()?;
        std::fs::write(dir.path().join("token"), TOKEN)?;
        let program = toolhost_tests::toolhost_program()?;
        let command = tokio::process::Command::new(program).arg("check").current_dir(dir.path()).output().await?;
        let printed = String::from_utf8_lossy(&[command.stdout, command.stderr].concat()).into_owned();
        assert_eq!(command.status.success(), good, "{health}: {printed}");
        assert!(printed.contains(says), "{health}: {printed}");
        assert!(!printed.contains(TOKEN) && !printed.contains("127.0.0.1"), "{printed}");
    }
    Ok(())
}
