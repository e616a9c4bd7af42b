//! What of a call's context policies look at.
//!
//! What no policy looks at is not made into Cedar's values, which is most of the cost of a
//! question; a policy that looks at nothing of it says the same each time; and one without the
//! conditions that look at the context says what a caller might do at all, which is what lists are
//! filtered by.

use std::collections::BTreeSet;

use cedar_policy::{Effect, Expression, Policy as Cedar, PolicyFromJsonError};
use serde_json::{Value, json};

/// What of the context some policies look at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Looks {
    /// All of it.
    all: bool,
    /// These of its keys.
    keys: BTreeSet<String>,
    /// All of `input`.
    all_inputs: bool,
    /// These keys of `input`.
    inputs: BTreeSet<String>,
}

impl Looks {
    /// What a policy looks at, by its JSON.
    pub(super) fn of(policy: &Value) -> Self {
        let mut looks = Self::default();
        looks.walk(policy);
        looks
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.all |= other.all;
        self.all_inputs |= other.all_inputs;
        self.keys.extend(other.keys.iter().cloned());
        self.inputs.extend(other.inputs.iter().cloned());
    }

    pub(super) fn at_nothing(&self) -> bool {
        *self == Self::default()
    }

    pub(super) fn at(&self, key: &str) -> bool {
        self.all || self.keys.contains(key)
    }

    pub(super) fn at_input(&self, argument: &str) -> bool {
        self.all || self.all_inputs || self.inputs.contains(argument)
    }

    fn walk(&mut self, value: &Value) {
        if let Some((of, path)) = access(value) {
            return if is_context(of) { self.note(&path) } else { self.walk(of) };
        }
        if is_context(value) {
            return self.note(&[]);
        }
        match value {
            Value::Array(values) => values.iter().for_each(|value| self.walk(value)),
            Value::Object(fields) => fields.values().for_each(|value| self.walk(value)),
            _ => {}
        }
    }

    fn note(&mut self, path: &[&str]) {
        match path {
            [] => self.all = true,
            ["input"] => {
                self.keys.insert("input".to_owned());
                self.all_inputs = true;
            }
            ["input", argument, ..] => {
                self.keys.insert("input".to_owned());
                self.inputs.insert((*argument).to_owned());
            }
            [key, ..] => {
                self.keys.insert((*key).to_owned());
            }
        }
    }
}

/// Of `a.b.c`, `a.b has c` and `a has b.c`: `a`, and the path `b`, `c`.
fn access(value: &Value) -> Option<(&Value, Vec<&str>)> {
    let fields = value.as_object().filter(|fields| fields.len() == 1)?;
    let access = fields.get(".").or_else(|| fields.get("has"))?;
    let mut path: Vec<&str> = match access.get("attr")? {
        Value::String(attribute) => vec![attribute],
        Value::Array(attributes) => attributes.iter().filter_map(Value::as_str).collect(),
        _ => return None,
    };
    let left = access.get("left")?;
    match self::access(left) {
        Some((of, before)) => {
            path.splice(0..0, before);
            Some((of, path))
        }
        None => Some((left, path)),
    }
}

fn is_context(value: &Value) -> bool {
    value.get("Var").and_then(Value::as_str) == Some("context")
}

/// The policy that says what might be allowed, whatever the context is: a permit without the
/// conditions that look at it; no forbid that looks at it.
pub(super) fn regardless(policy: &Cedar, json: &Value) -> Option<Cedar> {
    if Looks::of(json).at_nothing() {
        return Some(policy.clone());
    }
    if policy.effect() == Effect::Forbid {
        return None;
    }
    let mut json = json.clone();
    if let Some(Value::Array(conditions)) = json.get_mut("conditions") {
        conditions.retain(|condition| Looks::of(condition).at_nothing());
    }
    // It was a policy before; one that is none now would show less, not more.
    Cedar::from_json(Some(policy.id().clone()), json).ok()
}

/// A policy that looks at the context, in its two halves: it applies where both hold.
#[derive(Debug, Clone)]
pub(super) struct Halves {
    /// Whom, what and which thing it is about, as a permit without conditions.
    pub(super) scope: Cedar,
    /// All its conditions, in their order: whether one of them is weighed at all depends on those before.
    pub(super) conditions: Expression,
    /// What they look at.
    pub(super) looks: Looks,
}

/// The halves of a policy; none if it looks at nothing of the context.
pub(super) fn halves(policy: &Cedar, json: &Value) -> Result<Option<Halves>, Box<PolicyFromJsonError>> {
    let looks = Looks::of(json);
    if looks.at_nothing() {
        return Ok(None);
    }
    let mut scope = json.clone();
    if let Value::Object(fields) = &mut scope {
        fields.insert("effect".to_owned(), json!("permit"));
        fields.insert("conditions".to_owned(), json!([]));
    }
    let scope = Cedar::from_json(Some(policy.id().clone()), scope).map_err(Box::new)?;
    // What was read of JSON knows no places in a text. Cedar passes them on with each value, and all
    // of them count who holds the one text, which cores would fight for.
    let placeless = Cedar::from_json(Some(policy.id().clone()), json.clone()).map_err(Box::new)?;
    let [read, written] = [&placeless, policy].map(|policy| policy.as_ref().non_scope_constraints());
    let conditions = if read == written { read } else { written };
    let conditions = conditions.cloned().map_or_else(|| Expression::new_bool(true), Expression::from);
    Ok(Some(Halves { scope, conditions, looks }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn looks(text: &str) -> Looks {
        let policy = Cedar::parse(None, text).expect("parses");
        Looks::of(&policy.to_json().expect("is JSON"))
    }

    #[test]
    fn what_is_looked_at_is_found_wherever_it_stands() {
        let at = looks(r#"permit (principal, action, resource) when { 1 < 2 } unless { "context" == "input" };"#);
        assert!(at.at_nothing());
        let at = looks(
            r#"permit (principal, action, resource)
               when { context.input has a.b && [context.input.c, "x"].contains("y") && context.class == "read" };"#,
        );
        assert!(at.at_input("a") && at.at_input("c") && !at.at_input("b"), "{at:?}");
        assert!(at.at("class") && !at.at("now"), "{at:?}");
    }

    #[test]
    fn whoever_looks_at_the_whole_sees_all_of_it() {
        let at = looks(r#"permit (principal, action, resource) when { context == {"now": 1} };"#);
        assert!(at.at("anything") && at.at_input("anything"));
        let at = looks(r#"permit (principal, action, resource) when { context.input == {"a": 1} };"#);
        assert!(!at.at("now") && at.at_input("anything"));
    }

    #[test]
    fn without_the_context_a_permit_permits_more_and_a_forbid_is_gone() {
        let parse = |text: &str| Cedar::parse(None, text).expect("parses");
        let without = |policy: &Cedar| regardless(policy, &policy.to_json().expect("is JSON"));
        let permit = parse(
            r#"permit (principal, action, resource) when { context.input has a } when { principal == Caller::"ann" };"#,
        );
        let less = without(&permit).expect("is there").to_json().expect("is JSON");
        assert_eq!(less["conditions"].as_array().map(Vec::len), Some(1));
        let forbid = parse(r#"forbid (principal, action, resource) when { context.input has a };"#);
        assert!(without(&forbid).is_none());
        let forbid = parse(r#"forbid (principal == Caller::"ann", action, resource);"#);
        assert!(without(&forbid).is_some());
    }
}
