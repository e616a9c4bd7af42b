//! The words of an AWS IAM policy, for capabilities that need one.

use serde::Serialize;

/// One statement of a policy: exactly these actions on exactly these resources.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Statement {
    /// Letters and digits, unique in the policy.
    pub sid: String,
    /// Always `Allow`.
    pub effect: &'static str,
    /// Such as `rds-data:ExecuteStatement`.
    pub action: Vec<&'static str>,
    /// ARNs.
    pub resource: Vec<String>,
}

impl Statement {
    /// Allows `action` on `resource`. Of `name`, letters and digits become the statement's id.
    pub fn allow(name: &str, action: Vec<&'static str>, resource: Vec<String>) -> Self {
        let sid = name.chars().filter(char::is_ascii_alphanumeric).collect();
        Self { sid, effect: "Allow", action, resource }
    }

    /// Allows one more action on the same resources.
    pub fn allow_too(&mut self, action: &'static str) {
        if !self.action.contains(&action) {
            self.action.push(action);
        }
    }
}
