//! What the tests of several crates share: how often laws are tried, and texts that are hard on a tokenizer.

pub mod hard_texts;
pub mod laws;

/// Texts in over fifty languages, one JSON object a line: the Universal Declaration of Human Rights.
pub const UDHR: &str = include_str!("../../../tests/data/udhr.jsonl");
/// Texts with their tokens, one JSON object a line.
pub const TOKEN_CASES: &str = include_str!("../../../tests/data/token-cases.jsonl");
