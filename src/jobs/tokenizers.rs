//! Which tokenizer counts for a model: [`TokenizerChoice`], and the vocabularies that a user added.

use std::sync::Arc;

use super::Setup;
use crate::period::Instant;
use crate::pricing::Found;
use crate::tokenizer::{StreamCounter, TokenCount, Tokenizer, TokenizerError, UNKNOWN, is_known, load};

/// A tokenizer to count with, and whether it is the model's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenizerChoice {
    /// Name of the tokenizer.
    pub name: String,
    /// Whether it is only assumed to be the model's.
    pub assumed: bool,
}

impl TokenizerChoice {
    /// The tokenizer of a card at the instant of a setup.
    #[must_use]
    pub fn of(found: &Found, setup: &Setup) -> TokenizerChoice {
        TokenizerChoice::at(found, setup.at, setup)
    }

    /// The tokenizer of a card at an instant; a model whose tokenizer is not known gets an estimate.
    #[must_use]
    pub fn at(found: &Found, at: Instant, setup: &Setup) -> TokenizerChoice {
        match found.model.tokenizer_at(at) {
            Some(t) if is_known(&t.name) || setup.is_added(&t.name) => {
                TokenizerChoice { name: t.name.clone(), assumed: t.assumed }
            }
            _ => TokenizerChoice { name: UNKNOWN.to_owned(), assumed: false },
        }
    }

    /// The most tokens by this tokenizer that are at most `tokens` of the model: less where it is only assumed.
    #[must_use]
    pub fn certain(&self, tokens: u64) -> u64 {
        if !self.assumed {
            return tokens;
        }
        let least = u128::from(tokens.saturating_sub(2));
        // The inverse of TokenCount::assumed: 15 % on top, and at least two.
        u64::try_from((u128::from(tokens) * 100 / 115).min(least)).unwrap_or(tokens)
    }

    /// What was counted with it: a range where it is only assumed.
    #[must_use]
    pub fn finish(&self, counter: StreamCounter) -> TokenCount {
        let count = counter.finish();
        if self.assumed { count.assumed() } else { count }
    }
}

impl Setup {
    /// The tokenizer of a name: one that the user added, else one that is built in.
    ///
    /// # Errors
    /// [`TokenizerError`] where there is none of this name, or its file is damaged.
    pub fn tokenizer(&self, name: &str) -> Result<Arc<dyn Tokenizer>, TokenizerError> {
        match &self.vocabularies {
            Some(store) => store.load(name),
            None => load(name),
        }
    }

    /// Whether the user added a vocabulary of this name.
    #[must_use]
    pub fn is_added(&self, name: &str) -> bool {
        self.vocabularies.as_ref().is_some_and(|store| matches!(store.entry(name), Ok(Some(_))))
    }
}
