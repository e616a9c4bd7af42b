//! How a request comes in. The only room that knows axum and rmcp; behind it, it knows
//! the host and nothing else.

mod answer;
mod http;
mod mcp;
mod origin;
mod rest;
mod sampling;

pub use self::answer::{error_json, outcome_json};
pub use self::http::{ServeError, Server};
