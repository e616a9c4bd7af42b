//! The contract as it is, for what the rest of this crate does not express.
//!
//! A type that implements [`Guest`] is made the plugin by `plugin! { raw: Type }`; with
//! [`describe`] and [`call`] it can still be built on tools made by `#[tool]`. The host
//! functions stand in [`http`], [`kv`], [`model`], [`query`], [`sql`], [`settings`], [`log`] and [`client`].

pub use crate::tool::{Arguments, Entry, Tool as ToolFunction, assert_unique, call, describe};
pub use crate::wit::exports::toolhost::plugin::tools::{Annotations, Error, Guest, Outcome, TaskUse, Tool};
pub use crate::wit::toolhost::client::client;
pub use crate::wit::toolhost::http::http;
pub use crate::wit::toolhost::kv::kv;
pub use crate::wit::toolhost::log::log;
pub use crate::wit::toolhost::model::model;
pub use crate::wit::toolhost::query::query;
pub use crate::wit::toolhost::settings::settings;
pub use crate::wit::toolhost::sql::sql;
pub use crate::wit::toolhost::types::content::{
    Audience, Content, EmbeddedResource, Icon, Media, Part, PartAnnotations, ResourceBody, ResourceLink,
};
