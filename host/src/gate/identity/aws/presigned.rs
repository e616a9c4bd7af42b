//! A token that is a request to STS, signed in advance: `toolhost-aws-v1.` and, in base64url
//! without padding, the URL of a GetCallerIdentity. Whoever can sign it has the identity that
//! STS will name. Of the URL nothing is trusted: it is taken to pieces, each is held against
//! what it must be, and what is sent is written anew.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

use super::canonical::pairs;
use super::date::parse_basic;
use super::sigv4::ALGORITHM;
use crate::wire::redact::percent_encoded;

/// What such a token begins with.
pub(super) const PREFIX: &str = "toolhost-aws-v1.";

/// The header that says which server a token is for.
pub(super) const SERVER_HEADER: &str = "x-toolhost-id";

/// How long a token may be, in bytes; session tokens take up to a third of it.
const TOKEN_BYTES_MAX: usize = 16 * 1024;

/// What the URL's query holds, and nothing else.
const NAMES: [&str; 9] = [
    "Action",
    "Version",
    "X-Amz-Algorithm",
    "X-Amz-Credential",
    "X-Amz-Date",
    "X-Amz-Expires",
    "X-Amz-Security-Token",
    "X-Amz-Signature",
    "X-Amz-SignedHeaders",
];

/// A token that may be sent to STS.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Presigned<'a> {
    /// The host of STS that it was signed for: one of those that are allowed.
    pub(super) host: &'a str,
    /// The query, written anew.
    pub(super) query: String,
    /// From when on it is worth nothing, in seconds since 1970.
    pub(super) expires: i64,
}

/// What a token may be like.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules<'a> {
    pub(super) hosts: &'a [String],
    pub(super) life_max_s: i64,
    /// How far a client's clock may be ahead, in seconds.
    pub(super) skew_s: i64,
}

/// Why a token is not sent to STS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Flaw {
    #[error(
        "The token is no pre-signed request. It is `toolhost-aws-v1.`, and the base64url of a pre-signed URL without \
         padding."
    )]
    Malformed,
    #[error(
        "The token's URL leads elsewhere than to an STS that this host asks. Sign `https://` and one of the hosts that \
         the operator lists under `hosts` in [callers.aws.sts], with no port and no user, and the path `/`."
    )]
    Elsewhere,
    #[error("The token is for another action than GetCallerIdentity of version 2011-06-15.")]
    Action,
    #[error("The token's URL has a parameter twice, lacks one, or has one that no GetCallerIdentity has.")]
    Parameters,
    #[error("The token must sign the headers `host` and `x-toolhost-id`, and no others.")]
    Headers,
    #[error("The token lives longer than it may. Sign it with fewer seconds in `X-Amz-Expires`.")]
    Life,
    #[error("The token has expired. Sign another one.")]
    Expired,
    #[error("The token is dated in the future. Set the clock, and sign another one.")]
    Early,
}

impl<'a> Presigned<'a> {
    /// Takes a token to pieces.
    pub(super) fn parse(token: &str, rules: Rules<'a>, now: i64) -> Result<Self, Flaw> {
        let encoded = token.strip_prefix(PREFIX).filter(|_| token.len() <= TOKEN_BYTES_MAX).ok_or(Flaw::Malformed)?;
        let url = BASE64_URL_SAFE_NO_PAD.decode(encoded).map_err(|_| Flaw::Malformed)?;
        let url = String::from_utf8(url).map_err(|_| Flaw::Malformed)?;
        // Byte for byte: what has a user, a port or another spelling is another host.
        let rest = url.strip_prefix("https://").ok_or(Flaw::Elsewhere)?;
        let (place, query) = rest.split_once('?').ok_or(Flaw::Elsewhere)?;
        let place = place.strip_suffix('/').unwrap_or(place);
        let host = rules.hosts.iter().find(|host| *host == place).ok_or(Flaw::Elsewhere)?;
        if query.contains(['#', '?']) || !query.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Flaw::Malformed);
        }
        let pairs = Pairs::parse(query)?;
        let expires = pairs.check(rules, now)?;
        Ok(Self { host, query: pairs.rewritten(), expires })
    }
}

/// The query's names and values, decoded; each name is one of `NAMES`, and there once.
struct Pairs(Vec<(String, String)>);

impl Pairs {
    fn parse(query: &str) -> Result<Self, Flaw> {
        let pairs = pairs(query).ok_or(Flaw::Malformed)?;
        let mut names: Vec<&str> = pairs.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        if !names.is_sorted_by(|a, b| a < b) || !names.iter().all(|name| NAMES.contains(name)) {
            return Err(Flaw::Parameters);
        }
        Ok(Self(pairs))
    }

    fn value(&self, name: &str) -> Result<&str, Flaw> {
        let found = self.0.iter().find(|(other, _)| other == name);
        found.map(|(_, value)| value.as_str()).ok_or(Flaw::Parameters)
    }

    /// Until when the token is good.
    fn check(&self, rules: Rules<'_>, now: i64) -> Result<i64, Flaw> {
        if self.value("Action")? != "GetCallerIdentity" || self.value("Version")? != "2011-06-15" {
            return Err(Flaw::Action);
        }
        if self.value("X-Amz-Algorithm")? != ALGORITHM {
            return Err(Flaw::Parameters);
        }
        if self.value("X-Amz-SignedHeaders")? != format!("host;{SERVER_HEADER}") {
            return Err(Flaw::Headers);
        }
        // STS finds out whether they are right; without them it need not be asked.
        let scope: Vec<&str> = self.value("X-Amz-Credential")?.split('/').collect();
        if !matches!(scope[..], [_, _, _, "sts", "aws4_request"]) || self.value("X-Amz-Signature")?.is_empty() {
            return Err(Flaw::Parameters);
        }
        let date = parse_basic(self.value("X-Amz-Date")?).ok_or(Flaw::Parameters)?;
        let life: i64 = self.value("X-Amz-Expires")?.parse().map_err(|_| Flaw::Parameters)?;
        if !(1..=rules.life_max_s).contains(&life) {
            return Err(Flaw::Life);
        }
        if date > now + rules.skew_s {
            return Err(Flaw::Early);
        }
        if now >= date + life {
            return Err(Flaw::Expired);
        }
        Ok(date + life)
    }

    fn rewritten(&self) -> String {
        let pairs = self.0.iter().map(|(name, value)| format!("{name}={}", percent_encoded(value)));
        pairs.collect::<Vec<_>>().join("&")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2015-08-30T12:36:00Z
    const THEN: i64 = 1_440_938_160;

    const URL: &str = "https://sts.eu-central-1.amazonaws.com/?Action=GetCallerIdentity&Version=2011-06-15\
        &X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDEXAMPLE%2F20150830%2Feu-central-1%2Fsts%2Faws4_request\
        &X-Amz-Date=20150830T123600Z&X-Amz-Expires=60&X-Amz-SignedHeaders=host%3Bx-toolhost-id\
        &X-Amz-Security-Token=a%2Bb%2F%3D&X-Amz-Signature=0123";

    fn check(url: &str, now: i64) -> Result<(String, String, i64), Flaw> {
        let hosts = ["sts.eu-central-1.amazonaws.com".to_owned()];
        let rules = Rules { hosts: &hosts, life_max_s: 900, skew_s: 300 };
        let token = format!("{PREFIX}{}", BASE64_URL_SAFE_NO_PAD.encode(url));
        Presigned::parse(&token, rules, now)
            .map(|presigned| (presigned.host.to_owned(), presigned.query, presigned.expires))
    }

    #[test]
    fn a_good_token_is_written_anew_and_says_when_it_ends() {
        let (host, query, expires) = check(URL, THEN + 59).expect("is good");
        assert_eq!((host.as_str(), expires), ("sts.eu-central-1.amazonaws.com", THEN + 60));
        assert_eq!(format!("https://{host}/?{query}"), URL);
        assert!(check(&URL.replace(".com/?", ".com?"), THEN).is_ok());
        // What needs no escape gets none, however it came.
        let (_, query, _) = check(&URL.replace("GetCallerIdentity", "%47et%43allerIdentity"), THEN).expect("is good");
        assert!(URL.ends_with(&query), "{query}");
    }

    #[test]
    fn a_token_that_leads_elsewhere_is_sent_nowhere() {
        let sts = "https://sts.eu-central-1.amazonaws.com";
        for elsewhere in [
            "http://sts.eu-central-1.amazonaws.com",
            "HTTPS://sts.eu-central-1.amazonaws.com",
            "https://sts.evil.example",
            "https://sts.us-east-1.amazonaws.com",
            "https://sts.eu-central-1.amazonaws.com.evil.example",
            "https://sts.eu-central-1.amazonaws.com@evil.example",
            "https://sts.eu-central-1.amazonaws.com%40evil.example",
            "https://sts.eu-central-1.amazonaws.com\\@evil.example",
            "https://evil.example#sts.eu-central-1.amazonaws.com",
            "https://user@sts.eu-central-1.amazonaws.com",
            "https://sts.eu-central-1.amazonaws.com:443",
            "https://sts.eu-central-1.amazonaws.com:8443",
            "https://sts.eu-central-1.amazonaws.com.",
            "https://STS.eu-central-1.amazonaws.com",
            "https://sts.eu-central-1.amazonaws.com/x",
            "https://sts.eu-central-1.amazonaws.com//",
            "https:///sts.eu-central-1.amazonaws.com",
            "https://169.254.169.254",
            "https:// sts.eu-central-1.amazonaws.com",
            "",
        ] {
            assert_eq!(check(&URL.replace(sts, elsewhere), THEN), Err(Flaw::Elsewhere), "{elsewhere}");
        }
    }

    #[test]
    fn a_token_for_anything_else_is_refused() {
        let with = |from: &str, to: &str| check(&URL.replace(from, to), THEN);
        assert_eq!(with("GetCallerIdentity", "AssumeRole"), Err(Flaw::Action));
        assert_eq!(with("2011-06-15", "2012-01-01"), Err(Flaw::Action));
        assert_eq!(with("Action=GetCallerIdentity&", ""), Err(Flaw::Parameters));
        assert_eq!(with("Action=", "Action=GetSessionToken&Action="), Err(Flaw::Parameters));
        assert_eq!(with("Action=", "RoleArn=x&Action="), Err(Flaw::Parameters));
        assert_eq!(with("HMAC-SHA256", "HMAC-SHA1"), Err(Flaw::Parameters));
        assert_eq!(with("%2Fsts%2F", "%2Fs3%2F"), Err(Flaw::Parameters));
        assert_eq!(with("Signature=0123", "Signature="), Err(Flaw::Parameters));
        assert_eq!(with("%3Bx-toolhost-id", ""), Err(Flaw::Headers));
        assert_eq!(with("x-toolhost-id", "x-k8s-aws-id"), Err(Flaw::Headers));
        assert_eq!(with("x-toolhost-id", "x-more%3Bx-toolhost-id"), Err(Flaw::Headers));
        assert_eq!(with("Signature=0123", "Signature=0123#x"), Err(Flaw::Malformed));
        assert_eq!(with("Signature=0123", "Signature=01 HTTP/1.1\r\nx: y"), Err(Flaw::Malformed));
        assert_eq!(with("Signature=0123", "Signature=%"), Err(Flaw::Malformed));
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_written_in_one() {
        let (_, query, _) = check(&URL.replace("=0123", "=0123%26Action%3DAssumeRole%0D%0A"), THEN).expect("is sent");
        assert!(query.ends_with("X-Amz-Signature=0123%26Action%3DAssumeRole%0D%0A"), "{query}");
    }

    #[test]
    fn a_token_is_good_from_its_date_until_its_end() {
        assert_eq!(check(URL, THEN + 60), Err(Flaw::Expired));
        assert!(check(URL, THEN - 300).is_ok());
        assert_eq!(check(URL, THEN - 301), Err(Flaw::Early));
        for life in ["901", "3600", "0", "-1", "9223372036854775807"] {
            assert_eq!(check(&URL.replace("=60", &format!("={life}")), THEN), Err(Flaw::Life), "{life}");
        }
        assert_eq!(check(&URL.replace("=60", "=1e2"), THEN), Err(Flaw::Parameters));
    }

    #[test]
    fn what_is_no_token_is_said_to_be_none() {
        let hosts = ["sts.eu-central-1.amazonaws.com".to_owned()];
        let rules = Rules { hosts: &hosts, life_max_s: 900, skew_s: 300 };
        let long = format!("{PREFIX}{}", "A".repeat(TOKEN_BYTES_MAX));
        let padded = format!("{PREFIX}{}=", BASE64_URL_SAFE_NO_PAD.encode(URL));
        for token in ["", PREFIX, "k8s-aws-v1.aHR0cHM6Ly8", "toolhost-aws-v1.%%%", "toolhost-aws-v1._w", &long, &padded]
        {
            let flaw = Presigned::parse(token, rules, THEN).expect_err("is none");
            assert!(matches!(flaw, Flaw::Malformed | Flaw::Elsewhere), "{token}: {flaw}");
        }
    }
}
