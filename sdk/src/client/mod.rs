//! The client that made this call, for as long as the call runs.
//!
//! It can be told how far the call has come, and asked what only it, or its user, knows. The
//! fields of a form are those of a type:
//!
//! ```no_run
//! use schemars::JsonSchema;
//! use serde::Deserialize;
//! use toolhost_sdk::client::{self, Ability, Asked};
//! use toolhost_sdk::{Result, tool};
//!
//! #[derive(Deserialize, JsonSchema)]
//! struct Confirmation {
//!     /// Whether the file shall really be deleted.
//!     sure: bool,
//! }
//!
//! /// Deletes a file.
//! #[tool(destructive)]
//! fn delete(
//!     /// Its name.
//!     name: String,
//! ) -> Result<String> {
//!     let answer: Confirmation = client::ask("sure", format!("Delete {name}?"))?.given()?;
//!     Ok(if answer.sure { format!("Deleted {name}.") } else { "Kept.".to_owned() })
//! }
//!
//! /// Writes a poem.
//! #[tool]
//! fn poem() -> Result<String> {
//!     if !client::abilities().contains(Ability::MODEL) {
//!         return Ok("Roses are red.".to_owned());
//!     }
//!     match client::model("poem", "Write a line about the sea.").ask()? {
//!         Asked::Given(line) => Ok(line),
//!         Asked::Declined | Asked::Cancelled => Ok("The sea is blue.".to_owned()),
//!     }
//! }
//! ```
//!
//! [`form_of`], [`page`] and [`roots`] are the other questions; [`ask_all`] asks several at once.
//!
//! **Ask before you act.** A call may end at a question, and begin anew with the answer:
//! what stands before the question runs again.

mod ask;
mod form;

pub use ask::{Asked, Question, Questions, Turn, ask, ask_all, form, form_of, model, page, roots};

use crate::wit::toolhost::client::client as host;
pub use crate::wit::toolhost::client::client::{
    Ability, Level, Offer, Root, abilities, cancelled, changed, progress, updated,
};

/// Writes a line to the client's log, if it asked for lines of this level.
pub fn note(level: Level, message: &str) {
    host::note(level, None, message);
}
