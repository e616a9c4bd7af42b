//! `toolhost.lock`: what was approved of each plugin, in a form to commit and to read.
//!
//! Each definition stands in it as text, for people and for their version control to compare, under
//! its hash: so that nothing is approved by a slip of an editor.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;
use sha2::{Digest, Sha256};
use toml::Spanned;

use super::{Config, ConfigError};

/// The version of the file's form that is written here.
const VERSION: u32 = 1;

/// What each digest begins with.
const SHA256: &str = "sha256:";

/// What the file begins with.
const HEAD: &str = "\
# What was approved of each plugin: its component, and all that it tells agents of itself.
# Written by `toolhost approve`. Commit it, and read what changes in it; do not edit it.
";

/// What was approved.
#[derive(Debug, Clone)]
pub struct Lock {
    path: PathBuf,
    plugins: BTreeMap<String, Pinned>,
}

/// What was approved of one plugin.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pinned {
    /// SHA-256 of its component, in hexadecimal.
    pub digest: String,
    /// What it says of each thing that it offers, as text without characters that cannot be seen.
    pub definitions: Definitions,
}

/// Definitions by kind and name.
pub type Definitions = BTreeMap<(Described, String), String>;

/// What is defined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Described {
    /// A tool, by its full name.
    Tool,
    /// A resource, by its URI.
    Resource,
    /// A template, by itself.
    Template,
    /// A prompt, by its full name.
    Prompt,
    /// A skill, by its path.
    Skill,
}

impl Described {
    /// Each kind.
    const ALL: [Self; 5] = [Self::Tool, Self::Resource, Self::Template, Self::Prompt, Self::Skill];

    /// What it is called.
    pub fn word(self) -> &'static str {
        match self {
            Self::Tool => "tool",
            Self::Resource => "resource",
            Self::Template => "template",
            Self::Prompt => "prompt",
            Self::Skill => "skill",
        }
    }
}

/// The file as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    version: Spanned<u32>,
    #[serde(default)]
    plugins: BTreeMap<String, WrittenPlugin>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenPlugin {
    digest: Spanned<String>,
    #[serde(default)]
    tool: BTreeMap<String, WrittenDefinition>,
    #[serde(default)]
    resource: BTreeMap<String, WrittenDefinition>,
    #[serde(default)]
    template: BTreeMap<String, WrittenDefinition>,
    #[serde(default)]
    prompt: BTreeMap<String, WrittenDefinition>,
    #[serde(default)]
    skill: BTreeMap<String, WrittenDefinition>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenDefinition {
    hash: Spanned<String>,
    definition: String,
}

impl Lock {
    /// Reads the text of the file, whose path is for errors.
    pub fn parse(text: &str, path: &Path) -> Result<Self, ConfigError> {
        let written: Written = toml::from_str(text).map_err(|error| ConfigError::from_toml(path, text, &error))?;
        if *written.version.get_ref() != VERSION {
            let message = format!(
                "this host reads version {VERSION} of this file: `toolhost approve` of the host that serves writes it"
            );
            return Err(ConfigError::at(path, text, written.version.span(), message));
        }
        let mut plugins = BTreeMap::new();
        for (name, written) in written.plugins {
            let WrittenPlugin { digest, tool, resource, template, prompt, skill } = written;
            let kinds = Described::ALL.into_iter().zip([tool, resource, template, prompt, skill]);
            let mut definitions = Definitions::new();
            for (kind, written) in kinds {
                for (offer, WrittenDefinition { hash, definition }) in written {
                    // Version control may hand it out with the line ends of another system.
                    let definition = definition.replace("\r\n", "\n");
                    if digest_of(&hash, path, text)? != sha256(&definition) {
                        return Err(ConfigError::at(path, text, hash.span(), altered(kind)));
                    }
                    definitions.insert((kind, offer), definition);
                }
            }
            plugins.insert(name, Pinned { digest: digest_of(&digest, path, text)?.to_owned(), definitions });
        }
        Ok(Self { path: path.to_owned(), plugins })
    }

    /// Where it was read from.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What was approved, by the plugins' names.
    pub fn plugins(&self) -> &BTreeMap<String, Pinned> {
        &self.plugins
    }

    /// The text of a file in which this was approved; sorted, so that it changes where that changes.
    pub fn write(plugins: &BTreeMap<String, Pinned>) -> String {
        let mut text = format!("{HEAD}version = {VERSION}\n");
        for (name, Pinned { digest, definitions }) in plugins {
            let name = key(name);
            let _ = write!(text, "\n[plugins.{name}]\ndigest = \"{SHA256}{digest}\"\n");
            for ((kind, offer), definition) in definitions {
                let (kind, offer, hash) = (kind.word(), key(offer), sha256(definition));
                let _ = write!(text, "\n[plugins.{name}.{kind}.{offer}]\nhash = \"{SHA256}{hash}\"\n");
                let _ = writeln!(text, "definition = '''\n{definition}'''");
            }
        }
        text
    }
}

impl Config {
    /// What was approved, as the file says that `[pins] file` names; none if there is none.
    pub(super) fn read_lock(&self) -> Result<Option<Arc<Lock>>, ConfigError> {
        let Some((file, text)) = self.beside(&self.pins.file).and_then(|file| Some((file, file.text()?))) else {
            return Ok(None);
        };
        Lock::parse(text, file.path()).map(|lock| Some(Arc::new(lock)))
    }
}

fn altered(kind: Described) -> String {
    let kind = kind.word();
    format!(
        "this is not the hash of the {kind}'s definition: one of the two was edited; take the file of before, or remove \
         the plugin's tables and run `toolhost approve`"
    )
}

fn digest_of<'a>(written: &'a Spanned<String>, path: &Path, text: &str) -> Result<&'a str, ConfigError> {
    let digest = written.get_ref().strip_prefix(SHA256).filter(|digest| {
        digest.len() == 64 && digest.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
    });
    let message = format!("a digest is written `{SHA256}`, and 64 characters of 0-9 a-f");
    digest.ok_or_else(|| ConfigError::at(path, text, written.span(), message))
}

fn sha256(text: &str) -> String {
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A key of TOML: bare where it can be. What cannot be seen is escaped.
fn key(name: &str) -> String {
    let is_bare = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if !name.is_empty() && name.bytes().all(is_bare) {
        return name.to_owned();
    }
    let mut quoted = String::from("\"");
    for c in name.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            ' '..='~' => quoted.push(c),
            c if c.is_alphanumeric() => quoted.push(c),
            c => {
                let _ = write!(quoted, "\\U{:08X}", u32::from(c));
            }
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plugins() -> BTreeMap<String, Pinned> {
        let definition = |text: &str| text.to_owned();
        let definitions = Definitions::from([
            (
                (Described::Tool, "crm__find".to_owned()),
                definition("description:\n  Finds a \"customer\".\n  It's \\ quick.\n"),
            ),
            ((Described::Template, "docs://{a}/ü\u{202e}\"'\\".to_owned()), definition("name: docs\n")),
        ]);
        let crm = Pinned { digest: "ab".repeat(32), definitions };
        let empty = Pinned { digest: "cd".repeat(32), definitions: Definitions::new() };
        BTreeMap::from([("crm".to_owned(), crm), ("a b.c".to_owned(), empty)])
    }

    fn refusal(text: &str) -> String {
        Lock::parse(text, Path::new("toolhost.lock")).expect_err("is refused").to_string()
    }

    #[test]
    fn what_is_written_is_read_again() {
        let text = Lock::write(&plugins());
        let lock = Lock::parse(&text, Path::new("toolhost.lock")).expect("parses");
        assert_eq!(lock.plugins(), &plugins());
        assert!(text.contains("[plugins.crm.tool.crm__find]\n"), "{text}");
        assert!(!text.contains('\u{202e}'), "what cannot be seen is hidden in it");
        let elsewhere = Lock::parse(&text.replace('\n', "\r\n"), Path::new("toolhost.lock")).expect("parses");
        assert_eq!(elsewhere.plugins(), &plugins());
    }

    #[test]
    fn what_was_edited_by_hand_is_refused_with_its_place() {
        let text = Lock::write(&plugins());
        let line = |of: &str| text.lines().position(|line| line == of).expect("is there") + 2;
        let of_tool = line("[plugins.crm.tool.crm__find]");
        let edited = refusal(&text.replace("Finds a", "Sells a"));
        assert!(edited.starts_with(&format!("toolhost.lock:{of_tool}:8: this is not the hash")), "{edited}");
        let unknown = refusal(&text.replace("\nhash = ", "\nhush = "));
        assert!(unknown.contains("unknown key `hush`; did you mean `hash`?"), "{unknown}");
        let digest = refusal(&text.replace("sha256:abab", "sha256:ab"));
        assert!(digest.starts_with(&format!("toolhost.lock:{}:10: a digest", line("[plugins.crm]"))), "{digest}");
        let newer = refusal(&text.replace("version = 1", "version = 2"));
        assert!(newer.starts_with("toolhost.lock:3:11: this host reads version 1"), "{newer}");
        assert!(refusal("version = 1\n[plugins\n").starts_with("toolhost.lock:2:"));
        assert!(refusal("").contains("version"), "a file without anything approves nothing, and says nothing");
    }
}
