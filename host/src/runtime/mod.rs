//! How a plugin runs: compiled once, and a new instance for every call.
//!
//! It never asks where a component came from, and knows of no capability but the list.

mod cache;
mod code;
mod engine;
mod exports;
mod instance;
mod lane;
mod needs;
mod offers;
mod output;
mod plugin;
mod tool;

pub use self::cache::{Binary, Cache, digest};
pub use self::engine::{EngineError, Places, Runtime};
pub use self::needs::{Needs, NotAPlugin};
pub use self::offers::{Completed, LoadedPrompt, LoadedTemplate, Offers};
pub use self::plugin::{LoadError, Plugin, PluginSpec, Visit};
pub use self::tool::LoadedTool;
