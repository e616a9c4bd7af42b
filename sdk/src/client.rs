//! The client that made this call, for as long as the call runs.

pub use crate::wit::toolhost::client::client::progress;
