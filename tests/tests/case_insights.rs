//! The plugin `case-insights` from the street: on the engine inside the host, over the demo's
//! cases, and every number it tells counted a second time here.

#[path = "case_insights/analysis.rs"]
mod analysis;
#[path = "case_insights/bench.rs"]
mod bench;
#[path = "case_insights/numbers.rs"]
mod numbers;
#[path = "case_insights/refusals.rs"]
mod refusals;
#[path = "case_insights/roles.rs"]
mod roles;
#[path = "case_insights/same.rs"]
mod same;
