//! Counts of which a form does not fix whether they stand inside of others or next to them.

use super::counts::{is_of_parts, rest, unexplained};
use crate::input::record::RecordError;
use crate::input::wholes::{Beside, NestedCounts};
use crate::meter::Meter;
use crate::usage::Usage;

/// The counts of a request as a form states them.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Parts {
    /// The prompt, with or without its caches.
    pub input: u64,
    /// The answer, with or without thinking.
    pub output: u64,
    /// Read from the cache.
    pub read: u64,
    /// Written to the cache, in all.
    pub written: u64,
    /// Written to the cache to stay for an hour: a part of `written`.
    pub hour: u64,
    /// Thinking.
    pub thinking: u64,
    /// What tools handed to the model.
    pub tools: u64,
    /// Audio in the prompt: a part of `input`.
    pub audio: u64,
    /// Audio in the prompt that was read from the cache: a part of `read`.
    pub cached_audio: u64,
    /// Audio in the answer: a part of `output`.
    pub spoken: u64,
    /// All together, where the form states it.
    pub total: Option<u64>,
    /// What the form puts next to its whole rather than in it, if nothing in the counts says otherwise.
    pub usually: Beside,
    /// Whether the caches are certain to be where the form usually puts them, so that a total has nothing to say about them.
    pub knows_caches: bool,
    /// Whether the form is known to leave out thoughts, so that they only show in the total.
    pub may_hide_thoughts: bool,
}

/// What Gemini puts next to prompt and answer.
pub(super) const GEMINIS: Beside = Beside { cache: false, thinking: true, tools: true };

impl Parts {
    /// The counts, each token once: by the rule of [`NestedCounts`].
    ///
    /// # Errors
    /// [`RecordError::Usage`] where parts are more than what they are parts of, and for a total without any part.
    pub(super) fn usage(self) -> Result<Usage, RecordError> {
        let cached = self.read.saturating_add(self.written);
        let is_beside = self.knows_caches && self.usually.cache;
        let wholes = NestedCounts {
            prompt: self.input.saturating_add(if is_beside { cached } else { 0 }),
            cached: if self.knows_caches { 0 } else { cached },
            answer: self.output,
            thinking: self.thinking,
            tools: self.tools,
            total: self.total.unwrap_or_default(),
            usually: self.usually,
            may_hide_thoughts: self.may_hide_thoughts,
        }
        .wholes();
        is_of_parts(
            "the total of tokens",
            self.total.unwrap_or_default(),
            wholes.prompt.saturating_add(wholes.answer),
        )?;
        unexplained("the total of tokens", wholes.unexplained);
        let mut usage = Usage::default();
        let heard = self.audio.saturating_sub(self.cached_audio);
        usage.set_tokens(Meter::Input, rest("the input tokens", wholes.prompt, &[cached, heard])?);
        usage.set_tokens(Meter::InputAudio, heard);
        usage.set_tokens(Meter::CacheRead, rest("the cached tokens", self.read, &[self.cached_audio])?);
        usage.set_tokens(Meter::CacheReadAudio, self.cached_audio);
        usage.set_tokens(Meter::CacheWrite5m, rest("the written tokens", self.written, &[self.hour])?);
        usage.set_tokens(Meter::CacheWrite1h, self.hour);
        usage.set_tokens(Meter::Output, rest("the output tokens", wholes.answer, &[wholes.thinking, self.spoken])?);
        usage.set_tokens(Meter::Reasoning, wholes.thinking);
        usage.set_tokens(Meter::OutputAudio, self.spoken);
        Ok(usage)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BESIDE: Beside = Beside { cache: true, thinking: false, tools: false };

    #[test]
    fn the_total_decides_where_it_can() {
        let base = Parts { input: 1_000, output: 50, read: 400, written: 100, ..Parts::default() };
        let plain = |parts: Parts| parts.usage().unwrap().tokens(Meter::Input);
        assert_eq!(plain(base), 500);
        assert_eq!(plain(Parts { usually: BESIDE, ..base }), 1_000);
        assert_eq!(plain(Parts { total: Some(1_050), usually: BESIDE, ..base }), 500);
        assert_eq!(plain(Parts { total: Some(1_550), ..base }), 1_000);
        // A total that fits neither reading says nothing.
        assert_eq!(plain(Parts { total: Some(7), ..base }), 500);
        // 500 tokens cannot be a part of 300.
        assert_eq!(plain(Parts { input: 300, total: Some(350), ..base }), 300);
    }

    #[test]
    fn thinking_beyond_the_answer_stands_next_to_it() {
        let answer = |parts: Parts| {
            let usage = parts.usage().unwrap();
            (usage.tokens(Meter::Output), usage.tokens(Meter::Reasoning))
        };
        let base = Parts { input: 341, output: 15, thinking: 3_347, ..Parts::default() };
        assert_eq!(answer(base), (15, 3_347));
        assert_eq!(answer(Parts { output: 4_000, total: Some(4_341), ..base }), (653, 3_347));
        assert_eq!(answer(Parts { output: 4_000, total: Some(7_688), ..base }), (4_000, 3_347));
    }
}
