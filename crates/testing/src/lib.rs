//! What the tests of several crates share: how often laws are tried, and texts that are hard on a tokenizer.

pub mod hard_texts;
pub mod laws;

use std::fs;
use std::path::Path;

/// A file of this repository's, such as `tests/data/udhr.jsonl`.
///
/// # Panics
/// Where there is no such file: this crate serves the tests of a checkout.
#[must_use]
pub fn file(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path);
    fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}
