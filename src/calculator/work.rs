//! Work that is priced before it is done: [`Work`].

use super::attached::Attached;
use crate::context::Context;
use crate::range::Range;

/// One kind of request, and how often it is sent.
#[derive(Clone, Debug, Default)]
pub struct Work {
    /// Prompt tokens of one request, cached and attached ones included.
    pub input: Range<u64>,
    /// What of the prompt is not text: a card may bill it at a rate of its own.
    pub attached: Vec<Attached>,
    /// How many of the prompt's tokens are read from the cache: text first.
    pub cache_read: u64,
    /// Answer tokens of one request, all its answers together.
    pub output: Range<u64>,
    /// Thinking tokens of one request, all its answers together.
    pub thinking: Range<u64>,
    /// How many answers a request asks for; 0 is one too. Images that it makes are billed by the piece.
    pub answers: u64,
    /// Characters of the text of one request, where they were counted.
    pub characters: Option<u64>,
    /// Seconds of video or sound that one request makes, where that was said.
    pub seconds: Option<u64>,
    /// Documents that one request puts in order, where that was said.
    pub documents: Option<u64>,
    /// How many requests.
    pub requests: u64,
    /// What each of them states.
    pub context: Context,
}

/// One of the three numbers of a [`Range`].
pub(super) type Bound = fn(&Range<u64>) -> u64;

impl Work {
    /// Prompt tokens that are not of attachments.
    pub(super) fn text(&self, bound: Bound) -> u64 {
        let attached = self.attached.iter().fold(0_u64, |sum, part| sum.saturating_add(bound(&part.tokens)));
        bound(&self.input).saturating_sub(attached)
    }

    /// Whether any of its quantities is a range.
    pub(super) fn is_range(&self) -> bool {
        let uncertain = |part: &Attached| part.tokens.is_range() || part.amount.is_range();
        self.input.is_range()
            || self.output.is_range()
            || self.thinking.is_range()
            || self.attached.iter().any(uncertain)
    }
}
