//! An engine for Athena's SQL (Trino's dialect) over a folder of CSV, JSON lines and Parquet files.
//!
//! ```no_run
//! # async fn example() -> Result<(), toolhost_embedded::Error> {
//! use toolhost_embedded::{Engine, Limits};
//!
//! let engine = Engine::open("data".as_ref(), "support", Limits::default())?;
//! let mut rows = engine.run("SELECT count(*) FROM cases", &[]).await?;
//! while let Some(batch) = rows.next().await? {
//!     println!("{batch:?}");
//! }
//! # Ok(()) }
//! ```

mod engine;
mod error;
mod rows;
mod value;

pub use engine::{Engine, Limits};
pub use error::Error;
pub use rows::Rows;
pub use value::{Column, Kind, Value};
