//! What is known of a call: its line in the audit trail is made of it, and its figures.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::audit::{self, Digest};
use crate::call::{CallId, Caller, Noted, Outcome, Trace, Use, Uses};
use crate::config;
use crate::fault::{Error, Fault};
use crate::policy::Decision;

/// The longest text in a line of what somebody else made up, in bytes.
const TEXT_BYTES_MAX: usize = 256;

/// How many tables of one use a line names.
const TABLES_MAX: usize = 32;

/// How many policies of one decision a line names.
const POLICIES_MAX: usize = 16;

/// What is known of a call while it goes on.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) id: CallId,
    pub(super) trace: Option<Trace>,
    pub(super) caller: Arc<Caller>,
    /// What is asked for, in MCP's words.
    pub(super) method: &'static str,
    /// Of what: the name of a tool or prompt, or a URI. No more than a line takes.
    pub(super) name: String,
    pub(super) arguments: Option<Digest>,
    /// Whose offer it is; none of a tool of the host's own, or of what does not exist.
    pub(super) plugin: Option<Plugin>,
    pub(super) decision: Option<Decision>,
    pub(super) uses: Uses,
    pub(super) began: Instant,
}

/// The plugin of a call.
#[derive(Debug)]
pub(super) struct Plugin {
    pub(super) name: String,
    /// SHA-256 of its component, in hexadecimal.
    pub(super) digest: String,
}

/// How a call ended.
#[derive(Debug)]
pub(super) struct Ending {
    /// `answered`, `asked`, or the error's kind.
    pub(super) outcome: &'static str,
    pub(super) fault: Option<Fault>,
    pub(super) took: Duration,
    pub(super) noted: Noted,
}

impl Record {
    /// How the call ended, which is now.
    pub(super) fn end<T>(&self, outcome: &Result<Outcome<T>, Error>) -> Ending {
        let (outcome, fault) = match outcome {
            Ok(Outcome::Done(_)) => ("answered", None),
            Ok(Outcome::Asked) => ("asked", None),
            Err(error) => (error.kind.as_str(), Some(error.kind.fault())),
        };
        Ending { outcome, fault, took: self.began.elapsed(), noted: self.uses.take() }
    }

    /// Its line in the audit trail.
    pub(super) fn line<'a>(&'a self, ending: &'a Ending) -> Line<'a> {
        let Noted { uses, others, rows, bytes_out } = &ending.noted;
        Line {
            time: audit::now(),
            id: self.id.to_string(),
            trace: self.trace.as_ref().map(Trace::id),
            caller: cut(&self.caller.name),
            plugin: self.plugin.as_ref().map(|plugin| plugin.name.as_str()),
            digest: self.plugin.as_ref().map(|plugin| plugin.digest.as_str()),
            method: self.method,
            name: &self.name,
            arguments: self.arguments.as_ref(),
            decision: self.decision.as_ref().map(|decision| Decided {
                allowed: decision.allowed,
                policies: decision.policies.iter().take(POLICIES_MAX).map(|policy| cut(policy)).collect(),
            }),
            uses: uses.iter().map(|(one, times)| Used::of(one, *times)).collect(),
            other_uses: *others,
            outcome: ending.outcome,
            fault: ending.fault.map(Fault::as_str),
            us: u64::try_from(ending.took.as_micros()).unwrap_or(u64::MAX),
            bytes_out: *bytes_out,
            rows: *rows,
        }
    }
}

/// A line, as it is written: no value of an argument, and nothing of an answer.
#[derive(Debug, Serialize)]
pub(super) struct Line<'a> {
    time: String,
    id: String,
    trace: Option<&'a str>,
    caller: &'a str,
    plugin: Option<&'a str>,
    digest: Option<&'a str>,
    method: &'static str,
    name: &'a str,
    arguments: Option<&'a Digest>,
    decision: Option<Decided<'a>>,
    uses: Vec<Used<'a>>,
    #[serde(skip_serializing_if = "is_zero")]
    other_uses: u64,
    outcome: &'static str,
    fault: Option<&'static str>,
    us: u64,
    bytes_out: u64,
    rows: u64,
}

/// What the policy said of the call.
#[derive(Debug, Serialize)]
struct Decided<'a> {
    allowed: bool,
    policies: Vec<&'a str>,
}

/// What the call did with one grant.
#[derive(Debug, Serialize)]
struct Used<'a> {
    capability: &'static str,
    /// None if there can be no such grant: a plugin might tell anything by such a name.
    grant: Option<&'a str>,
    action: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    class: Option<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tables: Vec<&'a str>,
    #[serde(skip_serializing_if = "is_zero")]
    other_tables: u64,
    allowed: bool,
    policies: Vec<&'a str>,
    times: u64,
}

impl<'a> Used<'a> {
    fn of(one: &'a Use, times: u64) -> Self {
        let Use { capability, grant, action, facts, granted: _, allowed, policies } = one;
        Self {
            capability,
            grant: config::is_name(grant).then_some(grant.as_str()),
            action,
            class: facts.class,
            tables: facts.tables.iter().take(TABLES_MAX).map(|table| cut(table)).collect(),
            other_tables: u64::try_from(facts.tables.len().saturating_sub(TABLES_MAX)).unwrap_or_default(),
            allowed: *allowed,
            policies: policies.iter().take(POLICIES_MAX).map(|policy| cut(policy)).collect(),
            times,
        }
    }
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// As much of a text as a line takes.
pub(super) fn cut(text: &str) -> &str {
    text.get(..text.floor_char_boundary(TEXT_BYTES_MAX)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::call::Facts;
    use crate::fault::Kind;

    fn record(name: &str) -> Record {
        Record {
            id: CallId::new(),
            trace: None,
            caller: Arc::new(Caller::named("ann\nlee\u{1b}[2J")),
            method: "tools/call",
            name: cut(name).to_owned(),
            arguments: None,
            plugin: Some(Plugin { name: "crm".to_owned(), digest: "00".to_owned() }),
            decision: Some(Decision { allowed: true, policies: vec!["readers".to_owned()], ..Decision::default() }),
            uses: Uses::default(),
            began: Instant::now(),
        }
    }

    #[test]
    fn a_line_says_what_was_done_and_is_one_line_whatever_the_names() {
        let record = record(&format!("a\n\"b\"{}", "é".repeat(300)));
        for table in 0..3 {
            let facts =
                Facts { class: Some("read"), tables: (0..40).map(|at| format!("t{}", at + table / 2)).collect() };
            let one = Use {
                capability: "sql",
                grant: "crm".to_owned(),
                action: "query",
                facts,
                granted: true,
                allowed: true,
                policies: Vec::new(),
            };
            record.uses.note(one);
        }
        record.uses.note_rows(7);
        record.uses.note_bytes(99);
        let ending = record.end(&Err::<Outcome, _>(Error::new(Kind::Failed, "never in the line")));
        let text = serde_json::to_string(&record.line(&ending)).expect("is JSON");
        assert!(!text.contains(['\n', '\u{1b}']) && !text.contains("never in the line"), "{text}");
        let line: Value = serde_json::from_str(&text).expect("is JSON");
        assert_eq!(line["caller"], "ann\nlee\u{1b}[2J");
        assert_eq!(line["name"].as_str().expect("is text").len(), 255, "whole characters of at most 256 bytes");
        assert_eq!([&line["outcome"], &line["fault"]], ["failed", "upstream"]);
        assert_eq!([&line["rows"], &line["bytes_out"]], [7, 99]);
        assert_eq!(line["decision"], json!({ "allowed": true, "policies": ["readers"] }));
        let uses = line["uses"].as_array().expect("are there");
        assert_eq!((uses.len(), &uses[0]["times"], &uses[0]["other_tables"]), (2, &json!(2), &json!(8)));
        assert_eq!(uses[0]["tables"].as_array().map(Vec::len), Some(TABLES_MAX));
        let absent = ["trace", "arguments"].map(|key| &line[key]);
        assert_eq!(absent, [&Value::Null, &Value::Null]);
    }

    #[test]
    fn a_plugin_tells_nothing_by_the_names_of_grants_that_it_makes_up() {
        let record = record("x");
        for grant in ["orders", "the customer's password is hunter2"] {
            let (capability, grant, facts) = ("sql", grant.to_owned(), Facts::default());
            let (granted, allowed, policies) = (false, false, Vec::new());
            record.uses.note(Use { capability, grant, action: "query", facts, granted, allowed, policies });
        }
        let ending = record.end(&Ok(Outcome::Done(())));
        let line = serde_json::to_value(record.line(&ending)).expect("is JSON");
        assert_eq!([&line["uses"][0]["grant"], &line["uses"][1]["grant"]], [&json!("orders"), &Value::Null]);
    }

    #[test]
    fn each_ending_has_its_word() {
        let record = record("x");
        for (outcome, word, fault) in [
            (Ok(Outcome::Done(())), "answered", None),
            (Ok(Outcome::Asked), "asked", None),
            (Err(Error::new(Kind::Denied, "")), "denied", Some(Fault::Caller)),
            (Err(Error::new(Kind::UnknownTool, "")), "unknown-tool", Some(Fault::Caller)),
        ] {
            let ending = record.end(&outcome);
            assert_eq!((ending.outcome, ending.fault), (word, fault));
        }
    }
}
