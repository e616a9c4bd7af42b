//! Lines for the operator's log; agents never see them.
//!
//! Not for results, and not for values that may be secret or personal. A call may write
//! 64 KiB in all; what goes beyond is counted and dropped.
//!
//! ```no_run
//! use toolhost_sdk::log;
//!
//! log::info("The cache was empty.", &[]);
//! log::warn("Some rows were skipped.", &[("rows.count", &3), ("table.name", &"best")]);
//! ```

use std::fmt::Display;

use crate::wit::toolhost::log::log::{Field, Level, write};

/// A named detail of a line: dotted lower-case words, and anything that can be printed.
pub type Detail<'a> = (&'a str, &'a dyn Display);

/// Detail for somebody who is looking for a fault in the plugin.
pub fn debug(message: &str, details: &[Detail<'_>]) {
    line(Level::Debug, message, details);
}

/// Something worth knowing that needs no action.
pub fn info(message: &str, details: &[Detail<'_>]) {
    line(Level::Info, message, details);
}

/// Something is wrong, and the call goes on.
pub fn warn(message: &str, details: &[Detail<'_>]) {
    line(Level::Warn, message, details);
}

/// The call cannot do what it was asked.
pub fn error(message: &str, details: &[Detail<'_>]) {
    line(Level::Error, message, details);
}

fn line(level: Level, message: &str, details: &[Detail<'_>]) {
    let field = |(name, value): &Detail<'_>| Field { name: (*name).to_owned(), value: value.to_string() };
    write(level, message, &details.iter().map(field).collect::<Vec<_>>());
}
