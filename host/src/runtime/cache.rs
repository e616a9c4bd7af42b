//! Compiled plugins on disk, so that a restart does not compile again.
//!
//! Only code that this host compiled is ever loaded: the directory belongs to its user
//! alone, and a file's name holds the digest of the component, of all that compilation
//! depends on, and of the code itself. Compiled files that lie about elsewhere are never
//! looked at.

use std::collections::BTreeMap;
use std::fs::File;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use sha2::{Digest, Sha256};
use wasmtime::Engine;
use wasmtime::component::Component;

/// How much of a file is read at once, in bytes.
const READ_BYTES: usize = 64 << 10;

/// The bytes of a component, and the digest that they are known by, which is made once.
pub struct Binary {
    pub(super) bytes: Vec<u8>,
    pub(super) digest: String,
}

impl Binary {
    /// Of the bytes of a file, whatever they are.
    pub fn of(bytes: Vec<u8>) -> Self {
        let digest = digest(&bytes);
        Self { bytes, digest }
    }

    /// SHA-256 in hexadecimal.
    pub fn digest(&self) -> &str {
        &self.digest
    }
}

/// A directory of compiled plugins, or none.
pub struct Cache {
    dir: Option<PathBuf>,
    /// What was in it when it was looked at last, by key.
    files: Mutex<BTreeMap<String, PathBuf>>,
}

impl Cache {
    /// Keeps nothing.
    pub fn none() -> Self {
        Self { dir: None, files: Mutex::default() }
    }

    /// Keeps compiled plugins in `dir`, which is made if it is not there. A directory that
    /// others may write to is refused, for what is in it will be run as native code.
    pub fn in_dir(dir: &Path) -> io::Result<Self> {
        make_private(dir)?;
        Ok(Self { dir: Some(dir.to_owned()), files: Mutex::default() })
    }

    /// The component of this digest, if it was compiled before.
    pub(super) fn kept(&self, engine: &Engine, digest: &str) -> Option<Component> {
        let key = key(engine, digest);
        let file = self.find(&key)?;
        match load(engine, &file) {
            Ok(component) => Some(component),
            Err(error) => {
                let why = format!("{error:#}");
                tracing::warn!(error = why, "a cached plugin was not usable; compiling it again");
                let _ = std::fs::remove_file(file);
                self.files().remove(&key);
                None
            }
        }
    }

    /// The component of these bytes, which is compiled and kept if it was not before.
    pub(super) fn kept_or_compiled(&self, engine: &Engine, binary: &Binary) -> wasmtime::Result<Component> {
        self.kept(engine, &binary.digest).map_or_else(|| self.compile(engine, binary), Ok)
    }

    fn compile(&self, engine: &Engine, binary: &Binary) -> wasmtime::Result<Component> {
        let component = Component::from_binary(engine, &binary.bytes)?;
        let Some(dir) = &self.dir else { return Ok(component) };
        let key = key(engine, &binary.digest);
        let kept = component.serialize().and_then(|code| {
            let file = dir.join(format!("{key}-{}.cwasm", digest(&code)));
            write(&file, &code)?;
            // What is mapped from a file, and not written to, takes memory only while there is some to spare.
            let component = load(engine, &file)?;
            self.files().insert(key, file);
            Ok(component)
        });
        Ok(kept.unwrap_or_else(|error| {
            tracing::warn!(error = format!("{error:#}"), "a compiled plugin could not be kept");
            component
        }))
    }

    /// The file of a key. The directory is looked at again only for one that is new.
    fn find(&self, key: &str) -> Option<PathBuf> {
        let dir = self.dir.as_ref()?;
        let mut files = self.files();
        if !files.contains_key(key) {
            let names = std::fs::read_dir(dir).ok()?.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
            *files = names.filter_map(|name| Some((key_of(&name)?.to_owned(), dir.join(&name)))).collect();
        }
        files.get(key).cloned()
    }

    fn files(&self) -> MutexGuard<'_, BTreeMap<String, PathBuf>> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whatever the compiled code depends on: the component, the engine's settings, the version of wasmtime.
fn key(engine: &Engine, digest: &str) -> String {
    let mut settings = DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut settings);
    format!("{digest}-{:016x}", settings.finish())
}

/// The key in the name of a file: all before the digest of the code.
fn key_of(name: &str) -> Option<&str> {
    let (key, _) = name.strip_suffix(".cwasm")?.rsplit_once('-')?;
    Some(key)
}

/// SHA-256 in hexadecimal.
pub fn digest(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// The same of a file, which is not held in memory for it.
fn digest_of(file: &Path) -> io::Result<String> {
    let mut file = BufReader::with_capacity(READ_BYTES, File::open(file)?);
    let mut digest = Sha256::new();
    loop {
        let part = file.fill_buf()?;
        if part.is_empty() {
            return Ok(hex(&digest.finalize()));
        }
        digest.update(part);
        let read = part.len();
        file.consume(read);
    }
}

fn hex(digest: &[u8]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[allow(unsafe_code, reason = "the one place that runs native code from a file")]
fn load(engine: &Engine, file: &Path) -> wasmtime::Result<Component> {
    let name = file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    if !name.ends_with(&digest_of(file)?) {
        return Err(wasmtime::Error::msg("the file is not what was written"));
    }
    // SAFETY: the file is one that `write` made: it stands in a directory that only this
    // user may write to (`make_private`), under a name that no plugin chooses and that
    // holds the digest of its content.
    unsafe { Component::deserialize_file(engine, file) }
}

/// Writes a file in one step, so that nobody sees half of it: neither another host, nor another plugin of
/// the same bytes that is loaded at the same time.
fn write(file: &Path, code: &[u8]) -> io::Result<()> {
    let part = file.with_extension(format!("{}.part", uuid::Uuid::now_v7()));
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
