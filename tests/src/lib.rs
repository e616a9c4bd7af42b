//! The house as seen from the street: a toolhost that runs, clients that call it, and the
//! servers that it needs.

mod aws;
pub mod crm;
pub mod data_api;
pub mod http;
pub mod mariadb;
pub mod mcp;
pub mod process;
pub mod toolhost;

pub use self::toolhost::{Toolhost, component, repository, toolhost_program};
