//! What is free: requests and tokens, of one feature or of several together.
//!
//! A day or a month is paid for from where the free quantity ends. Several features use a quantity that they share in
//! proportion; what the others use of it is taken at the means.

use rust_decimal::Decimal;

use super::{FeaturePlan, Point, UncertainInput};
use crate::calculator::calendar::Month;
use crate::calculator::shape::At;
use crate::calculator::workload::{Free, Per, SharedFree};

/// A free quantity of a feature.
#[derive(Clone, Debug)]
pub(super) struct FreeLimit {
    /// Requests or tokens.
    pub quantity: Decimal,
    is_tokens: bool,
    is_daily: bool,
    /// What other features use of it in a month or on an average day of theirs, by month.
    others: Vec<Decimal>,
}

impl FreeLimit {
    pub(super) fn own(free: &Free, months: usize) -> FreeLimit {
        let (quantity, is_tokens) = (free.quantity, free.is_tokens);
        FreeLimit { quantity, is_tokens, is_daily: free.per != Per::Month, others: vec![Decimal::ZERO; months] }
    }
}

/// Gives every feature the quantities that it shares with others.
pub(super) fn share(features: &mut [FeaturePlan], shared: &[SharedFree], months: &[Month]) {
    let expected = Point::all(At::Expected);
    for pool in shared {
        let members: Vec<usize> =
            (0..features.len()).filter(|i| pool.features.contains(&features[*i].feature.name)).collect();
        for limit in &pool.limits {
            let is_daily = limit.per != Per::Month;
            // What each member uses, by month: on an average day with calls, or in all.
            let used: Vec<Vec<Decimal>> = members
                .iter()
                .map(|i| {
                    let feature = &features[*i];
                    let (requests, tokens) = feature.uses_of_a_call(&expected);
                    let each = if limit.is_tokens { tokens } else { requests };
                    let calls = feature.calls(months, &expected);
                    let days =
                        |month: usize| feature.days.get(month).map_or(0, |d| d.iter().map(|(_, n)| *n).sum::<u64>());
                    let of = |(month, calls): (usize, &Decimal)| {
                        let all = calls.saturating_mul(each);
                        if is_daily { all.checked_div(Decimal::from(days(month))).unwrap_or_default() } else { all }
                    };
                    calls.iter().enumerate().map(of).collect()
                })
                .collect();
            for (position, index) in members.iter().enumerate() {
                let others = (0..months.len())
                    .map(|month| {
                        used.iter().enumerate().filter(|(i, _)| *i != position).map(|(_, used)| used[month]).sum()
                    })
                    .collect();
                let mut own = FreeLimit::own(limit, months.len());
                own.others = others;
                features[*index].limits.push(own);
            }
        }
    }
}

impl FeaturePlan {
    /// Whether anything is free.
    #[must_use]
    pub(crate) fn is_free_in_part(&self) -> bool {
        !self.limits.is_empty()
    }

    /// Requests and tokens of a call, for what is free.
    #[must_use]
    pub(crate) fn free_used(&self, point: &Point) -> (Decimal, Decimal) {
        self.uses_of_a_call(point)
    }

    /// The share of a month's cost that is paid, where a unit of the calls' time has so many calls of so many requests and
    /// tokens: from where the first of the free quantities ends.
    #[must_use]
    pub(crate) fn paid_share(&self, month: usize, calls_of_a_unit: Decimal, used: (Decimal, Decimal)) -> Decimal {
        let paid = self.limits.iter().map(|limit| self.paid_beyond(limit, month, calls_of_a_unit, used));
        paid.max().unwrap_or(Decimal::ONE)
    }

    fn paid_beyond(&self, limit: &FreeLimit, month: usize, calls: Decimal, used: (Decimal, Decimal)) -> Decimal {
        let each = if limit.is_tokens { used.1 } else { used.0 };
        let Some(days) = self.days.get(month) else { return Decimal::ONE };
        let others = limit.others.get(month).copied().unwrap_or_default();
        let of = |weight: Decimal| calls.saturating_mul(weight).saturating_mul(each);
        let beyond = |own: Decimal| {
            let all = own.saturating_add(others);
            let paid = (all - limit.quantity).max(Decimal::ZERO);
            // Its own part of what is beyond.
            paid.checked_mul(own).and_then(|paid| paid.checked_div(all)).unwrap_or_default()
        };
        let whole: Decimal = days.iter().map(|(weight, n)| of(*weight).saturating_mul(Decimal::from(*n))).sum();
        let paid = match limit.is_daily {
            true => days.iter().map(|(weight, n)| beyond(of(*weight)).saturating_mul(Decimal::from(*n))).sum(),
            false => beyond(whole),
        };
        paid.checked_div(whole).unwrap_or(Decimal::ONE)
    }

    /// The share of every month's cost that is not free.
    pub(super) fn paid_shares(&self, months: &[Month], point: &Point) -> Vec<Decimal> {
        if self.limits.is_empty() {
            return vec![Decimal::ONE; months.len()];
        }
        let used = self.free_used(point);
        let rate =
            self.rate(point.get(UncertainInput::Calls)).saturating_mul(self.share(point.get(UncertainInput::Share)));
        let growth = self.growth(months, point.get(UncertainInput::Growth));
        let of = |(month, growth): (usize, Decimal)| self.paid_share(month, rate.saturating_mul(growth), used);
        growth.into_iter().enumerate().map(of).collect()
    }
}
