//! What is free: requests and tokens, of one feature or of several together.
//!
//! Several features use a quantity that they share in proportion; what the others use of it is taken at the means.

use jiff::civil::Date;
use rust_decimal::Decimal;

use super::{FeaturePlan, Point};
use crate::calculator::calendar::Month;
use crate::calculator::shape::At;
use crate::calculator::workload::{Free, SharedFree};

/// A free quantity of a feature, and what other features use of it.
#[derive(Clone, Debug)]
pub(crate) struct FreeLimit {
    pub free: Free,
    /// By slot of the feature: what the others use on its days.
    pub others: Vec<Decimal>,
    /// By slot: what they use on the days of the month since the slot before.
    pub between: Vec<Decimal>,
}

impl FreeLimit {
    pub(super) fn own(free: &Free) -> FreeLimit {
        FreeLimit { free: *free, others: Vec::new(), between: Vec::new() }
    }
}

/// Gives every feature the quantities that it shares with others.
pub(super) fn share(features: &mut [FeaturePlan], shared: &[SharedFree], months: &[Month]) {
    let expected = Point::all(At::Expected);
    for pool in shared {
        let members: Vec<usize> =
            (0..features.len()).filter(|i| pool.features.contains(&features[*i].feature.name)).collect();
        for free in &pool.limits {
            let used: Vec<Vec<(Date, Decimal)>> =
                members.iter().map(|i| features[*i].used_by_day(months, &expected, free.is_tokens)).collect();
            for (position, index) in members.iter().enumerate() {
                let others: Vec<&(Date, Decimal)> =
                    used.iter().enumerate().filter(|(i, _)| *i != position).flat_map(|(_, days)| days).collect();
                let limit = features[*index].beside_others(free, &others);
                features[*index].limits.push(limit);
            }
        }
    }
}

impl FeaturePlan {
    /// What every day uses of requests or tokens at a point, in order.
    fn used_by_day(&self, months: &[Month], point: &Point, is_tokens: bool) -> Vec<(Date, Decimal)> {
        let (requests, tokens) = self.uses_of_a_call(point);
        let each = if is_tokens { tokens } else { requests };
        let calls = self.calls_by_slot(months, point);
        let of = |(day, slot, weight): (Date, usize, Decimal)| {
            let all = self.slots().get(slot).map_or(Decimal::ONE, |slot| slot.weight);
            let calls = calls.get(slot).copied().unwrap_or_default();
            let own = calls.saturating_mul(weight).checked_div(all).unwrap_or_default();
            (day, own.saturating_mul(each))
        };
        self.calls.by_day().map(of).collect()
    }

    /// A quantity with what others use of it on the days of the feature, and between them.
    fn beside_others(&self, free: &Free, others: &[&(Date, Decimal)]) -> FreeLimit {
        let mut limit = FreeLimit::own(free);
        limit.others = vec![Decimal::ZERO; self.slots().len()];
        limit.between = limit.others.clone();
        let mut before: Option<Date> = None;
        for (day, slot, _) in self.calls.by_day() {
            if before == Some(day) {
                continue;
            }
            let from = before.filter(|earlier| Month::of(*earlier) == Month::of(day));
            for (other, used) in others {
                let is_between =
                    Month::of(*other) == Month::of(day) && *other < day && from.is_none_or(|from| from < *other);
                if *other == day {
                    limit.others[slot] += *used;
                } else if is_between {
                    limit.between[slot] += *used;
                }
            }
            before = Some(day);
        }
        limit
    }
}
