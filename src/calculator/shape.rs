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

/// What becomes of a history that is long. Tokens are in millionths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LongHistory {
    /// It is sent as it is.
    Sent,
    /// What is beyond so many tokens is left out.
    Capped(i64),
    /// At so many tokens one request turns it into a summary.
    Compacted { at: i64, summary: i64 },
}

/// The turns before one, as they are sent again.
#[derive(Clone, Copy, Debug, Default)]
struct Earlier {
    /// Tokens of text.
    text: i128,
    /// Turns whose media are sent again, in billionths.
    turns: i128,
    /// Whether its beginning is another one than that of the turn before.
    slides: bool,
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
    /// What becomes of a history that is long.
    pub long: LongHistory,
    /// Audio of a turn, which is sent again with its history.
    pub audio: i64,
    /// Video of a turn, which is sent again with its history.
    pub video: i64,
    /// Audio of an answer, which is sent again with its history.
    pub speech: i64,
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
        let media = wide(self.audio)
            + wide(self.video)
            + wide(self.speech)
            + if self.images_apart { wide(self.images) } else { 0 };
        // What is left of the turns before the last summary, and how many turns there were since.
        let (mut summed, mut since) = (0_i128, 0_i64);
        for turn in 0..self.turns {
            let mut earlier = self.earlier(turn, turn_adds, media);
            if let LongHistory::Compacted { at, summary } = self.long {
                earlier = Earlier { text: summed + wide(since) * turn_adds, turns: wide(since) * WHOLE, slides: false };
                if turn > 0 && earlier.text + wide(since) * media >= wide(at) {
                    take(&self.summarize(turn, &earlier, summary));
                    (summed, since) = (wide(summary), 0);
                    earlier = Earlier { text: summed, turns: 0, slides: true };
                }
                since += 1;
            }
            let Earlier { text: history, turns: again, slides } = earlier;
            let sent_again = |tokens: i64| if again == 0 { 0 } else { wide(tokens) * again / WHOLE };
            let images = wide(self.images) + if self.images_apart { sent_again(self.images) } else { 0 };
            let audio = wide(self.audio) + sent_again(self.audio) + sent_again(self.speech);
            let video = wide(self.video) + sent_again(self.video);
            for step in 0..self.steps {
                let before = wide(step) * step_adds;
                let text = wide(self.prefix) + history + wide(self.user) + wide(self.passages) + before;
                let prompt = text + images + audio + video;
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
                    audio * WHOLE,
                    video * WHOLE,
                    if is_last { wide(self.speech) * WHOLE } else { 0 },
                ];
                take(&Request { turn: usize::try_from(turn).unwrap_or(0), prompt, parts, cacheable });
            }
        }
    }

    /// The turns before one, as they are sent again; those that are summed up are the caller's.
    fn earlier(&self, turn: i64, turn_adds: i128, media: i128) -> Earlier {
        let kept = i128::from(turn.min(self.kept));
        let (text, turns) = (kept * turn_adds, kept * WHOLE);
        let all = kept * (turn_adds + media);
        match self.long {
            LongHistory::Capped(most) if all > i128::from(most) => {
                let most = i128::from(most);
                Earlier { text: text * most / all, turns: turns * most / all, slides: true }
            }
            _ => Earlier { text, turns, slides: turn > self.kept },
        }
    }

    /// The request that turns a history into a summary, at the full rate: its instructions are not those of the cache.
    fn summarize(&self, turn: i64, earlier: &Earlier, summary: i64) -> Request {
        let wide = i128::from;
        let sent = |tokens: i64| wide(tokens) * earlier.turns / WHOLE;
        let text = wide(self.prefix) + earlier.text;
        let images = if self.images_apart { sent(self.images) } else { 0 };
        let (audio, video) = (sent(self.audio) + sent(self.speech), sent(self.video));
        let parts = [text, 0, 0, images, wide(summary), wide(self.reasoning), MICRO, audio, video, 0];
        Request {
            turn: usize::try_from(turn).unwrap_or(0),
            prompt: text + images + audio + video,
            parts: parts.map(|part| part * WHOLE),
            cacheable: (false, false),
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
