//! Policies as operators write them, and what they say.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use super::*;

const USES: [(&str, &str); 4] = [("http", "send"), ("kv", "write"), ("sql", "execute"), ("sql", "query")];

/// 2026-03-01T12:00:00Z.
fn noon() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_772_366_400)
}

fn toolbox(read_only: bool, properties: Value) -> Toolbox {
    let schema = json!({ "type": "object", "properties": properties });
    Toolbox { read_only, input: Arc::new(schema.as_object().cloned().expect("an object")) }
}

/// The plugin `crm` for `support`, with a tool that reads and one that writes; `ops` for nobody; and
/// `billing`, which is not loaded.
fn world() -> Arc<World> {
    let crm = BTreeMap::from([
        ("crm__delete".to_owned(), toolbox(false, json!({ "id": { "type": "integer" } }))),
        (
            "crm__run_query".to_owned(),
            toolbox(true, json!({ "sql": { "type": "string" }, "limit": { "type": "integer" } })),
        ),
    ]);
    let ops = BTreeMap::from([("ops__pay".to_owned(), toolbox(true, json!({ "amount": { "type": "number" } })))]);
    let member = |prefix: &str, groups: &[&str], tools| Member {
        groups: groups.iter().map(|&group| group.to_owned()).collect(),
        prefix: prefix.to_owned(),
        tools,
    };
    let plugins = BTreeMap::from([
        ("billing".to_owned(), member("billing", &["support"], None)),
        ("crm".to_owned(), member("crm", &["support"], Some(crm))),
        ("ops".to_owned(), member("ops", &[], Some(ops))),
    ]);
    let grants = [("sql", "crm"), ("sql", "shop"), ("http", "grafana"), ("kv", "cache")];
    let grants = grants.map(|(of, name)| (of.to_owned(), name.to_owned()));
    Arc::new(World { plugins, grants: BTreeSet::from(grants), uses: USES.to_vec() })
}

fn read(text: &str) -> Result<Policy, String> {
    Policy::read(&Source::new("policy.cedar", text), &world()).map_err(|refused| refused.to_string())
}

fn good(text: &str) -> Policy {
    read(text).unwrap_or_else(|refused| panic!("{refused}"))
}

fn refusal(text: &str) -> String {
    read(text).expect_err("is refused")
}

fn caller(name: &str, groups: &[&str]) -> Caller {
    Caller { groups: groups.iter().map(|&group| group.to_owned()).collect(), ..Caller::named(name) }
}

fn plugin_of(tool: &str) -> &str {
    tool.split_once("__").map_or(tool, |(plugin, _)| plugin)
}

fn call(policy: &Policy, caller: &Caller, tool: &str, arguments: Value) -> Decision {
    let (plugin, arguments) = (plugin_of(tool), arguments.as_object());
    policy.may_call(Request { caller, plugin, action: Action::Call(tool), arguments, now: noon() })
}

fn sees(policy: &Policy, caller: &Caller, tool: &str) -> bool {
    policy.may_see(caller, plugin_of(tool), Action::Call(tool))
}

fn use_of(
    policy: &Policy,
    caller: &Caller,
    (capability, action): (&str, &str),
    grant: &str,
    facts: &Facts,
) -> Decision {
    let (plugin, tool, now) = ("crm", Some("crm__run_query"), noon());
    policy.may_use(Usage { caller, plugin, tool, capability, grant, action, facts, now })
}

fn allowed(by: &[&str]) -> Decision {
    Decision { allowed: true, policies: by.iter().map(|&id| id.to_owned()).collect(), failures: Vec::new() }
}

fn denied(by: &[&str]) -> Decision {
    Decision { allowed: false, ..allowed(by) }
}

#[test]
fn by_default_members_read_the_local_caller_does_everything_and_strangers_nothing() {
    let policy = Policy::read(&Source::default(), &world()).expect("is good");
    assert_eq!(policy.warnings(), &[] as &[String]);
    let (local, ann, bob) = (Caller::local(), caller("ann", &["support"]), caller("bob", &["sales"]));
    for tool in ["crm__run_query", "crm__delete", "ops__pay"] {
        assert_eq!(call(&policy, &local, tool, json!({})), allowed(&["local"]), "{tool}");
        assert_eq!(call(&policy, &bob, tool, json!({})), denied(&[]), "{tool}");
        assert!(!sees(&policy, &bob, tool), "{tool}");
    }
    assert_eq!(call(&policy, &ann, "crm__run_query", json!({ "sql": "SELECT 1" })), allowed(&["members-read"]));
    assert_eq!(call(&policy, &ann, "crm__delete", json!({})), denied(&[]));
    assert_eq!(call(&policy, &ann, "ops__pay", json!({})), denied(&[]), "the plugin is for no group");
    assert!(sees(&policy, &ann, "crm__run_query") && !sees(&policy, &ann, "crm__delete"));
    let ask = |action| policy.may_call(Request { caller: &ann, plugin: "crm", action, arguments: None, now: noon() });
    assert_eq!(ask(Action::Read("crm://tables")), allowed(&["members-read"]));
    assert_eq!(ask(Action::Prompt("crm__report")), allowed(&["members-read"]));
    let facts = Facts::of_class("read");
    assert_eq!(use_of(&policy, &ann, ("sql", "query"), "crm", &facts), allowed(&["grants-bound-uses"]));
}

#[test]
fn a_group_of_the_same_name_as_a_caller_is_another_thing() {
    let policy = Policy::read(&Source::default(), &world()).expect("is good");
    let sly = caller("support", &[]);
    assert_eq!(call(&policy, &sly, "crm__run_query", json!({})), denied(&[]));
    let sly = caller("local ", &["local", "Group::\"support\"", "support\n"]);
    assert_eq!(call(&policy, &sly, "crm__run_query", json!({})), denied(&[]));
}

#[test]
fn what_no_policy_speaks_of_is_denied() {
    let policy = good("permit (principal, action, resource);");
    let ann = caller("ann", &[]);
    assert_eq!(call(&policy, &ann, "crm__unheard_of", json!({})), denied(&[]));
    let stranger =
        Request { caller: &ann, plugin: "ops", action: Action::Call("crm__delete"), arguments: None, now: noon() };
    assert_eq!(policy.may_call(stranger), denied(&[]), "it is no tool of that plugin");
    assert_eq!(use_of(&policy, &ann, ("sql", "drop"), "crm", &Facts::default()), denied(&[]));
    assert_eq!(use_of(&policy, &ann, ("mail", "send"), "crm", &Facts::default()), denied(&[]));
    assert_eq!(call(&good(""), &Caller::local(), "crm__run_query", json!({})), denied(&[]));
}

#[test]
fn a_forbid_beats_every_permit_and_says_its_name() {
    let policy = good(
        r#"@id("all") permit (principal, action, resource);
           @id("not-ann") forbid (principal == Caller::"ann", action in Action::"writing", resource);
           permit (principal == Caller::"ann", action == Action::"crm__delete", resource == Plugin::"crm");"#,
    );
    let (ann, bob) = (caller("ann", &[]), caller("bob", &[]));
    assert_eq!(call(&policy, &ann, "crm__delete", json!({})), denied(&["not-ann"]));
    assert!(!sees(&policy, &ann, "crm__delete"));
    assert_eq!(call(&policy, &ann, "crm__run_query", json!({})), allowed(&["all"]));
    assert_eq!(call(&policy, &bob, "crm__delete", json!({})), allowed(&["all"]));
    assert_eq!(policy.place("not-ann").as_deref(), Some("policy.cedar:2:12"));
    assert_eq!(policy.place("policy2").as_deref(), Some("policy.cedar:3:12"));
}

#[test]
fn arguments_are_weighed_and_only_they_decide_what_is_seen() {
    let policy = good(
        r#"@id("small") permit (principal, action == Action::"crm__run_query", resource)
             when { context.input has limit && context.input.limit <= 10 };
           @id("no-secrets") forbid (principal, action in Action::"call", resource)
             when { context.input has sql && context.input.sql like "*secret*" };"#,
    );
    let ann = caller("ann", &[]);
    let ask = |arguments: Value| call(&policy, &ann, "crm__run_query", arguments);
    assert_eq!(ask(json!({ "limit": 10, "sql": "SELECT 1" })), allowed(&["small"]));
    assert_eq!(ask(json!({ "limit": 11 })), denied(&[]));
    assert_eq!(ask(json!({})), denied(&[]));
    assert_eq!(ask(json!({ "limit": "1" })), denied(&[]), "the schema refuses it afterwards");
    assert_eq!(ask(json!({ "limit": 1, "sql": "SELECT * FROM secrets" })), denied(&["no-secrets"]));
    assert!(sees(&policy, &ann, "crm__run_query"), "with other arguments it may");
    assert!(!sees(&policy, &ann, "crm__delete"));
}

#[test]
fn a_number_that_cedar_cannot_say_is_denied_where_a_policy_looks_at_it() {
    let looks = good(
        r#"permit (principal, action, resource);
           forbid (principal, action == Action::"ops__pay", resource)
             when { context.input has amount && context.input.amount.greaterThan(decimal("100.0")) };"#,
    );
    let ann = caller("ann", &[]);
    assert!(call(&looks, &ann, "ops__pay", json!({ "amount": 99.5 })).allowed);
    assert!(!call(&looks, &ann, "ops__pay", json!({ "amount": 100.5 })).allowed);
    let decision = call(&looks, &ann, "ops__pay", json!({ "amount": 100.000_01 }));
    assert!(!decision.allowed && decision.failures.len() == 1, "{decision:?}");
    let blind = good("permit (principal, action, resource);");
    assert!(call(&blind, &ann, "ops__pay", json!({ "amount": 100.000_01 })).allowed);
}

#[test]
fn uses_are_weighed_by_class_tables_tool_and_time() {
    let policy = good(
        r#"@id("reads") permit (principal in Group::"support", action == Action::"sql.query", resource == sql::"crm")
             when { context.class == "read" && context.plugin == "crm" };
           @id("no-pay") forbid (principal, action in Action::"use", resource)
             when { context.tables.contains("hr.salaries") };
           @id("by-day") permit (principal, action == Action::"kv.write", resource is kv)
             when { context.now < datetime("2026-03-01T18:00:00Z") && context has tool && context.tool == "crm__run_query" };"#,
    );
    let ann = caller("ann", &["support"]);
    let tables = |tables: &[&str]| Facts {
        tables: tables.iter().map(|&table| table.to_owned()).collect(),
        ..Facts::of_class("read")
    };
    let query = |grant: &str, facts: Facts| use_of(&policy, &ann, ("sql", "query"), grant, &facts);
    assert_eq!(query("crm", tables(&["orders"])), allowed(&["reads"]));
    assert_eq!(query("crm", tables(&["hr.salaries", "orders"])), denied(&["no-pay"]));
    assert_eq!(query("crm", Facts::of_class("unknown")), denied(&[]));
    assert_eq!(query("shop", tables(&[])), denied(&[]), "the same name of another grant is another grant");
    assert_eq!(use_of(&policy, &ann, ("kv", "write"), "cache", &Facts::of_class("write")), allowed(&["by-day"]));
    let facts = &Facts::of_class("write");
    let (plugin, capability, grant, action) = ("crm", "kv", "cache", "write");
    let evening = noon() + Duration::from_secs(7 * 3600);
    let late =
        Usage { caller: &ann, plugin, tool: Some("crm__run_query"), capability, grant, action, facts, now: evening };
    assert_eq!(policy.may_use(late), denied(&[]));
    assert_eq!(policy.may_use(Usage { tool: None, now: noon(), ..late }), denied(&[]));
}

#[test]
fn attributes_of_a_caller_are_tags() {
    let policy = good(
        r#"permit (principal, action, resource)
             when { principal.hasTag("unit") && principal.getTag("unit").contains("emea") && principal.name like "a*" };"#,
    );
    let ann = |values: &[&str]| Caller {
        attributes: BTreeMap::from([("unit".to_owned(), values.iter().map(|&value| value.to_owned()).collect())]),
        ..Caller::named("ann")
    };
    assert!(call(&policy, &ann(&["apac", "emea"]), "crm__delete", json!({})).allowed);
    assert!(!call(&policy, &ann(&["apac"]), "crm__delete", json!({})).allowed);
    assert!(!call(&policy, &caller("ann", &["emea"]), "crm__delete", json!({})).allowed);
}

#[test]
fn a_policy_that_always_fails_denies_and_is_named() {
    let policy = good(
        r#"@id("all") permit (principal, action, resource);
           @id("overflows") forbid (principal, action in Action::"writing", resource)
             when { 9223372036854775807 + 1 > 0 };"#,
    );
    let ann = caller("ann", &[]);
    let decision = call(&policy, &ann, "crm__delete", json!({}));
    assert_eq!((decision.allowed, decision.policies.as_slice()), (false, &["overflows".to_owned()][..]));
    assert!(decision.failures[0].starts_with("`overflows`: "), "{decision:?}");
    assert!(sees(&policy, &ann, "crm__delete"), "whoever calls it is to be told");
    assert_eq!(call(&policy, &ann, "crm__run_query", json!({})), allowed(&["all"]), "it is not about that one");
}

#[test]
fn mistakes_are_refused_with_place_and_hint() {
    let typo = refusal("permit (principal, action, resource)\nwen { true };");
    assert!(typo.starts_with("policy.cedar:2:1: "), "{typo}");
    let action = refusal("permit (principal,\n  action == Action::\"crm__run_qery\", resource);");
    assert!(action.starts_with("policy.cedar:2:") && action.contains("did you mean `crm__run_query`?"), "{action}");
    let attribute =
        refusal("permit (principal, action == Action::\"crm__delete\", resource)\nwhen { context.input.idd == 1 };");
    assert!(attribute.starts_with("policy.cedar:2:") && attribute.contains("idd"), "{attribute}");
    let optional =
        refusal("permit (principal, action == Action::\"crm__delete\", resource) when { context.input.id == 1 };");
    assert!(optional.contains("has"), "{optional}");
    let kind = refusal("permit (principal == User::\"ann\", action, resource);");
    assert!(kind.contains("User"), "{kind}");
    let number = refusal(
        "permit (principal, action == Action::\"crm__delete\", resource) when { context.input has id && context.input.id == \"1\" };",
    );
    assert!(number.starts_with("policy.cedar:1:"), "{number}");
}

#[test]
fn names_that_cedar_does_not_know_are_looked_up_too() {
    let plugin = refusal("permit (principal, action, resource == Plugin::\"crn\");");
    assert!(plugin.contains("there is no plugin `crn`; did you mean `crm`?"), "{plugin}");
    let grant = refusal("permit (principal, action == Action::\"sql.query\", resource == sql::\"crmm\");");
    assert!(grant.contains("there is no grant [sql.crmm]; did you mean `crm`?"), "{grant}");
    assert!(
        read("permit (principal == Caller::\"whoever\", action, resource) when { principal in Group::\"any\" };")
            .is_ok()
    );
}

#[test]
fn two_policies_of_one_id_and_templates_are_refused() {
    let twice =
        refusal("@id(\"a\") permit (principal, action, resource);\n@id(\"a\") forbid (principal, action, resource);");
    assert!(twice.starts_with("policy.cedar:2:") && twice.contains("policy.cedar:1:"), "{twice}");
    let template = refusal("permit (principal == ?principal, action, resource);");
    assert!(template.contains("template"), "{template}");
}

#[test]
fn a_policy_about_a_plugin_that_is_not_loaded_waits_for_it_and_takes_nothing_down() {
    let policy = good(
        r#"permit (principal, action == Action::"billing__refund", resource == Plugin::"billing")
             when { context.input.amount > 10 };
           @id("both") forbid (principal, action in [Action::"billing__refund", Action::"crm__delete"], resource);
           @id("all") permit (principal, action, resource);"#,
    );
    let warnings = policy.warnings().join("\n");
    assert!(warnings.contains("waits for the plugin `billing`"), "{warnings}");
    let ann = caller("ann", &[]);
    assert_eq!(call(&policy, &ann, "crm__delete", json!({})), denied(&["both"]));
    assert_eq!(call(&policy, &ann, "crm__run_query", json!({})), allowed(&["all"]));
}

#[test]
fn in_another_world_the_same_policies_hold_for_what_is_there_now() {
    let policy = good("@id(\"reads\") permit (principal, action in Action::\"read-only\", resource);");
    let mut now = World::clone(&world());
    let crm = now.plugins.get_mut("crm").expect("is there");
    let tools = crm.tools.as_mut().expect("is loaded");
    tools.insert("crm__new".to_owned(), toolbox(true, json!({})));
    // It said that it only reads, and says so no more.
    tools.insert("crm__run_query".to_owned(), toolbox(false, json!({})));
    let within = policy.within(&Arc::new(now.clone()));
    let ann = caller("ann", &[]);
    assert_eq!(call(&within, &ann, "crm__new", json!({})), allowed(&["reads"]));
    assert_eq!(call(&within, &ann, "crm__run_query", json!({})), denied(&[]));
    let source =
        Source::new("policy.cedar", "@id(\"reads\") permit (principal, action in Action::\"read-only\", resource);");
    assert!(policy.is_of(&source, &world()));
    assert!(!policy.is_of(&source, &now) && !within.is_of(&source, &now), "what was not checked is not of it");
}

#[test]
fn the_schema_is_cedars_and_names_everything() {
    let schema = Policy::schema(&world()).expect("is one");
    for word in ["entity Caller in [Group]", "crm__run_query", "sql.execute", "entity kv", "limit?", "tags Set<String>"]
    {
        assert!(schema.contains(word), "{word}: {schema}");
    }
}

#[test]
fn policies_about_others_cost_a_question_nothing_to_speak_of() {
    let many: String = (0..1_000)
        .map(|at| format!("permit (principal == Caller::\"c{at}\", action == Action::\"crm__delete\", resource);\n"))
        .collect();
    let policy = good(&format!("{many}@id(\"reads\") permit (principal, action in Action::\"read-only\", resource);"));
    let ann = caller("ann", &[]);
    assert_eq!(call(&policy, &ann, "crm__run_query", json!({})), allowed(&["reads"]));
    assert!(call(&policy, &caller("c999", &[]), "crm__delete", json!({})).allowed);
    assert_eq!(policy.count(), 1_001);
}
