//! How a plugin runs: compiled once, and a new instance for every call.
//!
//! It never asks where a component came from, and knows of no capability but the list.

mod cache;
mod engine;
mod instance;
mod lane;
mod needs;
mod output;
mod plugin;
mod schema;

pub use self::cache::Cache;
pub use self::engine::{EngineError, Runtime};
pub use self::needs::{Needs, NotAPlugin};
pub use self::plugin::{LoadError, LoadedTool, Plugin, PluginSpec};
