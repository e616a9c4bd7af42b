//! What AWS publishes is what is understood, and nothing that differs from it in one point.

use http::{HeaderMap, HeaderName, HeaderValue};

use super::canonical::Message;
use super::sigv4::{Flaw, Signed};
use super::*;
use crate::config::AwsCallers;

/// Signed requests of AWS's own test suite (github.com/awslabs/aws-c-auth, Apache-2.0): all whose path is
/// normalised, as it is for every service but S3.
const VECTORS: &str = include_str!("vectors.txt");

/// 2015-08-30T12:36:00Z, when most of them were signed.
const THEN: i64 = 1_440_938_160;

/// A request as a vector has it.
#[derive(Clone)]
struct Vector {
    name: &'static str,
    method: &'static str,
    path: String,
    query: String,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Vector {
    fn parse(text: &'static str) -> Self {
        let (name, text) = text.split_once('\n').expect("has a name");
        let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
        let mut lines = head.lines();
        let first = lines.next().expect("has a first line").trim_end_matches(" HTTP/1.1");
        let (method, target) = first.split_once(' ').expect("has a target");
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let mut pairs: Vec<(&str, String)> = Vec::new();
        for line in lines {
            match line.split_once(':').filter(|_| !line.starts_with(' ')) {
                Some((name, value)) => pairs.push((name, value.to_owned())),
                // A value that goes on in the next line, which HTTP has since given up.
                None => pairs.last_mut().expect("goes on").1.push_str(line),
            }
        }
        let pair = |(name, value): (&str, String)| -> (HeaderName, HeaderValue) {
            (name.parse().expect("is a name"), value.trim().parse().expect("is a value"))
        };
        let (path, query, body) = (path.to_owned(), query.to_owned(), body.trim_end().as_bytes().to_vec());
        Self { name, method, path, query, headers: pairs.into_iter().map(pair).collect(), body }
    }

    fn named(name: &str) -> Self {
        vectors().find(|vector| vector.name == name).expect("is there")
    }

    fn message(&self) -> Message<'_> {
        let Self { method, path, query, headers, body, .. } = self;
        Message { method, path, query, authority: None, headers, body }
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().expect("is text"))
    }

    fn set(&mut self, name: &'static str, value: &str) {
        self.headers.insert(name, value.parse().expect("is a value"));
    }

    /// What it comes to at a host that was started at `begin` and knows AWS's example key.
    fn identify(&self, signed: &Signed, now: i64) -> Result<String, Flaw> {
        signed.identify(self.message(), now).map(|caller| caller.name.clone())
    }
}

fn vectors() -> impl Iterator<Item = Vector> {
    VECTORS.split("=== ").filter(|text| !text.is_empty()).map(Vector::parse)
}

/// A host for the scope of the vectors, with AWS's example key.
fn host(region: &str, service: &str, session_token: Option<&str>) -> Signed {
    let dir =
        std::env::temp_dir().join(format!("toolhost-aws-{}-{:?}", std::process::id(), std::thread::current().id()));
    std::fs::create_dir_all(&dir).expect("is made");
    let file = |name: &str, value: &str| {
        let path = dir.join(name);
        std::fs::write(&path, value).expect("is written");
        path.display().to_string()
    };
    let secret = file("secret", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY");
    let token = session_token.map(|token| format!("session_token = 'file:{}'", file("token", token)));
    let config = format!(
        "region = '{region}'\nservice = '{service}'\n[keys.AKIDEXAMPLE]\nsecret = 'file:{secret}'\n{}\ncaller = 'ann'",
        token.unwrap_or_default()
    );
    let begin = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(THEN.unsigned_abs() - 1_000);
    let aws = open(&config, begin).expect("opens");
    std::fs::remove_dir_all(dir).expect("is removed");
    aws.signed
}

fn open(config: &str, now: SystemTime) -> Result<Aws, Unusable> {
    let config: AwsCallers = toml::from_str(config).expect("is a config");
    Aws::open(&config, None, now)
}

#[test]
fn every_published_vector_is_understood() {
    let mut count = 0;
    for vector in vectors() {
        let authorization = vector.header("authorization").expect("is signed");
        let scope: Vec<&str> = authorization.split([',', '/']).skip(2).take(2).collect();
        let host = host(scope[0], scope[1], vector.header("x-amz-security-token"));
        let now = date::parse_basic(vector.header("x-amz-date").expect("has a date")).expect("is a date");
        assert_eq!(vector.identify(&host, now), Ok("ann".to_owned()), "{}", vector.name);
        assert_eq!(vector.identify(&host, now), Err(Flaw::Again), "{}", vector.name);
        count += 1;
    }
    assert_eq!(count, 31);
}

#[test]
fn nothing_that_is_signed_can_be_changed() {
    let host = host("us-east-1", "service", None);
    let original = Vector::named("post-x-www-form-urlencoded");
    let refused = |change: &dyn Fn(&mut Vector)| {
        let mut changed = original.clone();
        change(&mut changed);
        changed.identify(&host, THEN).expect_err("is refused")
    };
    assert_eq!(refused(&|request| request.method = "PUT"), Flaw::Mismatch);
    assert_eq!(refused(&|request| request.path = "/x".to_owned()), Flaw::Mismatch);
    assert_eq!(refused(&|request| request.query = "a=1".to_owned()), Flaw::Mismatch);
    assert_eq!(refused(&|request| request.set("host", "example.com")), Flaw::Mismatch);
    assert_eq!(refused(&|request| request.set("content-type", "text/plain")), Flaw::Mismatch);
    assert_eq!(refused(&|request| request.set("x-amz-date", "20150830T123601Z")), Flaw::Mismatch);
    assert_eq!(refused(&|request| request.body.push(b'x')), Flaw::BodyAltered);
    assert_eq!(refused(&|request| request.body.clear()), Flaw::BodyAltered);
    let mut without_digest = Vector::named("post-vanilla");
    without_digest.body.push(b'x');
    assert_eq!(without_digest.identify(&host, THEN), Err(Flaw::Mismatch));
    assert_eq!(original.identify(&host, THEN), Ok("ann".to_owned()), "what was refused is not remembered");
}

#[test]
fn a_date_must_be_near_and_not_before_the_host_began_to_watch() {
    let vector = Vector::named("post-vanilla");
    for (now, expected) in [
        (THEN - 301, Err(Flaw::Stale)),
        (THEN - 300, Ok("ann".to_owned())),
        (THEN + 300, Ok("ann".to_owned())),
        (THEN + 301, Err(Flaw::Stale)),
    ] {
        assert_eq!(vector.identify(&host("us-east-1", "service", None), now), expected, "{now}");
    }
    let host = host("us-east-1", "service", None);
    for key in host.keys.values() {
        *key.seen.lock().expect("is not poisoned") = super::seen::Seen::new(THEN + 1);
    }
    assert_eq!(vector.identify(&host, THEN + 2), Err(Flaw::Forgotten));
}

#[test]
fn what_is_served_once_is_not_served_again_after_a_reload() {
    let mut before = Aws { signed: host("us-east-1", "service", None), sts: None };
    let vector = Vector::named("get-vanilla");
    assert_eq!(vector.identify(&before.signed, THEN), Ok("ann".to_owned()));
    // PATH is the one variable that every test has; what it holds is of no matter here.
    let config = "region = 'us-east-1'\nservice = 'service'\n[keys.AKIDEXAMPLE]\nsecret = 'env:PATH'\ncaller = 'ann'";
    let config: AwsCallers = toml::from_str(config).expect("is a config");
    let now = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(THEN.unsigned_abs());
    let mut after = Aws::open(&config, Some(&before), now).expect("opens");
    let mut key = after.signed.keys.remove("AKIDEXAMPLE").expect("is there");
    key.secret = before.signed.keys.remove("AKIDEXAMPLE").expect("is there").secret;
    after.signed.keys.insert("AKIDEXAMPLE".to_owned(), key);
    assert_eq!(vector.identify(&after.signed, THEN), Err(Flaw::Again));
}

#[test]
fn a_memory_that_is_full_refuses() {
    let mut host = host("us-east-1", "service", None);
    host.replays_max = 1;
    assert_eq!(Vector::named("get-vanilla").identify(&host, THEN), Ok("ann".to_owned()));
    assert_eq!(Vector::named("post-vanilla").identify(&host, THEN), Err(Flaw::Full));
}

#[test]
fn a_session_token_is_the_one_that_is_known_or_none() {
    let (plain, with) = (Vector::named("get-vanilla"), Vector::named("get-vanilla-with-session-token"));
    assert_eq!(with.identify(&host("us-east-1", "service", None), THEN), Err(Flaw::Mismatch));
    assert_eq!(with.identify(&host("us-east-1", "service", Some("other")), THEN), Err(Flaw::Mismatch));
    assert_eq!(plain.identify(&host("us-east-1", "service", Some("other")), THEN), Err(Flaw::Mismatch));
    let mut unsigned = plain.clone();
    unsigned.set("x-amz-security-token", "other");
    let flaw = unsigned.identify(&host("us-east-1", "service", Some("other")), THEN);
    assert_eq!(flaw, Err(Flaw::NotSigned("x-amz-security-token")));
}

#[test]
fn another_key_secret_region_or_service_is_refused() {
    let vector = Vector::named("get-vanilla");
    assert_eq!(vector.identify(&host("us-east-2", "service", None), THEN), Err(Flaw::Scope));
    assert_eq!(vector.identify(&host("us-east-1", "toolhost", None), THEN), Err(Flaw::Scope));
    let mut host = host("us-east-1", "service", None);
    let key = host.keys.remove("AKIDEXAMPLE").expect("is there");
    assert_eq!(vector.identify(&host, THEN), Err(Flaw::Mismatch), "an unknown key is told what a wrong secret is told");
    host.keys.insert("AKIDOTHER".to_owned(), key);
    assert_eq!(vector.identify(&host, THEN), Err(Flaw::Mismatch));
}

#[test]
fn a_header_that_is_not_as_aws_writes_it_is_refused() {
    let host = host("us-east-1", "service", None);
    let original = Vector::named("get-vanilla");
    let authorization = original.header("authorization").expect("is signed").to_owned();
    let with = |change: &dyn Fn(&str) -> String| {
        let mut changed = original.clone();
        changed.set("authorization", &change(&authorization));
        changed.identify(&host, THEN)
    };
    let malformed: [&dyn Fn(&str) -> String; 11] = [
        &|_| "AWS4-HMAC-SHA256".to_owned(),
        &|text| text.replace("AWS4-HMAC-SHA256 ", "AWS4-HMAC-SHA256"),
        &|text| text.replace("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256"),
        &|text| text.replace("host;x-amz-date", "x-amz-date;host"),
        &|text| text.replace("host;x-amz-date", "Host;X-Amz-Date"),
        &|text| text.replace("host;x-amz-date", "host;host;x-amz-date"),
        &|text| text.replace("host;x-amz-date", ""),
        &|text| text.replace("Signature=", "Signature=0"),
        &|text| text.to_uppercase().replace("SIGNATURE", "Signature"),
        &|text| format!("{text}, Signature=00"),
        &|text| format!("{text}, Other=1"),
    ];
    for (number, change) in malformed.iter().enumerate() {
        assert_eq!(with(change), Err(Flaw::Malformed), "{number}");
    }
    assert_eq!(with(&|text| text.replace("host;x-amz-date", "x-amz-date")), Err(Flaw::NotSigned("host")));
    assert_eq!(with(&|text| text.replace("host;x-amz-date", "host")), Err(Flaw::NotSigned("x-amz-date")));
    assert_eq!(with(&|text| text.replace("host;x-amz-date", "host;x-amz-date;x-more")), Err(Flaw::Mismatch));
    assert_eq!(with(&|text| text.replace("/aws4_request", "/aws4_request/x")), Err(Flaw::Scope));
    for name in ["authorization", "host", "x-amz-date"] {
        let mut twice = original.clone();
        twice.headers.append(name, twice.headers[name].clone());
        assert_eq!(twice.identify(&host, THEN), Err(Flaw::Twice(name)), "{name}");
    }
    let mut dateless = original.clone();
    dateless.headers.remove("x-amz-date");
    dateless.set("authorization", &authorization.replace("host;x-amz-date", "host"));
    assert_eq!(dateless.identify(&host, THEN), Err(Flaw::NoDate));
}

#[test]
fn a_body_that_is_not_signed_whole_is_refused() {
    let host = host("us-east-1", "service", None);
    let digests = ["UNSIGNED-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "STREAMING-UNSIGNED-PAYLOAD-TRAILER", ""];
    for digest in digests {
        let mut vector = Vector::named("post-x-www-form-urlencoded");
        vector.set("x-amz-content-sha256", digest);
        assert_eq!(vector.identify(&host, THEN), Err(Flaw::BodyNotSigned), "{digest}");
    }
    let mut aside = Vector::named("get-vanilla");
    aside.set("x-amz-content-sha256", "UNSIGNED-PAYLOAD");
    assert_eq!(aside.identify(&host, THEN), Err(Flaw::NotSigned("x-amz-content-sha256")));
}

#[test]
fn a_table_that_cannot_work_is_refused_with_its_key() {
    let refusal = |config: &str| open(config, SystemTime::UNIX_EPOCH).expect_err("is refused").to_string();
    let key = "[keys.AKIDEXAMPLE]\nsecret = 'env:PATH'\ncaller = 'ann'\n";
    let sts = "region = 'eu-central-1'\n[sts]\nserver_id = 'x'\n";
    let allow = "[[sts.allow]]\narn = 'arn:aws:iam::123456789012:user/ann'\n";
    assert!(open(&format!("region = 'eu-central-1'\n{key}"), SystemTime::UNIX_EPOCH).is_ok());
    assert!(open(&format!("{sts}{allow}"), SystemTime::UNIX_EPOCH).is_ok());
    for (config, expected) in [
        ("region = 'eu-central-1'".to_owned(), "[callers.aws] keys: nobody"),
        (format!("region = 'Frankfurt am Main'\n{key}"), "[callers.aws] region: "),
        (format!("region = 'x'\nservice = 'a/b'\n{key}"), "[callers.aws] service: "),
        (format!("region = 'x'\n{}", key.replace("env:PATH", "env:TOOLHOST_NO_SUCH")), "AKIDEXAMPLE] secret: "),
        (format!("region = 'x'\n{}", key.replace("ann", "a\\u000ab").replace('\'', "\"")), "AKIDEXAMPLE] caller: "),
        (format!("region = 'x'\n{}", key.replace("ann", "aws:x")), "AKIDEXAMPLE] caller: "),
        (format!("region = 'x'\n{}", key.replace("ann", "local")), "`local`"),
        (sts.to_owned(), "[callers.aws.sts] allow: nobody"),
        (format!("{}{allow}", sts.replace("'x'", "''")), "[callers.aws.sts] server_id: "),
        (format!("{sts}hosts = ['sts.x.amazonaws.com:443']\n{allow}"), "[callers.aws.sts] hosts: "),
        (format!("{sts}hosts = []\n{allow}"), "[callers.aws.sts] hosts: "),
        (format!("{sts}endpoint = 'http://example.com'\n{allow}"), "[callers.aws.sts] endpoint: "),
        (format!("{sts}endpoint = 'https://user@example.com'\n{allow}"), "[callers.aws.sts] endpoint: "),
        (format!("{sts}{}", allow.replace("user/ann", "*")), "[[callers.aws.sts.allow]] arn: "),
    ] {
        let refusal = refusal(&config);
        assert!(refusal.contains(expected), "{config}: {refusal}");
    }
}
