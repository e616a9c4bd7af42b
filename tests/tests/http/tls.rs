//! TLS with a real server: a private authority, a certificate of ours, a password beside it.

use anyhow::Result;
use toolhost_tests::prometheus::{Prometheus, tls_folder};

use crate::{get, refused, setup};

const PASSWORD: &str = "canary-password-8d1f";

/// Who comes in without a certificate is cut off; who comes in without a password is told so.
const WEB: &str = r#"
tls_server_config:
  cert_file: tls/server.pem
  key_file: tls/server.key
  client_ca_file: tls/ca.pem
  client_auth_type: RequireAndVerifyClientCert
basic_auth_users:
  ann: "$2b$10$r/Dd2L3.hsM19YZGa2ByJu7ePzLOnMWymdJku9LWnZEHnOYo2u4Uu"
"#;

#[tokio::test]
async fn a_private_authority_a_client_certificate_and_a_password_open_a_real_server() -> Result<()> {
    let server = Prometheus::secured(WEB).await?;
    let url = format!("https://127.0.0.1:{}", server.port());
    let file = |name: &str| format!("\"file:{}\"", tls_folder().join(name).display());
    let (ca, pair) = (
        format!("ca = {}\n", file("ca.pem")),
        format!("client_certificate = {{ certificate = {}, key = {} }}\n", file("client.pem"), file("client.key")),
    );
    let basic = "basic = { user = \"ann\", password = \"env:PASSWORD\" }\n";
    let start = async |lines: String| {
        setup(&url, &format!("retries = 0\n{lines}"))?
            .env("PASSWORD", PASSWORD)
            .argument("--log")
            .argument("debug")
            .start()
            .await
    };

    let host = start(format!("{ca}{pair}{basic}")).await?;
    for _ in 0..3 {
        let answer = get(&host, "/api/v1/query?query=vector(1)").await?;
        assert_eq!(answer["status"], 200, "{answer}");
    }
    let printed = host.printed()?;
    assert!(!printed.contains(PASSWORD) && !printed.contains("PRIVATE KEY"), "{printed}");

    // Without the password the server says so, and what it asks for is kept from the plugin.
    let host = start(format!("{ca}{pair}")).await?;
    let answer = get(&host, "/api/v1/query?query=vector(1)").await?;
    assert_eq!(answer["status"], 401, "{answer}");
    assert!(!answer["headers"].to_string().contains("authenticate"), "{answer}");

    // Without our certificate, and without trust in theirs, there is no connection to speak over.
    for (lines, says) in [(format!("{ca}{basic}"), "the upstream"), (format!("{pair}{basic}"), "a certificate")] {
        let host = start(lines.clone()).await?;
        let refusal = refused(&host, "/api/v1/query?query=vector(1)").await?;
        assert_eq!(refusal.kind, "unavailable", "{lines}: {refusal:?}");
        assert!(refusal.message.contains(says), "{lines}: {refusal:?}");
        assert!(!refusal.message.contains("127.0.0.1"), "{refusal:?}");
    }
    Ok(())
}
