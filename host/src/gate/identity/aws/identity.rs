//! Who somebody is to AWS, as STS says it, and whom the operator lets in.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::call::Caller;

/// What STS answers to a GetCallerIdentity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Identity {
    arn: String,
    account: String,
}

impl Identity {
    /// Reads STS's answer; none if it is anything else than the document that STS writes.
    ///
    /// A parser of all XML would know more than this answer has: names of AWS hold no character that XML writes
    /// in another way.
    pub(super) fn parse(xml: &str) -> Option<Self> {
        let result = only(xml, "GetCallerIdentityResult")?;
        let plain = |text: &&str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b":/_+=,.@-".contains(&byte));
        let [arn, account, _user] =
            ["Arn", "Account", "UserId"].map(|name| only(result, name).map(str::trim).filter(plain));
        let (arn, account, _) = (arn?, account?, _user.filter(|user| !user.is_empty())?);
        let parts: Vec<&str> = arn.splitn(6, ':').collect();
        let fits = matches!(parts[..], ["arn", partition, "iam" | "sts", "", of, name]
            if partition.starts_with("aws") && of == account && !name.is_empty());
        let digits = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
        (fits && digits).then(|| Self { arn: arn.to_owned(), account: account.to_owned() })
    }

    /// The ARN without the name of a role's session, which whoever takes on the role may choose.
    fn lasting(&self) -> &str {
        let session = self.arn.contains(":assumed-role/").then(|| self.arn.rsplit_once('/')).flatten();
        session.map_or(&self.arn, |(role, _)| role)
    }
}

/// What stands between the one pair of tags of this name; none if there is not exactly one.
fn only<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let (before, rest) = xml.split_once(&open)?;
    let (inside, after) = rest.split_once(&close)?;
    let again = [before, inside, after].iter().any(|text| text.contains(&open) || text.contains(&close));
    (!again).then_some(inside)
}

/// Those who are let in under one entry of the operator's list.
#[derive(Debug, Clone)]
pub(super) struct Allowed {
    pub(super) arn: Pattern,
    /// Their name; each has one of its own if it is not set.
    pub(super) caller: Option<String>,
    pub(super) groups: BTreeSet<String>,
    pub(super) attributes: BTreeMap<String, Vec<String>>,
}

impl Allowed {
    /// The caller that somebody is; none if they are not meant.
    pub(super) fn caller(&self, identity: &Identity) -> Option<Arc<Caller>> {
        if !self.arn.fits(&identity.arn) {
            return None;
        }
        let name = self.caller.clone().unwrap_or_else(|| format!("aws:{}", identity.lasting()));
        let mut attributes = self.attributes.clone();
        attributes.insert("aws_account".to_owned(), vec![identity.account.clone()]);
        attributes.insert("aws_arn".to_owned(), vec![identity.arn.clone()]);
        Some(Arc::new(Caller { groups: self.groups.clone(), attributes, ..Caller::named(name) }))
    }
}

/// An ARN, or all that differ from it in their last part alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pattern {
    text: String,
    /// Whether any last part may follow.
    open: bool,
}

impl Pattern {
    /// Reads `arn:aws:iam::123456789012:user/ann` or `arn:aws:sts::123456789012:assumed-role/analyst/*`.
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        let account = |text: &str| text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
        if !matches!(parts[..], ["arn", partition, "iam" | "sts", "", of, name]
            if partition.starts_with("aws") && account(of) && !name.is_empty())
        {
            return Err("write an ARN with its account, such as \"arn:aws:sts::123456789012:assumed-role/analyst/*\"");
        }
        if text.contains(":role/") {
            return Err("who takes on a role is `assumed-role/<role>/<session>` of `sts`: write \
                 \"arn:aws:sts::<account>:assumed-role/<role>/*\"");
        }
        let (text, open) = match text.strip_suffix("/*") {
            Some(before) => (format!("{before}/"), true),
            None => (text.to_owned(), false),
        };
        if text.contains(['*', '?']) {
            return Err("`*` stands for a whole last part alone, after a `/`");
        }
        Ok(Self { text, open })
    }

    fn fits(&self, arn: &str) -> bool {
        match arn.strip_prefix(&self.text) {
            Some(rest) if self.open => !rest.is_empty() && !rest.contains('/'),
            Some(rest) => rest.is_empty(),
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(arn: &str, account: &str) -> String {
        format!(
            "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\n  \
             <GetCallerIdentityResult>\n    <Arn>{arn}</Arn>\n    <UserId>AROAEXAMPLE:ann</UserId>\n    \
             <Account>{account}</Account>\n  </GetCallerIdentityResult>\n  <ResponseMetadata>\n    \
             <RequestId>01234567-89ab-cdef-0123-456789abcdef</RequestId>\n  </ResponseMetadata>\n\
             </GetCallerIdentityResponse>\n"
        )
    }

    const ANN: &str = "arn:aws:sts::123456789012:assumed-role/analyst/ann@example.com";

    fn identity(arn: &str) -> Identity {
        Identity::parse(&answer(arn, "123456789012")).expect("is an answer")
    }

    #[test]
    fn an_answer_is_read_and_one_that_is_odd_in_any_way_is_not() {
        assert_eq!(identity(ANN).lasting(), "arn:aws:sts::123456789012:assumed-role/analyst");
        assert_eq!(identity("arn:aws:iam::123456789012:user/x/ann").lasting(), "arn:aws:iam::123456789012:user/x/ann");
        let good = answer(ANN, "123456789012");
        for odd in [
            answer(ANN, "210987654321"),
            answer("arn:aws:s3:::bucket", "123456789012"),
            answer("arn:aws:sts::123456789012:", "123456789012"),
            answer(&format!("{ANN}</Arn><Arn>{ANN}"), "123456789012"),
            answer(&format!("{ANN}&amp;"), "123456789012"),
            answer(&format!("{ANN}<!-- -->"), "123456789012"),
            good.replace("GetCallerIdentityResult>", "Other>"),
            good.replace("<UserId>AROAEXAMPLE:ann</UserId>", ""),
            good.clone() + &good,
            String::new(),
            "{\"Arn\":\"x\"}".to_owned(),
        ] {
            assert_eq!(Identity::parse(&odd), None, "{odd}");
        }
    }

    #[test]
    fn an_entry_means_one_arn_or_all_sessions_of_one_role() {
        let fits = |pattern: &str, arn: &str| Pattern::parse(pattern).expect("is a pattern").fits(arn);
        let role = "arn:aws:sts::123456789012:assumed-role/analyst/*";
        assert!(fits(role, ANN) && fits(ANN, ANN));
        for other in [
            "arn:aws:sts::123456789012:assumed-role/analyst/",
            "arn:aws:sts::123456789012:assumed-role/analyst/a/b",
            "arn:aws:sts::123456789012:assumed-role/analyst2/ann",
            "arn:aws:sts::210987654321:assumed-role/analyst/ann",
            "arn:aws:iam::123456789012:user/analyst/ann",
        ] {
            assert!(!fits(role, other), "{other}");
        }
        assert!(!fits(ANN, &format!("{ANN}x")));
        for wrong in [
            "",
            "*",
            "arn:aws:sts::*:assumed-role/analyst/*",
            "arn:aws:sts::123456789012:assumed-role/*/*",
            "arn:aws:sts::123456789012:assumed-role/analyst/a*",
            "arn:aws:iam::123456789012:role/analyst",
            "arn:aws:s3:::bucket/*",
        ] {
            assert!(Pattern::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_caller_is_named_by_its_role_or_by_the_operator() {
        let arn = Pattern::parse("arn:aws:sts::123456789012:assumed-role/analyst/*").expect("is a pattern");
        let mut allowed = Allowed { arn, caller: None, groups: ["a".to_owned()].into(), attributes: BTreeMap::new() };
        let caller = allowed.caller(&identity(ANN)).expect("is meant");
        assert_eq!(caller.name, "aws:arn:aws:sts::123456789012:assumed-role/analyst");
        assert_eq!(
            (caller.attributes["aws_account"].as_slice(), caller.attributes["aws_arn"].as_slice()),
            (["123456789012".to_owned()].as_slice(), [ANN.to_owned()].as_slice())
        );
        allowed.caller = Some("analyst".to_owned());
        assert_eq!(allowed.caller(&identity(ANN)).expect("is meant").name, "analyst");
        assert_eq!(allowed.caller(&identity("arn:aws:iam::123456789012:user/ann")), None);
    }
}
