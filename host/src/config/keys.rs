//! The file of API keys: who has one, never a key itself.
//!
//! ```toml
//! [[key]]
//! id = "ann-1"
//! sha256 = "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b"
//! caller = "ann"
//! groups = ["support"]
//! attributes = { unit = "video" }
//! created = "2026-11-21T12:00:00Z"
//! expires = "2027-02-19T12:00:00Z"
//! ```

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::ops::Range;
use std::path::Path;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Deserializer, de};
use toml::Spanned;

use super::callers::is_visible;
use super::{Config, ConfigError};

/// The longest name of a caller, in characters.
const NAME_MAX: usize = 128;

/// One API key, as far as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// What it is called: in the file, and in `toolhost key list`.
    pub id: String,
    /// SHA-256 of its whole text.
    pub sha256: [u8; 32],
    /// Whose it is.
    pub caller: String,
    /// What the caller is counted among.
    pub groups: BTreeSet<String>,
    /// What else is known of the caller.
    pub attributes: BTreeMap<String, Vec<String>>,
    /// When it was made.
    pub created: Option<DateTime<Utc>>,
    /// When it ends.
    pub expires: Option<DateTime<Utc>>,
    /// When it was taken back.
    pub revoked: Option<DateTime<Utc>>,
    /// Where it stands in the file, in bytes.
    pub at: Range<usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default)]
    key: Vec<Spanned<WrittenKey>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenKey {
    id: Spanned<Id>,
    sha256: Spanned<Digest>,
    caller: CallerName,
    #[serde(default)]
    groups: BTreeSet<Word>,
    #[serde(default)]
    attributes: BTreeMap<Word, Words>,
    created: Option<Time>,
    expires: Option<Time>,
    revoked: Option<Time>,
}

impl Key {
    /// The keys of a file, in its order.
    pub fn read_all(path: &Path, text: &str) -> Result<Vec<Self>, ConfigError> {
        let written: Written = toml::from_str(text).map_err(|error| ConfigError::from_toml(path, text, &error))?;
        let (mut ids, mut digests) = (HashSet::new(), HashSet::new());
        let mut keys = Vec::with_capacity(written.key.len());
        for key in written.key {
            let at = key.span();
            let key = key.into_inner();
            let (id_at, digest_at) = (key.id.span(), key.sha256.span());
            let (Id(id), Digest(sha256), CallerName(caller)) =
                (key.id.into_inner(), key.sha256.into_inner(), key.caller);
            if !ids.insert(id.clone()) {
                return Err(ConfigError::at(path, text, id_at, format!("there is another key `{id}`")));
            }
            if !digests.insert(sha256) {
                let message = "there is another entry for the same key: each has one";
                return Err(ConfigError::at(path, text, digest_at, message));
            }
            let groups = key.groups.into_iter().map(|Word(group)| group).collect();
            let attributes = key.attributes.into_iter().map(|(Word(name), words)| (name, words.list())).collect();
            let [created, expires, revoked] =
                [key.created, key.expires, key.revoked].map(|time| time.map(|Time(time)| time));
            keys.push(Self { id, sha256, caller, groups, attributes, created, expires, revoked, at });
        }
        Ok(keys)
    }

    /// How it is written into a file.
    pub fn text(&self) -> String {
        let quoted = |text: &str| toml::Value::String(text.to_owned()).to_string();
        let list = |words: &mut dyn Iterator<Item = &String>| {
            let words: Vec<String> = words.map(|word| quoted(word)).collect();
            format!("[{}]", words.join(", "))
        };
        let mut text = format!(
            "[[key]]\nid = {}\nsha256 = \"{}\"\ncaller = {}\n",
            quoted(&self.id),
            hex(&self.sha256),
            quoted(&self.caller)
        );
        if !self.groups.is_empty() {
            text += &format!("groups = {}\n", list(&mut self.groups.iter()));
        }
        if !self.attributes.is_empty() {
            let pair = |(name, words): (&String, &Vec<String>)| match words.as_slice() {
                [word] => format!("{} = {}", quoted(name), quoted(word)),
                words => format!("{} = {}", quoted(name), list(&mut words.iter())),
            };
            let pairs: Vec<String> = self.attributes.iter().map(pair).collect();
            text += &format!("attributes = {{ {} }}\n", pairs.join(", "));
        }
        for (name, time) in [("created", self.created), ("expires", self.expires), ("revoked", self.revoked)] {
            if let Some(time) = time {
                text += &format!("{name} = \"{}\"\n", time.to_rfc3339_opts(SecondsFormat::Secs, true));
            }
        }
        text
    }
}

impl Config {
    /// The API keys of the file that `[callers] keys` names; none if the file is not there.
    pub(super) fn read_keys(&mut self) -> Result<(), ConfigError> {
        let file = self.callers.keys.as_deref().and_then(|path| self.beside(path));
        let keys = file.and_then(|file| file.text().map(|text| Key::read_all(file.path(), text))).transpose()?;
        self.keys = keys.map(Into::into);
        Ok(())
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What a key is called.
struct Id(String);

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let id = String::deserialize(deserializer)?;
        check_id(&id).map_err(de::Error::custom)?;
        Ok(Self(id))
    }
}

/// What is wrong with what a key is called.
pub fn check_id(id: &str) -> Result<(), &'static str> {
    let fits =
        (1..=64).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
    if fits { Ok(()) } else { Err("an id is 1 to 64 of A-Z a-z 0-9 . _ -") }
}

/// What is wrong with the name of a caller who has a key.
pub fn check_caller(name: &str) -> Result<(), &'static str> {
    if !is_visible(name) || name.chars().count() > NAME_MAX {
        return Err("a caller's name is 1 to 128 visible characters, with no space at either end");
    }
    if name.contains(':') {
        return Err("a caller's name with `:` is one that somebody else vouches for: leave it out");
    }
    if name == "local" {
        return Err("`local` is whoever started the host: take another name");
    }
    Ok(())
}

struct Digest([u8; 32]);

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let wrong = || de::Error::custom("64 hexadecimal digits: the SHA-256 of the whole key, never the key itself");
        if text.len() != 64 || !text.is_ascii() {
            return Err(wrong());
        }
        let mut digest = [0; 32];
        for (byte, digits) in digest.iter_mut().zip(text.as_bytes().chunks(2)) {
            let digits = std::str::from_utf8(digits).map_err(|_| wrong())?;
            *byte = u8::from_str_radix(digits, 16).map_err(|_| wrong())?;
        }
        Ok(Self(digest))
    }
}

struct CallerName(String);

impl<'de> Deserialize<'de> for CallerName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        check_caller(&name).map_err(de::Error::custom)?;
        Ok(Self(name))
    }
}

/// A group, or a name or value of an attribute.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Word(String);

impl<'de> Deserialize<'de> for Word {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = String::deserialize(deserializer)?;
        if is_visible(&word) && word.len() <= 256 {
            Ok(Self(word))
        } else {
            Err(de::Error::custom("a group or an attribute is up to 256 bytes of visible text"))
        }
    }
}

/// The value of an attribute, or several.
#[derive(Deserialize)]
#[serde(untagged, expecting = "an attribute is a text or a list of texts, each visible and of up to 256 bytes")]
enum Words {
    One(Word),
    Several(Vec<Word>),
}

impl Words {
    fn list(self) -> Vec<String> {
        match self {
            Self::One(Word(word)) => vec![word],
            Self::Several(words) => words.into_iter().map(|Word(word)| word).collect(),
        }
    }
}

struct Time(DateTime<Utc>);

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // TOML has times of its own, and people write them as texts too.
        let text = match toml::Value::deserialize(deserializer)? {
            toml::Value::String(text) => text,
            toml::Value::Datetime(time) => time.to_string(),
            _ => String::new(),
        };
        let time = DateTime::parse_from_rfc3339(&text);
        let time = time.map_err(|_| de::Error::custom("a time with its zone, such as \"2027-01-31T12:00:00Z\""))?;
        Ok(Self(time.to_utc()))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    fn read(text: &str) -> Result<Vec<Key>, String> {
        Key::read_all(Path::new("keys.toml"), text).map_err(|error| error.to_string())
    }

    fn entry(id: usize) -> String {
        format!(
            "[[key]]\nid = \"k{id}\"\nsha256 = \"{id:064x}\"\ncaller = \"caller {id}\"\ngroups = [\"g{}\"]\n",
            id % 7
        )
    }

    #[test]
    fn a_key_is_read_as_it_is_written() {
        let time = |text: &str| Some(DateTime::parse_from_rfc3339(text).expect("is a time").to_utc());
        let key = Key {
            id: "ann-1".to_owned(),
            sha256: [7; 32],
            caller: "Ann \"the\" M\\üller".to_owned(),
            groups: ["support".to_owned(), "on call".to_owned()].into(),
            attributes: [("unit", vec!["video"]), ("my region", vec!["eu", "us"])]
                .map(|(name, words)| (name.to_owned(), words.into_iter().map(str::to_owned).collect()))
                .into(),
            created: time("2026-11-21T12:00:00Z"),
            expires: time("2027-01-01T00:00:00Z"),
            revoked: None,
            at: 0..0,
        };
        let text = key.text();
        let read = read(&text).expect("parses");
        assert_eq!(read.into_iter().map(|read| Key { at: 0..0, ..read }).collect::<Vec<_>>(), [key], "{text}");
    }

    #[test]
    fn a_time_may_be_written_as_toml_has_it() {
        let read = read(&(entry(1) + "expires = 2027-01-01T02:00:00+02:00\n")).expect("parses");
        let expires = read.first().and_then(|key| key.expires).expect("is there");
        assert_eq!(expires.to_rfc3339_opts(SecondsFormat::Secs, true), "2027-01-01T00:00:00Z");
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        let with = |from: &str, to: &str| read(&entry(1).replace(from, to)).expect_err(to);
        for (error, place, says) in [
            (with("\"k1\"", "\"k 1\""), "keys.toml:2:6:", "A-Z"),
            (with("caller 1", "a\\nb"), "keys.toml:4:10:", "visible"),
            (with("caller 1", "corp:ann"), "keys.toml:4:10:", "`:`"),
            (with("caller 1", "local"), "keys.toml:4:10:", "started the host"),
            (with("0001\"", "000x\""), "keys.toml:3:10:", "64 hexadecimal"),
            (with("\"g1\"", "\"g\\u001b\""), "keys.toml:5:", "group"),
            (with("groups =", "group ="), "keys.toml:5:1:", "did you mean `groups`"),
            (read(&(entry(1) + "expires = \"tomorrow\"\n")).expect_err("is wrong"), "keys.toml:6:11:", "2027-01-31"),
            (read(&(entry(1) + &entry(1))).expect_err("is wrong"), "keys.toml:7:6:", "another key `k1`"),
            (
                read(&(entry(1) + &entry(1).replace("k1", "k2"))).expect_err("is wrong"),
                "keys.toml:8:10:",
                "another entry",
            ),
        ] {
            assert!(error.starts_with(place) && error.contains(says), "{error}");
        }
    }

    #[test]
    fn ten_thousand_keys_are_read_in_a_moment() {
        let text: String = (0..10_000).map(entry).collect();
        let began = Instant::now();
        assert_eq!(read(&text).map(|keys| keys.len()), Ok(10_000));
        // A build without optimisation takes a second or so; what grows with the square takes minutes.
        assert!(began.elapsed().as_secs() < 30, "{:?}", began.elapsed());
    }

    #[test]
    fn a_key_knows_where_it_stands() {
        let text = format!("# ours\n{}{}", entry(1), entry(2));
        let keys = read(&text).expect("parses");
        for key in &keys {
            assert!(text.get(key.at.start..).is_some_and(|rest| rest.starts_with("[[key]]")), "{:?}", key.at);
        }
    }
}
