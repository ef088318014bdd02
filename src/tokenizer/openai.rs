//! The encodings that OpenAI publishes: the current ones counted by [`fast`], the oldest by [`bpe`].

use std::sync::Arc;

use super::bpe::{self, ByteLevel};
use super::cut::{self, Cuts};
use super::{TokenCount, Tokenizer, fast};

/// One encoding: its name and what counts it.
pub struct Encoding {
    name: &'static str,
    engine: Engine,
}

#[derive(Clone, Copy)]
enum Engine {
    Fast(fast::Encoding),
    Merges(&'static bpe::Encoding),
}

/// GPT-2 and GPT-3.
pub static R50K: Encoding = Encoding { name: "r50k_base", engine: Engine::Merges(&bpe::R50K) };
/// Codex and the text-davinci models.
pub static P50K: Encoding = Encoding { name: "p50k_base", engine: Engine::Merges(&bpe::P50K) };
/// GPT-4 and GPT-3.5.
pub static CL100K: Encoding = Encoding { name: "cl100k_base", engine: Engine::Fast(fast::Encoding::Cl100k) };
/// GPT-4o to GPT-5.
pub static O200K: Encoding = Encoding { name: "o200k_base", engine: Engine::Fast(fast::Encoding::O200k) };
/// gpt-oss: only the special tokens differ from `o200k_base`, and plain text has none.
pub static HARMONY: Encoding = Encoding { name: "o200k_harmony", engine: Engine::Fast(fast::Encoding::O200k) };

/// Bytes above which even a fast engine counts a text part by part, so that places in it fit 32 bits.
const HUGE: usize = 1 << 30;

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
        match self.0.engine {
            Engine::Fast(encoding) if text.len() < HUGE => TokenCount::exact(encoding.count(text)),
            Engine::Fast(encoding) => {
                cut::count_parts(text, Cuts::Borders, |part| TokenCount::exact(encoding.count(part)))
            }
            Engine::Merges(encoding) => ByteLevel::new(encoding).count(text),
        }
    }

    fn cuts(&self) -> Cuts {
        Cuts::Borders
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_of_any_length_is_counted_exactly() {
        // o200k_base has a token for 128 spaces, so a run of 2²¹ is 16 384 tokens.
        assert_eq!(Gpt::new(&O200K).count(&" ".repeat(1 << 21)), TokenCount::exact(16_384));
    }

    #[test]
    fn harmony_counts_plain_text_as_o200k_does() {
        let text = "<|start|>assistant<|channel|>final<|message|>Hi<|end|>";
        assert_eq!(Gpt::new(&HARMONY).count(text), Gpt::new(&O200K).count(text));
    }
}
