//! How a request comes in. The only room that knows axum and rmcp; behind it, it knows
//! the host and nothing else.

mod answer;
mod asked;
mod card;
mod cors;
mod http;
mod identify;
mod jsonrpc;
mod mcp;
mod metrics;
mod origin;
mod refused;
mod resource;
mod rest;
mod stdio;
mod streamable;
mod trace;

pub use self::answer::{error_json, tool_result};
pub use self::http::{ServeError, Server};
pub use self::stdio::serve_stdio;
