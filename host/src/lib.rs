//! The map of toolhost, to be rewritten when the rooms stand.

pub mod call;
pub mod capability;
pub mod config;
pub mod fault;
pub mod host;
mod instructions;
pub mod registry;
pub mod runtime;
pub mod wit;
pub mod front;
pub mod cli;
