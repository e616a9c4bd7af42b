//! From a table of the config to a grant: what contradicts itself, or would say a secret
//! aloud, is refused here.

use std::time::Duration;

use reqwest::{Certificate, Identity, Url};
use zeroize::Zeroizing;

use super::check::Rules;
use super::credential::Credential;
use super::headers::{self, Settable};
use super::network::{Limits, Network, Tls};
use super::script::Script;
use super::{Backend, Config, Http, OpenError, Place, Places};
use crate::wire::egress::address::Range;
use crate::wire::egress::{self, resolver};

/// Opens a grant; contacts nothing.
pub(super) fn open(config: Config, place: Place<'_>) -> Result<Http, OpenError> {
    check_lists(&config)?;
    let credential = credential(&config)?;
    let of_operator = config.headers.iter().map(|(name, value)| headers::of_operator(name, value));
    let of_operator = of_operator.collect::<Result<Vec<_>, _>>()?;
    let of_host = of_operator.iter().map(|(name, _)| name).chain(credential.header_name());
    let rules = Rules {
        methods: config.methods.clone(),
        paths: config.paths.clone(),
        headers: Settable::new(&config.plugin_headers, &of_host.collect::<Vec<_>>())?,
        parameter: credential.parameter_name().map(str::to_lowercase),
        bytes_max: config.request_bytes_max.get_usize(),
    };
    let limits = Limits {
        response_bytes_max: config.response_bytes_max.get_usize(),
        time_max: Duration::from_millis(config.time_max_ms.get()),
        retries: u32::try_from(config.retries.get()).unwrap_or(0),
    };
    let mut warning = None;
    let backend = match (&config.base_url, config.script.clone()) {
        (Some(text), None) => {
            let (base, named) = base(text, &config)?;
            if base.scheme() == "http" && config.plaintext {
                warning = Some("`plaintext`: credential and answers travel for everybody on the way to read");
            }
            let dns = (resolver::system(), named.as_slice());
            let network = Network::open(place.name, base, tls(&config)?, credential, of_operator, dns, limits)?;
            Backend::Network(Box::new(network))
        }
        (None, Some(config)) => Backend::Script(Script::open(config)?),
        _ => return Err(invalid(format!("[http.{}] needs `base_url`", place.name))),
    };
    let places = Places::new(config.concurrency_max.get_usize());
    Ok(Http { notes: config.notes, health: config.health, warning, trace: config.trace, rules, places, backend })
}

fn check_lists(config: &Config) -> Result<(), OpenError> {
    if config.paths.is_empty() || config.methods.is_empty() {
        return Err(invalid("`paths` and `methods` each need at least one entry"));
    }
    for method in &config.methods {
        let is_word = !method.is_empty() && method.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'-');
        // One opens a tunnel, the other one answers with what it was sent.
        if !is_word || ["CONNECT", "TRACE"].contains(&method.as_str()) {
            return Err(invalid(format!("`methods`: `{method}` cannot be granted")));
        }
    }
    if config.health.as_ref().is_some_and(|path| !path.starts_with('/')) {
        return Err(invalid("`health` is a path: it begins with `/`"));
    }
    Ok(())
}

fn credential(config: &Config) -> Result<Credential, OpenError> {
    match (&config.bearer, &config.basic, &config.header, &config.query_parameter) {
        (None, None, None, None) => Ok(Credential::none()),
        (Some(bearer), None, None, None) => Credential::bearer(bearer),
        (None, Some(basic), None, None) => Credential::basic(basic),
        (None, None, Some(header), None) => Credential::header(header),
        (None, None, None, Some(parameter)) => Credential::query_parameter(parameter),
        _ => Err(invalid("there is more than one of `bearer`, `basic`, `header` and `query_parameter`")),
    }
}

/// The base URL, and the addresses that it opens with those that the operator named. No
/// message repeats the URL: whoever wrote a password into it would read it in the log.
fn base(text: &str, config: &Config) -> Result<(Url, Vec<Range>), OpenError> {
    let url = Url::parse(text).map_err(|error| invalid(format!("`base_url` is no URL: {error}")))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(invalid("`base_url` holds a user: write the credential as `basic`"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(invalid("`base_url` holds a query or a fragment"));
    }
    if url.host_str().is_none() {
        return Err(invalid("`base_url` names no host"));
    }
    let Some(named) = egress::named(&url, &config.allow_private) else {
        return Err(invalid(
            "`base_url` has an address that must be named in `allow_private`, or none that can be used",
        ));
    };
    match url.scheme() {
        "https" => {}
        "http" if egress::is_here(&url) || config.plaintext => {}
        "http" => return Err(invalid("`base_url` begins with `http://`: for another machine set `plaintext = true`")),
        _ => return Err(invalid("`base_url` begins with `https://`")),
    }
    Ok((url, named))
}

fn tls(config: &Config) -> Result<Tls, OpenError> {
    let authorities = match &config.ca {
        Some(ca) => {
            let found = Certificate::from_pem_bundle(ca.resolve()?.expose().as_bytes()).unwrap_or_default();
            if found.is_empty() {
                return Err(invalid("`ca` holds no certificate as PEM"));
            }
            found
        }
        None => Vec::new(),
    };
    let identity = match &config.client_certificate {
        Some(pair) => {
            let (certificate, key) = (pair.certificate.resolve()?, pair.key.resolve()?);
            let pem = Zeroizing::new(format!("{}\n{}", certificate.expose(), key.expose()));
            let identity = Identity::from_pem(pem.as_bytes());
            Some(identity.map_err(|_| invalid("`client_certificate` is no certificate and key as PEM"))?)
        }
        None => None,
    };
    Ok(Tls { authorities, identity })
}

fn invalid(message: impl Into<String>) -> OpenError {
    OpenError::Invalid(message.into())
}
