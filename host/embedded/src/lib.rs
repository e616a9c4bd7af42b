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
//!
//! # The walk of a statement
//!
//! `engine` starts a task on threads of its own; `run` walks it: `statement` reads the text, lets through what reads and
//! puts functions in place of Trino's forms; `folder` and `table` tell which tables there are and what is in them; `plan`
//! gives names and operators Trino's meaning; DataFusion runs it with `functions`; `render` makes values of its columns,
//! and `rows` hands them over. `catalogue` answers what is asked about the tables, and `failure` says what went wrong.
//!
//! # What differs from Athena
//!
//! * A timestamp with time zone is of one zone for a whole column; `from_iso8601_timestamp` gives UTC.
//! * Timestamps and times count milliseconds. Literal whole numbers are `bigint`.
//! * `approx_distinct` and `approx_percentile` are exact.
//! * Regular expressions have no look-around and no back-references.
//! * Arrays, maps and rows are answered as JSON text.
//! * A function builds texts of 16 MiB at most, 256 MiB for the rows that are computed together, and a million parts
//!   of one text.

mod catalogue;
mod check;
mod engine;
mod error;
mod failure;
mod folder;
mod functions;
mod known;
mod moment;
mod plan;
mod render;
mod rows;
mod run;
mod statement;
mod table;
mod types;
mod value;

pub use engine::{Engine, Limits};
pub use error::Error;
pub use rows::Rows;
pub use value::{Column, Kind, Value};
