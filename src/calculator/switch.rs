//! The usage that a past request would have had elsewhere: on another model, in a batch, with another use of the cache.
//!
//! Pure: [`Switch::usage`] takes the usage of one request and says what it would be, low, expected and high. What cannot be
//! carried over (a cache that the other model does not have) becomes what it would be there, plain input.

use std::ops::RangeInclusive;

use super::attached::cached;
use crate::context::{Context, Dimension};
use crate::meter::{Meter, MeterRole, Side};
use crate::pricing::card::RateCard;
use crate::range::Range;
use crate::tokenizer::ratio::{Ratio, Scaled};
use crate::usage::Usage;

/// What becomes of cached tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Caching {
    /// The same tokens are read from and written to the cache.
    #[default]
    AsItWas,
    /// Nothing is cached: every prompt token is plain input.
    Never,
    /// This percentage of each prompt is read from the cache, and nothing is written: what writes cost is not known.
    Hits(u8),
}

/// What differs from what was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Switch {
    /// Whether the answers are another model's.
    pub is_other_model: bool,
    /// Tokens there for tokens here.
    pub ratio: Ratio,
    /// Tokens of the answer in percent of what the same text would have: other models write more or less.
    pub answer_percent: RangeInclusive<u32>,
    /// Whether the other model thinks before it answers; one that does not bills no thinking.
    pub reasons: bool,
    /// What becomes of the cache.
    pub caching: Caching,
    /// The request is sent in a batch.
    pub batch: bool,
    /// The queue that it is sent to.
    pub service_tier: Option<String>,
}

impl Switch {
    /// Nothing is other than it was.
    #[must_use]
    pub fn none() -> Self {
        Switch {
            is_other_model: false,
            ratio: Ratio::SAME,
            answer_percent: 100..=100,
            reasons: true,
            caching: Caching::AsItWas,
            batch: false,
            service_tier: None,
        }
    }

    /// The usage of a request as it would be billed by a rate card.
    ///
    /// # Examples
    /// ```
    /// use farebox::{calculator::switch::{Caching, Switch}, meter::Meter, pricing::PriceTable, usage::Usage};
    /// let at = "2026-11-01".parse().unwrap();
    /// let found = PriceTable::bundled().find("openai/gpt-4o", at).unwrap();
    /// let card = found.model.rates_at(at).unwrap();
    /// let switch = Switch { caching: Caching::Hits(90), ..Switch::none() };
    /// let there = switch.usage(&Usage::tokens_in_out(1_000, 50), card).expected;
    /// assert_eq!((there.tokens(Meter::Input), there.tokens(Meter::CacheRead)), (100, 900));
    /// ```
    #[must_use]
    pub fn usage(&self, usage: &Usage, card: &RateCard) -> Range<Usage> {
        let mut range = Range::<Usage>::default();
        for (meter, quantity) in usage.used() {
            if !meter.is_tokens() {
                each(&mut range, |one| one.set(meter, quantity));
                continue;
            }
            let Some(target) = self.meter(meter, card) else { continue };
            // Seconds of audio and pixels are counted by other rules, which a ratio of text says nothing about.
            let mut tokens = if meter.is_text() { self.ratio.scaled(usage.tokens(meter)) } else { same(usage, meter) };
            if meter.side() == Side::Answer {
                tokens.low = percent(tokens.low, *self.answer_percent.start());
                tokens.high = percent(tokens.high, *self.answer_percent.end());
                tokens.tokens = tokens.tokens.clamp(tokens.low, tokens.high);
            }
            add(&mut range, target, tokens);
        }
        if let Caching::Hits(percent) = self.caching {
            each(&mut range, |one| split(one, percent, card));
        }
        range
    }

    /// What the request states there: what only its own provider understands stays behind.
    #[must_use]
    pub(crate) fn context(&self, stated: &Context) -> Context {
        let mut context = if self.is_other_model { Context::default() } else { stated.clone() };
        if self.is_other_model
            && let Some(processing) = stated.get(Dimension::Processing)
        {
            context.set(Dimension::Processing, processing);
        }
        if self.batch {
            context.remove(Dimension::ServiceTier);
            context.set(Dimension::Processing, "batch");
        }
        if let Some(tier) = &self.service_tier {
            context.remove(Dimension::Processing);
            context.set(Dimension::ServiceTier, tier);
        }
        context
    }

    /// The meter that tokens count as there; `None` where nothing is billed.
    fn meter(&self, meter: Meter, card: &RateCard) -> Option<Meter> {
        match (meter, meter.uncached()) {
            (Meter::Reasoning, _) if !self.reasons => None,
            (_, Some(plain)) if self.caching != Caching::AsItWas => Some(plain),
            (_, Some(plain)) if !card.lists(meter) => Some(missing_in_cache(meter, plain, card)),
            _ => Some(meter),
        }
    }
}

/// What cached tokens are on a card without their meter: text of the cache where the card bills audio or images as text,
/// otherwise not cached at all.
fn missing_in_cache(meter: Meter, plain: Meter, card: &RateCard) -> Meter {
    let reads = meter.role() == MeterRole::CacheRead;
    let as_text = reads && card.lists(plain) && cached(card, plain) == Meter::CacheRead;
    if as_text && card.lists(Meter::CacheRead) { Meter::CacheRead } else { plain }
}

fn same(usage: &Usage, meter: Meter) -> Scaled {
    let tokens = usage.tokens(meter);
    Scaled { low: tokens, tokens, high: tokens }
}

fn percent(tokens: u64, percent: u32) -> u64 {
    let product = u128::from(tokens) * u128::from(percent);
    u64::try_from(product.div_ceil(100)).unwrap_or(u64::MAX)
}

/// Moves a share of the prompt into the cache: of text, and of what the card has a meter for there.
fn split(usage: &mut Usage, hits: u8, card: &RateCard) {
    for &meter in Meter::UNCACHED {
        let target = cached(card, meter);
        let prompt = usage.tokens(meter);
        if meter != Meter::Input && !card.lists(target) {
            continue;
        }
        let hit = u64::try_from(u128::from(prompt) * u128::from(hits.min(100)) / 100).unwrap_or(prompt);
        usage.set_tokens(target, usage.tokens(target).saturating_add(hit));
        usage.set_tokens(meter, prompt - hit);
    }
}

/// Changes all usages of a range alike.
fn each(range: &mut Range<Usage>, change: impl Fn(&mut Usage)) {
    [&mut range.low, &mut range.expected, &mut range.high].into_iter().for_each(change);
}

/// Adds tokens of a meter, as few and as many as they can be.
fn add(range: &mut Range<Usage>, meter: Meter, tokens: Scaled) {
    for (usage, more) in
        [(&mut range.low, tokens.low), (&mut range.expected, tokens.tokens), (&mut range.high, tokens.high)]
    {
        usage.set_tokens(meter, usage.tokens(meter).saturating_add(more));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pricing::PriceTable;
    use crate::pricing::compile::PriceFile;
    use crate::tokenizer::TokenCount;

    fn usage(parts: &[(Meter, u64)]) -> Usage {
        parts.iter().fold(Usage::default(), |mut usage, (meter, tokens)| {
            usage.set_tokens(*meter, *tokens);
            usage
        })
    }

    fn there(switch: &Switch, model: &str, parts: &[(Meter, u64)]) -> Range<Usage> {
        let at = "2026-11-01".parse().unwrap();
        let found = PriceTable::bundled().find(model, at).unwrap();
        switch.usage(&usage(parts), found.model.rates_at(at).unwrap())
    }

    #[test]
    fn nothing_changes_without_a_change() {
        let parts = [(Meter::Input, 10), (Meter::CacheRead, 90), (Meter::Output, 7), (Meter::Reasoning, 3)];
        let range = there(&Switch::none(), "openai/gpt-4o", &parts);
        assert_eq!((&range.low, &range.high), (&usage(&parts), &usage(&parts)));
    }

    #[test]
    fn what_the_other_model_lacks_is_plain_input() {
        // gpt-4o has no price for writing to the cache; its prompt caching is automatic.
        let parts = [(Meter::Input, 10), (Meter::CacheWrite5m, 40), (Meter::CacheRead, 50)];
        let expected = there(&Switch { is_other_model: true, ..Switch::none() }, "openai/gpt-4o", &parts).expected;
        assert_eq!(expected, usage(&[(Meter::Input, 50), (Meter::CacheRead, 50)]));
        let never = Switch { caching: Caching::Never, ..Switch::none() };
        assert_eq!(there(&never, "openai/gpt-4o", &parts).expected, usage(&[(Meter::Input, 100)]));
        let no_thoughts = Switch { reasons: false, ..Switch::none() };
        let parts = [(Meter::Output, 10), (Meter::Reasoning, 90)];
        assert_eq!(there(&no_thoughts, "openai/gpt-4o", &parts).expected, usage(&[(Meter::Output, 10)]));
    }

    /// A card with every combination that matters: audio at a price of its own with its cache, images as input, no
    /// cache of images, no video.
    const CARD: &str = "
schema: 1
provider: lab
fallbacks: {input_image: input}
models:
  - id: ears
    prices:
      - rates: {input: \"1\", cache_read: \"0.1\", input_audio: \"8\", cache_read_audio: \"0.8\", output: \"2\", output_audio: \"16\"}
  - id: plain
    prices:
      - rates: {input: \"1\", input_audio: \"8\", input_video: \"3\", output: \"2\"}
";

    fn on(switch: &Switch, model: &str, parts: &[(Meter, u64)]) -> Range<Usage> {
        let at = "2026-11-01".parse().unwrap();
        let mut table = PriceTable::bundled();
        table.lay_over(&[PriceFile { path: "lab.yaml".into(), text: CARD.into() }]).unwrap();
        let found = table.find(model, at).unwrap();
        switch.usage(&usage(parts), found.model.rates_at(at).unwrap())
    }

    #[test]
    fn sound_and_images_are_not_text() {
        let there = TokenCount { low: 11, high: 13, ..TokenCount::exact(12) };
        let ratio = Ratio::measured(["a text"], |_| TokenCount::exact(10), |_| there).unwrap();
        let switch = Switch { is_other_model: true, ratio, ..Switch::none() };
        let media = [
            Meter::InputAudio,
            Meter::InputImage,
            Meter::InputVideo,
            Meter::CacheReadAudio,
            Meter::OutputAudio,
            Meter::OutputImage,
            Meter::OutputVideo,
        ];
        let parts: Vec<(Meter, u64)> = media.iter().map(|meter| (*meter, 1_000)).collect();
        let range = on(&switch, "lab/ears", &[&parts[..], &[(Meter::Input, 1_000)]].concat());
        for meter in media {
            let all = [&range.low, &range.expected, &range.high].map(|usage| usage.tokens(meter));
            assert_eq!(all, [1_000; 3], "{meter}");
        }
        // Text does: 1,000 tokens here are 1,100 to 1,300 there.
        let text = [&range.low, &range.expected, &range.high].map(|usage| usage.tokens(Meter::Input));
        assert_eq!(text, [1_100, 1_200, 1_300]);
    }

    #[test]
    fn cached_sound_and_images_stay_what_they_are() {
        let cached = [(Meter::CacheReadAudio, 10), (Meter::CacheReadImage, 20), (Meter::CacheWriteAudio, 40)];
        let as_it_was = on(&Switch::none(), "lab/ears", &cached).expected;
        // Its cache bills audio apart and images as text; writing audio costs what audio does.
        let want = [(Meter::CacheReadAudio, 10), (Meter::CacheRead, 20), (Meter::InputAudio, 40)];
        assert_eq!(as_it_was, usage(&want));
        let never = Switch { caching: Caching::Never, ..Switch::none() };
        assert_eq!(
            on(&never, "lab/ears", &cached).expected,
            usage(&[(Meter::InputAudio, 50), (Meter::InputImage, 20)])
        );
        // A card without a cache.
        let plain = on(&Switch::none(), "lab/plain", &cached).expected;
        assert_eq!(plain, usage(&[(Meter::InputAudio, 50), (Meter::InputImage, 20)]));
        let hits = Switch { caching: Caching::Hits(50), ..Switch::none() };
        let prompt = [(Meter::Input, 100), (Meter::InputAudio, 60), (Meter::InputImage, 40)];
        let want = [
            (Meter::Input, 50),
            (Meter::CacheRead, 50 + 20),
            (Meter::InputAudio, 30),
            (Meter::CacheReadAudio, 30),
            (Meter::InputImage, 20),
        ];
        assert_eq!(on(&hits, "lab/ears", &prompt).expected, usage(&want));
    }

    #[test]
    fn answers_may_be_longer_and_tiers_stay_behind() {
        let switch = Switch { answer_percent: 80..=150, ..Switch::none() };
        let range = there(&switch, "openai/gpt-4o", &[(Meter::Output, 100)]);
        let of = |usage: &Usage| usage.tokens(Meter::Output);
        assert_eq!((of(&range.low), of(&range.expected), of(&range.high)), (80, 100, 150));
        let context = Context::default().with(Dimension::ServiceTier, "standard_only");
        assert!(Switch { is_other_model: true, ..Switch::none() }.context(&context).is_empty());
        let batch = Switch { batch: true, ..Switch::none() }.context(&context);
        assert_eq!((batch.get(Dimension::Processing), batch.get(Dimension::ServiceTier)), (Some("batch"), None));
    }
}
