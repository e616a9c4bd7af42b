//! The `bedrock` plugin from the street: what agents get of each kind of model, what operators
//! are told, and what ends a turn.

#[path = "model/bench.rs"]
mod bench;
#[path = "model/cancel.rs"]
mod cancel;
#[path = "model/failures.rs"]
mod failures;
#[path = "model/limits.rs"]
mod limits;
#[path = "model/openai.rs"]
mod openai;
#[path = "model/same.rs"]
mod same;
#[path = "model/sampling.rs"]
mod sampling;
#[path = "model/secrets.rs"]
mod secrets;
