//! Counts LLM tokens and says what they cost, before and after they are spent.

pub mod calculator;
pub mod context;
pub mod meter;
pub mod money;
pub mod period;
pub mod pricing;
pub mod report;
pub mod usage;
