//! Web pages that speak through their visitor's browser: refused on every route.

use anyhow::Result;
use serde_json::json;
use toolhost_tests::http::request;
use toolhost_tests::toolhost::{Setup, Toolhost};

use crate::good;

const ROUTES: [(&str, &str); 11] = [
    ("GET", "/"),
    ("GET", "/tools"),
    ("POST", "/tools/good__note"),
    ("GET", "/health"),
    ("GET", "/ready"),
    ("POST", "/mcp"),
    ("GET", "/mcp"),
    ("DELETE", "/mcp"),
    ("GET", "/mcp/server-card"),
    ("GET", "/.well-known/ai-catalog.json"),
    ("GET", "/no/such/route"),
];

async fn status(host: &Toolhost, method: &str, path: &str, header: (&str, &str)) -> Result<(u16, String)> {
    let body = json!({ "message": "a page was here" }).to_string().into_bytes();
    let headers = [header, ("content-type", "application/json")];
    let response = request(method, &format!("{}{path}", host.url()), &headers, body).await?;
    Ok((response.status, response.text()))
}

#[tokio::test]
async fn a_foreign_host_or_origin_is_refused_on_every_route() -> Result<()> {
    let host = good().await?;
    let foreign = [
        ("host", "evil.example"),
        ("host", "localhost.evil.example:8000"),
        ("host", "tools.example.com"),
        ("origin", "https://evil.example"),
        ("origin", "http://localhost.evil.example"),
        ("origin", "null"),
    ];
    for (method, path) in ROUTES {
        for header in foreign {
            let (status, text) = status(&host, method, path, header).await?;
            assert_eq!(status, 403, "{method} {path} {header:?}: {text}");
            assert!(text.to_lowercase().contains(header.0), "{method} {path} {header:?}: {text}");
            assert!(!text.contains("evil"), "the header is repeated: {text}");
        }
    }
    assert!(!host.printed()?.contains("a page was here"), "a call got through");
    Ok(())
}

#[tokio::test]
async fn this_machine_and_what_the_operator_named_pass_on_every_route() -> Result<()> {
    let config = "[serve]\nhosts = [\"Tools.example.com\"]\norigins = [\"https://console.example.com\"]\n";
    let host = Setup::new(config).plugin("good", "good")?.start().await?;
    let allowed = [
        ("host", "localhost:8000"),
        ("host", "[::1]"),
        ("host", "tools.example.com:443"),
        ("origin", "http://localhost:3000"),
        ("origin", "http://127.0.0.1:5173"),
        ("origin", "https://console.example.com"),
    ];
    for (method, path) in ROUTES {
        for header in allowed {
            let (status, text) = status(&host, method, path, header).await?;
            assert_ne!(status, 403, "{method} {path} {header:?}: {text}");
        }
    }
    for header in allowed {
        assert_eq!(status(&host, "GET", "/health", header).await?.0, 200, "{header:?}");
        assert_eq!(status(&host, "POST", "/tools/good__note", header).await?.0, 200, "{header:?}");
    }
    // One more letter, another scheme, another port: another origin.
    for origin in
        ["https://console.example.com.evil.example", "http://console.example.com", "https://console.example.com:8443"]
    {
        assert_eq!(status(&host, "GET", "/health", ("origin", origin)).await?.0, 403, "{origin}");
    }
    Ok(())
}
