//! The calls of a feature by slot and month, and how many of them are free.

use rust_decimal::Decimal;

use super::free::FreeLimit;
use super::ranges::FIRST_LENGTH;
use super::{FeaturePlan, Point, UncertainInput};
use crate::calculator::calendar::Month;
use crate::calculator::shape::At;
use crate::calculator::workload::{Growth, Per};

/// Digits behind the point that a number of calls is shown with where it has no end.
pub const CALLS_SCALE: u32 = 12;

impl FeaturePlan {
    /// The calls in a unit of the feature's time at a point.
    #[must_use]
    pub(crate) fn rate(&self, point: &Point) -> Decimal {
        let of = |input| self.ranges.exact(input).place(point.get(input));
        of(UncertainInput::Calls).saturating_mul(of(UncertainInput::Sessions)).saturating_mul(of(UncertainInput::Share))
    }

    /// How many times its first length the prompt has in each month, in billionths; none where it does not grow.
    #[must_use]
    pub(crate) fn prompt_growth(&self, months: usize, at: At) -> Option<Vec<i64>> {
        let range = self.ranges.exact(UncertainInput::PromptGrowth);
        if !range.is_range() && range.expected.is_zero() {
            return None;
        }
        let of = |month: usize| {
            let since = u32::try_from(month.saturating_sub(self.first_month)).unwrap_or(0);
            let factor = self.ranges.prompt_grown(since, at).unwrap_or(Decimal::MAX);
            let billionths = factor.checked_mul(Decimal::from(FIRST_LENGTH)).map(|n| n.round());
            billionths.and_then(|n| i64::try_from(n).ok()).unwrap_or(i64::MAX)
        };
        Some((0..months).map(of).collect())
    }

    /// The shortest or the longest prompt of all months, in billionths of the first one.
    pub(crate) fn outer_growth(&self, at: At) -> i64 {
        let months = self.slots().last().map_or(0, |slot| slot.month + 1);
        let Some(factors) = self.prompt_growth(months, at) else { return FIRST_LENGTH };
        let all = factors.into_iter().chain([FIRST_LENGTH]);
        let outer = if at == At::Low { all.min() } else { all.max() };
        outer.unwrap_or(FIRST_LENGTH)
    }

    /// What the calls of every month are multiplied with; at the mean of a range, the mean of all its draws.
    #[must_use]
    pub fn growth(&self, months: &[Month], at: At) -> Vec<Decimal> {
        match &self.ranges.growth {
            Growth::Steps(steps) => {
                let holding = |this: &Month| steps.iter().rev().find(|(day, _)| Month::of(*day) <= *this);
                months.iter().map(|month| holding(month).map_or(Decimal::ONE, |(_, factor)| *factor)).collect()
            }
            Growth::Monthly(_) => {
                let [low, mean, high] = &self.calls.grown;
                let powers = match at {
                    At::Low => low,
                    At::Expected | At::Share(_) => mean,
                    At::High => high,
                };
                let since = |month: usize| month.saturating_sub(self.first_month);
                (0..months.len()).map(|month| powers.get(since(month)).copied().unwrap_or(Decimal::MAX)).collect()
            }
        }
    }

    /// The month of the plan that growth counts from.
    #[must_use]
    pub(crate) const fn first_month(&self) -> usize {
        self.first_month
    }

    /// How much of what may be free one call uses.
    #[must_use]
    pub(crate) fn free_used(&self, point: &Point, is_tokens: bool) -> Decimal {
        let (requests, tokens) = self.uses_of_a_call(point);
        if is_tokens { tokens } else { requests }
    }

    /// The calls of every slot at a point.
    pub(super) fn calls_by_slot(&self, months: &[Month], point: &Point) -> Vec<Decimal> {
        let rate = self.rate(point);
        let growth = self.growth(months, point.get(UncertainInput::Growth));
        let of = |slot: &super::Slot| {
            let grown = rate.saturating_mul(growth.get(slot.month).copied().unwrap_or_default());
            let weighted = grown.saturating_mul(slot.weight);
            weighted.checked_div(self.unit(slot.month)).unwrap_or_default()
        };
        self.slots().iter().map(of).collect()
    }

    /// The calls of every month at a point, rounded at [`CALLS_SCALE`] digits where they have no end.
    #[must_use]
    pub fn calls(&self, months: &[Month], point: &Point) -> Vec<Decimal> {
        let mut calls = vec![Decimal::ZERO; months.len()];
        for (slot, n) in self.slots().iter().zip(self.calls_by_slot(months, point)) {
            calls[slot.month] += n;
        }
        calls.into_iter().map(|n| n.round_dp(CALLS_SCALE).normalize()).collect()
    }

    /// The share of every slot's calls that is not free; nothing where all of them are paid.
    ///
    /// What is free in a day is left when the day is over; what is free in a month goes to its first calls.
    pub(super) fn paid_shares(&self, months: &[Month], point: &Point) -> Option<Vec<Decimal>> {
        if self.limits.is_empty() {
            return None;
        }
        let calls = self.calls_by_slot(months, point);
        let mut paid = vec![Decimal::ZERO; calls.len()];
        for FreeLimit { free, others, between } in &self.limits {
            let used = self.free_used(point, free.is_tokens);
            let mut left = Decimal::ZERO;
            let mut month = None;
            for (index, ((slot, calls), paid)) in self.slots().iter().zip(&calls).zip(&mut paid).enumerate() {
                let others = others.get(index).copied().unwrap_or_default();
                let all = calls.saturating_mul(used).saturating_add(others);
                let own = match free.per {
                    Per::Day => free.quantity.saturating_mul(Decimal::from(slot.days)),
                    Per::Week | Per::Month | Per::Once => {
                        if month != Some(slot.month) {
                            (month, left) = (Some(slot.month), free.quantity);
                        }
                        left = (left - between.get(index).copied().unwrap_or_default()).max(Decimal::ZERO);
                        left
                    }
                };
                let beyond = (all - own).max(Decimal::ZERO);
                left = (left - all).max(Decimal::ZERO);
                *paid = (*paid).max(beyond.checked_div(all).unwrap_or(Decimal::ONE));
            }
        }
        Some(paid)
    }
}
