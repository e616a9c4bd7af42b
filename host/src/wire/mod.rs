//! How bytes leave the house. What is here, two rooms need.

pub mod aws;
pub mod egress;
pub mod patience;
pub mod redact;
pub mod sqlite;
