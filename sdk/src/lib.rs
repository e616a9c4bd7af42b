//! Write a toolhost plugin as one small file.
//!
//! ```
//! use toolhost_sdk::{plugin, sql, tool, Result};
//!
//! /// Lists the customers who spent the most this month.
//! #[tool(read_only)]
//! fn best_customers(
//!     /// How many customers to return.
//!     limit: u32,
//! ) -> Result<sql::Rows> {
//!     sql::source()?.query("select name, total from best order by total desc limit ?", &[limit.into()])
//! }
//!
//! plugin! { tools: [best_customers] }
//! # fn main() {}
//! ```
//!
//! Build it as a `cdylib` with `cargo build --target wasm32-wasip2`: that file is the plugin. Each
//! call is a new instance, and quicker with room in its first memory than when it has to ask for
//! more: `rustflags = ["-Clink-arg=--initial-memory=2097152"]` under `[target.wasm32-wasip2]` in
//! `.cargo/config.toml`, which `toolhost new` writes.
//!
//! - The doc comment of a function is the description that the model reads; that of a
//!   parameter describes the argument. Both must be there.
//! - The types of the parameters become the JSON Schema of the arguments. An `Option<T>`
//!   may be left out; `#[default(100)]` gives a parameter a value when it is.
//! - The return type becomes the output schema: anything that is [`IntoOutcome`].
//! - `plugin!` is the one list of what the plugin offers.
//!
//! # Options of a tool
//!
//! `#[tool(...)]` takes, in any order:
//!
//! | option | meaning |
//! | --- | --- |
//! | `read_only` | it changes nothing |
//! | `destructive` | what it changes may be lost |
//! | `idempotent` | calling it again with the same arguments changes nothing more |
//! | `open_world` | it reaches things outside the sources of the host |
//! | `name = ".."` | its name, if not that of the function |
//! | `title = ".."` | a name for people to read |
//! | `task = at_once` | a call becomes a task at once, for clients that can poll; `task = required` refuses others; without it, once it is slow |
//! | `keywords = ["..", ".."]` | words by which agents may look for it |
//! | `details = path` | a `fn() -> String` whose text is added to the description |
//! | `icon = ".."` | the `https:` or `data:` URL of a picture |
//! | `meta = path` | a `fn() -> serde_json::Value`: the protocol's `_meta` of it, such as the page of an app |
//! | `schema = path` | a `fn() -> serde_json::Value`: the schema of the arguments, where that of the parameters says too little |
//!
//! The first four may also be given a value: `destructive = false`, or an expression such
//! as `read_only = sql::sources().is_empty()`. The host asks for it and for the details
//! when it loads the plugin, when the plugin's grants change, and after [`client::changed`].
//!
//! A parameter with `#[header("Region")]`, a text, a whole number or a truth, is sent as an
//! HTTP header too, for whatever routes requests on their way here.
//!
//! # Resources
//!
//! What clients may read by its URI. A function whose URI has `{variables}`, which are its
//! parameters, is a template of many:
//!
//! ```
//! use toolhost_sdk::{Result, plugin, resource, sql};
//!
//! /// What a customer may expect of us.
//! #[resource(uri = "rules://customers", mime_type = "text/markdown")]
//! fn rules() -> &'static str {
//!     "1. An answer within a day."
//! }
//!
//! /// One ticket of a customer.
//! #[resource(uri = "tickets://{customer}/{id}", mime_type = "application/json")]
//! fn ticket(#[complete(customers)] customer: String, id: u32) -> Result<String> {
//!     Ok(format!(r#"{{"customer":"{customer}","id":{id}}}"#))
//! }
//!
//! fn customers(typed: &str) -> Vec<String> {
//!     ["ann", "bob"].into_iter().filter(|name| name.starts_with(typed)).map(str::to_owned).collect()
//! }
//!
//! plugin! { resources: [rules, ticket] }
//! # fn main() {}
//! ```
//!
//! It returns anything that is [`IntoContents`]: text, bytes, [`Json`], or [`Contents`] made by
//! hand. A variable is anything that is [`FromStr`](std::str::FromStr), and comes decoded.
//! The options are `uri`, `mime_type`, `size = 123`, `audience = [user, assistant]`, `priority = 0.5`,
//! `last_modified = ".."`, and those of a tool that say how it presents itself: `name`, `title`,
//! `details`, `icon` and `meta`.
//!
//! # Prompts
//!
//! Conversations that a person may begin:
//!
//! ```
//! use toolhost_sdk::{Conversation, Typed, plugin, prompt};
//!
//! /// Reviews a query before it runs.
//! #[prompt(title = "Review a query")]
//! fn review(
//!     /// The query.
//!     query: String,
//!     /// The source it is for.
//!     #[complete(sources)]
//!     source: Option<String>,
//! ) -> Conversation {
//!     let source = source.map_or(String::new(), |source| format!(" It is for {source}."));
//!     Conversation::new().user(format!("Review this query.{source}")).user(query)
//! }
//!
//! fn sources(typed: &Typed) -> Vec<&'static str> {
//!     if typed.other("query").is_some() { vec!["crm", "shop"] } else { Vec::new() }
//! }
//!
//! plugin! { prompts: [review] }
//! # fn main() {}
//! ```
//!
//! It returns anything that is [`IntoConversation`]: text, a [`Part`], messages, or a
//! [`Conversation`]. Clients fill in all arguments as text; each is read as the type of its parameter.
//!
//! `#[complete(function)]` suggests values for a parameter, here and in a template, while somebody
//! fills it in. The function sees what was typed, a `&str`, or with it the others: a [`&Typed`](Typed).
//!
//! # Skills
//!
//! [`skill!`] makes a folder with a `SKILL.md` part of the plugin: `plugin! { skills:
//! [skill!("skills/review")] }`. The files are those that are there when the plugin is built; a file
//! that is new in the folder is seen once something else is changed.
//!
//! # Asking
//!
//! A tool or a prompt may ask the client, or its user, while it runs: see [`client`].
//!
//! # Types of one's own
//!
//! An argument is anything that is `serde::Deserialize` and `schemars::JsonSchema`, and
//! [`Json`] answers with anything that is `serde::Serialize` and `schemars::JsonSchema`. To
//! derive them, add `serde` (with `derive`) and `schemars` (1.x) to the plugin's `Cargo.toml`.
//! A plugin whose arguments and answers are made of the standard types, of [`sql`] and of
//! [`json!`] needs this crate alone.

extern crate self as toolhost_sdk;

mod arguments;
pub mod client;
mod complete;
mod error;
mod granted;
pub mod http;
pub mod kv;
pub mod log;
pub mod model;
mod outcome;
mod part;
mod plugin;
mod prompt;
pub mod query;
pub mod raw;
mod resource;
pub mod rows;
mod schema;
pub mod settings;
mod skill;
pub mod sql;
mod template;
mod tool;
mod unique;
mod wit;
mod words;

pub use complete::{IntoSuggestions, Suggestions, Typed};
pub use error::{Error, ErrorKind, Result};
pub use outcome::{IntoOutcome, Json, Outcome};
pub use part::{Audience, EmbeddedResource, Part, ResourceBody, ResourceLink};
pub use prompt::{Conversation, IntoConversation, Message};
pub use resource::{Contents, IntoContents};
pub use serde_json::{self, json};
pub use skill::Skill;
pub use toolhost_sdk_macros::{prompt, resource, skill, tool};

/// What the macros write into a plugin, and nobody else should.
#[doc(hidden)]
pub mod __private {
    pub use crate::complete::suggest;
    pub use crate::resource::contents;
    pub use crate::schema::Parameters;
    pub use crate::template::{Piece, Template};
    pub use crate::unique::assert_unique;
    pub use crate::wit::{export, exports};
    pub use crate::words::Words;

    /// The exports of resources.
    pub mod resources {
        pub use crate::wit::resources::{export, exports};
    }

    /// The exports of prompts.
    pub mod prompts {
        pub use crate::wit::prompts::{export, exports};
    }

    /// The exports of skills.
    pub mod skills {
        pub use crate::wit::skills::{export, exports};
    }

    /// Stops the compiler if a type has no tools, on targets without exports too.
    pub const fn assert_tools<T: crate::raw::Guest>() {}

    /// As [`assert_tools`].
    pub const fn assert_resources<T: crate::raw::resources::Guest>() {}

    /// As [`assert_tools`].
    pub const fn assert_prompts<T: crate::raw::prompts::Guest>() {}

    /// As [`assert_tools`].
    pub const fn assert_skills<T: crate::raw::skills::Guest>() {}

    /// What `meta = function` and `schema = function` say, as the contract has it.
    pub fn json(function: fn() -> serde_json::Value) -> String {
        function().to_string()
    }

    /// A picture of any size.
    pub fn icon(src: &str) -> crate::raw::Icon {
        crate::raw::Icon { src: src.to_owned(), mime_type: None, sizes: Vec::new() }
    }

    /// A description with the details that are known only when the host asks.
    pub fn description(text: &str, details: fn() -> String) -> String {
        let details = details();
        match details.trim() {
            "" => text.to_owned(),
            details => format!("{text}\n\n{details}"),
        }
    }
}
