//! The `sql` plugin from the street: what agents get of real databases, what operators are
//! told, and what nobody can do to either.

#[path = "sql/bench.rs"]
mod bench;
#[path = "sql/bypass.rs"]
mod bypass;
#[path = "sql/cluster.rs"]
mod cluster;
#[path = "sql/corpus.rs"]
mod corpus;
#[path = "sql/failures.rs"]
mod failures;
#[path = "sql/limits.rs"]
mod limits;
#[path = "sql/same.rs"]
mod same;
#[path = "sql/secrets.rs"]
mod secrets;
#[path = "sql/writes.rs"]
mod writes;
