//! HTTP requests of the host's own to servers that an operator named: no redirect is followed, no
//! proxy asked, nothing sent twice by itself; a name is looked up once, and leads to no address
//! inside that the operator has not named; an answer is read no further than its limit.

pub mod address;
pub mod resolver;

use std::net::IpAddr;
use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, ClientBuilder, Response, Url};

use self::address::{LOOPBACK, Range};
use self::resolver::{Lookup, Resolver};

/// How long a connection may take.
const CONNECT_MAX: Duration = Duration::from_secs(5);

/// What the host calls itself.
const USER_AGENT: &str = concat!("toolhost/", env!("CARGO_PKG_VERSION"));

/// Why an answer was not read to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unread {
    /// It is larger than it may be.
    #[error("the answer is too large")]
    TooLarge,
    /// The connection ended in its middle.
    #[error("the answer broke off")]
    BrokeOff,
}

/// Whether a URL leads to this machine, by what is written in it.
pub fn is_here(url: &Url) -> bool {
    is_localhost(url) || literal(url).is_some_and(|address| address.to_canonical().is_loopback())
}

/// The addresses inside that are open to whoever goes to this URL: those that the operator named,
/// and the one that the operator wrote into the URL. None if the URL has an address that is not open.
pub fn named(url: &Url, allowed: &[Range]) -> Option<Vec<Range>> {
    let mut named = allowed.to_vec();
    if is_localhost(url) {
        named.extend(LOOPBACK);
    }
    if let Some(address) = literal(url)
        && address::is_local(address)
    {
        named.push(Range::single(address));
    }
    may_go(url, &named).then_some(named)
}

/// Whether a URL has no address, but a name, which is looked up later, or one that is open.
pub fn may_go(url: &Url, named: &[Range]) -> bool {
    literal(url).is_none_or(|address| address::may_connect(address, named))
}

/// What a client of one server is made from. `authorities` are the only ones that are trusted; those
/// of the machine if there are none.
pub fn client(plain: bool, authorities: Vec<Certificate>, (lookup, named): (Lookup, &[Range])) -> ClientBuilder {
    let builder = Client::builder()
        .user_agent(USER_AGENT)
        .no_proxy()
        .redirect(Policy::none())
        .referer(false)
        // Repeating is decided elsewhere, where it is counted.
        .retry(reqwest::retry::never())
        .dns_resolver(Resolver::new(lookup, named))
        .connect_timeout(CONNECT_MAX);
    // Without TLS no authority is needed, and a machine without any can still serve.
    if plain || !authorities.is_empty() { builder.tls_certs_only(authorities) } else { builder }
}

/// The body of an answer, if it is no larger than this.
///
/// # Errors
///
/// It is larger, or broke off.
pub async fn read(answer: &mut Response, bytes_max: usize) -> Result<Vec<u8>, Unread> {
    if answer.content_length().is_some_and(|length| length > bytes_max as u64) {
        return Err(Unread::TooLarge);
    }
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(|_| Unread::BrokeOff)? {
        if body.len() + chunk.len() > bytes_max {
            return Err(Unread::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn is_localhost(url: &Url) -> bool {
    url.host_str().is_some_and(|host| host.eq_ignore_ascii_case("localhost"))
}

/// The address that stands in a URL in the place of a name.
fn literal(url: &Url) -> Option<IpAddr> {
    url.host_str().and_then(|host| host.trim_matches(['[', ']']).parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).expect("is a URL")
    }

    #[test]
    fn whoever_writes_an_address_inside_names_it_and_no_other() {
        for inside in ["http://127.0.0.1:1", "http://localhost", "http://10.1.2.3", "http://[::1]/"] {
            assert!(named(&url(inside), &[]).is_some_and(|named| !named.is_empty()), "{inside}");
        }
        for closed in ["http://169.254.169.254", "http://[fd00:ec2::254]/", "http://0.0.0.0"] {
            assert_eq!(named(&url(closed), &[]), None, "{closed}");
        }
        assert_eq!(named(&url("https://login.example.com"), &[]), Some(Vec::new()));
        let of_issuer = named(&url("http://127.0.0.1:1"), &[]).expect("is named");
        assert!(may_go(&url("http://127.0.0.1:2"), &of_issuer) && may_go(&url("http://elsewhere"), &of_issuer));
        assert!(!may_go(&url("http://127.0.0.2"), &of_issuer) && !may_go(&url("http://10.0.0.1"), &of_issuer));
    }

    #[test]
    fn this_machine_is_known_by_what_is_written() {
        assert!(
            is_here(&url("http://LOCALHOST:1")) && is_here(&url("http://127.9.9.9")) && is_here(&url("http://[::1]"))
        );
        assert!(!is_here(&url("http://10.0.0.1")) && !is_here(&url("http://localhost.example.com")));
    }
}
