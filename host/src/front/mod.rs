//! How a request comes in. The only room that knows axum and rmcp; behind it, it knows
//! the host and nothing else.

mod answer;
mod http;
mod mcp;
mod origin;
mod rest;

pub use self::answer::{answer_json, error_json};
pub use self::http::{ServeError, Server};
