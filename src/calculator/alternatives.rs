//! What a feature would be if it were run in another way: the parts that levers and `optimise` put together.

use rust_decimal::{Decimal, RoundingStrategy};

use super::ramp::mean_up_to;
use super::workload::{Cache, Feature, Per};
use crate::meter::Meter;
use crate::range::Range;

/// The most that a cache is taken to be found again: 99.99% of the time.
const MOST_FOUND: Decimal = Decimal::from_parts(9_999, 0, 0, false, 4);

impl Feature {
    /// Whether a call is one request: no turn and no step waits for the one before it.
    #[must_use]
    pub(crate) fn is_one_request(&self) -> bool {
        self.turns.high == Decimal::ONE && self.steps.count.high == Decimal::ONE
    }

    /// Whether a call usually has requests that send again what an earlier one has sent.
    #[must_use]
    pub(crate) fn talks(&self) -> bool {
        self.turns.expected > Decimal::ONE || self.steps.count.expected > Decimal::ONE
    }

    /// How often conversations that begin at random through the day find what an earlier one left, so many minutes ago or
    /// less. Requests within a conversation find what the one before them left, and are no part of this rate.
    #[must_use]
    pub(crate) fn found_again(&self, minutes: u32) -> Decimal {
        let days = match self.calls.per {
            Per::Day | Per::Once => Decimal::ONE,
            Per::Week => self.calendar.days_a_week().max(Decimal::ONE),
            Per::Month => Decimal::from(30),
        };
        let within = self.calls.rate.expected.checked_mul(Decimal::from(minutes));
        let within = within.and_then(|n| n.checked_div(days * Decimal::from(1440)));
        let Some(within) = within else { return MOST_FOUND };
        // A share, not money: the exponential has no exact value. Four digits of it are kept, and it never becomes certain.
        let float: f64 = within.try_into().unwrap_or(f64::MAX);
        let share = Decimal::try_from(1.0 - (-float).exp()).unwrap_or(Decimal::ONE);
        share.round_dp_with_strategy(4, RoundingStrategy::ToZero).min(MOST_FOUND)
    }

    /// The whole beginning of each prompt cached for so many minutes.
    #[must_use]
    pub(crate) fn whole_cache(&self, write: Meter, minutes: u32) -> Cache {
        Cache {
            system: true,
            tools: true,
            history: self.talks(),
            hit_rate: Range::exactly(self.found_again(minutes)),
            // Requests of one conversation follow each other within the lifetime of the cache.
            within: Some(Range::exactly(Decimal::ONE)),
            write,
            minimum: None,
        }
    }

    /// Cuts answers off at so many tokens. Single answers are those that were measured, or else spread as the range is.
    pub(crate) fn cap_answers(&mut self, cap: Decimal) {
        self.output = match self.spread.take() {
            // The range is that of the mean, which falls as the mean of the measured ones does.
            Some(spread) => {
                let times = spread.mean_up_to(cap).checked_div(self.output.expected).unwrap_or(Decimal::ONE);
                self.output.map(|tokens| (tokens * times).round_dp(6))
            }
            None => capped(self.output, cap),
        };
    }
}

/// Answers that are cut off: the mean is that of the draws, which rise from low to the mean and fall to high in straight lines.
pub(crate) fn capped(output: Range<Decimal>, cap: Decimal) -> Range<Decimal> {
    let Range { low, high, .. } = output;
    if high <= cap {
        return output;
    }
    if cap <= low {
        return Range::exactly(cap);
    }
    Range { low, expected: mean_up_to(output, cap).round_dp(6), high: cap }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rust_decimal::dec;

    /// Worked out by integrating the two ramps: low 0, mean 100, high 400. The right ramp weighs 1/4, so at a cap of 200 the
    /// mean loses 1/4 × (200 ÷ 300)² × 200 ÷ 3 = 7.407407; the left one weighs 3/4, so at a cap of 50 it is
    /// 50 − 3/4 × (50 ÷ 100)² × 50 ÷ 3 = 46.875.
    #[test]
    fn a_cap_takes_what_the_ramps_have_above_it() {
        let output = Range { low: dec!(0), expected: dec!(100), high: dec!(400) };
        let cases = [(500, dec!(100), dec!(400)), (200, dec!(92.592593), dec!(200)), (50, dec!(46.875), dec!(50))];
        for (cap, mean, high) in cases {
            let range = capped(output, Decimal::from(cap));
            assert_eq!((range.low, range.expected, range.high), (dec!(0), mean, high), "{cap}");
        }
        let exact = Range::exactly(dec!(300));
        assert_eq!(capped(exact, dec!(200)), Range::exactly(dec!(200)));
        // At the mean itself both say the same.
        let at_mean = capped(output, dec!(100));
        assert_eq!(at_mean.expected, dec!(75));
    }
}
