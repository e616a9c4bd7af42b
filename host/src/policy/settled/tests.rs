//! What is settled and what is left come to what Cedar says to the whole question.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cedar_policy::{Authorizer, Context, Decision as Said, Entities, PolicySet, Request as Question};
use serde_json::{Value, json};

use super::super::text::Written;
use super::super::*;
use super::why;

const NOW: &str = "2026-03-01T12:00:00.000Z";

const PRINCIPALS: [&str; 6] = [
    "principal",
    "principal == Caller::\"ann\"",
    "principal in Group::\"support\"",
    "principal in Group::\"staff\"",
    "principal is Caller",
    "principal is Caller in Group::\"staff\"",
];

const ACTIONS: [&str; 7] = [
    "action",
    "action == Action::\"crm__run_query\"",
    "action in Action::\"call\"",
    "action in [Action::\"read-only\", Action::\"crm__run_query\", Action::\"crm__delete\"]",
    "action in Action::\"use\"",
    "action == Action::\"sql.query\"",
    "action == Action::\"resource.read\"",
];

const RESOURCES: [&str; 5] = [
    "resource",
    "resource == Plugin::\"crm\"",
    "resource is sql",
    "resource == sql::\"crm\"",
    "resource in Plugin::\"crm\"",
];

/// Conditions that look at no context and that do, that hold, that do not, and that fail.
const CONDITIONS: [&str; 23] = [
    "true",
    "principal in Group::\"staff\"",
    "principal.name like \"a*\"",
    "principal.hasTag(\"unit\") && principal.getTag(\"unit\").contains(\"emea\")",
    "principal.getTag(\"unit\").contains(\"emea\")",
    "principal in resource.groups",
    "action in Action::\"writing\"",
    "9223372036854775807 + 1 > 0",
    "principal.nothing == 1",
    "\"context\" like \"*\"",
    "context has input && context.input has sql && context.input.sql like \"*secret*\"",
    "context.input has sql && context.input.sql like \"*secret*\"",
    "context.input.limit > 5",
    "context.input.limit + 9223372036854775807 > 0",
    "context.input.limit",
    "context.input has limit && [1, 7].contains(context.input.limit)",
    "context has input.sql",
    "context has class && context.class == \"read\"",
    "context.tables.contains(\"orders\")",
    "context.now < datetime(\"2026-03-01T18:00:00Z\")",
    "if context has input then principal in Group::\"staff\" else action == Action::\"sql.query\"",
    "context == {\"now\": datetime(\"2026-03-01T12:00:00.000Z\"), \"uri\": \"crm://tables\"}",
    "context has uri && principal.getTag(context.uri).contains(\"emea\")",
];

/// Numbers that look like chance, the same each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).expect("fits") % end
    }

    fn of<'a, T: ?Sized>(&mut self, all: &[&'a T]) -> &'a T {
        all[self.below(all.len())]
    }

    fn yes(&mut self) -> bool {
        self.below(2) == 0
    }

    fn policies(&mut self) -> String {
        let mut text = String::new();
        for at in 0..=self.below(9) {
            let effect = self.of(&["permit", "permit", "forbid"]);
            let (principal, action, resource) = (self.of(&PRINCIPALS), self.of(&ACTIONS), self.of(&RESOURCES));
            text += &format!("@id(\"p{at}\") {effect} ({principal}, {action}, {resource})");
            for _ in 0..self.below(4) {
                text += &format!(" {} {{ {} }}", self.of(&["when", "when", "unless"]), self.of(&CONDITIONS));
            }
            text += ";\n";
        }
        text
    }

    fn caller(&mut self) -> Caller {
        let mut caller = Caller::named(self.of(&["ann", "bob"]));
        caller.groups = ["support", "staff"].into_iter().filter(|_| self.yes()).map(str::to_owned).collect();
        if self.yes() {
            let unit = vec![self.of(&["emea", "apac"]).to_owned()];
            caller.attributes = BTreeMap::from([("unit".to_owned(), unit)]);
        }
        caller
    }

    fn asked(&mut self) -> Ask {
        let mut input = json!({});
        if self.yes() {
            input["sql"] = json!(self.of(&["SELECT 1", "SELECT secret"]));
        }
        if self.yes() {
            input["limit"] = json!(self.below(10));
        }
        match self.below(5) {
            0 => Ask::Call("crm__delete", json!({})),
            1 => Ask::Read("crm://tables"),
            2 => Ask::Use(self.of(&["crm", "shop"]), self.of(&["read", "write"]), self.of(&["orders", "salaries"])),
            _ => Ask::Call("crm__run_query", input),
        }
    }
}

/// A question, without who asks.
#[derive(Debug)]
enum Ask {
    Call(&'static str, Value),
    Read(&'static str),
    Use(&'static str, &'static str, &'static str),
}

impl Ask {
    /// What the policy says to it.
    fn decision(&self, policy: &Policy, caller: &Caller) -> Decision {
        let (plugin, now) = ("crm", now());
        let call = |action, arguments| policy.may_call(Request { caller, plugin, action, arguments, now });
        match self {
            Self::Call(tool, input) => call(Action::Call(tool), input.as_object()),
            Self::Read(uri) => call(Action::Read(uri), None),
            Self::Use(grant, class, table) => {
                let facts = &Facts { class: Some(class), tables: vec![(*table).to_owned()] };
                let (tool, capability, action) = (Some("crm__run_query"), "sql", "query");
                policy.may_use(Usage { caller, plugin, tool, capability, grant, action, facts, now })
            }
        }
    }

    fn seen(&self, policy: &Policy, caller: &Caller) -> Option<bool> {
        match self {
            Self::Call(tool, _) => Some(policy.may_see(caller, "crm", Action::Call(tool))),
            Self::Read(uri) => Some(policy.may_see(caller, "crm", Action::Read(uri))),
            Self::Use(..) => None,
        }
    }

    /// What Cedar says to the whole of it, over all policies at once.
    fn plain(&self, policies: &PolicySet, caller: &Caller) -> Decision {
        let now = json!({ "__extn": { "fn": "datetime", "arg": NOW } });
        let plugin = ("Plugin", "crm");
        let (action, groups, (kind, id), context) = match self {
            Self::Call("crm__delete", input) => {
                ("crm__delete", vec!["call", "writing"], plugin, json!({ "input": input, "now": now }))
            }
            Self::Call(tool, input) => {
                (*tool, vec!["call", "read-only"], plugin, json!({ "input": input, "now": now }))
            }
            Self::Read(uri) => ("resource.read", vec![], plugin, json!({ "uri": uri, "now": now })),
            Self::Use(grant, class, table) => {
                let context = json!({ "class": class, "plugin": "crm", "tables": [table], "tool": "crm__run_query",
                                      "now": now });
                ("sql.query", vec!["use"], ("sql", *grant), context)
            }
        };
        let uid = |kind: &str, id: &str| json!({ "type": kind, "id": id });
        let uids = |kind: &str, ids: &[&str]| ids.iter().map(|id| uid(kind, id)).collect::<Vec<_>>();
        let of: Vec<&str> = caller.groups.iter().map(String::as_str).collect();
        let entities = json!([
            { "uid": uid("Caller", &caller.name), "attrs": { "name": caller.name }, "parents": uids("Group", &of),
              "tags": caller.attributes },
            { "uid": uid("Action", action), "attrs": {}, "parents": uids("Action", &groups) },
            { "uid": uid("Plugin", "crm"), "parents": [],
              "attrs": { "groups": [{ "__entity": uid("Group", "support") }] } },
        ]);
        let named = |kind: &str, id: &str| format!("{kind}::\"{id}\"").parse().expect("is a name");
        let question = Question::new(
            named("Caller", &caller.name),
            named("Action", action),
            named(kind, id),
            Context::from_json_value(context, None).expect("is a context"),
            None,
        );
        let entities = Entities::from_json_value(entities, None).expect("are entities");
        let response = Authorizer::new().is_authorized(&question.expect("is a question"), policies, &entities);
        let mut found = Found::default();
        let reason = response.diagnostics().reason().map(ToString::to_string).collect();
        match response.decision() {
            Said::Allow => found.permits = reason,
            Said::Deny => found.forbids = reason,
        }
        found.failures.extend(response.diagnostics().errors().map(|error| {
            let cedar_policy::AuthorizationError::PolicyEvaluationError(error) = error;
            Failure { policy: error.policy_id().to_string(), why: why(error.inner()) }
        }));
        Decision::of(found)
    }
}

fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_772_366_400)
}

fn world() -> Arc<World> {
    let toolbox = |read_only: bool, properties: Value| {
        let schema = json!({ "type": "object", "properties": properties });
        Toolbox { read_only, input: Arc::new(schema.as_object().cloned().expect("an object")) }
    };
    let properties = json!({ "sql": { "type": "string" }, "limit": { "type": "integer" } });
    let tools = BTreeMap::from([
        ("crm__delete".to_owned(), toolbox(false, json!({}))),
        ("crm__run_query".to_owned(), toolbox(true, properties)),
    ]);
    let groups = BTreeSet::from(["support".to_owned()]);
    let crm = Member { groups, prefix: "crm".to_owned(), tools: Some(tools) };
    let grants = ["crm", "shop"].map(|grant| ("sql".to_owned(), grant.to_owned()));
    Arc::new(World {
        plugins: BTreeMap::from([("crm".to_owned(), crm)]),
        grants: BTreeSet::from(grants),
        uses: vec![("sql", "query")],
    })
}

/// Policies that nothing held against a schema, so that they may fail in every way.
fn unchecked(text: &str) -> (Policy, PolicySet) {
    let source = Source::new("policy.cedar", text);
    let written = Written::read(&source).expect("reads");
    let whole = PolicySet::from_policies(written.policies.iter().map(|policy| policy.cedar.clone()));
    (Policy::weighing(source, written, world(), None).expect("is good"), whole.expect("are policies"))
}

/// What fails is told in no order that anybody could rely on.
fn sorted(mut decision: Decision) -> Decision {
    decision.failures.sort();
    decision.failures.dedup();
    decision
}

#[test]
fn asked_once_or_again_the_answer_is_cedars_to_the_whole_question() {
    let mut dice = Dice(6);
    let (mut allowed, mut failed) = (0, 0);
    for _ in 0..60 {
        let text = dice.policies();
        let (policy, whole) = unchecked(&text);
        for _ in 0..15 {
            let (caller, ask) = (dice.caller(), dice.asked());
            let plain = sorted(ask.plain(&whole, &caller));
            let fresh = unchecked(&text).0;
            let seen = ask.seen(&fresh, &caller);
            for _ in 0..2 {
                assert_eq!(sorted(ask.decision(&policy, &caller)), plain, "{caller:?} {ask:?}\n{text}");
                assert_eq!(ask.seen(&policy, &caller), seen, "{caller:?} {ask:?}\n{text}");
            }
            assert!(!plain.allowed || seen != Some(false), "what is allowed is seen: {caller:?} {ask:?}\n{text}");
            allowed += usize::from(plain.allowed);
            failed += usize::from(!plain.failures.is_empty());
        }
    }
    assert!(allowed > 60 && failed > 60, "{allowed} allowed, {failed} failed");
}

#[test]
fn conditions_that_are_kept_are_those_that_were_written() {
    let each = CONDITIONS.map(|condition| format!("permit (principal, action, resource) when {{ {condition} }};\n"));
    let written = Written::read(&Source::new("policy.cedar", &each.concat())).expect("reads");
    let mut open = 0;
    for policy in &written.policies {
        let Some(halves) = &policy.halves else { continue };
        assert_eq!(Some(halves.conditions.as_ref()), policy.cedar.as_ref().non_scope_constraints());
        assert!(halves.conditions.as_ref().source_loc().is_none(), "it passes on no place in the text");
        open += 1;
    }
    assert_eq!(open, 13);
}

#[test]
fn an_argument_that_cedar_cannot_say_ends_no_question_that_it_is_not_about() {
    let (policy, _) = unchecked(
        r#"permit (principal, action, resource);
           forbid (principal in Group::"staff", action, resource) when { context.input has limit && context.input.limit > 5 };"#,
    );
    let ask = Ask::Call("crm__run_query", json!({ "limit": u64::MAX }));
    let staff = Caller { groups: BTreeSet::from(["staff".to_owned()]), ..Caller::named("ann") };
    for _ in 0..2 {
        assert_eq!(ask.decision(&policy, &staff).failures.len(), 1);
        assert!(ask.decision(&policy, &Caller::named("ann")).allowed);
    }
}

#[test]
fn more_callers_than_are_remembered_are_answered_rightly() {
    let (policy, _) = unchecked(
        r#"permit (principal in Group::"support", action, resource) unless { context.input has sql };
           permit (principal in Group::"staff", action, resource);"#,
    );
    let ask = Ask::Call("crm__run_query", json!({ "sql": "SELECT 1" }));
    for round in 0..2 {
        for at in 0..6_000 {
            let group = if at % 2 == round { "staff" } else { "support" };
            let caller = Caller { groups: BTreeSet::from([group.to_owned()]), ..Caller::named(format!("c{at}")) };
            assert_eq!(ask.decision(&policy, &caller).allowed, group == "staff", "{caller:?}");
        }
    }
}
