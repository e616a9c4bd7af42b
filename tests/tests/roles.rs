//! Rows by role, on real engines: every caller sees the rows of its units, whatever a statement says.

#[path = "roles/bench.rs"]
mod bench;
#[path = "roles/query.rs"]
mod query;
#[path = "roles/sql.rs"]
mod sql;
