//! The contract as it is, for what the rest of this crate does not express.
//!
//! A type that implements [`Guest`] is made the plugin by `plugin! { raw: Type }`; with
//! [`describe`] and [`call`] it can still be built on tools made by `#[tool]`. The functions of
//! the host stand as the contract names them, such as [`sql::sql::query`].

pub use crate::tool::{Arguments, Entry, Tool as ToolFunction, assert_unique, call, describe};
pub use crate::wit::exports::toolhost::plugin::tools::{
    Annotations, Audience, Content, EmbeddedResource, Error, Guest, Icon, Media, Outcome, Part, PartAnnotations,
    ResourceBody, ResourceLink, Tool,
};
pub use crate::wit::toolhost::*;
