//! The schema that policies are held against, made of a world.
//!
//! ```cedarschema
//! entity Group;
//! entity Caller in [Group] { name: String } tags Set<String>;
//! entity Plugin { groups: Set<Group> };
//! entity sql;
//! action "call", "read-only", "writing", "use";
//! action "crm__run_query" in ["call", "read-only"]
//!   appliesTo { principal: Caller, resource: Plugin, context: { input: { sql?: String }, now: datetime } };
//! action "sql.query" in ["use"]
//!   appliesTo { principal: Caller, resource: sql,
//!               context: { class: String, now: datetime, plugin: String, tables: Set<String>, tool?: String } };
//! ```

use std::collections::BTreeSet;

use cedar_policy::{Schema, SchemaFragment};
use serde_json::{Map, Value, json};

use super::shape::{record, shapes};
use super::{Policy, World};

/// What every call of a tool is.
pub(super) const CALL: &str = "call";
/// What calls are of tools that say that they change nothing.
pub(super) const READ_ONLY: &str = "read-only";
/// What the other calls are.
pub(super) const WRITING: &str = "writing";
/// What every use of a grant is.
pub(super) const USE: &str = "use";
/// Reading a resource.
pub(super) const READ: &str = "resource.read";
/// Having a prompt written.
pub(super) const PROMPT: &str = "prompt.get";

/// The groups that a call of a tool is in.
pub(super) fn groups(read_only: bool) -> [&'static str; 2] {
    [CALL, if read_only { READ_ONLY } else { WRITING }]
}

impl Policy {
    /// The schema of a world, in Cedar's own language.
    ///
    /// # Errors
    ///
    /// Cedar's reason, should it not take the schema.
    pub fn schema(world: &World) -> Result<String, String> {
        let fragment =
            SchemaFragment::from_json_value(json(world, &BTreeSet::new())).map_err(|error| error.to_string())?;
        let schema = fragment.to_cedarschema().map_err(|error| error.to_string())?;
        // Nothing of ours hides Cedar's own types.
        Ok(schema.replace("__cedar::", ""))
    }
}

/// The schema of a world. Tools that are not loaded are known by name alone.
pub(super) fn schema(world: &World, absent: &BTreeSet<String>) -> Result<Schema, String> {
    Schema::from_json_value(json(world, absent)).map_err(|error| error.to_string())
}

fn json(world: &World, absent: &BTreeSet<String>) -> Value {
    let mut actions = actions(world);
    for name in absent {
        actions.entry(name.clone()).or_insert_with(|| json!({}));
    }
    json!({ "": { "entityTypes": entities(world), "actions": actions } })
}

fn entities(world: &World) -> Map<String, Value> {
    let strings = || json!({ "type": "Set", "element": { "type": "String" } });
    let groups = json!({ "type": "Set", "element": { "type": "Entity", "name": "Group" } });
    let shape = |attribute: &str, of: Value| json!({ "type": "Record", "attributes": { attribute: of } });
    let mut entities = Map::new();
    entities.insert("Group".to_owned(), json!({}));
    let caller = json!({
        "memberOfTypes": ["Group"],
        "shape": shape("name", json!({ "type": "String" })),
        "tags": strings(),
    });
    entities.insert("Caller".to_owned(), caller);
    entities.insert("Plugin".to_owned(), json!({ "shape": shape("groups", groups) }));
    for capability in world.capabilities() {
        entities.insert(capability.to_owned(), json!({}));
    }
    entities
}

fn actions(world: &World) -> Map<String, Value> {
    let mut actions = Map::new();
    for group in [CALL, READ_ONLY, WRITING, USE] {
        actions.insert(group.to_owned(), json!({}));
    }
    let of_plugin = |of: &[&str], keys: Value| action(of, "Plugin", keys);
    let text = || json!({ "type": "String" });
    actions.insert(READ.to_owned(), of_plugin(&[], json!({ "uri": text() })));
    actions.insert(PROMPT.to_owned(), of_plugin(&[], json!({ "prompt": text() })));
    for (name, _, tool) in world.tools() {
        let keys = json!({ "input": record(&shapes(&tool.input)) });
        actions.insert(name.to_owned(), of_plugin(&groups(tool.read_only), keys));
    }
    for (capability, name) in &world.uses {
        let keys = json!({
            "class": text(),
            "plugin": text(),
            "tables": { "type": "Set", "element": { "type": "String" } },
            "tool": { "type": "String", "required": false },
        });
        actions.insert(format!("{capability}.{name}"), action(&[USE], capability, keys));
    }
    actions
}

/// An action on a kind of thing, with what its context holds beside the time.
fn action(groups: &[&str], resource: &str, mut context: Value) -> Value {
    if let Value::Object(keys) = &mut context {
        keys.insert("now".to_owned(), json!({ "type": "Extension", "name": "datetime" }));
    }
    let groups: Vec<Value> = groups.iter().map(|group| json!({ "id": group })).collect();
    json!({
        "memberOf": groups,
        "appliesTo": {
            "principalTypes": ["Caller"],
            "resourceTypes": [resource],
            "context": { "type": "Record", "attributes": context },
        },
    })
}
