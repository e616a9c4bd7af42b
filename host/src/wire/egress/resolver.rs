//! From a name to the addresses that may be connected to. A name is looked up once for each
//! connection, and the connection goes to an address of that answer: there is no second look
//! that could say something else.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::address::{Range, may_connect};

/// Asks somebody for the addresses of a name.
pub type Lookup = Arc<dyn Fn(String) -> Looking + Send + Sync>;

/// The addresses, once they are found.
pub type Looking = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>>;

/// Answers with those addresses of a name that may be connected to.
pub struct Resolver {
    lookup: Lookup,
    named: Arc<[Range]>,
}

/// The name has addresses, and none of them may be connected to.
#[derive(Debug, thiserror::Error)]
#[error("every address of the name is one that may not be connected to")]
pub struct Forbidden;

impl Resolver {
    /// A resolver that knows the ranges that the operator named.
    pub fn new(lookup: Lookup, named: &[Range]) -> Self {
        Self { lookup, named: named.into() }
    }
}

/// Asks the machine.
pub fn system() -> Lookup {
    Arc::new(|name| {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name, 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    })
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let looking = (self.lookup)(name.as_str().to_owned());
        let named = Arc::clone(&self.named);
        Box::pin(async move {
            let mut found = looking.await?;
            if found.is_empty() {
                return Err(io::Error::from(io::ErrorKind::NotFound).into());
            }
            found.retain(|address| may_connect(*address, &named));
            if found.is_empty() {
                return Err(Forbidden.into());
            }
            // The port of the base URL takes the place of the 0.
            let addresses: Addrs = Box::new(found.into_iter().map(|address| SocketAddr::new(address, 0)));
            Ok(addresses)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    /// A name server that gives these answers in turn, and then the last one for ever.
    fn answers(answers: &[&[&str]]) -> (Lookup, Arc<Mutex<usize>>) {
        let parse = |answer: &&[&str]| answer.iter().map(|text| text.parse().expect("is an address")).collect();
        let answers: Vec<Vec<IpAddr>> = answers.iter().map(parse).collect();
        let asked = Arc::new(Mutex::new(0));
        let count = Arc::clone(&asked);
        let lookup: Lookup = Arc::new(move |_| {
            let mut asked = asked.lock().expect("is not poisoned");
            let answer = answers.get(*asked).or(answers.last()).cloned().unwrap_or_default();
            *asked += 1;
            Box::pin(async move { Ok(answer) })
        });
        (lookup, count)
    }

    async fn resolve(lookup: Lookup, named: &[Range]) -> Result<Vec<IpAddr>, String> {
        let name = "upstream.example".parse().expect("is a name");
        let found = Resolver::new(lookup, named).resolve(name).await;
        found.map(|found| found.map(|address| address.ip()).collect()).map_err(|error| error.to_string())
    }

    #[tokio::test]
    async fn a_name_that_leads_inside_is_refused() {
        for inside in ["127.0.0.1", "10.0.0.8", "169.254.169.254", "fd00:ec2::254", "::ffff:127.0.0.1", "::1"] {
            let (lookup, _) = answers(&[&[inside]]);
            assert!(resolve(lookup, &[]).await.is_err(), "{inside}");
        }
    }

    #[tokio::test]
    async fn of_several_addresses_only_those_outside_are_left() {
        let (lookup, _) = answers(&[&["127.0.0.1", "1.1.1.1", "169.254.169.254"]]);
        assert_eq!(resolve(lookup, &[]).await, Ok(vec!["1.1.1.1".parse().expect("is an address")]));
    }

    #[tokio::test]
    async fn a_name_is_asked_for_once_so_that_a_second_answer_is_never_used() {
        let (lookup, asked) = answers(&[&["1.1.1.1"], &["127.0.0.1"]]);
        assert_eq!(resolve(lookup, &[]).await, Ok(vec!["1.1.1.1".parse().expect("is an address")]));
        assert_eq!(*asked.lock().expect("is not poisoned"), 1);
    }

    /// A server that answers every request with its own name.
    async fn server(address: &str, name: &'static str) -> SocketAddr {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let listener = tokio::net::TcpListener::bind(address).await.expect("binds");
        let address = listener.local_addr().expect("has an address");
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = [0; 1024];
                let _ = stream.read(&mut request).await;
                let answer = format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 4\r\n\r\n{name}");
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        address
    }

    #[tokio::test]
    async fn the_connection_goes_to_the_address_that_was_checked() {
        let good = server("127.0.0.1:0", "good").await;
        // The same port under another address, which the grant may not connect to.
        let _evil = server(&format!("127.0.0.2:{}", good.port()), "evil").await;
        let (lookup, asked) = answers(&[&["127.0.0.1"], &["127.0.0.2"]]);
        let resolver = Resolver::new(lookup, &[Range::single(good.ip())]);
        let client = reqwest::Client::builder().no_proxy().tls_certs_only([]).dns_resolver(resolver).build();
        let client = client.expect("builds");
        let url = format!("http://upstream.example:{}/", good.port());
        let answer = client.get(&url).send().await.expect("answers").text().await;
        assert_eq!(answer.expect("is text"), "good");
        assert_eq!(*asked.lock().expect("is not poisoned"), 1);
        // The next connection asks again, and is refused where it would now lead.
        assert!(client.get(&url).send().await.is_err());
        assert_eq!(*asked.lock().expect("is not poisoned"), 2);
    }
}
