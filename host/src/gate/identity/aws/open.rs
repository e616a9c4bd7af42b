//! From the config to what proves callers: every mistake in it is found here, before anybody calls.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use http::HeaderValue;
use tokio::sync::Semaphore;

use super::identity::{Allowed, Pattern};
use super::seen::Seen;
use super::service::Service;
use super::sigv4::{Key, Signed};
use super::sts::Sts;
use super::{Aws, date};
use crate::call::Caller;
use crate::config::{AwsAllowed, AwsCallers, AwsKey, AwsSts, SecretRef, check_caller};
use crate::wire::aws::is_private;

/// The longest life of a pre-signed request to STS that is of any use, in seconds: STS itself takes none that
/// is older.
const LIFE_MAX_S: i64 = 900;

/// Why the table `[callers.aws]` cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("[{table}] {key}: {why}")]
pub struct Unusable {
    table: String,
    key: &'static str,
    why: String,
}

impl Unusable {
    fn new(table: &str, key: &'static str, why: impl Into<String>) -> Self {
        Self { table: table.to_owned(), key, why: why.into() }
    }
}

impl Aws {
    /// Takes in the table `[callers.aws]`; contacts nothing. What was served under `before`, the
    /// table of until now, is not served again.
    ///
    /// # Errors
    ///
    /// The first mistake, with its table and key.
    pub(in crate::gate) fn open(config: &AwsCallers, before: Option<&Self>, now: SystemTime) -> Result<Self, Unusable> {
        let table = "callers.aws";
        let plain = |text: &str| {
            (1..=64).contains(&text.len())
                && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        };
        if !plain(&config.region) {
            return Err(Unusable::new(table, "region", "write the name of a region, such as \"eu-central-1\""));
        }
        if !plain(&config.service) {
            return Err(Unusable::new(table, "service", "write 1 to 64 of a-z 0-9 -, such as \"toolhost\""));
        }
        if config.keys.is_empty() && config.sts.is_none() {
            let why =
                "nobody can prove anything: write a table [callers.aws.keys.<access key id>] or [callers.aws.sts]";
            return Err(Unusable::new(table, "keys", why));
        }
        let mut keys = HashMap::new();
        for (id, key) in &config.keys {
            let seen = before.and_then(|before| before.signed.keys.get(id)).map(|key| Arc::clone(&key.seen));
            let seen = seen.unwrap_or_else(|| Arc::new(Mutex::new(Seen::new(date::seconds(now)))));
            keys.insert(id.clone(), open_key(id, key, seen)?);
        }
        let signed = Signed {
            region: config.region.clone(),
            service: config.service.clone(),
            skew_s: signed(config.skew_s.get()),
            replays_max: config.replays_max.get_usize(),
            keys,
        };
        let sts = config.sts.as_ref().map(|sts| open_sts(sts, config)).transpose()?;
        Ok(Self { signed, sts })
    }
}

fn open_key(id: &str, config: &AwsKey, seen: Arc<Mutex<Seen>>) -> Result<Key, Unusable> {
    let table = format!("callers.aws.keys.{id}");
    if !(3..=128).contains(&id.len()) || !id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        let table = "callers.aws";
        return Err(Unusable::new(table, "keys", "the name of each table is the id of an access key: A-Z a-z 0-9 _"));
    }
    check_caller(&config.caller).map_err(|why| Unusable::new(&table, "caller", why))?;
    let resolve =
        |key, secret: &SecretRef| secret.resolve().map_err(|error| Unusable::new(&table, key, error.to_string()));
    let caller = Caller {
        groups: config.groups.clone(),
        attributes: config.attributes.clone(),
        ..Caller::named(config.caller.clone())
    };
    Ok(Key {
        secret: resolve("secret", &config.secret)?,
        session_token: config.session_token.as_ref().map(|token| resolve("session_token", token)).transpose()?,
        caller: Arc::new(caller),
        seen,
    })
}

fn open_sts(config: &AwsSts, aws: &AwsCallers) -> Result<Sts, Unusable> {
    let table = "callers.aws.sts";
    let wrong = |key, why: &str| Unusable::new(table, key, why);
    let server_id = Some(&config.server_id).filter(|id| id.len() <= 256 && id.bytes().all(|b| b.is_ascii_graphic()));
    let server_id = server_id.filter(|id| !id.is_empty()).and_then(|id| HeaderValue::from_str(id).ok());
    let server_id = server_id.ok_or_else(|| wrong("server_id", "write 1 to 256 visible characters of ASCII"))?;
    let hosts = config.hosts.clone().unwrap_or_else(|| vec![regional(&aws.region)]);
    let plain = |host: &String| {
        host.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'.' || b == b'-')
            && host.contains('.')
    };
    if hosts.is_empty() || !hosts.iter().all(plain) {
        let why =
            "write names of hosts in lower case, without scheme or port, such as \"sts.eu-central-1.amazonaws.com\"";
        return Err(wrong("hosts", why));
    }
    let endpoint = config.endpoint.as_ref().map(|url| url.strip_suffix('/').unwrap_or(url).to_owned());
    if endpoint.as_ref().is_some_and(|url| !is_private(url) || !is_origin(url)) {
        return Err(wrong("endpoint", "write `https://` and a host, and no path; `http://` is for this machine alone"));
    }
    if config.allow.is_empty() {
        return Err(wrong("allow", "nobody is let in: write [[callers.aws.sts.allow]] with an `arn`"));
    }
    let allowed = config.allow.iter().map(open_allowed).collect::<Result<_, _>>()?;
    let time_max = Duration::from_millis(config.time_max_ms.get());
    let service = Service::open(endpoint, &config.allow_private, server_id, time_max);
    let service = service.map_err(|(key, why)| wrong(key, &why))?;
    Ok(Sts {
        hosts,
        life_max_s: signed(config.life_max_s.get()).min(LIFE_MAX_S),
        skew_s: signed(aws.skew_s.get()),
        cached_max: config.cached_max.get_usize(),
        allowed,
        service,
        asking: Semaphore::new(config.calls_max.get_usize()),
        proved: Mutex::default(),
    })
}

fn open_allowed(config: &AwsAllowed) -> Result<Allowed, Unusable> {
    let table = "[callers.aws.sts.allow]";
    let arn = Pattern::parse(&config.arn).map_err(|why| Unusable::new(table, "arn", why))?;
    if let Some(caller) = &config.caller {
        check_caller(caller).map_err(|why| Unusable::new(table, "caller", why))?;
    }
    let (groups, attributes): (BTreeSet<_>, BTreeMap<_, _>) = (config.groups.clone(), config.attributes.clone());
    Ok(Allowed { arn, caller: config.caller.clone(), groups, attributes })
}

/// Where a region's STS is.
fn regional(region: &str) -> String {
    let end = if region.starts_with("cn-") { ".cn" } else { "" };
    format!("sts.{region}.amazonaws.com{end}")
}

/// Whether a URL is a scheme, a host and perhaps a port.
fn is_origin(url: &str) -> bool {
    let place = url.split_once("://").map_or("", |(_, place)| place);
    !place.is_empty() && place.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.:[]".contains(&byte))
}

/// A bounded number of the config, for reckoning with times.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
