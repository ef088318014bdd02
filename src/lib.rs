//! Counts LLM tokens and says what they cost, before and after they are spent.

pub mod meter;
pub mod money;
pub mod period;
pub mod usage;
