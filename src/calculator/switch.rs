//! The usage that a past request would have had elsewhere: on another model, in a batch, with another use of the cache.
//!
//! Pure: [`Switch::usage`] takes the usage of one request and says what it would be, low, expected and high. What cannot be
//! carried over (a cache that the other model does not have) becomes what it would be there, plain input.

use std::ops::RangeInclusive;

use crate::context::{Context, Dimension};
use crate::meter::{Meter, Side};
use crate::pricing::card::RateCard;
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
    /// So many percent of each prompt are read from the cache, and nothing is written: what writes cost is not known.
    Hits(u8),
}

/// What is other than it was.
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
    /// The queue that it stands in.
    pub service_tier: Option<String>,
}

/// The three usages of a range.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UsageRange {
    /// Everything at its least.
    pub low: Usage,
    /// Everything as expected.
    pub expected: Usage,
    /// Everything at its most.
    pub high: Usage,
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
    pub fn usage(&self, usage: &Usage, card: &RateCard) -> UsageRange {
        let mut range = UsageRange::default();
        for (meter, quantity) in usage.used() {
            if !meter.is_tokens() {
                range.each(|one| one.set(meter, quantity));
                continue;
            }
            let Some(target) = self.meter(meter, card) else { continue };
            let mut tokens =
                if self.scales(meter) { self.ratio.scaled(usage.tokens(meter)) } else { same(usage, meter) };
            if meter.side() == Side::Answer {
                tokens.low = percent(tokens.low, *self.answer_percent.start());
                tokens.high = percent(tokens.high, *self.answer_percent.end());
                tokens.tokens = tokens.tokens.clamp(tokens.low, tokens.high);
            }
            range.add(target, tokens);
        }
        if let Caching::Hits(percent) = self.caching {
            range.each(|one| split(one, percent));
        }
        range
    }

    /// What the request states there: what only its own provider understands stays behind.
    #[must_use]
    pub fn context(&self, stated: &Context) -> Context {
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
        let is_cache =
            matches!(meter, Meter::CacheRead | Meter::CacheWrite5m | Meter::CacheWrite1h | Meter::CacheWrite12h);
        match meter {
            Meter::Reasoning if !self.reasons => None,
            _ if is_cache && (self.caching != Caching::AsItWas || !card.lists(meter)) => Some(Meter::Input),
            _ => Some(meter),
        }
    }

    /// Text scales; seconds of sound and pixels are counted by other rules, which a ratio of text says nothing about.
    fn scales(&self, meter: Meter) -> bool {
        !matches!(meter, Meter::InputAudio | Meter::OutputAudio | Meter::InputImage | Meter::OutputImage)
    }
}

fn same(usage: &Usage, meter: Meter) -> Scaled {
    let tokens = usage.tokens(meter);
    Scaled { low: tokens, tokens, high: tokens }
}

fn percent(tokens: u64, percent: u32) -> u64 {
    let product = u128::from(tokens) * u128::from(percent);
    u64::try_from(product.div_ceil(100)).unwrap_or(u64::MAX)
}

fn split(usage: &mut Usage, hits: u8) {
    let prompt = usage.tokens(Meter::Input);
    let cached = u64::try_from(u128::from(prompt) * u128::from(hits.min(100)) / 100).unwrap_or(prompt);
    usage.set_tokens(Meter::CacheRead, usage.tokens(Meter::CacheRead).saturating_add(cached));
    usage.set_tokens(Meter::Input, prompt - cached);
}

impl UsageRange {
    fn each(&mut self, change: impl Fn(&mut Usage)) {
        [&mut self.low, &mut self.expected, &mut self.high].into_iter().for_each(change);
    }

    fn add(&mut self, meter: Meter, tokens: Scaled) {
        for (usage, more) in
            [(&mut self.low, tokens.low), (&mut self.expected, tokens.tokens), (&mut self.high, tokens.high)]
        {
            usage.set_tokens(meter, usage.tokens(meter).saturating_add(more));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pricing::PriceTable;

    fn usage(parts: &[(Meter, u64)]) -> Usage {
        parts.iter().fold(Usage::default(), |mut usage, (meter, tokens)| {
            usage.set_tokens(*meter, *tokens);
            usage
        })
    }

    fn there(switch: &Switch, model: &str, parts: &[(Meter, u64)]) -> UsageRange {
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

    #[test]
    fn answers_may_be_longer_and_sound_is_not_text() {
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
