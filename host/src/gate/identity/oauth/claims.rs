//! From what a token says to a caller. What is said is of somebody else's making: it is taken
//! only if it can be written into a log and read there.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::Value;

use crate::call::Caller;
use crate::config::{self, is_visible};

/// The longest text of a claim, in bytes.
const TEXT_MAX: usize = 256;

/// Who says that a token is theirs, before anything is checked: it only decides whose keys to check with.
pub(super) fn issuer(token: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Says {
        iss: String,
    }
    jsonwebtoken::dangerous::insecure_decode_claims::<Says>(token).ok().map(|says| says.iss)
}

/// The caller that a checked token is of.
///
/// # Errors
///
/// What is wrong with a claim, without repeating it.
pub(super) fn caller(name: &str, config: &config::Issuer, claims: &Value) -> Result<Caller, String> {
    let mut caller = Caller::named(format!("{name}:{}", text_of(claims, &config.name_claim)?));
    caller.groups = texts_of(claims, &config.groups_claim)?.into_iter().collect();
    caller.attributes = attributes(config, claims)?;
    caller.scopes = Some(scopes(claims));
    Ok(caller)
}

fn attributes(config: &config::Issuer, claims: &Value) -> Result<BTreeMap<String, Vec<String>>, String> {
    let mut attributes = BTreeMap::new();
    for (attribute, claim) in &config.attributes {
        let values = texts_of(claims, claim)?;
        if !values.is_empty() {
            attributes.insert(attribute.clone(), values);
        }
    }
    Ok(attributes)
}

/// What a token is good for: `scope` by RFC 9068, or `scp`, as some servers have it.
fn scopes(claims: &Value) -> BTreeSet<String> {
    let said = claims.get("scope").or_else(|| claims.get("scp"));
    let lists = match said {
        Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).collect(),
        Some(Value::String(text)) => vec![text.as_str()],
        _ => Vec::new(),
    };
    lists.into_iter().flat_map(str::split_whitespace).map(str::to_owned).collect()
}

/// A claim that must be there, and be one text.
fn text_of(claims: &Value, name: &str) -> Result<String, String> {
    let mut texts = texts_of(claims, name)?;
    match (texts.pop(), texts.is_empty()) {
        (Some(text), true) => Ok(text),
        _ => Err(format!("The token has no claim `{name}` that names one caller.")),
    }
}

/// The texts of a claim; none if it is not there.
fn texts_of(claims: &Value, name: &str) -> Result<Vec<String>, String> {
    let found = if name.starts_with('/') { claims.pointer(name) } else { claims.get(name) };
    let values = match found {
        None | Some(Value::Null) => &[],
        Some(Value::Array(values)) => values.as_slice(),
        Some(value) => std::slice::from_ref(value),
    };
    values.iter().map(|value| text(value).map(Cow::into_owned)).collect::<Option<_>>().ok_or_else(|| {
        format!("The token's claim `{name}` holds something else than visible texts of at most {TEXT_MAX} bytes.")
    })
}

fn text(value: &Value) -> Option<Cow<'_, str>> {
    let text = match value {
        Value::String(text) => Cow::Borrowed(text.as_str()),
        Value::Number(number) => Cow::Owned(number.to_string()),
        Value::Bool(truth) => Cow::Owned(truth.to_string()),
        _ => return None,
    };
    (text.len() <= TEXT_MAX && is_visible(&text)).then_some(text)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(lines: &str, claims: &Value) -> Result<Caller, String> {
        let issuer = toml::from_str(&format!("issuer = \"https://login.example.com\"\n{lines}")).expect("parses");
        caller("corp", &issuer, claims)
    }

    #[test]
    fn a_caller_is_what_the_operator_reads_from_the_token() {
        let lines = "groups_claim = \"/realm/roles\"\nattributes = { unit = \"business_unit\", level = \"level\", no = \"x\" }\n";
        let claims = json!({ "sub": "ann", "realm": { "roles": ["a", "b"] }, "business_unit": ["video", "audio"], "level": 3,
            "scope": "crm.read  crm.write", "groups": ["not these"] });
        let caller = of(lines, &claims).expect("is a caller");
        assert_eq!(caller.name, "corp:ann");
        assert_eq!(caller.groups, BTreeSet::from(["a".to_owned(), "b".to_owned()]));
        let attributes = [("level", vec!["3"]), ("unit", vec!["video", "audio"])];
        let attributes =
            attributes.map(|(name, values)| (name.to_owned(), values.into_iter().map(str::to_owned).collect()));
        assert_eq!(caller.attributes, BTreeMap::from(attributes));
        assert_eq!(caller.scopes, Some(BTreeSet::from(["crm.read".to_owned(), "crm.write".to_owned()])));
    }

    #[test]
    fn a_token_without_scopes_is_good_for_none() {
        assert_eq!(of("", &json!({ "sub": "a" })).expect("is a caller").scopes, Some(BTreeSet::new()));
        let scopes = of("", &json!({ "sub": "a", "scp": ["x", "y"] })).expect("is a caller").scopes;
        assert_eq!(scopes, Some(BTreeSet::from(["x".to_owned(), "y".to_owned()])));
    }

    #[test]
    fn what_could_not_be_written_into_a_log_is_no_caller() {
        for claims in [
            json!({}),
            json!({ "sub": "" }),
            json!({ "sub": ["a", "b"] }),
            json!({ "sub": { "a": 1 } }),
            json!({ "sub": "ann\nbob" }),
            json!({ "sub": "ann\u{202e}" }),
            json!({ "sub": "a".repeat(TEXT_MAX + 1) }),
            json!({ "sub": "ann", "groups": ["a\u{0}"] }),
            json!({ "sub": "ann", "groups": [["a"]] }),
        ] {
            let error = of("", &claims).expect_err("is refused");
            assert!(error.starts_with("The token") && !error.contains("bob"), "{error}");
        }
    }
}
