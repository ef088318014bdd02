//! Reads what people have: text, JSON Lines, usage records. One file for each form; nothing here knows a price.

pub mod git;
pub mod lines;
pub mod record;
pub mod text;
pub mod workload;
