//! `toolhost key`: makes, lists and takes back API keys, in the file that `[callers] keys` names. A host that
//! serves takes in what changes there by itself, unless `[serve] reload` is false.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::OpenOptions;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, bail, ensure};
use chrono::{DateTime, SecondsFormat, Utc};
use clap::{Args, Subcommand};

use super::start;
use super::terminal::{is_heard, note, say};
use crate::config::{self, check_caller, check_id, is_visible};
use crate::gate::NewKey;

/// Make, list and revoke API keys.
#[derive(Args)]
pub(super) struct Key {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    New(New),
    /// List the keys that there are: never a key itself, which is not kept.
    List,
    /// Take a key back; it stays in the file, and is good for nothing. A host that serves knows within about two
    /// seconds; with `[serve] reload = false` not before SIGHUP.
    Revoke {
        /// The key's id, as `key list` shows it.
        id: String,
    },
}

/// Make a key for a caller, and print it: this once, for only its digest is kept.
#[derive(Args)]
struct New {
    /// The caller's name, as policy, limits and audit know it; a caller may have several keys.
    name: String,
    /// A group that the caller is counted among.
    #[arg(long = "group", value_name = "GROUP")]
    groups: Vec<String>,
    /// Something else that is known of the caller; a name may be given several values.
    #[arg(long = "attribute", value_name = "NAME=VALUE")]
    attributes: Vec<String>,
    /// When it ends: in so many days or hours (`90d`, `12h`), at a time (`2027-01-31T12:00:00Z`), or `never`.
    #[arg(long, default_value = "90d")]
    expires: String,
    /// What the key is called in the file; the caller's name and a number if not given.
    #[arg(long)]
    id: Option<String>,
}

impl Key {
    pub(super) fn run(self, config: &Path) -> anyhow::Result<ExitCode> {
        let config = start::read(config)?;
        let Some(path) = &config.callers.keys else {
            bail!("{} names no file of keys: write [callers] keys = \"keys.toml\"", config.path().display());
        };
        let path = config.resolve(path);
        match self.command {
            Command::New(new) => new.run(&path)?,
            Command::List => config.keys.iter().flat_map(|keys| keys.iter()).for_each(list),
            Command::Revoke { id } => revoke(&path, &id, config.serve.reload)?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl New {
    fn run(self, path: &Path) -> anyhow::Result<()> {
        check_caller(&self.name).map_err(anyhow::Error::msg)?;
        let words = self.groups.iter().chain(&self.attributes);
        ensure!(
            words.clone().all(|word| is_visible(word) && word.len() <= 256),
            "a group or attribute is visible text"
        );
        let mut attributes: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for pair in &self.attributes {
            let pair = pair.split_once('=').filter(|(name, value)| is_visible(name) && is_visible(value));
            let (name, value) = pair.context("an attribute is written NAME=VALUE")?;
            attributes.entry(name.to_owned()).or_default().push(value.to_owned());
        }
        let expires = end(&self.expires, now())?;
        let file = File::lock(path)?;
        let id = match self.id {
            Some(id) => id,
            None => free_id(&self.name, &file.keys),
        };
        check_id(&id).map_err(anyhow::Error::msg)?;
        ensure!(!file.keys.iter().any(|key| key.id == id), "there is a key `{id}`; name another --id");
        let new = NewKey::make().context("the system gives no random numbers")?;
        let key = config::Key {
            id: id.clone(),
            sha256: new.sha256,
            caller: self.name,
            groups: self.groups.into_iter().collect::<BTreeSet<_>>(),
            attributes,
            created: Some(now()),
            expires,
            revoked: None,
            at: 0..0,
        };
        let gap = if file.text.is_empty() || file.text.ends_with("\n\n") { "" } else { "\n" };
        let text = format!("{}{gap}{}", file.text, key.text());
        file.write(&text)?;
        // Alone on standard output, so that a script can take it.
        say!("{}", *new.text);
        ensure!(is_heard(), "nobody took the key `{id}`, and it is kept nowhere: revoke it, and make another one");
        let until = expires.map_or("for ever".to_owned(), |end| format!("until {}", shown(end)));
        note!("This is the key `{id}`, good {until}. It is shown this once: the host keeps only its digest.");
        Ok(())
    }
}

/// One line for a key.
fn list(key: &config::Key) {
    let time = |time: Option<DateTime<Utc>>| time.map_or("never".to_owned(), shown);
    let state = match (key.revoked, key.expires) {
        (Some(at), _) => format!("revoked {}", shown(at)),
        (None, Some(end)) if end <= now() => format!("expired {}", shown(end)),
        (None, end) => format!("expires {}", time(end)),
    };
    let groups: Vec<&str> = key.groups.iter().map(String::as_str).collect();
    let digest: String = key.sha256.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    say!("{}  {}  [{}]  {state}  sha256 {digest}...", key.id, key.caller, groups.join(", "));
}

fn revoke(path: &Path, id: &str, reload: bool) -> anyhow::Result<()> {
    let file = File::lock(path)?;
    let key = file.keys.iter().find(|key| key.id == id);
    let key = key.with_context(|| format!("there is no key `{id}`; see `toolhost key list`"))?;
    ensure!(key.revoked.is_none(), "the key `{id}` is revoked already");
    let text = with_line(&file.text, key.at.start, &format!("revoked = \"{}\"", shown(now())));
    let text = text.with_context(|| format!("write `revoked = \"{}\"` into the key's table by hand", shown(now())))?;
    file.write(&text)?;
    let when = if reload { "within about two seconds" } else { "only at SIGHUP, as [serve] reload is false" };
    note!("The key `{id}` is revoked; a host that serves knows {when}.");
    Ok(())
}

/// The same text with a line more at the beginning of the table `[[key]]` that stands there; none if no
/// such table does.
fn with_line(text: &str, at: usize, line: &str) -> Option<String> {
    let (before, table) = text.split_at_checked(at)?;
    let (header, rest) = table.split_once('\n')?;
    header.starts_with("[[").then(|| format!("{before}{header}\n{line}\n{rest}"))
}

/// An id that no key has: the caller's name, as far as it can be one, and a number.
fn free_id(name: &str, keys: &[config::Key]) -> String {
    let fits = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' };
    let name: String = name.chars().map(fits).take(48).collect();
    let ids = (1_usize..).map(|number| format!("{name}-{number}"));
    ids.into_iter().find(|id| !keys.iter().any(|key| key.id == *id)).unwrap_or(name)
}

/// When a key ends that is made now.
fn end(text: &str, now: DateTime<Utc>) -> anyhow::Result<Option<DateTime<Utc>>> {
    if text == "never" {
        return Ok(None);
    }
    let unit = |unit: char, hours: u64| {
        text.strip_suffix(unit).and_then(|count| count.parse::<u64>().ok()?.checked_mul(hours))
    };
    let end = match unit('d', 24).or_else(|| unit('h', 1)) {
        // Of more than a thousand years there is no need, and clocks have an end.
        Some(hours) => (1..=24 * 365_000).contains(&hours).then(|| now + Duration::from_secs(hours * 3_600)),
        None => DateTime::parse_from_rfc3339(text).ok().map(|time| time.to_utc()).filter(|end| *end > now),
    };
    Ok(Some(end.context("--expires is `90d`, `12h`, a time to come such as `2027-01-31T12:00:00Z`, or `never`")?))
}

fn now() -> DateTime<Utc> {
    SystemTime::now().into()
}

fn shown(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// The file of keys, while nobody else writes it.
struct File {
    path: PathBuf,
    text: String,
    keys: Vec<config::Key>,
    /// What takes the file's place; that it is there keeps others away.
    next: Next,
}

/// A file that is not left behind.
struct Next(PathBuf);

impl Drop for Next {
    fn drop(&mut self) {
        // It is gone if it took its place.
        let _ = std::fs::remove_file(&self.0);
    }
}

impl File {
    fn lock(path: &Path) -> anyhow::Result<Self> {
        // A link stays one.
        let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let mut next = path.clone().into_os_string();
        next.push(".new");
        let next = PathBuf::from(next);
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(&next).with_context(|| {
            let next = next.display();
            format!("{next} cannot be made; if it is there and no `toolhost key` runs, remove it")
        })?;
        let next = Next(next);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error).with_context(|| format!("{} cannot be read", path.display())),
        };
        let keys = config::Key::read_all(&path, &text)?;
        Ok(Self { path, text, keys, next })
    }

    /// Puts another text in the place of the file's, in one step; only its owner may read it.
    fn write(self, text: &str) -> anyhow::Result<()> {
        let failed = || format!("{} cannot be written", self.path.display());
        let mut next = OpenOptions::new().write(true).open(&self.next.0).with_context(failed)?;
        next.write_all(text.as_bytes()).with_context(failed)?;
        next.sync_all().with_context(failed)?;
        #[cfg(unix)]
        if let Ok(before) = std::fs::metadata(&self.path) {
            use std::os::unix::fs::MetadataExt as _;
            // It stays readable for the host if somebody else writes it, such as root.
            let _ = std::os::unix::fs::chown(&self.next.0, Some(before.uid()), Some(before.gid()));
        }
        std::fs::rename(&self.next.0, &self.path).with_context(failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_ends_when_it_is_said_to() {
        let now = DateTime::parse_from_rfc3339("2026-11-21T12:00:00Z").expect("is a time").to_utc();
        let end = |text: &str| end(text, now).map(|end| end.map(shown)).map_err(|error| error.to_string());
        assert_eq!(end("90d"), Ok(Some("2027-02-19T12:00:00Z".to_owned())));
        assert_eq!(end("12h"), Ok(Some("2026-11-22T00:00:00Z".to_owned())));
        assert_eq!(end("2027-01-31T13:00:00+01:00"), Ok(Some("2027-01-31T12:00:00Z".to_owned())));
        assert_eq!(end("never"), Ok(None));
        for wrong in ["", "d", "0d", "-1d", "90", "90m", "2026-01-01T00:00:00Z", "99999999999999999999d", "999999999d"]
        {
            assert!(end(wrong).is_err_and(|error| error.contains("`90d`")), "{wrong}");
        }
    }

    #[test]
    fn an_id_is_the_callers_and_free() {
        let key = |id: &str| config::Key {
            id: id.to_owned(),
            sha256: [0; 32],
            caller: "Ann M".to_owned(),
            groups: BTreeSet::new(),
            attributes: BTreeMap::new(),
            created: None,
            expires: None,
            revoked: None,
            at: 0..0,
        };
        assert_eq!(free_id("Ann Ü", &[]), "Ann---1");
        assert_eq!(free_id("ann", &[key("ann-1"), key("ann-3")]), "ann-2");
        assert_eq!(check_id(&free_id(&"ü".repeat(128), &[])), Ok(()));
    }

    #[test]
    fn a_line_is_put_into_the_table_that_is_meant_and_the_rest_stays() {
        let text = "# ours\n[[key]] # one\nid = 1\n\n[[key]]\nid = 2\n";
        let second = text.rfind("[[").expect("is there");
        let with = with_line(text, second, "x = 1").expect("is a table");
        assert_eq!(with, "# ours\n[[key]] # one\nid = 1\n\n[[key]]\nx = 1\nid = 2\n");
        assert_eq!(with_line("key = [\n{ id = 1 }]\n", 8, "x = 1"), None);
    }
}
