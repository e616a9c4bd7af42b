//! Files that the config names and that belong to it: they are read with it, watched with it and
//! taken with it.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Config, ConfigError};

/// The largest such file, in bytes.
const BYTES_MAX: u64 = 64 << 20;

/// A file that the config names, as it was when the config was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Beside {
    /// As seen from the working directory.
    path: PathBuf,
    /// None if the file was not there.
    text: Option<Arc<str>>,
}

impl Beside {
    /// Where it is, as seen from the working directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What was in it; none if it was not there.
    pub fn text(&self) -> Option<&str> {
        self.text.as_deref()
    }

    fn read(path: PathBuf) -> Result<Self, ConfigError> {
        let unreadable = |why: &str| ConfigError::in_file(&path, format!("cannot read the file: {why}"));
        let text = match std::fs::metadata(&path) {
            Ok(found) if found.len() > BYTES_MAX => {
                return Err(unreadable(&format!("it is larger than {} MiB", BYTES_MAX >> 20)));
            }
            Ok(_) => Some(std::fs::read_to_string(&path).map_err(|error| unreadable(&error.to_string()))?.into()),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(unreadable(&error.to_string())),
        };
        Ok(Self { path, text })
    }
}

impl Config {
    /// The files that the tables name, as they are written there.
    fn names_beside(&self) -> impl Iterator<Item = &Path> {
        // Each table that names one adds it here.
        [self.callers.keys.as_deref(), self.policy.file.as_deref(), Some(&*self.pins.file)].into_iter().flatten()
    }

    /// Reads the files that the tables name.
    pub(super) fn read_beside(&mut self) -> Result<(), ConfigError> {
        let read = self.names_beside().map(|path| Beside::read(self.resolve(path)));
        self.beside = read.collect::<Result<_, _>>()?;
        Ok(())
    }

    /// A file that a table names, by its path as it is written there.
    pub fn beside(&self, path: &Path) -> Option<&Beside> {
        let path = self.resolve(path);
        self.beside.iter().find(|beside| beside.path == path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_config_names_is_read_with_it_and_tells_configs_apart() {
        let dir = std::env::temp_dir().join(format!("toolhost-beside-{}", std::process::id()));
        std::fs::create_dir_all(&dir).expect("is made");
        let file = dir.join("toolhost.toml");
        std::fs::write(&file, "[callers]\nkeys = \"keys.toml\"\n").expect("writes");
        let read = || Config::read(&file, &[]).expect("parses");
        let without = read();
        let keys = Path::new("keys.toml");
        assert_eq!(without.beside(keys).map(Beside::text), Some(None));
        assert_eq!(without.files().collect::<Vec<_>>(), [file.clone(), dir.join(keys), dir.join("toolhost.lock")]);
        std::fs::write(dir.join(keys), "# none yet\n").expect("writes");
        let with = read();
        std::fs::remove_dir_all(&dir).expect("is removed");
        assert_eq!(with.beside(keys).and_then(Beside::text), Some("# none yet\n"));
        assert!(with.has_text_of(&with) && !with.has_text_of(&without));
    }
}
