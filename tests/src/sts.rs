//! The AWS Security Token Service, of which there is GetCallerIdentity, signed in advance. It
//! verifies signatures as the real service does, and repeats in its errors what it was sent.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use anyhow::Result;
use aws_sigv4::sign::v4::{calculate_signature, generate_signing_key};
use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{Request, StatusCode};
use sha2::{Digest, Sha256};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::aws::{ACCOUNT, REGION, date, held};
use crate::mariadb;

/// What becomes of a request, whatever it is.
#[derive(Debug, Clone)]
pub enum Reply {
    /// The service answers with this status, and repeats the request.
    Fails(u16),
    /// The service answers with this body, and 200.
    Sends(String),
    /// The service sends its client elsewhere.
    Redirects(String),
    /// Nothing comes for so long.
    Waits(Duration),
}

/// Somebody whom the service knows.
#[derive(Debug, Clone)]
pub struct Known {
    /// The id of their access key.
    pub access_key: String,
    /// Its secret half.
    pub secret_key: String,
    /// Who they are.
    pub arn: String,
}

/// An emulator of its own for one test. It stops when dropped.
pub struct Sts {
    service: Arc<Service>,
    url: String,
    stop: CancellationToken,
}

#[derive(Default)]
struct Service {
    known: Mutex<Vec<Known>>,
    replies: Mutex<VecDeque<Reply>>,
    asked: Mutex<Vec<String>>,
}

impl Sts {
    /// Listens on a free port of 127.0.0.1.
    pub async fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let (service, stop) = (Arc::<Service>::default(), CancellationToken::new());
        let router = Router::new().fallback(answer).with_state(Arc::clone(&service));
        let server = axum::serve(listener, router).with_graceful_shutdown(stop.clone().cancelled_owned());
        tokio::spawn(server.into_future());
        Ok(Self { service, url, stop })
    }

    /// Where it listens, such as `http://127.0.0.1:4711`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Where it says that it is: the host that requests must be signed for.
    pub fn host() -> String {
        format!("sts.{REGION}.amazonaws.com")
    }

    /// The region that requests must be signed for.
    pub fn region() -> &'static str {
        REGION
    }

    /// Gives somebody of this account a key: `assumed-role/analyst/ann` and the like.
    pub fn add(&self, name: &str) -> Result<Known> {
        let service = if name.starts_with("assumed-role/") { "sts" } else { "iam" };
        let known = Known {
            access_key: format!("ASIA{}", mariadb::random()?.to_uppercase()),
            secret_key: mariadb::random()? + &mariadb::random()?,
            arn: format!("arn:aws:{service}::{ACCOUNT}:{name}"),
        };
        held(&self.service.known).push(known.clone());
        Ok(known)
    }

    /// What becomes of the next request; each comes after those that were said before.
    pub fn then(&self, reply: Reply) {
        held(&self.service.replies).push_back(reply);
    }

    /// What was asked so far: methods, paths and queries.
    pub fn asked(&self) -> Vec<String> {
        held(&self.service.asked).clone()
    }
}

impl Drop for Sts {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn answer(State(service): State<Arc<Service>>, request: Request<axum::body::Body>) -> Response {
    let (request, _) = request.into_parts();
    held(&service.asked).push(format!("{} {}", request.method, request.uri));
    let reply = held(&service.replies).pop_front();
    match reply {
        Some(Reply::Fails(status)) => return error(status, "InternalFailure", &request),
        Some(Reply::Sends(body)) => return body.into_response(),
        Some(Reply::Redirects(to)) => return (StatusCode::FOUND, [("location", to)]).into_response(),
        Some(Reply::Waits(time)) => tokio::time::sleep(time).await,
        None => {}
    }
    match service.verify(&request) {
        Ok(arn) => identity(&arn),
        Err(code) => error(403, code, &request),
    }
}

impl Service {
    /// Whoever signed this, by their ARN.
    fn verify(&self, request: &Parts) -> Result<String, &'static str> {
        let query = request.uri.query().unwrap_or_default();
        let pairs: BTreeMap<&str, &str> = query.split('&').filter_map(|pair| pair.split_once('=')).collect();
        let value = |name: &str| pairs.get(name).copied().ok_or("MissingParameter");
        let asks = (request.method.as_str(), request.uri.path(), value("Action")?, value("Version")?);
        if asks != ("GET", "/", "GetCallerIdentity", "2011-06-15") {
            return Err("InvalidAction");
        }
        let credential = value("X-Amz-Credential")?.replace("%2F", "/");
        let (access_key, scope) = credential.split_once('/').ok_or("IncompleteSignature")?;
        let known = held(&self.known).iter().find(|known| known.access_key == access_key).cloned();
        let known = known.ok_or("InvalidClientTokenId")?;
        let sent = value("X-Amz-Date")?;
        let time = date(sent).ok_or("IncompleteSignature")?;
        let life = Duration::from_secs(value("X-Amz-Expires")?.parse().map_err(|_| "IncompleteSignature")?);
        if life > Duration::from_secs(900) || SystemTime::now() > time + life {
            return Err("ExpiredToken");
        }
        if scope != format!("{}/{REGION}/sts/aws4_request", sent.get(..8).unwrap_or_default()) {
            return Err("SignatureDoesNotMatch");
        }
        // In the order of the names, each as it came: all of them are plain or encoded already.
        let signed_query: Vec<String> = pairs
            .iter()
            .filter(|(name, _)| **name != "X-Amz-Signature")
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let names = value("X-Amz-SignedHeaders")?.replace("%3B", ";");
        let mut headers = String::new();
        for name in names.split(';') {
            let value = request.headers.get(name).and_then(|value| value.to_str().ok());
            headers += &format!("{name}:{}\n", value.ok_or("SignatureDoesNotMatch")?);
        }
        let canonical = format!("GET\n/\n{}\n{headers}\n{names}\n{}", signed_query.join("&"), digest(b""));
        let to_sign = format!("AWS4-HMAC-SHA256\n{sent}\n{scope}\n{}", digest(canonical.as_bytes()));
        let key = generate_signing_key(&known.secret_key, time, REGION, "sts");
        let right = calculate_signature(key, to_sign.as_bytes()) == value("X-Amz-Signature")?;
        // Another host than this one would have another signature, too.
        let here = request.headers.get("host").is_some_and(|host| host.as_bytes() == Sts::host().as_bytes());
        if right && here { Ok(known.arn) } else { Err("SignatureDoesNotMatch") }
    }
}

fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The answer for somebody who is known.
pub fn document(arn: &str) -> String {
    format!(
        "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\n  <GetCallerIdentityResult>\n    \
         <Arn>{arn}</Arn>\n    <UserId>AROAEXAMPLEEXAMPLE:ann</UserId>\n    <Account>{ACCOUNT}</Account>\n  \
         </GetCallerIdentityResult>\n  <ResponseMetadata>\n    <RequestId>01234567-89ab-cdef-0123-456789abcdef\
         </RequestId>\n  </ResponseMetadata>\n</GetCallerIdentityResponse>\n"
    )
}

fn identity(arn: &str) -> Response {
    ([("content-type", "text/xml")], document(arn)).into_response()
}

fn error(status: u16, code: &str, request: &Parts) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let (uri, headers) = (&request.uri, &request.headers);
    let body = format!(
        "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{uri} {headers:?}</Message></Error>\
         </ErrorResponse>"
    );
    (status, [("content-type", "text/xml")], body).into_response()
}
