//! The calls of a feature by month, and how many of them are free.

use rust_decimal::Decimal;

use super::ranges::FIRST_LENGTH;
use super::{FeaturePlan, Point, UncertainInput};
use crate::calculator::calendar::Month;
use crate::calculator::shape::At;
use crate::calculator::workload::Growth;

/// Digits behind the point that a growth factor keeps.
pub const GROWTH_SCALE: u32 = 6;

impl FeaturePlan {
    /// The calls in a unit of the feature's time, at an end or the mean of their range.
    #[must_use]
    pub(crate) fn rate(&self, at: At) -> Decimal {
        match at {
            At::Low => self.ranges.calls.low,
            At::High => self.ranges.calls.high,
            At::Expected | At::Share(_) => self.ranges.calls.expected,
        }
    }

    /// What the calls of every month are multiplied with.
    #[must_use]
    pub fn growth(&self, months: &[Month], at: At) -> Vec<Decimal> {
        match &self.ranges.growth {
            Growth::Steps(steps) => {
                let holding = |this: &Month| steps.iter().rev().find(|(day, _)| Month::of(*day) <= *this);
                months.iter().map(|month| holding(month).map_or(Decimal::ONE, |(_, factor)| *factor)).collect()
            }
            Growth::Monthly(range) => {
                let share = match at {
                    At::Low => range.low,
                    At::High => range.high,
                    At::Expected | At::Share(_) => range.expected,
                };
                let mut product = Decimal::ONE;
                let of = |month: usize| {
                    if month > self.first_month && !share.is_zero() {
                        product = product.saturating_mul(Decimal::ONE + share).round_dp(20);
                    }
                    product.round_dp(GROWTH_SCALE)
                };
                (0..months.len()).map(of).collect()
            }
        }
    }

    /// The month of the plan that growth counts from.
    #[must_use]
    pub(crate) const fn first_month(&self) -> usize {
        self.first_month
    }

    /// Calls for each call of the feature that it follows, at an end or the mean of their range.
    #[must_use]
    pub(crate) fn share(&self, at: At) -> Decimal {
        match at {
            At::Low => self.ranges.share.low,
            At::High => self.ranges.share.high,
            At::Expected | At::Share(_) => self.ranges.share.expected,
        }
    }

    /// How many times its first length the prompt has in each month, in billionths; none where it does not grow.
    #[must_use]
    pub(crate) fn prompt_growth(&self, at: At) -> Option<Vec<i64>> {
        let range = self.feature.prompt_growth;
        if !range.is_range() && range.expected.is_zero() {
            return None;
        }
        let share =
            Decimal::try_from_i128_with_scale(i128::from(self.ranges.fixed(UncertainInput::PromptGrowth).at(at)), 9);
        let factor = Decimal::ONE + share.unwrap_or_default();
        let mut product = Decimal::ONE;
        let of = |month: usize| {
            if month > self.first_month {
                product = product.saturating_mul(factor).round_dp(20);
            }
            i64::try_from((product.min(Decimal::from(9_000_000_000_u64)) * Decimal::from(1_000_000_000)).round())
                .unwrap_or(i64::MAX)
        };
        Some((0..self.days.len()).map(of).collect())
    }

    /// The length of the shortest or the longest prompt of all months, in billionths of the first one.
    pub(super) fn outer_growth(&self, at: At) -> i64 {
        let Some(factors) = self.prompt_growth(at) else { return FIRST_LENGTH };
        let all = factors.into_iter().chain([FIRST_LENGTH]);
        let outer = if at == At::Low { all.min() } else { all.max() };
        outer.unwrap_or(FIRST_LENGTH)
    }

    /// The calls of every month at a point.
    #[must_use]
    pub fn calls(&self, months: &[Month], point: &Point) -> Vec<Decimal> {
        let share = self.share(point.get(UncertainInput::Share));
        let rate = self.rate(point.get(UncertainInput::Calls)).saturating_mul(share);
        let Some(stream) = self.streams.first() else { return vec![Decimal::ZERO; months.len()] };
        let of = |(month, growth): (usize, Decimal)| {
            let weight: Decimal = stream.epochs.iter().filter_map(|e| e.weights.get(month)).sum();
            rate.saturating_mul(weight).saturating_mul(growth).normalize()
        };
        self.growth(months, point.get(UncertainInput::Growth)).into_iter().enumerate().map(of).collect()
    }
}
