//! The `sql` plugin from the street: what agents get of real databases, what operators are
//! told, and what nobody can do to either.

#[path = "sql/batches.rs"]
mod batches;
#[path = "sql/bench.rs"]
mod bench;
#[path = "sql/bypass.rs"]
mod bypass;
#[path = "sql/cancel.rs"]
mod cancel;
#[path = "sql/cluster.rs"]
mod cluster;
#[path = "sql/contention.rs"]
mod contention;
#[path = "sql/corpus.rs"]
mod corpus;
#[path = "sql/cursors.rs"]
mod cursors;
#[path = "sql/failures.rs"]
mod failures;
#[path = "sql/ledger.rs"]
mod ledger;
#[path = "sql/limits.rs"]
mod limits;
#[path = "sql/many.rs"]
mod many;
#[path = "sql/same.rs"]
mod same;
#[path = "sql/secrets.rs"]
mod secrets;
#[path = "sql/transactions.rs"]
mod transactions;
#[path = "sql/writes.rs"]
mod writes;
