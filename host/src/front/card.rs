//! What a client reads before it connects: the server's card (SEP-2127), and the catalogue that
//! leads to it. Neither lists a tool; that is asked for by the protocol itself.

use axum::Json;
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, HOST, VARY};
use axum::http::{HeaderMap, HeaderValue, Uri};
use axum::response::{IntoResponse, Response};
use rmcp::model::ProtocolVersion;
use serde_json::{Value, json};

const SCHEMA: &str = "https://static.modelcontextprotocol.io/schemas/v1/server-card.schema.json";

/// The media type of a card.
const CARD: &str = "application/mcp-server-card+json";

/// The media type of a catalogue.
const CATALOG: &str = "application/ai-catalog+json";

/// What this server is called, in the segments that name it.
const NAME: &str = "toolhost";

/// `GET /mcp/server-card`: where the server is, and what it speaks.
pub(super) async fn card(State(url): State<Option<String>>, headers: HeaderMap, uri: Uri) -> Response {
    let url = base(url, &headers, &uri);
    let versions: Vec<&str> = ProtocolVersion::KNOWN_VERSIONS.iter().map(ProtocolVersion::as_str).collect();
    let remote = json!({
        "type": "streamable-http",
        "url": format!("{url}/mcp"),
        "supportedProtocolVersions": versions,
    });
    let publisher: Vec<&str> = publisher(&url).rsplit('.').collect();
    let card = json!({
        "$schema": SCHEMA,
        "name": format!("{}/{NAME}", publisher.join(".")),
        "version": env!("CARGO_PKG_VERSION"),
        "title": NAME,
        "description": "Sandboxed tools over data sources; the host holds the credentials.",
        "remotes": [remote],
    });
    public(CARD, card)
}

/// `GET /.well-known/ai-catalog.json`: the one card there is.
pub(super) async fn catalog(State(url): State<Option<String>>, headers: HeaderMap, uri: Uri) -> Response {
    let url = base(url, &headers, &uri);
    let entry = json!({
        "identifier": format!("urn:air:{}:mcp:{NAME}", publisher(&url)),
        "displayName": NAME,
        "type": CARD,
        "url": format!("{url}/mcp/server-card"),
    });
    public(CATALOG, json!({ "specVersion": "1.0", "entries": [entry] }))
}

/// Where clients reach this server, without a slash at the end. The `Host` was checked.
fn base(url: Option<String>, headers: &HeaderMap, uri: &Uri) -> String {
    if let Some(url) = url {
        return url.trim_end_matches('/').to_owned();
    }
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    let host = host.or_else(|| uri.authority().map(|authority| authority.as_str())).unwrap_or("localhost");
    format!("http://{host}")
}

/// The domain of a URL.
fn publisher(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split('/').next().unwrap_or_default();
    let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
    // An address is no domain.
    let is_domain = !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte));
    if is_domain && host.parse::<std::net::IpAddr>().is_err() { host } else { "localhost" }
}

fn public(kind: &'static str, json: Value) -> Response {
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static(kind)),
        (CACHE_CONTROL, HeaderValue::from_static("public, max-age=3600")),
        // Which pages may read it depends on them, and what it says on the host that was asked.
        (VARY, HeaderValue::from_static("Origin, Host")),
    ];
    (headers, Json(json)).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_publisher_is_a_domain() {
        for (url, domain) in [
            ("https://tools.example.com", "tools.example.com"),
            ("http://tools.example.com:8000/x", "tools.example.com"),
            ("http://127.0.0.1:8000", "localhost"),
            ("http://[::1]:8000", "localhost"),
            ("http://localhost:1", "localhost"),
            ("nothing", "nothing"),
            ("http://", "localhost"),
        ] {
            assert_eq!(publisher(url), domain, "{url}");
        }
    }
}
