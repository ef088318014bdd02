//! The encodings that OpenAI publishes, counted through the crate `tiktoken-rs`, which no other file knows of.
//!
//! Two things are done on top of it: texts are counted in parts (see [`cut`]), and a text that the crate
//! refuses is cut smaller. It refuses runs of a million and more whitespace characters, because its regex engine keeps
//! a stack entry for each (measured with 0.12.1: `encode_ordinary` panics there, `encode` returns an error).

use std::collections::HashSet;
use std::sync::Arc;

use tiktoken_rs::CoreBPE;

use super::cut::{self, Cuts, FORCED_MARGIN, floor_char_boundary};
use super::{TokenCount, Tokenizer};

/// One encoding: its name and the vocabulary, which is unpacked when it is first asked for and then kept.
pub struct Encoding {
    name: &'static str,
    vocabulary: fn() -> &'static CoreBPE,
}

/// GPT-2 and GPT-3.
pub static R50K: Encoding = Encoding { name: "r50k_base", vocabulary: tiktoken_rs::r50k_base_singleton };
/// Codex and the text-davinci models.
pub static P50K: Encoding = Encoding { name: "p50k_base", vocabulary: tiktoken_rs::p50k_base_singleton };
/// GPT-4 and GPT-3.5.
pub static CL100K: Encoding = Encoding { name: "cl100k_base", vocabulary: tiktoken_rs::cl100k_base_singleton };
/// GPT-4o to GPT-5.
pub static O200K: Encoding = Encoding { name: "o200k_base", vocabulary: tiktoken_rs::o200k_base_singleton };
/// gpt-oss: only the special tokens differ from `o200k_base`, and plain text has none.
pub static HARMONY: Encoding = Encoding { name: "o200k_harmony", vocabulary: tiktoken_rs::o200k_base_singleton };

/// Counts with one of OpenAI's encodings.
#[derive(Clone, Copy)]
pub struct Gpt(&'static Encoding);

impl Gpt {
    /// Counts with this encoding.
    #[must_use]
    pub const fn new(encoding: &'static Encoding) -> Self {
        Gpt(encoding)
    }

    /// The same, shared.
    #[must_use]
    pub fn shared(encoding: &'static Encoding) -> Arc<dyn Tokenizer> {
        Arc::new(Gpt(encoding))
    }
}

impl Tokenizer for Gpt {
    fn name(&self) -> &str {
        self.0.name
    }

    fn count(&self, text: &str) -> TokenCount {
        if text.is_empty() {
            return TokenCount::exact(0);
        }
        let vocabulary = (self.0.vocabulary)();
        cut::count_parts(text, Cuts::Borders, |part| count_part(vocabulary, part))
    }

    fn cuts(&self) -> Cuts {
        Cuts::Borders
    }
}

/// Counts a part; where the regex gives up, counts its halves, and says that this is an estimate.
fn count_part(vocabulary: &CoreBPE, text: &str) -> TokenCount {
    // With no special token allowed this is `encode_ordinary`, but with an error in place of a panic.
    match vocabulary.encode(text, &HashSet::new()) {
        Ok((tokens, _)) => TokenCount::exact(tokens.len() as u64),
        Err(_) => count_halves(vocabulary, text),
    }
}

fn count_halves(vocabulary: &CoreBPE, text: &str) -> TokenCount {
    let (head, tail) = text.split_at(floor_char_boundary(text, text.len() / 2));
    if head.is_empty() {
        // Never seen: one character that the regex cannot match. It has at most a token a byte.
        let tokens = text.len() as u64;
        return TokenCount { low: tokens.min(1), ..TokenCount::exact(tokens) }.widened(0);
    }
    let mut count = count_part(vocabulary, head);
    count += count_part(vocabulary, tail);
    count.widened(FORCED_MARGIN)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tokenizer::Basis;

    #[test]
    fn a_run_of_spaces_that_the_regex_refuses_is_estimated_closely() {
        // o200k_base has a token for 128 spaces, so a run of 2²¹ is 16 384 tokens.
        let spaces = " ".repeat(1 << 21);
        assert!(tiktoken_rs::o200k_base_singleton().encode(&spaces, &HashSet::new()).is_err());
        let count = Gpt::new(&O200K).count(&spaces);
        assert_eq!(count.basis, Basis::Estimated);
        assert!(count.low <= 16_384 && 16_384 <= count.high && count.high - count.low < 1_000, "{count:?}");
    }

    #[test]
    fn harmony_counts_plain_text_as_o200k_does() {
        let text = "<|start|>assistant<|channel|>final<|message|>Hi<|end|>";
        assert_eq!(Gpt::new(&HARMONY).count(text), Gpt::new(&O200K).count(text));
    }
}
