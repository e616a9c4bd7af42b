//! What a table `[http.<grant>]` may say, and what it may not.

use std::path::Path;

use super::*;
use crate::config;
use crate::wit::ErrorKind;
use crate::wit::http::Header;

fn open(text: &str) -> Result<Http, String> {
    let config =
        config::Config::parse(text, Path::new("toolhost.toml"), &["http"]).map_err(|error| error.to_string())?;
    let grant =
        config.grants::<Config>("http").remove("metrics").ok_or("no grant")?.map_err(|error| error.to_string())?;
    Http::open(grant, Place { name: "metrics", dir: Path::new("") }).map_err(|error| error.to_string())
}

/// A grant with these lines, at this base URL.
fn at(base_url: &str, lines: &str) -> Result<Http, String> {
    open(&format!("[http.metrics]\nbase_url = \"{base_url}\"\npaths = [\"/api/**\"]\n{lines}"))
}

fn refusal(base_url: &str, lines: &str) -> String {
    at(base_url, lines).err().unwrap_or_default()
}

const HERE: &str = "http://127.0.0.1:9090";

/// The config example at the top of `mod.rs`.
fn example() -> String {
    let lines = include_str!("mod.rs").lines().skip_while(|line| *line != "//! ```toml").skip(1);
    lines
        .take_while(|line| *line != "//! ```")
        .map(|line| line.trim_start_matches("//!").trim_start().to_owned() + "\n")
        .collect()
}

#[test]
fn the_example_parses_and_misses_only_its_secret() {
    let error = open(&example()).err().expect("the secret is not set");
    assert!(error.contains("env:METRICS_TOKEN"), "{error}");
}

#[test]
fn a_base_url_is_tls_or_this_machine_or_said_to_be_plain() {
    for url in ["https://example.com", "https://example.com:8443/prefix/", HERE, "http://localhost:1", "http://[::1]/x"]
    {
        assert_eq!(refusal(url, ""), "", "{url}");
    }
    assert!(refusal("http://example.com", "").contains("plaintext = true"));
    assert_eq!(refusal("http://example.com", "plaintext = true"), "");
    for url in ["ftp://example.com", "example.com", "", "/api", "file:///etc/passwd", "data:,x"] {
        assert_ne!(refusal(url, "plaintext = true"), "", "{url}");
    }
    let error = open("[http.metrics]\npaths = [\"/\"]\n").err().expect("is refused");
    assert!(error.contains("[http.metrics] needs `base_url`"), "{error}");
}

#[test]
fn a_base_url_holds_no_user_query_or_fragment_and_no_error_repeats_it() {
    for url in ["https://u:hunter2@example.com", "https://u@example.com", "https://h?k=hunter2", "https://h/#hunter2"] {
        let error = refusal(url, "");
        assert!(error.starts_with("`base_url` holds") && !error.contains("hunter2"), "{error}");
    }
}

#[test]
fn an_address_in_the_base_url_is_checked_when_the_file_is_read() {
    for url in ["https://10.1.2.3", "https://192.168.0.1", "https://[fd12::1]", "https://1.1.1.1", "https://0x7f.1"] {
        assert_eq!(refusal(url, ""), "", "{url}");
    }
    for url in ["https://169.254.169.254", "https://[fe80::1]", "https://100.64.0.1", "https://[fd00:ec2::254]:80"] {
        assert!(refusal(url, "").contains("allow_private"), "{url}");
    }
    assert_eq!(refusal("https://169.254.169.254", "allow_private = [\"169.254.169.254\"]"), "");
    for url in ["https://0.0.0.0", "https://224.0.0.1", "https://[::]", "https://255.255.255.255"] {
        assert!(refusal(url, "").contains("allow_private"), "{url}");
    }
    assert!(refusal(HERE, "allow_private = [\"0.0.0.0/0\"]").contains("wider than any private network"));
}

#[test]
fn there_is_one_credential_and_it_is_never_in_the_file() {
    let two = "bearer = { token = \"env:PATH\" }\nbasic = { user = \"u\", password = \"env:PATH\" }";
    assert!(refusal(HERE, two).contains("more than one of `bearer`"));
    let error = refusal(HERE, "bearer = { token = \"hunter2\" }");
    assert!(error.contains("env:NAME") && !error.contains("hunter2"), "{error}");
    assert!(refusal(HERE, "header = { name = \"Host\", value = \"env:PATH\" }").contains("the host's own"));
    assert!(refusal(HERE, "headers = { Authorization = \"x\" }").contains("is a credential"));
    assert!(refusal(HERE, "query_parameter = { name = \" \", value = \"env:PATH\" }").contains("has no name"));
    assert!(refusal(HERE, "ca = \"env:PATH\"").contains("no certificate"));
    let pair = "client_certificate = { certificate = \"env:PATH\", key = \"env:PATH\" }";
    assert!(refusal(HERE, pair).contains("`client_certificate`"));
    assert_eq!(refusal(HERE, "header = { name = \"X-Api-Key\", value = \"env:PATH\" }"), "");
}

#[test]
fn methods_and_paths_are_named_and_none_reflects() {
    for wrong in ["[\"TRACE\"]", "[\"CONNECT\"]", "[\"get\"]", "[\"\"]", "[]"] {
        assert_ne!(refusal(HERE, &format!("methods = {wrong}")), "", "{wrong}");
    }
    let no_paths = format!("[http.metrics]\nbase_url = \"{HERE}\"\n");
    assert!(open(&no_paths).is_err_and(|error| error.contains("paths")));
    let error = open(&format!("{no_paths}paths = [\"/a/../b\"]\n")).err().expect("is refused");
    assert!(error.starts_with("toolhost.toml:3:"), "{error}");
}

#[test]
fn zero_and_absurd_limits_are_refused_where_they_stand() {
    for (key, wrong) in [
        ("request_bytes_max", "0"),
        ("response_bytes_max", "0"),
        ("response_bytes_max", "99999999999"),
        ("time_max_ms", "0"),
        ("concurrency_max", "0"),
        ("retries", "100"),
    ] {
        let error = refusal(HERE, &format!("{key} = {wrong}"));
        assert!(error.starts_with("toolhost.toml:4:") && error.contains("out of range"), "{error}");
    }
}

#[test]
fn neither_summary_nor_introduction_names_the_host() {
    let lines = "notes = \"Metrics.\"\nbasic = { user = \"canary\", password = \"env:PATH\" }";
    let http = at("https://canary.example/prefix", lines).unwrap_or_else(|error| panic!("{error}"));
    let summary = http.summary();
    assert_eq!(summary, "https with a credential in a header, GET of `/api/**`");
    let introduced = futures_util::FutureExt::now_or_never(http.introduce("metrics")).and_then(Result::ok).flatten();
    assert_eq!(introduced.as_deref(), Some("Upstream `metrics`: HTTP, GET of `/api/**`. Metrics."));
}

#[tokio::test]
async fn a_script_answers_what_is_written_and_nothing_else() {
    let text = "[http.metrics]\npaths = [\"/api/**\"]\nmethods = [\"GET\", \"POST\"]\n\
         [[http.metrics.script.answer]]\nrequest = \"GET /api/a?b=c\"\njson = { x = [1, 2.5] }\n\
         [[http.metrics.script.answer]]\nrequest = \"POST /api/a\"\nsent = \"in\"\nstatus = 503\nbody = \"out\"\n\
         [[http.metrics.script.answer]]\nrequest = \"GET /api/error\"\nerror = { kind = \"unavailable\", message = \"gone\" }\n";
    let http = open(text).unwrap_or_else(|error| panic!("{error}"));
    let send = async |method: &str, path: &str, body: &str| {
        let headers = vec![Header { name: "accept".to_owned(), value: "*/*".to_owned() }];
        let (method, path_and_query) = (method.to_owned(), path.to_owned());
        http.send(Request { method, path_and_query, headers, body: body.as_bytes().to_vec() }, None).await
    };
    let answer = send("GET", "/api/a?b=c", "").await.expect("answers");
    assert_eq!((answer.status, answer.body.as_slice()), (200, &br#"{"x":[1,2.5]}"#[..]));
    let answer = send("POST", "/api/a", "in").await.expect("answers");
    assert_eq!((answer.status, answer.body.as_slice()), (503, &b"out"[..]));
    for (method, path, kind) in [
        ("POST", "/api/a", ErrorKind::Failed),
        ("GET", "/api/error", ErrorKind::Unavailable),
        ("GET", "/admin", ErrorKind::Denied),
        ("PUT", "/api/a", ErrorKind::Denied),
    ] {
        assert_eq!(send(method, path, "").await.expect_err("fails").kind, kind, "{method} {path}");
    }
}
