//! The house as seen from the street: a toolhost that runs, clients that call it, and the
//! servers that it needs.

#[cfg(feature = "athena")]
pub mod athena;
mod aws;
pub mod bedrock;
pub mod bench;
pub mod canary;
pub mod cases;
pub mod crm;
pub mod data_api;
pub mod http;
pub mod keys;
pub mod lender;
pub mod mariadb;
pub mod mcp;
pub mod openai;
pub mod process;
pub mod prometheus;
pub mod ready;
pub mod signer;
pub mod stdio;
pub mod sts;
pub mod toolhost;
pub mod upstream;

pub use self::toolhost::{Toolhost, component, repository, toolhost_program};
