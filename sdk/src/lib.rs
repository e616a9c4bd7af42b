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
//! Build it as a `cdylib` with `cargo build --target wasm32-wasip2`: that file is the plugin.
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
//! | `details = path` | a `fn() -> String` whose text is added to the description |
//!
//! The first four may also be given a value: `destructive = false`, or an expression such
//! as `read_only = sql::sources().is_empty()`. The host asks for it and for the details
//! when it loads the plugin, and again when the plugin's grants change.
//!
//! # Types of one's own
//!
//! An argument is anything that is `serde::Deserialize` and `schemars::JsonSchema`, and
//! [`Json`] answers with anything that is `serde::Serialize` and `schemars::JsonSchema`. To
//! derive them, add `serde` (with `derive`) and `schemars` (1.x) to the plugin's `Cargo.toml`.
//! A plugin whose arguments and answers are made of the standard types, of [`sql`] and of
//! [`json!`] needs this crate alone.

extern crate self as toolhost_sdk;

pub mod client;
mod error;
mod granted;
pub mod http;
pub mod kv;
pub mod log;
pub mod model;
mod outcome;
pub mod query;
pub mod raw;
pub mod rows;
mod schema;
pub mod settings;
pub mod sql;
mod tool;
mod wit;

pub use error::{Error, ErrorKind, Result};
pub use outcome::{Audience, EmbeddedResource, IntoOutcome, Json, Outcome, Part, ResourceBody, ResourceLink};
pub use serde_json::{self, json};
pub use toolhost_sdk_macros::tool;

/// Makes a list of functions that are marked `#[tool]` the plugin: `plugin! { tools: [a, b] }`.
///
/// `plugin! { raw: Type }` makes a plugin of a type that implements [`raw::Guest`] by itself.
#[macro_export]
macro_rules! plugin {
    (tools: [$($tool:path),+ $(,)?] $(,)?) => {
        const _: () = {
            const TOOLS: &[$crate::raw::Entry] = &[$($crate::raw::Entry::of::<$tool>()),+];
            $crate::raw::assert_unique(TOOLS);

            struct Plugin;

            impl $crate::raw::Guest for Plugin {
                fn describe() -> $crate::Result<::std::vec::Vec<$crate::raw::Tool>> {
                    $crate::raw::describe(TOOLS)
                }

                fn call(
                    name: ::std::string::String,
                    arguments: ::std::string::String,
                ) -> $crate::Result<$crate::Outcome> {
                    $crate::raw::call(TOOLS, &name, &arguments)
                }
            }

            $crate::plugin! { raw: Plugin }
        };
    };
    (raw: $plugin:ident $(,)?) => {
        const _: () = $crate::__private::assert_guest::<$plugin>();

        // The names of the exports mean nothing to a native linker, and some refuse them.
        #[cfg(target_arch = "wasm32")]
        $crate::__private::export!($plugin with_types_in $crate::__private);
    };
}

/// What the macros write into a plugin, and nobody else should.
#[doc(hidden)]
pub mod __private {
    pub use crate::schema::Parameters;
    pub use crate::wit::{export, exports};

    /// Stops the compiler if a type is no plugin, on targets without exports too.
    pub const fn assert_guest<T: crate::raw::Guest>() {}

    /// The description of a tool with the details that are known only when the host asks.
    pub fn description(text: &str, details: fn() -> String) -> String {
        let details = details();
        match details.trim() {
            "" => text.to_owned(),
            details => format!("{text}\n\n{details}"),
        }
    }
}
