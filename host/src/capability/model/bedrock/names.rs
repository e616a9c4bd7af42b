//! The names of models, inference profiles and guardrails: what Bedrock is asked for, what an
//! agent sees of it, and the ARNs that a policy must name.

use super::OpenError;

/// What the id of an inference profile begins with, before the id of its model: where AWS may
/// run it.
const GEOGRAPHIES: [&str; 8] = ["us", "us-gov", "eu", "apac", "jp", "au", "ca", "global"];

/// What may stand behind `model`, as its ARN says.
const MODEL_KINDS: [&str; 6] = [
    "foundation-model",
    "inference-profile",
    "application-inference-profile",
    "provisioned-model",
    "imported-model",
    "custom-model-deployment",
];

/// A model that can be asked.
#[derive(Debug)]
pub(super) struct ModelName {
    sent: String,
    shown: String,
    resources: Vec<String>,
}

/// A guardrail.
#[derive(Debug)]
pub(super) struct GuardrailName {
    arn: String,
}

/// The parts of an ARN that matter here.
struct Arn<'a> {
    account: &'a str,
    kind: &'a str,
    name: &'a str,
}

impl ModelName {
    /// A model by its id or ARN.
    pub(super) fn read(name: &str, region: &str, account: Option<&str>) -> Result<Self, OpenError> {
        let (shown, resources) = match Arn::read("model", name, region, &MODEL_KINDS)? {
            Some(Arn { account, kind: "inference-profile", name: id }) => (id, profile(id, region, account)),
            Some(Arn { name: id, .. }) => (id, vec![name.to_owned()]),
            None if !is_named(name) || !name.contains('.') => {
                return Err(invalid("`model` is no id of a model, no id of an inference profile and no ARN"));
            }
            None if geography(name).is_some() => {
                let account = account.ok_or_else(|| no_account("an inference profile"))?;
                (name, profile(name, region, account))
            }
            None => (name, vec![foundation(name, region, region)]),
        };
        Ok(Self { sent: name.to_owned(), shown: shown.to_owned(), resources })
    }

    /// As Bedrock is asked for it.
    pub(super) fn as_sent(&self) -> &str {
        &self.sent
    }

    /// Without region and account.
    pub(super) fn shown(&self) -> &str {
        &self.shown
    }

    /// The ARNs of what is invoked.
    pub(super) fn resources(&self) -> Vec<String> {
        self.resources.clone()
    }
}

impl GuardrailName {
    /// A guardrail by its id or ARN, if the version could be one of it.
    pub(super) fn read(id: &str, version: &str, region: &str, account: Option<&str>) -> Result<Self, OpenError> {
        if !is_version(version) {
            return Err(invalid("the `version` of `guardrail` is a number, or `DRAFT`"));
        }
        if Arn::read("guardrail", id, region, &["guardrail"])?.is_some() {
            return Ok(Self { arn: id.to_owned() });
        }
        if id.is_empty() || !id.chars().all(|c| c.is_ascii_alphanumeric()) {
            return Err(invalid("the `id` of `guardrail` is made of letters and digits, or is an ARN"));
        }
        let account = account.ok_or_else(|| no_account("a guardrail"))?;
        Ok(Self { arn: format!("arn:{}:bedrock:{region}:{account}:guardrail/{id}", partition(region)) })
    }

    /// Its whole name.
    pub(super) fn arn(&self) -> &str {
        &self.arn
    }

    /// Its own name, without region and account.
    pub(super) fn id(&self) -> &str {
        self.arn.rsplit('/').next().unwrap_or_default()
    }
}

impl<'a> Arn<'a> {
    /// The parts of an ARN of one of these kinds in this region; none if the text is no ARN. It goes
    /// into a policy as it stands, so it must hold no `*`.
    fn read(key: &str, text: &'a str, region: &str, kinds: &[&str]) -> Result<Option<Self>, OpenError> {
        let Some(rest) = text.strip_prefix("arn:") else { return Ok(None) };
        let parts: Vec<&str> = rest.splitn(5, ':').collect();
        if let [partition, "bedrock", found, account, resource] = parts.as_slice()
            && let Some((kind, name)) = resource.split_once('/')
            && partition.starts_with("aws")
            && kinds.contains(&kind)
            && (is_account(account) || (account.is_empty() && kind == "foundation-model"))
            && [partition, name].into_iter().all(is_named)
        {
            if *found != region {
                return Err(invalid(&format!("`region` is not that of `{key}`, which is {found}")));
            }
            return Ok(Some(Self { account, kind, name }));
        }
        let message = format!("Invalid ARN: `{key}` is not of the form `arn:aws:bedrock:REGION:ACCOUNT:KIND/NAME`");
        Err(invalid(&message))
    }
}

/// What an inference profile needs: itself, and its model in whichever region AWS runs it.
fn profile(id: &str, region: &str, account: &str) -> Vec<String> {
    let own = format!("arn:{}:bedrock:{region}:{account}:inference-profile/{id}", partition(region));
    let mut resources = vec![own];
    if let Some((geography, model)) = geography(id) {
        resources.push(foundation(model, region, "*"));
        if geography == "global" {
            resources.push(foundation(model, region, ""));
        }
    }
    resources
}

fn foundation(model: &str, region: &str, model_region: &str) -> String {
    format!("arn:{}:bedrock:{model_region}::foundation-model/{model}", partition(region))
}

/// The geography of an inference profile, and the model that it runs.
fn geography(id: &str) -> Option<(&str, &str)> {
    id.split_once('.').filter(|(first, _)| GEOGRAPHIES.contains(first))
}

fn partition(region: &str) -> &'static str {
    match region.split('-').next() {
        Some("cn") => "aws-cn",
        Some("us") if region.starts_with("us-gov-") => "aws-us-gov",
        _ => "aws",
    }
}

/// Whether it could be the name of a region.
pub(super) fn check_region(region: &str) -> Result<(), OpenError> {
    let fits = region.contains('-') && region.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if fits { Ok(()) } else { Err(invalid("`region` is no region: write one such as `eu-central-1`")) }
}

/// Whether it could be an account.
pub(super) fn check_account(account: Option<&str>) -> Result<(), OpenError> {
    if account.is_none_or(is_account) { Ok(()) } else { Err(invalid("`account` is made of 12 digits")) }
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_named(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.:/".contains(c))
}

fn is_version(text: &str) -> bool {
    text == "DRAFT" || (1..=8).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn no_account(what: &str) -> OpenError {
    invalid(&format!(
        "`account` is missing: the ARN of {what} holds it, and the host's role is to be allowed this one alone; write the \
         12 digits, or the whole ARN instead of the id"
    ))
}

fn invalid(message: &str) -> OpenError {
    OpenError::Invalid(message.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const REGION: &str = "eu-central-1";
    const ACCOUNT: &str = "123456789012";

    fn model(name: &str, account: Option<&str>) -> Result<ModelName, String> {
        ModelName::read(name, REGION, account).map_err(|error| error.to_string())
    }

    #[test]
    fn a_policy_names_exactly_what_is_invoked() {
        let own = format!("arn:aws:bedrock:{REGION}:{ACCOUNT}:application-inference-profile/abc123");
        for (name, shown, resources) in [
            (
                "anthropic.claude-3-5-sonnet-20240620-v1:0",
                "anthropic.claude-3-5-sonnet-20240620-v1:0",
                vec!["arn:aws:bedrock:eu-central-1::foundation-model/anthropic.claude-3-5-sonnet-20240620-v1:0"],
            ),
            (
                "arn:aws:bedrock:eu-central-1::foundation-model/amazon.nova-lite-v1:0",
                "amazon.nova-lite-v1:0",
                vec!["arn:aws:bedrock:eu-central-1::foundation-model/amazon.nova-lite-v1:0"],
            ),
            (
                "eu.amazon.nova-lite-v1:0",
                "eu.amazon.nova-lite-v1:0",
                vec![
                    "arn:aws:bedrock:eu-central-1:123456789012:inference-profile/eu.amazon.nova-lite-v1:0",
                    "arn:aws:bedrock:*::foundation-model/amazon.nova-lite-v1:0",
                ],
            ),
            (
                "arn:aws:bedrock:eu-central-1:123456789012:inference-profile/global.amazon.nova-lite-v1:0",
                "global.amazon.nova-lite-v1:0",
                vec![
                    "arn:aws:bedrock:eu-central-1:123456789012:inference-profile/global.amazon.nova-lite-v1:0",
                    "arn:aws:bedrock:*::foundation-model/amazon.nova-lite-v1:0",
                    "arn:aws:bedrock:::foundation-model/amazon.nova-lite-v1:0",
                ],
            ),
            (&own, "abc123", vec![&own]),
        ] {
            let read = model(name, Some(ACCOUNT)).expect(name);
            assert_eq!((read.as_sent(), read.shown()), (name, shown));
            assert_eq!(read.resources(), resources);
        }
    }

    #[test]
    fn a_name_that_could_widen_a_policy_or_be_of_elsewhere_is_refused() {
        for (wrong, says) in [
            ("", "no id of a model"),
            ("claude", "no id of a model"),
            ("anthropic.*", "no id of a model"),
            ("anthropic.claude?", "no id of a model"),
            ("arn:aws:bedrock:eu-central-1::foundation-model/*", "Invalid ARN"),
            ("arn:aws:bedrock:eu-central-1:*:inference-profile/eu.a.b", "Invalid ARN"),
            ("arn:aws:s3:eu-central-1:123456789012:bucket/x", "Invalid ARN"),
            ("arn:aws:bedrock:eu-central-1:123456789012:agent/x", "Invalid ARN"),
            ("arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0", "which is us-east-1"),
        ] {
            let error = model(wrong, Some(ACCOUNT)).expect_err(wrong);
            assert!(error.contains(says), "{wrong}: {error}");
        }
    }

    #[test]
    fn an_account_is_asked_for_where_an_id_does_not_hold_it() {
        assert!(model("amazon.nova-lite-v1:0", None).is_ok());
        let error = model("eu.amazon.nova-lite-v1:0", None).expect_err("no account");
        assert!(error.contains("`account` is missing"), "{error}");
        for wrong in ["", "123", "12345678901x", "*"] {
            assert!(check_account(Some(wrong)).is_err(), "{wrong}");
        }
        for wrong in ["", "europe", "eu_central_1", "eu-central-1/x"] {
            assert!(check_region(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_guardrail_is_named_by_id_or_arn() {
        let read = |id: &str, version: &str, account| {
            GuardrailName::read(id, version, REGION, account).map_err(|error| error.to_string())
        };
        let arn = "arn:aws:bedrock:eu-central-1:123456789012:guardrail/gr4ilid";
        for id in ["gr4ilid", arn] {
            let guardrail = read(id, "3", Some(ACCOUNT)).expect(id);
            assert_eq!((guardrail.arn(), guardrail.id()), (arn, "gr4ilid"));
        }
        assert!(read(arn, "DRAFT", None).is_ok());
        assert!(read("gr4ilid", "1", None).is_err_and(|error| error.contains("`account` is missing")));
        for (id, version) in [("", "1"), ("a*", "1"), ("gr4ilid", ""), ("gr4ilid", "latest"), ("gr4ilid", "123456789")]
        {
            assert!(read(id, version, Some(ACCOUNT)).is_err(), "{id} {version}");
        }
    }
}
