//! Compiled plugins on disk, so that a restart does not compile again.
//!
//! Only code that this host compiled is ever loaded: the directory belongs to its user
//! alone, and a file's name holds the digest of the component, of all that compilation
//! depends on, and of the code itself. Compiled files that lie about elsewhere are never
//! looked at.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use wasmtime::Engine;
use wasmtime::component::Component;

/// A directory of compiled plugins, or none.
pub struct Cache {
    dir: Option<PathBuf>,
}

impl Cache {
    /// Keeps nothing.
    pub fn none() -> Self {
        Self { dir: None }
    }

    /// Keeps compiled plugins in `dir`, which is made if it is not there. A directory that
    /// others may write to is refused, for what is in it will be run as native code.
    pub fn in_dir(dir: &Path) -> io::Result<Self> {
        make_private(dir)?;
        Ok(Self { dir: Some(dir.to_owned()) })
    }

    /// The component of these bytes: from the cache, or compiled and kept.
    pub(super) fn component(&self, engine: &Engine, bytes: &[u8]) -> wasmtime::Result<Component> {
        let Some(dir) = &self.dir else { return Component::from_binary(engine, bytes) };
        let key = key(engine, bytes);
        if let Some(file) = find(dir, &key) {
            match load(engine, &file) {
                Ok(component) => return Ok(component),
                Err(error) => {
                    let why = format!("{error:#}");
                    tracing::warn!(error = why, "a cached plugin was not usable; compiling it again");
                    let _ = std::fs::remove_file(file);
                }
            }
        }
        let component = Component::from_binary(engine, bytes)?;
        let kept = component.serialize().and_then(|code| {
            let file = dir.join(format!("{key}-{}.cwasm", digest(&code)));
            Ok(write(&file, &code)?)
        });
        if let Err(error) = kept {
            tracing::warn!(error = format!("{error:#}"), "a compiled plugin could not be kept");
        }
        Ok(component)
    }
}

/// The file whose name begins with a key.
fn find(dir: &Path, key: &str) -> Option<PathBuf> {
    let names = std::fs::read_dir(dir).ok()?.filter_map(|entry| Some(entry.ok()?.file_name()));
    let names = names.filter_map(|name| name.into_string().ok());
    let name = names.into_iter().find(|name| name.starts_with(key) && name.ends_with(".cwasm"))?;
    Some(dir.join(name))
}

/// Whatever the compiled code depends on: the component, the engine's settings, the version of wasmtime.
fn key(engine: &Engine, bytes: &[u8]) -> String {
    let mut settings = DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut settings);
    format!("{}-{:016x}", digest(bytes), settings.finish())
}

/// SHA-256 in hexadecimal.
pub fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[allow(unsafe_code, reason = "the one place that runs native code from a file")]
fn load(engine: &Engine, file: &Path) -> wasmtime::Result<Component> {
    let name = file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    if !name.ends_with(&digest(&std::fs::read(file)?)) {
        return Err(wasmtime::Error::msg("the file is not what was written"));
    }
    // SAFETY: the file is one that `write` made: it stands in a directory that only this
    // user may write to (`make_private`), under a name that no plugin chooses and that
    // holds the digest of its content.
    unsafe { Component::deserialize_file(engine, file) }
}

/// Writes a file in one step, so that no other host sees half of it.
fn write(file: &Path, code: &[u8]) -> io::Result<()> {
    let part = file.with_extension(format!("{}.part", std::process::id()));
    std::fs::write(&part, code)?;
    std::fs::rename(&part, file)
}

#[cfg(unix)]
fn make_private(dir: &Path) -> io::Result<()> {
    use std::os::unix::fs::{DirBuilderExt, MetadataExt};

    if let Some(parent) = dir.parent() {
        std::fs::create_dir_all(parent)?;
    }
    match std::fs::DirBuilder::new().mode(0o700).create(dir) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    let found = std::fs::symlink_metadata(dir)?;
    // What this process makes belongs to it; a probe file tells as whom, without unsafe code.
    let probe = dir.join(format!(".{}.probe", uuid::Uuid::now_v7()));
    std::fs::write(&probe, [])?;
    let owner = std::fs::metadata(&probe)?.uid();
    std::fs::remove_file(&probe)?;
    if found.is_dir() && found.uid() == owner && found.mode() & 0o022 == 0 {
        return Ok(());
    }
    let why = format!(
        "{} holds native code and must be a directory of this user's own that nobody else may write to; run `chmod 700` on it",
        dir.display()
    );
    Err(io::Error::new(io::ErrorKind::PermissionDenied, why))
}

#[cfg(not(unix))]
fn make_private(dir: &Path) -> io::Result<()> {
    std::fs::create_dir_all(dir)
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_directory_that_others_may_write_to_is_refused() {
        let dir = std::env::temp_dir().join(format!("toolhost-cache-{}", std::process::id()));
        assert!(Cache::in_dir(&dir).is_ok(), "a new directory is private");
        std::fs::set_permissions(&dir, std::fs::Permissions::from_mode(0o777)).expect("changes");
        let refused = Cache::in_dir(&dir).err().map(|error| error.kind());
        std::fs::remove_dir_all(&dir).expect("is removed");
        assert_eq!(refused, Some(io::ErrorKind::PermissionDenied));
    }
}
