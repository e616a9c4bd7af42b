//! `[callers.aws]`: callers who prove themselves with AWS credentials.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::{Bounded, SecretRef};

/// `[callers.aws]`: callers who prove themselves with AWS credentials, by signing each request
/// (`keys`), or by a request to STS that they signed in advance (`sts`).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AwsCallers {
    /// The region that callers sign for, such as `eu-central-1`.
    pub region: String,
    /// The service that callers sign for: any word that they and this host agree on, such as `execute-api`
    /// for clients that know no other.
    #[serde(default = "toolhost")]
    pub service: String,
    /// How far a caller's clock may be off, in seconds.
    #[serde(default)]
    pub skew_s: Bounded<1, 900, 300>,
    /// How many signed requests of one key are remembered, so that none is served twice; one takes about 40 bytes,
    /// and is forgotten when its date is `skew_s` ago. A key with more requests is refused for a while.
    #[serde(default)]
    pub replays_max: Bounded<1, 10_000_000, 200_000>,
    /// The keys that callers sign with, by the ids of the keys.
    #[serde(default)]
    pub keys: BTreeMap<String, AwsKey>,
    /// How callers without such a key prove themselves; not at all if not set.
    pub sts: Option<AwsSts>,
}

/// `[callers.aws.keys.<access key id>]`: a key that the operator made, and who signs with it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AwsKey {
    /// Where the secret half of the key is.
    pub secret: SecretRef,
    /// Where the token is that goes with a temporary key.
    pub session_token: Option<SecretRef>,
    /// The caller's name.
    pub caller: String,
    /// What the caller is counted among.
    #[serde(default)]
    pub groups: BTreeSet<String>,
    /// What else is known of the caller, each with one value or several.
    #[serde(default)]
    pub attributes: BTreeMap<String, Vec<String>>,
}

/// `[callers.aws.sts]`: callers who show a GetCallerIdentity that they signed in advance. It is good for as
/// long as it says, as often as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AwsSts {
    /// What callers sign as the header `x-toolhost-id`: a word that no other server has, such as this
    /// host's URL, so that a token for another server is worth nothing here.
    pub server_id: String,
    /// The hosts of STS that callers may sign for; the one of `region` if not set.
    pub hosts: Option<Vec<String>>,
    /// Where STS is asked, if not at the host that was signed for: a private endpoint, or an emulator on this machine.
    pub endpoint: Option<String>,
    /// Addresses of private networks that STS may have: `["10.0.0.0/8"]`, for an endpoint inside a network. One that is
    /// written into `endpoint` needs no entry.
    #[serde(default)]
    pub allow_private: Vec<String>,
    /// The longest life of a token, in seconds.
    #[serde(default)]
    pub life_max_s: Bounded<1, 900, 900>,
    /// How long STS may take to answer, in milliseconds.
    #[serde(default)]
    pub time_max_ms: Bounded<100, 60_000, 5_000>,
    /// How many questions are put to STS at once.
    #[serde(default)]
    pub calls_max: Bounded<1, 256, 16>,
    /// For how many tokens it is remembered what STS said.
    #[serde(default)]
    pub cached_max: Bounded<1, 1_000_000, 10_000>,
    /// Who is let in; of several entries that mean somebody, the first.
    #[serde(default)]
    pub allow: Vec<AwsAllowed>,
}

/// `[[callers.aws.sts.allow]]`: who is let in.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AwsAllowed {
    /// Their ARN, as GetCallerIdentity answers it. `/*` at its end stands for any last part: so are all sessions of a
    /// role `arn:aws:sts::123456789012:assumed-role/<role>/*`.
    pub arn: String,
    /// Their name. If not set, `aws:` and the ARN, for a role without its session.
    pub caller: Option<String>,
    /// What they are counted among.
    #[serde(default)]
    pub groups: BTreeSet<String>,
    /// What else is known of them, beside `aws_account` and `aws_arn`.
    #[serde(default)]
    pub attributes: BTreeMap<String, Vec<String>>,
}

fn toolhost() -> String {
    "toolhost".to_owned()
}
