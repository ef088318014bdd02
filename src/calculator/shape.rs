//! What one call of a feature sends and gets back, request by request: [`Shape`].
//!
//! Quantities are integers: tokens in millionths ([`MICRO`]), weights such as a hit rate in billionths ([`WHOLE`]), and
//! their products, which [`Shape::requests`] hands out, in 10⁻¹⁵ tokens. The same code serves the exact plan, which
//! multiplies them with decimal rates, and the simulation, which multiplies them with integer ones.

use super::ramp::ramp;
pub(crate) use super::tariff::MICRO;
use super::tariff::SLOTS;
use crate::range::Range;

/// Billionths in the whole: the unit of weights.
pub(crate) const WHOLE: i128 = 1_000_000_000;
/// What a quantity of [`Shape::requests`] is divided by to be tokens: 10¹⁵.
pub(crate) const QUANTITY_SCALE: u32 = 15;

/// Where in its range an uncertain number stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum At {
    /// At its low end.
    Low,
    /// At its mean.
    Expected,
    /// At its high end.
    High,
    /// At a share, from 0 to 1, of all the values it may have.
    Share(f64),
}

impl Range<i64> {
    /// The number at a place of the range.
    ///
    /// A draw is one of the distribution in [`super::ramp`]. Only the quantity passes through a float; money never does.
    #[must_use]
    pub(crate) fn at(&self, at: At) -> i64 {
        match at {
            At::Low => self.low,
            At::Expected => self.expected,
            At::High => self.high,
            At::Share(_) if !self.is_range() => self.expected,
            At::Share(share) => ramp(self.low as f64, self.expected as f64, self.high as f64, share).round() as i64,
        }
    }
}

/// What of a prompt can be cached, and how often it is found.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cached {
    /// Tokens that every call begins with, in millionths.
    pub prefix: i64,
    /// Whether earlier turns and steps are cached as well.
    pub history: bool,
    /// How often the first request of a call finds the prefix, in billionths.
    pub between: i64,
    /// How often a later request finds what the one before it has written, in billionths.
    pub within: i64,
    /// Shortest cacheable beginning, in millionths of a token.
    pub minimum: i64,
}

/// One call of a feature, every uncertain number settled. Tokens are in millionths.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    /// Instructions and tools.
    pub prefix: i64,
    /// What the user sends in a turn.
    pub user: i64,
    /// Passages that are looked up in a turn.
    pub passages: i64,
    /// Whether something stands behind the question that is not sent again: passages or images.
    pub leaves_out: bool,
    /// Images of a turn.
    pub images: i64,
    /// Whether images have a rate of their own: those of earlier turns are then images as well, and are not cached.
    pub images_apart: bool,
    /// An answer.
    pub output: i64,
    /// What is thought before an answer or a call of a tool.
    pub reasoning: i64,
    /// Turns of a conversation.
    pub turns: i64,
    /// What stands around the question and the answer of an earlier turn.
    pub around: i64,
    /// How many earlier turns are sent again.
    pub kept: i64,
    /// Requests of a turn.
    pub steps: i64,
    /// What the model writes to call a tool.
    pub call: i64,
    /// What comes back.
    pub result: i64,
    /// What is cached.
    pub cached: Option<Cached>,
}

/// One request of a call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request {
    /// Its turn, from 0.
    pub turn: usize,
    /// The length of its prompt in millionths of a token.
    pub prompt: i128,
    /// Its quantities in 10⁻¹⁵ tokens, in the order of [`super::tariff::ALL_SLOTS`], for one attempt.
    pub parts: [i128; SLOTS],
    /// Whether what can be read from the cache, and what can be written, is long enough to be cached.
    pub cacheable: (bool, bool),
}

impl Shape {
    /// Hands out every request of the call.
    pub(crate) fn requests(&self, mut take: impl FnMut(&Request)) {
        let wide = i128::from;
        let step_adds = wide(self.call) + wide(self.result);
        let turn_adds = wide(self.user)
            + if self.images_apart { 0 } else { wide(self.images) }
            + wide(self.output)
            + wide(self.around)
            + (wide(self.steps) - 1).max(0) * step_adds;
        for turn in 0..self.turns {
            let history = wide(turn.min(self.kept)) * turn_adds;
            let earlier_images = if self.images_apart { wide(turn.min(self.kept)) * wide(self.images) } else { 0 };
            let images = wide(self.images) + earlier_images;
            let slides = turn > self.kept;
            for step in 0..self.steps {
                let before = wide(step) * step_adds;
                let text = wide(self.prefix) + history + wide(self.user) + wide(self.passages) + before;
                let prompt = text + images;
                let is_last = step + 1 == self.steps;
                let writes = if is_last { wide(self.output) } else { wide(self.call) };
                let ((read, written), cacheable) = self.cache(turn, step, text, history, slides, step_adds, turn_adds);
                let parts = [
                    text * WHOLE - read - written,
                    read,
                    written,
                    images * WHOLE,
                    writes * WHOLE,
                    wide(self.reasoning) * WHOLE,
                    MICRO * WHOLE,
                ];
                take(&Request { turn: usize::try_from(turn).unwrap_or(0), prompt, parts, cacheable });
            }
        }
    }

    /// What is read from the cache and written to it, in millionths of a token times billionths.
    #[allow(clippy::too_many_arguments, reason = "one request's place in its conversation")]
    fn cache(
        &self,
        turn: i64,
        step: i64,
        text: i128,
        history: i128,
        slides: bool,
        step_adds: i128,
        turn_adds: i128,
    ) -> ((i128, i128), (bool, bool)) {
        let Some(cached) = self.cached else { return ((0, 0), (false, false)) };
        let wide = i128::from;
        let follows = cached.history && !slides;
        // What the request before this one has sent word for word; passages stand behind the question they belong to.
        let sent_before = match (turn, step) {
            (0, 0) => 0,
            (_, 0) if self.leaves_out => wide(self.prefix) + history - turn_adds + wide(self.user),
            (_, 0) => wide(self.prefix) + history - wide(self.output),
            _ => text - step_adds,
        };
        let readable = if follows { sent_before.max(wide(cached.prefix)) } else { wide(cached.prefix) };
        let writable = if follows { text } else { wide(cached.prefix) };
        let cacheable = (readable >= wide(cached.minimum), writable >= wide(cached.minimum));
        let readable = if cacheable.0 { readable } else { 0 };
        let writable = if cacheable.1 { writable } else { 0 };
        let hit = wide(if turn == 0 && step == 0 { cached.between } else { cached.within });
        ((readable * hit, (writable - readable) * hit + writable * (WHOLE - hit)), cacheable)
    }
}
