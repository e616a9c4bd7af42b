//! A host with all that an operator turns on: callers with keys, policies that look at what they
//! ask, and rates. Its audit trail is on as well, as everywhere.

use crate::keys;
use crate::toolhost::Setup;

/// The rates are counted, and never reached.
const CONFIG: &str = "
[callers]
keys = \"keys.toml\"

[policy]
file = \"policy.cedar\"

[rates]
caller_per_s = 1_000_000
caller_burst = 1_000_000
tool_per_s = 1_000_000
tool_burst = 1_000_000
caller_calls = 1_000

[plugins.good]
groups = [\"team\"]
";

const POLICY: &str = r#"
// The members of a plugin's groups call what only reads.
@id("members-read")
permit (principal, action in [Action::"read-only", Action::"resource.read", Action::"prompt.get"], resource)
when { principal in resource.groups };

@id("operators")
permit (principal in Group::"operators", action in Action::"call", resource);

// Who works for one unit alone adds no large numbers.
@id("large-sums")
forbid (principal in Group::"team", action == Action::"good__add", resource)
when { context.input has a && context.input.a > 1000000 }
unless { principal in Group::"managers" };

// Nobody sends a credential to a tool.
@id("no-credentials")
forbid (principal, action == Action::"good__echo", resource)
when { context.input has message && context.input.message like "*password*" };

@id("contractors-until-the-end-of-the-contract")
forbid (principal in Group::"contractors", action, resource)
when { context.now > datetime("2026-01-01T00:00:00Z") };

// What a call may do with a grant, the grant itself says; nothing is deleted.
@id("grants-bound-uses")
permit (principal, action in Action::"use", resource);

@id("no-deletes")
forbid (principal, action in Action::"use", resource)
when { ["delete", "DELETE"].contains(context.class) };
"#;

/// How many callers have a key.
const CALLERS: usize = 20;

/// The one of them that calls.
const CALLER: usize = 10;

/// A host for the plugin `good`, whose `echo` the holder of [`key`] may call.
pub(super) fn setup() -> Setup {
    Setup::new(CONFIG).beside("keys.toml", keys::file(CALLERS)).beside("policy.cedar", POLICY)
}

/// The key of one of its callers.
pub(super) fn key() -> String {
    keys::key(CALLER)
}
