//! Why a config was refused: where, what, and the name that was probably meant.
//!
//! No message repeats a line of the file, for it may hold what should have been a secret.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Why a config file was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct ConfigError {
    path: PathBuf,
    /// Line and column, both from 1; the column counts characters.
    place: Option<(usize, usize)>,
    message: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.path.display())?;
        if let Some((line, column)) = self.place {
            write!(f, "{line}:{column}:")?;
        }
        write!(f, " {}", self.message)
    }
}

impl ConfigError {
    /// The file cannot be read.
    pub(super) fn unreadable(path: &Path, error: &std::io::Error) -> Self {
        let advice = match error.kind() {
            std::io::ErrorKind::NotFound => "; `toolhost demo --write-config FILE` writes one to start from",
            _ => "",
        };
        Self::in_file(path, format!("cannot read the config file: {error}{advice}"))
    }

    /// Something is wrong with the file as a whole.
    pub fn in_file(path: &Path, message: impl Into<String>) -> Self {
        Self { path: path.to_owned(), place: None, message: message.into() }
    }

    /// Something is wrong at one place.
    pub(super) fn at(path: &Path, text: &str, span: Range<usize>, message: impl Into<String>) -> Self {
        let before = text.get(..span.start).unwrap_or(text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
        Self { path: path.to_owned(), place: Some((line, column)), message: message.into() }
    }

    /// A key that nobody reads.
    pub(super) fn unknown_key<'a>(
        path: &Path,
        text: &str,
        span: Range<usize>,
        key: &str,
        known: impl Iterator<Item = &'a str>,
    ) -> Self {
        Self::at(path, text, span, unknown_key(key, known))
    }

    /// What the TOML reader or serde found.
    pub(super) fn from_toml(path: &Path, text: &str, error: &toml::de::Error) -> Self {
        // serde says: unknown field `x`, expected one of `a`, `b`
        let message = match error.message().strip_prefix("unknown field ") {
            Some(rest) => {
                let mut quoted = rest.split('`').skip(1).step_by(2);
                let key = quoted.next().unwrap_or_default();
                unknown_key(key, quoted)
            }
            None => error.message().replace("missing field", "missing key"),
        };
        match error.span() {
            Some(span) => Self::at(path, text, span, message),
            None => Self::in_file(path, message),
        }
    }
}

fn unknown_key<'a>(key: &str, known: impl Iterator<Item = &'a str>) -> String {
    let known: Vec<&str> = known.collect();
    match nearest(key, &known) {
        Some(near) => format!("unknown key `{key}`; did you mean `{near}`?"),
        None => format!("unknown key `{key}`; known here: {}", known.join(", ")),
    }
}

/// The name that was probably meant, if one is close.
fn nearest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    known
        .iter()
        .map(|candidate| (strsim::damerau_levenshtein(name, candidate), *candidate))
        .filter(|(distance, candidate)| *distance <= candidate.len().max(3) / 3 + 1)
        .min()
        .map(|(_, candidate)| candidate)
}
