//! What a feature reads from the cache, and how often it finds it there.

use rust_decimal::Decimal;

use super::FeatureReader;
use crate::calculator::workload::Cache;
use crate::input::workload::quantity::Quantity;
use crate::input::workload::raw::{RawCache, RawPart};
use crate::meter::Meter;
use crate::pricing::yaml::At;
use crate::range::Range;

impl FeatureReader<'_, '_> {
    pub(super) fn cache(&mut self, raw: &RawCache) -> Option<Cache> {
        let ttl = raw.ttl.as_ref().map(|q| (self.minutes(q), q.place));
        let minutes = match ttl {
            Some((minutes, _)) => minutes?,
            None => {
                self.assume("cache.ttl", "5m", "the usual lifetime");
                Decimal::from(5)
            }
        };
        let write = match u32::try_from(minutes.round()).unwrap_or(u32::MAX) {
            0..=30 => Meter::CacheWrite5m,
            31..=60 => Meter::CacheWrite1h,
            _ => Meter::CacheWrite12h,
        };
        let rates = [&raw.hit_rate, &raw.hit_rate_between, &raw.gap];
        let hit_rate = match rates {
            [Some(rate), None, None] | [None, Some(rate), None] => self.reader.part(rate),
            [None, None, Some(gap)] => {
                let gap = self.gap(gap, minutes)?;
                self.assume(
                    "cache.hit_rate_between",
                    gap,
                    "1 − e^(−lifetime ÷ gap): conversations that come at random",
                );
                gap
            }
            _ => {
                let given = rates.into_iter().flatten().chain(&raw.hit_rate_within).chain(&raw.ttl).next();
                let place = given.map_or(self.place, |q| q.place);
                self.reader.lacks(
                    place,
                    "the cache needs one of hit_rate, hit_rate_between and gap",
                    "write hit_rate: 90%, or gap: 4m (the time between two conversations); hit_rate_within says how often a later request of a conversation finds what the one before it has sent",
                );
                return None;
            }
        };
        let within = match (&raw.hit_rate_within, &raw.hit_rate) {
            (Some(rate), _) => Some(self.reader.part(rate)),
            (None, Some(_)) => None,
            (None, None) => {
                let why = "requests of one conversation follow each other within the lifetime of the cache";
                self.assume("cache.hit_rate_within", "100%", why);
                Some(Range::exactly(Decimal::ONE))
            }
        };
        let has = |part| match &raw.parts {
            Some(parts) => parts.iter().any(|p| p.value == part),
            None => part != RawPart::History,
        };
        if raw.parts.is_none() {
            self.assume("cache.parts", "system, tools", "what is the same in every call");
        }
        Some(Cache {
            system: has(RawPart::System),
            tools: has(RawPart::Tools),
            history: has(RawPart::History),
            hit_rate,
            within,
            write,
            minimum: raw.minimum,
        })
    }

    /// The share of calls that come within the lifetime after the last one, for gaps that are random with a mean.
    pub(super) fn gap(&mut self, gap: &At<Quantity>, lifetime: Decimal) -> Option<Range<Decimal>> {
        let range = gap.value.range;
        let minutes = |n: Decimal| self.reader_minutes(n, &gap.value.unit);
        let (Some(low), Some(expected), Some(high)) =
            (minutes(range.low), minutes(range.expected), minutes(range.high))
        else {
            self.reader.object("cache", gap.place, format!("{:?} is no time", gap.value.unit), "write 30s, 4m or 1h");
            return None;
        };
        let hit = |mean: Decimal| share_within(lifetime, mean);
        // A longer gap finds less in the cache.
        Some(Range { low: hit(high), expected: hit(expected), high: hit(low) })
    }

    pub(super) fn reader_minutes(&self, n: Decimal, unit: &str) -> Option<Decimal> {
        match unit {
            "s" | "seconds" => Some(n / Decimal::from(60)),
            "m" | "min" | "minutes" => Some(n),
            "h" | "hours" => n.checked_mul(Decimal::from(60)),
            "d" | "days" => n.checked_mul(Decimal::from(1440)),
            _ => None,
        }
    }

    pub(super) fn minutes(&mut self, q: &At<Quantity>) -> Option<Decimal> {
        self.reader.no_range(q, "the lifetime of the cache");
        let minutes = self.reader_minutes(q.value.range.expected, &q.value.unit);
        if minutes.is_none() {
            self.reader.object("cache", q.place, format!("{:?} is no time", q.value.unit), "write 30s, 4m or 1h");
        }
        minutes
    }
}

/// `1 − e^(−lifetime ÷ gap)`, to six digits.
fn share_within(lifetime: Decimal, gap: Decimal) -> Decimal {
    let ratio = |d: Decimal| f64::try_from(d).unwrap_or(0.0);
    if gap.is_zero() {
        return Decimal::ONE;
    }
    Decimal::try_from(1.0 - (-ratio(lifetime) / ratio(gap)).exp()).unwrap_or_default().round_dp(6)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rust_decimal::dec;

    #[test]
    fn random_gaps_meet_the_cache_by_the_exponential_law() {
        // 1 − e⁻¹ = 0.632120558…; 1 − e^(−5/4) = 0.713495203…
        assert_eq!(share_within(dec!(5), dec!(5)), dec!(0.632121));
        assert_eq!(share_within(dec!(5), dec!(4)), dec!(0.713495));
        assert_eq!(share_within(dec!(5), dec!(0)), dec!(1));
    }
}
