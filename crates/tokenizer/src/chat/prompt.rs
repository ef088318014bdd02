//! A prompt as a template writes it: texts with special tokens between them, counted as they come.

use crate::{TokenCount, Tokenizer};

/// Adds up what a template writes.
///
/// Text that no special token parts is one text, because tokens reach across: `user` and the line after it are counted
/// together. Special tokens are never looked for in a text: what a user writes is text.
pub(crate) struct Prompt<'t> {
    tokenizer: &'t dyn Tokenizer,
    total: TokenCount,
    text: String,
}

impl<'t> Prompt<'t> {
    /// An empty prompt.
    #[must_use]
    pub(crate) fn new(tokenizer: &'t dyn Tokenizer) -> Self {
        Prompt { tokenizer, total: TokenCount::default(), text: String::new() }
    }

    /// Goes on with text.
    pub(crate) fn text(&mut self, text: &str) -> &mut Self {
        self.text.push_str(text);
        self
    }

    /// One special token.
    pub(crate) fn special(&mut self) -> &mut Self {
        self.specials(1)
    }

    /// So many special tokens.
    pub(crate) fn specials(&mut self, tokens: u64) -> &mut Self {
        self.add(TokenCount::exact(tokens))
    }

    /// Text that the reference encodes by itself, whatever stands around it.
    pub(crate) fn alone(&mut self, text: &str) -> &mut Self {
        self.part().text(text).part()
    }

    /// Ends the text so far: what comes is encoded by itself.
    pub(crate) fn part(&mut self) -> &mut Self {
        if !self.text.is_empty() {
            self.total += self.tokenizer.count(&self.text);
            self.text.clear();
        }
        self
    }

    /// Something that was counted elsewhere.
    pub(crate) fn add(&mut self, count: TokenCount) -> &mut Self {
        self.part();
        self.total += count;
        self
    }

    /// The sum.
    #[must_use]
    pub(crate) fn finish(mut self) -> TokenCount {
        self.part();
        self.total
    }
}
