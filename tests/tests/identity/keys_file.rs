//! `toolhost key`, and the file that it writes.

use anyhow::{Result, ensure};
use toolhost_tests::toolhost::run;

use crate::keys::Keys;

#[test]
fn a_key_is_shown_once_and_kept_as_a_digest() -> Result<()> {
    let keys = Keys::new()?;
    let arguments = ["new", "ann", "--group", "support", "--attribute", "unit=video", "--attribute", "unit=audio"];
    let printed = keys.run(&arguments)?;
    let key = printed.lines().next().unwrap_or_default();
    ensure!(key.starts_with("thk_") && key.len() == 47, "{printed}");
    ensure!(printed.contains("shown this once") && printed.contains("`ann-1`"), "{printed}");
    let text = std::fs::read_to_string(keys.file())?;
    ensure!(!text.contains(key) && !text.contains(&key[4..]), "{text}");
    ensure!(text.contains("groups = [\"support\"]") && text.contains("[\"video\", \"audio\"]"), "{text}");
    ensure!(text.contains("created = ") && text.contains("expires = "), "{text}");
    let digest = text.lines().find_map(|line| line.strip_prefix("sha256 = \"")?.strip_suffix('"')).unwrap_or_default();
    let list = keys.run(&["list"])?;
    ensure!(list.contains("ann-1") && list.contains("[support]") && list.contains(&digest[..8]), "{list}");
    ensure!(digest.len() == 64 && !list.contains(digest) && !list.contains(key), "{list}");
    Ok(())
}

#[cfg(unix)]
#[test]
fn the_file_is_its_owners_alone_and_keeps_what_else_is_in_it() -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let keys = Keys::new()?;
    std::fs::write(keys.file(), "# ours\n")?;
    for name in ["ann", "bob"] {
        keys.make(name, &[])?;
        assert_eq!(std::fs::metadata(keys.file())?.permissions().mode() & 0o777, 0o600);
    }
    keys.run(&["revoke", "ann-1"])?;
    assert_eq!(std::fs::metadata(keys.file())?.permissions().mode() & 0o777, 0o600);
    let text = std::fs::read_to_string(keys.file())?;
    ensure!(text.starts_with("# ours\n") && text.matches("revoked = ").count() == 1, "{text}");
    let list = keys.run(&["list"])?;
    let of = |id: &str| list.lines().find(|line| line.starts_with(id)).unwrap_or_default().to_owned();
    ensure!(of("ann-1").contains("revoked") && of("bob-1").contains("expires"), "{list}");
    ensure!(!keys.file().with_file_name("keys.toml.new").exists(), "nothing is left behind");
    Ok(())
}

#[test]
fn what_cannot_be_done_is_said_and_changes_nothing() -> Result<()> {
    let keys = Keys::new()?;
    keys.make("ann", &[])?;
    let before = std::fs::read_to_string(keys.file())?;
    for (arguments, says) in [
        (&["new", "ann\nbob"][..], "visible"),
        (&["new", "corp:ann"], "`:`"),
        (&["new", "local"], "started the host"),
        (&["new", ""], "visible"),
        (&["new", "ann", "--group", "a\tb"], "visible"),
        (&["new", "ann", "--attribute", "unit"], "NAME=VALUE"),
        (&["new", "ann", "--expires", "soon"], "`90d`"),
        (&["new", "ann", "--id", "ann-1"], "there is a key `ann-1`"),
        (&["new", "ann", "--id", "a b"], "A-Z"),
        (&["revoke", "bob-1"], "there is no key `bob-1`"),
    ] {
        let error = keys.run(arguments).err().map(|error| error.to_string()).unwrap_or_default();
        ensure!(error.contains(says), "{arguments:?}: {error}");
        assert_eq!(std::fs::read_to_string(keys.file())?, before, "{arguments:?}");
        ensure!(!keys.file().with_file_name("keys.toml.new").exists(), "{arguments:?}");
    }
    // Somebody else is writing, or was cut off while they were.
    std::fs::write(keys.file().with_file_name("keys.toml.new"), "")?;
    let error = keys.run(&["new", "bob"]).err().map(|error| error.to_string()).unwrap_or_default();
    ensure!(error.contains("keys.toml.new") && error.contains("remove it"), "{error}");
    Ok(())
}

#[test]
fn without_a_file_in_the_config_there_are_no_keys() -> Result<()> {
    let dir = tempfile::TempDir::with_prefix("toolhost-keys-")?;
    std::fs::write(dir.path().join("toolhost.toml"), "")?;
    let (status, printed) = run(dir.path(), &["key", "list"])?;
    ensure!(!status.success() && printed.contains("[callers] keys = \"keys.toml\""), "{printed}");
    Ok(())
}
