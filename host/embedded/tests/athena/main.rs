//! Athena's statements over small files, with the rows that Trino's documentation promises for them.

mod files;
mod limits;
mod refusals;
mod statements;
