//! Counts of which a form does not fix whether they stand inside of others or next to them.

use super::counts::{rest, unexplained};
use crate::input::record::RecordError;
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
    /// Audio in the prompt: a part of `input`.
    pub audio: u64,
    /// Audio in the prompt that was read from the cache: a part of `read`.
    pub cached_audio: u64,
    /// Audio in the answer: a part of `output`.
    pub spoken: u64,
    /// All together, where the form states it.
    pub total: Option<u64>,
    /// Where the form puts its caches, if nothing in the counts says otherwise.
    pub caches: Nesting,
}

/// Where a count stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Nesting {
    /// Inside of the count that it is a part of.
    #[default]
    Inside,
    /// Next to it.
    Beside,
}

impl Parts {
    /// The counts, each token once.
    ///
    /// Caches that are more than the prompt can only stand next to it, and so can thinking that is more than the answer.
    /// Where neither is so, the total decides if it is right for one reading alone, and otherwise the form.
    ///
    /// # Errors
    /// [`RecordError::Usage`] where parts are more than what they are parts of.
    pub(super) fn usage(self) -> Result<Usage, RecordError> {
        let cached = self.read.saturating_add(self.written);
        let (caches, thinking) = self.nesting(cached);
        if let Some(total) = self.total {
            unexplained("the total of tokens", total.saturating_sub(self.sum(cached, (caches, thinking))));
        }
        let mut usage = Usage::default();
        let inside = if caches == Nesting::Inside { cached } else { 0 };
        let heard = self.audio.saturating_sub(self.cached_audio);
        usage.set_tokens(Meter::Input, rest("the input tokens", self.input, &[inside, heard])?);
        usage.set_tokens(Meter::InputAudio, heard);
        usage.set_tokens(Meter::CacheRead, rest("the cached tokens", self.read, &[self.cached_audio])?);
        usage.set_tokens(Meter::CacheReadAudio, self.cached_audio);
        usage.set_tokens(Meter::CacheWrite5m, rest("the written tokens", self.written, &[self.hour])?);
        usage.set_tokens(Meter::CacheWrite1h, self.hour);
        let inside = if thinking == Nesting::Inside { self.thinking } else { 0 };
        usage.set_tokens(Meter::Output, rest("the output tokens", self.output, &[inside, self.spoken])?);
        usage.set_tokens(Meter::Reasoning, self.thinking);
        usage.set_tokens(Meter::OutputAudio, self.spoken);
        Ok(usage)
    }

    /// What a total would be by a reading.
    fn sum(&self, cached: u64, (caches, thinking): (Nesting, Nesting)) -> u64 {
        let beside = |nesting, count| if nesting == Nesting::Beside { count } else { 0 };
        let parts = [self.output, beside(caches, cached), beside(thinking, self.thinking)];
        parts.into_iter().fold(self.input, u64::saturating_add)
    }

    /// Where the caches and where thinking stands.
    fn nesting(&self, cached: u64) -> (Nesting, Nesting) {
        use Nesting::{Beside, Inside};
        // Where a count can stand: nothing stands anywhere, and what is more than the whole only next to it.
        let places = |part: u64, whole: u64| match part {
            0 => [Inside].as_slice(),
            part if part > whole => &[Beside],
            _ => &[Inside, Beside],
        };
        let (caches, thinking) = (places(cached, self.input), places(self.thinking, self.output));
        let usual =
            |of: &[Nesting], usual| if of.contains(&usual) { usual } else { of.first().copied().unwrap_or(usual) };
        let usual = (usual(caches, self.caches), usual(thinking, Inside));
        let Some(total) = self.total else { return usual };
        if self.sum(cached, usual) == total {
            return usual;
        }
        let readings = caches.iter().flat_map(|caches| thinking.iter().map(move |thinking| (*caches, *thinking)));
        let mut right = readings.filter(|reading| self.sum(cached, *reading) == total);
        match (right.next(), right.next()) {
            (Some(reading), None) => reading,
            _ => usual,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_total_decides_where_it_can() {
        let base = Parts { input: 1_000, output: 50, read: 400, written: 100, ..Parts::default() };
        let plain = |parts: Parts| parts.usage().unwrap().tokens(Meter::Input);
        assert_eq!(plain(base), 500);
        assert_eq!(plain(Parts { caches: Nesting::Beside, ..base }), 1_000);
        assert_eq!(plain(Parts { total: Some(1_050), caches: Nesting::Beside, ..base }), 500);
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
