//! Web pages: those of the origins that may call can read the answers, and no other.

use anyhow::Result;
use toolhost_tests::http::Connection;

use crate::{BOTH, JSON, post, setup};

const CONSOLE: (&str, &str) = ("origin", "https://console.example.com");

#[tokio::test]
async fn a_page_of_an_origin_that_may_call_can_ask_first_and_read_the_answer() -> Result<()> {
    let host = setup("[serve]\norigins = [\"https://console.example.com\"]\n")?.start().await?;
    let mut connection = Connection::open(host.url()).await?;
    let asked = [
        CONSOLE,
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "content-type,mcp-protocol-version,mcp-param-region"),
    ];
    let allowed = connection.send("OPTIONS", "/mcp", &asked, "").await?;
    assert_eq!(allowed.status, 204, "{}", allowed.text());
    assert_eq!(allowed.header("access-control-allow-origin"), Some("https://console.example.com"));
    let methods = allowed.header("access-control-allow-methods").unwrap_or_default();
    assert!(["GET", "POST", "DELETE"].iter().all(|method| methods.contains(method)), "{methods}");
    let headers = allowed.header("access-control-allow-headers").unwrap_or_default();
    assert!(headers.contains("mcp-param-region"), "{headers}");
    assert_eq!(allowed.header("access-control-allow-credentials"), None);
    let list = r#"{"jsonrpc":"2.0","id":5,"method":"tools/list"}"#;
    // Also what is refused can be read, and so be mended.
    let answer = post(&host, &[JSON, BOTH, CONSOLE], list).await?;
    assert_eq!(answer.status, 400);
    assert_eq!(answer.header("access-control-allow-origin"), Some("https://console.example.com"));
    let exposed = answer.header("access-control-expose-headers").unwrap_or_default();
    assert!(exposed.contains("Mcp-Session-Id") && exposed.contains("MCP-Protocol-Version"), "{exposed}");
    assert!(answer.header("vary").is_some_and(|vary| vary.contains("Origin")));
    let card = connection.send("GET", "/mcp/server-card", &[CONSOLE], "").await?;
    assert_eq!(card.header("access-control-allow-origin"), Some("https://console.example.com"));
    Ok(())
}

#[tokio::test]
async fn a_page_of_any_other_origin_can_neither_call_nor_read() -> Result<()> {
    let host = setup("")?.start().await?;
    let mut connection = Connection::open(host.url()).await?;
    for path in ["/mcp", "/mcp/server-card", "/tools", "/.well-known/ai-catalog.json"] {
        for method in ["OPTIONS", "GET", "POST"] {
            let headers = [CONSOLE, ("access-control-request-method", "POST")];
            let refused = connection.send(method, path, &headers, "").await?;
            assert_eq!(refused.status, 403, "{method} {path}");
            assert_eq!(refused.header("access-control-allow-origin"), None, "{method} {path}");
        }
    }
    // Without an origin, nothing is said of origins.
    let response = connection.send("GET", "/health", &[], "").await?;
    assert_eq!(response.header("access-control-allow-origin"), None);
    Ok(())
}
