//! Credentials: written in the config as references, resolved here, shown nowhere.
//!
//! The only file of the host that reads the environment.

use std::borrow::Cow;
use std::fmt;
use std::path::PathBuf;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de};
use zeroize::Zeroizing;

/// A credential. It has no `Debug`, `Display` or `Serialize`, and its memory is
/// wiped when it is dropped.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// The credential itself: for a driver, at the moment it connects.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

/// Where a credential is: `env:NAME` or `file:PATH`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretRef {
    /// An environment variable of the host.
    Env(String),
    /// The text of a file, without the line end at its end.
    File(PathBuf),
}

/// Why a credential could not be had. It names the reference, never a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// The variable is not set, is empty or is no text.
    #[error("the secret reference `env:{0}` leads nowhere: set the environment variable {0} for the host")]
    NoVariable(String),
    /// The file cannot be read, or is empty.
    #[error("the secret reference `file:{path}` leads nowhere: {why}", path = path.display())]
    NoFile {
        /// As written in the config.
        path: PathBuf,
        /// What the system said.
        why: String,
    },
}

impl SecretRef {
    /// Fetches the credential.
    pub fn resolve(&self) -> Result<Secret, SecretError> {
        match self {
            SecretRef::Env(name) => match env(name) {
                Some(value) if !value.is_empty() => Ok(Secret(Zeroizing::new(value))),
                _ => Err(SecretError::NoVariable(name.clone())),
            },
            SecretRef::File(path) => {
                let no_file = |why: String| SecretError::NoFile { path: path.clone(), why };
                let text = std::fs::read_to_string(path).map_err(|error| no_file(error.to_string()))?;
                let text = Zeroizing::new(text);
                match text.trim_end_matches(['\r', '\n']) {
                    "" => Err(no_file("the file is empty".into())),
                    value => Ok(Secret(Zeroizing::new(value.to_owned()))),
                }
            }
        }
    }
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SecretRef::Env(name) => write!(f, "env:{name}"),
            SecretRef::File(path) => write!(f, "file:{}", path.display()),
        }
    }
}

impl<'de> Deserialize<'de> for SecretRef {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Zeroizing::new(String::deserialize(deserializer)?);
        match text.split_once(':') {
            Some(("env", name)) if !name.is_empty() => Ok(SecretRef::Env(name.to_owned())),
            Some(("file", path)) if !path.is_empty() => Ok(SecretRef::File(path.into())),
            _ => Err(de::Error::custom(
                "write where the secret is, not the secret itself: \"env:NAME\" or \"file:PATH\"",
            )),
        }
    }
}

impl JsonSchema for SecretRef {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "secret reference".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^(env|file):.+" })
    }
}

/// The user's directory for `kind` (`XDG_CACHE_HOME`, `XDG_DATA_HOME`), or the given
/// place under the home directory.
pub fn home_dir(kind: &str, under_home: &str) -> Option<PathBuf> {
    let set = |name: &str| env(name).map(PathBuf::from).filter(|path| path.is_absolute());
    set(kind).or_else(|| set("HOME").map(|home| home.join(under_home)))
}

#[allow(clippy::disallowed_methods, reason = "the one place that reads the environment")]
fn env(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_secret_is_named_by_its_reference() {
        let error = SecretRef::Env("TOOLHOST_NO_SUCH_VARIABLE".into()).resolve().err().expect("is missing");
        assert!(error.to_string().contains("env:TOOLHOST_NO_SUCH_VARIABLE"), "{error}");
        let error = SecretRef::File("/no/such/file".into()).resolve().err().expect("is missing");
        assert!(error.to_string().contains("file:/no/such/file"), "{error}");
    }

    #[test]
    fn a_secret_file_loses_its_line_end_only() {
        let dir = std::env::temp_dir().join(format!("toolhost-secret-{}", std::process::id()));
        std::fs::write(&dir, "pass word \r\n").expect("writes");
        let Ok(secret) = SecretRef::File(dir.clone()).resolve() else { panic!("is there") };
        std::fs::remove_file(dir).expect("is removed");
        assert_eq!(secret.expose(), "pass word ");
    }
}
