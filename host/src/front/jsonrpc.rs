//! JSON-RPC's own errors, in the words that the protocol library does not find: what is wrong
//! with a message, and what to send instead.

use rmcp::model::{ErrorCode, ErrorData, ServerJsonRpcMessage};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::fault::Error;

/// It is no JSON.
pub(super) const PARSE_ERROR: i32 = -32_700;
/// It is JSON, and no message that is taken here.
pub(super) const INVALID_REQUEST: i32 = -32_600;
/// It is a request of a method that is not here.
pub(super) const METHOD_NOT_FOUND: i32 = -32_601;
/// It is a request with parameters that do not fit.
pub(super) const INVALID_PARAMS: i32 = -32_602;
/// The host failed.
pub(super) const INTERNAL: i32 = -32_603;
/// The protocol's revision is not served here.
pub(super) const UNSUPPORTED_VERSION: i32 = -32_022;
/// There is no such session: the number that the older revisions' own libraries use.
pub(super) const NO_SESSION: i32 = -32_001;

/// The most messages in one array.
const BATCH_MAX: usize = 100;

/// Why arrays of messages are refused.
pub(super) const NO_BATCHES: &str = "An array of messages is a batch, which revision 2025-03-26 alone has, in a \
    session that speaks it; send each message by itself.";

/// Why a message is not taken.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Refusal {
    pub(super) code: i32,
    /// What is wrong, and what to do.
    pub(super) message: String,
    /// The request's, as far as it can be told.
    pub(super) id: Value,
    pub(super) data: Option<Box<Value>>,
}

impl Refusal {
    /// A refusal of a message whose id nobody looked for.
    pub(super) fn new(code: i32, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), id: Value::Null, data: None }
    }

    /// The host's own error, in JSON-RPC's words.
    pub(super) fn of(error: &Error) -> Self {
        let next = error.next.as_ref().map(|next| format!(" Next: {next}")).unwrap_or_default();
        Self::new(INVALID_REQUEST, format!("{}{next}", error.message))
    }

    /// The same, to the request that this message is.
    pub(super) fn to(self, message: &[u8]) -> Self {
        let id = serde_json::from_slice::<Head>(message).ok().and_then(|head| head.id);
        Self { id: id.filter(is_id).unwrap_or_default(), ..self }
    }

    /// The same, with what a program can read.
    pub(super) fn with(self, data: Value) -> Self {
        Self { data: Some(Box::new(data)), ..self }
    }

    /// The message that tells it.
    pub(super) fn json(&self) -> Value {
        let mut error = json!({ "code": self.code, "message": self.message });
        if let (Some(data), Some(error)) = (&self.data, error.as_object_mut()) {
            error.insert("data".to_owned(), Value::clone(data));
        }
        json!({ "jsonrpc": "2.0", "id": self.id, "error": error })
    }
}

/// What tells a message's kind.
#[derive(Deserialize)]
struct Head {
    #[serde(default)]
    id: Option<Value>,
    #[serde(default)]
    method: Option<Value>,
}

/// The method of a request or notification.
pub(super) fn method(message: &[u8]) -> Option<String> {
    let head: Head = serde_json::from_slice(message).ok()?;
    head.method.and_then(|method| method.as_str().map(str::to_owned))
}

/// Whether a message of this server's is an answer: neither a request nor a notification.
pub(super) fn is_answer(message: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Shape {
        #[serde(default)]
        method: Option<IgnoredAny>,
    }
    serde_json::from_slice::<Shape>(message).is_ok_and(|shape| shape.method.is_none())
}

/// What is wrong with a request of a method that is not here, and what to do.
pub(super) fn no_method(method: &str) -> String {
    // A client may send anything as a name.
    let method: String = method.chars().filter(|c| !c.is_control()).take(200).collect();
    let (wrong, next) = match method.as_str() {
        "prompts/list" => ("No plugin here offers prompts.", "List the tools."),
        "resources/list" | "resources/templates/list" => ("No plugin here offers resources.", "List the tools."),
        "skills/list" | "skills/get" | "resources/directory/read" => {
            ("No plugin here offers skills.", "List the tools.")
        }
        "initialize" | "ping" => {
            ("Revision 2026-07-28 has no sessions to begin or keep.", "Ask `server/discover`, or call at once.")
        }
        "resources/subscribe" | "resources/unsubscribe" => {
            ("Revision 2026-07-28 has no subscriptions of sessions.", "Hear of changes by `subscriptions/listen`.")
        }
        "subscriptions/listen" => {
            ("`subscriptions/listen` is of revision 2026-07-28 alone.", "Subscribe by `resources/subscribe`.")
        }
        _ => {
            let next = "`initialize` or `server/discover` tells what there is.";
            return format!("`{method}` is no method of this host. Next: {next}");
        }
    };
    format!("{wrong} Next: {next}")
}

/// An answer that there is no such method, in more words than its name, which is all that the protocol
/// library says; none of any other message.
pub(super) fn of_no_method(message: &ServerJsonRpcMessage) -> Option<ServerJsonRpcMessage> {
    let ServerJsonRpcMessage::Error(answer) = message else { return None };
    (answer.error.code == ErrorCode::METHOD_NOT_FOUND).then(|| {
        let error = ErrorData::new(ErrorCode::METHOD_NOT_FOUND, no_method(&answer.error.message), None);
        ServerJsonRpcMessage::error(error, answer.id.clone())
    })
}

/// What is wrong with a message that the protocol library could not read.
pub(super) fn explain(message: &[u8]) -> Refusal {
    let value: Value = match serde_json::from_slice(message) {
        Ok(value) => value,
        Err(error) => return Refusal::new(PARSE_ERROR, format!("The message is no JSON: {error}.")),
    };
    let id = value.get("id").filter(|id| is_id(id)).cloned().unwrap_or_default();
    Refusal { id, ..Refusal::new(INVALID_REQUEST, wrong(&value)) }
}

fn is_id(id: &Value) -> bool {
    id.is_string() || id.is_i64() || id.is_u64()
}

fn wrong(value: &Value) -> &'static str {
    let Some(message) = value.as_object() else { return "A message is a JSON object." };
    if message.get("jsonrpc").and_then(Value::as_str) != Some("2.0") {
        return "A message holds `\"jsonrpc\": \"2.0\"`.";
    }
    match (message.get("method"), message.get("id")) {
        (_, Some(Value::Null)) => "`id` is a string or an integer, never null; a notification has none.",
        (_, Some(id)) if !is_id(id) => "`id` is a string or an integer.",
        (None, _) if !message.contains_key("result") && !message.contains_key("error") => {
            "`method` is missing: a request or notification says what is asked for."
        }
        (Some(method), _) if !method.is_string() => "`method` is a string.",
        _ => "The message is no request, notification or response of JSON-RPC 2.0 that fits its method.",
    }
}

/// The messages of an array.
pub(super) fn members(batch: &[u8]) -> Result<Vec<&RawValue>, Refusal> {
    let members: Vec<&RawValue> = match serde_json::from_slice(batch) {
        Ok(members) => members,
        Err(_) => return Err(explain(batch)),
    };
    match members.len() {
        0 => Err(Refusal::new(INVALID_REQUEST, "The array holds no message.")),
        count if count > BATCH_MAX => {
            let message = format!("An array holds at most {BATCH_MAX} messages; send the rest in others.");
            Err(Refusal::new(INVALID_REQUEST, message))
        }
        _ => Ok(members),
    }
}

/// The same messages as an array.
pub(super) fn array(messages: &[Vec<u8>]) -> Vec<u8> {
    let mut array = vec![b'['];
    array.extend(messages.join(&b','));
    array.push(b']');
    array
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_told_what_is_wrong_with_it() {
        for (message, code, said) in [
            ("{", PARSE_ERROR, "no JSON"),
            ("", PARSE_ERROR, "no JSON"),
            ("7", INVALID_REQUEST, "JSON object"),
            ("{}", INVALID_REQUEST, "`\"jsonrpc\": \"2.0\"`"),
            (r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#, INVALID_REQUEST, "never null"),
            (r#"{"jsonrpc":"2.0","id":1.5,"method":"ping"}"#, INVALID_REQUEST, "an integer"),
            (r#"{"jsonrpc":"2.0","id":1}"#, INVALID_REQUEST, "`method` is missing"),
            (r#"{"jsonrpc":"2.0","id":1,"method":2}"#, INVALID_REQUEST, "`method` is a string"),
        ] {
            let refusal = explain(message.as_bytes());
            assert_eq!(refusal.code, code, "{message}");
            assert!(refusal.message.contains(said), "{message}: {}", refusal.message);
        }
        assert_eq!(explain(br#"{"jsonrpc":"2.0","id":"a"}"#).id, "a");
        assert_eq!(explain(br#"{"jsonrpc":"2.0","id":[]}"#).id, Value::Null);
    }

    #[test]
    fn a_method_that_is_not_here_is_told_what_is() {
        for (method, said) in [
            ("prompts/list", "No plugin here offers prompts. Next: "),
            ("ping", "Revision 2026-07-28"),
            ("no\u{7}pe", "`nope` is no method of this host. Next: "),
        ] {
            assert!(no_method(method).starts_with(said), "{method}: {}", no_method(method));
        }
        assert!(no_method(&"é".repeat(1_000)).len() < 600);
        let other = ServerJsonRpcMessage::error(ErrorData::invalid_params("nope", None), None);
        assert!(of_no_method(&other).is_none());
    }

    #[test]
    fn an_array_has_members_and_not_too_many() {
        assert_eq!(members(b" [1, {}]").map(|members| members.len()), Ok(2));
        assert_eq!(members(b"[]").map_err(|refusal| refusal.code).err(), Some(INVALID_REQUEST));
        assert_eq!(members(b"[1,").map_err(|refusal| refusal.code).err(), Some(PARSE_ERROR));
        let many = format!("[{}1]", "1,".repeat(BATCH_MAX));
        assert_eq!(members(many.as_bytes()).map_err(|refusal| refusal.code).err(), Some(INVALID_REQUEST));
        assert_eq!(array(&[b"1".to_vec(), b"{}".to_vec()]), b"[1,{}]");
        assert_eq!(array(&[]), b"[]");
    }

    #[test]
    fn an_answer_has_no_method() {
        assert!(is_answer(br#"{"jsonrpc":"2.0","id":1,"result":{"method":1}}"#));
        assert!(is_answer(br#"{"jsonrpc":"2.0","id":null,"error":{}}"#));
        assert!(!is_answer(br#"{"jsonrpc":"2.0","method":"notifications/progress","params":{}}"#));
        assert!(!is_answer(b"x"));
    }
}
