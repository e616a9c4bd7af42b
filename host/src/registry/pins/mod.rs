//! Pins: what is served of a plugin is what the operator approved of it, to the letter.
//!
//! A plugin that nobody approved is not compiled. One of another component, or that describes
//! itself otherwise, is compiled and asked what it offers, so that the operator sees what differs;
//! it is not served.

mod definition;
mod diff;

use std::sync::Arc;

pub use self::diff::{diff, visible};
use crate::config::{Config, Definitions, Lock, Pinned};
use crate::runtime::Plugin;

/// What of a diff is told where somebody only wants to know what is wrong, in lines, and in characters of one.
const LINES_MAX: usize = 40;
const LINE_MAX: usize = 300;

/// What was approved, if anything has to be.
#[derive(Debug, Clone, Default)]
pub struct Pins {
    lock: Option<Arc<Lock>>,
    required: bool,
}

/// What would be approved of a plugin as it is.
pub fn pinned(plugin: &Plugin) -> Pinned {
    Pinned { digest: plugin.digest.clone(), definitions: definition::of(&plugin.offers) }
}

impl Pins {
    /// What a config says.
    pub(super) fn of(config: &Config) -> Self {
        Self { lock: config.lock().cloned(), required: config.pins.required }
    }

    /// Whether anything is held against them.
    pub fn hold(&self) -> bool {
        self.required || self.lock.is_some()
    }

    /// Whether anything was approved of a plugin: else, why it is not to be loaded.
    pub(super) fn knows(&self, name: &str) -> Result<(), String> {
        let Some(lock) = &self.lock else {
            let why = format!(
                "nothing is approved yet, and [pins] required = true says that it must be: run {}",
                approve(name)
            );
            return if self.required { Err(why) } else { Ok(()) };
        };
        if lock.plugins().contains_key(name) {
            return Ok(());
        }
        Err(format!(
            "it is not approved: {} does not hold it; look at it, and run {}",
            lock.path().display(),
            approve(name)
        ))
    }

    /// Whether a plugin is what was approved: else, what differs.
    pub(super) fn check(&self, plugin: &Plugin) -> Result<(), String> {
        self.knows(&plugin.name)?;
        let Some(approved) = self.approved(&plugin.name) else { return Ok(()) };
        let now = pinned(plugin);
        if *approved == now {
            return Ok(());
        }
        let component = if approved.digest == now.digest {
            "its component is the same".to_owned()
        } else {
            format!("its component is sha256:{}, approved was sha256:{}", now.digest, approved.digest)
        };
        let definitions = differences(&approved.definitions, &now.definitions);
        let definitions = definitions.unwrap_or_else(|| "; its definitions are the same; ".to_owned());
        let name = approve(&plugin.name);
        Err(format!("it is not what was approved: {component}{definitions}if that is as it should be, run {name}"))
    }

    /// Whether a plugin, approved before, describes itself still as it did then: else, what differs.
    pub(super) fn check_described_anew(&self, plugin: &Plugin) -> Result<(), String> {
        let Some(approved) = self.approved(&plugin.name) else { return self.knows(&plugin.name) };
        match differences(&approved.definitions, &definition::of(&plugin.offers)) {
            Some(differ) => Err(format!("it is not what was approved{differ}it goes on as it was described before")),
            None => Ok(()),
        }
    }

    fn approved(&self, name: &str) -> Option<&Pinned> {
        self.lock.as_ref().and_then(|lock| lock.plugins().get(name))
    }
}

/// Whether two plugins describe themselves alike.
pub(super) fn described_alike(one: &Plugin, other: &Plugin) -> bool {
    definition::of(&one.offers) == definition::of(&other.offers)
}

fn approve(name: &str) -> String {
    format!("`toolhost approve {}`", visible(name))
}

/// What differs, as part of a sentence with lines of its own; none if nothing does.
fn differences(approved: &Definitions, now: &Definitions) -> Option<String> {
    (approved != now).then(|| format!("; its definitions differ:\n{}\n", short(&diff(approved, now))))
}

/// The beginning of a text of many lines.
fn short(text: &str) -> String {
    let mut lines: Vec<String> = text.lines().take(LINES_MAX).map(cut).collect();
    let more = text.lines().count().saturating_sub(LINES_MAX);
    if more > 0 {
        lines.push(format!("… and {more} more lines, which `toolhost approve` shows"));
    }
    lines.join("\n")
}

fn cut(line: &str) -> String {
    let mut shown: String = line.chars().take(LINE_MAX).collect();
    if shown.len() < line.len() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_diff_is_cut_and_says_so() {
        let long = "x".repeat(LINE_MAX + 1);
        let text = std::iter::repeat_n(long.as_str(), LINES_MAX + 2).collect::<Vec<_>>().join("\n");
        let short = short(&text);
        assert_eq!(short.lines().count(), LINES_MAX + 1);
        assert!(short.ends_with("… and 2 more lines, which `toolhost approve` shows"), "{short}");
        assert!(short.lines().all(|line| line.chars().count() <= LINE_MAX + 1));
        assert_eq!(super::short("a\nb"), "a\nb");
    }

    #[test]
    fn without_a_file_everything_is_known_unless_it_has_to_be_approved() {
        assert_eq!(Pins::default().knows("crm"), Ok(()));
        let required = Pins { required: true, ..Pins::default() };
        assert!(required.knows("crm").is_err_and(|why| why.contains("`toolhost approve crm`")));
        let lock = Lock::parse("version = 1\n", std::path::Path::new("toolhost.lock")).expect("parses");
        let pins = Pins { lock: Some(Arc::new(lock)), required: false };
        assert!(pins.knows("crm").is_err_and(|why| why.contains("toolhost.lock does not hold it")));
    }
}
