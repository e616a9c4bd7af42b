//! The contract as it is, for what the rest of this crate does not express.
//!
//! A type that implements [`Guest`] is made the plugin by `plugin! { raw: Type }`; with
//! [`describe`] and [`call`] it can still be built on tools made by `#[tool]`. The functions of
//! the host stand as the contract names them, such as [`sql::sql::query`].

pub use crate::arguments::{Argument, ArgumentList, Arguments};
pub use crate::tool::{Entry, Tool as ToolFunction, call, describe};
pub use crate::wit::exports::toolhost::plugin::tools::{Annotations, Error, Guest, Outcome, TaskUse, Tool};
pub use crate::wit::toolhost::types::content::{
    Audience, Content, EmbeddedResource, Icon, Media, Part, PartAnnotations, ResourceBody, ResourceLink,
};
pub use crate::wit::toolhost::*;

/// What clients may read, as [`Guest`](resources::Guest) of a plugin that exports it.
pub mod resources {
    pub use crate::resource::{Entry, Function, complete, describe, read};
    pub use crate::wit::resources::exports::toolhost::plugin::resources::{
        Catalogue, Contents, Guest, Resource, Template,
    };
}

/// Conversations that a person may begin, as [`Guest`](prompts::Guest) of a plugin that exports them.
pub mod prompts {
    pub use crate::prompt::{Entry, Function, complete, describe, render};
    pub use crate::wit::prompts::exports::toolhost::plugin::prompts::{
        Argument, Conversation, Guest, Message, Prompt, Role,
    };
}

/// Folders of instructions, as [`Guest`](skills::Guest) of a plugin that exports them.
pub mod skills {
    pub use crate::skill::describe;
    pub use crate::wit::skills::exports::toolhost::plugin::skills::{File, Guest, Skill};
}
