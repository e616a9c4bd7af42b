//! The `athena` plugin from the street: what agents get of an engine that takes its time, what
//! operators are told, and that nothing runs on when nobody waits for it.

#[path = "query/bench.rs"]
mod bench;
#[path = "query/cancel.rs"]
mod cancel;
#[path = "query/failures.rs"]
mod failures;
#[path = "query/limits.rs"]
mod limits;
#[path = "query/load.rs"]
mod load;
#[path = "query/same.rs"]
mod same;
#[path = "query/seals.rs"]
mod seals;
#[path = "query/secrets.rs"]
mod secrets;
