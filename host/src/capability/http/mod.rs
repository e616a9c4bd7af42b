//! HTTP APIs: requests to one base URL, by the methods and paths that the operator listed.
//!
//! It grants one API under one name. The host attaches the credential after it has checked
//! the request, and cuts it out of the answer. It never lets a plugin name a host, a
//! credential or an identity; it follows no redirect, uses no proxy, and connects to no
//! private address that the operator has not named.
//!
//! ```toml
//! [http.metrics]
//! base_url = "https://prometheus.internal/prometheus"
//! paths = ["/api/v1/**", "/-/ready"]
//! allow_private = ["10.20.0.0/16"]
//! headers = { X-Scope-OrgID = "team-a" }
//! notes = "Prometheus of the video service."
//!
//! [http.metrics.bearer]
//! token = "env:METRICS_TOKEN"
//! ```

mod check;
mod credential;
mod headers;
mod host_functions;
mod network;
mod open;
mod path;
mod retry;
mod script;
mod searchable;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use schemars::JsonSchema;
use serde::Deserialize;
use wasmtime::component::{HasSelf, Linker};

use self::check::Rules;
use self::network::Network;
use self::path::Pattern;
use self::script::Script;
use super::places::Places;
use super::{CallState, Capability, Deed, OpenError, Place, Probe};
use crate::call::{Facts, Trace};
use crate::config::{Bounded, SecretRef};
use crate::wire::egress::address::Range;
use crate::wit::Error;
use crate::wit::http::{self, Request, Response};

/// `[http.<grant>]`: one HTTP API, at `base_url`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where it is: `https://host[:port][/prefix]`, without user, query and fragment. `http://` is for this machine,
    /// and for others with `plaintext`. A private address or `localhost` written here needs no `allow_private`.
    base_url: Option<String>,
    /// Allows `http://` to other machines: credential and answers travel there for everybody to read.
    #[serde(default)]
    plaintext: bool,
    /// The methods that plugins may use, in capitals; neither `CONNECT` nor `TRACE`.
    #[serde(default = "only_get")]
    methods: BTreeSet<String>,
    /// The paths below `base_url` that plugins may ask for: `*` stands for one segment, `**` for any number.
    #[schemars(with = "Vec<String>")]
    paths: Vec<Pattern>,
    /// Headers that the host sets in every request, such as a tenant; not for credentials.
    #[serde(default)]
    headers: BTreeMap<String, String>,
    /// Headers that plugins may set beside those that say what they send and how to be answered.
    #[serde(default)]
    plugin_headers: Vec<String>,
    /// The credential: a bearer token.
    bearer: Option<credential::Bearer>,
    /// The credential: a user and a password.
    basic: Option<credential::Basic>,
    /// The credential: a header.
    header: Option<credential::Named>,
    /// The credential: a parameter of the query.
    query_parameter: Option<credential::Named>,
    /// The certificate to show to the upstream, alone or beside one of the other credentials.
    client_certificate: Option<ClientCertificate>,
    /// The certificates, as PEM, of the only authorities that are trusted; those of the machine if not set.
    ca: Option<SecretRef>,
    /// The private, loopback and link-local addresses that the name in `base_url` may lead to, such as `10.0.0.0/8`.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    allow_private: Vec<Range>,
    /// What agents should know about it.
    notes: Option<String>,
    /// A path below `base_url` that `toolhost check` asks for; `/` if not set, whose status is not looked at then.
    health: Option<String>,
    /// Most bytes of one request: path, query, headers and body.
    #[serde(default)]
    request_bytes_max: Bounded<64, 6_291_456, 1_048_576>,
    /// Most bytes of one answer's body.
    #[serde(default)]
    response_bytes_max: Bounded<64, 16_777_216, 4_194_304>,
    /// How long one request may take with all its attempts, in milliseconds.
    #[serde(default)]
    time_max_ms: Bounded<10, 600_000, 20_000>,
    /// How many requests may be under way at once; one more waits up to a second.
    #[serde(default)]
    concurrency_max: Bounded<1, 1_000, 32>,
    /// How often a request that changes nothing by being repeated is sent again, when there is no connection or the
    /// upstream answers 429, 502, 503 or 504.
    #[serde(default)]
    retries: Bounded<0, 5, 2>,
    /// Whether requests carry on the trace of the call that makes them, by `traceparent` and `tracestate`.
    #[serde(default = "yes")]
    trace: bool,
    /// Answers written down in the config itself, for the tests of plugins.
    script: Option<script::Config>,
}

/// A certificate and its key, both as PEM.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ClientCertificate {
    /// The certificate, and those that lead to its authority.
    certificate: SecretRef,
    /// Its private key.
    key: SecretRef,
}

fn only_get() -> BTreeSet<String> {
    BTreeSet::from(["GET".to_owned()])
}

fn yes() -> bool {
    true
}

/// The methods that a policy can tell apart; any other is of the class `other`.
const METHODS: &[&str] = &["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/// What a policy is told of a request.
fn facts(method: &str) -> Facts {
    Facts::of_class(METHODS.iter().find(|known| **known == method).copied().unwrap_or("other"))
}

/// One granted API.
pub struct Http {
    notes: Option<String>,
    health: Option<String>,
    warning: Option<&'static str>,
    trace: bool,
    rules: Rules,
    places: Places,
    backend: Backend,
}

/// What stands behind a grant.
enum Backend {
    Network(Box<Network>),
    Script(Script),
}

impl Capability for Http {
    const NAME: &'static str = "http";
    const DEEDS: &'static [Deed] = &[Deed { action: "send", classes: METHODS }];
    type Config = Config;

    fn open(config: Config, place: Place<'_>) -> Result<Self, OpenError> {
        open::open(config, place)
    }

    fn link(linker: &mut Linker<CallState>) -> wasmtime::Result<()> {
        http::add_to_linker::<_, HasSelf<_>>(linker, |state| state)
    }

    async fn introduce(&self, name: &str) -> Result<Option<String>, String> {
        let mut text = format!("Upstream `{name}`: HTTP, {}.", self.allowed());
        if let Some(notes) = &self.notes {
            let _ = write!(text, " {notes}");
        }
        Ok(Some(text))
    }

    async fn probe(&self) -> Result<Probe, String> {
        let Backend::Network(network) = &self.backend else { return Ok(Probe::default()) };
        let status = network.ask(self.health.as_deref().unwrap_or("/")).await?;
        match status {
            401 | 403 => return Err(format!("the upstream refused the host's credential with the status {status}")),
            500.. => return Err(format!("the upstream answered with the status {status}")),
            300.. if self.health.is_some() => {
                return Err(format!("the upstream answered `health` with the status {status}"));
            }
            _ => {}
        }
        Ok(Probe { warnings: self.warning.map(str::to_owned).into_iter().collect() })
    }

    fn summary(&self) -> String {
        match &self.backend {
            Backend::Network(network) => format!("{}, {}", network.summary(), self.allowed()),
            Backend::Script(_) => format!("scripted answers, {}", self.allowed()),
        }
    }
}

impl Http {
    /// Checks a request, sends it, and answers with what may be told.
    async fn send(&self, request: Request, trace: Option<&Trace>) -> Result<Response, Error> {
        let mut checked = self.rules.check(request)?;
        if let Some(trace) = trace.filter(|_| self.trace) {
            headers::carry_on(&mut checked.headers, trace);
        }
        let busy = "too many requests to this upstream are under way: the grant's `concurrency_max`";
        let _place = self.places.take(busy).await?;
        match &self.backend {
            Backend::Network(network) => network.send(checked).await,
            Backend::Script(script) => script.answer(&checked),
        }
    }

    /// Methods and paths, in a line.
    fn allowed(&self) -> String {
        let methods: Vec<&str> = self.rules.methods.iter().map(String::as_str).collect();
        let paths: Vec<String> = self.rules.paths.iter().map(|path| format!("`{path}`")).collect();
        format!("{} of {}", methods.join(" and "), paths.join(", "))
    }
}

#[cfg(test)]
mod tests;
