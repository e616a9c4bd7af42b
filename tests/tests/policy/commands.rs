//! `toolhost policy`, and what other commands say of a policy that is not good.

use anyhow::Result;
use toolhost_tests::toolhost::{Setup, run};

use crate::setup;

const POLICY: &str = r#"@id("reads") permit (principal in Group::"staff", action in Action::"read-only", resource);
@id("uses") permit (principal, action == Action::"kv.read", resource);
@id("no-ann") forbid (principal == Caller::"ann", action == Action::"keeper__get", resource);
"#;

#[test]
fn check_says_what_fits_and_where_a_mistake_is() -> Result<()> {
    let dir = setup(POLICY)?.write()?;
    let (status, printed) = run(dir.path(), &["policy", "check"])?;
    assert!(status.success() && printed.contains("3 policies fit"), "{printed}");
    for (bad, says) in [
        ("permit (principal, action, resource)", "policy.cedar:1:"),
        ("\npermit (principal, action == Action::\"good__ehco\", resource);", "good__echo"),
        ("permit (principal, action, resource == Plugin::\"goood\");", "did you mean `good`?"),
        ("permit (principal, action, resource) when { principal.grups };", "grups"),
    ] {
        std::fs::write(dir.path().join("policy.cedar"), bad)?;
        for command in [&["policy", "check"][..], &["check", "--offline"]] {
            let (status, printed) = run(dir.path(), command)?;
            assert!(!status.success() && printed.contains(says), "{command:?}: {bad}: {printed}");
        }
    }
    Ok(())
}

#[test]
fn nothing_is_served_without_a_good_policy() -> Result<()> {
    let dir = setup("permit (principal, action == Action::\"good__ehco\", resource);")?.write()?;
    for command in [&["serve"][..], &["stdio"], &["call", "good__echo", "{\"message\": \"hi\"}"]] {
        let (status, printed) = run(dir.path(), command)?;
        assert!(!status.success() && printed.contains("policy.cedar:1:"), "{command:?}: {printed}");
    }
    std::fs::remove_file(dir.path().join("policy.cedar"))?;
    let (status, printed) = run(dir.path(), &["serve"])?;
    assert!(!status.success() && printed.contains("there is no such file"), "{printed}");
    Ok(())
}

#[test]
fn explain_names_the_policies_with_their_places_and_calls_nothing() -> Result<()> {
    let dir = setup(POLICY)?.write()?;
    let explain = |arguments: &[&str]| run(dir.path(), &[&["policy", "explain"], arguments].concat());
    let (status, printed) =
        explain(&["--caller", "bob", "--group", "staff", "--tool", "keeper__get", "{\"key\": \"a\"}"])?;
    assert!(status.success(), "{printed}");
    for said in ["by `reads`, ", "policy.cedar:1:", "kv.read of class `read` on kv.cache: allowed", "kv.write of class"]
    {
        assert!(printed.contains(said), "{said}: {printed}");
    }
    let (status, printed) = explain(&["--caller", "ann", "--group", "staff", "--tool", "keeper__get"])?;
    assert!(!status.success() && printed.contains("by `no-ann`, ") && printed.contains("policy.cedar:3:"), "{printed}");
    let (status, printed) = explain(&["--caller", "carol", "--tool", "keeper__get"])?;
    assert!(!status.success() && printed.contains("no policy permits it"), "{printed}");
    let (status, printed) = explain(&["--tool", "keeper__gett"])?;
    assert!(!status.success() && printed.contains("did you mean `keeper__get`?"), "{printed}");
    Ok(())
}

#[test]
fn explain_knows_what_a_key_says_of_its_caller() -> Result<()> {
    let config = "[callers]\nkeys = \"keys.toml\"\n[plugins.good]\ngroups = [\"staff\"]\n";
    let dir = Setup::new(config).plugin("good", "good")?.write()?;
    let (status, printed) = run(dir.path(), &["key", "new", "ann", "--group", "staff"])?;
    assert!(status.success(), "{printed}");
    let explain = |caller: &str| run(dir.path(), &["policy", "explain", "--caller", caller, "--tool", "good__echo"]);
    let (status, printed) = explain("ann")?;
    assert!(status.success() && printed.contains("by `members-read`"), "{printed}");
    assert!(!explain("bob")?.0.success());
    Ok(())
}

#[test]
fn explain_names_a_policy_that_always_fails() -> Result<()> {
    let failing = "@id(\"overflows\") permit (principal, action, resource) when { 9223372036854775807 + 1 > 0 };";
    let dir = setup(failing)?.write()?;
    let (status, printed) = run(dir.path(), &["policy", "explain", "--tool", "good__echo", "{\"message\": \"hi\"}"])?;
    assert!(!status.success() && printed.contains("could not be weighed: `overflows`"), "{printed}");
    Ok(())
}

#[test]
fn the_schema_names_the_tools_and_the_uses() -> Result<()> {
    let dir = setup(POLICY)?.write()?;
    let (status, printed) = run(dir.path(), &["policy", "schema"])?;
    assert!(status.success(), "{printed}");
    for word in ["action \"good__echo\"", "action \"kv.write\"", "entity Plugin", "message?: String"] {
        assert!(printed.contains(word), "{word}: {printed}");
    }
    Ok(())
}

#[test]
fn without_a_file_the_default_holds_and_is_named() -> Result<()> {
    let dir = Setup::new("[plugins.good]\ngroups = [\"staff\"]\n").plugin("good", "good")?.write()?;
    let explain =
        |arguments: &[&str]| run(dir.path(), &[&["policy", "explain", "--tool", "good__echo"], arguments].concat());
    for (caller, by) in [
        (&["--caller", "local"][..], "by `local`, default.cedar:"),
        (&["--caller", "ann", "--group", "staff"], "by `members-read`, default.cedar:"),
    ] {
        let (status, printed) = explain(caller)?;
        assert!(status.success() && printed.contains(by), "{printed}");
    }
    let (status, printed) = explain(&["--caller", "bob"])?;
    assert!(!status.success(), "{printed}");
    Ok(())
}
