//! What a feature costs at a [`Point`], exactly.

use rust_decimal::Decimal;

use super::counted::CountedText;
use super::{Epoch, FeaturePlan, PlanError, Point, Stream, StreamRole, UncertainInput, WEIGHT_SCALE};
use crate::calculator::Refusal;
use crate::calculator::calendar::Month;
use crate::calculator::shape::{At, Cached, MICRO, QUANTITY_SCALE, Shape, WHOLE};
use crate::calculator::tariff::{ALL_SLOTS, Tariff};
use crate::money::{ROUNDED_SCALE, Usd, amount};
use crate::range::Range;

impl FeaturePlan {
    /// One call on a stream, every uncertain number settled.
    #[must_use]
    pub(crate) fn shape(&self, stream: &Stream, row: Range<i64>, point: &Point) -> Shape {
        let at = |input: UncertainInput| self.ranges.fixed(input).at(point.get(input));
        let tokens = point.get(UncertainInput::Tokens);
        let turns = self.ranges.whole(UncertainInput::Turns, point.get(UncertainInput::Turns));
        let failure = i128::from(at(UncertainInput::Failures));
        let mut term = WHOLE;
        let mut attempts = WHOLE;
        for _ in 1..self.feature.retries.attempts {
            term = term * failure / WHOLE;
            attempts += term;
        }
        let base = Shape {
            prefix: 0,
            user: row.at(tokens),
            passages: 0,
            images: 0,
            images_apart: stream.counted.images_apart,
            output: 0,
            reasoning: 0,
            turns,
            around: 0,
            kept: 0,
            steps: 1,
            call: 0,
            result: 0,
            cached: None,
            attempts: i64::try_from(attempts).unwrap_or(i64::MAX),
            billed: self.feature.retries.billed,
        };
        if stream.role != StreamRole::Answer {
            return base;
        }
        let cached = self.feature.cache.map(|cache| Cached {
            prefix: stream.counted.cached_prefix.at(tokens),
            history: cache.history,
            hit: at(UncertainInput::HitRate),
            minimum: stream.smallest_cacheable(&cache),
        });
        Shape {
            prefix: stream.counted.prefix.at(tokens),
            user: base.user.saturating_add(at(UncertainInput::Attachments)),
            passages: at(UncertainInput::Passages),
            images: stream.counted.images.at(point.get(UncertainInput::Attachments)),
            output: at(UncertainInput::Output),
            reasoning: stream.thinking.at(point.get(UncertainInput::Reasoning)),
            kept: i64::from(self.feature.history.turns()),
            around: stream.counted.turn.at(tokens),
            steps: self.ranges.whole(UncertainInput::Steps, point.get(UncertainInput::Steps)),
            call: at(UncertainInput::Call),
            result: at(UncertainInput::Result),
            cached,
            ..base
        }
    }

    /// The longest prompt that the plan thinks possible, in tokens.
    #[must_use]
    pub(crate) fn longest_prompt(&self, stream: &Stream) -> u64 {
        u64::try_from(self.prompts_at(stream, At::High).1 / MICRO).unwrap_or(u64::MAX)
    }

    /// The shortest and the longest prompt of a call, in millionths of a token, every uncertain number at one end.
    fn prompts_at(&self, stream: &Stream, at: At) -> (i128, i128) {
        let rows = stream.counted.rows.iter().map(|(row, _)| self.shape(stream, *row, &Point::all(at)));
        let (mut shortest, mut longest) = (i128::MAX, 0);
        rows.for_each(|shape| {
            shape.requests(|prompt, _| (shortest, longest) = (shortest.min(prompt), longest.max(prompt)));
        });
        (shortest.min(longest), longest)
    }

    /// Why some prompt that the plan thinks possible has no price, in any epoch.
    #[must_use]
    pub(crate) fn refusal<'s>(&self, stream: &'s Stream) -> Option<&'s Refusal> {
        let (shortest, longest) = (self.prompts_at(stream, At::Low).0, self.prompts_at(stream, At::High).1);
        let tariffs = stream.epochs.iter().flat_map(|epoch| std::iter::once(&epoch.single).chain(&epoch.batch));
        tariffs.filter_map(|tariff| tariff.refusal(shortest, longest)).next()
    }

    /// What one call costs on a stream under the rates of an epoch.
    ///
    /// # Errors
    /// `None` where it has more digits than money carries.
    #[must_use]
    pub(crate) fn per_call(&self, stream: &Stream, epoch: &Epoch, point: &Point) -> Option<Usd> {
        let single = self.per_call_at(stream, &epoch.single, point)?;
        let Some(batch) = &epoch.batch else { return Some(single) };
        let batched = self.per_call_at(stream, batch, point)?;
        times(single, Decimal::ONE - stream.batch)?.checked_add(times(batched, stream.batch)?)
    }

    fn per_call_at(&self, stream: &Stream, tariff: &Tariff, point: &Point) -> Option<Usd> {
        let mut total = Usd::ZERO;
        for (row, n) in &stream.counted.rows {
            let mut bands = vec![[0_i128; ALL_SLOTS.len()]; tariff.bands.len()];
            self.shape(stream, *row, point).requests(|prompt, parts| {
                let sums = &mut bands[tariff.band(prompt).0];
                sums.iter_mut().zip(parts).for_each(|(sum, part)| *sum += part);
            });
            for (band, quantities) in tariff.bands.iter().zip(bands) {
                if quantities.iter().all(|quantity| *quantity == 0) {
                    continue;
                }
                for (rate, quantity) in
                    band.rates.as_ref().ok()?.iter().zip(quantities).filter(|(r, q)| r.per > 0 && *q != 0)
                {
                    let quantity =
                        Decimal::try_from_i128_with_scale(quantity.checked_mul(i128::from(*n))?, QUANTITY_SCALE)
                            .ok()?;
                    let per = rate.per.checked_mul(stream.counted.row_count)?;
                    total = total.checked_add(amount(quantity.normalize(), rate.rate, per)?)?;
                }
            }
        }
        let turns = Decimal::from(self.ranges.whole(UncertainInput::Turns, point.get(UncertainInput::Turns)));
        for (rate, quantity) in tariff.beside.iter().zip(&stream.also).filter(|(rate, _)| rate.per > 0) {
            let quantity = Decimal::try_from_i128_with_scale(i128::from(quantity.at(At::Expected)), 6).ok()?;
            total = total.checked_add(amount((quantity * turns).normalize(), rate.rate, rate.per)?)?;
        }
        Some(total)
    }

    /// Requests and tokens of one call on the streams that answer, for what is free.
    pub(super) fn uses_of_a_call(&self, point: &Point) -> (Decimal, Decimal) {
        let (requests, prompt, answer) = self.sums_of_a_call(point);
        (requests, prompt + answer)
    }

    /// Tokens that one call sends and gets back, retries included.
    #[must_use]
    pub(crate) fn tokens_of_a_call(&self, point: &Point) -> (Decimal, Decimal) {
        let (_, prompt, answer) = self.sums_of_a_call(point);
        (prompt, answer)
    }

    fn sums_of_a_call(&self, point: &Point) -> (Decimal, Decimal, Decimal) {
        let (mut requests, mut prompt, mut answer) = (Decimal::ZERO, Decimal::ZERO, Decimal::ZERO);
        for stream in self.streams.iter().filter(|s| s.role == StreamRole::Answer) {
            for (row, n) in &stream.counted.rows {
                let mut sums = [0_i128; ALL_SLOTS.len()];
                self.shape(stream, *row, point)
                    .requests(|_, parts| sums.iter_mut().zip(parts).for_each(|(sum, part)| *sum += part));
                let share = stream.share * Decimal::from(*n) / Decimal::from(stream.counted.row_count.max(1));
                let decimal = |q: i128| Decimal::try_from_i128_with_scale(q, QUANTITY_SCALE).unwrap_or_default();
                let [input, read, write, image, output, reasoning, request] = sums;
                requests += decimal(request) * share;
                prompt += decimal(input + read + write + image) * share;
                answer += decimal(output + reasoning) * share;
            }
        }
        (requests, prompt, answer)
    }

    /// Requests that one call takes, retries included.
    #[must_use]
    pub(crate) fn requests_of_a_call(&self, point: &Point) -> Decimal {
        self.uses_of_a_call(point).0.normalize()
    }

    /// What every stream costs in every month at a point, what is free taken off; exact.
    ///
    /// # Errors
    /// [`PlanError::TooLarge`].
    pub(crate) fn costs(&self, months: &[Month], point: &Point) -> Result<Vec<Vec<Usd>>, PlanError> {
        let paid: Vec<Decimal> = self.paid_shares(months, point);
        let stream_costs = |stream: &Stream| self.stream_costs(stream, months, point, &paid);
        let costs: Option<Vec<_>> = self.streams.iter().map(stream_costs).collect();
        costs.ok_or_else(|| PlanError::TooLarge(self.feature.name.clone()))
    }

    fn stream_costs(&self, stream: &Stream, months: &[Month], point: &Point, paid: &[Decimal]) -> Option<Vec<Usd>> {
        let rate = self.rate(point.get(UncertainInput::Calls));
        let growth = self.growth(months, point.get(UncertainInput::Growth));
        let mut costs = vec![Usd::ZERO; months.len()];
        for epoch in &stream.epochs {
            let per_call = self.per_call(stream, epoch, point)?;
            for (month, weight) in epoch.weights.iter().enumerate().filter(|(_, w)| !w.is_zero()) {
                let calls = [weight, &growth[month], &stream.share]
                    .into_iter()
                    .try_fold(rate, |product, factor| product.checked_mul(*factor))?;
                let usd = times(per_call, calls)?;
                let usd =
                    if paid[month] == Decimal::ONE { usd } else { times(usd, paid[month].round_dp(WEIGHT_SCALE))? };
                // Rounded once here, as a line of a receipt is, so that sums of sums stay exact.
                let usd = Usd::new(usd.amount().round_dp(ROUNDED_SCALE));
                costs[month] = costs[month].checked_add(usd)?;
            }
        }
        Some(costs)
    }

    /// The inputs that are uncertain.
    #[must_use]
    pub(crate) fn uncertain(&self) -> Vec<UncertainInput> {
        let is_range = |input: &UncertainInput| match input {
            UncertainInput::Tokens => self.streams.iter().any(Self::is_estimated),
            UncertainInput::Attachments => {
                self.ranges.fixed(*input).is_range() || self.streams.iter().any(|s| s.counted.images.is_range())
            }
            UncertainInput::Reasoning => self.streams.iter().any(|s| s.thinking.is_range()),
            other => self.ranges.fixed(*other).is_range(),
        };
        UncertainInput::ALL.iter().copied().filter(is_range).collect()
    }

    /// Whether the cost at the means is the mean of the cost: every uncertain number then only multiplies.
    #[must_use]
    pub(crate) fn is_linear(&self) -> bool {
        let uncertain = self.uncertain();
        let bends = |input: &UncertainInput| match input {
            UncertainInput::Turns | UncertainInput::Steps | UncertainInput::Growth => true,
            UncertainInput::Failures => self.feature.retries.attempts > 2,
            _ => false,
        };
        if uncertain.is_empty() {
            return true;
        }
        let tiers = |s: &Stream| {
            let border = s.epochs.iter().filter_map(|e| e.single.bands.get(1)).map(|band| band.first).min();
            border.is_some_and(|first| self.longest_prompt(s) >= first)
        };
        let minimum = |s: &Stream| {
            let least = self.feature.cache.map_or(0, |cache| s.smallest_cacheable(&cache));
            let prefix = s.counted.cached_prefix;
            prefix.low < least && least <= prefix.high
        };
        let is_free = self.feature.free.is_some_and(|free| !free.quantity.is_zero());
        !uncertain.iter().any(bends) && !is_free && !self.streams.iter().any(|s| tiers(s) || minimum(s))
    }

    /// The average prompt of the rows of a stream, or up to eight of different lengths where rates depend on it.
    #[must_use]
    pub(crate) fn typical_rows(&self, stream: &Stream) -> Vec<Range<i64>> {
        let rows = &stream.counted.rows;
        let has_bands = stream.epochs.iter().any(|e| e.single.bands.len() > 1);
        let mut sorted: Vec<Range<i64>> =
            rows.iter().flat_map(|(row, n)| std::iter::repeat_n(*row, usize::try_from(*n).unwrap_or(1))).collect();
        sorted.sort_by_key(|row| row.expected);
        let groups = if has_bands { 8.min(sorted.len()) } else { 1 };
        let mean = |rows: &[Range<i64>]| {
            let n = rows.len().max(1) as i128;
            let of = |get: fn(&Range<i64>) -> i64| {
                let sum: i128 = rows.iter().map(|r| i128::from(get(r))).sum();
                i64::try_from((sum + n / 2) / n).unwrap_or(i64::MAX)
            };
            Range { low: of(|r| r.low), expected: of(|r| r.expected), high: of(|r| r.high) }
        };
        if sorted.len() <= 1 {
            return sorted;
        }
        (0..groups).map(|g| mean(&sorted[g * sorted.len() / groups..(g + 1) * sorted.len() / groups])).collect()
    }

    /// The share of a stream's calls that are batches.
    #[must_use]
    pub(crate) const fn batch_share(stream: &Stream) -> Decimal {
        stream.batch
    }

    /// What is billed besides the tokens of a turn, in millionths.
    pub fn beside(stream: &Stream) -> impl Iterator<Item = i64> + '_ {
        stream.also.iter().map(|fixed| fixed.expected)
    }

    /// Tokens of the prompt of a first turn at the mean, for people.
    #[must_use]
    pub(crate) fn first_prompt(&self, stream: &Stream) -> u64 {
        let point = Point::all(At::Expected);
        let rows = self.typical_rows(stream);
        let mut first = None;
        if let Some(row) = rows.first() {
            self.shape(stream, *row, &point).requests(|prompt, _| first = first.or(Some(prompt)));
        }
        u64::try_from(first.unwrap_or(0) / MICRO).unwrap_or(0)
    }

    /// Whether the token counts of a stream's texts are ranges.
    #[must_use]
    pub(crate) fn is_estimated(stream: &Stream) -> bool {
        let CountedText { prefix, turn, rows, .. } = &stream.counted;
        prefix.is_range() || turn.is_range() || rows.iter().any(|(row, _)| row.is_range())
    }
}

/// A quotient, rounded at 18 digits; `None` where there is nothing to divide by.
#[must_use]
pub(crate) fn per(usd: Usd, by: Decimal) -> Option<Usd> {
    usd.amount().checked_div(by).map(|n| Usd::new(n.round_dp(18)))
}

/// Money times a plain number: exact where the digits suffice, otherwise rounded once at 15 and 9 digits.
#[must_use]
pub(crate) fn times(usd: Usd, factor: Decimal) -> Option<Usd> {
    usd.checked_mul(factor.normalize()).or_else(|| {
        let (usd, factor) = (usd.amount().round_dp(15).normalize(), factor.round_dp(9).normalize());
        Usd::new(usd).checked_mul(factor).or_else(|| usd.checked_mul(factor).map(Usd::new))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rust_decimal::dec;

    /// Both factors have more digits than their product can carry: 15 of the money and 9 of the number are kept.
    #[test]
    fn a_product_that_is_too_long_keeps_its_leading_digits() {
        let product = times(Usd::new(dec!(0.123456789012345678)), dec!(0.1234567890123456)).unwrap();
        // 0.123456789012346 × 0.123456789, worked out with Python's decimal; the exact product is 0.01524157875323882….
        assert_eq!(product.amount(), dec!(0.015241578751714718516994));
        // Where the digits suffice, nothing is rounded.
        let exact = times(Usd::new(dec!(0.000000000000000001)), dec!(0.0000000001)).unwrap();
        assert_eq!(exact.amount(), dec!(0.0000000000000000000000000001));
        assert_eq!(times(Usd::new(Decimal::MAX), dec!(10)), None);
    }
}
