//! What of a plan is certain, in dollars: fixed costs, one-off costs, credits and tax ([`Settled`]).

use jiff::civil::Date;
use rust_decimal::Decimal;

use super::calendar::Month;
use super::projection::{OneOff, Plan, Resolver, Stream};
use super::workload::{Amount, instant_of};
use crate::money::{Usd, exact_sum};

/// Why an amount of another currency has no value in dollars.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} is in {currency}, and no exchange rate of {currency} holds on {day}")]
pub struct NoExchange {
    /// What needs it.
    pub what: String,
    /// The currency.
    pub currency: String,
    /// The day.
    pub day: Date,
}

impl NoExchange {
    /// The next step.
    #[must_use]
    pub fn help(&self) -> String {
        let NoExchange { currency, day, .. } = self;
        format!(
            "add `exchange: {{{currency}: [{{from: {day}, per_usd: \"…\"}}]}}` to the workload, or give --rate {currency}=N (units of {currency} for one US dollar)"
        )
    }
}

/// An amount in dollars at the rate of a day, rounded at 18 digits.
///
/// # Errors
/// [`NoExchange`]: an old or guessed rate is never used.
pub fn in_usd(amount: &Amount, what: &str, day: Date, resolver: &dyn Resolver) -> Result<Usd, NoExchange> {
    if amount.currency == "USD" {
        return Ok(Usd::new(amount.amount.0));
    }
    let missing = || NoExchange { what: what.to_owned(), currency: amount.currency.clone(), day };
    let per_usd = resolver.per_usd(&amount.currency, instant_of(day, 0)).ok_or_else(missing)?;
    amount.amount.0.checked_div(per_usd).map(|usd| Usd::new(usd.round_dp(18))).ok_or_else(missing)
}

/// A credit in dollars.
#[derive(Clone, Debug)]
struct SettledCredit {
    usd: Usd,
    /// Which group of streams it pays; all of them where it is none.
    group: Option<usize>,
    /// First month that it does not pay for.
    until: usize,
}

/// Everything that is certain: fixed costs, one-off costs, credits and tax.
#[derive(Clone, Debug)]
pub struct Settled {
    /// Providers that have a credit of their own; streams of others are in the group 0.
    pub groups: Vec<String>,
    /// Fixed and one-off costs by month.
    pub fixed: Vec<Usd>,
    /// What they are: name, month and amount.
    pub fixed_items: Vec<(String, usize, Usd)>,
    credits: Vec<SettledCredit>,
    pub(super) tax: Decimal,
}

impl Settled {
    /// Turns the amounts of a plan into dollars.
    ///
    /// # Errors
    /// [`NoExchange`].
    pub fn of(plan: &Plan, resolver: &dyn Resolver) -> Result<Settled, NoExchange> {
        let workload = &plan.workload;
        let mut items = Vec::new();
        for fixed in &workload.fixed {
            for (index, month) in plan.months.iter().enumerate() {
                let day = month.first().max(workload.start);
                let runs = fixed.from < month.next().first() && fixed.to.is_none_or(|to| day < to);
                let once = Month::of(fixed.from) == *month && workload.start <= fixed.from;
                if if fixed.monthly { runs } else { once } {
                    items.push((fixed.name.clone(), index, in_usd(&fixed.cost, &fixed.name, day, resolver)?));
                }
            }
        }
        for feature in &plan.features {
            let named = |o: &OneOff| (format!("{}: {}", feature.feature.name, o.name), o.month, o.usd);
            items.extend(feature.one_offs.iter().map(named));
        }
        let mut groups: Vec<String> = workload.credits.iter().filter_map(|c| c.provider.clone()).collect();
        groups.sort();
        groups.dedup();
        let mut credits = Vec::new();
        for credit in &workload.credits {
            let usd = in_usd(&credit.amount, "a credit", workload.start, resolver)?;
            let group = credit.provider.as_ref().and_then(|p| groups.iter().position(|g| g == p)).map(|g| g + 1);
            let until = credit
                .expires
                .map_or(plan.months.len(), |day| plan.months.iter().take_while(|m| m.first() < day).count());
            credits.push(SettledCredit { usd, group, until });
        }
        // What only some providers take is used up before what all of them do.
        credits.sort_by_key(|c| c.group.is_none());
        let mut fixed = vec![Usd::ZERO; plan.months.len()];
        items.iter().for_each(|(_, month, usd)| fixed[*month] += *usd);
        Ok(Settled { groups, fixed, fixed_items: items, credits, tax: workload.tax })
    }

    /// The group of a stream.
    #[must_use]
    pub(crate) fn group_of(&self, stream: &Stream) -> usize {
        self.groups.iter().position(|g| *g == stream.found.provider.id).map_or(0, |g| g + 1)
    }

    /// Takes credits off draws in nano-dollars, adds what is fixed, and the tax; the sum ends in the first group.
    pub(super) fn apply(&self, groups: &mut [Vec<i64>], months: usize, draws: usize) {
        let nano = |usd: Usd| {
            let nano = usd.amount().saturating_mul(Decimal::from(1_000_000_000)).round();
            i64::try_from(nano).unwrap_or(i64::MAX)
        };
        for draw in 0..draws {
            let mut left: Vec<i64> = self.credits.iter().map(|c| nano(c.usd)).collect();
            for month in 0..months {
                let at = month * draws + draw;
                for (credit, left) in self.credits.iter().zip(&mut left).filter(|(c, _)| month < c.until) {
                    let groups: &mut [Vec<i64>] = match credit.group {
                        Some(group) => &mut groups[group..=group],
                        None => &mut *groups,
                    };
                    for group in groups {
                        let used = group[at].min(*left).max(0);
                        group[at] -= used;
                        *left -= used;
                    }
                }
                let sum = groups.iter().fold(nano(self.fixed[month]), |sum, g| sum.saturating_add(g[at]));
                groups[0][at] = if self.tax.is_zero() { sum } else { self.taxed_nano(sum) };
            }
        }
    }

    fn taxed_nano(&self, nano: i64) -> i64 {
        let billionths = i128::try_from((self.tax * Decimal::from(1_000_000_000)).round()).unwrap_or(0);
        let tax = i128::from(nano) * billionths / 1_000_000_000;
        nano.saturating_add(i64::try_from(tax).unwrap_or(i64::MAX))
    }

    /// Takes credits off exact costs by group and month; what each month keeps of them.
    pub(super) fn credited(&self, costs: &mut [Vec<Usd>], months: usize) -> Vec<Usd> {
        let mut left: Vec<Usd> = self.credits.iter().map(|c| c.usd).collect();
        let mut taken = vec![Usd::ZERO; months];
        for month in 0..months {
            for (credit, left) in self.credits.iter().zip(&mut left).filter(|(c, _)| month < c.until) {
                let groups: &mut [Vec<Usd>] = match credit.group {
                    Some(group) => &mut costs[group..=group],
                    None => &mut *costs,
                };
                for group in groups {
                    let used = group[month].min(*left).max(Usd::ZERO);
                    group[month] = minus(group[month], used);
                    *left = minus(*left, used);
                    taken[month] += used;
                }
            }
        }
        taken
    }
}

/// The difference of two amounts.
#[must_use]
pub(crate) fn minus(a: Usd, b: Usd) -> Usd {
    Usd::new(exact_sum(a.amount(), -b.amount()).unwrap_or_else(|| a.amount() - b.amount()))
}
