//! What a request asks for, as far as that decides whether it is served at all. It is looked at
//! before the protocol library reads the request, which answers in a way that has no room for a refusal.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

/// A method of MCP, and what it is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) method: &'static str,
    pub(super) name: String,
}

/// A message, as far as it matters here.
#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    method: Cow<'a, str>,
    #[serde(borrow, default)]
    params: Params<'a>,
}

#[derive(Deserialize, Default)]
struct Params<'a> {
    #[serde(borrow)]
    name: Option<Cow<'a, str>>,
    #[serde(borrow)]
    uri: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "ref")]
    of: Option<Of<'a>>,
}

#[derive(Deserialize)]
struct Of<'a> {
    #[serde(borrow)]
    name: Option<Cow<'a, str>>,
    #[serde(borrow)]
    uri: Option<Cow<'a, str>>,
}

impl Asked {
    /// A tool, by REST.
    pub(super) fn tool(name: String) -> Self {
        Self { method: "tools/call", name }
    }

    /// All that a message asks for, or an array of them. What cannot be read here asks for nothing that the
    /// protocol library would serve, or is refused when its call begins.
    pub(super) fn all(body: &[u8]) -> Vec<Self> {
        if body.trim_ascii_start().first() == Some(&b'[') {
            let members: Vec<&RawValue> = serde_json::from_slice(body).unwrap_or_default();
            return members.into_iter().filter_map(|member| Self::one(member.get().as_bytes())).collect();
        }
        Self::one(body).into_iter().collect()
    }

    fn one(message: &[u8]) -> Option<Self> {
        let Message { method, params } = serde_json::from_slice(message).ok()?;
        let (method, name) = match method.as_ref() {
            "tools/call" => ("tools/call", params.name),
            "prompts/get" => ("prompts/get", params.name),
            "resources/read" | "resources/subscribe" => ("resources/read", params.uri),
            "completion/complete" => match params.of? {
                Of { name: Some(name), .. } => ("prompts/get", Some(name)),
                Of { uri, .. } => ("resources/read", uri),
            },
            _ => return None,
        };
        name.map(|name| Self { method, name: name.into_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_is_seen_in_every_dress() {
        for (body, asked) in [
            (r#"{"method":"tools/call","params":{"name":"crm__\u0071"}}"#, &[("tools/call", "crm__q")][..]),
            (
                r#" [{"method":"tools/call","params":{"name":"a"}},{"method":"prompts/get","params":{"name":"b"}}]"#,
                &[("tools/call", "a"), ("prompts/get", "b")],
            ),
            (r#"{"method":"resources/subscribe","params":{"uri":"x:y"}}"#, &[("resources/read", "x:y")]),
            (
                r#"{"method":"completion/complete","params":{"ref":{"type":"ref/prompt","name":"p"}}}"#,
                &[("prompts/get", "p")],
            ),
            (
                r#"{"method":"completion/complete","params":{"ref":{"type":"ref/resource","uri":"u"}}}"#,
                &[("resources/read", "u")],
            ),
            (r#"{"method":"tools/list"}"#, &[]),
            (r#"{"id":1,"result":{}}"#, &[]),
            ("nonsense", &[]),
        ] {
            let found: Vec<(&str, String)> =
                Asked::all(body.as_bytes()).into_iter().map(|one| (one.method, one.name)).collect();
            let asked: Vec<(&str, String)> = asked.iter().map(|(method, name)| (*method, (*name).to_owned())).collect();
            assert_eq!(found, asked, "{body}");
        }
    }
}
