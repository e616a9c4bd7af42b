//! Compiled plugins on disk: used again, never believed when broken, and private.

use std::fs::Permissions;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use toolhost_tests::toolhost::run;

use crate::folder;

const CONFIG: &str = "[serve]\ncache_dir = \"cache\"\n";

/// The one compiled file of a cache.
fn compiled(dir: &Path) -> Result<PathBuf> {
    let mut files = std::fs::read_dir(dir.join("cache"))?.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    let file = files.pop().context("the cache is empty")?;
    assert!(files.is_empty(), "{files:?} besides {}", file.display());
    assert_eq!(file.extension().and_then(|extension| extension.to_str()), Some("cwasm"));
    Ok(file)
}

/// Loads the plugin once, and calls it.
fn works(dir: &Path) -> Result<String> {
    let (status, printed) = run(dir, &["--log=warn", "call", "good__add", r#"{"a": 1, "b": 2}"#])?;
    assert!(status.success() && printed.contains("{\"result\":3}"), "{printed}");
    Ok(printed)
}

#[test]
fn a_second_start_uses_what_the_first_one_compiled() -> Result<()> {
    let dir = folder(CONFIG, &["good"])?;
    works(dir.path())?;
    let first = std::fs::metadata(compiled(dir.path())?)?;
    assert_eq!(std::fs::metadata(dir.path().join("cache"))?.mode() & 0o777, 0o700);
    works(dir.path())?;
    let second = std::fs::metadata(compiled(dir.path())?)?;
    // One that is compiled anew is a new file.
    assert_eq!((second.ino(), second.modified()?), (first.ino(), first.modified()?));
    Ok(())
}

/// Some tools, such as the one for JavaScript on QuickJS, put built-ins of the async part of the component
/// model into all that they make. Those are compiled for an engine of their own, which finds them again.
#[test]
fn a_plugin_with_async_built_ins_is_run_and_compiled_once_as_well() -> Result<()> {
    let dir = folder(CONFIG, &["good"])?;
    let plugin = dir.path().join("plugins/good.wasm");
    // One more section: (core func (canon context.get i32 0))
    let component = [&std::fs::read(&plugin)?, b"\x08\x04\x01\x0a\x7f\x00".as_slice()].concat();
    std::fs::write(&plugin, component)?;
    works(dir.path())?;
    let first = std::fs::metadata(compiled(dir.path())?)?;
    works(dir.path())?;
    let second = std::fs::metadata(compiled(dir.path())?)?;
    assert_eq!((second.ino(), second.modified()?), (first.ino(), first.modified()?));
    Ok(())
}

#[test]
fn a_cached_file_that_is_damaged_is_compiled_anew() -> Result<()> {
    let dir = folder(CONFIG, &["good"])?;
    works(dir.path())?;
    let file = compiled(dir.path())?;
    let whole = std::fs::read(&file)?;
    let mut other_machine = whole.clone();
    let machine = whole.windows(7).position(|window| window == b"x86_64-" || window == b"aarch64");
    *machine.and_then(|at| other_machine.get_mut(at)).context("no name of a machine")? = b'z';
    let damaged: [(&str, &[u8]); 5] = [
        ("empty", b""),
        ("words", b"not native code"),
        ("cut to a tenth", whole.get(..whole.len() / 10).unwrap_or_default()),
        ("cut in half", whole.get(..whole.len() / 2).unwrap_or_default()),
        ("of another machine", &other_machine),
    ];
    for (what, bytes) in damaged {
        assert!(bytes != whole, "{what}");
        std::fs::write(&file, bytes)?;
        let printed = works(dir.path())?;
        assert!(printed.contains("compiling it again"), "{what}: {printed}");
        assert!(std::fs::read(compiled(dir.path())?)? != bytes, "{what} is still there");
    }
    assert!(!works(dir.path())?.contains("compiling it again"));
    Ok(())
}

#[test]
fn a_cached_file_that_holds_other_code_is_compiled_anew() -> Result<()> {
    let (dir, other) = (folder(CONFIG, &["good"])?, folder(CONFIG, &["liar"])?);
    works(dir.path())?;
    let (status, printed) = run(other.path(), &["check", "--offline"])?;
    assert!(status.success(), "{printed}");
    // Whole, of this very engine, and of another plugin.
    std::fs::copy(compiled(other.path())?, compiled(dir.path())?)?;
    works(dir.path())?;
    Ok(())
}

#[test]
fn a_plugin_that_is_compiled_already_needs_its_grants_as_before() -> Result<()> {
    let dir = folder(CONFIG, &["keeper"])?;
    let check = |config: &str| -> Result<_> {
        std::fs::write(dir.path().join("toolhost.toml"), format!("{CONFIG}{config}"))?;
        let (status, printed) = run(dir.path(), &["check", "--offline"])?;
        Ok((status.success(), printed))
    };
    let ungranted = "[plugins.keeper]\n[kv.cache.memory]\n";
    let (good, refused) = check(ungranted)?;
    assert!(!good && refused.contains("[plugins.keeper] grants = [\"kv."), "{refused}");
    assert!(compiled(dir.path()).is_err(), "it was compiled before it was granted what it imports");
    let (good, printed) = check("[plugins.keeper]\ngrants = [\"kv.cache\"]\n[kv.cache.memory]\n")?;
    assert!(good, "{printed}");
    compiled(dir.path())?;
    // Now its needs are read off its code.
    assert_eq!(check(ungranted)?, (false, refused));
    Ok(())
}

#[test]
fn a_cache_that_others_may_write_to_is_refused_with_what_to_do() -> Result<()> {
    let dir = folder(CONFIG, &["good"])?;
    let cache = dir.path().join("cache");
    std::fs::create_dir(&cache)?;
    for mode in [0o777, 0o770, 0o702] {
        std::fs::set_permissions(&cache, Permissions::from_mode(mode))?;
        let (status, printed) = run(dir.path(), &["check", "--offline"])?;
        assert!(!status.success(), "{mode:o}: {printed}");
        for said in ["nobody else may write to", "chmod 700", "[serve] cache_dir"] {
            assert!(printed.contains(said), "{mode:o}: {said}: {printed}");
        }
        assert_eq!(std::fs::read_dir(&cache)?.count(), 0, "{mode:o}: something was left in it");
    }
    std::fs::set_permissions(&cache, Permissions::from_mode(0o700))?;
    works(dir.path())?;
    // A link to a private directory is somebody else's to point elsewhere.
    std::fs::rename(&cache, dir.path().join("real"))?;
    std::os::unix::fs::symlink(dir.path().join("real"), &cache)?;
    let (status, printed) = run(dir.path(), &["check", "--offline"])?;
    assert!(!status.success() && printed.contains("chmod 700"), "{printed}");
    Ok(())
}
