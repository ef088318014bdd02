//! The calls of a feature by month, and how many of them are free.

use rust_decimal::Decimal;

use super::{FeaturePlan, Point, UncertainInput};
use crate::calculator::calendar::Month;
use crate::calculator::shape::At;
use crate::calculator::workload::{Growth, Per};

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

    /// How much is free in a month, in requests or tokens.
    #[must_use]
    pub(crate) fn free_quantity(&self, month: usize) -> Option<Decimal> {
        let free = self.feature.free?;
        let days = match free.per {
            Per::Day => Decimal::from(self.days_with_calls.get(month).copied().unwrap_or(0)),
            Per::Week | Per::Month => Decimal::ONE,
        };
        Some(free.quantity.saturating_mul(days))
    }

    /// How much of what may be free one call uses.
    #[must_use]
    pub(crate) fn free_used(&self, point: &Point) -> Decimal {
        let (requests, tokens) = self.uses_of_a_call(point);
        if self.feature.free.is_some_and(|free| free.is_tokens) { tokens } else { requests }
    }

    /// The calls of every month at a point.
    #[must_use]
    pub fn calls(&self, months: &[Month], point: &Point) -> Vec<Decimal> {
        let rate = self.rate(point.get(UncertainInput::Calls));
        let Some(stream) = self.streams.first() else { return vec![Decimal::ZERO; months.len()] };
        let of = |(month, growth): (usize, Decimal)| {
            let weight: Decimal = stream.epochs.iter().filter_map(|e| e.weights.get(month)).sum();
            rate.saturating_mul(weight).saturating_mul(growth).normalize()
        };
        self.growth(months, point.get(UncertainInput::Growth)).into_iter().enumerate().map(of).collect()
    }

    /// The share of every month's cost that is not free.
    pub(super) fn paid_shares(&self, months: &[Month], point: &Point) -> Vec<Decimal> {
        let calls = self.calls(months, point);
        let used = if self.feature.free.is_some() { self.free_used(point) } else { Decimal::ZERO };
        let share = |(month, calls): (usize, &Decimal)| {
            let Some(free) = self.free_quantity(month) else { return Decimal::ONE };
            let all = calls.saturating_mul(used);
            let paid = (all - free).max(Decimal::ZERO);
            paid.checked_div(all).unwrap_or(Decimal::ONE)
        };
        calls.iter().enumerate().map(share).collect()
    }
}
